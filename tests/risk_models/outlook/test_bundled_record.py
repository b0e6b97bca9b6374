"""The demonstration record, and the generator against its sixty years.

Stated bounds: mean 3 %, wet hours 5 %, days of 25 mm 5 %, mean annual maxima of 1, 3 and 24 h 10 %; days of 50 mm 25 %:
there are 92 of them, which leaves 10 % of sampling error, and one smooth tail stands for two kinds of storms.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from risk_models.forecast.storm import depth_mm
from risk_models.outlook import (
    ReturnLevels,
    StormCatalogue,
    cut_storms,
    fit_generator,
    generate_periods,
    read_rain_record,
)
from risk_models.outlook.climatology import annual_maxima, climatology, heavy_counts, monthly_totals
from risk_models.standards import load_standards

ZONE = "Asia/Shanghai"


@pytest.fixture(scope="module")
def bundled(erqi_path: Path) -> pd.DataFrame:
    return read_rain_record(erqi_path / "rain_record.nc")


@pytest.fixture(scope="module")
def made_years(bundled: pd.DataFrame) -> list[np.ndarray]:
    """Return 300 generated years at the gauge known for all of the record."""
    catalogue = cut_storms(bundled[["57083"]], timezone=ZONE)
    assert isinstance(catalogue, StormCatalogue)
    assert catalogue.share_in_storms > 0.98
    days = date(2001, 1, 1), date(2001, 12, 31)
    made = generate_periods([fit_generator(catalogue)], *days, n_periods=300, rng=np.random.default_rng(1))
    return [made.hourly_mm(period)[:, 0] for period in range(300)]


def test_it_says_that_it_is_made_up(erqi_path: Path) -> None:
    with xr.open_dataset(erqi_path / "rain_record.nc") as opened:
        assert opened.attrs["synthetic"] == "true"
        assert opened.attrs["source"] == "synthetic (seed 20210720)"
    assert (erqi_path / "rain_record.nc").stat().st_size < 700_000


def test_sixty_years_with_the_published_mean(bundled: pd.DataFrame) -> None:
    assert bundled.columns[0] == "57083"
    assert bundled.shape[1] == 4
    local = bundled.index.tz_convert(ZONE)
    assert (local[0].isoformat(), local[-1].isoformat()) == ("1961-01-01T01:00:00+08:00", "2021-01-01T00:00:00+08:00")
    assert bundled["57083"].notna().all()
    assert bundled["57083"].sum() / 60 == pytest.approx(640.8, abs=1e-6)
    assert bundled.iloc[:, 1:].isna().any().all(), "the other gauges are younger, and fail at times"


def test_heavy_storms_come_in_summer_and_rare_hours_are_near_the_formula(bundled: pd.DataFrame) -> None:
    found = climatology(bundled, "57083", timezone=ZONE, rng=np.random.default_rng(0))
    assert found.missing == ()
    days = found.months["heavy_days"]
    assert days.loc[[6, 7, 8]].sum() > 0.7 * days.sum() > 0.7
    assert found.months["mean_mm"].idxmax() == 7
    hour = found.levels[1]
    assert isinstance(hour, ReturnLevels)
    formula = load_standards().storm_formula("zz-f2")
    for period in (2, 10, 50):
        wanted = float(depth_mm(formula, period, 60))
        assert hour.table.loc[period, "level_mm"] == pytest.approx(wanted, rel=0.15), period


def test_generator_reproduces_it(bundled: pd.DataFrame, made_years: list[np.ndarray]) -> None:
    rain = bundled["57083"]
    wanted = {"total": rain.sum() / 60, "wet_hours": (rain >= 0.05).sum() / 60}
    daily = rain.to_numpy().reshape(-1, 24).sum(axis=1)
    wanted["days_25"] = (daily >= 25).sum() / 60
    wanted["heavy_days"] = heavy_counts(rain, timezone=ZONE)["heavy_days"].sum() / 60
    wanted |= annual_maxima(rain, timezone=ZONE).mean().to_dict()
    ours = {
        "total": np.mean([year.sum() for year in made_years]),
        "wet_hours": np.mean([(year >= 0.05).sum() for year in made_years]),
        "days_25": np.mean([(year.reshape(-1, 24).sum(axis=1) >= 25).sum() for year in made_years]),
        "heavy_days": np.mean([(year.reshape(-1, 24).sum(axis=1) >= 50).sum() for year in made_years]),
    }
    for window in (1, 3, 24):
        sums = [np.convolve(year, np.ones(window), "valid").max() for year in made_years]
        ours[f"max_{window}h_mm"] = np.mean(sums)
    bounds = {"total": 0.03, "wet_hours": 0.05, "days_25": 0.05, "heavy_days": 0.25}
    bounds |= {f"max_{window}h_mm": 0.10 for window in (1, 3, 24)}
    for name, bound in bounds.items():
        assert ours[name] == pytest.approx(wanted[name], rel=bound), name


def test_months_are_reproduced(bundled: pd.DataFrame, made_years: list[np.ndarray]) -> None:
    daily = bundled["57083"].groupby((bundled.index - pd.Timedelta(hours=1)).tz_convert(ZONE).date).sum()
    daily.index = pd.DatetimeIndex(daily.index)
    monthly = monthly_totals(daily)["total_mm"]
    wanted = monthly.groupby(monthly.index.month).mean()
    month = np.repeat(pd.date_range("2001-01-01", "2001-12-31").month, 24)
    ours = pd.Series(np.bincount(month, weights=np.mean(made_years, axis=0))[1:], index=range(1, 13))
    wettest = wanted[wanted > 40].index
    assert ours[wettest].to_numpy() == pytest.approx(wanted[wettest].to_numpy(), rel=0.12)
    assert np.abs(ours - wanted).max() < 15


def test_generated_maxima_agree_with_the_return_levels(bundled: pd.DataFrame, made_years: list[np.ndarray]) -> None:
    levels = climatology(bundled, "57083", timezone=ZONE, rng=np.random.default_rng(0)).levels[24]
    assert isinstance(levels, ReturnLevels)
    sums = np.array([np.convolve(year, np.ones(24), "valid").max() for year in made_years])
    for period in (2, 5, 10):
        row = levels.table.loc[period]
        assert row["low_mm"] * 0.9 <= np.quantile(sums, 1 - 1 / period) <= row["high_mm"] * 1.1, period
