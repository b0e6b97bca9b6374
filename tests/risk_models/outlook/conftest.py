"""Records of rain: real ones, and small made ones."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from risk_models.outlook import GeneratedPeriods, StormCatalogue, cut_storms, fit_generator, generate_periods


def made_record(years: int, *, seed: int = 5, gauges: tuple[str, ...] = ("G1", "G2")) -> pd.DataFrame:
    """Return an hourly record with a wet season in summer and storms common to its gauges."""
    rng = np.random.default_rng(seed)
    hours = pd.date_range("2001-01-01 01:00", f"{2001 + years}-01-01 00:00", freq="h", tz="UTC")
    summer = np.cos((hours.day_of_year.to_numpy() - 200) / 365.25 * 2 * np.pi)
    starts = np.flatnonzero(rng.random(len(hours)) < 0.008 * (1 + 0.8 * summer))
    rain = np.zeros(len(hours))
    for start in starts:
        length = rng.integers(1, 9)
        shape = rng.gamma(0.7, 1.0, length)
        course = shape / shape.sum() * rng.gamma(0.6, 10.0 * (1 + 0.7 * summer[start]))
        rain[start : start + length] += course[: len(hours) - start]
    columns = {name: np.round(rain * rng.gamma(20, (1 + 0.3 * i) / 20, len(hours)), 1) for i, name in enumerate(gauges)}
    return pd.DataFrame(columns, index=hours)


@pytest.fixture(scope="session")
def germany(shared_data: Path) -> pd.DataFrame:
    """Return five years of hourly rain at the gauges that are nearly complete and hold no planted errors.

    The labels of the file are taken as starts of hours, which makes whole years.
    """
    rain = pd.read_parquet(shared_data / "gsdr_germany_hourly" / "hourly_mm.parquet").drop(columns="DE_02483")
    rain.index = pd.DatetimeIndex(rain.index).as_unit("s").tz_localize("UTC") + pd.Timedelta(hours=1)
    return rain.loc[:, rain.isna().mean() < 0.02]


@pytest.fixture(scope="session")
def record() -> pd.DataFrame:
    """Return four made years at two gauges."""
    return made_record(4)


@pytest.fixture(scope="session")
def catalogue(record: pd.DataFrame) -> StormCatalogue:
    """Return the storms of the made record."""
    found = cut_storms(record, timezone="Asia/Shanghai")
    assert isinstance(found, StormCatalogue)
    return found


@pytest.fixture(scope="session")
def july(catalogue: StormCatalogue) -> GeneratedPeriods:
    """Return 60 generated Julys."""
    return generate_periods(
        [fit_generator(catalogue)], date(2021, 7, 1), date(2021, 7, 31), n_periods=60, rng=np.random.default_rng(3)
    )
