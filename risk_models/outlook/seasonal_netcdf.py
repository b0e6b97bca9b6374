"""Tercile forecasts from NetCDF files of seasonal ensembles, as the Copernicus store gives them (SEAS5 and its peers).

Two files of the same form are read: the forecast and the hindcast. Dimensions (other names in use are accepted): number
(member), forecast_reference_time (start), forecastMonth (1 is the month of the start) or leadtime_month, latitude,
longitude. Rain is ``tprate`` in m/s or mm/day, or ``tp`` in m or mm per month.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from risk_models.errors import BadInputError, Finding
from risk_models.outlook.seasonal import TercileForecast, terciles_from_members

__all__ = ["read_seasonal"]

Floats = npt.NDArray[np.float64]

_NAMES: dict[str, tuple[str, ...]] = {
    "number": ("number", "member", "realization", "ensemble"),
    "start": ("forecast_reference_time", "indexing_time", "start", "time", "init_time"),
    "month": ("forecastMonth", "leadtime_month", "lead_month", "fcmonth"),
    "latitude": ("latitude", "lat"),
    "longitude": ("longitude", "lon"),
}
_RAIN = ("tprate", "tp", "total_precipitation", "precipitation")
#: Factor to mm in a month of so many days, by unit.
_PER_SECOND = {"m s**-1": 86_400_000.0, "m s-1": 86_400_000.0, "m/s": 86_400_000.0, "kg m-2 s-1": 86_400.0,
               "kg m**-2 s**-1": 86_400.0, "mm/day": 1.0, "mm day-1": 1.0}  # fmt: skip
_PER_MONTH = {"m": 1000.0, "mm": 1.0, "kg m-2": 1.0, "kg m**-2": 1.0}
#: A point may lie this far outside the grid, degrees: half a cell of 1 degree.
OUTSIDE_DEG = 0.75


def read_seasonal(
    forecast_path: Path,
    hindcast_path: Path,
    *,
    lon: float,
    lat: float,
    months: Sequence[int],
    skill: float = float("nan"),
    source: str = "SEAS5",
) -> TercileForecast:
    """Read the forecast at the nearest grid point and compare it with the model's own hindcast.

    Parameters
    ----------
    forecast_path, hindcast_path : Path
        NetCDF; the forecast's last start is used, and the hindcast's starts in the same calendar month.
    lon, lat : float
        Degrees.
    months : sequence of int
        Lead months that make the season, 1 for the month of the start.
    skill : float
        Hindcast skill, see `risk_models.outlook.skill.tercile_skill`; NaN if not known.
    source : str

    Returns
    -------
    TercileForecast

    Raises
    ------
    BadInputError
        If a file lacks what is needed; names it.
    """
    coordinates = {"longitude": lon, "latitude": lat}
    starts, rain = _read(forecast_path, coordinates, months)
    past_starts, past = _read(hindcast_path, coordinates, months)
    start = starts[-1]
    same = np.flatnonzero((past_starts.month == start.month) & (past_starts.year != start.year))
    if len(same) < 10:
        text = f"hindcast holds {len(same)} years that start in month {start.month}; at least 10 are needed"
        raise BadInputError("seasonal forecast", [_finding(hindcast_path, text)])
    first = start.to_period("M") + min(months) - 1
    last = start.to_period("M") + max(months) - 1
    return terciles_from_members(
        rain[-1],
        past[same],
        first_day=first.start_time.date(),
        last_day=last.end_time.date(),
        issued_on=date(start.year, start.month, start.day),
        skill=skill,
        source=source,
    )


def _finding(path: Path, message: str, *, value: str | None = None, accepted: str = "") -> Finding:
    return Finding(code="bad-seasonal", message=message, file=path.name, value=value, accepted=accepted,
                   fix="download the monthly means of all members anew")  # fmt: skip


def _read(path: Path, point: Mapping[str, float], months: Sequence[int]) -> tuple[pd.DatetimeIndex, Floats]:
    """Return the starts and the rain of the season, (start, member), mm."""
    try:
        with xr.open_dataset(path) as opened:
            data = opened.load()
    except (OSError, ValueError) as error:
        raise BadInputError("seasonal forecast", [_finding(path, f"cannot be read ({type(error).__name__})")]) from None
    name = next((name for name in _RAIN if name in data), None)
    if name is None:
        text = "holds no rain variable"
        raise BadInputError(
            "seasonal forecast", [_finding(path, text, value=", ".join(map(str, data)), accepted=", ".join(_RAIN))]
        )
    field = _renamed(path, data[name])
    field = _at_point(path, field, point)
    rain = field.transpose("start", "number", "month")
    leads = [int(lead) for lead in rain["month"].to_numpy()]
    if absent := sorted(set(months) - set(leads)) or ([] if months else [0]):
        text = f"lacks lead month {', '.join(map(str, absent))}"
        raise BadInputError("seasonal forecast", [_finding(path, text, accepted=", ".join(map(str, leads)))])
    starts = pd.DatetimeIndex(rain["start"].to_numpy())
    total = np.zeros(rain.shape[:2])
    for month in months:
        values = rain.isel(month=leads.index(month)).to_numpy().astype(np.float64)
        total += values * _factor(path, str(data[name].attrs.get("units", "")), starts, month)[:, None]
    if not np.isfinite(total).all():
        raise BadInputError("seasonal forecast", [_finding(path, "holds missing values at this place")])
    order = np.argsort(starts.asi8, kind="stable")
    return starts[order], total[order]


def _renamed(path: Path, field: xr.DataArray) -> xr.DataArray:
    names = {}
    for wanted, known in _NAMES.items():
        found = next((name for name in known if name in field.dims or name in field.coords), None)
        if found is None:
            text = f"has no {wanted} dimension"
            raise BadInputError("seasonal forecast", [_finding(path, text, accepted=", ".join(known))])
        if found not in field.dims:
            field = field.expand_dims(found)
        names[found] = wanted
    return field.rename({old: new for old, new in names.items() if old != new})


def _at_point(path: Path, field: xr.DataArray, point: Mapping[str, float]) -> xr.DataArray:
    for name, wanted in point.items():
        values = field[name].to_numpy().astype(np.float64)
        distance = np.abs(values - wanted)
        if name == "longitude":
            distance = np.minimum(distance % 360, (-distance) % 360)
        if distance.min() > OUTSIDE_DEG:
            text = f"does not cover {name} {wanted:g}"
            raise BadInputError(
                "seasonal forecast", [_finding(path, text, accepted=f"{values.min():g} to {values.max():g}")]
            )
        field = field.isel({name: int(distance.argmin())})
    return field


def _factor(path: Path, unit: str, starts: pd.DatetimeIndex, month: int) -> Floats:
    """Return the factor that makes mm of a lead month, by start."""
    periods = starts.to_period("M") + month - 1
    if unit in _PER_SECOND:
        return np.asarray(periods.days_in_month, dtype=np.float64) * _PER_SECOND[unit]
    if unit in _PER_MONTH:
        return np.full(len(starts), _PER_MONTH[unit])
    accepted = ", ".join([*_PER_SECOND, *_PER_MONTH])
    raise BadInputError(
        "seasonal forecast", [_finding(path, "rain has an unknown unit", value=unit, accepted=accepted)]
    )
