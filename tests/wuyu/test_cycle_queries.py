"""What a cycle asks of the ledger: once for the warnings of an event, and no more as the storm goes on."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from tests.factories import STORM_BEGIN, add_mini_storm, write_mini_district
from wuyu.cycle import run_cycle
from wuyu.desk import Desk, begin_desk
from wuyu.rain import pull_feeds

pytestmark = pytest.mark.xdist_group("storm")

HOURS = [STORM_BEGIN.to_pydatetime() + timedelta(hours=number) for number in range(9)]


def _reads_of_cycles(desk: Desk) -> list[tuple[int, Counter[str]]]:
    """Run the storm; of each cycle, the revisions it made and what it read, by the first words of the condition."""
    asked: list[str] = []

    def listen(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            table = statement.partition("FROM ")[2].split()[0]
            condition = statement.partition("WHERE ")[2].partition(" ")[0] or "all"
            asked.append(f"{table} by {condition}")

    found = []
    event.listen(desk.ledger.engine, "before_cursor_execute", listen)
    for hour in HOURS:
        asked.clear()
        result = run_cycle(desk, hour, drafts=False)
        found.append((len(result.records), Counter(asked)))
    return found


@pytest.mark.parametrize("towns", [3, 6])
def test_a_cycle_asks_once_for_the_warnings_of_its_event(tmp_path: Path, towns: int) -> None:
    folder = add_mini_storm(write_mini_district(tmp_path / "mini", towns=towns, hotspots=18))
    desk = begin_desk(folder, tmp_path / "out")
    pull_feeds(desk, now=datetime.now(UTC))
    cycles = _reads_of_cycles(desk)
    desk.ledger.close()
    assert max(records for records, _ in cycles) == towns
    asked = [reads["warnings by warnings.event_key"] for _, reads in cycles]
    assert max(asked) == 1, "what nothing is told of does not ask at all"
    most = 10 * towns + 14  # towns that are told where water stands, and what a cycle asks once
    assert all(reads.total() <= 8 * records + most for records, reads in cycles), "however many came before"
