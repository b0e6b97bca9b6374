"""Answers of Open-Meteo: members, places, units, local time, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk_models.errors import BadInputError
from risk_models.forecast.readers.openmeteo import read_open_meteo


def answer(**changes: Any) -> dict[str, Any]:
    return {
        "latitude": 34.75,
        "longitude": 113.625,
        "utc_offset_seconds": 28800,
        "timezone": "Asia/Shanghai",
        "hourly_units": {"time": "iso8601", "precipitation": "mm", "precipitation_member01": "mm"},
        "hourly": {
            "time": ["2021-07-20T16:00", "2021-07-20T17:00", "2021-07-20T18:00"],
            "precipitation": [60.6, 201.9, None],
            "precipitation_member01": [50, 100.5, 0.0],
        },
        **changes,
    }


@pytest.fixture
def read(tmp_path: Path):
    def reader(content: Any, **options: Any):
        path = tmp_path / "answer.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return read_open_meteo(path, **options)

    return reader


def hourly(**changes: Any) -> dict[str, Any]:
    return answer(hourly={**answer()["hourly"], **changes})


def test_ensemble(read) -> None:
    rain, reading = read(answer(), issued_at=datetime(2021, 7, 20, 0, tzinfo=UTC))
    np.testing.assert_allclose(rain.rain_mm[:, :, 0], [[60.6, 201.9, np.nan], [50, 100.5, 0]], rtol=1e-6)
    assert rain.member.to_numpy().tolist() == [0, 1]
    assert rain.time.to_numpy()[1] == np.datetime64("2021-07-20T09:00")
    assert rain.quality.to_numpy()[0, :, 0].tolist() == [2, 2, 9]
    assert rain.attrs["issued_at"] == "2021-07-20T00:00:00+00:00"
    assert (reading.values_missing, reading.last_value_at) == (1, datetime(2021, 7, 20, 10, tzinfo=UTC))
    assert (float(rain.lat[0]), float(rain.lon[0])) == (34.75, 113.625)


def test_places(read) -> None:
    rain, _ = read([answer(), answer(latitude=35.0)])
    assert rain.rain_mm.dims == ("member", "time", "point")
    assert rain.lat.to_numpy().tolist() == [34.75, 35.0]
    later = answer(utc_offset_seconds=0)
    with pytest.raises(BadInputError, match="places have different times"):
        read([answer(), later])


def test_rain_and_showers_where_there_is_no_precipitation(read) -> None:
    content = answer(
        hourly_units={"time": "iso8601", "rain": "inch", "showers": "inch"},
        hourly={"time": ["2021-07-20T16:00"], "rain": [1.0], "showers": [0.5]},
    )
    assert float(read(content)[0].rain_mm.squeeze()) == pytest.approx(38.1)
    assert float(read(content, variable="rain")[0].rain_mm.squeeze()) == pytest.approx(25.4)
    content["hourly"]["showers"] = [None]
    assert np.isnan(read(content)[0].rain_mm.squeeze())


def test_epoch_times_are_utc_whatever_the_offset(read) -> None:
    content = hourly(time=[1626768000, 1626771600, 1626775200])
    content["hourly_units"]["time"] = "unixtime"
    assert read(content)[0].time.to_numpy()[0] == np.datetime64("2021-07-20T08:00")


def test_quarter_hours(read) -> None:
    content = answer(
        minutely_15={"time": ["2021-07-20T16:15", "2021-07-20T16:30"], "precipitation": [1, 2]},
        minutely_15_units={"time": "iso8601", "precipitation": "mm"},
    )
    del content["hourly"]
    assert read(content)[0].attrs["step_h"] == 0.25


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (
            {"error": True, "reason": "Daily API request limit exceeded"},
            "answered with an error.*request limit exceeded",
        ),
        ([], r"column point: size out of bounds \(found '0'"),
        ([3], r"is no answer of Open-Meteo \(found 'int'"),
        ({"latitude": 1}, "no block of rain"),
        (answer(latitude=91), r"column latitude: is out of bounds \(found '91'"),
        (answer(latitude=True), "column latitude"),
        (answer(utc_offset_seconds=None), "column utc_offset_seconds: is out of bounds"),
        (answer(utc_offset_seconds=90000), "column utc_offset_seconds: is out of bounds"),
        (answer(hourly_units={"precipitation": "cups"}), r"column precipitation: is no unit of rain \(found 'cups'"),
        (answer(hourly_units={"precipitation": "mm/h"}), "is no unit of rain"),
        (answer(hourly_units=None), "is no unit of rain"),
        (hourly(time=["2021-07-20T16:00", "2021-07-20T18:00", "2021-07-20T19:00"]), "must rise by one regular step"),
        (hourly(time=["2021-07-20T16:00"]), r"as many values as times are due \(found '3'; accepted: 1 values"),
        (hourly(time=["x", "y", "z"]), r"time cannot be read \(found 'x'"),
        (hourly(time=["2021-07-20T16:00Z"] * 3), "time cannot be read"),
        (hourly(time=[]), "column time: no times"),
        (hourly(precipitation=[1, "2", 3]), r"column precipitation: value 2 is no number \(found '2'"),
        (hourly(precipitation=[1, True, 3]), "value 2 is no number"),
        (hourly(precipitation=[10**400, 1, 2]), "a number is too large|no JSON"),
        (answer(hourly={"time": ["2021-07-20T16:00"], "snowfall": [1]}), "no variable is rain"),
        (hourly(precipitation=[-9, -9, -9], precipitation_member01=[-9] * 3), "no value is possible as rain"),
        (b"<html></html>", "is no JSON"),
        (b'{"a": NaN}', "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"\xff\xfe{", "is no JSON"),
    ],
)
def test_unusable_answers_are_refused(read, content: Any, text: str) -> None:
    with pytest.raises(BadInputError, match=text):
        read(content)


def test_negative_rain_fails_and_the_rest_is_kept(read) -> None:
    rain, reading = read(hourly(precipitation=[-9, 2, 3]))
    assert rain.quality.to_numpy()[0, :, 0].tolist() == [4, 2, 2]
    assert reading.values_failed == 1
    assert reading.findings[0].code == "absurd-rain"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=JSON, place=st.sampled_from([*answer(), "hourly.time", "hourly.precipitation", "hourly_units.precipitation"])
)
def test_any_value_anywhere_is_read_or_refused(read, value: Any, place: str) -> None:
    content = answer()
    *outer, key = place.split(".")
    (content[outer[0]] if outer else content)[key] = value
    try:
        rain, _ = read(content)
    except BadInputError as error:
        assert "answer.json" in str(error)  # noqa: PT017 - either outcome is right
    else:
        assert float(rain.rain_mm.min()) >= 0
