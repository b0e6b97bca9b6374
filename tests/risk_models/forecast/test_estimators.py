"""Kriging without scikit-learn, and the same as estimators of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from risk_models.forecast import interpolate
from risk_models.forecast.estimators import GaugeKriging
from risk_models.forecast.interpolate import OrdinaryKriging
from risk_models.forecast.merge import GaugeMerge
from risk_models.forecast.variogram_fit import VariogramPrior

RNG = np.random.default_rng(5)
GAUGES, TARGETS = RNG.uniform(0, 2e4, (10, 2)), RNG.uniform(0, 2e4, (6, 2))
RAIN, RADAR = RNG.gamma(1.0, 6.0, (4, 10)), RNG.gamma(1.0, 6.0, (4, 6))
PARAMETERS = {"variogram": "spherical", "range_m": 9000.0, "nugget": 0.1, "prior": VariogramPrior(9e3), "threads": 1}


def test_parameters_go_by_name_and_through_clone() -> None:
    model = GaugeKriging(**PARAMETERS)
    assert model.get_params() == PARAMETERS
    assert clone(model).get_params() == PARAMETERS
    assert GaugeKriging().set_params(**PARAMETERS).get_params() == PARAMETERS
    assert "range_m=9000.0" in repr(model)


def test_estimators_krige_as_the_plain_models_do() -> None:
    options = {"range_m": 9000.0, "nugget": 0.1}
    plain, made = OrdinaryKriging(**options).fit(GAUGES, RAIN), GaugeKriging(**options).fit(GAUGES, RAIN)
    for one, other in zip(plain.predict_with_std(TARGETS), made.predict_with_std(TARGETS), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", [OrdinaryKriging, GaugeKriging])
def test_a_model_that_was_not_fitted_says_so(kind: type[OrdinaryKriging]) -> None:
    for ask in (lambda: kind().predict(TARGETS), lambda: kind().leave_one_out(), lambda: kind().prepare(TARGETS)):
        with pytest.raises(NotFittedError, match=f"This {kind.__name__} is not fitted yet; call fit first"):
            ask()


def test_a_merge_that_was_not_fitted_says_so() -> None:
    with pytest.raises(NotFittedError, match="This GaugeMerge is not fitted yet"):
        GaugeMerge().predict(TARGETS, RADAR)


def test_the_estimator_is_found_at_its_earlier_address_too() -> None:
    assert interpolate.GaugeKriging is GaugeKriging
    with pytest.raises(AttributeError, match="has no attribute 'GaugeKrigging'"):
        _ = interpolate.GaugeKrigging
