"""Yes/no forecasts against yes/no events: hits, misses, false alarms, correct negatives, and what follows from them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from math import log, nan, sqrt

import numpy as np
import numpy.typing as npt

__all__ = ["Contingency", "contingency", "csi", "f1", "far", "pod"]

Floats = npt.NDArray[np.float64]


def pod(hits: npt.ArrayLike, misses: npt.ArrayLike) -> Floats:
    """Return the probability of detection, a / (a + c), of one count or of many; NaN without an event.

    Examples
    --------
    >>> pod([28, 0], [23, 0]).round(3).tolist()
    [0.549, nan]
    """
    a, c = _counted(hits, misses)
    return _shares(a, a + c)


def far(hits: npt.ArrayLike, false_alarms: npt.ArrayLike) -> Floats:
    """Return the false alarm ratio, b / (a + b), of one count or of many; NaN where nothing was forecast.

    Examples
    --------
    >>> far(28, 72).tolist()
    0.72
    """
    a, b = _counted(hits, false_alarms)
    return _shares(b, a + b)


def csi(hits: npt.ArrayLike, false_alarms: npt.ArrayLike, misses: npt.ArrayLike) -> Floats:
    """Return the critical success index, a / (a + b + c), of one count or of many; NaN without any of them.

    Examples
    --------
    >>> csi(28, 72, 23).round(3).tolist()
    0.228
    """
    a, b, c = _counted(hits, false_alarms, misses)
    return _shares(a, a + b + c)


def f1(hits: npt.ArrayLike, false_alarms: npt.ArrayLike, misses: npt.ArrayLike) -> Floats:
    """Return the F1 score, 2a / (2a + b + c), of one count or of many; NaN without any of them.

    Examples
    --------
    >>> f1(28, 72, 23).round(3).tolist()
    0.371
    """
    a, b, c = _counted(hits, false_alarms, misses)
    return _shares(2 * a, 2 * a + b + c)


def _counted(*counts: npt.ArrayLike) -> tuple[Floats, ...]:
    return tuple(np.asarray(count, dtype=np.float64) for count in counts)


def _shares(above: Floats, below: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(above / np.where(below > 0, below, np.nan), dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Contingency:
    """The four counts of yes/no forecasts, and the scores made from them.

    With a hits, b false alarms, c misses, d correct negatives and n = a + b + c + d. A score whose denominator is zero
    is NaN: nothing was there to be judged, which is neither good nor bad.

    Attributes
    ----------
    hits, false_alarms, misses, correct_negatives : int

    References
    ----------
    Jolliffe, I. T. & Stephenson, D. B. (2012) Forecast Verification, 2nd ed., Wiley, chapter 3,
    doi:10.1002/9781119960003. SEDI: Ferro, C. A. T. & Stephenson, D. B. (2011) Weather and Forecasting 26, 699-713,
    doi:10.1175/WAF-D-10-05030.1.

    Examples
    --------
    >>> finley = Contingency(hits=28, false_alarms=72, misses=23, correct_negatives=2680)
    >>> round(finley.pod, 3), round(finley.far, 3), round(finley.csi, 3)
    (0.549, 0.72, 0.228)
    """

    hits: int
    false_alarms: int
    misses: int
    correct_negatives: int

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 0:
                raise ValueError(f"{field.name} must not be negative, got {getattr(self, field.name)}")

    def __add__(self, other: Contingency) -> Contingency:
        """Return the counts of two samples together."""
        if not isinstance(other, Contingency):
            return NotImplemented
        return Contingency(**{name: count + getattr(other, name) for name, count in asdict(self).items()})

    @property
    def n(self) -> int:
        """Number of forecasts."""
        return self.hits + self.false_alarms + self.misses + self.correct_negatives

    @property
    def base_rate(self) -> float:
        """Share of events, (a + c) / n."""
        return _ratio(self.hits + self.misses, self.n)

    @property
    def accuracy(self) -> float:
        """Share of right forecasts, (a + d) / n."""
        return _ratio(self.hits + self.correct_negatives, self.n)

    @property
    def bias(self) -> float:
        """Forecast events per observed event, (a + b) / (a + c); 1 is best."""
        return _ratio(self.hits + self.false_alarms, self.hits + self.misses)

    @property
    def pod(self) -> float:
        """Probability of detection, a / (a + c)."""
        return float(pod(self.hits, self.misses))

    @property
    def far(self) -> float:
        """False alarm ratio, b / (a + b); 0 is best."""
        return float(far(self.hits, self.false_alarms))

    @property
    def pofd(self) -> float:
        """Probability of false detection, b / (b + d); 0 is best."""
        return _ratio(self.false_alarms, self.false_alarms + self.correct_negatives)

    @property
    def csi(self) -> float:
        """Critical success index (threat score), a / (a + b + c)."""
        return float(csi(self.hits, self.false_alarms, self.misses))

    @property
    def gss(self) -> float:
        """Gilbert skill score (equitable threat score), (a - r) / (a + b + c - r), r = (a + b)(a + c) / n."""
        if self.n == 0:
            return nan
        by_chance = (self.hits + self.false_alarms) * (self.hits + self.misses) / self.n
        return _ratio(self.hits - by_chance, self.hits + self.false_alarms + self.misses - by_chance)

    @property
    def hss(self) -> float:
        """Heidke skill score, 2 (ad - bc) / ((a + c)(c + d) + (a + b)(b + d))."""
        a, b, c, d = self._counts
        return _ratio(2 * (a * d - b * c), (a + c) * (c + d) + (a + b) * (b + d))

    @property
    def hk(self) -> float:
        """Hanssen-Kuipers discriminant (Peirce skill score), POD - POFD."""
        return self.pod - self.pofd

    @property
    def f1(self) -> float:
        """F1 score, 2a / (2a + b + c)."""
        return float(f1(self.hits, self.false_alarms, self.misses))

    @property
    def mcc(self) -> float:
        """Matthews correlation (phi), (ad - bc) / sqrt((a + b)(a + c)(d + b)(d + c))."""
        a, b, c, d = self._counts
        return _ratio(a * d - b * c, sqrt((a + b) * (a + c) * (d + b) * (d + c)))

    @property
    def sedi(self) -> float:
        """Symmetric extremal dependence index; NaN where POD or POFD is 0 or 1.

        With F = POFD and H = POD: (ln F - ln H + ln(1 - H) - ln(1 - F)) / (ln F + ln H + ln(1 - H) + ln(1 - F)).
        """
        f, h = self.pofd, self.pod
        if not (0 < f < 1 and 0 < h < 1):
            return nan
        return (log(f) - log(h) + log(1 - h) - log(1 - f)) / (log(f) + log(h) + log(1 - h) + log(1 - f))

    @property
    def _counts(self) -> tuple[int, int, int, int]:
        return self.hits, self.false_alarms, self.misses, self.correct_negatives

    def scores(self) -> dict[str, float]:
        """Return all scores by name.

        Returns
        -------
        dict of str to float
        """
        names = ("accuracy", "bias", "pod", "far", "pofd", "csi", "gss", "hss", "hk", "f1", "mcc", "sedi")
        return {name: float(getattr(self, name)) for name in names}


def contingency(forecast: npt.ArrayLike, observed: npt.ArrayLike, *, known: npt.ArrayLike | None = None) -> Contingency:
    """Count hits, false alarms, misses and correct negatives.

    Parameters
    ----------
    forecast, observed : array_like of bool, same shape
        True where the event was forecast, and where it happened.
    known : array_like of bool, optional
        False where forecast or event is unknown; these pairs are left out, not counted as "no".

    Returns
    -------
    Contingency

    Raises
    ------
    ValueError
        If the shapes differ or the values are not bool (NaN would read as True).

    Examples
    --------
    >>> contingency([True, True, False, False], [True, False, True, False])
    Contingency(hits=1, false_alarms=1, misses=1, correct_negatives=1)
    """
    said, happened = _bool_array(forecast, "forecast"), _bool_array(observed, "observed")
    use = np.ones(said.shape, dtype=bool) if known is None else _bool_array(known, "known")
    if not said.shape == happened.shape == use.shape:
        shapes = f"forecast {said.shape}, observed {happened.shape}, known {use.shape}"
        raise ValueError(f"shapes must be the same, got {shapes}")
    return Contingency(
        hits=int(np.sum(said & happened & use)),
        false_alarms=int(np.sum(said & ~happened & use)),
        misses=int(np.sum(~said & happened & use)),
        correct_negatives=int(np.sum(~said & ~happened & use)),
    )


def _bool_array(values: npt.ArrayLike, name: str) -> npt.NDArray[np.bool_]:
    array = np.asarray(values)
    if array.dtype != np.bool_ and array.size:
        raise ValueError(f"{name} must be bool, got {array.dtype}; say which values are unknown with `known`")
    return array.astype(np.bool_)


def _ratio(above: float, below: float) -> float:
    return above / below if below else nan
