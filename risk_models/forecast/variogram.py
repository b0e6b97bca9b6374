"""The variograms of kriging, of sill 1, and how many gauges they need.

``exponential``: gamma(h) = 1 - exp(-3 h / range), with the practical range, where 0.95 of the sill is reached;
``spherical``: gamma(h) = 1.5 h / range - 0.5 (h / range)^3 up to the range. Cressie, N. (1993). Statistics for Spatial
Data, section 2.3. The covariances are in `kriging_kernel`.
"""

from __future__ import annotations

from typing import Literal

__all__ = ["MIN_GAUGES", "VARIOGRAMS", "Variogram"]

Variogram = Literal["exponential", "spherical"]
VARIOGRAMS: tuple[Variogram, ...] = ("exponential", "spherical")
MIN_GAUGES = 5
