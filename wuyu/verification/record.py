"""The record of real life: what the cycles of a ledger told, which warnings were in force, and which floods came."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from risk_models.errors import FloodRiskError
from risk_models.risk import read_risk
from risk_models.verification.record import FLOOD_COLUMNS, WARNING_COLUMNS, VerificationRecord, cycle_rows
from risk_models.warning.signals import rain_signals
from wuyu.ack.truth import truth_rows
from wuyu.ledger import Approval
from wuyu.ledger.removals import Kept, removals_of
from wuyu.observing.known import SEEN

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = ["cycles_on_record", "floods_on_record", "ledger_record", "record_of", "source_of", "warnings_on_record"]

_IN_FORCE = (Approval.NOT_NEEDED, Approval.APPROVED)
_ENDS = ("CAN", "EXP")


def ledger_record(desk: Desk) -> VerificationRecord:
    """Return the record of the district in its ledger.

    Raises
    ------
    FloodRiskError
        If the ledger holds no finished cycle.
    """
    return record_of(desk, cycles_on_record(desk), warnings_on_record(desk))


def record_of(desk: Desk, cycles: pd.DataFrame, warnings: pd.DataFrame) -> VerificationRecord:
    """Put cycles and warnings of a district beside its floods."""
    settings = desk.settings
    return VerificationRecord(
        cycles=cycles,
        floods=floods_on_record(desk),
        warnings=warnings,
        horizon_h=float(settings.warning.horizon_h),
        zone=settings.district.timezone,
        flood_season=settings.seasons.flood_season,
    )


def cycles_on_record(desk: Desk) -> pd.DataFrame:
    """Return one row per finished cycle and hotspot, see `risk_models.verification.record.cycle_rows`.

    Raises
    ------
    FloodRiskError
        If the ledger holds no finished cycle.
    """
    parts = []
    cycles = desk.ledger.cycles(desk.code)
    with desk.ledger.reading() as session:
        removed = removals_of(session, Kept.RISK, [cycle.risk_paths["parquet"] for cycle in cycles])
    for cycle in cycles:
        if cycle.risk_paths["parquet"] in removed:
            continue  # by retention: the record is the shorter for it
        table = read_risk(desk.out / cycle.risk_paths["parquet"])
        signals = rain_signals(table, desk.standards, desk.settings.standards.rain_signals)
        rows = cycle_rows(table, signals, source=source_of(cycle.inputs))
        parts.append(rows.assign(valid_at=pd.Timestamp(cycle.valid_at), ladder_step=cycle.ladder_step or 1))
    if not parts:
        raise FloodRiskError("the ledger holds no finished cycle; run `wuyu replay` or `wuyu cycle` first")
    return pd.concat(parts, ignore_index=True)


def source_of(inputs: Iterable[str]) -> str:
    """Return what the rain of a cycle stood on: its feeds, by the keys of its inputs.

    Examples
    --------
    >>> source_of(["gauges", "ensemble", "gauges#2"])
    'ensemble + gauges'
    """
    rain = {name.partition("#")[0] for name in inputs if not name.startswith(SEEN)}
    return " + ".join(sorted(rain)) or "none"


def floods_on_record(desk: Desk) -> pd.DataFrame:
    """Return every flood of the district's history and of the reports of its towns, as `VerificationRecord.floods`."""
    towns = desk.district.hotspots["town_code"]
    history = desk.district.history
    seen = truth_rows(desk.ledger)
    seen = seen[seen["known"] & seen["flooded"] & seen["seen_at"].notna()]
    told = pd.DataFrame(
        {
            "hotspot_id": [*history["hotspot_id"], *seen["hotspot_id"].fillna("")],
            "town_code": [*history["hotspot_id"].map(towns), *seen["area_code"]],
            "started_at": [*(pd.Timestamp(at).tz_convert("UTC") for at in history["started_at"]), *seen["seen_at"]],
            "depth_m": [*history["depth_m"], *seen["depth_m"]],
            "synthetic": [*history["synthetic"].astype(bool), *([False] * len(seen))],
        },
        columns=list(FLOOD_COLUMNS),
    )
    told["started_at"] = pd.to_datetime(told["started_at"], utc=True)
    told = told.astype({"depth_m": float, "synthetic": bool})
    return told.dropna(subset=["town_code", "started_at"], ignore_index=True)


def warnings_on_record(desk: Desk) -> pd.DataFrame:
    """Return the revisions of warnings that were in force, as `VerificationRecord.warnings`.

    What an officer signed counts from the signature. What waited or was refused told nobody.
    """
    rows = [
        (row.warning_id, row.revision, row.area_code, row.level, row.approved_at or row.issued_at, row.valid_to,
         row.action in _ENDS)
        for row in desk.ledger.warnings(district_code=desk.code)
        if row.approval_state in _IN_FORCE
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=list(WARNING_COLUMNS))
    for column in ("told_at", "valid_to"):
        table[column] = pd.to_datetime(table[column], utc=True)
    return table
