"""What is not known of a place, as scenarios, and narrowed by its own floods."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import qmc

from risk_models.risk.own_record import narrowed
from risk_models.risk.ponding import HotspotBasins, simulate_ponding
from risk_models.risk.spread import MOST_SCENARIOS, PlaceSpread, scenario_points

TWINS = 2
ONE = np.ones(TWINS)
#: A paved hectare with 40 mm/h of drains that runs into a sag of 500 m3, 1 m deep.
BASINS = HotspotBasins(
    1e4 * ONE, 0.9 * ONE, 60 * ONE, 0.2 * ONE, 400 * ONE, 0 * ONE,
    np.tile([0.0, 0.3, 1.0], (TWINS, 1)), np.tile([0.0, 100.0, 500.0], (TWINS, 1)),
)  # fmt: skip


@pytest.mark.parametrize("n", [16, 32, 512])
def test_points_are_those_of_the_library(n: int) -> None:
    """The direction numbers are given in the module; the library that makes them is too slow to load in a cycle."""
    cells = np.floor(n * qmc.Sobol(4, scramble=True, rng=186).random(n))
    assert sorted(map(tuple, ndtri((cells + 0.5) / n))) == sorted(map(tuple, scenario_points(n)))


@pytest.mark.parametrize("n", [16, 64])
def test_points_spread_evenly_and_hardly_hang_together(n: int) -> None:
    points = scenario_points(n)
    assert np.abs(np.corrcoef(points.T) - np.eye(4)).max() < 0.1
    assert points.mean(axis=0) == pytest.approx(0.0, abs=1e-12)
    assert points.std(axis=0) == pytest.approx(1.0, abs=0.08)


def test_the_central_scenario_is_what_is_thought_likeliest() -> None:
    own = PlaceSpread.prior(np.array([True, False])).scenarios(16)
    assert own.drain[:, 0].tolist() == pytest.approx([0.9, 0.9])
    assert own.inflow[:, 0].tolist() == own.sag[:, 0].tolist() == [1.0, 1.0]
    assert own.rain_z[0] == 0.0
    assert np.ptp(np.log(own.sag[0])) < np.ptp(np.log(own.sag[1])) / 3  # it was surveyed


def chances(spread: PlaceSpread, rain_mm: np.ndarray, depths_m: tuple[float, ...]) -> np.ndarray:
    """Return the share of scenarios (H, C) that pass each depth."""
    scenarios = spread.scenarios(128)
    run = simulate_ponding(
        BASINS, np.broadcast_to(rain_mm, (TWINS, 1, len(rain_mm))), **scenarios.place_factors(), thresholds_m=depths_m,
        rain_factor=scenarios.rain_factor(np.full(len(rain_mm), 0.5), np.zeros(len(rain_mm))),
    )  # fmt: skip
    return np.asarray((run.first_step[:, 1:] >= 0).mean(axis=1))


floods = st.lists(
    st.tuples(st.floats(5, 300), st.floats(0.5, 48), st.one_of(st.just(np.nan), st.floats(0.02, 3))),
    min_size=1,
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(record=floods, rain=st.lists(st.floats(0, 80), min_size=1, max_size=6))
def test_law_a_flood_on_record_never_ranks_a_hotspot_below_its_twin(
    record: list[tuple[float, float, float]], rain: list[float]
) -> None:
    table = pd.DataFrame(record, columns=["rain_mm", "rain_window_h", "depth_m"]).assign(row=1)
    own = narrowed(PlaceSpread.prior(np.zeros(TWINS, dtype=bool)), BASINS, table)
    without, with_record = chances(own, np.array(rain), (0.05, 0.15, 0.27, 0.5))
    # a posterior is kept as its mean and standard deviation: within one scenario of 128
    assert (with_record >= without - 1 / 128 - 1e-12).all()
    assert (own.drain_log_sd <= PlaceSpread.prior(np.zeros(TWINS, dtype=bool)).drain_log_sd).all()


def test_one_flood_moves_little_and_many_move_more() -> None:
    prior = PlaceSpread.prior(np.zeros(TWINS, dtype=bool))
    flood = pd.DataFrame({"row": [1], "rain_mm": [35.0], "rain_window_h": [1.0], "depth_m": [0.4]})
    once, often = (narrowed(prior, BASINS, pd.concat([flood] * n)) for n in (1, 5))
    for own in (once, often):
        assert own.drain_log_mean[0] == prior.drain_log_mean[0]
    assert prior.drain_log_mean[1] > once.drain_log_mean[1] > often.drain_log_mean[1]
    assert often.drain_log_sd[1] < prior.drain_log_sd[1]
    rain = np.array([30.0])
    assert chances(often, rain, (0.15,))[1, 0] > chances(prior, rain, (0.15,))[1, 0] + 0.1


@settings(max_examples=15, deadline=None)
@given(record=floods, seed=st.integers(0, 100))
def test_the_order_of_floods_changes_nothing(record: list[tuple[float, float, float]], seed: int) -> None:
    table = pd.DataFrame(record, columns=["rain_mm", "rain_window_h", "depth_m"]).assign(row=1)
    prior = PlaceSpread.prior(np.zeros(TWINS, dtype=bool))
    mixed = table.sample(frac=1, random_state=seed)
    first, second = (narrowed(prior, BASINS, some) for some in (table, mixed))
    assert first.drain_log_mean.tolist() == pytest.approx(second.drain_log_mean.tolist(), rel=1e-12)
    assert first.sag_log_sd.tolist() == pytest.approx(second.sag_log_sd.tolist(), rel=1e-12)


@pytest.mark.parametrize(
    "flood",
    [
        {"rain_mm": np.nan, "rain_window_h": 1.0, "row": 1},
        {"rain_mm": 50.0, "rain_window_h": np.nan, "row": 1},
        {"rain_mm": 50.0, "rain_window_h": 100.0, "row": 1},
        {"rain_mm": 50.0, "rain_window_h": 1.0, "row": -1},
        {"rain_mm": 0.0, "rain_window_h": 1.0, "row": 1},
    ],
)
def test_a_flood_without_rain_or_place_narrows_nothing(flood: dict[str, float]) -> None:
    prior = PlaceSpread.prior(np.zeros(TWINS, dtype=bool))
    assert narrowed(prior, BASINS, pd.DataFrame([flood | {"depth_m": 0.5}])) is prior


def test_a_chance_is_told_to_within_its_stated_error() -> None:
    """Sixteen scenarios beside members of one storm each, against the 512 that stand for the truth."""
    rng, spread = np.random.default_rng(5), PlaceSpread.prior(np.zeros(TWINS, dtype=bool))
    rain_mm = np.broadcast_to(rng.gamma(0.5, 30.0, (1, 51, 6)), (TWINS, 51, 6))
    told = []
    for n in (16, MOST_SCENARIOS):
        scenarios = spread.scenarios(n)
        run = simulate_ponding(
            BASINS, rain_mm, **scenarios.place_factors(), thresholds_m=(0.05, 0.15, 0.27, 0.5),
            rain_factor=scenarios.rain_factor(np.full(6, 0.5), np.zeros(6)), account=False,
        )  # fmt: skip
        told.append((run.first_step[:, 51:] >= 0).mean(axis=1))
    assert np.abs(told[0] - told[1]).max() < 0.03
