"""Kriging of gauge rain as scikit-learn estimators: parameters by name, `clone`, search over parameters.

Apart from the kriging itself, because scikit-learn takes longer to load than a cycle takes to krige.
"""

from __future__ import annotations

from sklearn.base import BaseEstimator

from risk_models.forecast.interpolate import OrdinaryKriging

__all__ = ["GaugeKriging"]


class GaugeKriging(BaseEstimator, OrdinaryKriging):  # type: ignore[misc]
    """Ordinary kriging of gauge rain; parameters and attributes are those of `OrdinaryKriging`.

    Examples
    --------
    >>> from sklearn.base import clone
    >>> clone(GaugeKriging("spherical", range_m=9000.0)).get_params()["range_m"]
    9000.0
    """
