"""The Rainfall contract: what passes and what is named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest
import xarray as xr

from risk_models.errors import BadInputError
from risk_models.forecast.rainfall import (
    LADDER,
    Provenance,
    build_rainfall,
    from_datetime64,
    to_datetime64,
    validate_rainfall,
    with_sources,
)

NOW = datetime(2021, 7, 20, 9, tzinfo=UTC)


@pytest.fixture
def rainfall() -> xr.Dataset:
    end = np.datetime64("2021-07-20T08", "ns") + np.arange(3) * np.timedelta64(1, "h")
    return build_rainfall(
        np.array([[[1.0, np.nan], [2.0, 3.0], [4.0, 5.0]]] * 2),
        time=end,
        hotspot=["EQ-001", "EQ-002"],
        origin=[0, 0, 2],
        quality=[[1, 9], [1, 3], [2, 2]],
        rain_std_mm=np.zeros((3, 2)),
        provenance=Provenance(valid_at=NOW, ladder_step=2),
    )


def test_dataset_has_the_contract_types(rainfall: xr.Dataset) -> None:
    assert rainfall.rain_mm.dims == ("member", "time", "hotspot")
    assert rainfall.rain_mm.dtype == np.float32
    assert rainfall.origin.dtype == rainfall.quality.dtype == np.int8
    assert rainfall.origin.attrs["flag_meanings"] == "observed nowcast forecast fallback"
    assert rainfall.attrs["ladder_zh"] == LADDER[2][0]
    assert rainfall.attrs["valid_at"] == "2021-07-20T09:00:00+00:00"


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda d: d.drop_vars("origin"), "column origin: variable is missing"),
        (
            lambda d: d.transpose("time", "member", "hotspot"),
            "column rain_mm: wrong dimensions .*time, member, hotspot",
        ),
        (lambda d: d.assign(rain_mm=d.rain_mm - 2), "rain is negative or infinite"),
        (lambda d: d.assign(rain_mm=d.rain_mm / 0), "rain is negative or infinite"),
        (lambda d: d.assign(quality=d.quality + 50), "column quality: unknown flag"),
        (lambda d: d.isel(time=[0, 2, 1]), "column time: must be a regular rising series"),
        (lambda d: d.assign_coords(hotspot=["EQ-001", "EQ-001"]), "hotspot ids are not unique"),
        (lambda d: d.assign(origin=d.origin * 0), "a step after valid_at is marked observed"),
        (lambda d: d.assign_attrs(ladder_step=9), "column ladder_step: unknown step"),
        (lambda d: d.drop_attrs(), "column valid_at: attribute is missing"),
        (lambda d: d.drop_vars("member"), "column member: coordinate is missing"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_broken_dataset_is_named(rainfall: xr.Dataset, damage: Callable[[xr.Dataset], xr.Dataset], text: str) -> None:
    with pytest.raises(BadInputError, match=text):
        validate_rainfall(damage(rainfall))


def test_validation_returns_the_same_object(rainfall: xr.Dataset) -> None:
    assert validate_rainfall(rainfall) is rainfall


def test_sources_are_added_without_changing_the_input(rainfall: xr.Dataset) -> None:
    named = with_sources(rainfall, [{"id": "gauges", "file": "g.csv"}])
    assert named.attrs["sources"] == '[{"file": "g.csv", "id": "gauges"}]'
    assert rainfall.attrs["sources"] == "[]"


def test_times_go_there_and_back() -> None:
    assert from_datetime64(to_datetime64(NOW)) == NOW
    with pytest.raises(ValueError, match="has no time zone"):
        to_datetime64(NOW.replace(tzinfo=None))
