"""Make the corpus anew: ledgers as releases of this project wrote them, each by its own code.

    python tests/wuyu/ledger/make_corpus.py

takes each release from git into a folder of its own and runs this file there with ``--write``. Needs the whole history;
the tests need only the files in ``corpus/``.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import os
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CORPUS = HERE / "corpus"
ROOT = HERE.parents[2]

#: Every commit whose tables differed from those before; ``a+b`` was begun by a and gone on with by b.
RELEASES = (
    "aa675d0",
    "7d1829d",
    "f15f834",
    "47c1c8d",
    "fc30074",
    "8ed29fb",
    "220769a",
    "aa675d0+220769a",
    "8ed29fb+220769a",
)

AT = datetime(2021, 7, 20, 9, tzinfo=UTC)
WALL = datetime(2026, 1, 1, tzinfo=UTC)
DISTRICT = "410103"
EVENT = "410103-20210719T1200Z"


def make_all() -> None:
    """Write ``corpus/RELEASE.sqlite.gz`` for every release."""
    CORPUS.mkdir(exist_ok=True)
    for release in RELEASES:
        with tempfile.TemporaryDirectory() as folder:
            ledger = Path(folder) / "ledger.sqlite"
            for number, commit in enumerate(release.split("+")):
                _run_release(commit, Path(folder) / commit, ledger, hours=number)
            with closing(sqlite3.connect(ledger)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            packed = gzip.compress(ledger.read_bytes(), mtime=0)
        (CORPUS / f"{release}.sqlite.gz").write_bytes(packed)
        sys.stdout.write(f"{release}: {len(packed)} bytes\n")


def _run_release(commit: str, tree: Path, ledger: Path, *, hours: int) -> None:
    command = ["git", "-C", str(ROOT), "archive", commit, "wuyu", "risk_models"]
    packed = subprocess.run(command, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(tree, filter="data")
    environment = os.environ | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    program = [sys.executable, str(Path(__file__).resolve()), "--write", str(ledger), "--hours", str(hours)]
    subprocess.run(program, cwd=tree, env=environment, check=True)


# What runs with the code of a release


def write(path: Path, at: datetime, mark: str) -> None:
    """Fill a ledger with one event: warnings, approvals, mail in every state, and what the release knows beside."""
    from wuyu.ledger import open_ledger

    with open_ledger(path) as ledger:
        _decide(ledger, at, mark)
        _deliver(ledger, mark)
        _settle(ledger, at, mark)
        if importlib.util.find_spec("wuyu.ledger.tasks"):
            _tasks(ledger, at)
        if importlib.util.find_spec("wuyu.ledger.acknowledgements"):
            _ask_and_answer(ledger, at, mark)
        if importlib.util.find_spec("wuyu.ledger.bounces"):
            _bounce(ledger, at, mark)
        _reports(ledger, at, mark)
        _feeds(ledger, at, mark)


def _record(area: str, at: datetime, mark: str) -> Any:
    from risk_models.levels import Level
    from risk_models.warning.records import Action, WarningRecord

    return WarningRecord(
        event_key=EVENT + mark, warning_id=f"{EVENT}{mark}-{area}", revision=0, action=Action.NEW, area_code=area,
        level=Level.RED, previous_level=Level.NONE, issued_at=at, valid_from=at, valid_to=at + timedelta(hours=6),
        hotspot_ids=("EQ-002", "EQ-001"), signal=Level.ORANGE, reason_zh="京广路隧道预计积水 1.2 米",
        reason_en="1.2 m of water expected in the tunnel",
    )  # fmt: skip


def _mail(record: Any, recipient: str, at: datetime) -> Any:
    from wuyu.delivery.message import MailContent, MailHead, build_mail

    head = MailHead(
        message_id=record.message_id, sender="二七区防汛值班室 <duty@erqi.example>", recipient=recipient,
        decided_at=at, status="Exercise",
    )  # fmt: skip
    return build_mail(MailContent(subject="红色预警 建中街", text="立即转移\n", html="<p>转移</p>"), head)


def _decide(ledger: Any, at: datetime, mark: str) -> None:
    cycle = ledger.begin_cycle(DISTRICT, at)
    with ledger.decide(now=at, cycle=cycle) as decision:
        for number, area in enumerate(("410103001", "410103002", "410103003")):
            record = _record(area, at, mark)
            decision.warn(record, approval_due_at=at + timedelta(minutes=10) if number else None)
            path = f"bulletins/{area}.html"
            decision.bulletin(record.message_id, area, {"html": {"path": path, "sha256": f"{number}" * 64}})
            names = [f"{name}{number}@town.example" for name in "abcdefg"]
            common = {"expires_at": at + timedelta(hours=6), "priority": 4, "event_key": EVENT + mark}
            first = decision.queue(_mail(record, names[0], at), **common)
            decision.queue(_mail(record, names[1], at), **common, stands_in_for=first)
            for name in names[2:]:
                decision.queue(_mail(record, name, at), **common)
        decision.finish_cycle(
            inputs={"gauges": "1" * 64}, risk_paths={"parquet": "risk/a.parquet"}, ladder_step=2,
            summary={"red": 3}, warning_states={"states": []}, event_key=EVENT + mark,
        )  # fmt: skip


def _deliver(ledger: Any, mark: str) -> None:
    """Leave rows of the first warning sent, failed, to be tried again, unclear, claimed and untouched."""
    from wuyu.ledger import OutboxState
    from wuyu.ledger.outbox import Result, claim, record

    rows = [row for row in ledger.outbox() if row.event_key == EVENT + mark and row.state == OutboxState.PENDING]
    ends = [OutboxState.SENT, OutboxState.FAILED, OutboxState.RETRY, OutboxState.AMBIGUOUS, None]
    for row, end in zip(rows, ends, strict=False):
        held = claim(ledger, row.id, owner="relay-1", wall=WALL, lease=timedelta(minutes=5))
        if end is None:
            continue  # a relay has it in its hands
        retry_at = WALL + timedelta(minutes=1) if end == OutboxState.RETRY else None
        record(
            ledger, held, Result(state=end, stage="data", code=250, text=f"said {end}", retry_at=retry_at), wall=WALL
        )


def _settle(ledger: Any, at: datetime, mark: str) -> None:
    signed, refused = (_record(area, at, mark).message_id for area in ("410103002", "410103003"))
    ledger.approve(signed, officer="李明", now=at + timedelta(minutes=2))
    ledger.refuse(refused, officer="王芳", now=at + timedelta(minutes=3), why="雨量站故障")


def _tasks(ledger: Any, at: datetime) -> None:
    from wuyu.ledger.tasks import OPERATOR_TASK, open_tasks, settle_task

    for text in ("telephone the town", "mend the address"):
        ledger.log(OPERATOR_TASK, who="cycle", now=at, event_key=EVENT, task=text, recipient="a0@town.example")
    settle_task(ledger, open_tasks(ledger)[0].id, officer="李明", now=at + timedelta(hours=1), note="done by phone")


def _ask_and_answer(ledger: Any, at: datetime, mark: str) -> None:
    from wuyu.ledger.acknowledgements import AckAnswer, AckReply, AckRequest, AckStep, FloodReport

    record = _record("410103001", at, mark)
    with ledger.writing() as session:
        request = AckRequest(
            message_id=record.message_id, district_code=DISTRICT, event_key=EVENT + mark,
            warning_id=record.warning_id, revision=0, area_code="410103001", level=4, is_end=False,
            code=f"A7K{mark}", asked_at=at, due_at=at + timedelta(minutes=15), step_min=15,
            expires_at=at + timedelta(hours=18), feedback_until=at + timedelta(hours=30), phone="0371-00000000",
            content={"title": "红色预警"},
        )  # fmt: skip
        session.add(request)
        session.flush()
        one = {"request_id": request.id, "recipient": "a0@town.example"}
        later = at + timedelta(minutes=5)
        session.add(AckStep(**one, kind="asked", channel="mail", name="张三", due_at=at, at=at, outbox_id=1))
        session.add(AckAnswer(**one, answer="received", name="张三", channel="web", at=later))
        flood = {"hotspot_id": "EQ-001", "seen": "flooded", "depth_m": 0.4, "seen_at": at}
        session.add(FloodReport(**one, **flood, reported_at=later, reported_by="张三"))
        reply = f"{mark or 0}".rjust(64, "a")
        session.add(AckReply(sha256=reply, at=later, outcome="answer", request_id=request.id))


def _bounce(ledger: Any, at: datetime, mark: str) -> None:
    from wuyu.ledger.bounces import Bounce

    with ledger.writing() as session:
        sha256 = f"{mark or 0}".rjust(64, "b")
        session.add(Bounce(sha256=sha256, at=at, outcome="bounce", outbox_id=1, kind="hard", status="5.1.1", text="no"))


def _reports(ledger: Any, at: datetime, mark: str) -> None:
    from wuyu.ledger import ReportIssue

    period = f"2021-07{mark}"
    products = {"pdf": {"path": "reports/a.pdf", "sha256": "c" * 64}}
    with ledger.writing() as session:
        key = {"district_code": DISTRICT, "kind": "month", "period": period}
        session.add(ReportIssue(**key, revision=1, issued_at=at, products=products))
        if importlib.util.find_spec("wuyu.ledger.reporting"):
            from wuyu.ledger.reporting import ReportKey, Step, add_step, standing

            report = ReportKey(DISTRICT, "month", period)
            for step in (Step.DRAFTED, Step.OPENED, Step.OPINION):
                add_step(session, standing(session, report), step, who="李明", now=at, department="water")


def _feeds(ledger: Any, at: datetime, mark: str) -> None:
    from wuyu.ledger import FeedFile, FeedState

    with ledger.writing() as session:
        file = FeedFile(
            feed_id=f"gauges{mark}", name="a.csv", sha256="d" * 64, size_bytes=3, raw_path="raw/a", arrived_at=at,
            first_value_at=at, last_value_at=at, rows_read=9,
        )  # fmt: skip
        session.add(file)
        session.flush()
        state = {"feed_id": f"gauges{mark}", "kind": "gauges", "stale_after_h": 2.0, "pulled_at": at}
        session.add(FeedState(**state, last_file_id=file.id, files_accepted=1))
        models = sys.modules["wuyu.ledger.models"]
        if hasattr(models, "FeedPull"):
            session.add(models.FeedFinding(file_id=file.id, code="negative-rain", count=2, example="-9"))
            session.add(models.FeedPull(feed_id=f"gauges{mark}", at=at, ok=True, accepted=1, rejected=0, repeated=0))


def main() -> None:
    """Make the corpus, or, within a release, one ledger."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--hours", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.write is None:
        make_all()
    else:
        hours = arguments.hours
        write(arguments.write, AT + timedelta(hours=hours), f"-{hours}" if hours else "")


if __name__ == "__main__":
    main()
