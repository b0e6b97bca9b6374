"""The sampling error that is told is the spread that drawing anew shows."""

from __future__ import annotations

import numpy as np
import pytest

from risk_models.outlook import StormCatalogue, cut_storms, fit_generator
from risk_models.outlook.generator import generate_periods, resampled_generators
from risk_models.outlook.sampling_error import cases_of, sampling_error
from risk_models.outlook.wording import rain_statement
from tests.risk_models.outlook.conftest import made_record
from tests.risk_models.outlook.test_assess import JULY


@pytest.fixture(scope="module")
def catalogue() -> StormCatalogue:
    found = cut_storms(made_record(12, gauges=("G1", "G2")), timezone="Asia/Shanghai")
    assert isinstance(found, StormCatalogue)
    return found


def test_the_error_of_a_mean_is_that_of_the_textbook() -> None:
    draw = np.random.default_rng(1)
    values = draw.gamma(2.0, 30.0, 400)
    error = sampling_error(lambda rows: values[rows].mean(), np.ones(400), cases_of(np.arange(400) % 5))
    assert error == pytest.approx(values.std(ddof=1) / 20)


def test_one_case_has_no_known_error() -> None:
    assert np.isnan(sampling_error(lambda rows: np.zeros(3), np.ones(1), cases_of(np.zeros(1, dtype=np.int64)))).all()


@pytest.mark.parametrize(("n_refits", "seeds"), [(1, 80), (10, 24)])
def test_drawn_anew_the_mean_differs_by_its_sampling_error(
    catalogue: StormCatalogue, n_refits: int, seeds: int
) -> None:
    """Outlooks of other seeds, with one generator and with refitted ones: spread and told error within 40 %."""
    means, errors = [], []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        generators = resampled_generators(catalogue, n_refits, rng=rng) if n_refits > 1 else [fit_generator(catalogue)]
        periods = generate_periods(generators, JULY.first_day, JULY.last_day, n_periods=100, rng=rng)
        totals = periods.totals_mm()
        means.append(totals.mean())
        errors.append(
            sampling_error(lambda rows, of=totals: of[rows].mean(), periods.weight, cases_of(periods.replicate))
        )
    assert np.mean(errors) == pytest.approx(np.std(means, ddof=1), rel=0.4)


def test_an_error_below_the_last_digit_is_not_told() -> None:
    place = "57083", "郑州站", "Zhengzhou"
    assert "±" not in rain_statement(place, (151.6, 68.2, 260.4), 149.0, errors_mm=(0.4, 0.3, 0.9)).zh
    told = rain_statement(place, (151.6, 68.2, 260.4), 149.0, errors_mm=(0.4, 0.3, 1.2))
    assert "抽样误差依次±0、±0、±1毫米" in told.zh
    assert told.facts["p90_se_mm"] == 1.2
