"""How far rain may be off, by where it comes from and how far ahead it is told.

Rain that fell = rain that was told x exp(m + s z), z standard normal: a factor, lognormal, one for a sum of three
hours. s (`RainError.log_sd`) does not fall with lead; m is 0 where no archive says otherwise, so that the median stays.

References
----------
McMillan, H. et al. (2011) Rainfall uncertainty in hydrological modelling: an evaluation of multiplicative error models,
J. Hydrology 400, 83-94, doi:10.1016/j.jhydrol.2011.01.026: the form, not the numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["LEAD_H", "PRIOR", "SOURCES", "RainError", "lead_class"]

Floats = NDArray[np.float64]
Rows = tuple[tuple[float, ...], ...]

#: In the order of the codes of `risk_models.forecast.rainfall.Origin`.
SOURCES: Final = ("observed", "nowcast", "forecast", "fallback")
#: Ends of the classes of lead [h]; the first begins at 0, and the last goes on beyond its end.
LEAD_H: Final = (1.0, 3.0, 6.0, 12.0, 24.0, 72.0)
#: What `RainError.source` says where nothing was learned.
PRIOR: Final = "prior"

# Assumptions; docs/methods.md says what each stands on.
_PRIOR_SD: Final[Rows] = (
    (0.2, 0.2, 0.2, 0.2, 0.2, 0.2),
    (0.4, 0.5, 0.6, 0.7, 0.8, 1.0),
    (0.5, 0.5, 0.6, 0.7, 0.8, 1.0),
    (0.6, 0.6, 0.6, 0.7, 0.8, 1.0),
)
_NO_MEAN: Final[Rows] = ((0.0,) * len(LEAD_H),) * len(SOURCES)
_NO_STORMS: Final = ((0,) * len(LEAD_H),) * len(SOURCES)


@dataclass(frozen=True, kw_only=True)
class RainError:
    """Lognormal factor between rain that was told and rain that fell, by source and lead.

    Attributes
    ----------
    log_sds : tuple of tuple of float, shape (source, lead class)
        Standard deviation of the logarithm of the factor; rows as `SOURCES`, columns as `LEAD_H`, rising in a row.
    log_means : tuple of tuple of float, shape (source, lead class)
        Its mean; 0 leaves the median of the rain as it is.
    n_storms : tuple of tuple of int, shape (source, lead class)
        Storms that each number stands on; 0 is the prior.
    source : str
        Where the numbers come from, in words.
    """

    log_sds: Rows = _PRIOR_SD
    log_means: Rows = _NO_MEAN
    n_storms: tuple[tuple[int, ...], ...] = _NO_STORMS
    source: str = PRIOR

    @classmethod
    def prior(cls) -> RainError:
        """Return what is assumed of a district without an archive; docs/methods.md names what each number stands on.

        Examples
        --------
        >>> RainError.prior().log_sd(2, [1, 3, 6, 12, 24, 72]).tolist()
        [0.5, 0.5, 0.6, 0.7, 0.8, 1.0]
        """
        return cls()

    def log_sd(self, origin: ArrayLike, lead_h: ArrayLike) -> Floats:
        """Return the standard deviation of the logarithm of the factor on each step.

        Parameters
        ----------
        origin : array_like of int
            Codes of `risk_models.forecast.rainfall.Origin`.
        lead_h : array_like
            Hours from the issue of the forecast (or the cycle time, where that is not known) to the end of the step;
            0 or less is the first class, beyond the last class the last; NaN is taken for the last, never for near.

        Returns
        -------
        ndarray
            Of the shape to which both are broadcast.

        Raises
        ------
        ValueError
            If an origin is none of the codes.

        Examples
        --------
        >>> RainError.prior().log_sd([0, 1, 2, 2], [-5, 1, 7, float("nan")]).tolist()
        [0.2, 0.4, 0.7, 1.0]
        """
        return _at(self.log_sds, origin, lead_h)

    def log_mean(self, origin: ArrayLike, lead_h: ArrayLike) -> Floats:
        """Return the mean of the logarithm of the factor on each step; parameters as of `log_sd`.

        Examples
        --------
        >>> RainError.prior().log_mean(2, [1, 30]).tolist()
        [0.0, 0.0]
        """
        return _at(self.log_means, origin, lead_h)


def lead_class(lead_h: ArrayLike) -> NDArray[np.int64]:
    """Return the number of the class of each lead [h]; NaN and all beyond the last are of the last.

    Examples
    --------
    >>> lead_class([-3, 1, 1.5, 72, 100, float("nan")]).tolist()
    [0, 0, 1, 5, 5, 5]
    """
    found = np.searchsorted(LEAD_H, np.asarray(lead_h, dtype=np.float64), side="left")
    return np.minimum(found, len(LEAD_H) - 1)


def _at(rows: Rows, origin: ArrayLike, lead_h: ArrayLike) -> Floats:
    code = np.asarray(origin)
    stray = sorted(set(np.unique(code).tolist()) - set(range(len(SOURCES))))
    if stray:
        raise ValueError(f"origin {stray[0]} is none of 0 to {len(SOURCES) - 1} ({', '.join(SOURCES)})")
    found: Floats = np.asarray(rows, dtype=np.float64)[code.astype(np.intp), lead_class(lead_h)]
    return found
