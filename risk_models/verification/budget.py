"""The warning budget: before a criterion is chosen, how many warnings it would have meant, and how many were right.

A criterion turns the risk tables of past cycles into yes, no or unknown for every town and hour; the district's own
policy (persistence, minimum duration, validity) turns these into warnings; recorded floods say which were right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from risk_models.levels import Level
from risk_models.scores import far, pod
from risk_models.warning.decide import NEVER_LOWER_FROM_STEP
from risk_models.warning.states import WarningPolicy

__all__ = [
    "BUDGET_COLUMNS",
    "NO",
    "UNKNOWN",
    "YES",
    "Criterion",
    "budget_totals",
    "criterion_met",
    "match_floods",
    "season_of",
    "town_floods",
    "warning_budget",
    "warning_spans",
]

YES, NO, UNKNOWN = 1, 0, -1

BUDGET_COLUMNS = {
    "cycles": "cycles of the season on record",
    "cycles_unknown": "of these, cycles in which the criterion could not be told for the town",
    "warnings": "warnings opened",
    "warned_h": "hours under warning",
    "right": "warnings during which a flood began",
    "late": "warnings opened after a flood had begun, at most late_h before",
    "false": "warnings without a recorded flood",
    "floods": "recorded floods of the town",
    "hit": "floods that began under a warning",
    "missed": "floods that did not",
    "lead_h": "median time from the opening of the warning to the flood, over the hits [h]; NaN without a hit",
}


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """When a town would be warned: some hotspot of it meets all of these at once, and its rain signal does too.

    Attributes
    ----------
    name : str
    level_min : Level
        Of the hotspot; NONE asks nothing.
    town_min : Level
        Of the town, by number, people and kind of its places; NONE asks nothing.
    likelihood_min, impact_min : int
        Classes 0-3; 0 asks nothing.
    signal_min : Level
        Rain signal of the town; NONE asks nothing.
    policy : WarningPolicy
        How long a warning holds, and after how many lower cycles it ends.
    """

    name: str
    level_min: Level = Level.NONE
    town_min: Level = Level.NONE
    likelihood_min: int = 0
    impact_min: int = 0
    signal_min: Level = Level.NONE
    policy: WarningPolicy = field(default_factory=WarningPolicy)

    def __post_init__(self) -> None:
        if not any(
            (
                self.level_min.is_warning,
                self.town_min.is_warning,
                self.likelihood_min,
                self.impact_min,
                self.signal_min.is_warning,
            )
        ):
            raise ValueError(f"criterion {self.name!r} asks nothing: every hour would be warned")

    @property
    def thresholds(self) -> dict[str, int]:
        """Columns that are looked at, and the least value of each."""
        every = {
            "level": int(self.level_min),
            "town_level": int(self.town_min),
            "likelihood": self.likelihood_min,
            "impact": self.impact_min,
            "signal": int(self.signal_min),
        }
        return {column: least for column, least in every.items() if least > 0}


def criterion_met(cycles: pd.DataFrame, criterion: Criterion) -> pd.DataFrame:
    """Tell for every cycle and town whether a criterion is met.

    A hotspot meets it if every column reaches its threshold, does not if any known column stays below, and is unknown
    otherwise. A town meets it if one hotspot does, is unknown if none does and one is unknown. Where rain is so late
    that a level may not fall (ladder step 5 and above), "not met" is not believed either.

    Parameters
    ----------
    cycles : DataFrame
        One row per cycle and hotspot: ``valid_at`` (timezone-aware), ``town_code``, the columns of the criterion
        (``level``, ``town_level``, ``likelihood``, ``impact``, ``signal``; -1 is unknown), and ``ladder_step`` (1-6),
        if known.
    criterion : Criterion

    Returns
    -------
    DataFrame of int, index valid_at (UTC, sorted), columns town codes (sorted)
        1 yes, 0 no, -1 unknown; a town without a row in a cycle is unknown.

    Raises
    ------
    ValueError
        If a column is missing or the times have no zone.

    Examples
    --------
    >>> at = pd.to_datetime(["2021-07-20T06:00Z", "2021-07-20T06:00Z", "2021-07-20T07:00Z"])
    >>> cycles = pd.DataFrame({"valid_at": at, "town_code": ["001", "002", "001"], "level": [4, -1, 1]})
    >>> criterion_met(cycles, Criterion(name="red", level_min=Level.RED)).to_numpy().tolist()
    [[1, -1], [0, -1]]
    """
    missing = [name for name in ("valid_at", "town_code", *criterion.thresholds) if name not in cycles]
    if missing:
        raise ValueError(f"the table of cycles has no column {', '.join(missing)}")
    if not isinstance(cycles["valid_at"].dtype, pd.DatetimeTZDtype):
        raise ValueError(f"valid_at must be timezone-aware times, got {cycles['valid_at'].dtype}")
    values = [(cycles[column].to_numpy(), least) for column, least in criterion.thresholds.items()]
    below = np.logical_or.reduce([(value >= 0) & (value < least) for value, least in values])
    unknown = np.logical_or.reduce([value < 0 for value, _ in values])
    met = np.where(below, NO, np.where(unknown, UNKNOWN, YES))
    if "ladder_step" in cycles:
        met = np.where((met == NO) & (cycles["ladder_step"].to_numpy() >= NEVER_LOWER_FROM_STEP), UNKNOWN, met)
    at = cycles["valid_at"].dt.tz_convert("UTC").dt.as_unit("ns")
    rows = pd.DataFrame({"valid_at": at, "town_code": cycles["town_code"].astype(str), "met": met})
    by_town = rows.groupby(["valid_at", "town_code"])["met"]
    highest, lowest = by_town.max(), by_town.min()
    town = highest.where((highest == YES) | (lowest != UNKNOWN), UNKNOWN).reset_index()
    return town.pivot_table(
        index="valid_at", columns="town_code", values="met", aggfunc="max", fill_value=UNKNOWN
    ).astype("int64")


@dataclass
class _Open:
    """A warning that stands in the simulation."""

    opened_at: datetime
    valid_to: datetime
    lower_count: int = 0


def warning_spans(met: pd.DataFrame, policy: WarningPolicy) -> pd.DataFrame:
    """Turn yes, no and unknown into warnings, by the rules of `risk_models.warning.decide` for one level.

    Parameters
    ----------
    met : DataFrame of int, index valid_at (UTC, increasing), columns towns
        From `criterion_met`.
    policy : WarningPolicy

    Returns
    -------
    DataFrame
        One row per warning, by town, then time: ``town_code``, ``opened_at``, ``closed_at`` (UTC; NaT while it stands
        at the end of the record).

    Raises
    ------
    ValueError
        If the times do not increase.

    Examples
    --------
    >>> hours = pd.date_range("2021-07-20T00:00Z", periods=6, freq="h")
    >>> met = pd.DataFrame({"001": [0, 1, 0, 0, 0, 0]}, index=hours)
    >>> spans = warning_spans(met, WarningPolicy(downgrade_after_cycles=2, minimum_duration_h=1))
    >>> [f"{row.opened_at:%H} to {row.closed_at:%H}" for row in spans.itertuples()]
    ['01 to 03']
    """
    if not met.index.is_monotonic_increasing or not met.index.is_unique:
        raise ValueError("the cycles must go forward in time, each once")
    times = [stamp.to_pydatetime() for stamp in pd.DatetimeIndex(met.index)]
    rows = [
        (str(town), opened_at, closed_at)
        for town in met.columns
        for opened_at, closed_at in _spans(times, met[town].tolist(), policy)
    ]
    table = pd.DataFrame(rows, columns=["town_code", "opened_at", "closed_at"]).astype({"town_code": "str"})
    for column in ("opened_at", "closed_at"):
        table[column] = pd.to_datetime(table[column], utc=True).dt.as_unit("ns")
    return table


def _spans(
    times: Sequence[datetime], met: Sequence[int], policy: WarningPolicy
) -> list[tuple[datetime, datetime | None]]:
    """Return opening and end of every warning of one town."""
    valid, least = timedelta(hours=policy.valid_h), timedelta(hours=policy.minimum_duration_h)
    spans: list[tuple[datetime, datetime | None]] = []
    standing: _Open | None = None
    for now, state in zip(times, met, strict=True):
        if standing is not None and now > standing.valid_to:
            spans.append((standing.opened_at, standing.valid_to))
            # Without trustworthy data the old level is taken up again, within one more validity.
            taken_up = state == UNKNOWN and now - standing.valid_to <= valid
            standing = _Open(now, now + valid) if taken_up or state == YES else None
        elif standing is not None:
            standing.lower_count = standing.lower_count + 1 if state == NO else 0
            if standing.lower_count >= policy.downgrade_after_cycles and now - standing.opened_at >= least:
                spans.append((standing.opened_at, now))
                standing = None
            elif standing.valid_to - now <= timedelta(hours=policy.renew_within_h):
                standing.valid_to = now + valid
        elif state == YES:
            standing = _Open(now, now + valid)
    return spans if standing is None else [*spans, (standing.opened_at, None)]


def town_floods(floods: pd.DataFrame, *, same_flood_h: float = 12.0) -> pd.DataFrame:
    """Put reports of one town that lie close together into one flood, which begins with the first.

    Parameters
    ----------
    floods : DataFrame
        ``town_code``, ``started_at`` (timezone-aware); one row per report.
    same_flood_h : float
        A report this long or less after the beginning of a flood belongs to it [h].

    Returns
    -------
    DataFrame
        ``town_code``, ``started_at`` (UTC), sorted by both.

    Examples
    --------
    >>> at = pd.to_datetime(["2021-07-20T09:00Z", "2021-07-20T08:00Z", "2021-08-22T03:00Z"])
    >>> len(town_floods(pd.DataFrame({"town_code": ["001"] * 3, "started_at": at})))
    2
    """
    table = pd.DataFrame(
        {
            "town_code": floods["town_code"].astype("str"),
            "started_at": pd.to_datetime(floods["started_at"], utc=True).dt.as_unit("ns"),
        }
    ).sort_values(["town_code", "started_at"], ignore_index=True)
    firsts: list[int] = []
    begun: tuple[str, pd.Timestamp] | None = None
    for number, (town, at) in enumerate(zip(table["town_code"], table["started_at"], strict=True)):
        if begun is None or begun[0] != town or at - begun[1] > timedelta(hours=same_flood_h):
            firsts.append(number)
            begun = (town, at)
    return table.loc[firsts].reset_index(drop=True)


def match_floods(
    spans: pd.DataFrame, floods: pd.DataFrame, *, late_h: float = 3.0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Say of every warning whether it was right, and of every flood whether it was warned.

    Parameters
    ----------
    spans : DataFrame
        From `warning_spans`.
    floods : DataFrame
        From `town_floods`.
    late_h : float
        A warning opened at most this long after a flood began came late, but is not false [h].

    Returns
    -------
    warnings : DataFrame
        `spans` with ``outcome``: right, late or false.
    floods : DataFrame
        `floods` with ``outcome``: hit or missed, and ``lead_h`` [h] of the hits, NaN of the missed.

    Examples
    --------
    >>> spans = pd.DataFrame({"town_code": ["001"], "opened_at": pd.to_datetime(["2021-07-20T05:00Z"]),
    ...     "closed_at": pd.to_datetime(["2021-07-20T20:00Z"])})
    >>> floods = pd.DataFrame({"town_code": ["001"], "started_at": pd.to_datetime(["2021-07-20T08:30Z"])})
    >>> warnings, floods = match_floods(spans, floods)
    >>> warnings["outcome"].tolist(), floods["lead_h"].tolist()
    (['right'], [3.5])
    """
    opened, closed = spans["opened_at"].to_numpy("datetime64[ns]"), spans["closed_at"].to_numpy("datetime64[ns]")
    began = floods["started_at"].to_numpy("datetime64[ns]")[:, None]  # rows floods, columns warnings
    same = floods["town_code"].to_numpy()[:, None] == spans["town_code"].to_numpy()[None, :]
    lead_h = (began - opened) / np.timedelta64(1, "h")
    within = same & (lead_h >= 0) & (np.isnat(closed) | (began <= closed))
    late = same & (lead_h < 0) & (lead_h >= -late_h)
    outcome = np.where(within.any(axis=0), "right", np.where(late.any(axis=0), "late", "false"))
    warned_h = np.where(within, lead_h, -np.inf).max(axis=1, initial=-np.inf)
    is_hit = np.isfinite(warned_h)
    warned = spans.assign(outcome=pd.Series(outcome, index=spans.index, dtype="str"))
    told = floods.assign(outcome=pd.Series(np.where(is_hit, "hit", "missed"), index=floods.index, dtype="str"))
    return warned, told.assign(lead_h=np.where(is_hit, warned_h, np.nan))


