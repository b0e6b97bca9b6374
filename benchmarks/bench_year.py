"""A year in the ledger: what it takes on the disk, and what each look costs after a year beside two months.

Two months are more than the longest window that any of them looks at (31 days), so that only what reads beyond its
window is dearer after a year.

8,760 hourly cycles and 20 storms, written by `benchmarks.past`, on a mini district of the tests; sizes of mails and
bulletins are those of the bundled one. Times are processor times of this machine: the ratios count. Then retention is
applied as it stands by default, a year later, and what is left is told. Notes say sizes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from benchmarks.past import Past, write_past
from benchmarks.rows import Row, median_s
from tests.factories import add_mini_storm, write_mini_district
from wuyu.ack.book import standings
from wuyu.approval.book import waiting
from wuyu.cycle import assess, run_cycle
from wuyu.desk import Desk, begin_desk
from wuyu.feeds.freshness import check_freshness
from wuyu.feeds.status import status
from wuyu.ledger.outbox import MOST_COUNTED, due_ids, newest
from wuyu.ledger.tasks import open_tasks
from wuyu.products import write_onemap_page, write_story_page
from wuyu.rain import pull_feeds
from wuyu.retention.plan import plan_of
from wuyu.retention.removing import apply_retention
from wuyu.watch.watcher import look

NOW = datetime(2021, 7, 20, 4, tzinfo=UTC)
SHORT_H, YEAR_H = 62 * 24, 8_760
BODY_BYTES, PRODUCT_BYTES, MAP_BYTES = 360_000, 72_000, 20_000
MOST = 1.5
#: What may cost more after a year, and why it is bounded all the same.
GROWS = {
    "outbox": (3.0, f"counts the older rows it leaves out, at most {MOST_COUNTED}"),
    "watch, files checked (once a day)": (6.0, "looks at every kept file: grows until retention takes the old ones"),
}

LOOKS: dict[str, Callable[[Desk], object]] = {
    "outbox": lambda desk: newest(desk.ledger, limit=200),
    "tasks": lambda desk: open_tasks(desk.ledger),
    "approve": lambda desk: waiting(desk.ledger),
    "ack list": lambda desk: standings(desk.ledger, district_code=desk.code, open_at=NOW, with_content=False),
    "dispatch, nothing due": lambda desk: due_ids(desk.ledger, channel="mail", now=NOW, wall=NOW),
    "feeds status": lambda desk: status(desk.ledger, NOW),
    "feed_freshness": lambda desk: check_freshness(desk.ledger, ["gauges", "radar"], now=NOW),
    "feeds pull, nothing new": lambda desk: pull_feeds(desk, now=NOW),
    "watch": lambda desk: look(desk.settings, desk.out / "ledger.sqlite", now=NOW, checked_at=NOW),
    "watch, files checked (once a day)": lambda desk: look(desk.settings, desk.out / "ledger.sqlite", now=NOW),
    "map": write_onemap_page,
    "story": write_story_page,
    "cycle": lambda desk: run_cycle(desk, NOW, now=NOW, drafts=False),
}
ONCE = ("map", "story", "cycle")


def run() -> Iterator[Row]:
    """Write two months and a year, look at both, and apply retention to the year."""
    with tempfile.TemporaryDirectory() as folder:
        district = add_mini_storm(write_mini_district(Path(folder) / "mini"))
        table = _table(district, Path(folder) / "scored")
        short, _ = _lived(district, Path(folder) / "short", SHORT_H, table)
        year, storms = _lived(district, Path(folder) / "year", YEAR_H, table)
        for name, look_at in LOOKS.items():
            repeats = 1 if name in ONCE else 3
            times = [median_s(partial(look_at, desk), repeats=repeats) for desk in (short, year)]
            most, note = GROWS.get(name, (MOST, ""))
            job = f"{name}, after a year"
            yield Row(job=job, ours_s=times[1], peer="after two months", peer_s=times[0], most=most, note=note)
        yield _sizes("a year", year, short, storms)
        seconds = median_s(lambda: plan_of(year, now=NOW), repeats=1)
        yield Row(job="retention, listed after the year", ours_s=seconds, note=_going(year, NOW))
        later = NOW + timedelta(days=365)
        note = _going(year, later)
        seconds = median_s(lambda: apply_retention(year, now=later, after_a_gap=True), repeats=1)
        yield Row(job="retention, applied another year later", ours_s=seconds, note=f"{note}; left {_told(year)}")
        for desk in (short, year):
            desk.ledger.close()


def _table(district: Path, out: Path) -> bytes:
    desk = begin_desk(district, out)
    _, paths, _ = assess(desk, NOW)
    desk.ledger.close()
    return (desk.out / paths["parquet"]).read_bytes()


def _lived(district: Path, out: Path, hours: int, table: bytes) -> tuple[Desk, int]:
    desk = begin_desk(district, out)
    past = Past(
        hours=hours, body_bytes=BODY_BYTES, product_bytes=PRODUCT_BYTES, map_bytes=MAP_BYTES, risk_table=table
    )  # fmt: skip
    storms = write_past(desk, NOW, past)
    pull_feeds(desk, now=NOW)
    return desk, storms


def _sizes(job: str, year: Desk, short: Desk, storms: int) -> Row:
    size, before = (sum(_by_folder(desk.out).values()) / 2**20 for desk in (year, short))
    note = f"{storms} storms; {_told(year)}"
    return Row(job=f"disk of {job}", ours_s=size, peer="two months", peer_s=before, unit="MiB", note=note)


def _by_folder(out: Path) -> dict[str, int]:
    sizes = dict.fromkeys(("raw", "risk", "bulletins"), 0)
    for name in sizes:
        sizes[name] = sum(path.stat().st_size for path in (out / name).rglob("*") if path.is_file())
    return sizes | {"ledger": sum(path.stat().st_size for path in out.glob("ledger.sqlite*"))}


def _told(desk: Desk) -> str:
    return ", ".join(f"{name} {size / 2**20:.0f} MiB" for name, size in _by_folder(desk.out).items())


def _going(desk: Desk, now: datetime) -> str:
    plan = plan_of(desk, now=now)
    kinds = sorted({item.kind for item in plan.items})
    going = (f"{kind} {len(plan.of(kind))}" for kind in kinds)
    held = (f"{kind} {count}" for kind, count in sorted(plan.held.items()))
    return f"go: {', '.join(going) or 'nothing'}; stay for others: {', '.join(held) or 'nothing'}"
