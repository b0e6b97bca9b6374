"""Expected exceedances: a slow count by hand, the laws, and the fast way against the whole way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.levels import Level
from risk_models.outlook import (
    Expected,
    GeneratedPeriods,
    HotspotClasses,
    SkipRule,
    StormCatalogue,
    TercileForecast,
    condition_on_terciles,
    count_exceedances,
    generate_periods,
    ponding_models,
    resampled_generators,
    run_periods,
)
from risk_models.outlook.expected import ANTECEDENT_H, DepthModel
from risk_models.risk.ponding import HotspotBasins
from risk_models.standards import load_standards

FIELD = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.7]])
KINDS = pd.Series({"H1": "road_junction", "H2": "tunnel", "H3": "school"}, name="kind")
TOWNS = pd.Series({"H1": "T1", "H2": "T1", "H3": "T2"})


@pytest.fixture(scope="module")
def classes() -> HotspotClasses:
    return HotspotClasses.for_kinds(load_standards().depth_classes("zz-road-2024"), KINDS)


@pytest.fixture(scope="module")
def basins() -> HotspotBasins:
    """Return three paved hectares with little drainage, so that ordinary storms pond."""
    one = np.ones(3)
    curve = np.linspace(0, 1.5, 16)
    return HotspotBasins(1e4 * one, 0.9 * one, 60 * one, 0.1 * one, np.array([30, 50, 80.0]), np.array([0, 20, 0.0]),
                         np.tile(curve, (3, 1)), np.tile(600 * curve**2, (3, 1)))  # fmt: skip


def simple_depth(rain_mm: np.ndarray) -> np.ndarray:
    """Return a depth that is a centimetre per mm of the hour."""
    return rain_mm / 100.0


def expected_in(
    periods: GeneratedPeriods, field: np.ndarray, models: Sequence[DepthModel], classes: HotspotClasses,
    *, groups: pd.Series | None = None, skip: SkipRule | None = None,
) -> Expected:  # fmt: skip
    """Run the periods and count."""
    return count_exceedances(periods, run_periods(periods, field, models, skip=skip), classes, groups=groups)


def test_counts_against_a_loop(july: GeneratedPeriods, classes: HotspotClasses) -> None:
    found = expected_in(july, FIELD, [simple_depth], classes, groups=TOWNS)
    assert found.n_run == found.n_storms == len(july.period)
    days, level_days = np.zeros((60, 3, 5)), np.zeros((60, 5))
    for period in range(60):
        hours = 24 * 40
        rain = np.zeros((hours, 2))
        for storm in np.flatnonzero(july.period == period):
            begin, end = july.catalogue.offset[july.analogue[storm] : july.analogue[storm] + 2]
            start = july.start_h[storm]
            rain[start : start + end - begin] += july.catalogue.rain_mm[begin:end] * july.scale[storm]
        peak = (rain @ FIELD.T / 100).reshape(-1, 24, 3).max(axis=1)
        reached = peak[:, :, None] >= classes.minima_m
        days[period] = reached.sum(axis=0)
        order = np.array([int(level) for level in classes.levels])
        worst = (reached * order).max(axis=(1, 2))
        level_days[period] = [(worst >= level).sum() for level in range(5)]
    table = found.passes.set_index(["hotspot_id", "depth_class"])
    for row, name in enumerate(classes.hotspot_ids):
        for column, key in enumerate(classes.keys):
            if np.isinf(classes.minima_m[row, column]):
                assert table.loc[(name, key)].isna().all()
                continue
            assert table.loc[(name, key), "p_once"] == pytest.approx((days[:, row, column] > 0).mean(), abs=1e-6)
            assert table.loc[(name, key), "expected_days"] == pytest.approx(days[:, row, column].mean(), abs=1e-6)
    district = found.levels[found.levels["unit_kind"] == "district"].set_index("level")
    assert district["expected_days"].tolist() == pytest.approx(level_days.mean(axis=0)[1:].tolist(), abs=1e-6)
    assert district["p_once"].tolist() == pytest.approx((level_days > 0).mean(axis=0)[1:].tolist(), abs=1e-6)
    assert district["expected_days"].iloc[0] > 0.2


def check_laws(found) -> None:
    """Probabilities are probabilities, deeper classes and higher levels are rarer, intervals hold their estimate."""
    passes = found.passes.dropna()
    for table, unit, rank in ((passes, "hotspot_id", "depth_min_m"), (found.levels, "unit_id", "level")):
        assert table["p_once"].between(0, 1).all()
        assert (table["p_low"] <= table["p_once"]).all()
        assert (table["p_once"] <= table["p_high"]).all()
        assert (table["p_low"] >= 0).all()
        assert (table["p_high"] <= 1).all()
        assert (table["days_p10"] <= table["days_p90"]).all()
        assert (table["expected_days"] >= table["p_once"] - 1e-12).all()
        for _, rows in table.groupby(unit):
            ordered = rows.sort_values(rank)
            for name in ("p_once", "expected_days", "days_p10", "days_p90"):
                assert (ordered[name].diff().dropna() <= 1e-12).all()
    exact = found.levels.groupby(["unit_kind", "unit_id"])["expected_days_exactly"].sum()
    blue = found.levels[found.levels["level"] == Level.BLUE].set_index(["unit_kind", "unit_id"])["expected_days"]
    assert exact.reindex(blue.index).tolist() == pytest.approx(blue.tolist())


@settings(max_examples=12, deadline=None)
@given(wetter=st.floats(1.0, 4.0), above=st.floats(0.0, 1.0))
def test_laws_and_more_rain_never_lowers_expected_days(
    july: GeneratedPeriods, basins: HotspotBasins, classes: HotspotClasses, wetter: float, above: float
) -> None:
    few = replace(july, scale=july.scale * 2)
    forecast = TercileForecast(below=(1 - above) / 2, normal=1 - above - (1 - above) / 2, above=above)
    tables = []
    for periods in (few, replace(few, scale=few.scale * wetter)):
        weighted = replace(periods, weight=condition_on_terciles(few, forecast).weight)
        found = expected_in(weighted, FIELD, ponding_models(basins)[1], classes, groups=TOWNS)
        check_laws(found)
        tables.append(found)
    for name in ("p_once", "expected_days", "days_p10", "days_p90"):
        assert (tables[1].passes[name].fillna(0) >= tables[0].passes[name].fillna(0) - 1e-9).all()
        assert (tables[1].levels[name] >= tables[0].levels[name] - 1e-9).all()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_more_rain_in_every_storm_never_lowers_a_chance(
    july: GeneratedPeriods, basins: HotspotBasins, classes: HotspotClasses, seed: int
) -> None:
    """Every storm by a factor of its own, and the skipping of weak storms with it."""
    more = 1 + np.random.default_rng(seed).exponential(1.0, len(july.scale))
    skip = SkipRule.for_basins(basins)
    dry, wet = (
        expected_in(item, FIELD, ponding_models(basins)[1], classes, groups=TOWNS, skip=skip)
        for item in (july, replace(july, scale=july.scale * more))
    )
    for name in ("p_once", "expected_days"):
        assert (wet.passes[name].fillna(0) >= dry.passes[name].fillna(0) - 1e-9).all()
        assert (wet.levels[name] >= dry.levels[name] - 1e-9).all()


@settings(max_examples=6, deadline=None)
@given(order=st.permutations(range(3)))
def test_the_order_of_hotspots_changes_nothing(
    july: GeneratedPeriods, basins: HotspotBasins, classes: HotspotClasses, order: list[int]
) -> None:
    strong = replace(july, scale=july.scale * 1.5)
    whole = expected_in(strong, FIELD, ponding_models(basins)[1], classes, groups=TOWNS)
    mixed = HotspotClasses.for_kinds(load_standards().depth_classes("zz-road-2024"), KINDS.iloc[order])
    found = expected_in(strong, FIELD[order], ponding_models(basins.take(np.array(order)))[1], mixed, groups=TOWNS)
    keys = ["hotspot_id", "depth_class"]
    ordered = [item.passes.sort_values(keys).reset_index(drop=True) for item in (whole, found)]
    pd.testing.assert_frame_equal(*ordered)
    keys = ["unit_kind", "unit_id", "level"]
    ordered = [item.levels.sort_values(keys).reset_index(drop=True) for item in (whole, found)]
    pd.testing.assert_frame_equal(*ordered)


def test_running_and_counting_in_two_steps(
    july: GeneratedPeriods, basins: HotspotBasins, classes: HotspotClasses
) -> None:
    strong = replace(july, scale=july.scale * 1.5)
    run = run_periods(strong, FIELD, ponding_models(basins)[1])
    found = count_exceedances(strong, run, classes)
    share = (run.peaks_m(60)[:, None, :] >= classes.minima_m[:, :, None]).mean(axis=2)
    wanted = np.where(np.isfinite(classes.minima_m), share, np.nan)
    assert found.passes["p_once"].to_numpy().reshape(3, -1) == pytest.approx(wanted, nan_ok=True)
    assert run.day.max() < 31 + 3
    with pytest.raises(ValueError, match="depths are of 3 hotspots, classes of 2"):
        count_exceedances(
            strong, run, HotspotClasses.for_kinds(load_standards().depth_classes("zz-road-2024"), KINDS[:2])
        )


def test_least_depth_of_a_level(classes: HotspotClasses) -> None:
    assert classes.level_depths_m(Level.ORANGE).tolist() == [0.27, 0.27, 0.27]
    assert classes.level_depths_m(Level.BLUE).tolist() == [0.05, 0.05, 0.05]
    bare = HotspotClasses(("H1",), (), np.zeros((1, 0)), ())
    assert bare.level_depths_m(Level.RED).tolist() == [np.inf]


def test_skipping_weak_storms_loses_nothing(
    july: GeneratedPeriods, basins: HotspotBasins, classes: HotspotClasses
) -> None:
    strong = replace(july, scale=july.scale * 1.5)
    models = ponding_models(basins)[1]
    whole = expected_in(strong, FIELD, models, classes, groups=TOWNS)
    fast = expected_in(strong, FIELD, models, classes, groups=TOWNS, skip=SkipRule.for_basins(basins))
    assert fast.n_run < 0.9 * whole.n_run
    assert whole.passes["p_once"].max() > 0.1
    pd.testing.assert_frame_equal(fast.passes, whole.passes)
    pd.testing.assert_frame_equal(fast.levels, whole.levels)


def test_a_dry_month_is_none_not_missing(july: GeneratedPeriods, classes: HotspotClasses) -> None:
    never = SkipRule(np.full(3, 1e6))
    found = expected_in(july, FIELD, [simple_depth], classes, skip=never)
    assert found.n_run == 0
    assert (found.levels["p_once"] == 0).all()
    assert (found.levels["p_high"] > 0).all()  # sixty dry months do not prove that it never happens
    assert (found.levels["expected_days"] == 0).all()


def test_signal_moves_the_numbers(july: GeneratedPeriods, classes: HotspotClasses) -> None:
    days = []
    for below, above in ((0.7, 0.1), (1 / 3, 1 / 3), (0.1, 0.7)):
        weighted = condition_on_terciles(july, TercileForecast(below=below, normal=1 - below - above, above=above))
        found = expected_in(weighted, FIELD, [simple_depth], classes)
        days.append(found.levels.query("unit_kind == 'district' and level == 1")["expected_days"].iloc[0])
    assert days == sorted(days)
    assert days[2] > 1.1 * days[0]


def test_towns_have_their_worst_hotspot(july: GeneratedPeriods, classes: HotspotClasses) -> None:
    levels = expected_in(july, FIELD, [simple_depth], classes, groups=TOWNS).levels
    days = levels.set_index(["unit_kind", "unit_id", "level"])["expected_days"]
    for level in range(1, 5):
        assert days["group", "T2", level] == pytest.approx(days["hotspot", "H3", level])
        assert days["group", "T1", level] >= max(days["hotspot", "H1", level], days["hotspot", "H2", level])
        assert days["district", "district", level] >= days["group", "T1", level]


def test_refits_give_the_interval(catalogue: StormCatalogue, classes: HotspotClasses) -> None:
    generators = resampled_generators(catalogue, 10, rng=np.random.default_rng(4))
    periods = generate_periods(
        generators, date(2021, 7, 1), date(2021, 7, 31), n_periods=300, rng=np.random.default_rng(5)
    )
    found = expected_in(periods, FIELD, [simple_depth], classes)
    check_laws(found)
    plain = expected_in(replace(periods, replicate=periods.replicate * 0), FIELD, [simple_depth], classes)
    assert found.passes["p_once"].equals(plain.passes["p_once"])
    width = [(item.passes["p_high"] - item.passes["p_low"]).max() for item in (found, plain)]
    assert width[0] > width[1]  # a record of four years leaves more open than 300 periods do


def test_wet_ground_of_the_days_before_is_there(july: GeneratedPeriods, classes: HotspotClasses) -> None:
    """A model that keeps all water sees the storm before in the window, but counts only the days of its own storm."""
    seen: list[int] = []

    def keeps_all(rain_mm: np.ndarray) -> np.ndarray:
        seen.append(int((rain_mm[:, :, :ANTECEDENT_H].sum(axis=(0, 2)) > 0).sum()))
        return np.cumsum(rain_mm, axis=2) / 1000

    found = expected_in(july, FIELD, [keeps_all], classes)
    gap = (
        np.diff(july.start_h)[np.diff(july.period) == 0]
        - july.catalogue.duration_h[july.analogue[:-1]][np.diff(july.period) == 0]
    )
    assert sum(seen) >= (gap < ANTECEDENT_H).sum() > 0
    assert found.passes["expected_days"].max() <= 31 + 3


def test_the_same_twice(july: GeneratedPeriods, basins: HotspotBasins, classes: HotspotClasses) -> None:
    runs = [expected_in(july, FIELD, ponding_models(basins)[1], classes, groups=TOWNS) for _ in range(2)]
    pd.testing.assert_frame_equal(runs[0].passes, runs[1].passes, check_exact=True)
    pd.testing.assert_frame_equal(runs[0].levels, runs[1].levels, check_exact=True)


@pytest.mark.parametrize(
    ("field", "models", "text"),
    [
        (FIELD[:2], [simple_depth], "depths are of 2 hotspots, classes of 3"),
        (FIELD[:, :1], [simple_depth], r"field must be \(hotspots, 2\)"),
        (-FIELD, [simple_depth], "not negative"),
        (FIELD, [], "at least one depth model"),
        (FIELD, [lambda rain: rain[:1]], "depth model returned"),
    ],
)
def test_what_does_not_fit_is_refused(july, classes, field, models, text) -> None:
    with pytest.raises(ValueError, match=text):
        expected_in(july, field, models, classes)
