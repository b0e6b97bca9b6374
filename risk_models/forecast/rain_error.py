"""How far rain may be off in a district: learned from what was told and what fell, storm by storm.

A pair is a sum of three hours (in the first hour of lead, of that hour) that was told and that fell. Pairs of which
`WET_MM` or more was told count, and of each how far *more* fell than was told, r+ = max(log(fell / told), 0): with the
median kept, E[r+^2] is half the variance. So rain that did not come counts as "no more than told", and its logarithm is
never taken. The mean over each storm is one piece of evidence; few storms leave the prior as it is.

References
----------
Gelman, A. et al. (2013) Bayesian Data Analysis, 3rd ed., 2.6: a variance with a scaled inverse chi-square prior.
Barlow, R. E. & Brunk, H. D. (1972) The isotonic regression problem and its dual, JASA 67, 140-147.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from risk_models.district.rain_error import LEAD_H, SOURCES, RainError, lead_class
from risk_models.errors import BadInputError, Finding
from risk_models.forecast.accumulate import window_steps
from risk_models.forecast.rainfall import Origin, to_datetime64

__all__ = ["COLUMNS", "WET_MM", "FittedRainError", "ToldAndFell", "fit_rain_error"]

Floats = NDArray[np.float64]

#: Columns of the pairs; `member_log_sd` may be left out.
COLUMNS: Final = ("source", "lead_h", "storm_id", "told_mm", "fell_mm", "member_log_sd")
SUM_H: Final = 3.0
#: Below this sum nothing was told that a factor could be of; it is what a street notices of three hours.
WET_MM: Final = 3.0
#: A factor beyond ten is of another storm than the one that was told, and counts as ten.
MOST_FACTOR: Final = 10.0
#: Storms that the prior counts for (an assumption).
PRIOR_STORMS: Final = 10.0
#: The least standard deviation that an archive may claim (an assumption).
LEAST_SD: Final = 0.1
#: Two storms are apart if for so long nothing wet was told or fell anywhere.
QUIET_H: Final = 24.0


@dataclass(frozen=True)
class FittedRainError:
    """A rain error and what it stands on.

    Attributes
    ----------
    error : RainError
    table : DataFrame
        One row by source and class of lead of which there are pairs: ``storms`` and ``pairs`` of which `WET_MM` was
        told; ``prior``; ``log_sd``, with ``standard_error`` by storms (before it was made to rise with lead; NaN with
        one storm); ``bias``, median of log(fell / told), at most a factor of ten, beside it for the reader;
        ``false_alarms``, share of these pairs of which less than a tenth fell; ``misses``, share of the sums of
        `WET_MM` or more that fell, of which less was told: no factor makes them, and they are not in ``log_sd``.
    findings : tuple of Finding
        Warnings, if nothing could be learned.
    """

    error: RainError
    table: pd.DataFrame
    findings: tuple[Finding, ...] = ()


def fit_rain_error(pairs: pd.DataFrame, *, source: str, prior: RainError | None = None) -> FittedRainError:
    """Learn the rain error from pairs of told and fallen rain.

    Of a source and class of lead with n storms, log_sd^2 = (k p^2 + sum of q) / (k + n): p the prior, k = 10 storms,
    q the mean of 2 r+^2 - s^2 over a storm's pairs, s what the members of an ensemble spread already. Then variances
    are pooled where they fall with lead (isotonic regression, weights k + n). Classes without a storm keep the prior
    but for that. The mean of the factor's logarithm stays 0: an archive in which every other sum told wet stays dry
    would lower all chances by its median.

    Parameters
    ----------
    pairs : DataFrame
        `COLUMNS`: source (of `SOURCES`), lead [h] at the end of the sum, name of the storm, mm told (of an ensemble the
        mean), mm that fell, and how far the members of an ensemble lie above their mean, likewise the root of 2 r+^2
        (default 0). Rows with unknown rain tell nothing, nor do those of which less than `WET_MM` was told and fell.
    source : str
        Where they come from, in words; kept with the numbers.
    prior : RainError, optional

    Returns
    -------
    FittedRainError
        The prior itself, with a finding, if nothing wet was told.

    Raises
    ------
    BadInputError
        If a column is absent, a source unknown, or rain negative.

    Examples
    --------
    >>> pairs = pd.DataFrame({"source": "forecast", "lead_h": 6.0, "storm_id": [f"S{n}" for n in range(30)],
    ...                       "told_mm": 10.0, "fell_mm": [20.0, 5.0, 0.0] * 10})
    >>> fitted = fit_rain_error(pairs, source="thirty storms")
    >>> fitted.error.log_sd(2, [3, 6, 12]).round(2).tolist(), fitted.table["false_alarms"].round(2).tolist()
    ([0.5, 0.57, 0.7], [0.33])
    """
    before = RainError.prior() if prior is None else prior
    known = _known(pairs)
    told = known[known["told_mm"] >= WET_MM]
    if told.empty:
        message = f"no pair of which {WET_MM:g} mm or more was told; the prior is kept"
        finding = Finding(code="no-wet-pairs", message=message, file=source, severity="warning")
        return FittedRainError(before, _table(known, before, before.log_sds, {}), (finding,))
    sums = {key: _storm_means(cell) for key, cell in _cells(told)}
    log_sds, n_storms = np.array(before.log_sds), np.zeros((len(SOURCES), len(LEAD_H)), dtype=int)
    for key, means in sums.items():
        n_storms[key] = len(means)
        log_sds[key] = _posterior_sd(means, float(log_sds[key]))
    for row in np.flatnonzero(n_storms.any(axis=1)):
        log_sds[row] = _rising(log_sds[row], n_storms[row] + PRIOR_STORMS)
    error = RainError(
        log_sds=tuple(tuple(round(float(value), 4) for value in row) for row in log_sds),
        n_storms=tuple(tuple(int(count) for count in row) for row in n_storms),
        source=source,
    )
    return FittedRainError(error, _table(known, before, error.log_sds, sums))


def _known(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs that are known, with the number of row and class, in an order that depends on values alone."""
    findings = list(_wrong_pairs(pairs))
    if findings:
        raise BadInputError("pairs of told and fallen rain", findings)
    spread = pairs["member_log_sd"] if "member_log_sd" in pairs else pd.Series(0.0, index=pairs.index)
    found: pd.DataFrame = pairs[["storm_id", "told_mm", "fell_mm", "lead_h"]].assign(
        row=pairs["source"].map(SOURCES.index).astype(int), member_log_sd=spread.astype(float).fillna(0.0)
    )
    found = found.astype(dict.fromkeys(("told_mm", "fell_mm", "lead_h"), float))
    found["class"] = lead_class(found["lead_h"])
    found = found[np.isfinite(found["told_mm"]) & np.isfinite(found["fell_mm"])]
    ordered: pd.DataFrame = found.sort_values(
        ["row", "class", "told_mm", "fell_mm", "member_log_sd"], kind="stable", ignore_index=True
    )
    return ordered


