"""The record of real life: what the cycles of a ledger told, which warnings were in force, and which floods came."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import pandas as pd

from risk_models.errors import FloodRiskError
from risk_models.risk import read_risk
from risk_models.verification.record import FLOOD_COLUMNS, WARNING_COLUMNS, VerificationRecord, cycle_rows
from risk_models.warning.signals import rain_signals
from wuyu.ack.truth import truth_rows
from wuyu.ledger import Approval
from wuyu.ledger.removals import Kept, removals_of
from wuyu.observing.known import SEEN, floods_seen
from wuyu.signals.known import SIGNAL

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = [
    "SAME_FLOOD",
    "cycles_on_record",
    "floods_on_record",
    "ledger_record",
    "record_of",
    "source_of",
    "warnings_on_record",
]

SAME_FLOOD: Final = pd.Timedelta(hours=6)
"""Between two sights of water at a place that are of one flood."""

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
    rain = {name.partition("#")[0] for name in inputs if not name.startswith((SEEN, SIGNAL))}
    return " + ".join(sorted(rain)) or "none"


def floods_on_record(desk: Desk) -> pd.DataFrame:
    """Return every flood of the history, of the towns' reports and of what was seen, as `VerificationRecord.floods`.

    Sights of water at one place are one flood as long as the next comes within `SAME_FLOOD`, and none of its own where
    the history has a flood of that place as near. It begins when it was seen first, with the deepest of its depths.
    What feeds of a demonstration district saw counts as made up.
    """
    towns = desk.district.hotspots["town_code"]
    history = desk.district.history
    seen = _seen(desk, towns)
    seen = seen[~_is_in_history(seen, history)]
    told = pd.DataFrame(
        {
            "hotspot_id": [*history["hotspot_id"], *seen["hotspot_id"]],
            "town_code": [*history["hotspot_id"].map(towns), *seen["town_code"]],
            "started_at": [*(pd.Timestamp(at).tz_convert("UTC") for at in history["started_at"]), *seen["started_at"]],
            "depth_m": [*history["depth_m"], *seen["depth_m"]],
            "synthetic": [*history["synthetic"].astype(bool), *seen["synthetic"]],
        },
        columns=list(FLOOD_COLUMNS),
    )
    told["started_at"] = pd.to_datetime(told["started_at"], utc=True)
    told = told.astype({"depth_m": float, "synthetic": bool})
    return told.dropna(subset=["town_code", "started_at"], ignore_index=True)


def _seen(desk: Desk, towns: pd.Series) -> pd.DataFrame:
    """Return the floods that towns reported, feeds brought and the desk entered, with ``ended_at``: seen last."""
    reports = truth_rows(desk.ledger)
    reports = reports[reports["known"] & reports["flooded"] & reports["seen_at"].notna()]
    reports = reports.rename(columns={"area_code": "town_code"}).assign(synthetic=False)
    reports["hotspot_id"] = reports["hotspot_id"].fillna("")
    sights = floods_seen(desk)
    made_up = bool(desk.settings.district.demonstration) & ~sights["by_hand"]
    sights = sights.assign(town_code=sights["hotspot_id"].map(towns), synthetic=made_up)
    columns = ["hotspot_id", "town_code", "seen_at", "depth_m", "synthetic"]
    parts = [pd.DataFrame(part[columns]) for part in (reports, sights) if len(part)]
    if not parts:
        none = pd.DataFrame(columns=[*FLOOD_COLUMNS, "ended_at"])
        return none.astype(dict.fromkeys(("started_at", "ended_at"), "datetime64[ns, UTC]"))
    every = pd.concat(parts, ignore_index=True).sort_values("seen_at", kind="stable")
    place = ["town_code", "hotspot_id"]
    is_new = ~(every.groupby(place, dropna=False)["seen_at"].diff() <= SAME_FLOOD)
    flood = is_new.groupby([every[name] for name in place], dropna=False).cumsum().rename("flood")
    found = every.groupby([*place, flood], dropna=False, sort=True).agg(
        started_at=("seen_at", "min"), ended_at=("seen_at", "max"), depth_m=("depth_m", "max"),
        synthetic=("synthetic", "all"),
    )  # fmt: skip
    return found.reset_index()


def _is_in_history(seen: pd.DataFrame, history: pd.DataFrame) -> pd.Series:
    """Return which floods began, or were seen, within `SAME_FLOOD` of one of the history at the same place."""
    times: dict[str, list[pd.Timestamp]] = defaultdict(list)
    for place, at in zip(history["hotspot_id"], history["started_at"], strict=True):
        times[str(place)].append(pd.Timestamp(at))
    spans = zip(seen["hotspot_id"], seen["started_at"] - SAME_FLOOD, seen["ended_at"] + SAME_FLOOD, strict=True)
    near = [any(first <= at <= last for at in times[str(place)]) for place, first, last in spans]
    return pd.Series(near, index=seen.index, dtype=bool)


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
