"""Real Airflow with scheduler and API: an issued report is mailed once; sent back or unanswered, none is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest

from tests.dags.test_approval_run import Airflow
from tests.factories import write_mini_district
from tests.patience import until as patiently
from tests.replays import mails, now
from wuyu.desk import begin_desk
from wuyu.ledger import ReportKey
from wuyu.ledger.places import make_ledger_of
from wuyu.ledger.reporting import Step, issues, standing
from wuyu.ledger.tasks import open_tasks
from wuyu.reporting import FIELDS, OPTIONS, draft_report, open_consultation, scope_for
from wuyu.service import environment
from wuyu.sink import local_sink

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.xdist_group("dags")]

ISSUE, SEND_BACK, _, _ = OPTIONS
ENDS = {"success", "failed"}
DEPARTMENTS = """\
reports:
  departments:
    - {id: water, name: {zh: 水利局, en: Water Bureau}, mailbox: water@mini.example}
"""


@pytest.fixture(scope="module")
def month() -> pd.Period:
    """Two months ago: the calendar asks for it no more, but its report is new enough to be mailed."""
    return pd.Timestamp.now("Asia/Shanghai").tz_localize(None).to_period("M") - 2


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory, month: pd.Period) -> Iterator[Airflow]:
    folder = tmp_path_factory.mktemp("reports")
    district = write_mini_district(folder / "mini")
    with (district / "district.yaml").open("a", encoding="utf-8") as settings:
        settings.write(DEPARTMENTS)
    make_ledger_of(folder / "out")
    with local_sink(folder / "out" / "mailbox") as (host, port):
        variables = environment(district=district, out=folder / "out", smtp_host=host, smtp_port=port)
        with Airflow(folder, variables) as running:
            yield running


def _has_looked(airflow: Airflow, dag_id: str) -> bool:
    """Return True once every run has looked for what is due; in the first days of a month there may be something."""
    runs = airflow.runs(dag_id)
    looks = [airflow.call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run}/taskInstances/which") for run in runs]
    return bool(runs) and all(look and look["state"] in ("success", "skipped") for look in looks)


def _form(dag_id: str, run_id: str) -> str:
    return f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/ask/-1/hitlDetails"


def test_issued_and_mailed_once_sent_back_or_unanswered_nothing(airflow: Airflow, month: pd.Period) -> None:
    def until(what: str, done: Callable[[], Any]) -> Any:
        return patiently(what, done, every_s=0.5, log=lambda: airflow.log.read_text(errors="replace"))

    def start(dag_id: str, key: str, first: Callable[[], None] = lambda: None) -> str:
        """Switch a DAG on, let the run of its last date look for what is due, and start one by hand."""
        until(dag_id, lambda: airflow.call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False}))
        until(f"the last date of {dag_id}", lambda: _has_looked(airflow, dag_id))
        first()
        body = {"logical_date": None, "conf": {"key": key}}
        made = until(f"a run of {dag_id}", lambda: airflow.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body))
        return str(made["dag_run_id"])

    def answer(dag_id: str, choice: str, **fields: str) -> str:
        """Answer until the run ends: what comes in the first moment Airflow takes for a fault, and asks again."""
        form, run_id = _form(dag_id, runs[dag_id]), runs[dag_id]
        given = {"chosen_options": [choice], "params_input": dict.fromkeys(FIELDS, "") | fields}

        def ended() -> str:
            asked = airflow.call("GET", form)
            if asked and not asked["response_received"] and airflow.waits(dag_id, run_id):
                airflow.call("PATCH", form, given)
            return airflow.runs(dag_id).get(run_id, "") if airflow.runs(dag_id).get(run_id) in ENDS else ""

        return str(until(f"the end of {dag_id}", ended))

    def end(dag_id: str, run_id: str) -> str:
        return str(until(f"the end of {dag_id}", lambda: ENDS & {airflow.runs(dag_id).get(run_id, "")}).pop())

    until("the API", airflow.sign_in)
    quarter = month.asfreq("Q") - 1
    keys = {"report_month": str(month), "report_quarter": f"{quarter.year}-Q{quarter.quarter}"}
    runs = {dag_id: start(dag_id, key) for dag_id, key in keys.items()}

    # The chair sees the conclusions and where the files are, and issues it with an opinion.
    form = _form("report_month", runs["report_month"])
    shown = until("the consultation on the month", lambda: airflow.call("GET", form))
    assert shown["options"] == list(OPTIONS)
    assert shown["subject"].startswith(f"【会商 Consult】试验区{month.year}年{month.month}月")
    assert f"reports/month/{month}/draft/{month}-month.docx" in shown["body"]
    assert answer("report_month", ISSUE, chair="王主任", opinions="water|张工|加密巡查") == "success"

    # The quarter is sent back.
    assert answer("report_quarter", SEND_BACK, chair="王主任", why="缺少转移人数") == "success"

    # Nobody answers on the outlook: it was put to consultation by hand, and its time is over when it is asked about.
    def put_to_consultation() -> None:
        desk = begin_desk(district, airflow.out)
        with desk.ledger:
            outlook = scope_for(desk, "month", str(month + 1), "outlook")
            draft_report(desk, outlook, now=now())
            open_consultation(desk, outlook, now=now(), deadline_h=0.001)

    district = airflow.out.parent / "mini"
    runs["report_month_outlook"] = start("report_month_outlook", str(month + 1), put_to_consultation)
    assert end("report_month_outlook", runs["report_month_outlook"]) == "success"

    with airflow.ledger() as ledger:
        (issued,) = issues(ledger, "410199")
        assert (issued.kind, issued.period, issued.revision) == ("month", str(month), 0)
        sent_back = standing(ledger, ReportKey("410199", "quarter", keys["report_quarter"]))
        assert (sent_back.state, sent_back.steps[-1].detail["why"]) == (Step.SENT_BACK, "缺少转移人数")
        unanswered = standing(ledger, ReportKey("410199", "month", f"{month + 1}-outlook"))
        assert unanswered.state is Step.UNANSWERED
        (task,) = open_tasks(ledger)
        assert f"wuyu report consult month {month + 1} --edition outlook" in task.detail["task"]
        rows = ledger.outbox()
        assert {row.message_id for row in rows} == {f"410199-report-month-{month}.r0"}
        assert {row.state for row in rows} == {"sent"}
    boxes = mails(airflow.out / "mailbox")
    expected = {*(f"town{number}@mini.example" for number in (1, 2, 3)), "water@mini.example"}
    assert {box: len(received) for box, received in boxes.items()} == dict.fromkeys(expected, 1)
    assert (airflow.out / "reports" / f"{month}-month.html").read_text(encoding="utf-8").count("王主任") >= 1
    assert list((airflow.out / "reports").glob("*.draft.*")) != []

    # The same report again: nobody is asked, nothing is issued, nothing is mailed.
    again = start("report_month", str(month))
    assert end("report_month", again) == "success"
    assert not airflow.call("GET", _form("report_month", again))
    with airflow.ledger() as ledger:
        assert len(issues(ledger, "410199")) == 1
        assert len(ledger.outbox()) == 4
    assert [path for path in (airflow.out / "reports").rglob("*") if path.name.endswith(".part")] == []
