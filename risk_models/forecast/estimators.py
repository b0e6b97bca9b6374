"""Kriging of gauge rain as scikit-learn estimators: parameters by name, `clone`, search over parameters.

Apart from the kriging itself, because scikit-learn takes longer to load than a cycle takes to krige.
"""

from __future__ import annotations

from sklearn.base import BaseEstimator

from risk_models.forecast.interpolate import OrdinaryKriging
from risk_models.forecast.merge import GaugeMerge

__all__ = ["GaugeKriging", "ResidualKriging"]


class GaugeKriging(BaseEstimator, OrdinaryKriging):  # type: ignore[misc]
    """Ordinary kriging of gauge rain; parameters and attributes are those of `OrdinaryKriging`.

    Examples
    --------
    >>> from sklearn.base import clone
    >>> clone(GaugeKriging("spherical", range_m=9000.0)).get_params()["range_m"]
    9000.0
    """


class ResidualKriging(BaseEstimator, GaugeMerge):  # type: ignore[misc]
    """Gauges merged with a background; parameters and attributes are those of `GaugeMerge`.

    Examples
    --------
    >>> ResidualKriging().set_params(nugget=0.1).nugget
    0.1
    """
