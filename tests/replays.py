"""Replays of a mini storm for tests: a desk, a sink for its mail, and what came out of them."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from tests.factories import STORM_BEGIN, STORM_END
from wuyu.delivery.smtp import SmtpSettings, SmtpTransport
from wuyu.desk import Desk, begin_desk
from wuyu.ledger import Ledger, Outbox
from wuyu.products import write_onemap_page, write_rehearsal, write_story_page
from wuyu.rain import pull_feeds
from wuyu.replay import ReplayResult, hours, replay
from wuyu.reporting import write_report
from wuyu.sink import local_sink

ROOT = Path(__file__).resolve().parent.parent
HOURS = hours(STORM_BEGIN.to_pydatetime(), STORM_END.to_pydatetime())
#: Written anew by every run; everything else below the folder of products must be the same, byte by byte.
RUN_FILES = ("ledger.sqlite", "cache/", "mailbox/")


def child_environment(**more: str) -> dict[str, str]:
    """Return the environment for a child; it may keep bytecode, or it would compile two thousand modules anew."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"} | more


@dataclass(frozen=True)
class StormRun:
    """A finished replay."""

    desk: Desk
    result: ReplayResult

    @property
    def mailbox(self) -> Path:
        return self.desk.out / "mailbox"


def now() -> datetime:
    """Wall time, for leases and arrivals only."""
    return datetime.now(UTC)


def run_storm(district: Path, out: Path) -> StormRun:
    """Replay the mini storm of `district` into `out`, with its mail in ``mailbox/``, and write all products."""
    desk = begin_desk(district, out)
    pull_feeds(desk, now=now())
    with (
        local_sink(out / "mailbox") as (host, port),
        SmtpTransport(SmtpSettings(host=host, port=port)) as transport,
    ):
        result = replay(desk, HOURS, transport=transport, clock=now)
    write_products(desk)
    return StormRun(desk, result)


def write_products(desk: Desk) -> None:
    """Write what follows the cycles: rehearsal, report, map and story."""
    write_rehearsal(desk)
    write_report(desk, "month", "2021-07", langs=["zh"], now=now())
    write_onemap_page(desk)
    write_story_page(desk)


def products(out: Path) -> dict[str, bytes]:
    """Return every product below `out` by its relative path."""
    files = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in sorted(files.items()) if not name.startswith(RUN_FILES)}


def raw_mails(mailbox: Path) -> dict[str, list[bytes]]:
    """Return the mails of each box as received, in the order of their decisions."""
    boxes: dict[str, list[bytes]] = defaultdict(list)
    for path in sorted(mailbox.glob("*/new/*")):
        boxes[path.parent.parent.name].append(path.read_bytes())
    return dict(boxes)


def mails(mailbox: Path) -> dict[str, list[EmailMessage]]:
    """Return the mails of each box, parsed."""
    return {
        box: [message_from_bytes(data, policy=policy.default) for data in bodies]
        for box, bodies in raw_mails(mailbox).items()
    }


def beside_now(ledger: Ledger) -> list[Outbox]:
    """Return the rows of the outbox but those that tell of standing water: these wait for nobody."""
    return [row for row in ledger.outbox() if row.purpose != "now"]
