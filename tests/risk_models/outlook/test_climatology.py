"""What a record says, and what it is too short to say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from risk_models.errors import BadInputError
from risk_models.outlook import MissingRule, check_record, record_lengths
from risk_models.outlook.climatology import (
    annual_maxima,
    climatology,
    daily_totals,
    heavy_counts,
    monthly_climate,
    monthly_totals,
)
from risk_models.outlook.extremes import ReturnLevels
from tests.risk_models.outlook.conftest import made_record

TZ = "Asia/Shanghai"


def erqi_storm(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path / "storm_2021" / "gauges_hourly.csv", index_col="time_end", parse_dates=True)
    return table.set_index(pd.DatetimeIndex(table.index).tz_convert("UTC"))


def test_five_days_say_what_they_can_and_what_is_missing(erqi_path: Path) -> None:
    storm = erqi_storm(erqi_path)
    found = climatology(storm, "57083", timezone=TZ, rng=np.random.default_rng(0))
    assert found.length["hours_known"] == 120
    assert found.length["years_known"] == pytest.approx(120 / 8766)
    assert found.heavy["heavy_days"].tolist() == [int((daily_totals(storm, timezone=TZ)["57083"] >= 50).sum())]
    assert found.heavy["heavy_days"].iloc[0] >= 1
    assert found.monthly["total_mm"].isna().all()
    assert found.maxima.isna().all().all()
    assert [answer.what_en for answer in found.missing] == ["return levels", "terciles of monthly rain"]
    assert found.missing[0].zh == "资料不足，不给出重现期雨量：需要至少10年，现有0年。"


def test_two_years_give_maxima_but_no_return_levels() -> None:
    found = climatology(made_record(2), "G1", timezone="UTC", rng=np.random.default_rng(0))
    assert found.maxima.notna().all().all()
    assert not any(isinstance(level, ReturnLevels) for level in found.levels.values())
    assert {answer.found for answer in found.missing} == {2}
    assert found.months["mean_mm"].notna().all()
    assert found.months["low_tercile_mm"].isna().all()


def test_twenty_years_give_all() -> None:
    found = climatology(made_record(20), "G1", timezone="UTC", rng=np.random.default_rng(0))
    assert found.missing == ()
    assert all(isinstance(level, ReturnLevels) for level in found.levels.values())
    assert (found.months["low_tercile_mm"] <= found.months["high_tercile_mm"]).all()
    assert found.months["mean_mm"].idxmax() in (6, 7, 8)
    yearly = found.monthly["total_mm"].groupby(found.monthly.index.year).sum()
    assert yearly.mean() == pytest.approx(found.months["mean_mm"].sum())


def test_an_unknown_hour_makes_the_day_unknown_never_dry() -> None:
    hours = pd.date_range("2021-07-01 01:00", periods=48, freq="h", tz="UTC")
    rain = pd.DataFrame({"a": 1.0}, index=hours)
    rain.iloc[30] = np.nan
    assert daily_totals(rain, timezone="UTC")["a"].tolist()[0] == 24.0
    assert np.isnan(daily_totals(rain, timezone="UTC")["a"].iloc[1])


def test_days_follow_local_clocks() -> None:
    hours = pd.date_range("2021-03-26 23:00", periods=96, freq="h", tz="UTC")
    rain = pd.DataFrame({"a": 1.0}, index=hours)
    berlin = daily_totals(rain, timezone="Europe/Berlin")["a"]
    assert berlin.dropna().tolist() == [24.0, 23.0, 24.0, 24.0]  # clocks went forward on 28 March
    weather_day = daily_totals(rain, timezone=TZ, day_starts_h=20)["a"]
    assert weather_day.dropna().index.day.tolist() == [28, 29, 30]


@pytest.mark.parametrize(
    ("missing", "complete", "scaled"),
    [([], 62.0, 62.0), ([3], None, 62.0), ([3, 4, 5, 6], None, 62.0), ([3, 4, 5, 6, 7], None, None),
     (list(range(0, 20, 2)), None, 62.0), (list(range(0, 22, 2)), None, None)],
)  # fmt: skip
def test_missing_days_of_a_month(missing: list[int], complete: float | None, scaled: float | None) -> None:
    """WMO: a sum needs every day; with 11 days, or 5 in a row, missing there is nothing to scale either."""
    july = pd.Series(2.0, index=pd.date_range("2021-07-01", "2021-07-31"))
    july.iloc[missing] = np.nan
    for rule, expected in ((MissingRule.COMPLETE, complete), (MissingRule.ELEVEN_FIVE, scaled)):
        row = monthly_totals(july, rule=rule).iloc[0]
        assert row["days_missing"] == len(missing)
        if expected is None:
            assert np.isnan(row["total_mm"])
            assert not row["is_estimate"]
        else:
            assert row["total_mm"] == pytest.approx(expected)
            assert row["is_estimate"] == bool(missing)


def test_days_outside_the_record_are_missing_days() -> None:
    row = monthly_totals(pd.Series(1.0, index=pd.date_range("2021-07-21", "2021-07-31"))).iloc[0]
    assert (row["days_known"], row["days_missing"], row["longest_gap_days"]) == (11, 20, 20)
    assert np.isnan(row["total_mm"])


def test_heavy_counts_and_maxima_of_real_gauges(germany: pd.DataFrame) -> None:
    rain = germany["DE_02718"]
    counts = heavy_counts(rain, timezone="UTC", day_mm=25, hour_mm=15)
    daily = daily_totals(germany, timezone="UTC")["DE_02718"]
    assert counts["heavy_days"].sum() == (daily >= 25).sum() > 0
    assert counts["heavy_hours"].sum() == (rain >= 15).sum() > 0
    maxima = annual_maxima(rain, timezone="UTC")
    assert maxima.shape == (5, 3)
    assert maxima["max_1h_mm"].max() == pytest.approx(float(rain.max()), abs=1e-4)
    assert (maxima.diff(axis=1).iloc[:, 1:] >= 0).all().all()


def test_a_year_half_known_has_no_maximum(germany: pd.DataFrame) -> None:
    rain = germany["DE_00390"].copy()
    rain[(rain.index.year == 2008) & (rain.index.month > 9)] = np.nan
    assert annual_maxima(rain, timezone="UTC")["max_24h_mm"].isna().tolist() == [False, False, True, False, False]


def test_monthly_climate_scales_counts_by_known_days() -> None:
    index = pd.DatetimeIndex(["2001-07-01", "2002-07-01"])
    heavy = pd.DataFrame(
        {"heavy_days": [1, 1], "heavy_hours": [0, 0], "days_known": [31, 0], "hours_known": [744, 0]}, index=index
    )
    row = monthly_climate(pd.DataFrame({"total_mm": [100.0, np.nan]}, index=index), heavy).loc[7]
    assert (row["n_years"], row["mean_mm"], row["heavy_days"]) == (1, 100.0, 2.0)


def test_lengths_are_stated() -> None:
    rain = made_record(2)
    rain.iloc[:1000, 1] = np.nan
    rain["dead"] = np.nan
    lengths = record_lengths(rain)
    assert lengths["hours_known"].tolist() == [17520, 16520, 0]
    assert pd.isna(lengths.loc["dead", "first_at"])
    assert lengths.loc["G2", "first_at"] == rain.index[1000]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda rain: rain.drop(rain.index[5]), "hours must follow one another"),
        (lambda rain: rain.tz_localize(None), "must be a DatetimeIndex in UTC"),
        (lambda rain: rain.iloc[:0], "holds no hour"),
        (lambda rain: rain.iloc[:, :0], "each once"),
        (lambda rain: rain.replace(0.0, -1.0), "holds no rain amount.*found '-1'"),
        (lambda rain: rain.replace(0.0, 999.0), "accepted: 0 to 401 mm"),
    ],
)
def test_bad_records_are_named(change, text) -> None:
    rain = pd.DataFrame(0.0, index=pd.date_range("2021-01-01", periods=24, freq="h", tz="UTC"), columns=["a"])
    with pytest.raises(BadInputError, match=text):
        check_record(change(rain))