def season_of(times: pd.Series, *, zone: str, first: str = "05-15", last: str = "09-30") -> pd.Series:
    """Return the season of each time: the local year within the flood season, the year and "off" outside.

    Parameters
    ----------
    times : Series of timezone-aware times
    zone : str
        Local time zone.
    first, last : str
        First and last day of the flood season, MM-DD.

    Returns
    -------
    Series of str

    Examples
    --------
    >>> times = pd.Series(pd.to_datetime(["2021-07-20T08:00Z", "2021-12-31T20:00Z"]))
    >>> season_of(times, zone="Asia/Shanghai").tolist()
    ['2021', '2022 off']
    """
    local = times.dt.tz_convert(ZoneInfo(zone))
    day = local.dt.strftime("%m-%d")
    year = local.dt.strftime("%Y")
    labels: pd.Series = year.where((day >= first) & (day <= last), year + " off").astype("str")
    return labels


def warning_budget(
    cycles: pd.DataFrame,
    floods: pd.DataFrame,
    criteria: Iterable[Criterion],
    *,
    zone: str,
    flood_season: tuple[str, str] = ("05-15", "09-30"),
    late_h: float = 3.0,
) -> pd.DataFrame:
    """Count for each criterion, season and town what warnings it would have meant.

    Parameters
    ----------
    cycles : DataFrame
        As for `criterion_met`.
    floods : DataFrame
        ``town_code``, ``started_at`` (timezone-aware) of recorded floods; those outside the record are left out.
    criteria : iterable of Criterion
        With different names.
    zone : str
        Local time zone, for the seasons.
    flood_season : (str, str)
        First and last day, MM-DD.
    late_h : float
        See `match_floods` [h].

    Returns
    -------
    DataFrame, index (criterion, season, town_code)
        `BUDGET_COLUMNS`; towns without a warning stand there with zeros. A warning counts in the season it opened in.

    Notes
    -----
    The record of floods is never complete: a flood that nobody recorded makes a right warning look false.

    Examples
    --------
    >>> at = pd.date_range("2021-07-20T00:00Z", periods=24, freq="h")
    >>> cycles = pd.DataFrame({"valid_at": at, "town_code": "001", "level": [0] * 5 + [4] * 10 + [0] * 9})
    >>> floods = pd.DataFrame({"town_code": ["001"], "started_at": pd.to_datetime(["2021-07-20T08:30Z"])})
    >>> table = warning_budget(cycles, floods, [Criterion(name="red", level_min=Level.RED)], zone="Asia/Shanghai")
    >>> table.loc[("red", "2021", "001"), ["warnings", "right", "false", "missed", "lead_h"]].tolist()
    [1.0, 1.0, 0.0, 0.0, 3.5]
    """
    seasons = {"zone": zone, "first": flood_season[0], "last": flood_season[1]}
    within = floods[
        pd.to_datetime(floods["started_at"], utc=True).between(cycles["valid_at"].min(), cycles["valid_at"].max())
    ]
    clusters = town_floods(within)
    parts: dict[str, pd.DataFrame] = {}
    for criterion in criteria:
        if criterion.name in parts:
            raise ValueError(f"two criteria are called {criterion.name!r}")
        met = criterion_met(cycles, criterion)
        spans = warning_spans(met, criterion.policy)
        warned, flooded = match_floods(spans, clusters, late_h=late_h)
        parts[criterion.name] = _count(met, warned, flooded, seasons)
    return pd.concat(parts, names=["criterion"])


