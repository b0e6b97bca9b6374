"""What is written from the ledger and the risk tables after the cycles: rehearsal, monthly report, one map, story."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
import xarray as xr

from reports.figures import rehearsal_map_png
from reports.onemap import OneMapInputs, write_onemap
from reports.periodic import DeliveryCounts, MonthlyInputs, file_stem, monthly_report, write_docx, write_pdf
from reports.story import StoryInputs, write_story
from risk_models.errors import BadInputError, ConfigError, Finding
from risk_models.levels import Level
from risk_models.plan import propose_actions
from risk_models.rehearsal import rehearse, summarise
from risk_models.risk import RiskTable, read_risk, town_levels
from risk_models.warning.records import WarningRecord
from risk_models.warning.states import record_to_dict
from wuyu.feeds.select import gauge_table
from wuyu.ledger import Cycle, OutboxState
from wuyu.rain import gauge_rain

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = ["reference_gauge", "write_monthly", "write_onemap_page", "write_rehearsal", "write_story_page"]

Lang = Literal["zh", "en"]
#: Folders whose files the story links.
LINKED = ("bulletins", "reports", "rehearsal", "risk", "onemap.html", "ledger.sqlite")


def write_rehearsal(desk: Desk) -> dict[str, Path]:
    """Run design storms through the ponding model; write the tables and the map.

    Returns
    -------
    dict of str to Path
        ``csv`` (a row per storm and hotspot), ``summary`` (a row per hotspot) and ``png``.
    """
    table = rehearse(desk.district, desk.terrain, desk.standards)
    classes = desk.standards.depth_classes(desk.district.settings.standards.depth_classes)
    summary = summarise(table, classes)
    folder = desk.out / "rehearsal"
    folder.mkdir(parents=True, exist_ok=True)
    paths = {
        "csv": folder / "design_storms.csv",
        "summary": folder / "critical_return_period.csv",
        "png": folder / "design_storms.png",
    }
    mark = bool(desk.district.settings.district.demonstration)
    table.assign(demonstration=mark).round(4).to_csv(paths["csv"], index=False)
    summary.hotspots.assign(demonstration=mark).round(4).to_csv(paths["summary"])
    paths["png"].write_bytes(rehearsal_map_png(desk.district, summary.hotspots))
    return paths


def write_monthly(
    desk: Desk, month: str, *, langs: Sequence[Lang] = ("zh", "en"), now: datetime | None = None
) -> list[Path]:
    """Write the report of a month, Word and PDF, and register it in the ledger.

    Parameters
    ----------
    desk : Desk
    month : str
        ``YYYY-MM`` in local time.
    langs : sequence of {"zh", "en"}
    now : datetime, optional
        Moment of issue; default: 09:00 local time on the first day after the month, so that a report written again is
        the same.

    Returns
    -------
    list of Path

    Raises
    ------
    ConfigError
        If `month` does not read ``YYYY-MM``.
    """
    if re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month) is None:
        raise ConfigError(f"month must read YYYY-MM, got '{month}'")
    period = pd.Period(month, freq="M")
    zone = desk.district.settings.district.timezone
    begin = period.start_time.tz_localize(zone)
    end = (period + 1).start_time.tz_localize(zone)
    issued_at = now or (end + pd.Timedelta(hours=9)).to_pydatetime()
    cycles = [cycle for cycle in desk.ledger.cycles(desk.code) if begin < pd.Timestamp(cycle.valid_at) <= end]
    warnings = _warnings(desk)
    inputs = MonthlyInputs(
        district=desk.district,
        standards=desk.standards,
        month=month,
        gauges_rain=_gauges(desk, end.to_pydatetime()),
        risk=_risk_long(desk, cycles),
        warnings=warnings[(warnings["issued_at"] >= begin) & (warnings["issued_at"] < end)],
        issued_at=issued_at,
        deliveries=_delivery_counts(desk, begin, end),
        rehearsal=rehearse(desk.district, desk.terrain, desk.standards),
        reference_gauge=reference_gauge(desk),
    )
    folder = desk.out / "reports"
    written = []
    for lang in langs:
        document = monthly_report(inputs, lang)
        stem = folder / file_stem(month, lang)
        written.append(write_docx(document, stem.with_name(stem.name + ".docx")))
        written.append(write_pdf(document, stem.with_name(stem.name + ".pdf")))
    products = {path.name.partition(".")[2]: _product(desk, path) for path in written}
    desk.ledger.record_report(desk.code, "month", month, products, now=issued_at)
    return written


def write_onemap_page(desk: Desk) -> Path:
    """Write ``onemap.html`` from every cycle in the ledger, with the actions of the gravest one."""
    cycles = _cycles(desk)
    tables = [(cycle.valid_at, read_risk(desk.out / cycle.risk_paths["parquet"])) for cycle in cycles]
    at, gravest = max(tables, key=lambda item: _gravity(item[1]))
    inputs = OneMapInputs(
        district=desk.district,
        cycles=tables,
        warnings=_warnings(desk),
        gauges_rain=_gauges(desk, cycles[-1].valid_at),
        actions=propose_actions(desk.district, gravest),
        actions_at=at,
        reference_gauge=reference_gauge(desk),
    )
    return write_onemap(inputs, desk.out / "onemap.html")


def write_story_page(desk: Desk) -> Path:
    """Write ``index.html``: the storm hour by hour, with links to everything the run has made."""
    cycles = _cycles(desk)
    rain = _gauges(desk, cycles[-1].valid_at)["rain_mm"].sel(gauge=reference_gauge(desk)).to_series()
    rows, levels = [], []
    for cycle in cycles:
        counts = cycle.summary["counts"]
        rain_mm = float(rain.get(pd.Timestamp(cycle.valid_at).tz_localize(None), float("nan")))
        names = ("red", "orange", "yellow", "blue", "unknown")
        rows.append({"valid_at": cycle.valid_at, "rain_mm": rain_mm, **{f"n_{name}": counts[name] for name in names}})
        towns = town_levels(read_risk(desk.out / cycle.risk_paths["parquet"]))["level"]
        levels += [{"valid_at": cycle.valid_at, "town_code": code, "level": level} for code, level in towns.items()]
    mails = [{"recipient": row.recipient, "status": row.state} for row in desk.ledger.outbox()]
    inputs = StoryInputs(
        district=desk.district,
        files=_files(desk.out),
        cycles=pd.DataFrame(rows),
        town_levels=pd.DataFrame(levels),
        warnings=_warnings(desk),
        deliveries=pd.DataFrame(mails, columns=["recipient", "status"]),
        reference_gauge=reference_gauge(desk),
    )
    return write_story(inputs, desk.out / "index.html")


def reference_gauge(desk: Desk) -> str:
    """Return the gauge that stands for the district in figures: as set, else the first of the register."""
    return desk.district.settings.district.reference_gauge or str(desk.district.gauges.index[0])


def _gravity(table: RiskTable) -> tuple[int, ...]:
    """Order cycles by how many hotspots stand at each level, the gravest first."""
    return tuple(int((table["level"] == int(level)).sum()) for level in sorted(Level, reverse=True))


def _cycles(desk: Desk) -> list[Cycle]:
    cycles = desk.ledger.cycles(desk.code)
    if not cycles:
        finding = Finding(
            code="no-cycle",
            message="the ledger holds no finished cycle",
            file=str(desk.out),
            fix="run `wuyu cycle` or `wuyu replay`",
        )
        raise BadInputError("ledger", [finding])
    return cycles


def _gauges(desk: Desk, until: datetime) -> xr.Dataset:
    """Return the newest gauge table as it was known at `until`."""
    feed = next((feed.id for feed in desk.district.settings.feeds if feed.kind == "gauge_table"), "")
    file = gauge_table(desk.ledger, feed, raw_dir=desk.raw_dir, valid_at=until)
    return gauge_rain(desk, file, valid_at=until)


def _risk_long(desk: Desk, cycles: Sequence[Cycle]) -> pd.DataFrame:
    columns = ["level", "score", "depth_p50_m"]
    parts = []
    for cycle in cycles:
        table = pd.DataFrame(read_risk(desk.out / cycle.risk_paths["parquet"])[columns]).reset_index()
        parts.append(table.assign(valid_at=pd.Timestamp(cycle.valid_at)))
    if not parts:
        return pd.DataFrame(
            {"valid_at": pd.DatetimeIndex([], tz="UTC"), "hotspot_id": [], **{name: [] for name in columns}}
        )
    return pd.concat(parts, ignore_index=True)[["valid_at", "hotspot_id", *columns]]


def _warnings(desk: Desk) -> pd.DataFrame:
    """Return every revision as a row; columns are the fields of `WarningRecord`."""
    rows: list[dict[str, Any]] = [record_to_dict(row.to_record()) for row in desk.ledger.warnings()]
    table = pd.DataFrame(rows, columns=[field.name for field in fields(WarningRecord)])
    for name in ("issued_at", "valid_from", "valid_to"):
        table[name] = pd.to_datetime(table[name], utc=True)
    return table


def _delivery_counts(desk: Desk, begin: pd.Timestamp, end: pd.Timestamp) -> DeliveryCounts:
    rows = [row for row in desk.ledger.outbox() if begin <= pd.Timestamp(row.decided_at) < end]
    bulletins = {row.message_id for row in rows}
    given_up = (OutboxState.FAILED, OutboxState.EXPIRED, OutboxState.WITHDRAWN)
    return DeliveryCounts(
        bulletins=len(bulletins),
        accepted=sum(row.state == OutboxState.SENT for row in rows),
        failed=sum(row.state in given_up for row in rows),
        waiting=sum(OutboxState(row.state).is_open for row in rows),
    )


def _product(desk: Desk, path: Path) -> dict[str, str]:
    return {"path": desk.relative(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _files(out: Path) -> list[str]:
    """List the run's products, relative to its folder."""
    found = []
    for name in LINKED:
        place = out / name
        if place.is_file():
            found.append(name)
        for folder, _, names in os.walk(place):
            found += [(Path(folder) / item).relative_to(out).as_posix() for item in names if not item.startswith(".")]
    return sorted(found)
