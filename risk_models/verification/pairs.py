"""Pairs of what was told and what came, for hotspots and for towns: one row per cycle and place.

A flood counts for every cycle before it whose horizon reaches it. A place under water already (a flood began there in
the last `STANDING_H` hours) is left out: to say that it will flood is neither a hit nor a false alarm.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from risk_models.levels import Level
from risk_models.verification.budget import UNKNOWN, Criterion, criterion_met, season_of
from risk_models.verification.record import CHANCES, VerificationRecord, seconds
from risk_models.verification.told import SEEN_DEPTH_M

__all__ = ["STANDING_H", "STORM_DAYS", "depth_pairs", "hotspot_pairs", "rain_rule", "storm_of", "town_pairs"]

Bools = npt.NDArray[np.bool_]
#: Hours after its beginning that a flood is taken to stand, and a second report to tell of the same (assumption).
STANDING_H = 12.0
#: Floods nearer than so many days are one storm, one piece of evidence (assumption).
STORM_DAYS = 3
_HOUR_S = 3600


def storm_of(times: pd.Series, floods_at: pd.Series) -> npt.NDArray[np.int64]:
    """Number storms, the pieces of evidence that are drawn together.

    Floods less than `STORM_DAYS` days apart are of one storm, and so is every cycle within half of that before or after
    them. Days without any flood near are blocks of as many days.

    Parameters
    ----------
    times, floods_at : Series of aware times
        Of cycles, and of floods.

    Returns
    -------
    ndarray of int (n,)
        Below 0 for a storm with a flood.

    Examples
    --------
    >>> times = pd.Series(pd.to_datetime(["2021-07-18T00:00Z", "2021-07-19T18:00Z", "2021-07-21T08:00Z"]))
    >>> storm_of(times, pd.Series(pd.to_datetime(["2021-07-20T10:00Z", "2021-07-21T10:00Z"]))).tolist()
    [6275, -1, -1]
    """
    at, length = seconds(times), STORM_DAYS * 24 * _HOUR_S
    quiet = at // length
    begun = np.sort(seconds(floods_at))
    if not len(begun):
        return quiet
    cuts = np.flatnonzero(np.diff(begun) >= length)
    first, last = begun[np.append(0, cuts + 1)], begun[np.append(cuts, len(begun) - 1)]
    storm = np.searchsorted(first - length // 2, at, side="right") - 1
    is_in = (storm >= 0) & (at <= last[storm] + length // 2)
    return np.asarray(np.where(is_in, -1 - storm, quiet), dtype=np.int64)


def rain_rule(rows: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return how far the rule 25 mm in 30 min, 40 mm in 1 h, 70 mm in 3 h is filled; 1 or more is reached.

    Where rain comes in hours, an hour of 25 mm stands for the half hour: it may hold one. Rain is what fell in the last
    hour or is expected (median).

    Parameters
    ----------
    rows : DataFrame
        ``obs_30min_mm``, ``obs_1h_mm``, ``fc_1h_mm_p50``, ``fc_3h_mm_p50`` [mm]; NaN is unknown.

    Returns
    -------
    ndarray (n,)
        NaN where all of it is unknown.

    Examples
    --------
    >>> rows = {"obs_30min_mm": [np.nan, 10.0], "obs_1h_mm": [26.0, 26.0], "fc_1h_mm_p50": [5.0, 5.0],
    ...         "fc_3h_mm_p50": [35.0, 35.0]}
    >>> rain_rule(pd.DataFrame(rows)).tolist()
    [1.04, 0.65]
    """
    half = rows["obs_30min_mm"].to_numpy(np.float64) / 25.0
    hour = np.fmax(rows["obs_1h_mm"].to_numpy(np.float64), rows["fc_1h_mm_p50"].to_numpy(np.float64))
    filled = np.fmax(np.where(np.isnan(half), hour / 25.0, half), hour / 40.0)
    return np.asarray(np.fmax(filled, rows["fc_3h_mm_p50"].to_numpy(np.float64) / 70.0), dtype=np.float64)


def hotspot_pairs(record: VerificationRecord, *, depth_m: float = 0.05) -> pd.DataFrame:
    """Pair every cycle and hotspot with whether a flood of a depth began there within the horizon.

    Parameters
    ----------
    record : VerificationRecord
    depth_m : float
        Least depth that counts [m]. Of a flood that nobody measured no more than 0.15 m is known.

    Returns
    -------
    DataFrame
        The cycles with ``place``, ``event`` (bool), ``storm``, ``season``, ``rule`` (`rain_rule`); without
        rows of places under water, and without those whose event cannot be told.
    """
    rows = record.cycles
    at, place = seconds(rows["valid_at"]), rows["hotspot_id"].astype(str)
    floods = record.floods[record.floods["hotspot_id"].fillna("") != ""]
    seen = floods["depth_m"].fillna(SEEN_DEPTH_M)
    deep, unsure = seen >= depth_m, floods["depth_m"].isna() & (depth_m > SEEN_DEPTH_M)
    event, _ = _ahead(at, place, floods[deep], "hotspot_id", record.horizon_h)
    maybe, _ = _ahead(at, place, floods[unsure], "hotspot_id", record.horizon_h)
    _, stands = _ahead(at, place, floods, "hotspot_id", record.horizon_h)
    pairs = rows.assign(place=place, event=event, rule=rain_rule(rows))
    return _dated(pairs[~stands & (event | ~maybe)], record)


