"""The generator against the record it was fitted to, against a known truth, and its laws.

Stated bounds for a record of five years: mean 5 %, wet hours 8 %, days of 25 mm, hours of 10 mm and mean annual maxima
of 1, 3 and 24 h 20 %: five annual maxima of one gauge leave about 15 to 20 % of sampling error by themselves. For forty
years made by the generator itself: mean 3 %, days of 25 mm 10 %, maxima 12 %.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.outlook import (
    GeneratedPeriods,
    StormCatalogue,
    TercileForecast,
    TooShort,
    condition_on_terciles,
    cut_storms,
    fit_generator,
    generate_periods,
    hotspot_field,
    neutral_forecast,
    resampled_generators,
)
from risk_models.outlook.generator import DepthLaw, MixedExponential
from tests.risk_models.outlook.conftest import made_record

YEAR = date(2001, 1, 1), date(2001, 12, 31)


def statistics(years: list[np.ndarray]) -> dict[str, float]:
    """Return yearly statistics, mean over gauges and years, of hourly rain (hours, gauges).

    An hour is wet from 0.05 mm, which a gauge that tells tenths shows as 0.1.
    """
    found: dict[str, list[float]] = {}
    for rain in years:
        sums = np.vstack([np.zeros(rain.shape[1]), np.cumsum(rain, axis=0)])
        numbers = {f"max_{w}h": (sums[w:] - sums[:-w]).max(axis=0).mean() for w in (1, 3, 24)}
        daily = rain[: len(rain) // 24 * 24].reshape(-1, 24, rain.shape[1]).sum(axis=1)
        numbers |= {"total": rain.sum(axis=0).mean(), "days_25": (daily >= 25).sum(axis=0).mean()}
        numbers |= {"hours_10": (rain >= 10).sum(axis=0).mean(), "wet_hours": (rain >= 0.05).sum(axis=0).mean()}
        for name, value in numbers.items():
            found.setdefault(name, []).append(float(value))
    return {name: float(np.mean(values)) for name, values in found.items()}


def as_catalogue(found: StormCatalogue | TooShort) -> StormCatalogue:
    assert isinstance(found, StormCatalogue)
    return found


def test_record_of_five_years_is_reproduced(germany: pd.DataFrame) -> None:
    catalogue = as_catalogue(cut_storms(germany, timezone="UTC"))
    assert catalogue.years_known == pytest.approx(5, abs=0.01)
    assert catalogue.share_in_storms > 0.98
    made = generate_periods([fit_generator(catalogue)], *YEAR, n_periods=150, rng=np.random.default_rng(1))
    ours = statistics([made.hourly_mm(period) for period in range(150)])
    record = statistics([np.nan_to_num(rain.to_numpy()) for _, rain in germany.groupby(germany.index.year) if
                         len(rain) > 8000])  # fmt: skip
    bounds = {"total": 0.05, "wet_hours": 0.08, "days_25": 0.20, "hours_10": 0.20, "max_1h": 0.20, "max_3h": 0.20,
              "max_24h": 0.20}  # fmt: skip
    for name, bound in bounds.items():
        assert ours[name] == pytest.approx(record[name], rel=bound), name
    gauges = np.mean([made.hourly_mm(period).sum(axis=0) for period in range(50)], axis=0)
    assert np.corrcoef(gauges, germany.mean())[0, 1] > 0.99


def test_season_is_reproduced(germany: pd.DataFrame) -> None:
    catalogue = as_catalogue(cut_storms(germany, timezone="UTC"))
    generator = fit_generator(catalogue)
    for month, days in ((4, 30), (8, 31)):
        made = generate_periods([generator], date(2001, month, 1), date(2001, month, days), n_periods=600,
                                rng=np.random.default_rng(month))  # fmt: skip
        own = germany[germany.index.month == month]
        assert made.totals_mm().mean() == pytest.approx(own.mean().mean() * days * 24, rel=0.1)


def test_a_known_truth_is_found_again() -> None:
    """Forty years made by one generator: a second one, fitted to them, makes the same climate."""
    truth = fit_generator(as_catalogue(cut_storms(made_record(6), timezone="UTC")))
    made = generate_periods([truth], *YEAR, n_periods=40, rng=np.random.default_rng(2))
    years = [made.hourly_mm(period) for period in range(40)]
    hours = pd.date_range("2001-01-01 01:00", periods=40 * 8760, freq="h", tz="UTC")
    record = pd.DataFrame(np.concatenate(years), index=hours, columns=["G1", "G2"])
    again = fit_generator(as_catalogue(cut_storms(record, timezone="UTC")))
    ours = generate_periods([again], *YEAR, n_periods=150, rng=np.random.default_rng(3))
    found, wanted = statistics([ours.hourly_mm(period) for period in range(150)]), statistics(years)
    assert found["total"] == pytest.approx(wanted["total"], rel=0.03)
    assert found["days_25"] == pytest.approx(wanted["days_25"], rel=0.10)
    for name in ("max_1h", "max_3h", "max_24h"):
        assert found[name] == pytest.approx(wanted[name], rel=0.12), name


def test_depths_go_beyond_the_record_but_not_beyond_the_possible(catalogue: StormCatalogue) -> None:
    made = generate_periods([fit_generator(catalogue)], *YEAR, n_periods=300, rng=np.random.default_rng(1))
    depth = catalogue.depth_mm[made.analogue] * made.scale
    assert depth.max() > 1.05 * catalogue.depth_mm.max()
    assert (catalogue.peaks_mm(1).max(axis=1)[made.analogue] * made.scale <= 401.0 + 1e-9).all()


def test_the_same_seed_gives_the_same_periods(catalogue: StormCatalogue) -> None:
    runs = [
        generate_periods(resampled_generators(catalogue, 3, rng=np.random.default_rng(7)), *YEAR, n_periods=9,
                         rng=np.random.default_rng(8))
        for _ in range(2)
    ]  # fmt: skip
    for name in ("period", "start_h", "analogue", "scale", "weight", "replicate"):
        assert np.array_equal(getattr(runs[0], name), getattr(runs[1], name))
    assert runs[0].replicate.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_storms_lie_in_order_apart_and_inside(july: GeneratedPeriods) -> None:
    key = july.period * 10_000 + july.start_h
    assert (np.diff(key) > 0).all()
    assert july.start_h.min() >= 0
    assert july.start_h.max() < 31 * 24
    same = np.diff(july.period) == 0
    gap = np.diff(july.start_h) - july.catalogue.duration_h[july.analogue[:-1]]
    assert gap[same].min() > july.catalogue.separation_h
    assert july.hourly_mm(0).shape == (744, 2)


def test_short_records_are_refused_with_an_answer(erqi_path) -> None:
    table = pd.read_csv(erqi_path / "storm_2021" / "gauges_hourly.csv", index_col="time_end", parse_dates=True)
    storm = table.set_index(pd.DatetimeIndex(table.index).tz_convert("UTC"))
    answer = cut_storms(storm, timezone="Asia/Shanghai")
    assert isinstance(answer, TooShort)
    assert answer.zh == "资料不足，不给出降雨随机模拟：需要至少2年，现有0.01年。"
    assert isinstance(cut_storms(made_record(1), timezone="UTC"), TooShort)
    dry = made_record(3) * 0.0
    assert cut_storms(dry, timezone="UTC") == TooShort("降雨随机模拟", "a rain generator", 50, 0, "storms")


def test_two_years_are_enough_to_generate() -> None:
    record = made_record(3).iloc[: 2 * 8770]
    made = generate_periods(
        [fit_generator(as_catalogue(cut_storms(record, timezone="UTC")))], *YEAR, n_periods=80,
        rng=np.random.default_rng(1),
    )  # fmt: skip
    assert made.totals_mm().mean() == pytest.approx(record.mean().mean() * 8760, rel=0.1)


def test_what_touches_an_unknown_hour_is_not_learnt(record: pd.DataFrame) -> None:
    whole = as_catalogue(cut_storms(record, timezone="UTC"))
    holed = record.copy()
    holed.iloc[10_000:12_000] = np.nan
    cut = as_catalogue(cut_storms(holed, timezone="UTC"))
    assert cut.years_known == pytest.approx(whole.years_known - 2000 / 8766)
    assert len(cut) < len(whole)
    assert np.nanmax(cut.gap_h) <= np.nanmax(whole.gap_h)  # the hole is no dry spell
    totals = [np.round(np.add.reduceat(item.rain_mm[:, 0], item.offset[:-1]), 3) for item in (cut, whole)]
    assert np.isin(totals[0], totals[1]).all()


def test_a_gauge_that_drops_out_does_not_shift_the_district() -> None:
    record = made_record(4)
    holed = record.copy()
    holed.iloc[:15_000, 1] = np.nan  # the wetter gauge
    whole, part = (as_catalogue(cut_storms(item, timezone="UTC")) for item in (record, holed))
    assert part.depth_mm.sum() == pytest.approx(whole.depth_mm.sum(), rel=0.03)
    assert part.factor[1] / part.factor[0] == pytest.approx(whole.factor[1] / whole.factor[0], rel=0.04)


def test_peaks_against_a_loop(catalogue: StormCatalogue) -> None:
    for window in (1, 3):
        peaks = catalogue.peaks_mm(window)
        for storm in range(0, len(catalogue), 17):
            rain = catalogue.rain_mm[catalogue.offset[storm] : catalogue.offset[storm + 1]]
            sums = [rain[max(0, t - window + 1) : t + 1].sum(axis=0) for t in range(len(rain))]
            assert peaks[storm] == pytest.approx(np.max(sums, axis=0))


def test_field_keeps_bursts_and_factors(catalogue: StormCatalogue) -> None:
    field = hotspot_field(catalogue, [[0, 0], [1000, 0]], [[0, 0], [1000, 0], [400, 0]])
    assert field[:2].tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert field[2, 1] == 0.0
    assert catalogue.factor[0] < field[2, 0] * catalogue.factor[0] < catalogue.factor[1]
    with pytest.raises(ValueError, match=r"coordinates must be \(2, 2\)"):
        hotspot_field(catalogue, [[0, 0]], [[0, 0]])


@pytest.mark.parametrize(("first", "last", "count"), [(date(2021, 7, 2), date(2021, 7, 1), 5), (*YEAR, 0)])
def test_periods_that_are_none(catalogue: StormCatalogue, first: date, last: date, count: int) -> None:
    with pytest.raises(ValueError, match="do not make periods"):
        generate_periods([fit_generator(catalogue)], first, last, n_periods=count, rng=np.random.default_rng(0))


def test_terciles_shift_the_mean_as_forecast(july: GeneratedPeriods) -> None:
    totals = july.totals_mm()
    plain = condition_on_terciles(july, neutral_forecast())
    assert plain.weight.tolist() == [1.0] * 60
    wet = condition_on_terciles(july, TercileForecast(below=0.1, normal=0.3, above=0.6))
    dry = condition_on_terciles(july, TercileForecast(below=0.6, normal=0.3, above=0.1))
    means = [float(np.average(totals, weights=item.weight)) for item in (dry, plain, wet)]
    assert means == sorted(means)
    assert means[0] < means[1] < means[2]
    top = np.argsort(totals)[-20:]
    assert wet.weight[top].sum() / 60 == pytest.approx(0.6)
    assert july.weight.tolist() == [1.0] * 60  # the input is left alone


@settings(max_examples=50, deadline=None)
@given(
    values=st.lists(st.floats(0.5, 1e4), min_size=1, max_size=60),
)
def test_mixture_keeps_the_mean(values: list[float]) -> None:
    sample = np.array(values)
    fit = MixedExponential.fit(sample)
    assert fit.mean == pytest.approx(sample.mean(), rel=1e-6)
    assert 0 <= fit.weight <= 1
    assert (fit.draw(np.random.default_rng(0), 50) >= 0).all()


def test_depth_law_draws_what_it_says() -> None:
    law = DepthLaw(np.array([1.0, 2.0, 3.0]), 3.0, 0.2, 5.0, -0.1)
    drawn = law.draw(np.random.default_rng(0), 200_000)
    assert drawn.mean() == pytest.approx(law.mean_mm, rel=0.01)
    assert (drawn > 3).mean() == pytest.approx(0.2, abs=0.005)


@settings(max_examples=30, deadline=None)
@given(below=st.floats(0, 1), share=st.floats(0, 1))
def test_weights_of_any_terciles(july: GeneratedPeriods, below: float, share: float) -> None:
    above = (1 - below) * share
    normal = 1 - below - above
    made = condition_on_terciles(july, TercileForecast(below=below, normal=normal if normal > 0 else 0.0, above=above))
    assert (made.weight >= 0).all()
    assert made.weight.mean() == pytest.approx(1.0)
