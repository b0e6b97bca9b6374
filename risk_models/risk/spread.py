"""What nobody knows of a place, and the scenarios that stand for it.

Drains are partly blocked or cleaner than designed, catchments end elsewhere than the elevation model says, sags hold
more or less than assumed, and rain comes otherwise than forecast. Each is a lognormal factor. A scenario is one set of
the four (z-values); scenarios are quasi-random points, the same for all hotspots and members, so that a chance does not
depend on the order of either and never falls when rain rises.

References
----------
Sobol', I. M. (1967) On the distribution of points in a cube and the approximate evaluation of integrals, USSR Comput.
Math. Math. Phys. 7(4), 86-112.

Matousek, J. (1998) On the L2-discrepancy for anchored boxes, J. Complexity 14(4), 527-556: random linear scrambling.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

__all__ = [
    "LEAST_SCENARIOS",
    "MOST_SCENARIOS",
    "OUTCOMES",
    "PlaceSpread",
    "Scenarios",
    "scenario_count",
    "scenario_points",
]

Floats = npt.NDArray[np.float64]

#: Members and scenarios together make at least about so many outcomes: a chance is then told to within 0.03.
OUTCOMES = 800
LEAST_SCENARIOS, MOST_SCENARIOS = 16, 2**9
#: Drains: half of them work at 0.9 of their capacity or less, nine of ten between 0.47 and 1.7 (assumptions).
DRAIN_LOG_MEAN, DRAIN_LOG_SD = float(np.log(0.9)), 0.4
#: Catchment, losses and interpolated rain together: nine of ten within a third (an assumption).
INFLOW_LOG_SD = 0.2
#: Storage of a sag, nine of ten: within a factor of 2.3 if read off an elevation model, a sixth if surveyed
#: (assumptions).
SAG_LOG_SD, SURVEYED_SAG_LOG_SD = 0.5, 0.1
#: A sag is known if its volume is known to within a third (an assumption).
KNOWN_SAG_LOG_SD = 0.2
#: Drains, inflow, sag, rain.
_DIMENSIONS = 4
#: Direction numbers (9 bits) and digital shift of a scrambled Sobol' net for each. Of 300 scramblings it is the one of
#: which 16, and 32, points are least correlated between columns (below 0.05); given here, because the library that
#: makes them takes longer to load than a cycle to score.
_DIRECTIONS = (
    (339, 238, 79, 41, 30, 11, 4, 3, 1),
    (428, 302, 511, 328, 445, 306, 491, 339, 429),
    (325, 390, 171, 357, 497, 242, 339, 394, 181),
    (272, 397, 90, 183, 491, 224, 333, 319, 432),
)
_SHIFT = (242, 55, 142, 85)
_BITS = 9


def scenario_count(n_members: int) -> int:
    """Return how many scenarios are run beside so many members: a power of two.

    Examples
    --------
    >>> [scenario_count(members) for members in (1, 20, 51, 1000)]
    [512, 64, 16, 16]
    """
    wanted = int(2 ** np.ceil(np.log2(OUTCOMES / max(n_members, 1))))
    return int(np.clip(wanted, LEAST_SCENARIOS, MOST_SCENARIOS))


@cache
def scenario_points(n: int) -> Floats:
    """Return the z-values of n scenarios: points of the Sobol' sequence, each in the middle of its cell.

    Parameters
    ----------
    n : int
        A power of two.

    Returns
    -------
    ndarray (n, 4)
        Standard normal values for drains, inflow, sag and rain. Along each column they are the middles of n equally
        likely intervals.

    Examples
    --------
    >>> points = scenario_points(16)
    >>> points.shape, np.sort(points[:, 0])[:4].round(2).tolist()
    ((16, 4), [-1.86, -1.32, -1.01, -0.78])
    """
    number = np.arange(n)[:, None]
    cells = np.tile(np.array(_SHIFT), (n, 1))
    for bit, directions in enumerate(np.array(_DIRECTIONS).T):
        cells ^= np.where(number >> bit & 1, directions, 0)
    cells >>= _BITS - round(np.log2(n))
    points = np.asarray(ndtri((cells + 0.5) / n), dtype=np.float64)
    points.setflags(write=False)
    return points


@dataclass(frozen=True)
class Scenarios:
    """Factors of S scenarios at H hotspots; the first is the central one, with all z-values 0.

    Attributes
    ----------
    drain, inflow, sag : ndarray (H, S)
        On drain capacity, on rain, and on the volume of the sag.
    rain_z : ndarray (S,)
        Standard normal value of the rain error.
    """

    drain: Floats
    inflow: Floats
    sag: Floats
    rain_z: Floats

    def __len__(self) -> int:
        return len(self.rain_z)

    def place_factors(self) -> dict[str, Floats]:
        """Return the factors of the places under the names that `simulate_ponding` takes."""
        return {"drain_factor": self.drain, "inflow_factor": self.inflow, "sag_factor": self.sag}

    def with_typical_drains(self) -> Scenarios:
        """Return the same with the median drain factor of the register at every hotspot."""
        median = np.median(self.drain, axis=0, keepdims=True)
        return replace(self, drain=np.broadcast_to(median, self.drain.shape))

    def take(self, rows: npt.NDArray[np.intp]) -> Scenarios:
        """Return the same for some hotspots only."""
        return Scenarios(self.drain[rows], self.inflow[rows], self.sag[rows], self.rain_z)

    def rain_factor(self, log_sd: Floats, log_mean: Floats) -> Floats:
        """Return the factor on rain of each scenario and step, (S, T), from `RainError` by step, (T,) each."""
        return np.asarray(np.exp(log_mean[None, :] + self.rain_z[:, None] * log_sd[None, :]))


@dataclass(frozen=True)
class PlaceSpread:
    """Lognormal factors of H hotspots: mean and standard deviation of the logarithm, each ndarray (H,).

    Attributes
    ----------
    drain_log_mean, drain_log_sd : ndarray (H,)
        Share of the drain capacity that works.
    inflow_log_mean, inflow_log_sd : ndarray (H,)
        Factor on rain, for catchment and losses.
    sag_log_mean, sag_log_sd : ndarray (H,)
        Factor on the volume that stands at each depth.
    """

    drain_log_mean: Floats
    drain_log_sd: Floats
    inflow_log_mean: Floats
    inflow_log_sd: Floats
    sag_log_mean: Floats
    sag_log_sd: Floats

    @classmethod
    def prior(cls, is_surveyed: npt.NDArray[np.bool_]) -> PlaceSpread:
        """Return what is assumed where no record tells more.

        Parameters
        ----------
        is_surveyed : ndarray of bool (H,)
            Where somebody measured the sag.

        Examples
        --------
        >>> PlaceSpread.prior(np.array([True, False])).sag_log_sd.tolist()
        [0.1, 0.5]
        """
        one = np.ones(len(is_surveyed))
        return cls(
            drain_log_mean=DRAIN_LOG_MEAN * one,
            drain_log_sd=DRAIN_LOG_SD * one,
            inflow_log_mean=0.0 * one,
            inflow_log_sd=INFLOW_LOG_SD * one,
            sag_log_mean=0.0 * one,
            sag_log_sd=np.where(is_surveyed, SURVEYED_SAG_LOG_SD, SAG_LOG_SD),
        )

    @property
    def sag_known(self) -> npt.NDArray[np.bool_]:
        """Which sags (H,) are known well enough that a depth may be told in centimetres."""
        return np.asarray(self.sag_log_sd <= KNOWN_SAG_LOG_SD)

    def __len__(self) -> int:
        return len(self.drain_log_mean)

    def take(self, rows: npt.NDArray[np.intp]) -> PlaceSpread:
        """Return the same for some hotspots only."""
        return PlaceSpread(*(getattr(self, part.name)[rows] for part in fields(self)))

    def scenarios(self, n: int) -> Scenarios:
        """Return the central scenario and n others.

        Parameters
        ----------
        n : int
            A power of two, or 0.
        """
        points = np.vstack([np.zeros((1, _DIMENSIONS)), scenario_points(n)]) if n else np.zeros((1, _DIMENSIONS))
        means = (self.drain_log_mean, self.inflow_log_mean, self.sag_log_mean)
        sds = (self.drain_log_sd, self.inflow_log_sd, self.sag_log_sd)
        drain, inflow, sag = (
            np.exp(mean[:, None] + sd[:, None] * points[:, column])
            for column, (mean, sd) in enumerate(zip(means, sds, strict=True))
        )
        return Scenarios(drain, inflow, sag, points[:, 3])