def _count(met: pd.DataFrame, warned: pd.DataFrame, flooded: pd.DataFrame, seasons: dict[str, str]) -> pd.DataFrame:
    """Return one row per season and town."""
    keys = ["season", "town_code"]
    long = met.reset_index().melt(id_vars="valid_at", var_name="town_code", value_name="met")
    long = long.assign(season=season_of(long["valid_at"], **seasons), unknown=long["met"] == UNKNOWN)
    by_town = long.groupby(keys)["unknown"]
    table = pd.DataFrame({"cycles": by_town.size(), "cycles_unknown": by_town.sum()})
    until = warned["closed_at"].fillna(met.index[-1])
    hours = (until - warned["opened_at"]).dt.total_seconds() / 3600
    warned = warned.assign(season=season_of(warned["opened_at"], **seasons), warned_h=hours)
    flooded = flooded.assign(season=season_of(flooded["started_at"], **seasons))
    warnings, events = warned.groupby(keys), flooded.groupby(keys)
    table["warnings"] = warnings.size()
    table["warned_h"] = warnings["warned_h"].sum()
    for outcome in ("right", "late", "false"):
        table[outcome] = warned[warned["outcome"] == outcome].groupby(keys).size()
    table["floods"] = events.size()
    for outcome, name in (("hit", "hit"), ("missed", "missed")):
        table[name] = flooded[flooded["outcome"] == outcome].groupby(keys).size()
    table = table.reindex(columns=[name for name in BUDGET_COLUMNS if name != "lead_h"]).fillna(0)
    table = table.astype({str(name): "int64" for name in table.columns if name != "warned_h"})
    table["lead_h"] = events["lead_h"].median()
    return table


