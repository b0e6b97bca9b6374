"""What must be known of a file before a cycle may use it; the readers of the science do the reading."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from risk_models.errors import ConfigError

__all__ = ["FileCheck", "FileFacts", "file_check", "issued_at_from_name"]

_ISSUE_TIME = re.compile(r"(?<!\d)(\d{8})T?(\d{2})(\d{2})?Z?(?!\d)")


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """What a reader found in a file; times in UTC. `issued_at` is that of a forecast."""

    rows_read: int = 0
    rows_rejected: int = 0
    issued_at: datetime | None = None
    first_value_at: datetime | None = None
    last_value_at: datetime | None = None


FileCheck = Callable[[Path], FileFacts]
"""Reads a file and says what is in it; raises `BadInputError` if it cannot be used."""


def issued_at_from_name(name: str) -> datetime | None:
    """Return the issue time written in a file name, UTC, or None.

    Examples
    --------
    >>> issued_at_from_name("ensemble_20210720T00Z.nc").isoformat()
    '2021-07-20T00:00:00+00:00'
    >>> issued_at_from_name("gauges_hourly.csv") is None, issued_at_from_name("20211399T00Z.nc") is None
    (True, True)
    """
    found = _ISSUE_TIME.search(name)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1] + found[2] + (found[3] or "00"), "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        return None


def file_check(kind: str, *, timezone: str) -> FileCheck:
    """Return the check for a kind of feed.

    Parameters
    ----------
    kind : {"gauge_table", "ensemble_netcdf"}
    timezone : str
        Of times without an offset, e.g. ``Asia/Shanghai``.

    Raises
    ------
    ConfigError
        If the kind is unknown.

    Examples
    --------
    >>> file_check("radar_mosaic", timezone="Asia/Shanghai")
    Traceback (most recent call last):
    ...
    ConfigError: no feed of kind 'radar_mosaic'; known: gauge_table, ensemble_netcdf
    """
    # The readers bring xarray and NetCDF along: load them when a file is there to read.
    if kind == "gauge_table":
        return lambda path: _check_gauge_table(path, timezone)
    if kind == "ensemble_netcdf":
        return _check_ensemble
    raise ConfigError(f"no feed of kind {kind!r}; known: gauge_table, ensemble_netcdf")


def _check_gauge_table(path: Path, timezone: str) -> FileFacts:
    from risk_models.forecast.readers.gauge_table import read_gauge_table

    _, report = read_gauge_table(path, timezone=timezone)
    return FileFacts(
        rows_read=report.rows_read,
        rows_rejected=report.rows_rejected,
        first_value_at=report.first_value_at,
        last_value_at=report.last_value_at,
    )


def _check_ensemble(path: Path) -> FileFacts:
    from risk_models.forecast.readers.ensemble_netcdf import read_ensemble

    forecast, report = read_ensemble(path)
    return FileFacts(
        rows_read=report.rows_read,
        rows_rejected=report.rows_rejected,
        issued_at=datetime.fromisoformat(str(forecast.attrs["issued_at"])),
        first_value_at=report.first_value_at,
        last_value_at=report.last_value_at,
    )
