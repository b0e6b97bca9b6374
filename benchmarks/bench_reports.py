"""A month's and a year's report of the bundled district: three formats, both languages, part by part.

The outlook of the coming period and the design storms are made once for both languages. Every hour of July has a cycle;
all stand on one risk table, so that reading is timed, not scoring.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.rows import Row
from risk_models.outlook.periods import Kind
from wuyu.cycle import assess
from wuyu.desk import Desk, begin_desk
from wuyu.ledger import Cycle, CycleState
from wuyu.rain import pull_feeds
from wuyu.reporting import LANGS, looking_ahead, write_report

ERQI = Path(__file__).resolve().parent.parent / "data" / "erqi"
NOW = datetime(2026, 1, 5, tzinfo=UTC)
PEAK = datetime(2021, 7, 20, 9, tzinfo=UTC)
HOURS = 744
TARGET_S = {"month": 30.0, "year": 90.0}


@dataclass
class Watch:
    """Adds up wall and processor time by what is being done."""

    wall_s: dict[str, float] = field(default_factory=dict)
    cpu_s: dict[str, float] = field(default_factory=dict)
    _last: tuple[float, float, str] = (0.0, 0.0, "")

    def __call__(self, _fraction: float, text: str) -> None:
        """Note that another part begins."""
        wall, cpu = time.perf_counter(), time.process_time()
        before_wall, before_cpu, part = self._last
        if part:
            self.wall_s[part] = self.wall_s.get(part, 0.0) + wall - before_wall
            self.cpu_s[part] = self.cpu_s.get(part, 0.0) + cpu - before_cpu
        self._last = (wall, cpu, text)


def run() -> Iterator[Row]:
    """Time the parts of a month and of a year."""
    with _desk() as desk:
        for kind, key in (("month", "2021-07"), ("year", "2021")):
            yield from _report(desk, kind, key)  # type: ignore[arg-type]


def _report(desk: Desk, kind: Kind, key: str) -> list[Row]:
    looking_ahead._outlooks.clear()
    watch = Watch()
    wall, cpu = time.perf_counter(), time.process_time()
    made = write_report(desk, kind, key, now=NOW, langs=LANGS, tell=watch)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    size_kb = sum(path.stat().st_size for path in made.folder.iterdir()) // 1000
    name = f"{kind} {key}"
    whole = Row(
        job=f"{name}: 3 formats, 2 languages",
        ours_s=cpu,
        target=TARGET_S[kind],
        note=f"wall {wall:.1f} s, {size_kb} kB",
    )
    parts = [
        Row(job=f"  {part}", ours_s=watch.cpu_s[part], note=f"wall {watch.wall_s[part]:.2f} s") for part in watch.cpu_s
    ]
    return [whole, *parts]


@contextlib.contextmanager
def _desk() -> Iterator[Desk]:
    """Open a desk whose ledger holds a month of cycles that all stand on one risk table."""
    with tempfile.TemporaryDirectory() as folder:
        desk = begin_desk(ERQI, Path(folder))
        pull_feeds(desk, now=NOW)
        _, paths, _ = assess(desk, PEAK)
        first = datetime(2021, 6, 30, 17, tzinfo=UTC)
        with desk.ledger.writing() as session:
            for hour in range(HOURS):
                at = first + timedelta(hours=hour)
                session.add(
                    Cycle(district_code=desk.code, valid_at=at, state=CycleState.DONE, risk_paths=paths, finished_at=at)
                )
        yield desk
        desk.ledger.close()
