"""What is asked of the warnings of a whole storm: one per town at a time, no flapping, an all-clear for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from itertools import pairwise

from risk_models.warning.records import Action, WarningRecord
from risk_models.warning.states import WarningPolicy

__all__ = ["check_storm", "flaps"]

_STEP = {Action.NEW: 1, Action.UPG: 1, Action.DNG: -1, Action.CAN: -1, Action.EXP: -1}


def flaps(
    records: Iterable[WarningRecord], policy: WarningPolicy, *, up_again_h: float = 3.0
) -> list[tuple[datetime, datetime]]:
    """Return the pairs of level changes of one town that lie too close together.

    Too close is: a raise within `up_again_h` after a lowering; a lowering sooner than the minimum duration after a
    raise; two lowerings closer than the cycles that a lowering takes (of one hour each). Raises may follow each other
    at once.
    """
    changes = [(record.issued_at, _STEP[record.action]) for record in records if record.action in _STEP]
    least_h = {
        (-1, 1): up_again_h,
        (1, -1): max(policy.minimum_duration_h, policy.downgrade_after_cycles),
        (-1, -1): float(policy.downgrade_after_cycles),
        (1, 1): 0.0,
    }
    return [
        (earlier, later)
        for (earlier, first), (later, second) in pairwise(changes)
        if later - earlier < timedelta(hours=least_h[first, second])
    ]


def check_storm(
    records: Iterable[WarningRecord], policy: WarningPolicy, *, standing_in: Collection[str] = ()
) -> dict[str, int]:
    """Assert at most one open warning per town, an end for each, and no flapping; returns the warnings of each town.

    In the towns of `standing_in` water stands to the end, and so does the warning.
    """
    by_town: dict[str, list[WarningRecord]] = defaultdict(list)
    for record in records:
        by_town[record.area_code].append(record)
    for town, told in by_town.items():
        assert flaps(told, policy) == [], town
        standing: str | None = None
        for record in told:
            assert (standing is None) == (record.action is Action.NEW), record.message_id
            assert standing in (None, record.warning_id), record.message_id
            standing = None if record.action.is_end else record.warning_id
        assert (standing is None) == (town not in standing_in), f"{town} has no all-clear"
    return {town: sum(record.action is Action.NEW for record in told) for town, told in sorted(by_town.items())}
