"""The bundled storm fed in ten-minute steps beside the same storm by the hour: who is told sooner, and by how much.

``python -m benchmarks.ten_minutes [FOLDER]`` scores both and prints the table of docs/methods.md. The hours are cut
into ten minutes at random (each hour by its own Dirichlet shares, the same at all gauges; seed 7), so that every hour
keeps its total at every gauge: made up, as the storm itself is.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from risk_models.levels import Level
from wuyu.desk import Desk, begin_desk
from wuyu.progress import progress
from wuyu.rain import cycle_rain, pull_feeds

__all__ = ["FirstTimes", "compare", "first_times", "marks", "write_district"]

ERQI = Path(__file__).resolve().parent.parent / "data" / "erqi"
BEGIN, END = datetime(2021, 7, 19, 16, tzinfo=UTC), datetime(2021, 7, 20, 12, tzinfo=UTC)
"""20 July 2021 in Zhengzhou, until three hours after the record hour."""
TABLE, FEED = "storm_2021/gauges_hourly.csv", "path: storm_2021/gauges_hourly.csv, stale_after_h: 2}"
WET_M = 0.15
SEED = 7


def write_district(folder: Path, *, step_min: int) -> Path:
    """Copy the bundled district with its gauge table in steps of 10 or 60 min; return its folder."""
    shutil.copytree(ERQI, folder)
    if step_min == 60:
        return folder
    hourly = pd.read_csv(ERQI / TABLE, index_col=0)
    hourly.index = pd.to_datetime(hourly.index)
    tens = _in_tens(hourly)
    tens.index = pd.Index([end.isoformat() for end in tens.index], name="time_end")
    tens.to_csv(folder / TABLE, float_format="%.1f")
    settings = folder / "district.yaml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace(FEED, FEED[:-1] + ", options: {step_h: 0.1667}}"), encoding="utf-8")
    return folder


def _in_tens(hourly: pd.DataFrame) -> pd.DataFrame:
    """Cut hours (END labels) into ten minutes of whole tenths of a millimetre; what is left goes to the wettest."""
    rng, parts, ends = np.random.default_rng(SEED), [], []
    for end, row in hourly.iterrows():
        share = rng.dirichlet(np.full(6, 3.0))
        part = np.floor(10.0 * np.outer(share, row)) / 10.0
        part[share.argmax()] += row - part.sum(axis=0)
        parts.append(part)
        ends += [end - pd.Timedelta(minutes=50 - 10 * number) for number in range(6)]
    return pd.DataFrame(np.concatenate(parts).round(1), index=ends, columns=hourly.columns)


def marks(begin: datetime, end: datetime, step_min: int) -> list[datetime]:
    """Return the cycle times from `begin` to `end`, both included."""
    count = round((end - begin) / timedelta(minutes=step_min))
    return [begin + number * timedelta(minutes=step_min) for number in range(count + 1)]


@dataclass
class FirstTimes:
    """First cycle in which each hotspot is red, and in which water of `WET_M` or more stands at it by the model."""

    red: dict[str, datetime] = field(default_factory=dict)
    now: dict[str, datetime] = field(default_factory=dict)


def first_times(desk: Desk, times: Iterable[datetime]) -> FirstTimes:
    """Score the hotspots at each time, as if its files had just come; nothing is decided."""
    found, times = FirstTimes(), list(times)
    with progress(f"cycles every {desk.settings.cycle_step_min} min") as tell:
        for number, at in enumerate(times, start=1):
            table = desk.scorer.score(cycle_rain(desk, at).rainfall)
            for hotspot in table.index[table["level"] == Level.RED]:
                found.red.setdefault(hotspot, at)
            for hotspot in table.index[table["depth_now_m"] >= WET_M]:
                found.now.setdefault(hotspot, at)
            tell(number / len(times), f"{at:%m-%d %H:%M} UTC")
    return found


def compare(hourly: dict[str, datetime], tens: dict[str, datetime]) -> dict[str, float]:
    """Count hotspots that the ten minutes tell sooner, at the same time, later, or not at all; minutes gained."""
    both = sorted(set(hourly) & set(tens))
    gained = np.array([(hourly[name] - tens[name]) / timedelta(minutes=1) for name in both])
    return {
        "by the hour": len(hourly),
        "in ten minutes": len(tens),
        "sooner": int((gained > 0).sum()),
        "at the same time": int((gained == 0).sum()),
        "later": int((gained < 0).sum()),
        "lost": len(set(hourly) - set(tens)),
        "gained, median [min]": float(np.median(gained)) if len(gained) else np.nan,
        "gained, most [min]": float(gained.max()) if len(gained) else np.nan,
    }


def main(folder: Path) -> None:
    """Score the day both ways and print the table."""
    found = {}
    for step_min in (60, 10):
        district = write_district(folder / f"district_{step_min}", step_min=step_min)
        desk = begin_desk(district, folder / f"out_{step_min}")
        pull_feeds(desk, now=datetime.now(UTC))
        found[step_min] = first_times(desk, marks(BEGIN, END, step_min))
        desk.ledger.close()
    rows = {
        "first red": compare(found[60].red, found[10].red),
        f"first {WET_M:g} m of standing water now": compare(found[60].now, found[10].now),
    }
    print(pd.DataFrame(rows).T.to_string())


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