def town_pairs(record: VerificationRecord) -> pd.DataFrame:
    """Pair every cycle and town with whether any flood began there within the horizon.

    Parameters
    ----------
    record : VerificationRecord

    Returns
    -------
    DataFrame
        ``valid_at``, ``place`` (town code), ``event``, ``storm``, ``season``, ``source``; ``level`` (that of its worst
        hotspot, -1 unknown, see `criterion_met`), ``signal``; the highest of its hotspots' chances, ``rule`` and
        ``fc_3h_mm_p50``. Without rows of towns under water.
    """
    rows = record.cycles.assign(rule=rain_rule(record.cycles))
    chances = [str(name) for name in rows.columns if CHANCES.fullmatch(str(name))]
    grouped = rows.groupby(["valid_at", "town_code"])
    towns = grouped[[*chances, "rule", "fc_3h_mm_p50", "signal"]].max().reset_index()
    towns["source"] = grouped["source"].first().to_numpy()
    towns["level"] = _town_level(record.cycles, towns)
    at, place = seconds(towns["valid_at"]), towns["town_code"].astype(str)
    event, stands = _ahead(at, place, record.floods, "town_code", record.horizon_h)
    return _dated(towns.assign(place=place, event=event)[~stands], record)


def _town_level(cycles: pd.DataFrame, towns: pd.DataFrame) -> pd.Series:
    """Return the highest level that each town surely reaches; unknown where even the lowest cannot be told."""
    keys = pd.MultiIndex.from_frame(towns[["valid_at", "town_code"]])
    level = pd.Series(int(Level.NONE), index=towns.index)
    for least in (level_ for level_ in Level if level_.is_warning):
        met = criterion_met(cycles, Criterion(name="level", level_min=least))
        told = met.stack().reindex(keys).to_numpy()  # noqa: PD013
        level = level.mask(told == 1, int(least))
        if least == Level.BLUE:
            level = level.mask(told == UNKNOWN, int(Level.UNKNOWN))
    return level


def depth_pairs(record: VerificationRecord) -> pd.DataFrame:
    """Pair every measured flood of a hotspot with the newest cycle before it.

    Parameters
    ----------
    record : VerificationRecord

    Returns
    -------
    DataFrame, one row per flood
        ``hotspot_id``, ``started_at``, ``valid_at``, ``storm``, ``season``, ``depth_m`` (seen), ``depth_p50_m`` (told),
        ``fc_3h_mm_p50``; floods without a cycle within the horizon before them, or told no depth, are left out.
    """
    floods = record.floods_within
    floods = floods[(floods["hotspot_id"].fillna("") != "") & floods["depth_m"].notna()]
    floods = floods.assign(hotspot_id=floods["hotspot_id"].astype(str)).sort_values("started_at", kind="stable")
    told = record.cycles[["valid_at", "hotspot_id", "depth_p50_m", "fc_3h_mm_p50"]].sort_values("valid_at")
    told = told.assign(hotspot_id=told["hotspot_id"].astype(str))
    pairs = pd.merge_asof(
        floods.assign(started_at=_utc(floods["started_at"])), told.assign(valid_at=_utc(told["valid_at"])),
        left_on="started_at", right_on="valid_at", by="hotspot_id",
        tolerance=pd.Timedelta(hours=record.horizon_h), allow_exact_matches=False,
    )  # fmt: skip
    return _dated(pairs[pairs["depth_p50_m"].notna()], record)


def _utc(times: pd.Series) -> pd.Series:
    return pd.to_datetime(times, utc=True).dt.as_unit("ns")


def _ahead(
    at: npt.NDArray[np.int64], place: pd.Series, floods: pd.DataFrame, of: str, horizon_h: float
) -> tuple[Bools, Bools]:
    """Tell whether a flood begins within the horizon after each time at its place, and whether one stands there."""
    if floods.empty:
        return np.zeros(len(at), dtype=bool), np.zeros(len(at), dtype=bool)
    codes = pd.factorize(pd.concat([place, floods[of].astype(str)], ignore_index=True))[0]
    # One sorted row of numbers, place by place: time within a place takes the lower digits.
    keys = codes.astype(np.int64) << 40
    begun = np.sort(keys[len(at) :] + seconds(floods["started_at"]))
    now = keys[: len(at)] + at
    following = np.searchsorted(begun, now, side="right")
    ahead = begun[np.minimum(following, len(begun) - 1)] - now
    behind = now - begun[np.maximum(following - 1, 0)]
    event = (following < len(begun)) & (ahead > 0) & (ahead <= horizon_h * _HOUR_S)
    return event, (following > 0) & (behind >= 0) & (behind < STANDING_H * _HOUR_S)


def _dated(pairs: pd.DataFrame, record: VerificationRecord) -> pd.DataFrame:
    """Add storm and season."""
    first, last = record.flood_season
    season = season_of(pairs["valid_at"], zone=record.zone, first=first, last=last)
    storm = storm_of(pairs["valid_at"], record.floods["started_at"])
    return pairs.assign(storm=storm, season=season).reset_index(drop=True)
