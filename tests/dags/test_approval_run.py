"""Real Airflow with scheduler and API: a cycle waits, nobody answers, the next officer decides through the API."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import update

from tests.factories import add_mini_storm, write_mini_district
from tests.patience import until as patiently
from tests.replays import ROOT, child_environment, mails, now
from wuyu.approval.rounds import OPTIONS
from wuyu.demo import airflow_environment
from wuyu.desk import begin_desk
from wuyu.ledger import Approval, Ledger, open_ledger
from wuyu.ledger.models import WarningRow
from wuyu.rain import pull_feeds
from wuyu.service import environment
from wuyu.sink import local_sink

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.xdist_group("dags")]

# So long that no machine is too busy to be in time; that it has passed is an event that the test brings about.
WARNING = (
    "valid_h: 3, approval_from: blue, approval_deadline_min: {red: 150}, duty_chain: ["
    "{name: 李明, phone: 0371-66660001, mailbox: duty1@mini.example}, "
    "{name: 王芳, phone: 0371-66660002, mailbox: duty2@mini.example}],"
)
_, _, SOME, _, _ = OPTIONS


class Airflow:
    """Scheduler, parser and API server of one Airflow, ended together."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        self.log = folder / "airflow.log"
        self.out = folder / "out"
        self.database = folder / "airflow" / "airflow.db"
        self._token = ""
        ours = {
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.database}",
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.base}/execution/",
            "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "1",
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        }
        self.variables = child_environment(**(airflow_environment(folder / "airflow") | variables | ours))
        self.variables.pop("PYTHONDONTWRITEBYTECODE", None)  # brought back by the environment of Airflow

    def __enter__(self) -> Airflow:
        airflow = Path(sys.executable).with_name("airflow")
        subprocess.run([airflow, "db", "migrate"], cwd=ROOT, env=self.variables, capture_output=True, check=True)
        services = "".join(
            f"{shlex.quote(str(airflow))} {service} & " for service in ("api-server", "scheduler", "dag-processor")
        )
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", f"{services} wait"],
                cwd=ROOT,
                env=self.variables,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        _end_group(self._process)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask the API; None for what is not there yet, or met Airflow's own SQLite locked: ask again."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        request = urllib.request.Request(f"{self.base}{path}", data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            said = error.read().decode()
            if error.code in (401, 404) or (error.code == 500 and '"Database error"' in said):
                return None
            raise AssertionError(f"{method} {path}: {error.code} {said}") from error
        except (urllib.error.URLError, OSError):
            return None

    def sign_in(self) -> bool:
        """Fetch a token; False while the server is not there."""
        answer = self.call("GET", "/auth/token")
        self._token = answer["access_token"] if answer else ""
        return bool(self._token)

    def runs(self, dag_id: str) -> dict[str, str]:
        """Return the state of each run of a DAG."""
        answer = self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns?order_by=run_after") or {"dag_runs": []}
        return {run["dag_run_id"]: run["state"] for run in answer["dag_runs"]}

    def request_of(self, run_id: str) -> dict[str, Any] | None:
        """Return what a round of approval shows."""
        found: dict[str, Any] | None = self.call("GET", self.form(run_id))
        return found

    def waits(self, dag_id: str, run_id: str) -> bool:
        """Return True once a task waits for its answer; what comes before is taken for a fault, and asked again."""
        asking = self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/ask")
        return bool(asking) and asking["state"] in ("awaiting_input", "deferred")

    def let_time_run_out(self, run_id: str) -> bool:
        """Set the end of waiting for an answer into the past; False while nothing waits."""
        past = (datetime.now(UTC) - timedelta(seconds=1)).strftime("%Y-%m-%d %H:%M:%S.%f")
        with contextlib.closing(sqlite3.connect(self.database, timeout=300)) as connection, connection:
            changed = connection.execute(
                "UPDATE task_instance SET trigger_timeout = ? "
                "WHERE run_id = ? AND task_id = 'ask' AND state = 'awaiting_input'",
                (past, run_id),
            )
            return changed.rowcount == 1

    @staticmethod
    def form(run_id: str) -> str:
        return f"/api/v2/dags/approval/dagRuns/{run_id}/taskInstances/ask/-1/hitlDetails"

    def ledger(self) -> Ledger:
        return open_ledger(self.out / "ledger.sqlite")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    for end, patience_s in ((signal.SIGTERM, 30.0), (signal.SIGKILL, 300.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, end)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)


@pytest.fixture(scope="module")
def begin() -> pd.Timestamp:
    """The hour now: a warning of the past is over, and its mail is not sent any more."""
    return pd.Timestamp.now("UTC").floor("h")


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory, begin: pd.Timestamp) -> Iterator[Airflow]:
    folder = tmp_path_factory.mktemp("approval")
    district = add_mini_storm(write_mini_district(folder / "mini"), begin=begin, known_until=begin)
    settings = district / "district.yaml"
    text = settings.read_text(encoding="utf-8")
    assert "valid_h: 3," in text
    settings.write_text(text.replace("valid_h: 3,", WARNING), encoding="utf-8")
    desk = begin_desk(district, folder / "out")
    pull_feeds(desk, now=now())
    desk.ledger.close()
    with local_sink(folder / "out" / "mailbox") as (host, port):
        variables = environment(district=district, out=folder / "out", smtp_host=host, smtp_port=port)
        with Airflow(folder, variables) as running:
            yield running


