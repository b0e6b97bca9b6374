"""The long record: read from its file, refused with a reason, joined with what was observed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.errors import BadInputError
from risk_models.outlook import join_record, read_rain_record

HOURS = pd.date_range("2020-06-30 17:00", periods=6, freq="h", tz="UTC")


def data(values: np.ndarray | None = None, **changes: object) -> xr.Dataset:
    rain = np.arange(12.0).reshape(6, 2) if values is None else values
    made = xr.Dataset(
        {"rain_mm": (("time", "gauge"), rain, {"units": "mm"})},
        coords={"time": HOURS.tz_localize(None).to_numpy(), "gauge": ["57083", "EQ-G02"]},
    )
    return made.assign_coords(**changes) if changes else made


def test_it_is_read_with_gaps_as_unknown(tmp_path: Path) -> None:
    path = tmp_path / "record.nc"
    data().isel(time=[0, 1, 5, 3]).to_netcdf(path)
    record = read_rain_record(path)
    assert record.index.equals(HOURS)
    assert record["57083"].tolist() == pytest.approx([0, 2, np.nan, 6, np.nan, 10], nan_ok=True)
    assert str(record.index.tz) == "UTC"


def off_the_hour(made: xr.Dataset) -> xr.Dataset:
    return made.assign_coords(time=made["time"] + np.timedelta64(30, "m"))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda made: made.rename(rain_mm="rain"), "holds no rain_mm"),
        (lambda made: made.drop_vars("gauge"), "other dimensions"),
        (lambda made: made.assign(rain_mm=made["rain_mm"].assign_attrs(units="m")), "another unit .found 'm'"),
        (lambda made: made.isel(time=[0, 0, 1]), "an hour occurs twice .found '2020-06-30T17:00"),
        (off_the_hour, "not a full hour .found '2020-06-30T17:30"),
        (lambda made: made.isel(time=slice(0, 0)), "holds no hour"),
        (lambda made: made.assign_coords(time=np.arange(6.0)), "time is no time"),
        (lambda made: made.assign_coords(gauge=["a", "a"]), "each once"),
        (lambda made: made - 1, "holds no rain amount"),
        (lambda made: made + 500, "401 mm"),
    ],
)
def test_what_is_odd_is_refused(tmp_path: Path, change: Callable[[xr.Dataset], xr.Dataset], text: str) -> None:
    with xr.set_options(keep_attrs=True):
        change(data()).to_netcdf(tmp_path / "record.nc")
    with pytest.raises(BadInputError, match="rain record: ") as error:
        read_rain_record(tmp_path / "record.nc")
    said = "\n".join(map(str, error.value.findings))
    assert pd.Series([said]).str.contains(text).all(), said
    assert {finding.file for finding in error.value.findings} == {"record.nc"}


def test_no_file_and_no_netcdf(tmp_path: Path) -> None:
    (tmp_path / "text.nc").write_text("time,57083")
    for name in ("none.nc", "text.nc"):
        with pytest.raises(BadInputError) as error:
            read_rain_record(tmp_path / name)
        assert "cannot be read" in str(error.value.findings[0])


def frame(values: dict[str, list[float]], first: int = 0) -> pd.DataFrame:
    length = len(next(iter(values.values())))
    return pd.DataFrame(values, index=HOURS[0] + pd.to_timedelta(np.arange(first, first + length), unit="h"))


def test_observed_wins_and_the_gap_is_unknown() -> None:
    record, observed = frame({"A": [1.0, 2.0]}), frame({"B": [5.0, 6.0], "A": [np.nan, 7.0]}, first=3)
    joined = join_record(record, observed)
    assert joined.columns.tolist() == ["A", "B"]
    assert joined["A"].tolist() == pytest.approx([1, 2, np.nan, np.nan, 7], nan_ok=True)
    assert joined["B"].tolist() == pytest.approx([np.nan] * 3 + [5, 6], nan_ok=True)
    nothing = pd.DataFrame(index=pd.DatetimeIndex([], tz="UTC"))
    pd.testing.assert_frame_equal(join_record(record, nothing), record, check_freq=False)
    pd.testing.assert_frame_equal(join_record(nothing, record), record, check_freq=False)
    with pytest.raises(BadInputError, match="rain record"):
        join_record(nothing, nothing)


AMOUNTS = st.lists(st.one_of(st.just(np.nan), st.floats(0, 50)), min_size=1, max_size=8)


@settings(max_examples=40)
@given(old=AMOUNTS, new=AMOUNTS, first=st.integers(-10, 10))
def test_laws_of_joining(old: list[float], new: list[float], first: int) -> None:
    record, observed = frame({"A": old}), frame({"A": new}, first=first)
    joined = join_record(record, observed)["A"]
    for at, value in joined.items():
        seen, before = observed["A"].get(at, np.nan), record["A"].get(at, np.nan)
        wanted = before if np.isnan(seen) else seen
        assert value == wanted or (np.isnan(value) and np.isnan(wanted))
    assert joined.notna().sum() >= max(record["A"].notna().sum(), observed["A"].notna().sum())
    assert (np.diff(joined.index.asi8) == np.diff(joined.index.asi8)[:1]).all()
