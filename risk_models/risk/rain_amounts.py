"""Amounts of rain behind a level: what fell, what is expected, and how rare it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from risk_models.forecast.accumulate import moving_sum_mm, window_steps
from risk_models.forecast.storm import return_period_a, return_period_text
from risk_models.kernels import kernel
from risk_models.standards import StormFormula

__all__ = ["RainAmounts", "rain_amounts", "return_periods"]

Floats = npt.NDArray[np.float64]

#: Known only where rain comes in steps at least as short.
SHORT_WINDOWS_MIN = (10, 30)
OBSERVED_WINDOWS_H = (1, 3, 6, 12, 24, 72)
EXPECTED_WINDOWS_H = (1, 3, 6, 12, 24)
RETURN_WINDOWS_H = (1, 2, 3)
#: Windows whose 90 % quantile is kept too.
UPPER_WINDOWS_H = (1, 3)


@dataclass(frozen=True)
class RainAmounts:
    """Sums by window length in hours (`short`: in minutes), each (H,) in mm; NaN is unknown.

    `recent_max` is the greatest known window that ended in the last 24 h.
    """

    short: dict[int, Floats]
    observed: dict[int, Floats]
    expected_p50: dict[int, Floats]
    expected_p90: dict[int, Floats]
    recent_max: dict[int, Floats]

    def columns(self) -> dict[str, Floats]:
        """Return the columns of the risk table."""
        return {
            **{f"obs_{w}min_mm": self.short[w] for w in SHORT_WINDOWS_MIN},
            **{f"obs_{w}h_mm": self.observed[w] for w in OBSERVED_WINDOWS_H},
            **{f"fc_{w}h_mm_p50": self.expected_p50[w] for w in EXPECTED_WINDOWS_H},
            **{f"fc_{w}h_mm_p90": self.expected_p90[w] for w in UPPER_WINDOWS_H},
        }


def rain_amounts(past_mm: Floats, future_mm: Floats, *, step_h: float = 1.0) -> RainAmounts:
    """Sum rain over the windows that thresholds are written in.

    Parameters
    ----------
    past_mm : ndarray (H, P)
        Observed steps, the last one ending at the cycle time; NaN unknown.
    future_mm : ndarray (H, M, T)
        Expected steps within the horizon, by member; NaN unknown.
    step_h : float
        Length of a step, hours; the windows must be whole steps.

    Returns
    -------
    RainAmounts
        `expected` is the greatest sum of any window that ends within the horizon, the observed part included. Windows
        shorter than a step, or no whole number of them, are unknown.

    Examples
    --------
    >>> ten = rain_amounts(np.full((1, 6), 2.0), np.zeros((1, 1, 6)), step_h=1 / 6)
    >>> ten.short[30].tolist(), ten.observed[1].tolist()
    ([6.0], [12.0])
    >>> amounts = rain_amounts(np.array([[0.0, 5.0, 10.0]]), np.array([[[20.0, 0.0], [2.0, 0.0]]]))
    >>> amounts.observed[3].tolist(), amounts.expected_p50[3].tolist()
    ([15.0], [26.0])
    """
    short = {w: _short_sum(past_mm, w, step_h) for w in SHORT_WINDOWS_MIN}
    observed = {w: moving_sum_mm(past_mm, window_h=w, step_h=step_h, axis=1)[:, -1] for w in OBSERVED_WINDOWS_H}
    windows = sorted({*EXPECTED_WINDOWS_H, *RETURN_WINDOWS_H})
    steps = np.array([window_steps(w, step_h) for w in windows], dtype=np.int64)
    before = past_mm[:, -int(steps.max()) :]
    greatest = _greatest_sums(
        np.ascontiguousarray(before, dtype=np.float64), np.ascontiguousarray(future_mm, dtype=np.float64), steps
    )
    p50: dict[int, Floats] = {}
    p90: dict[int, Floats] = {}
    for number, w in enumerate(windows):
        p50[w], p90[w] = np.quantile(greatest[number], [0.5, 0.9], axis=1)
    day = window_steps(24, step_h)
    recent = {
        # fmax keeps the known windows: a gap must not hide the cloudburst beside it
        w: np.fmax.reduce(moving_sum_mm(past_mm, window_h=w, step_h=step_h, axis=1)[:, -day:], axis=1)
        for w in RETURN_WINDOWS_H
    }
    return RainAmounts(short, observed, p50, p90, recent)


def _short_sum(past_mm: Floats, window_min: int, step_h: float) -> Floats:
    """Return the rain of the last minutes (H,); unknown where steps do not tell."""
    steps = window_min / (60.0 * step_h)
    if round(steps) < 1 or abs(steps - round(steps)) > 1e-9 or past_mm.shape[1] < round(steps):
        return np.full(len(past_mm), np.nan)
    return np.asarray(past_mm[:, -round(steps) :].sum(axis=1))


@kernel(nogil=True)
def _greatest_sums(
    before_mm: Floats, future_mm: Floats, steps: npt.NDArray[np.int64]
) -> Floats:  # pragma: no cover - compiled
    """Return the greatest sum (W, H, M) of any window that ends in the future part.

    As the greatest moving sum with the past joined to every member, without joining it: windows that would begin before
    the first step are left out, and the result is NaN if any other is unknown or none remains. Sums are put together
    from sums over powers of two: only additions, so that no digits are lost.
    """
    n_hotspots, n_members, n_ahead = future_mm.shape
    n_before = before_mm.shape[1]
    length = n_before + n_ahead
    n_powers = 1
    while 2**n_powers <= steps.max():
        n_powers += 1
    powers = np.zeros((n_powers, length))
    total = np.zeros(length)
    greatest = np.full((len(steps), n_hotspots, n_members), np.nan)
    for h in range(n_hotspots):
        powers[0, :n_before] = before_mm[h]
        for m in range(n_members):
            powers[0, n_before:] = future_mm[h, m]
            for k in range(1, n_powers):
                half = 2 ** (k - 1)
                powers[k, : min(half, length)] = powers[k - 1, : min(half, length)]
                for i in range(half, length):
                    powers[k, i] = powers[k - 1, i] + powers[k - 1, i - half]
            for w in range(len(steps)):
                first = max(n_before, steps[w] - 1)
                if first >= length:
                    continue
                total[first:] = 0.0
                offset = 0
                for k in range(n_powers):
                    if steps[w] & 2**k:
                        for i in range(first, length):
                            total[i] += powers[k, i - offset]
                        offset += 2**k
                top = total[first]
                for i in range(first, length):
                    if np.isnan(total[i]):
                        top = np.nan
                        break
                    top = max(top, total[i])
                greatest[w, h, m] = top
    return greatest


def return_periods(amounts: RainAmounts, formula: StormFormula) -> pd.DataFrame:
    """Give the rarest window of 1 to 3 h, fallen in the last day or expected (median).

    Longer windows are left out: storm formulas of this kind hold up to 180 minutes.

    Parameters
    ----------
    amounts : RainAmounts
    formula : StormFormula

    Returns
    -------
    DataFrame
        H rows: return_period_a (NaN unknown), return_period_text, return_window_h.
    """
    periods = []
    for window_h in RETURN_WINDOWS_H:
        depth_mm = np.fmax(amounts.recent_max[window_h], amounts.expected_p50[window_h])
        periods.append(return_period_a(formula, depth_mm, window_h * 60.0))
    table = np.stack(periods, axis=1)
    comparable = np.where(np.isnan(table), -1.0, table)
    rarest = comparable.argmax(axis=1)
    value = table[np.arange(len(table)), rarest]
    return pd.DataFrame(
        {
            "return_period_a": value,
            "return_period_text": [return_period_text(float(v), "zh", formula=formula) for v in value],
            "return_window_h": np.array(RETURN_WINDOWS_H)[rarest],
        }
    )