def budget_totals(table: pd.DataFrame) -> pd.DataFrame:
    """Sum a warning budget over seasons and towns.

    Parameters
    ----------
    table : DataFrame
        From `warning_budget`.

    Returns
    -------
    DataFrame, index criterion (in the order given)
        Sums; ``per_town_season`` = warnings / (towns x seasons); ``pod`` over floods (hit, missed); ``far`` over
        warnings (right or late, false); NaN where there is nothing to divide by. ``lead_h`` is the median over the
        towns' medians [h].

    Examples
    --------
    >>> index = pd.MultiIndex.from_tuples([("red", "2021", "001")], names=["criterion", "season", "town_code"])
    >>> row = dict.fromkeys(BUDGET_COLUMNS, 1)
    >>> budget_totals(pd.DataFrame(row, index=index)).loc["red", ["pod", "far"]].round(2).tolist()
    [0.5, 0.33]
    """
    groups = table.groupby(level="criterion", sort=False)
    totals = groups[[name for name in BUDGET_COLUMNS if name != "lead_h"]].sum()
    totals["lead_h"] = groups["lead_h"].median()
    totals["per_town_season"] = totals["warnings"] / groups.size()
    totals["pod"] = pod(totals["hit"], totals["missed"])
    totals["far"] = far(totals["right"] + totals["late"], totals["false"])
    return totals
