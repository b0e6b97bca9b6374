"""Drafts and issues: the same again changes nothing, a change is a revision, a kill leaves nothing half-written."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from risk_models.errors import ConfigError
from risk_models.outlook.periods import Scope
from tests.replays import ROOT, child_environment
from tests.wuyu.reporting.conftest import NOW
from wuyu.desk import Desk, open_desk
from wuyu.ledger import ReportKey
from wuyu.ledger.reporting import Step, issues, standing
from wuyu.rain import pull_feeds
from wuyu.reporting import close_consultation, draft_report, rebuild, report_at_once, scope_for, write_report
from wuyu.reporting.archive import digests
from wuyu.station import LEDGER_VARIABLE

pytestmark = pytest.mark.xdist_group("storm")

Scopes = Callable[..., Scope]
CHAIR = "王主任"
OPINIONS = [("water", "张工", "加密巡查"), ("交警大队", "李警官", "")]
DOCUMENTS = {f"2021-07-month{lang}.{ending}" for lang in ("", ".en") for ending in ("docx", "pdf", "html")}
KEY = ReportKey("410199", "month", "2021-07")


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _steps(desk: Desk, key: ReportKey = KEY) -> list[str]:
    return [step.what for step in standing(desk.ledger, key).steps]


def test_three_runs_give_the_same_bytes(reporting_district: Path, tmp_path: Path) -> None:
    """Nothing that the clock says gets into a file of an exercise."""
    made = []
    for number in range(3):
        desk = open_desk(reporting_district, tmp_path / f"run{number}")
        with desk.ledger:
            pull_feeds(desk, now=NOW + timedelta(days=number))
            issued = report_at_once(
                desk,
                scope_for(desk, "month", "2021-07", "review"),
                chair=CHAIR,
                opinions=OPINIONS,
                now=NOW + timedelta(days=number, seconds=number),
            )
            made.append(_files(issued.folder))
    assert set(made[0]) == DOCUMENTS | {"statements.json", "as_of.json"}
    assert made[0] == made[1] == made[2]


def test_in_earnest_only_the_declared_times_differ(actual_district: Path, tmp_path: Path) -> None:
    records = []
    for number in range(2):
        desk = open_desk(actual_district, tmp_path / f"run{number}")
        with desk.ledger:
            pull_feeds(desk, now=NOW)
            scope = scope_for(desk, "month", "2021-07", "review")
            folder = report_at_once(desk, scope, chair=CHAIR, now=NOW + timedelta(hours=number)).folder
            records.append(json.loads((folder / "as_of.json").read_text(encoding="utf-8")))
            assert (folder / "statements.json").read_bytes()
    first, second = records
    assert first["digest"] == second["digest"]
    assert datetime.fromisoformat(second["issued_at"]) - datetime.fromisoformat(first["issued_at"]) == timedelta(
        hours=1
    )
    differing = {name for name in first if first[name] != second[name]}
    assert differing <= {"known_at", "issued_at", "consultation", "files", "conclusions"}


def test_draft_then_same_draft_then_issue(desk: Desk, scope: Scopes) -> None:
    first = draft_report(desk, scope(), now=NOW, langs=["zh"])
    assert (first.state, first.draft, first.revision) == ("draft", 1, 0)
    assert {path.name for path in first.paths} == {f"2021-07-month.draft.{end}" for end in ("docx", "pdf", "html")}
    before = _files(first.folder)
    again = draft_report(desk, scope(), now=NOW + timedelta(hours=2), langs=["zh"])
    assert (again.draft, _files(again.folder)) == (1, before)
    assert issues(desk.ledger, desk.code) == []

    issued = close_consultation(desk, scope(), chair=CHAIR, now=NOW + timedelta(hours=3))
    assert (issued.state, issued.revision, issued.mails) == ("issued", 0, 0)
    assert {path.name for path in issued.paths} == {f"2021-07-month.{end}" for end in ("docx", "pdf", "html")}
    assert list((desk.out / "reports").glob("*.draft.*")) == []
    assert _steps(desk) == [Step.DRAFTED, Step.ISSUED]
    (row,) = issues(desk.ledger, desk.code)
    assert {name: product["sha256"] for name, product in row.products.items()} == digests(issued.folder)
    for path in issued.paths:
        assert path.read_bytes() == (issued.folder / path.name).read_bytes()


def test_the_same_inputs_are_no_new_revision(desk: Desk, scope: Scopes) -> None:
    first = report_at_once(desk, scope(), chair=CHAIR, opinions=OPINIONS, now=NOW, langs=["zh"])
    entries = len(desk.ledger.log_entries())
    for path in first.paths[:2]:
        path.unlink()
    again = report_at_once(desk, scope(), chair=CHAIR, opinions=OPINIONS, now=NOW + timedelta(days=1), langs=["zh"])
    assert (first.state, again.state, again.revision) == ("issued", "unchanged", 0)
    assert all(path.is_file() for path in again.paths)
    assert len(desk.ledger.log_entries()) == entries
    assert draft_report(desk, scope(), now=NOW + timedelta(days=1), langs=["zh"]).state == "unchanged"


def test_two_words_of_one_expert_are_no_new_revision_either(desk: Desk, scope: Scopes) -> None:
    opinions = [("water", "张工", "先不同意"), ("水利局", "张工", "同意")]
    states = [
        report_at_once(desk, scope(), chair=CHAIR, opinions=opinions, now=NOW, langs=["zh"]).state for _ in range(2)
    ]
    assert states == ["issued", "unchanged"]


def test_another_consultation_is_a_revision(desk: Desk, scope: Scopes) -> None:
    report_at_once(desk, scope(), chair=CHAIR, now=NOW, langs=["zh"])
    again = report_at_once(desk, scope(), chair="赵副主任", now=NOW, langs=["zh"])
    assert (again.state, again.revision, again.draft) == ("issued", 1, 2)


def _more_rain(desk: Desk) -> None:
    """Bring a gauge table that knows another amount."""
    path = desk.district.root / "feeds" / "gauges.csv"
    table = pd.read_csv(path)
    table.iloc[20, 1:] += 3.0
    table.to_csv(path, index=False)


def test_changed_inputs_are_a_revision_and_the_old_one_is_kept(desk: Desk, scope: Scopes) -> None:
    first = report_at_once(desk, scope(), chair=CHAIR, now=NOW, langs=["zh"])
    kept = _files(first.folder)
    _more_rain(desk)
    pull_feeds(desk, now=NOW + timedelta(hours=1))
    second = report_at_once(desk, scope(), chair=CHAIR, now=NOW + timedelta(hours=2), langs=["zh"])
    assert (second.state, second.revision) == ("issued", 1)
    assert _files(first.folder) == kept
    assert _files(second.folder)["2021-07-month.html"] != kept["2021-07-month.html"]
    assert (desk.out / "reports" / "2021-07-month.html").read_bytes() == _files(second.folder)["2021-07-month.html"]
    assert [row.revision for row in issues(desk.ledger, desk.code)] == [0, 1]


def test_what_arrives_later_changes_nothing_of_an_issued_report(desk: Desk, scope: Scopes, tmp_path: Path) -> None:
    first = report_at_once(desk, scope(), chair=CHAIR, opinions=OPINIONS, now=NOW, langs=["zh"])
    _more_rain(desk)
    pull_feeds(desk, now=NOW + timedelta(hours=1))
    assert rebuild(desk, scope(), 0, tmp_path / "again") == digests(first.folder)
    with pytest.raises(ConfigError, match="no whole revision 3 of month 2021-07"):
        rebuild(desk, scope(), 3, tmp_path / "none")


def test_a_draft_whose_inputs_were_lost_is_not_issued(desk: Desk, scope: Scopes) -> None:
    draft_report(desk, scope(), now=NOW, langs=["zh"])
    cycle = desk.ledger.cycles(desk.code)[7]
    path, other = (desk.out / one.risk_paths["parquet"] for one in (cycle, desk.ledger.cycles(desk.code)[8]))
    shutil.copy(other, path)
    with pytest.raises(ConfigError, match="month 2021-07: what draft 1 stood on has changed or was lost"):
        close_consultation(desk, scope(), chair=CHAIR, now=NOW)
    assert issues(desk.ledger, desk.code) == []


def test_an_outlook_does_not_see_its_own_period(desk: Desk, scope: Scopes) -> None:
    made = report_at_once(desk, scope(edition="outlook"), chair=CHAIR, now=NOW, langs=["zh"])
    assert made.folder.name == "r0"
    assert made.folder.parent.name == "2021-07-outlook"
    record = json.loads((made.folder / "as_of.json").read_text(encoding="utf-8"))
    assert record["as_of"] == "2021-06-28T01:00:00+00:00"
    assert "risk_tables_0" in record["inputs"]
    statements = json.loads((made.folder / "statements.json").read_text(encoding="utf-8"))
    assert statements["span"] == {"key": "2021-07", "kind": "month"}


def test_the_review_reads_the_statements_of_the_outlook(desk: Desk, scope: Scopes) -> None:
    report_at_once(desk, scope(edition="outlook"), chair=CHAIR, now=NOW, langs=["zh"])
    made = report_at_once(desk, scope(), chair=CHAIR, now=NOW + timedelta(hours=1), langs=["zh"])
    record = json.loads((made.folder / "as_of.json").read_text(encoding="utf-8"))
    outlook = digests(made.folder.parent.parent / "2021-07-outlook" / "r0")["statements.json"]
    assert record["inputs"]["earlier_statements"] == outlook


@pytest.mark.parametrize(
    ("kind", "key", "edition"),
    [("quarter", "2021-Q3", "review"), ("flood-season", "2021", "review"), ("year", "2021", "review"),
     ("period", "fair", "review"), ("period", "fair", "outlook"), ("year", "2022", "outlook")],
)  # fmt: skip
def test_every_kind_and_edition(desk: Desk, kind: str, key: str, edition: str) -> None:
    made = write_report(desk, kind, key, edition=edition, now=NOW, langs=["zh"])  # type: ignore[arg-type]
    assert made.state == "issued"
    assert len(made.paths) == 3
    assert made.folder.relative_to(desk.out / "reports").parts[0] == kind


def test_without_any_cycle_a_report_is_written(quiet_desk: Desk) -> None:
    made = write_report(quiet_desk, "month", "2021-06", now=NOW)
    assert made.state == "issued"
    assert all(path.stat().st_size > 500 for path in made.paths)


def test_a_period_that_is_not_over_is_not_reviewed(quiet_desk: Desk) -> None:
    with pytest.raises(ConfigError, match=r"January 2100 is not over before 2100-02-01 00:00.*--edition outlook"):
        write_report(quiet_desk, "month", "2100-01", now=NOW)


@pytest.mark.parametrize(
    ("kind", "key", "accepted"),
    [("month", "2021", "YYYY-MM"), ("month", "2021-13", "YYYY-MM"), ("quarter", "2021-5", "YYYY-Q1 to YYYY-Q4"),
     ("year", "MMXXI", "YYYY"), ("period", "expo", "known: fair")],
)  # fmt: skip
def test_a_wrong_key_names_what_is_accepted(quiet_desk: Desk, kind: str, key: str, accepted: str) -> None:
    with pytest.raises(ConfigError, match=accepted):
        write_report(quiet_desk, kind, key, now=NOW)  # type: ignore[arg-type]


def test_issued_and_mailed_once_whatever_holds_the_ledger(
    ledger_url: str | Path, reporting_district: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LEDGER_VARIABLE, str(ledger_url))
    desk = open_desk(reporting_district, tmp_path / "out")
    with desk.ledger:
        july = scope_for(desk, "month", "2021-07", "review")
        at = july.issued_at + timedelta(hours=2)
        made = [report_at_once(desk, july, chair=CHAIR, now=at, mail=True, langs=["zh"]) for _ in range(2)]
        other = report_at_once(desk, july, chair="赵副主任", now=at, mail=True, langs=["zh"])
        assert [(one.state, one.revision, one.mails) for one in (*made, other)] == [
            ("issued", 0, 4), ("unchanged", 0, 0), ("issued", 1, 4),
        ]  # fmt: skip
        assert [row.revision for row in issues(desk.ledger, desk.code)] == [0, 1]
        assert len({row.mail_message_id for row in desk.ledger.outbox()}) == 8


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
import wuyu.reporting.issue as issue
from wuyu.desk import open_desk
from wuyu.reporting import report_at_once, scope_for

def end(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

step = sys.argv[3]
if step == "files":
    issue.digests = end
    write = issue.write_report_files
    def half(folder, *given, **more):
        (folder / "half.docx").write_bytes(b"half")
        end()
    issue.write_report_files = half
elif step == "ledger":
    issue.add_issue = end
else:
    issue.Archive.show = end
desk = open_desk(Path(sys.argv[1]), Path(sys.argv[2]))
report_at_once(desk, scope_for(desk, "month", "2021-07", "review"), chair="王主任", langs=["zh"],
               now=datetime(2100, 1, 5, 3, tzinfo=UTC))
"""


@pytest.mark.parametrize(("step", "rows"), [("files", 0), ("ledger", 0), ("copies", 1)])
def test_killed_and_started_again(desk: Desk, scope: Scopes, step: str, rows: int) -> None:

    command = [sys.executable, "-c", KILLED, str(desk.district.root), str(desk.out), step]
    ran = subprocess.run(command, cwd=ROOT, env=child_environment(), capture_output=True, text=True, check=False)
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    assert len(issues(desk.ledger, desk.code)) == rows
    assert list((desk.out / "reports").glob("*.docx")) == []
    assert (desk.out / "reports" / "month" / "2021-07" / "r0").exists() is (step != "files")

    made = report_at_once(desk, scope(), chair=CHAIR, langs=["zh"], now=NOW + timedelta(hours=1))
    assert (made.state, made.revision) == ("unchanged" if rows else "issued", 0)
    (row,) = issues(desk.ledger, desk.code)
    assert {name: product["sha256"] for name, product in row.products.items()} == digests(made.folder)
    assert all(path.is_file() for path in made.paths)
    assert [path.name for path in made.folder.parent.iterdir() if path.name.endswith(".part")] == []
