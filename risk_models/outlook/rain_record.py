"""A district's long rain record: read from NetCDF, and joined with what its gauges have reported since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from risk_models.errors import BadInputError, Finding
from risk_models.outlook.record import check_record

__all__ = ["join_record", "read_rain_record"]

#: A record longer than this is taken for a mistake in its times.
MOST_YEARS = 300


def read_rain_record(path: Path) -> pd.DataFrame:
    """Read the long record of a district.

    Parameters
    ----------
    path : Path
        NetCDF-CF with ``rain_mm(time, gauge)`` in mm, hourly; `time` is the END of the hour, UTC. Hours may be absent.

    Returns
    -------
    DataFrame (hour, gauge)
        Record in the form of `risk_models.outlook.record`: every hour from first to last, NaN where unknown.

    Raises
    ------
    BadInputError
        If the file cannot be read, lacks a name, dimension or unit, has times off the hour or twice, gauges twice, or
        holds a value that is no rain.

    Examples
    --------
    >>> read_rain_record(Path("none.nc"))
    Traceback (most recent call last):
    ...
    risk_models.errors.BadInputError: rain record: 1 problem
    ...
    """
    rain = _opened(path)
    hours = _hours(path, rain["time"])
    values = np.asarray(rain.transpose("time", "gauge").to_numpy(), dtype=np.float64)
    record = pd.DataFrame(np.round(values, 4), index=hours, columns=[str(name) for name in rain["gauge"].to_numpy()])
    try:
        return check_record(record.sort_index().asfreq("h")).rename_axis("time")
    except BadInputError as error:
        findings = [Finding(**{**finding.to_dict(), "file": path.name}) for finding in error.findings]
        raise BadInputError("rain record", findings) from None


def join_record(record_mm: pd.DataFrame, observed_mm: pd.DataFrame) -> pd.DataFrame:
    """Join the long record with observed rain; what was observed wins where it has a value.

    Parameters
    ----------
    record_mm, observed_mm : DataFrame (hour, gauge)
        See `risk_models.outlook.record`; `observed_mm` may be empty. Hours between them are unknown.

    Returns
    -------
    DataFrame (hour, gauge)
        Gauges of the record first, then those only observed.

    Raises
    ------
    BadInputError
        If one of them is not in form.

    Examples
    --------
    >>> hours = pd.date_range("2021-07-01 01:00", periods=3, freq="h", tz="UTC")
    >>> record = pd.DataFrame({"57083": [1.0, 2.0]}, index=hours[:2])
    >>> observed = pd.DataFrame({"57083": [np.nan, 5.0]}, index=hours[1:])
    >>> join_record(record, observed)["57083"].tolist()
    [1.0, 2.0, 5.0]
    """
    given = [check_record(part) for part in (observed_mm, record_mm) if len(part.index) and part.shape[1]]
    if not given:
        return check_record(record_mm)
    joined = given[0]
    for further in given[1:]:
        joined = joined.combine_first(further)
    columns = dict.fromkeys([*record_mm.columns, *observed_mm.columns])
    # Older and newer hours may be counted in other units of time; between them nothing is known.
    return joined.reindex(columns=list(columns)).asfreq("h")


def _finding(path: Path, message: str, **parts: Any) -> BadInputError:
    fix = parts.pop("fix", "write the record anew as the documentation says")
    return BadInputError("rain record", [Finding(code="bad-record", message=message, file=path.name, fix=fix, **parts)])


def _opened(path: Path) -> xr.DataArray:
    try:
        with xr.open_dataset(path) as opened:
            data = opened.load()
    except (OSError, ValueError) as error:
        raise _finding(path, f"cannot be read ({type(error).__name__})", accepted="NetCDF") from None
    if "rain_mm" not in data:
        raise _finding(path, "holds no rain_mm", value=", ".join(map(str, data)), accepted="rain_mm(time, gauge)")
    rain = data["rain_mm"]
    if set(rain.dims) != {"time", "gauge"} or not {"time", "gauge"} <= set(rain.coords):
        found = ", ".join(map(str, rain.dims))
        raise _finding(path, "rain_mm has other dimensions", value=found, accepted="time and gauge, with their values")
    unit = str(rain.attrs.get("units", ""))
    if unit not in ("mm", "kg m-2"):
        raise _finding(path, "rain_mm has another unit", column="rain_mm", value=unit, accepted="mm")
    if not rain.sizes["time"] or not rain.sizes["gauge"]:
        raise _finding(path, "holds no hour or no gauge")
    return rain


def _hours(path: Path, time: xr.DataArray) -> pd.DatetimeIndex:
    values: npt.NDArray[Any] = time.to_numpy()
    if not np.issubdtype(values.dtype, np.datetime64):
        raise _finding(path, "time is no time", column="time", value=str(values.dtype), accepted="hours since a date")
    hours = pd.DatetimeIndex(values).as_unit("ns").tz_localize("UTC").rename("time")
    if hours.hasnans:
        raise _finding(path, "time has empty values", column="time", fix="give every row its hour")
    off = hours[hours != hours.floor("h")]
    if len(off):
        raise _finding(path, "time is not a full hour", column="time", value=off[0].isoformat(), accepted="full hours")
    if hours.has_duplicates:
        twice = hours[hours.duplicated()][0].isoformat()
        raise _finding(path, "an hour occurs twice", column="time", value=twice, fix="keep one of them")
    if (hours.max() - hours.min()).days > MOST_YEARS * 366:
        raise _finding(path, "spans too many years", column="time", value=hours.min().isoformat(),
                       accepted=f"at most {MOST_YEARS} years")  # fmt: skip
    return hours
