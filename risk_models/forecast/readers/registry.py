"""One door to every reader: a kind of file, and the reader it goes to."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from risk_models.errors import ConfigError
from risk_models.forecast.readers.reading import FileReading

__all__ = ["KINDS", "read_any", "reader_of"]

# Kind: module and function. A reader is imported when it is used, for its libraries are heavy.
KINDS = {
    "ensemble_netcdf": ("ensemble_netcdf", "read_ensemble"),
    "fmi": ("fmi", "read_fmi"),
    "gauge_table": ("gauge_table", "read_gauge_table"),
    "grads": ("grads", "read_grads"),
    "grib": ("grib", "read_grib"),
    "imerg": ("imerg", "read_imerg"),
    "knmi": ("knmi", "read_knmi"),
    "netcdf_cf": ("netcdf_cf", "read_netcdf_cf"),
    "odim": ("odim", "read_odim"),
    "open_meteo": ("openmeteo", "read_open_meteo"),
    "radolan": ("radolan", "read_radolan"),
}


def reader_of(kind: str) -> Callable[..., tuple[xr.Dataset, FileReading]]:
    """Return the reader of a kind.

    Raises
    ------
    ConfigError
        If the kind is unknown; the nearest one is named.

    Examples
    --------
    >>> reader_of("gauge_tables")
    Traceback (most recent call last):
    ...
    ConfigError: no reader of kind 'gauge_tables'; nearest: 'gauge_table'; known: ensemble_netcdf, fmi, ...
    """
    if kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, n=1, cutoff=0.0)
        raise ConfigError(f"no reader of kind '{kind}'; nearest: '{near[0]}'; known: {', '.join(KINDS)}")
    module, function = KINDS[kind]
    found: Callable[..., tuple[xr.Dataset, FileReading]] = getattr(
        importlib.import_module(f"risk_models.forecast.readers.{module}"), function
    )
    return found


def read_any(path: Path | str | Sequence[Path | str], *, kind: str, **options: Any) -> tuple[xr.Dataset, FileReading]:
    """Read a file of rain of a stated kind; what comes back has the same shape for all (see `field`).

    =============== =============================================== ==================================================
    kind            file                                            options
    =============== =============================================== ==================================================
    ensemble_netcdf ensemble forecast of this project's own form
    fmi             FMI reflectivity, GeoTIFF                       interval_h, relation
    gauge_table     gauges: CSV, Excel or JSON, wide or long        timezone (needed), gauge_ids, step_h, unit, label,
                                                                    counter_mm
    grads           GrADS grid (CMA merged hourly rain)             ctl (needed), variable, unit, end_at, step_h
    grib            GRIB2: GFS, ECMWF, MRMS; one or more files      bbox, interval_h
    imerg           IMERG HDF5 or NetCDF                            bbox
    knmi            KNMI radar accumulation, HDF5
    netcdf_cf       NetCDF-CF: grids or gauges                      variable, label, interval_h, unit, bbox
    odim            ODIM_H5 radar composite                         interval_h, relation
    open_meteo      Open-Meteo answer, JSON                         variable, issued_at
    radolan         RADOLAN or RADVOR binary
    =============== =============================================== ==================================================

    Parameters
    ----------
    path : Path, str or sequence of them
        Several files for ``grib`` only.
    kind : str
        From the table.
    **options
        Passed to the reader.

    Returns
    -------
    xarray.Dataset
    FileReading

    Raises
    ------
    ConfigError
        If the kind is unknown, or an option is unknown to its reader or missing.
    BadInputError
        If the file cannot be used.

    Examples
    --------
    >>> read_any("a.h5", kind="knmi", unit="mm")
    Traceback (most recent call last):
    ...
    ConfigError: kind 'knmi': got an unexpected keyword argument 'unit'
    """
    reader = reader_of(kind)
    if not isinstance(path, str | Path) and kind != "grib":
        raise ConfigError(f"kind '{kind}' reads one file at a time")
    try:
        inspect.signature(reader).bind(path, **options)
    except TypeError as error:
        raise ConfigError(f"kind '{kind}': {error}") from None
    return reader(path, **options)
