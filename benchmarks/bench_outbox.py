"""The outbox: 2,000 recipients through one relay, an evening's 18 mails, and 100,000 rows drained.

Mails go to a local sink that writes every one of them to the disk before it answers, as a process of its own. For the
100,000 rows nothing is sent: the way out answers at once, so that the outbox itself is timed. Wall time throughout. All
rows of the long drain are of one decision, and every row is claimed and recorded in transactions of its own.

The long drain asks whether the pace falls as rows pile up, not how fast a disk confirms a write: its ledger lies in
memory where the system has such a folder, with the same settings (WAL, synchronous=FULL). The note says where it lay.
On a disk every one of its 200,000 transactions waits for the disk, which takes three times as long and more.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.rows import Row
from wuyu.delivery.relay import deliver, deliver_together
from wuyu.delivery.smtp import Outcome, SmtpSettings, SmtpStage, SmtpTransport
from wuyu.ledger import Ledger, Outbox, OutboxState, create_ledger
from wuyu.messages.guard import Target
from wuyu.messages.mail import Attachment, MailContent, MailHead, build_mail
from wuyu.messages.purpose import Purpose
from wuyu.sink import local_sink

AT = datetime(2021, 7, 20, 9, tzinfo=UTC)
RECIPIENTS, TOWNS, ROWS = 2_000, 18, 100_000
BULLETIN_BYTES = 90_000
SLICE = 5_000
IN_MEMORY = Path("/dev/shm")


def run() -> Iterator[Row]:
    """Time one relay, four relays, the mails of one evening, and the long drain."""
    with tempfile.TemporaryDirectory() as folder, local_sink(Path(folder) / "mailbox") as (host, port):
        settings = SmtpSettings(host=host, port=port)
        for relays in (1, 4):
            path = Path(folder) / f"many-{relays}.sqlite"
            seconds = _send_many(path, settings, RECIPIENTS, relays=relays, body_bytes=2_000)
            job = f"{RECIPIENTS:,} recipients, {relays} relay{'s' if relays > 1 else ''}, 4 kB each"
            note = f"{RECIPIENTS / seconds:.0f} mails/s"
            yield Row(job=job, ours_s=seconds, target=300.0 if relays == 1 else None, note=note)
        seconds = _send_many(Path(folder) / "towns.sqlite", settings, TOWNS, relays=1, body_bytes=BULLETIN_BYTES)
        job = f"approved until the last of {TOWNS} mails is accepted, {BULLETIN_BYTES // 1000} kB attached"
        yield Row(job=job, ours_s=seconds, target=60.0, note="queueing included")
    place, where = (IN_MEMORY, "in memory") if os.access(IN_MEMORY, os.W_OK) else (None, "on disk")
    with tempfile.TemporaryDirectory(dir=place) as folder:
        yield _long_drain(Path(folder) / "long.sqlite", where)


def _send_many(path: Path, settings: SmtpSettings, recipients: int, *, relays: int, body_bytes: int) -> float:
    with create_ledger(path) as ledger:
        begun = time.perf_counter()
        _queue(ledger, recipients, body_bytes)
        report = deliver_together(ledger, lambda: SmtpTransport(settings), relays=relays, clock=_clock, now=AT)
        seconds = time.perf_counter() - begun
        if report.counts != {"sent": recipients}:
            raise RuntimeError(f"not all were sent: {report}")
        return seconds


def _queue(ledger: Ledger, recipients: int, body_bytes: int) -> None:
    pdf = Attachment(filename="bulletin.pdf", content=bytes(body_bytes), mime="application/pdf")
    content = MailContent(subject="红色预警", text="立即转移\n", attachments=(pdf,))
    with ledger.decide(now=AT) as decision:
        for number in range(recipients):
            head = MailHead(
                message_id=f"E-{recipients}-{body_bytes}.r0", purpose=Purpose.BULLETIN,
                about=f"E-{recipients}-{body_bytes}.r0", sender="duty@erqi.example",
                recipient=f"box{number}@town.example", decided_at=AT, status="Exercise",
            )  # fmt: skip
            decision.queue(build_mail(content, head), expires_at=AT + timedelta(hours=6))


def _long_drain(path: Path, where: str) -> Row:
    """Drain all rows in one pass, and compare the pace of the first and of the last `SLICE`."""
    # (wall, processor) after each slice: the second does not depend on what else the machine does.
    marks: list[tuple[float, float]] = []
    with create_ledger(path) as ledger:
        _fill(ledger)

        def progress(done: int, _due: int) -> None:
            if done % SLICE == 0:
                marks.append((time.perf_counter(), time.process_time()))

        begun = time.perf_counter()
        marks.append((begun, time.process_time()))
        report = deliver(ledger, _Nowhere(), clock=_clock, now=AT, progress=progress)
        seconds = time.perf_counter() - begun
        if report.counts != {"sent": ROWS}:
            raise RuntimeError(f"not all were drained: {report}")
    (first, first_cpu), (last, last_cpu) = (
        tuple(SLICE / (after - before) for before, after in zip(*pair, strict=True))
        for pair in ((marks[0], marks[1]), (marks[-2], marks[-1]))
    )
    note = f"{first:.0f} rows/s at the start, {last:.0f} at the end, {ROWS / seconds:.0f} on average"
    note += f"; pace at the end / at the start {last / first:.2f}, by processor time {last_cpu / first_cpu:.2f}"
    return Row(job=f"drain {ROWS:,} rows, 2 transactions each (SQLite {where})", ours_s=seconds, note=note)


def _fill(ledger: Ledger) -> None:
    """Put rows in as a table, all with the same bytes: queueing is not what is timed."""
    _queue(ledger, 1, 0)
    with ledger.writing() as session:
        first = session.query(Outbox).one()
        base: dict[str, Any] = {column.key: getattr(first, column.key) for column in Outbox.__table__.columns}
        base.pop("id")
        rows = [base | {"recipient": f"row{number}@town.example"} for number in range(1, ROWS)]
        session.bulk_insert_mappings(Outbox.__mapper__, rows)


class _Nowhere:
    """A way out that accepts at once."""

    channel = "mail"
    target: Target | None = None
    longest_s = 60.0

    def send(self, sender: str, recipient: str, body: bytes, *, checkpoint: Callable[[str], None]) -> Outcome:
        checkpoint(f"{sender} {recipient} {len(body)}")
        return Outcome(state=OutboxState.SENT, stage=SmtpStage.DONE, code=250, text="ok")


def _clock() -> datetime:
    return datetime.now(UTC)