def _cells(known: pd.DataFrame) -> Iterator[tuple[tuple[int, int], pd.DataFrame]]:
    for _, cell in known.groupby(["row", "class"]):
        yield (int(cell["row"].iloc[0]), int(cell["class"].iloc[0])), cell


def _wrong_pairs(pairs: pd.DataFrame) -> Iterator[Finding]:
    file = "pairs"
    for name in COLUMNS[:-1]:
        if name not in pairs:
            yield Finding(code="missing-column", message="the column is missing", file=file, column=name)
    if "source" in pairs:
        stray = sorted({str(name) for name in pairs["source"]} - set(SOURCES))
        if stray:
            message, accepted = "the source is unknown", ", ".join(SOURCES)
            yield Finding(
                code="unknown-source", message=message, file=file, column="source", value=stray[0], accepted=accepted
            )
    for name in ("told_mm", "fell_mm"):
        rain = pairs[name].to_numpy(dtype=float) if name in pairs else np.empty(0)
        wrong = np.flatnonzero(rain < 0.0)
        if len(wrong):
            row, value = int(wrong[0]) + 1, str(pairs[name].iloc[wrong[0]])
            yield Finding(
                code="negative-rain", message="rain is negative", file=file, row=row, column=name, value=value
            )


def _storm_means(cell: pd.DataFrame) -> Floats:
    """Return the evidence of each storm, sorted, so that neither order nor names of storms decide a last digit."""
    more = np.log(np.clip(cell["fell_mm"] / cell["told_mm"], 1.0, MOST_FACTOR))
    evidence = 2.0 * more**2 - cell["member_log_sd"] ** 2
    return np.sort(evidence.groupby(cell["storm_id"]).mean().to_numpy(dtype=np.float64))


def _posterior_sd(means: Floats, prior_sd: float) -> float:
    variance = (PRIOR_STORMS * prior_sd**2 + means.sum()) / (PRIOR_STORMS + len(means))
    return float(np.sqrt(max(variance, LEAST_SD**2)))


def _standard_error(means: Floats, sd: float) -> float:
    """Return that of a standard deviation, from how much the variances of the storms differ."""
    n = len(means)
    if n < 2:
        return float("nan")
    return float(np.sqrt(n * means.var(ddof=1)) / (PRIOR_STORMS + n) / (2.0 * sd))


def _rising(sds: Floats, weights: Floats) -> Floats:
    from scipy.optimize import isotonic_regression

    return np.sqrt(np.asarray(isotonic_regression(sds**2, weights=weights).x, dtype=np.float64))