def test_cycle_waits_nobody_answers_the_next_officer_decides_through_the_api(
    airflow: Airflow, begin: pd.Timestamp
) -> None:
    def until(what: str, done: Callable[[], Any]) -> Any:
        return patiently(what, done, every_s=0.5, log=lambda: airflow.log.read_text(errors="replace"))

    until("the API", airflow.sign_in)
    until("the DAGs", lambda: airflow.call("GET", "/api/v2/dags/approval"))
    until("the DAG of the cycle", lambda: airflow.call("PATCH", "/api/v2/dags/warning_cycle", {"is_paused": False}))
    at = f"{begin.tz_convert('Asia/Shanghai'):%Y-%m-%dT%H:%M}"
    body = {"logical_date": None, "conf": {"at": at}}
    until("a run of the cycle", lambda: airflow.call("POST", "/api/v2/dags/warning_cycle/dagRuns", body))

    # A run of its own asks; the cycle itself ends, so that the next hour is not held up.
    first = until("the first round", lambda: next(iter(airflow.runs("approval")), ""))
    assert first.startswith(f"approval__410199__{begin:%Y%m%dT}")
    assert first.endswith("__1"), "named by the minute of the decision, and the round"
    shown = until("its request", lambda: airflow.request_of(first))
    assert until("the cycle", lambda: set(airflow.runs("warning_cycle").values()) & {"success", "failed"}) == {
        "success"
    }
    assert shown["options"] == list(OPTIONS)
    assert shown["subject"].startswith("【请签发 Approve】试验区")
    assert "李明" in shown["body"]
    assert "Mini Town 1" in shown["body"]
    assert set(shown["params"]) == {"officer", "numbers", "note_zh", "note_en", "why"}
    with airflow.ledger() as ledger:
        waiting = [row.message_id for row in ledger.warnings(approval=Approval.WAITING)]
        assert len(waiting) == 3
        assert {row.message_id for row in ledger.outbox()} & set(waiting) == set()

    # Nobody answers, and the time is over: the second officer is called, and a second round asks.
    with airflow.ledger() as ledger, ledger.decide(now=now(), who="test") as decision:
        decision.session.execute(update(WarningRow).values(approval_due_at=now() - timedelta(seconds=1)))
    until("the end of the first round's time", lambda: airflow.let_time_run_out(first))
    second = first.removesuffix("1") + "2"
    shown = until("the second round", lambda: airflow.request_of(second))
    assert "王芳" in shown["body"]
    with airflow.ledger() as ledger:
        assert len(ledger.warnings(approval=Approval.WAITING)) == 3
        called = [entry.detail["name"] for entry in ledger.log_entries() if entry.what == "approval-called"]
        assert called == ["李明"] * 3 + ["王芳"] * 3
        assert [entry.what for entry in ledger.log_entries()].count("approval-overdue") == 3

    # She approves the first and refuses the others.
    form = {"officer": "王芳", "numbers": "1", "note_zh": "<b>隧道已封闭</b>", "note_en": "", "why": "雨量站故障"}
    answer = {"chosen_options": [SOME], "params_input": form}
    given = 0

    def ended() -> bool:
        """Answer as soon as the task waits for it, and again if asked again."""
        nonlocal given
        shown = airflow.request_of(second)
        if shown and not shown["response_received"] and airflow.waits("approval", second):
            taken = airflow.call("PATCH", airflow.form(second), answer)
            assert taken is None or taken["chosen_options"] == [SOME]
            given += taken is not None
        return airflow.runs("approval").get(second) in ("success", "failed")

    assert until("the end", ended)
    assert given >= 1
    assert airflow.runs("approval") == {first: "success", second: "success"}
    with airflow.ledger() as ledger:
        rows = {row.message_id: row for row in ledger.warnings()}
        states = [(row.approval_state, row.approved_by) for row in rows.values()]
        assert sorted(states) == [("approved", "王芳")] + [("refused", "王芳")] * 2
        settled = [
            entry.what for entry in ledger.log_entries() if entry.what in ("warning-approved", "warning-refused")
        ]
        assert sorted(settled) == ["warning-approved"] + ["warning-refused"] * 2
        approved = next(row for row in rows.values() if row.approval_state == Approval.APPROVED)
        sent = [row.recipient for row in ledger.outbox(message_id=approved.message_id)]
        assert {row.message_id for row in ledger.outbox()} & set(rows) == {approved.message_id}
        assert {row.state for row in ledger.outbox()} == {"sent"}
        assert approved.approved_at is not None
        assert approved.approved_at - approved.issued_at < timedelta(hours=2)
    boxes = mails(airflow.out / "mailbox")
    assert set(boxes) == {"duty1@mini.example", "duty2@mini.example", *sent}
    assert "值班员补充：<b>隧道已封闭</b>" in boxes[sent[0]][0].get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "&lt;b&gt;隧道已封闭" in boxes[sent[0]][0].get_body(("html",)).get_content()  # type: ignore[union-attr]
