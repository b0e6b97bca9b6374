"""How urgent, how certain, from when: what a warning knows of its places, in the words of CAP.

Urgency is about the action and not about the water: CAP 1.2 has Immediate where it is to be taken at once, Expected
where soon (within the next hour), Future where in the near future. So it is the time until the water may come less the
time that the action takes, as in the deadlines of the bulletin (`risk_models.warning.times`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pandas as pd

from risk_models.levels import LEVEL_STYLES, Level
from risk_models.observation import Now
from risk_models.risk.impact import NEGLIGIBLE
from risk_models.warning.records import WarningRecord
from risk_models.warning.times import minutes_needed

__all__ = [
    "CERTAINTIES",
    "URGENCIES",
    "CapHazard",
    "cap_hazard",
    "rows_of",
    "standing_hazard",
    "standing_severity",
]

URGENCIES: Final = ("Past", "Future", "Unknown", "Expected", "Immediate")
"""From the least to the most urgent: what nobody knows is never calmer than what is known to be far off."""
CERTAINTIES: Final = ("Unlikely", "Unknown", "Possible", "Likely", "Observed")
"""From the least to the most certain; unknown is never calmer than known to be unlikely."""

IMMEDIATE_MIN: Final = 60.0
"""Water that may come this soon leaves no time, however short the action, minutes; a choice of this program."""
EXPECTED_MIN: Final = 60.0
"""Time within which the action is to be begun, minutes: "soon (within next hour)" in CAP 1.2."""
LIKELY: Final = 0.5
"""Chance above which CAP 1.2 says Likely, at or below it Possible."""

_SEVERITIES: Final = ("Unknown", "Minor", "Moderate", "Severe", "Extreme")
_SEVERITY_FROM_M: Final = ((1.2, "Extreme"), (0.5, "Severe"), (0.0, "Moderate"))


@dataclass(frozen=True, kw_only=True)
class CapHazard:
    """Urgency, certainty and times of the water, the same in all languages.

    Attributes
    ----------
    urgency, certainty : str
        Of `URGENCIES` and `CERTAINTIES`.
    onset : datetime or None
        When water came or may come first; None if nobody knows, or not while the message holds.
    danger : (datetime, datetime) or None
        The most dangerous window as the bulletin tells it.
    stands : bool
        Water stands at one of the places.
    """

    urgency: str
    certainty: str
    onset: datetime | None = None
    danger: tuple[datetime, datetime] | None = None
    stands: bool = False


def rows_of(record: WarningRecord, risk_table: pd.DataFrame) -> pd.DataFrame:
    """Return the places of a warning: where water stands, where it was not checked, then as the warning names them.

    Parameters
    ----------
    record : WarningRecord
    risk_table : DataFrame, index hotspot_id
        Columns ``now`` and ``town_code``; a place of the town where water stands or was not checked counts though the
        warning does not name it.
    """
    wet = risk_table["now"].isin([str(Now.STANDS), str(Now.UNCONFIRMED)])
    own = risk_table.index[wet & (risk_table["town_code"] == record.area_code)]
    named = dict.fromkeys([name for name in record.hotspot_ids if name in risk_table.index] + sorted(map(str, own)))
    rows = pd.DataFrame(risk_table.loc[list(named)])
    order = rows["now"].map({str(Now.STANDS): 0, str(Now.UNCONFIRMED): 1}).fillna(2)
    return rows.loc[order.sort_values(kind="stable").index]


def cap_hazard(
    record: WarningRecord, risk_table: pd.DataFrame, needs_min: Mapping[str, float] | None = None
) -> CapHazard:
    """Tell urgency, certainty and onset from the places of a warning.

    Parameters
    ----------
    record : WarningRecord
    risk_table : DataFrame, index hotspot_id
        See `risk_models.risk.RISK_COLUMNS`.
    needs_min : mapping of str to float, optional
        Minutes that the action takes by kind, with ``other``; never counted as less than `IMMEDIATE_MIN`.

    Returns
    -------
    CapHazard
        The most urgent and the most certain of the places. Certainty: Observed where somebody sees water stand; Likely
        where the chance of 15 cm is above one half, or water stands by the model alone; Possible below; Unlikely where
        it is negligible everywhere (`risk_models.risk.impact.NEGLIGIBLE`); Unknown where the rain is unknown. Urgency:
        Immediate where water stands, or the time to the water is no more than the action takes; Expected where the
        action must begin within the hour, and where water stood and nobody has looked since; else Future. A place of
        which nobody knows when water comes makes that Unknown, and never Immediate. The water may come at the begin of
        the most dangerous window or in the unfavourable case, whichever is first. An end is Past and Observed.

    References
    ----------
    OASIS CAP 1.2, section 3.2.2 (code values).

    Examples
    --------
    >>> from datetime import UTC
    >>> from risk_models.warning.records import Action
    >>> at = datetime(2021, 7, 20, 1, tzinfo=UTC)
    >>> record = WarningRecord(event_key="E", warning_id="E-1", revision=0, action=Action.NEW, area_code="1",
    ...     level=Level.RED, previous_level=Level.NONE, issued_at=at, valid_from=at,
    ...     valid_to=at + timedelta(hours=6), hotspot_ids=("EQ-001",))
    >>> begin = pd.Timestamp("2021-07-20T02:40Z")
    >>> risk = pd.DataFrame({"kind": "tunnel", "town_code": "1", "now": "dry", "now_by": "", "now_since": pd.NaT,
    ...     "p_15cm": 0.7, "p_15cm_0_3h": 0.7, "depth_p50_m": 0.2, "danger_from": begin,
    ...     "onset_unfavourable_at": pd.NaT}, index=["EQ-001"])
    >>> hazard = cap_hazard(record, risk, {"tunnel": 30.0, "other": 60.0})
    >>> hazard.urgency, hazard.certainty, hazard.onset.isoformat()
    ('Expected', 'Likely', '2021-07-20T02:40:00+00:00')
    """
    if record.action.is_end:
        return CapHazard(urgency="Past", certainty="Observed")
    rows = rows_of(record, risk_table)
    if rows.empty:
        return CapHazard(urgency="Unknown", certainty="Unknown")
    rows = _timed(rows, {"other": IMMEDIATE_MIN} if needs_min is None else dict(needs_min))
    return CapHazard(
        urgency=max((_urgency(row, record.issued_at) for row in rows.itertuples()), key=URGENCIES.index),
        certainty=max(map(_certainty, rows.itertuples()), key=CERTAINTIES.index),
        onset=_onset(record, rows),
        stands=bool((rows["now"] == str(Now.STANDS)).any()),
    )


def standing_hazard(rows: pd.DataFrame, *, sent_at: datetime) -> CapHazard:
    """Tell urgency, certainty and onset of water that stands.

    Parameters
    ----------
    rows : DataFrame
        Places where it does; ``now``, ``now_by``, ``now_since``.
    sent_at : datetime

    Returns
    -------
    CapHazard
        Immediate; Observed if somebody sees water at any of them, Likely if it stands by the model alone.
    """
    certainty = max(map(_certainty, rows.itertuples()), key=CERTAINTIES.index)
    return CapHazard(urgency="Immediate", certainty=certainty, onset=_stands_since(rows, sent_at), stands=True)


def standing_severity(level: Level, depth_m: float) -> str:
    """Return the severity of water that stands: that of the level, and at least that of its depth.

    Parameters
    ----------
    level : Level
        The highest of the places.
    depth_m : float
        The greatest known.

    Examples
    --------
    >>> standing_severity(Level.NONE, 0.15), standing_severity(Level.BLUE, 0.5), standing_severity(Level.RED, 0.2)
    ('Moderate', 'Severe', 'Extreme')
    """
    by_depth = next(severity for least_m, severity in _SEVERITY_FROM_M if depth_m >= least_m)
    by_level = LEVEL_STYLES[level].cap_severity if level.is_warning else "Unknown"
    return max(by_depth, by_level, key=_SEVERITIES.index)


def _timed(rows: pd.DataFrame, minutes: dict[str, float]) -> pd.DataFrame:
    """Add whether it is known when water comes, when it may come first, and how long before that people must begin."""
    is_timed = rows["p_15cm_0_3h"].notna() & rows["depth_p50_m"].notna()
    times = [pd.to_datetime(rows[name], utc=True) for name in ("danger_from", "onset_unfavourable_at")]
    begins = pd.concat(times, axis=1).min(axis=1).where(is_timed)
    needs_min = [max(minutes_needed(str(kind), minutes), IMMEDIATE_MIN) for kind in rows["kind"]]
    return rows.assign(is_timed=is_timed, begins=pd.to_datetime(begins, utc=True), needs_min=needs_min)


def _urgency(row: Any, at: datetime) -> str:
    if row.now == Now.STANDS:
        return "Immediate"
    calmest = "Expected" if row.now == Now.UNCONFIRMED else "Future" if row.is_timed else "Unknown"
    if pd.isna(row.begins):
        return calmest
    spare = row.begins - at - timedelta(minutes=row.needs_min)
    if spare <= timedelta(0):
        return "Immediate"
    return "Expected" if spare <= timedelta(minutes=EXPECTED_MIN) else calmest


def _certainty(row: Any) -> str:
    if row.now == Now.STANDS:
        return "Observed" if row.now_by else "Likely"
    if row.p_15cm > LIKELY:
        return "Likely"
    if row.now == Now.UNCONFIRMED:
        return "Possible"
    if pd.isna(row.p_15cm) or not row.is_timed:
        return "Unknown"
    return "Possible" if row.p_15cm >= NEGLIGIBLE else "Unlikely"


def _onset(record: WarningRecord, rows: pd.DataFrame) -> datetime | None:
    standing = rows.loc[rows["now"] == str(Now.STANDS)]
    if len(standing):
        return _stands_since(standing, record.issued_at)
    first = rows["begins"].min()
    if pd.isna(first):
        return None
    onset: datetime = max(first.to_pydatetime(), record.issued_at)
    return onset if onset < record.valid_to else None


def _stands_since(rows: pd.DataFrame, sent_at: datetime) -> datetime:
    since = pd.to_datetime(rows["now_since"], utc=True).min()
    return sent_at if pd.isna(since) else min(since.to_pydatetime(), sent_at)
