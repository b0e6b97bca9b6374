"""Real Airflow on SQLite: feeds are taken over, one cycle runs, and its mail reaches the sink."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import select

from tests.factories import add_mini_storm, write_mini_district
from tests.replays import ROOT, child_environment, mails
from wuyu.ack.book import standings
from wuyu.ack.codes import reply_code
from wuyu.demo import airflow_environment
from wuyu.keys import load_keys
from wuyu.ledger import Ledger, make_ledger, open_ledger
from wuyu.ledger.bounces import Bounce
from wuyu.ledger.tasks import open_tasks
from wuyu.retention.airflow import clean_airflow
from wuyu.service import environment
from wuyu.sink import local_sink

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.xdist_group("dags")]

AIRFLOW = Path(sys.executable).with_name("airflow")


class Airflow:
    """An Airflow of its own: home, database, desk and sink in one temporary folder."""

    def __init__(self, folder: Path, district: Path, host: str, port: int) -> None:
        self.folder, self.out = folder, folder / "out"
        self.variables = child_environment(
            **airflow_environment(folder / "airflow"),
            **environment(district=district, out=self.out, smtp_host=host, smtp_port=port),
            AIRFLOW__LOGGING__LOGGING_LEVEL="ERROR",
            WUYU_REPLY_MAILDIR=str(folder / "replies"),
            WUYU_BOUNCE_MAILDIR=str(folder / "bounces"),
        )
        self.variables.pop("PYTHONDONTWRITEBYTECODE", None)  # brought back by the environment of Airflow
        make_ledger(self.out / "ledger.sqlite")
        self._run("db", "migrate")

    def test(self, dag_id: str, **conf: str) -> None:
        self._run("dags", "test", dag_id, "--conf", json.dumps(conf))

    def ledger(self) -> Ledger:
        return open_ledger(self.out / "ledger.sqlite")

    def _run(self, *arguments: str) -> None:
        ran = subprocess.run(
            [str(AIRFLOW), *arguments], cwd=ROOT, env=self.variables, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{ran.stdout[-3000:]}\n{ran.stderr[-3000:]}"


@pytest.fixture(scope="module")
def begin() -> pd.Timestamp:
    """The hour now: a warning of the past is over, and its mail is not sent any more."""
    return pd.Timestamp.now("UTC").floor("h")


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory, begin: pd.Timestamp) -> Iterator[Airflow]:
    folder = tmp_path_factory.mktemp("run")
    district = add_mini_storm(write_mini_district(folder / "mini"), begin=begin, known_until=begin)
    settings = district / "district.yaml"
    text = settings.read_text(encoding="utf-8")
    text = text.replace("valid_h: 3,", "valid_h: 3, approval_from: red,")
    settings.write_text(text.replace("status: Exercise}", "status: Exercise, authserv_id: mx.mini.example}"), "utf-8")
    with local_sink(folder / "out" / "mailbox") as (host, port):
        yield Airflow(folder, district, host, port)


def test_feeds_then_cycle_then_mail(airflow: Airflow, begin: pd.Timestamp) -> None:
    airflow.test("feeds")
    with airflow.ledger() as ledger:
        assert ledger.outbox() == []
    raw = {path.parent.name for path in (airflow.out / "raw").rglob("*") if path.is_file()}
    assert raw == {"gauges", "ensemble", "patrol"}

    airflow.test("feed_gauges")  # nothing new: skipped, and no second file
    airflow.test("feed_freshness")
    with airflow.ledger() as ledger:
        assert ledger.outbox() == []
    assert len([path for path in (airflow.out / "raw" / "gauges").iterdir() if path.is_file()]) == 1

    airflow.test("warning_cycle", at=f"{begin.tz_convert('Asia/Shanghai'):%Y-%m-%dT%H:%M}")
    with airflow.ledger() as ledger:
        assert [cycle.valid_at for cycle in ledger.cycles("410199")] == [begin.to_pydatetime()]
        assert {(row.action, row.approval_state) for row in ledger.warnings()} == {("NEW", "not_needed")}
        assert ledger.outbox_counts() == {"sent": 3}
    received = mails(airflow.out / "mailbox")
    assert {box: len(box_mails) for box, box_mails in received.items()} == {
        f"town{n}@mini.example": 1 for n in (1, 2, 3)
    }
    assert len(list((airflow.out / "bulletins").glob("*/*.cap.xml"))) == 3

    _lay(airflow.folder / "replies", _reply(airflow))
    _lay(airflow.folder / "bounces", _bounce(airflow))
    airflow.test("returns")
    with airflow.ledger() as ledger:
        (answered,) = [one for one in standings(ledger) if one.received]
        assert answered.received is not None
        assert (answered.received.channel, answered.request.area_code) == ("mail", "410199001")
        with ledger.reading() as session:
            (bounce,) = session.scalars(select(Bounce))
        assert bounce.outcome == "bounced"
        assert any("the address is wrong" in str(task.detail) for task in open_tasks(ledger))
    airflow.test("returns")  # what was read is not read again


def _lay(box: Path, mail: bytes) -> None:
    """Lay a mail into a Maildir."""
    for part in ("tmp", "cur", "new"):
        (box / part).mkdir(parents=True)
    (box / "new" / "1").write_bytes(mail)


def _reply(airflow: Airflow) -> bytes:
    """Return a proven answer of the first town."""
    with airflow.ledger() as ledger:
        (waiting,) = [one for one in standings(ledger) if "town1@mini.example" in one.recipients]
    code = reply_code(load_keys(airflow.out), waiting.request.message_id, "town1@mini.example")
    proof = "Authentication-Results: mx.mini.example; dmarc=pass header.from=mini.example"
    return f"{proof}\r\nFrom: town1@mini.example\r\nSubject: Re\r\n\r\n{code} 收到 王值班\r\n".encode()


def _bounce(airflow: Airflow) -> bytes:
    """Return what a mail server says of the mail to the second town."""
    with airflow.ledger() as ledger:
        (sent,) = [row for row in ledger.outbox() if row.recipient == "town2@mini.example"]
    lines = [
        "From: MAILER-DAEMON@mx.mini.example",
        f"To: {sent.sender}",
        "Subject: Undelivered",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
        "",
        "--b",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.mini.example",
        "",
        "Final-Recipient: rfc822; town2@mini.example",
        "Action: failed",
        "Status: 5.1.1",
        "",
        "--b",
        "Content-Type: text/rfc822-headers",
        "",
        f"Message-ID: {sent.mail_message_id}",
        "",
        "--b--",
        "",
    ]
    return "\r\n".join(lines).encode()


def test_airflow_s_own_runs_and_logs_go_by_its_own_command(airflow: Airflow) -> None:
    """The last test of this file: it takes away what the others made."""

    def left() -> tuple[int, int]:
        with sqlite3.connect(airflow.folder / "airflow" / "airflow.db") as database:
            (runs,) = database.execute("select count(*) from dag_run").fetchone()
        database.close()
        return runs, len(list((airflow.folder / "airflow" / "logs").rglob("*.log")))

    written = airflow.folder / "airflow" / "logs" / "dag_id=feeds" / "attempt=1.log"
    written.parent.mkdir(parents=True)  # `dags test` writes none
    written.write_text("as a task writes it", encoding="utf-8")
    runs, logs = left()
    assert runs > 0
    assert logs > 0
    now = pd.Timestamp.now("UTC").to_pydatetime()
    assert clean_airflow(airflow.variables, days=30, now=now).endswith("0 log files (0.0 MB) removed")
    assert left() == (runs, logs)
    said = clean_airflow(airflow.variables, days=30, now=now + timedelta(days=31))
    assert f"{logs} log files" in said
    assert left() == (0, 0)
