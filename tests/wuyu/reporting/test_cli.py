"""The verbs: draft, consult, issue, list; what each says, in words and in JSON, and with which status it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from wuyu.cli import main
from wuyu.cli.reports import _told
from wuyu.desk import Desk
from wuyu.ledger import ReportKey, open_ledger
from wuyu.ledger.places import make_ledger_of
from wuyu.ledger.tasks import open_tasks
from wuyu.reporting import Made

Run = Callable[..., tuple[int, str, str]]
JULY = ("month", "2021-07")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], reporting_district: Path, tmp_path: Path) -> Run:
    """Run one verb of reports on a folder of products without any cycle."""

    make_ledger_of(tmp_path / "out")

    def call(*arguments: str) -> tuple[int, str, str]:
        place = ["--district", str(reporting_district), "--out", str(tmp_path / "out")]
        status = main(["report", *arguments, *place])
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def test_draft_consult_issue_list(run: Run, tmp_path: Path) -> None:
    assert run("list")[1] == "no report yet; write one with: wuyu report month YYYY-MM\n"
    status, out, err = run(*JULY, "--lang", "zh")
    assert status == 0
    assert "month 2021-07: draft 1; decide with: wuyu report consult" in out
    assert "reports/month/2021-07/draft" in out
    assert "2021-07-month.draft.docx" in out
    assert "report month 2021-07: 100%" in err

    assert run("consult", *JULY, "--open", "--deadline-h", "2")[0] == 0
    status, out, _ = run("list")
    assert out.startswith("draft 1 of month 2021-07: opened until ")
    status, out, _ = run("consult", *JULY, "--opinion", "water|张工|加密巡查")
    assert "opinion 张工 water 张工 加密巡查" in out
    status, out, _ = run("consult", *JULY, "--issue", "--chair", "王主任", "--mail", "--json")
    facts = json.loads(out)
    assert (status, facts["state"], facts["revision"], facts["mails"]) == (0, "issued", 0, 0)
    assert {Path(path).name for path in facts["paths"]} == {f"2021-07-month.{end}" for end in ("docx", "pdf", "html")}
    assert (tmp_path / "out" / facts["folder"] / "as_of.json").is_file()
    assert run("list")[1] == "issued month 2021-07 r0 2021-08-01 09:00\n"
    listed = json.loads(run("list", "--json")[1])
    assert [row["period"] for row in listed["issued"]] == ["2021-07"]
    steps = json.loads(run("consult", *JULY, "--json")[1])["steps"]
    assert [step["what"] for step in steps] == ["drafted", "opened", "opinion", "issued"]


@pytest.mark.parametrize(("mails", "said"), [(0, "0 mails queued"), (1, "1 mail queued"), (2, "2 mails queued")])
def test_mails_are_counted_in_words(
    quiet_desk: Desk, capsys: pytest.CaptureFixture[str], mails: int, said: str
) -> None:
    key = ReportKey(quiet_desk.code, "month", "2021-08-outlook")
    made = Made(key=key, state="issued", revision=0, draft=1, folder=quiet_desk.out / "r0", paths=(), mails=mails)
    assert _told(quiet_desk, made, as_json=False) == 0
    assert f"month 2021-08-outlook: issued as revision 0, {said}\n" in capsys.readouterr().out
    _told(quiet_desk, replace(made, state="draft"), as_json=False)
    assert "decide with: wuyu report consult month 2021-08 --edition outlook\n" in capsys.readouterr().out


def test_all_at_once_and_again(run: Run) -> None:
    arguments = (*JULY, "--lang", "zh", "--issue", "--chair", "王主任", "--opinion", "police|李警官|同意")
    assert "issued as revision 0, 0 mails queued" in run(*arguments)[1]
    assert "unchanged: revision 0 was issued from the same inputs" in run(*arguments)[1]


def test_sent_back_and_lapsed(run: Run, tmp_path: Path) -> None:
    run("period", "fair", "--edition", "outlook", "--lang", "zh")
    status, out, _ = run(
        "consult", "period", "fair", "--edition", "outlook", "--send-back", "重写", "--chair", "王主任"
    )
    assert status == 0
    assert "draft 1 sent_back 王主任 重写" in out
    run("period", "fair", "--edition", "outlook", "--lang", "zh")
    run("consult", "period", "fair", "--edition", "outlook", "--open", "--deadline-h", "0.00001")
    assert "nobody decided in time" in run("consult", "--lapse")[1]
    with open_ledger(tmp_path / "out" / "ledger.sqlite") as ledger:
        (task,) = open_tasks(ledger)
        assert "wuyu report consult period fair --edition outlook" in task.detail["task"]
        assert ledger.outbox() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*JULY, "--issue"), "an issue needs the name of who signs it: --chair NAME"),
        ((*JULY, "--mail"), "--chair, --opinion and --mail go with --issue"),
        ((*JULY, "--issue", "--chair", "王", "--opinion", "同意"), "must read DEPARTMENT|EXPERT|TEXT, got '同意'"),
        ((*JULY, "--issue", "--chair", "王", "--opinion", "fire|张|同意"), "accepted: water (水利局), police"),
        (("quarter", "2021-07"), "quarter must read YYYY-Q1 to YYYY-Q4, got '2021-07'"),
        (("flood-season", "汛期"), "flood-season must read YYYY, got '汛期'"),
        (("period", "expo"), "has no 'expo'; known: fair"),
        (("consult",), "say which report: KIND and KEY"),
        (("consult", *JULY, "--issue", "--chair", "王"), "there is no open draft (none was made)"),
        (("consult", *JULY, "--open"), "there is no open draft (none was made)"),
    ],
)
def test_wrong_use_is_named_and_ends_with_2(run: Run, arguments: tuple[str, ...], said: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert said in err
