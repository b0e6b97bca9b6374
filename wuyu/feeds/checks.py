"""What must be known of a file before a cycle may use it; the readers of the science do the reading."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from risk_models.errors import ConfigError, Finding

if TYPE_CHECKING:
    import xarray as xr

    from risk_models.forecast.readers.reading import FileReading

__all__ = [
    "OBSERVATIONS",
    "SIGNALS",
    "Comparison",
    "FileCheck",
    "FileFacts",
    "comparison",
    "file_check",
    "foreign_content",
    "issued_at_from_name",
]

OBSERVATIONS = "observations"
"""Kind of the feeds that say what was seen at places."""
SIGNALS = "signals"
"""Kind of the feeds that bring the signals of a weather office; all kinds but these two bring rain."""

_ISSUE_TIME = re.compile(r"(?<!\d)(\d{8})T?(\d{2})(\d{2})?Z?(?!\d)")
_PAGE = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:<!doctype\s+html|<html|<head|<script)", re.IGNORECASE)
_MAGIC: dict[str, tuple[bytes, ...]] = {
    "ensemble_netcdf": (b"\x89HDF\r\n\x1a\n", b"CDF\x01", b"CDF\x02", b"CDF\x05"),
    "knmi": (b"\x89HDF\r\n\x1a\n",),
    "odim": (b"\x89HDF\r\n\x1a\n",),
}
_NEVER_A_TABLE = (b"%PDF-", b"\x7fELF", b"\x89PNG", b"\xff\xd8\xff", b"\x89HDF")


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """What a reader found in a file; times in UTC.

    Attributes
    ----------
    rows_read, rows_rejected : int
    issued_at : datetime or None
        Of a forecast.
    first_value_at, last_value_at : datetime or None
    typical_last_at : datetime or None
        Median over the gauges of their newest value: a clock that most of them share.
    findings : mapping of str to (int, str)
        Kind of problem to how often it was found and the first one in words.
    """

    rows_read: int = 0
    rows_rejected: int = 0
    issued_at: datetime | None = None
    first_value_at: datetime | None = None
    last_value_at: datetime | None = None
    typical_last_at: datetime | None = None
    findings: Mapping[str, tuple[int, str]] = field(default_factory=dict)


FileCheck = Callable[[Path], FileFacts]
"""Reads a file and says what is in it; raises `BadInputError` if it cannot be used."""

Comparison = Callable[[Path, Path], Finding | None]
"""Says why a new file is odd beside the one before it; an error must not be used."""


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


def foreign_content(kind: str, name: str, data: bytes) -> str:
    """Return why the first bytes cannot be those of a file of this kind; empty if they can.

    Parameters
    ----------
    kind : str
        Of the feed.
    name : str
        Of the file, for the words.
    data : bytes

    Examples
    --------
    >>> foreign_content("gauge_table", "g.csv", b"<!DOCTYPE html><title>Log in</title>")
    'g.csv: is a web page, not a gauge_table'
    >>> foreign_content("ensemble_netcdf", "e.nc", b"time,57083")
    'e.nc: does not begin like a file of kind ensemble_netcdf'
    >>> foreign_content("gauge_table", "g.csv", b"time,57083")
    ''
    """
    if _PAGE.match(data[:512]):
        return f"{name}: is a web page, not a {kind}"
    if data and kind in _MAGIC and not data.startswith(_MAGIC[kind]):
        return f"{name}: does not begin like a file of kind {kind}"
    if kind in ("gauge_table", OBSERVATIONS, SIGNALS) and data.startswith(_NEVER_A_TABLE):
        return f"{name}: is a binary file, not a table"
    return ""


def file_check(
    kind: str,
    *,
    timezone: str,
    gauge_ids: Sequence[str] | None = None,
    hotspot_ids: Collection[str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> FileCheck:
    """Return the check for a kind of feed.

    Parameters
    ----------
    kind : str
        Of `risk_models.forecast.readers.registry`, e.g. gauge_table or ensemble_netcdf.
    timezone : str
        Of times without an offset, e.g. ``Asia/Shanghai``.
    gauge_ids : sequence of str, optional
        Gauges of the district: a table that has none of them cannot be used.
    hotspot_ids : collection of str, optional
        Places of the district: a table of observations that has none of them cannot be used.
    options : mapping, optional
        Further options of the reader, as the settings of the feed have them.

    Raises
    ------
    ConfigError
        If the kind is unknown.

    Examples
    --------
    >>> file_check("gauge_tables", timezone="Asia/Shanghai")
    Traceback (most recent call last):
    ...
    ConfigError: no reader of kind 'gauge_tables'; nearest: 'gauge_table'; known: ensemble_netcdf, fmi, gauge_table, ...
    """
    if kind == OBSERVATIONS:
        return lambda path: _check_observations(path, timezone, hotspot_ids, options or {})
    if kind == SIGNALS:
        return lambda path: _check_signals(path, timezone, options or {})
    # The readers bring xarray and NetCDF along: load them when a file is there to read.
    from risk_models.forecast.readers.registry import reader_of

    reader_of(kind)
    if kind == "gauge_table":
        return lambda path: _check_gauge_table(path, timezone, gauge_ids, options or {})
    return lambda path: _check_field(path, kind, options or {})


def comparison(
    kind: str,
    *,
    timezone: str,
    gauge_ids: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Comparison | None:
    """Return how a file of this kind is held against the one before it; None if it is not.

    Parameters
    ----------
    kind, timezone, gauge_ids, options
        As for `file_check`.
    """
    if kind != "gauge_table":
        return None
    return lambda new, old: _compare_tables(new, old, {**(options or {}), "timezone": timezone, "gauge_ids": gauge_ids})


def _check_gauge_table(
    path: Path, timezone: str, gauge_ids: Sequence[str] | None, options: Mapping[str, Any]
) -> FileFacts:
    from risk_models.forecast.readers.registry import read_any

    rain, report = read_any(path, kind="gauge_table", timezone=timezone, gauge_ids=gauge_ids, **options)
    return FileFacts(
        rows_read=report.rows_read,
        rows_rejected=report.rows_rejected,
        first_value_at=report.first_value_at,
        last_value_at=report.last_value_at,
        typical_last_at=_typical_last(rain),
        findings=_counted(report.findings) | _missing(report),
    )


def _check_observations(
    path: Path, timezone: str, hotspot_ids: Collection[str] | None, options: Mapping[str, Any]
) -> FileFacts:
    from risk_models.observation import read_observations

    _without_options(OBSERVATIONS, options)
    return _facts_of(read_observations(path, timezone=timezone, hotspot_ids=hotspot_ids)[1])


def _check_signals(path: Path, timezone: str, options: Mapping[str, Any]) -> FileFacts:
    from risk_models.warning.issued import read_notices

    _without_options(SIGNALS, options)
    return _facts_of(read_notices(path, timezone=timezone)[1])


def _without_options(kind: str, options: Mapping[str, Any]) -> None:
    if options:
        raise ConfigError(f"kind '{kind}' has no options; found {', '.join(options)}")


def _facts_of(report: FileReading) -> FileFacts:
    """Return what the reader of a table said."""
    return FileFacts(
        rows_read=report.rows_read,
        rows_rejected=report.rows_rejected,
        first_value_at=report.first_value_at,
        last_value_at=report.last_value_at,
        findings=_counted(report.findings),
    )


def _check_field(path: Path, kind: str, options: Mapping[str, Any]) -> FileFacts:
    from risk_models.forecast.readers.registry import read_any

    rain, report = read_any(path, kind=kind, **options)
    issued_at = str(rain.attrs.get("issued_at", ""))
    return FileFacts(
        rows_read=report.rows_read,
        rows_rejected=report.rows_rejected,
        issued_at=datetime.fromisoformat(issued_at) if issued_at else None,
        first_value_at=report.first_value_at,
        last_value_at=report.last_value_at,
        findings=_counted(report.findings),
    )


def _compare_tables(new: Path, old: Path, options: Mapping[str, Any]) -> Finding | None:
    from risk_models.forecast.readers.registry import read_any
    from wuyu.feeds.agreement import disagreement

    if not old.is_file():
        return None
    before, after = (read_any(path, kind="gauge_table", **options)[0] for path in (old, new))
    return disagreement(before, after, file=new.name)


def _typical_last(rain: xr.Dataset) -> datetime | None:
    import numpy as np

    from risk_models.forecast.rainfall import from_datetime64

    known = np.isfinite(rain["rain_mm"].to_numpy())
    gauges = known.any(axis=0)
    if not gauges.any():
        return None
    last = len(known) - 1 - np.argmax(known[::-1, gauges], axis=0)
    return from_datetime64(rain["time"].to_numpy()[int(np.sort(last)[(len(last) - 1) // 2])])


def _counted(findings: Iterable[Finding]) -> dict[str, tuple[int, str]]:
    findings = list(findings)
    counts = Counter(finding.code for finding in findings)
    first = {finding.code: str(finding) for finding in reversed(findings)}
    return {code: (count, first[code]) for code, count in counts.items()}


def _missing(report: FileReading) -> dict[str, tuple[int, str]]:
    count = report.values_missing
    return {"missing-value": (count, f"{report.file}: {count} values are missing")} if count else {}
