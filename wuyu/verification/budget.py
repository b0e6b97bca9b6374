"""The warning budget of a district, from the cycles and reports that its ledger holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from risk_models.levels import Level
from risk_models.verification.budget import Criterion, warning_budget
from wuyu.verification.record import cycles_on_record, floods_on_record
from wuyu.verification.tables import write_table

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = ["candidates", "write_budget"]


def candidates(desk: Desk) -> list[Criterion]:
    """Return the criteria that are compared: the district's own at each level, and what could stand in their place.

    ``likelihood-impact`` warns at classes of the risk matrix whatever its colours say; ``signal`` by rain alone; the
    variants of ``level-orange`` end a warning sooner or later.
    """
    policy = desk.policy
    own = [Criterion(name=f"level-{level}", town_min=level, policy=policy) for level in Level if level.is_warning]
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
            town_min=Level.ORANGE,
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
    return write_table(path, table, decimals=2), table