def _table(
    known: pd.DataFrame, prior: RainError, log_sds: tuple[tuple[float, ...], ...], sums: dict[tuple[int, int], Floats]
) -> pd.DataFrame:
    lines = []
    for (row, number), cell in _cells(known):
        told, fell = cell["told_mm"].to_numpy(), cell["fell_mm"].to_numpy()
        wet, came = told >= WET_MM, fell >= WET_MM
        ratio = np.clip(fell[wet] / told[wet], 1.0 / MOST_FACTOR, MOST_FACTOR)
        means = sums.get((row, number), np.empty(0))
        own = _posterior_sd(means, prior.log_sds[row][number])
        lines.append(
            {
                "source": SOURCES[row],
                "lead_h": f"{(0.0, *LEAD_H)[number]:g}-{LEAD_H[number]:g}",
                "storms": len(means),
                "pairs": int(wet.sum()),
                "prior": prior.log_sds[row][number],
                "log_sd": log_sds[row][number],
                "standard_error": _standard_error(means, own),
                "bias": float(np.median(np.log(ratio))) if wet.any() else np.nan,
                "false_alarms": float((fell[wet] < told[wet] / MOST_FACTOR).mean()) if wet.any() else np.nan,
                "misses": float((told[came] < WET_MM).mean()) if came.any() else np.nan,
            }
        )
    return pd.DataFrame(lines)


@dataclass
class ToldAndFell:
    """Pairs gathered from the rain of cycles that follow each other: what each told is held against what later fell.

    Rain that fell is that of the gauges at the hotspots, so its own error (gauge and interpolation) counts as error of
    the forecast.

    Attributes
    ----------
    told : list of tuple
        End of the sum, source, lead [h], length [h], mm (hotspot,), spread of the members (hotspot,).
    fell : dict of datetime64 to ndarray (hotspot,)
        Rain of the gauges by end and length [h] of the sum.
    """

    told: list[tuple[np.datetime64, str, float, float, Floats, Floats]] = field(default_factory=list)
    fell: dict[tuple[np.datetime64, float], Floats] = field(default_factory=dict)

    def add(self, rainfall: xr.Dataset) -> None:
        """Take what a cycle was told, and what it knows to have fallen.

        Parameters
        ----------
        rainfall : Dataset
            Of the hotspots, always the same.
        """
        end, origin = rainfall["time"].to_numpy(), rainfall["origin"].to_numpy()
        rain, step_h = rainfall["rain_mm"].to_numpy().astype(np.float64), float(rainfall.attrs["step_h"])
        at = _moment(rainfall.attrs["valid_at"])
        issued_at = min(_moment(rainfall.attrs["issued_at"] or rainfall.attrs["valid_at"]), at)
        for sum_h in (1.0, SUM_H):
            steps = window_steps(sum_h, step_h)
            for stop in range(steps, len(end) + 1):
                if end[stop - 1] != end[stop - 1].astype("datetime64[h]"):
                    continue
                part = slice(stop - steps, stop)
                ahead_h = (end[stop - 1] - at) / np.timedelta64(1, "h")
                lead_h = (end[stop - 1] - issued_at) / np.timedelta64(1, "h")
                if (origin[part] == Origin.OBSERVED).all():
                    self.fell[end[stop - 1], sum_h] = rain[0, part].sum(axis=0)
                elif ahead_h % sum_h == 0 and ahead_h >= sum_h and (sum_h == SUM_H or lead_h <= sum_h):
                    source = SOURCES[int(origin[part].max())]
                    told = rain[:, part].sum(axis=1)
                    self.told.append((end[stop - 1], source, lead_h, sum_h, told.mean(axis=0), _member_log_sd(told)))

    def pairs(self) -> pd.DataFrame:
        """Return what was told of which it is known what fell, `COLUMNS`; sums without rain on either side left out.

        Storms are told apart by `QUIET_H` in which nothing wet was told or fell at any hotspot, and named by the end of
        their first sum.
        """
        parts = []
        for end, source, lead_h, sum_h, told, spread in self.told:
            fell = self.fell.get((end, sum_h))
            if fell is None:
                continue
            wet = np.isfinite(told + fell) & (np.maximum(told, fell) >= WET_MM)
            part = {"end": end, "source": source, "lead_h": lead_h, "told_mm": told[wet], "fell_mm": fell[wet]}
            parts.append(pd.DataFrame({**part, "member_log_sd": spread[wet]}))
        found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["end", *COLUMNS])
        return found.assign(storm_id=_storms(pd.DatetimeIndex(found["end"])))[list(COLUMNS)]


def _moment(text: str) -> np.datetime64:
    return to_datetime64(datetime.fromisoformat(text))


def _member_log_sd(told: Floats) -> Floats:
    """Return how far members (member, hotspot) lie above their mean, measured as what falls is."""
    mean = np.maximum(told.mean(axis=0), 1e-9)
    above = np.log(np.clip(told / mean, 1.0, MOST_FACTOR))
    # The mean of the members is uncertain too: an error like theirs has (1 + 1/M) of their variance.
    return np.asarray(np.sqrt(2.0 * (above**2).mean(axis=0) * (1.0 + 1.0 / len(told))))


def _storms(ends: pd.DatetimeIndex) -> NDArray[np.str_]:
    wet = ends.unique().sort_values()
    begins = wet[np.r_[True, np.diff(wet) > pd.Timedelta(hours=QUIET_H)]] if len(wet) else wet
    names = np.array([f"{begin:%Y-%m-%dT%HZ}" for begin in begins], dtype=np.str_)
    return names[begins.searchsorted(ends, side="right") - 1] if len(wet) else np.empty(0, dtype=np.str_)
