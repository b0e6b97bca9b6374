"""A replayed storm against what is recorded: whether each hotspot was warned in time, and what else was."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from risk_models.levels import Level
from risk_models.scores import Contingency, contingency
from risk_models.verification.lead_time import first_reached, lead_times

__all__ = ["replay_contingency", "replay_table", "stack_levels"]


def stack_levels(risk_tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Put the levels of successive risk tables below each other.

    Parameters
    ----------
    risk_tables : iterable of DataFrame, index hotspot_id
        Column ``level``; ``attrs["valid_at"]`` (ISO 8601 with zone or a timezone-aware time).

    Returns
    -------
    DataFrame, index hotspot_id
        ``valid_at`` (datetime64[ns, UTC]) and ``level``, in the order given.

    Raises
    ------
    ValueError
        If there is no table, or one does not know its time or its zone.

    Examples
    --------
    >>> table = pd.DataFrame({"level": [4]}, index=["EQ-001"])
    >>> table.attrs["valid_at"] = "2021-07-20T07:00:00+00:00"
    >>> stack_levels([table])
                                valid_at  level
    hotspot_id
    EQ-001     2021-07-20 07:00:00+00:00      4
    """
    parts = []
    for number, table in enumerate(risk_tables, start=1):
        valid_at = pd.Timestamp(table.attrs.get("valid_at", pd.NaT))
        if pd.isna(valid_at) or valid_at.tzinfo is None:
            raise ValueError(f"risk table {number}: attrs['valid_at'] must be a time with zone, got {valid_at}")
        part = pd.DataFrame({"valid_at": valid_at.tz_convert("UTC").as_unit("ns"), "level": table["level"].astype(int)})
        parts.append(part.rename_axis("hotspot_id"))
    if not parts:
        raise ValueError("no risk table given")
    return pd.concat(parts)


def replay_table(
    levels: pd.DataFrame, history: pd.DataFrame, hotspots: pd.DataFrame | None = None, *, level: Level = Level.RED
) -> pd.DataFrame:
    """Tell for each hotspot named in the history when it first stood at a level, when the event was, and the lead.

    Parameters
    ----------
    levels : DataFrame, index hotspot_id
        ``valid_at`` (timezone-aware), ``level``; see `stack_levels`.
    history : DataFrame
        ``hotspot_id``, ``started_at`` (ISO 8601 with offset, or timezone-aware); further columns are carried along if
        named ``event_id``, ``depth_m``, ``effect_zh``, ``effect_en``, ``confidence``, ``synthetic``. Rows outside the
        replayed time are left out. The earliest row of a hotspot counts.
    hotspots : DataFrame, index hotspot_id, optional
        Names ``hotspot_name``, ``hotspot_name_en``.
    level : Level

    Returns
    -------
    DataFrame, index hotspot_id, earliest event first
        Names, ``first_at`` (UTC; NaT never), ``event_at``, ``lead_h`` [h], ``outcome`` (hit, late, miss), ``top_level``
        reached in the replay (int, UNKNOWN if never scored), then what was carried along.

    Raises
    ------
    ValueError
        If a time has no zone.

    Examples
    --------
    >>> cycles = pd.to_datetime(["2021-07-20T06:00Z", "2021-07-20T07:00Z", "2021-07-20T08:00Z", "2021-07-20T09:00Z"])
    >>> levels = pd.DataFrame({"valid_at": cycles, "level": [1, 4, 4, 4]}, index=["EQ-001"] * 4)
    >>> history = pd.DataFrame({"hotspot_id": ["EQ-001"], "started_at": ["2021-07-20T16:30:00+08:00"]})
    >>> print(*replay_table(levels, history).loc["EQ-001", ["lead_h", "outcome"]])
    1.5 hit
    """
    events = _events(levels, history)
    first_at = first_reached(levels, level).reindex(events.index)
    table = lead_times(first_at, events["event_at"]).loc[events.index]
    top = levels["level"].groupby(level=0).max()
    table["top_level"] = top.reindex(table.index).fillna(int(Level.UNKNOWN)).astype(int)
    carried = [name for name in _CARRIED if name in events]
    table = table.join(events[carried])
    if hotspots is not None:
        names = hotspots[[name for name in ("hotspot_name", "hotspot_name_en") if name in hotspots]]
        table = names.reindex(table.index).join(table)
    return table.rename_axis("hotspot_id").sort_values("event_at", kind="stable")


_CARRIED = ("event_id", "depth_m", "effect_zh", "effect_en", "confidence", "synthetic")


def _events(levels: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Return the earliest recorded event of each hotspot within the replay, by hotspot_id."""
    stamps = [pd.Timestamp(value) for value in history["started_at"]]
    for row, stamp in zip(history.index, stamps, strict=True):
        if pd.isna(stamp) or stamp.tzinfo is None:
            raise ValueError(f"history row {row}: started_at must be a time with offset, got {stamp}")
    event_at = pd.Series(pd.to_datetime(stamps, utc=True), index=history.index, dtype="datetime64[ns, UTC]")
    events = history.assign(event_at=event_at)
    is_within = event_at.between(levels["valid_at"].min(), levels["valid_at"].max())
    events = events[is_within].sort_values(["event_at", "hotspot_id"], kind="stable")
    return events.drop_duplicates("hotspot_id").set_index("hotspot_id")


def replay_contingency(levels: pd.DataFrame, table: pd.DataFrame, *, level: Level = Level.RED) -> Contingency:
    """Count hits, misses, false alarms and correct negatives over all hotspots of a replay.

    A hotspot is forecast if it stood at the level before or at its recorded event, or at any time if it has none. A
    hotspot that was UNKNOWN throughout is left out, unless it flooded: then it is a miss.

    Parameters
    ----------
    levels : DataFrame, index hotspot_id
        As for `replay_table`.
    table : DataFrame
        From `replay_table`, with the same level.
    level : Level

    Returns
    -------
    Contingency

    Notes
    -----
    The record of events is never complete: a hotspot that flooded unrecorded counts as a false alarm, so the false
    alarm ratio is an upper bound.

    Examples
    --------
    >>> cycles = pd.to_datetime(["2021-07-20T06:00Z"] * 3)
    >>> levels = pd.DataFrame({"valid_at": cycles, "level": [4, 4, 0]}, index=["EQ-001", "EQ-002", "EQ-003"])
    >>> history = pd.DataFrame({"hotspot_id": ["EQ-001"], "started_at": ["2021-07-20T06:00:00+00:00"]})
    >>> replay_contingency(levels, replay_table(levels, history))
    Contingency(hits=1, false_alarms=1, misses=0, correct_negatives=1)
    """
    top = levels["level"].groupby(level=0).max()
    places = top.index.union(table.index)
    reached = top.reindex(places, fill_value=int(Level.UNKNOWN)).to_numpy()
    is_late = places.isin(table.index[table["outcome"] == "late"])
    happened = places.isin(table.index)
    known = (reached > Level.UNKNOWN) | happened
    return contingency((reached >= level) & ~is_late, happened, known=known)
