"""Whatever is looked at every minute or hour costs the same in a young ledger and in an old one.

Two desks with the same last weeks, one with twice the past of the other: every look asks as many statements, makes the
database take as many steps, opens as many files, and reads no growing table from one end to the other.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.pool import Pool

from tests.wuyu.retention.conftest import NOW
from wuyu import products
from wuyu.ack.book import standings
from wuyu.ack.escalation import escalate
from wuyu.approval.book import waiting
from wuyu.cycle import run_cycle
from wuyu.desk import Desk
from wuyu.feeds import status as feed_status
from wuyu.feeds.accept import refused_files
from wuyu.feeds.freshness import check_freshness
from wuyu.feeds.status import status
from wuyu.ledger import outbox
from wuyu.ledger.outbox import due_ids, expire, newest, untried
from wuyu.ledger.tasks import open_tasks
from wuyu.ledger.types import OutboxState
from wuyu.rain import pull_feeds
from wuyu.reporting.tables import Window, deliveries, warning_rows
from wuyu.watch.watcher import look

DAY = timedelta(days=1)
EVERY = 20  # steps of the database between two ticks
MONTH = Window(begin=NOW - 30 * DAY, end=NOW, cut=NOW, known_at=NOW)

#: Those that change the ledger come last; both desks go through them in this order.
LOOKS: dict[str, Callable[[Desk], object]] = {
    "outbox": lambda desk: newest(desk.ledger, limit=5),
    "outbox of a state": lambda desk: newest(desk.ledger, limit=5, states=[OutboxState.SENT, OutboxState.FAILED]),
    "outbox of a time": lambda desk: newest(desk.ledger, limit=5, since=NOW - 5 * DAY),
    "outbox counts": lambda desk: desk.ledger.outbox_counts(since=NOW - 20 * DAY),
    "tasks": lambda desk: open_tasks(desk.ledger),
    "approve": lambda desk: waiting(desk.ledger),
    "ack list": lambda desk: standings(desk.ledger, district_code=desk.code, open_at=NOW, with_content=False),
    "ack escalate": lambda desk: escalate(desk, NOW),
    "due": lambda desk: due_ids(desk.ledger, channel="mail", now=NOW, wall=NOW),
    "untried": lambda desk: untried(desk.ledger, due_before=NOW, now=NOW),
    "refused files": lambda desk: refused_files(desk.ledger),
    "feeds status": lambda desk: status(desk.ledger, NOW),
    "watch": lambda desk: look(desk.settings, desk.out / "ledger.sqlite", now=NOW, checked_at=NOW),
    "warnings of a month": lambda desk: warning_rows(desk, MONTH),
    "deliveries of a month": lambda desk: deliveries(desk, MONTH, acknowledged=None),
    "map": lambda desk: products.write_onemap_page(desk),
    "story": lambda desk: products.write_story_page(desk),
    "expire": lambda desk: expire(desk.ledger, now=NOW),
    "freshness": lambda desk: check_freshness(desk.ledger, ["gauges", "radar"], now=NOW),
    "pull": lambda desk: pull_feeds(desk, now=NOW),
    "pull again": lambda desk: pull_feeds(desk, now=NOW),
    "cycle": lambda desk: run_cycle(desk, NOW, now=NOW, drafts=False),
    "cycle again": lambda desk: run_cycle(desk, NOW, now=NOW),
}
GROWING = (
    "cycles|warnings|bulletins|message_bodies|outbox|attempts|feed_files|feed_findings|feed_pulls|log|ack_requests|"
    "ack_steps|ack_answers|ack_replies|flood_reports|bounces|removals|report_issues|report_steps"
)
#: Rows from the newest on, up to a number: their table is not walked through.
NEWEST = re.compile(rf"FROM ({GROWING})\s+(ORDER BY \1\.id DESC\s+)?LIMIT ")
SCAN = re.compile(rf"^SCAN ({GROWING})(_\d+)?( |$)")


@dataclass
class Cost:
    """What a look cost."""

    statements: list[tuple[str, Any]] = field(default_factory=list)
    ticks: int = 0
    opened: int = 0

    def tick(self) -> None:
        self.ticks += 1


_watched: list[tuple[Path, Cost]] = []


def _opened(name: str, arguments: tuple[Any, ...]) -> None:
    if _watched and name == "open" and str(arguments[0]).startswith(str(_watched[-1][0])):
        path = Path(str(arguments[0])).relative_to(_watched[-1][0])
        _watched[-1][1].opened += path.parts[:1] in (("raw",), ("risk",), ("bulletins",), ("reports",))


@pytest.fixture(scope="module", autouse=True)
def hook() -> None:
    """An audit hook stays as long as the process: it counts only while something is watched."""
    sys.addaudithook(_opened)


@contextmanager
def counted(desk: Desk) -> Iterator[Cost]:
    cost = Cost()

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        cost.statements.append((statement, parameters))

    def watch(connection: Any, *_: object) -> None:
        connection.set_progress_handler(cost.tick, EVERY)

    desk.ledger.engine.dispose()
    event.listen(Engine, "before_cursor_execute", note)
    event.listen(Pool, "checkout", watch)
    _watched.append((desk.out, cost))
    try:
        yield cost
    finally:
        _watched.pop()
        event.remove(Engine, "before_cursor_execute", note)
        event.remove(Pool, "checkout", watch)
        desk.ledger.engine.dispose()


@pytest.fixture(scope="module")
def costs(make_past: Callable[..., Desk]) -> Iterator[tuple[dict[str, Cost], dict[str, Cost], Desk]]:
    """What every look costs after five weeks and after ten."""
    found: list[dict[str, Cost]] = []
    with pytest.MonkeyPatch.context() as patch:
        # So that the younger past is longer than any window, too.
        patch.setattr(products, "SHOWN", timedelta(hours=12))
        patch.setattr(outbox, "MOST_COUNTED", 5)
        patch.setattr(feed_status, "_FILES_SEEN", 100)
        for days in (35, 70):
            desk = make_past(days)
            found.append({})
            for name, look_at in LOOKS.items():
                with counted(desk) as cost:
                    look_at(desk)
                found[-1][name] = cost
    yield found[0], found[1], desk
    desk.ledger.close()


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_costs_the_same_whatever_the_age_of_the_ledger(
    name: str, costs: tuple[dict[str, Cost], dict[str, Cost], Desk]
) -> None:
    young, old = costs[0][name], costs[1][name]
    assert young.statements
    assert len(old.statements) == len(young.statements)
    assert old.opened == young.opened
    assert old.ticks <= 1.05 * young.ticks + 3, (young.ticks * EVERY, old.ticks * EVERY)


@pytest.mark.parametrize("name", LOOKS)
def test_no_look_reads_a_growing_table_from_end_to_end(
    name: str, costs: tuple[dict[str, Cost], dict[str, Cost], Desk]
) -> None:
    _, old, desk = costs
    plans: dict[str, list[str]] = {}
    with desk.ledger.engine.connect() as connection:
        for statement, parameters in old[name].statements:
            if statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE")) and not NEWEST.search(statement):
                rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                plans[statement] = [row[-1] for row in rows if SCAN.match(row[-1])]
    assert {statement: plan for statement, plan in plans.items() if plan} == {}


def test_a_look_that_reads_everything_is_found_out(costs: tuple[dict[str, Cost], dict[str, Cost], Desk]) -> None:
    """Or the two tests above would find nothing."""
    desk = costs[2]
    with counted(desk) as few, desk.ledger.reading() as session:
        session.connection().exec_driver_sql("SELECT count(*) FROM log WHERE id > 5 AND who = 'x' LIMIT 1").all()
    with counted(desk) as many, desk.ledger.reading() as session:
        session.connection().exec_driver_sql("SELECT count(*) FROM log WHERE who = 'x'").all()
    assert min(few.ticks, many.ticks) > 100
    with desk.ledger.engine.connect() as connection:
        (plan,) = connection.exec_driver_sql("EXPLAIN QUERY PLAN SELECT count(*) FROM log WHERE who = 'x'").all()
    assert SCAN.match(plan[-1])
