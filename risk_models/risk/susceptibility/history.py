"""From a district's record of floods to a table to learn from."""

from __future__ import annotations

import numpy as np
import pandas as pd

from risk_models.errors import BadInputError, Finding

__all__ = ["group_storms", "training_table"]

#: Confidence classes of the history table, best first.
_CONFIDENCE_ORDER = ("A", "B", "C", "D")


def group_storms(history: pd.DataFrame, *, gap_h: float = 24.0, timezone: str = "Asia/Shanghai") -> pd.Series:
    """Name the storm to which each row of the record belongs: starts less than a gap apart are one storm.

    Parameters
    ----------
    history : DataFrame
        ``started_at`` (timezone-aware).
    gap_h : float
        Hours without a new flood after which another storm begins [h].
    timezone : str
        Local time, in which the storm is named by the date of its first flood.

    Returns
    -------
    Series of str, index of `history`
        ``storm_id``: ISO date, with ``b``, ``c`` ... appended to a second and third storm of a day.

    Raises
    ------
    ValueError
        If the times have no zone.

    Examples
    --------
    >>> times = pd.to_datetime(["2021-07-20T00:11Z", "2021-07-20T09:00Z", "2021-08-29T05:00Z"])
    >>> group_storms(pd.DataFrame({"started_at": times})).tolist()
    ['2021-07-20', '2021-07-20', '2021-08-29']
    """
    if not isinstance(history["started_at"].dtype, pd.DatetimeTZDtype):
        raise ValueError(f"started_at must be timezone-aware times, got {history['started_at'].dtype}")
    ordered = history["started_at"].sort_values(kind="stable")
    number = (ordered.diff() > pd.Timedelta(hours=gap_h)).cumsum()
    first = ordered.groupby(number).min().dt.tz_convert(timezone).dt.strftime("%Y-%m-%d")
    repeat = first.groupby(first).cumcount()
    names = first + np.where(repeat > 0, np.array([chr(ord("a") + int(n)) for n in repeat], dtype=object), "")
    storms: pd.Series = number.map(names).reindex(history.index).astype("str").rename("storm_id")
    return storms


def training_table(
    history: pd.DataFrame,
    hotspot_features: pd.DataFrame,
    storm_features: pd.DataFrame,
    *,
    gap_h: float = 24.0,
    timezone: str = "Asia/Shanghai",
    worst_confidence: str = "C",
) -> pd.DataFrame:
    """Make one row per storm and hotspot: what was known of both, and whether the record says that it flooded.

    Parameters
    ----------
    history : DataFrame, index event_id
        The district's table: ``hotspot_id``, ``started_at`` (aware), ``confidence``.
    hotspot_features : DataFrame, index hotspot_id
        Numeric columns that do not change from storm to storm (terrain, drains). Its hotspots are the table's.
    storm_features : DataFrame, index storm_id or (storm_id, hotspot_id)
        Numeric columns of each storm (rain), one row for all hotspots or one for each. Storms without any recorded
        flood belong here too: they are what "no flood" is learned from. A storm of the record that is missing here is
        an error: its rain would be unknown without anybody having said so (give a row of NaN to say it).
    gap_h, timezone
        See `group_storms`.
    worst_confidence : {"A", "B", "C", "D"}
        Rows of the record below it are left out, storm and hotspot with them: neither flood nor no flood.

    Returns
    -------
    DataFrame, index (storm_id, hotspot_id), storms ascending, hotspots in the order given
        Columns of both tables, and ``flooded`` (bool).

    Raises
    ------
    BadInputError
        If the record names a hotspot or a storm that the features do not have.
    ValueError
        If the confidence is not known, or both tables have a column of the same name.

    Notes
    -----
    What nobody recorded counts as "not flooded". Records are never complete, so the learned probabilities are those of
    a *recorded* flood, a lower bound of those of a flood.

    Examples
    --------
    >>> history = pd.DataFrame({"hotspot_id": ["EQ-004"], "started_at": pd.to_datetime(["2025-08-07T05:00Z"]),
    ...                         "confidence": ["B"]}, index=["EQ-H028"])
    >>> hotspots = pd.DataFrame({"drain_mm_h": [45.0, 40.0]}, index=pd.Index(["EQ-004", "EQ-005"], name="hotspot_id"))
    >>> storms = pd.DataFrame({"rain_1h_mm": [87.5]}, index=pd.Index(["2025-08-07"], name="storm_id"))
    >>> training_table(history, hotspots, storms).reset_index()
         storm_id hotspot_id  drain_mm_h  rain_1h_mm  flooded
    0  2025-08-07     EQ-004        45.0        87.5     True
    1  2025-08-07     EQ-005        40.0        87.5    False
    """
    if worst_confidence not in _CONFIDENCE_ORDER:
        raise ValueError(f"worst_confidence must be one of {', '.join(_CONFIDENCE_ORDER)}, got {worst_confidence!r}")
    shared = hotspot_features.columns.intersection(storm_features.columns)
    if len(shared):
        raise ValueError(f"both hotspot and storm features have a column {shared[0]!r}; rename one")
    record = history.assign(storm_id=group_storms(history, gap_h=gap_h, timezone=timezone))
    storms = storm_features.index.get_level_values(0).unique().sort_values()
    _check(record, hotspot_features.index, storms)
    pairs = pd.MultiIndex.from_product([storms, hotspot_features.index], names=["storm_id", "hotspot_id"])
    table = hotspot_features.reindex(pairs.get_level_values("hotspot_id")).set_axis(pairs)
    is_per_hotspot = storm_features.index.nlevels == 2
    rain = storm_features.reindex(pairs if is_per_hotspot else pairs.get_level_values("storm_id")).set_axis(pairs)
    table = table.join(rain)
    is_kept = record["confidence"] <= worst_confidence  # the letters are in order
    named = pd.MultiIndex.from_frame(record[["storm_id", "hotspot_id"]])
    table["flooded"] = table.index.isin(named[is_kept])
    return table[table["flooded"] | ~table.index.isin(named[~is_kept])]


def _check(record: pd.DataFrame, hotspots: pd.Index, storms: pd.Index) -> None:
    findings = []
    for row, (event_id, entry) in enumerate(record.iterrows(), start=2):
        for column, known, kind in (("hotspot_id", hotspots, "hotspot"), ("storm_id", storms, "storm")):
            if entry[column] not in known:
                findings.append(
                    Finding(
                        code=f"no-features-of-{kind}",
                        message=f"event {event_id} is of a {kind} without features",
                        file="history",
                        row=row,
                        column=column,
                        value=str(entry[column]),
                        accepted=f"a {kind} in the table of {kind} features",
                        fix=f"add a row for the {kind}; leave its cells empty where nothing is known",
                    )
                )
    if findings:
        raise BadInputError("history", findings)
