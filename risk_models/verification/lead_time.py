"""How long before an event a level stood: lead times."""

from __future__ import annotations

import pandas as pd

from risk_models.levels import Level

__all__ = ["first_reached", "lead_times"]


def first_reached(levels: pd.DataFrame, level: Level) -> pd.Series:
    """Return when each place first stood at a level or above.

    Parameters
    ----------
    levels : DataFrame, index place id (not unique)
        One row per place and cycle: ``valid_at`` (timezone-aware) and ``level`` (Level code). UNKNOWN reaches nothing.
    level : Level

    Returns
    -------
    Series of datetime64[ns, UTC], index the places (sorted)
        NaT for a place that never stood there.

    Raises
    ------
    ValueError
        If the times have no zone.

    Examples
    --------
    >>> cycles = pd.to_datetime(["2021-07-20T06:00Z", "2021-07-20T07:00Z", "2021-07-20T08:00Z"])
    >>> levels = pd.DataFrame({"valid_at": cycles, "level": [1, 4, 4]}, index=["EQ-001"] * 3)
    >>> first_reached(levels, Level.RED)["EQ-001"].isoformat()
    '2021-07-20T07:00:00+00:00'
    """
    if not isinstance(levels["valid_at"].dtype, pd.DatetimeTZDtype):
        raise ValueError(f"valid_at must be timezone-aware times, got {levels['valid_at'].dtype}")
    times = levels["valid_at"].dt.tz_convert("UTC").astype("datetime64[ns, UTC]")
    reached = times.where(levels["level"] >= level)
    first: pd.Series = reached.groupby(level=0).min().rename("first_at")
    return first


def lead_times(first_at: pd.Series, event_at: pd.Series) -> pd.DataFrame:
    """Compare first warnings with events.

    lead_h = (event_at - first_at) / 1 h; positive if the warning stood before the event, 0 in the same cycle, negative
    if it came late.

    Parameters
    ----------
    first_at : Series of datetime64[ns, UTC], index place id
        First time at the level, NaT for never (see `first_reached`).
    event_at : Series of datetime64[ns, UTC], index place id
        Time of the event, NaT for none.

    Returns
    -------
    DataFrame, index the places of both (sorted)
        ``first_at``, ``event_at``, ``lead_h`` [h] (NaN without warning or event) and ``outcome``: hit (lead >= 0), late
        (lead < 0), miss (event, no warning), false_alarm (warning, no event), none.

    Raises
    ------
    ValueError
        If a place occurs twice.

    Examples
    --------
    >>> first = pd.Series(pd.to_datetime(["2021-07-20T05:00Z", None]), index=["EQ-001", "EQ-002"])
    >>> event = pd.Series(pd.to_datetime(["2021-07-20T08:30Z", "2021-07-20T09:00Z"]), index=["EQ-001", "EQ-002"])
    >>> lead_times(first, event)[["lead_h", "outcome"]].to_dict("list")
    {'lead_h': [3.5, nan], 'outcome': ['hit', 'miss']}
    """
    for name, series in (("first_at", first_at), ("event_at", event_at)):
        if not series.index.is_unique:
            raise ValueError(f"{name}: {series.index[series.index.duplicated()][0]} occurs more than once")
    table = pd.DataFrame({"first_at": first_at, "event_at": event_at}).sort_index()
    table = table.astype("datetime64[ns, UTC]")
    table["lead_h"] = (table["event_at"] - table["first_at"]).dt.total_seconds() / 3600
    warned, happened = table["first_at"].notna(), table["event_at"].notna()
    table["outcome"] = "none"
    table.loc[warned & ~happened, "outcome"] = "false_alarm"
    table.loc[~warned & happened, "outcome"] = "miss"
    table.loc[warned & happened & (table["lead_h"] >= 0), "outcome"] = "hit"
    table.loc[warned & happened & (table["lead_h"] < 0), "outcome"] = "late"
    return table
