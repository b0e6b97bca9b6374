"""What is written from the ledger and the risk tables after the cycles: rehearsal, one map, story."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr

from reports.figures import rehearsal_map_png
from reports.onemap import OneMapInputs, write_onemap
from reports.story import StoryInputs, write_story
from risk_models.errors import BadInputError, Finding
from risk_models.files import write_whole
from risk_models.levels import Level
from risk_models.plan import propose_actions
from risk_models.rehearsal import rehearse, summarise
from risk_models.risk import RiskTable, read_risk, town_levels
from wuyu.clock import newest_mark
from wuyu.ledger import Cycle
from wuyu.rain import gauge_rain
from wuyu.rain.gauges import HOUR_MIN
from wuyu.reporting.gather import reference_gauge
from wuyu.reporting.tables import all_warnings

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = ["write_onemap_page", "write_rehearsal", "write_story_page"]

SHOWN = timedelta(days=7)
"""How far back from the last cycle the pages look; retention keeps risk tables for longer."""

#: What the story links beside risk tables and bulletins.
LINKED = ("reports", "rehearsal", "onemap.html", "ledger.sqlite")
RISK_ENDINGS = (".parquet", ".geojson")
BULLETIN_ENDINGS = ("html", "txt", "pdf", "en.pdf", "cap.xml", "png")


def write_rehearsal(desk: Desk) -> dict[str, Path]:
    """Run design storms through the ponding model; write the tables and the map.

    Returns
    -------
    dict of str to Path
        ``csv`` (a row per storm and hotspot), ``summary`` (a row per hotspot) and ``png``.
    """
    table = rehearse(desk.district, desk.terrain, desk.standards)
    classes = desk.standards.depth_classes(desk.settings.standards.depth_classes)
    summary = summarise(table, classes)
    folder = desk.out / "rehearsal"
    paths = {
        "csv": folder / "design_storms.csv",
        "summary": folder / "critical_return_period.csv",
        "png": folder / "design_storms.png",
    }
    mark = bool(desk.settings.district.demonstration)
    write_whole(paths["csv"], table.assign(demonstration=mark).round(4).to_csv(index=False))
    write_whole(paths["summary"], summary.hotspots.assign(demonstration=mark).round(4).to_csv())
    write_whole(paths["png"], rehearsal_map_png(desk.district, summary.hotspots))
    return paths


def write_onemap_page(desk: Desk) -> Path:
    """Write ``onemap.html`` from the cycles of the last `SHOWN`, with the actions of the gravest one."""
    cycles = _cycles(desk)
    tables = [(cycle.valid_at, read_risk(desk.out / cycle.risk_paths["parquet"])) for cycle in cycles]
    at, gravest = max(tables, key=lambda item: _gravity(item[1]))
    inputs = OneMapInputs(
        district=desk.district,
        cycles=tables,
        warnings=all_warnings(desk, since=cycles[0].valid_at),
        gauges_rain=_gauges(desk, cycles),
        actions=propose_actions(desk.district, gravest),
        actions_at=at,
        reference_gauge=reference_gauge(desk),
        marks=desk.notices,
    )
    return write_onemap(inputs, desk.out / "onemap.html")


def write_story_page(desk: Desk) -> Path:
    """Write ``index.html``: the storm hour by hour, with links to everything the run has made."""
    cycles = _cycles(desk)
    rain = _gauges(desk, cycles)["rain_mm"].sel(gauge=reference_gauge(desk)).to_series()
    rows, levels = [], []
    for cycle in cycles:
        counts = cycle.summary["counts"]
        rain_mm = float(rain.get(pd.Timestamp(cycle.valid_at).tz_localize(None), float("nan")))
        names = ("red", "orange", "yellow", "blue", "unknown")
        rows.append({"valid_at": cycle.valid_at, "rain_mm": rain_mm, **{f"n_{name}": counts[name] for name in names}})
        towns = town_levels(read_risk(desk.out / cycle.risk_paths["parquet"]))["level"]
        levels += [{"valid_at": cycle.valid_at, "town_code": code, "level": level} for code, level in towns.items()]
    mails = [{"recipient": row.recipient, "status": row.state} for row in desk.ledger.outbox(since=cycles[0].valid_at)]
    inputs = StoryInputs(
        district=desk.district,
        files=_files(desk, cycles),
        cycles=pd.DataFrame(rows),
        town_levels=pd.DataFrame(levels),
        warnings=all_warnings(desk, since=cycles[0].valid_at),
        deliveries=pd.DataFrame(mails, columns=["recipient", "status"]),
        reference_gauge=reference_gauge(desk),
        marks=desk.notices,
    )
    return write_story(inputs, desk.out / "index.html")


def _gravity(table: RiskTable) -> tuple[int, ...]:
    """Order cycles by how many hotspots stand at each level, the gravest first."""
    return tuple(int((table["level"] == int(level)).sum()) for level in sorted(Level, reverse=True))


def _cycles(desk: Desk) -> list[Cycle]:
    """Return the cycles of the last `SHOWN`: pages cost the same whatever the age of the ledger."""
    last = desk.ledger.last_cycle(desk.code)
    cycles = [] if last is None else desk.ledger.cycles(desk.code, since=last.valid_at - SHOWN)
    if not cycles:
        finding = Finding(
            code="no-cycle",
            message="the ledger holds no finished cycle",
            file=str(desk.out),
            fix="run `wuyu cycle` or `wuyu replay`",
        )
        raise BadInputError("ledger", [finding])
    return cycles


def _gauges(desk: Desk, cycles: list[Cycle]) -> xr.Dataset:
    """Return the gauge rain of the full hours of these cycles, as the last of them knew it."""
    first, last = cycles[0], cycles[-1]
    # The ledger keeps the minute of a decision: what arrived within it may have been known.
    known_at = None if last.decided_at is None else last.decided_at + timedelta(minutes=1)
    begin, end = (newest_mark(cycle.valid_at, HOUR_MIN) for cycle in (first, last))
    return gauge_rain(desk, begin=begin - timedelta(hours=1), end=end, known_at=known_at).rain


def _files(desk: Desk, cycles: Sequence[Cycle]) -> list[str]:
    """List the run's products, relative to its folder: of what is made every hour, that of the cycles shown."""
    out = desk.out
    names = [Path(path).with_suffix(ending).as_posix() for path in _tables_of(cycles) for ending in RISK_ENDINGS]
    for row in desk.ledger.warnings(since=cycles[0].valid_at):
        stem = f"bulletins/{row.area_code}/{row.message_id}"
        names += [f"{stem}{draft}.{ending}" for draft in ("", ".draft") for ending in BULLETIN_ENDINGS]
    found = [name for name in names if (out / name).is_file()]
    for name in LINKED:
        place = out / name
        if place.is_file():
            found.append(name)
        for folder, _, names in os.walk(place):
            found += [(Path(folder) / item).relative_to(out).as_posix() for item in names if not item.startswith(".")]
    return sorted(found)


def _tables_of(cycles: Sequence[Cycle]) -> list[str]:
    return [cycle.risk_paths["parquet"] for cycle in cycles]
