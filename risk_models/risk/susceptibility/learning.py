"""Learn a chance from the record of floods, hold it against storms it had not seen, and say whether it may serve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from risk_models.errors import BadInputError, Finding
from risk_models.kept import Progress
from risk_models.risk.susceptibility.card import ModelFacts, model_card
from risk_models.risk.susceptibility.chance import HotspotFloodChance
from risk_models.risk.susceptibility.depth_skill import conditional_median_m, depth_section, flood_depth_scores
from risk_models.risk.susceptibility.skill import skill_scores
from risk_models.risk.susceptibility.verified import Verification
from risk_models.scores.reliability import reliability_curve

__all__ = ["MIN_FLOOD_STORMS", "RAIN_REFERENCE", "Lesson", "learn_chance", "mark_floods", "mark_storms"]

Floats = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]

#: With fewer storms that flooded, one left out says nothing of the others.
MIN_FLOOD_STORMS = 5
#: Storms with floods are left out one at a time up to this number, then in so many groups.
MOST_FOLDS = 30
#: Two storms are apart if for so long less than `WET_MM` in 3 h was expected anywhere and nothing flooded.
QUIET_H, WET_MM = 24.0, 1.0
#: What plain rain is asked with: the column that ranks floods best on the sensors of New York.
RAIN_REFERENCE = "fc_3h_mm_p90"
_SHARE = "p_5cm"
#: Confidence of a record below which it is neither flood nor no flood.
_WORST_CONFIDENCE = "C"


@dataclass(frozen=True)
class Lesson:
    """What was learned, and how it did.

    Attributes
    ----------
    model : HotspotFloodChance
        Of all storms.
    verification : Verification
    scores : dict of str to DataFrame
        By what was scored: index of scores, columns value, low, high.
    reliability : DataFrame
        See `reliability_curve`; of storms left out.
    depths : DataFrame
        See `flood_depth_scores`; of floods of storms left out.
    card : str
        Markdown.
    refused : tuple of Finding
        Why it may not serve; empty if it may.
    """

    model: HotspotFloodChance
    verification: Verification
    scores: dict[str, pd.DataFrame]
    reliability: pd.DataFrame
    depths: pd.DataFrame
    card: str
    refused: tuple[Finding, ...]


def mark_floods(
    windows: pd.DataFrame, history: pd.DataFrame, *, window_h: float, now: pd.Timestamp
) -> tuple[pd.DataFrame, list[Finding]]:
    """Add to each window at each hotspot how deep the record says that water stood.

    Parameters
    ----------
    windows : DataFrame
        ``start`` (UTC, aware), ``hotspot_id``; windows do not overlap.
    history : DataFrame
        The district's table: ``hotspot_id``, ``started_at`` (aware), ``depth_m``, ``confidence``.
    window_h : float
        Length of a window, h.
    now : Timestamp
        A flood after it is a slip.

    Returns
    -------
    table : DataFrame
        Rows of `windows` with ``depth_m``: 0 where nothing is recorded, NaN where water stood and nobody knows how
        deep, else the greatest. Windows of floods that are hardly trusted are left out.
    findings : list of Finding
        What of the record could not be used, or looks odd; warnings.

    Examples
    --------
    >>> start = pd.to_datetime(["2021-07-20T00:00Z", "2021-07-20T12:00Z"])
    >>> windows = pd.DataFrame({"start": start, "hotspot_id": "H1", "fc_3h_mm_p90": 30.0})
    >>> history = pd.DataFrame({"hotspot_id": "H1", "started_at": pd.to_datetime(["2021-07-20T14:00Z"]),
    ...                         "depth_m": 0.3, "confidence": "A"})
    >>> table, findings = mark_floods(windows, history, window_h=12, now=pd.Timestamp("2022-01-01T00:00Z"))
    >>> table["depth_m"].tolist(), findings
    ([0.0, 0.3], [])
    """
    findings: list[Finding] = []
    record = history[["hotspot_id", "started_at", "depth_m", "confidence"]].copy()
    is_future = record["started_at"] > now
    _note(findings, record[is_future], "future-flood", "{} begin after now and are left out", "correct their dates")
    record = record[~is_future]
    starts = pd.DatetimeIndex(np.sort(windows["start"].unique()))
    place = starts.searchsorted(pd.DatetimeIndex(record["started_at"]), side="right") - 1
    record["start"] = starts[np.maximum(place, 0)]
    inside = (place >= 0) & (record["started_at"] < record["start"] + pd.Timedelta(hours=window_h))
    keys = pd.MultiIndex.from_frame(windows[["start", "hotspot_id"]])
    inside &= pd.MultiIndex.from_frame(record[["start", "hotspot_id"]]).isin(keys)
    fix = "keep rain and forecasts longer, or put older ones into the feeds"
    _note(findings, record[~inside], "flood-without-rain-record", "{} fall where no rain is on record", fix)
    record = record[inside]
    is_again = record.duplicated(["start", "hotspot_id"])
    _note(findings, record[is_again], "duplicate-flood", "{} are second records of a window and count once", "")
    doubtful = pd.MultiIndex.from_frame(record.loc[record["confidence"] > _WORST_CONFIDENCE, ["start", "hotspot_id"]])
    record = record[record["confidence"] <= _WORST_CONFIDENCE]
    # An unknown depth is less than any known one, yet a flood.
    deepest = record.groupby(["start", "hotspot_id"])["depth_m"].max()
    flooded = keys.isin(deepest.index)
    table = windows.assign(depth_m=np.where(flooded, deepest.reindex(keys).to_numpy(np.float64), 0.0))
    dry = table[flooded & (table[RAIN_REFERENCE] <= 0.0)]
    _note(findings, dry, "flood-without-rain", "{} came without any rain expected", "check their dates")
    return table[~(keys.isin(doubtful) & ~flooded)].reset_index(drop=True), findings


def mark_storms(table: pd.DataFrame, *, timezone: str) -> npt.NDArray[np.str_]:
    """Name the storm of each row: windows with rain expected or floods, less than a day of quiet between them.

    Quiet windows belong to the storm before them.

    Parameters
    ----------
    table : DataFrame
        ``start`` (aware), ``depth_m``, and rain expected.
    timezone : str
        A storm is named by the local date of its first window, and a number if there are more.

    Returns
    -------
    ndarray of str (n,)
    """
    wet = (table[RAIN_REFERENCE] >= WET_MM) | (table["depth_m"] != 0.0)
    by_window = wet.groupby(table["start"]).any().sort_index()
    active = pd.DatetimeIndex(by_window.index[by_window])
    begins = active[np.r_[True, np.diff(active) > pd.Timedelta(hours=QUIET_H)]] if len(active) else active
    if not len(begins):
        return np.array(["quiet"] * len(table), dtype=np.str_)
    names = [f"{begin.tz_convert(timezone):%Y-%m-%d}" for begin in begins]
    place = begins.searchsorted(pd.DatetimeIndex(table["start"]), side="right") - 1
    return np.array(["before", *(f"{name}#{n}" for n, name in enumerate(names))], dtype=np.str_)[place + 1]


def learn_chance(
    table: pd.DataFrame,
    *,
    depths_m: tuple[float, ...],
    window_h: int,
    district_code: str,
    places: Mapping[str, tuple[float, float]],
    title: str,
    data: str,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> Lesson:
    """Fit a chance, score it on storms left out and on later years, and write its card.

    Parameters
    ----------
    table : DataFrame
        Rows of windows and hotspots: ``start``, ``storm_id``, ``depth_m`` and what `HotspotFloodChance` asks for.
    depths_m : tuple of float
        Depth classes, m.
    window_h : int
    district_code : str
    places : mapping of str to (lon, lat)
    title, data : str
        For the card: name; source and dates.
    rng : Generator
        Draws storms again for the intervals.
    progress : callable, optional
        Called with a fraction and a short text.

    Returns
    -------
    Lesson

    Raises
    ------
    BadInputError
        If fewer than `MIN_FLOOD_STORMS` storms of the record have a flood, or fewer than two have a place that stayed
        dry, saying what is missing.
    """
    table = table.dropna(subset=HotspotFloodChance(depths_m=depths_m).columns_asked()).reset_index(drop=True)
    flooded = _flooded(table, depths_m)
    _require_storms(table, flooded)
    told, usual = np.full((len(table), len(depths_m)), np.nan), np.full(len(table), np.nan)
    constant_m = np.full(len(table), np.nan)
    folds = list(_folds(table, flooded))
    for number, test in enumerate(folds):
        if progress is not None:
            progress(number / (len(folds) + 1), f"storm {number + 1} of {len(folds)} left out")
        model = _fit(table[~test], depths_m)
        told[test], usual[test] = model.exceedance(table[test]), flooded[~test].mean()
        constant_m[test] = table.loc[~test & flooded, "depth_m"].median()
    model, chance = _fit(table, depths_m), told[:, 0]
    scores = _score_tables(table, flooded, chance, usual, depths_m, rng)
    measured = flooded & table["depth_m"].notna().to_numpy()
    depths = flood_depth_scores(
        table.loc[measured, "depth_m"], conditional_median_m(told[measured], depths_m), constant_m[measured],
        chance=chance[measured], rain=table.loc[measured, RAIN_REFERENCE], storm=table.loc[measured, "storm_id"],
        rng=rng,
    )  # fmt: skip
    verification = _verification(table, flooded, model, scores["storms left out"], window_h, district_code, places)
    refused = () if verification.is_good else (_no_skill(verification),)
    curve = reliability_curve(flooded, chance, n_bins=6)
    card = _card(model, verification, scores, curve, title, data)
    card += depth_section(depths, n_floods=int(measured.sum()))
    return Lesson(model, verification, scores, curve, depths, card, refused)


def _flooded(table: pd.DataFrame, depths_m: tuple[float, ...]) -> Truths:
    depth_m = table["depth_m"].to_numpy(np.float64)
    return np.asarray(np.isnan(depth_m) | (depth_m >= depths_m[0]))


def _fit(table: pd.DataFrame, depths_m: tuple[float, ...]) -> HotspotFloodChance:
    return HotspotFloodChance(depths_m=depths_m).fit(table, table["depth_m"], storms=table["storm_id"])


def _require_storms(table: pd.DataFrame, flooded: Truths) -> None:
    storms = table.loc[flooded, "storm_id"].nunique()
    if storms >= MIN_FLOOD_STORMS:
        _require_dry(table, flooded)
        return
    finding = Finding(
        code="few-storms",
        message=f"{storms} storms with a flood have rain on record, with {int(flooded.sum())} floods",
        file="history",
        value=str(storms),
        accepted=f"{MIN_FLOOD_STORMS} storms or more",
        fix="enter floods in the table history, and keep rain and forecasts of their storms",
    )
    raise BadInputError("record of floods", [finding])


def _require_dry(table: pd.DataFrame, flooded: Truths) -> None:
    """Refuse a record of floods only: with the storm left out that has the dry rows nothing is left to compare."""
    storms = table.loc[~flooded, "storm_id"].nunique()
    if storms >= 2:
        return
    finding = Finding(
        code="one-class",
        message=f"nearly every window at every hotspot is a flood: {storms} storms have a place that stayed dry",
        file="history",
        value=f"{int((~flooded).sum())} of {len(table)} without a flood",
        accepted="2 storms or more with places that stayed dry",
        fix="check places and times of the floods; keep rain and forecasts of quiet days too",
    )
    raise BadInputError("record of floods", [finding])


def _folds(table: pd.DataFrame, flooded: Truths) -> Iterator[Truths]:
    """Yield rows to test on: one storm with floods each, or a group of many; quiet storms are dealt out among them."""
    storms = table["storm_id"].to_numpy()
    wet = np.unique(storms[flooded])
    quiet = np.setdiff1d(np.unique(storms), wet)
    n_folds = min(len(wet), MOST_FOLDS)
    fold = {name: number % n_folds for names in (wet, quiet) for number, name in enumerate(names)}
    number = table["storm_id"].map(fold).to_numpy()
    for one in range(n_folds):
        yield number == one


def _score_tables(
    table: pd.DataFrame, flooded: Truths, chance: Floats, usual: Floats, depths_m: tuple[float, ...],
    rng: np.random.Generator,
) -> dict[str, pd.DataFrame]:  # fmt: skip
    def scored(rows: Truths, chance: Floats, usual: Floats) -> pd.DataFrame:
        part = table[rows]
        return skill_scores(
            flooded[rows], chance[rows], usual[rows], rain=part[RAIN_REFERENCE], share=part[_SHARE],
            window=part["start"], storm=part["storm_id"], rng=rng,
        )  # fmt: skip

    storms = table["storm_id"].to_numpy()
    largest = pd.Series(storms[flooded]).value_counts(sort=False).sort_index().idxmax()
    everything = np.ones(len(table), dtype=bool)
    tables = {
        "storms left out": scored(everything, chance, usual),
        f"the same without the largest storm ({largest})": scored(storms != largest, chance, usual),
    }
    is_later = _later(table, flooded)
    if is_later is not None:
        model = _fit(table[~is_later], depths_m)
        later = np.full(len(table), np.nan)
        later[is_later] = model.exceedance(table[is_later])[:, 0]
        begin = table.loc[is_later, "start"].min()
        tables[f"from {begin:%Y-%m-%d}, learned from before"] = scored(
            is_later, later, np.full(len(table), flooded[~is_later].mean())
        )
    return tables


def _later(table: pd.DataFrame, flooded: Truths) -> Truths | None:
    """Return the rows of the last third of the storms with floods; None if too few are left on either side."""
    begins = table.groupby("storm_id")["start"].min()
    wet = begins[table.loc[flooded, "storm_id"].unique()].sort_values()
    third = len(wet) // 3
    if third < 2 or len(wet) - third < MIN_FLOOD_STORMS:
        return None
    return np.asarray(table["storm_id"].map(begins) >= wet.iloc[-third])


def _verification(
    table: pd.DataFrame, flooded: Truths, model: HotspotFloodChance, scores: pd.DataFrame, window_h: int,
    district_code: str, places: Mapping[str, tuple[float, float]],
) -> Verification:  # fmt: skip
    skill, low, high = map(float, scores.loc["brier_skill", ["value", "low", "high"]].to_numpy(np.float64))
    return Verification(
        district_code=district_code,
        places=dict(places),
        window_h=window_h,
        depths_m=model.depths_m,
        greatest_mm={name: float(table[name].max()) for name in model.rain},
        n_rows=len(table),
        n_floods=int(flooded.sum()),
        n_storms=int(table["storm_id"].nunique()),
        n_flood_storms=int(table.loc[flooded, "storm_id"].nunique()),
        brier_skill=skill,
        brier_skill_low=low,
        brier_skill_high=high,
        split="each storm scored by a model of the others",
        until=(table["start"].max() + pd.Timedelta(hours=window_h)).isoformat(),
    )


def _no_skill(found: Verification) -> Finding:
    skill, low = found.brier_skill, found.brier_skill_low
    if skill > 0.0:
        needed = int(np.ceil(found.n_flood_storms * ((skill - low) / skill) ** 2))
        fix = (
            f"about {needed} storms with floods would show a skill like this one; {found.n_flood_storms} are on record"
        )
    else:
        fix = "check dates and places of the floods, and whether the rain of the archive is that of the district"
    return Finding(
        code="no-skill",
        message="the chances did no better than the usual frequency of floods on storms left out",
        file="history",
        value=f"Brier skill {skill:.3f} [{low:.3f}, {found.brier_skill_high:.3f}]",
        accepted="a lower end above 0",
        fix=fix,
    )


def _card(
    model: HotspotFloodChance, found: Verification, scores: Mapping[str, pd.DataFrame], curve: pd.DataFrame,
    title: str, data: str,
) -> str:  # fmt: skip
    verdict = (
        "It may serve: the lower end of its Brier skill is above 0."
        if found.is_good
        else f"**It may not serve.** {_no_skill(found)}"
    )
    facts = ModelFacts(
        title=title,
        event=f"water of {found.depths_m[0]:g} m or more at a hotspot within {found.window_h} h",
        data=data,
        split=f"{verdict}\n\nScored by storms it had not seen ({found.split}); 90 % intervals by drawing storms again. "
        f"Rain alone is `{RAIN_REFERENCE}`, the chain its share of outcomes `{_SHARE}`.",
        n_rows=found.n_rows,
        n_events=found.n_floods,
        n_places=len(found.places),
        n_storms=found.n_storms,
        limits=(f"{found.n_flood_storms} storms with floods are all the evidence there is for how rain makes floods.",),
    )
    return model_card(model, facts, scores, reliability=curve)


def _note(findings: list[Finding], rows: pd.DataFrame, code: str, text: str, fix: str) -> None:
    if not len(rows):
        return
    first = rows.iloc[0]
    at = pd.Timestamp(first["started_at" if "started_at" in rows else "start"])
    findings.append(
        Finding(
            code=code,
            message=text.format(f"{len(rows)} floods" if len(rows) > 1 else "1 flood"),
            file="history",
            value=f"first: {first['hotspot_id']}, {at:%Y-%m-%d %H:%M} UTC",
            fix=fix,
            severity="warning",
        )
    )
