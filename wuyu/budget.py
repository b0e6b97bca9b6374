"""The warning budget of a district, from the cycles and reports that its ledger holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from risk_models.errors import FloodRiskError
from risk_models.files import write_whole
from risk_models.levels import Level
from risk_models.risk import read_risk
from risk_models.verification.budget import Criterion, warning_budget
from risk_models.warning.signals import rain_signals
from wuyu.ack.truth import truth_rows
from wuyu.ledger.removals import Kept, removals_of

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = ["candidates", "cycles_on_record", "floods_on_record", "write_budget"]

_COLUMNS = ["town_code", "level", "likelihood", "impact"]


def cycles_on_record(desk: Desk) -> pd.DataFrame:
    """Return one row per finished cycle and hotspot, as `risk_models.verification.budget.criterion_met` reads them.

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
        part = pd.DataFrame(table[_COLUMNS]).reset_index()
        part["signal"] = part["town_code"].map(signals["level"]).fillna(int(Level.UNKNOWN)).astype(int)
        parts.append(part.assign(valid_at=pd.Timestamp(cycle.valid_at), ladder_step=cycle.ladder_step or 1))
    if not parts:
        raise FloodRiskError("the ledger holds no finished cycle; run `wuyu replay` or `wuyu cycle` first")
    return pd.concat(parts, ignore_index=True)


def floods_on_record(desk: Desk) -> pd.DataFrame:
    """Return town and beginning (UTC) of every flood of the district's history and of the reports of its towns."""
    towns = desk.district.hotspots["town_code"]
    history = desk.district.history
    seen = truth_rows(desk.ledger)
    seen = seen[seen["known"] & seen["flooded"] & seen["seen_at"].notna()]
    told = pd.DataFrame(
        {
            "town_code": [*history["hotspot_id"].map(towns), *seen["area_code"]],
            "started_at": [*(pd.Timestamp(at).tz_convert("UTC") for at in history["started_at"]), *seen["seen_at"]],
        }
    )
    told["started_at"] = pd.to_datetime(told["started_at"], utc=True)
    return told.dropna(ignore_index=True)


def candidates(desk: Desk) -> list[Criterion]:
    """Return the criteria that are compared: the district's own at each level, and what could stand in their place.

    ``likelihood-impact`` warns at classes of the risk matrix whatever its colours say; ``signal`` by rain alone; the
    variants of ``level-orange`` end a warning sooner or later.
    """
    policy = desk.policy
    own = [Criterion(name=f"level-{level}", level_min=level, policy=policy) for level in Level if level.is_warning]
    classes = [
        Criterion(name=f"likelihood-{likelihood}-impact-{impact}", likelihood_min=likelihood, impact_min=impact,
                  policy=policy)
        for likelihood, impact in ((1, 3), (2, 2), (2, 3), (3, 2), (3, 3))
    ]  # fmt: skip
    signals = [
        Criterion(name=f"signal-{level}", signal_min=level, policy=policy) for level in Level if level.is_warning
    ]
    ends = [
        Criterion(
            name=f"level-orange-end-after-{cycles}",
            level_min=Level.ORANGE,
            policy=replace(policy, downgrade_after_cycles=cycles, minimum_duration_h=0.0),
        )
        for cycles in (1, 3, 6)
    ]
    return [*own, *classes, *signals, *ends]


def write_budget(desk: Desk) -> tuple[Path, pd.DataFrame]:
    """Write the warning budget as ``verification/warning_budget.csv``.

    Returns
    -------
    path : Path
    table : DataFrame
        See `risk_models.verification.budget.warning_budget`.
    """
    settings = desk.settings
    table = warning_budget(
        cycles_on_record(desk),
        floods_on_record(desk),
        candidates(desk),
        zone=settings.district.timezone,
        flood_season=settings.seasons.flood_season,
    )
    path = desk.out / "verification" / "warning_budget.csv"
    write_whole(path, table.round(2).to_csv(lineterminator="\n"))
    return path, table
