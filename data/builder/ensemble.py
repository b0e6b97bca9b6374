"""Forecasts of the constructed storm: 51 members every 6 hours, worse the further they look ahead.

Each member sees the storm at a wrong time, in a wrong place, too smooth and with a wrong amount; errors grow with the
lead. The greatest hours are damped most, as weather models do: far ahead the storm is under-forecast, at 6 to 12 hours
most members give red-signal rain for the afternoon of 20 July.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import netCDF4
import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter

from data.builder.gauges import JIANGANG, STATION
from data.builder.settings import SEED, random_for
from data.builder.sources import to_projected
from data.builder.storm import TIME_END, footprint, key_series

__all__ = ["ISSUES", "LABEL", "build_forecast", "write_forecasts"]

LABEL: Final = "synthetic forecast constructed from the constructed storm"
ISSUES: Final = pd.date_range("2021-07-17 00:00", "2021-07-22 00:00", freq="6h", tz="UTC")
MEMBERS: Final = 51
LEADS_H: Final = np.arange(1, 73)
LATITUDES: Final = np.array([34.5, 34.6, 34.7, 34.8])
LONGITUDES: Final = np.array([113.4, 113.5, 113.6, 113.7])
_BLURS_H: Final = np.array([0.05, 0.4, 0.8, 1.4, 2.2, 3.4, 5.2])  # smoothing widths held ready
_PAD_H: Final = 120  # dry hours before and after the storm


def _accumulated() -> tuple[pd.Timestamp, np.ndarray]:
    """Return the first hour and the accumulated key series [mm], (blurs, hours + 1, 2), dry before and after."""
    rain = np.pad(key_series().to_numpy() / 10.0, ((_PAD_H, _PAD_H), (0, 0)))
    blurred = np.stack([gaussian_filter1d(rain, blur, axis=0, mode="constant") for blur in _BLURS_H])
    sums = np.concatenate([np.zeros_like(blurred[:, :1]), blurred.cumsum(axis=1)], axis=1)
    return TIME_END[0].tz_convert("UTC") - pd.Timedelta(hours=_PAD_H + 1), sums


def _seen_by_members(issued_at: pd.Timestamp, generator: np.random.Generator) -> np.ndarray:
    """Return the key series [mm/h] as each member sees them in time, (members, leads, 2)."""
    start, sums = _accumulated()
    edges = np.arange(LEADS_H.size + 1)
    late = np.clip(generator.standard_normal((MEMBERS, 1)), -2.2, 2.2) * (0.3 + 0.05 * edges)
    clock = (issued_at - start) / pd.Timedelta(hours=1) + edges - late
    hours = np.arange(sums.shape[1])
    at_edges = np.stack(
        [[np.interp(clock, hours, sums[blur, :, key]) for key in (0, 1)] for blur in range(_BLURS_H.size)]
    )
    rain = np.diff(at_edges, axis=-1)  # blur, key, member, lead
    place = np.interp(LEADS_H / 14.0, _BLURS_H, np.arange(_BLURS_H.size))
    low = np.minimum(place.astype(int), _BLURS_H.size - 2)
    lead = np.arange(LEADS_H.size)
    mixed = (
        rain[low, :, :, lead] * (1.0 - place + low)[:, None, None]
        + rain[low + 1, :, :, lead] * (place - low)[:, None, None]
    )
    return np.asarray(mixed.transpose(2, 0, 1))


def _amounts(generator: np.random.Generator) -> np.ndarray:
    """Return a factor of mean 1 per member and lead whose spread grows with the lead."""
    memory = np.exp(-1.0 / 12.0)
    start = generator.standard_normal((MEMBERS, 1))
    steps = np.sqrt(1.0 - memory**2) * generator.standard_normal((MEMBERS, LEADS_H.size))
    wander, _ = lfilter([1.0], [1.0, -memory], steps, axis=1, zi=memory * start)
    spread = 0.16 + 0.05 * np.sqrt(LEADS_H)
    return np.exp(spread * wander - 0.5 * spread**2)


def build_forecast(issued_at: pd.Timestamp, anchors: np.ndarray) -> np.ndarray:
    """Build one ensemble forecast.

    Parameters
    ----------
    issued_at : pandas.Timestamp
        Time of issue, UTC.
    anchors : numpy.ndarray
        (2, 2) easting and northing [m] of 57083 and of Jiangang.

    Returns
    -------
    numpy.ndarray
        Rain in the hour [mm], (members, leads, latitudes, longitudes).
    """
    generator = random_for(f"ensemble {issued_at:%Y%m%dT%H}")
    key = _seen_by_members(issued_at, generator)
    damp = 0.8 * (LEADS_H / 24.0) ** 1.2
    key = key / (1.0 + key / 60.0 * damp[:, None]) * _amounts(generator)[:, :, None]
    easting, northing = to_projected(*np.meshgrid(LONGITUDES, LATITUDES))
    wrong_m = generator.standard_normal((2, MEMBERS, 1, 1, 1)) * (1_500.0 + 220.0 * LEADS_H)[:, None, None]
    field = footprint(easting + wrong_m[0], northing + wrong_m[1], anchors)
    share = field.towards_jiangang
    rain = ((1.0 - share) * key[:, :, 0, None, None] + share * key[:, :, 1, None, None]) * field.strength
    return np.where(rain < 0.05, 0.0, rain)


def _write(rain: np.ndarray, issued_at: pd.Timestamp, path: Path) -> None:
    """Write one forecast as CF NetCDF-4, packed to 0.1 mm."""
    with netCDF4.Dataset(path, "w", format="NETCDF4") as file:
        file.setncatts(
            {
                "Conventions": "CF-1.8",
                "title": "Hourly ensemble rain over Erqi District, demonstration data",
                "label": LABEL,
                "synthetic": "true",
                "source": f"synthetic (seed {SEED})",
                "issued_at": f"{issued_at:%Y-%m-%dT%H:%M:%SZ}",
                "step_h": 1,
            }
        )
        axes = {
            "member": (np.arange(MEMBERS), "i4", {"standard_name": "realization", "units": "1"}),
            "time": (
                LEADS_H,
                "i4",
                {
                    "standard_name": "time",
                    "long_name": "end of the hour",
                    "units": f"hours since {issued_at:%Y-%m-%d %H:%M:%S}",
                    "calendar": "standard",
                },
            ),
            "lat": (LATITUDES, "f8", {"standard_name": "latitude", "units": "degrees_north"}),
            "lon": (LONGITUDES, "f8", {"standard_name": "longitude", "units": "degrees_east"}),
        }
        for name, (values, kind, attributes) in axes.items():
            file.createDimension(name, values.size)
            variable = file.createVariable(name, kind, (name,))
            variable.setncatts(attributes)
            variable[:] = values
        variable = file.createVariable(
            "rain_mm", "i2", tuple(axes), zlib=True, complevel=9, shuffle=True, fill_value=np.int16(-32768)
        )
        variable.setncatts(
            {
                "standard_name": "lwe_thickness_of_precipitation_amount",
                "long_name": "rain in the hour that ends at time",
                "units": "mm",
                "cell_methods": "time: sum",
                "scale_factor": 0.1,
                "add_offset": 0.0,
            }
        )
        variable.set_auto_maskandscale(False)
        variable[:] = np.rint(rain * 10.0).astype(np.int16)


def write_forecasts(gauges: pd.DataFrame, directory: Path) -> list[Path]:
    """Write one file per time of issue.

    Parameters
    ----------
    gauges : pandas.DataFrame
        Table of gauges with easting and northing.
    directory : pathlib.Path
        Folder, made if absent.

    Returns
    -------
    list of pathlib.Path
        Files such as ``20210717T0000Z.nc``.
    """
    directory.mkdir(parents=True, exist_ok=True)
    anchors = gauges.set_index("gauge_id").loc[[STATION, JIANGANG], ["easting", "northing"]].to_numpy()
    paths = []
    for issued_at in ISSUES:
        path = directory / f"{issued_at:%Y%m%dT%H%MZ}.nc"
        _write(build_forecast(issued_at, anchors), issued_at, path)
        paths.append(path)
    return paths
