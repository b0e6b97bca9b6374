"""Hourly gauge rain from CSV: wide (a column per gauge) or long (time, gauge_id, rain_mm).

Nothing unreadable becomes 0: a missing code is NaN with quality 9, an impossible value NaN with quality 4, a doubtful
one is kept with quality 3, and each has a finding with its row and column.
"""

from __future__ import annotations

import csv
import difflib
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn
from zoneinfo import ZoneInfo

import numpy as np
import xarray as xr

from risk_models.errors import BadInputError, Finding
from risk_models.forecast.rainfall import Quality, from_datetime64
from risk_models.forecast.readers.report import ReadReport, read_bytes, shorten

__all__ = ["read_gauge_table"]

LIMIT_BYTES = 64 * 1024 * 1024
MAX_RAIN_MM_H = 401.0  # world record of one hour, the ceiling of RainfallQC
MAX_GAP_H = 366 * 24  # a jump beyond this is a broken clock, not a gap
TIME_NAMES = ("time", "time_end", "datetime", "timestamp", "时间", "资料时间", "观测时间")
GAUGE_NAMES = ("gauge_id", "station_id", "站号", "区站号")
RAIN_NAMES = ("rain_mm", "雨量", "降水量")
MISSING_WORDS = {"", "--", "-", "/", "///", "nan", "na", "n/a", "null", "none", "欠測", "欠测", "缺测", "缺測"}
MISSING_NUMBERS = {999999.0, 99999.0, 9999.0, 999.9, 9999.9, -99.0, -999.0, -999.9, -9999.0, -9999.9}

Cell = tuple[float, float, int]  # value for use, value as received, quality


@dataclass
class _Reading:
    """What has been gathered from the file so far."""

    file: str
    zone: ZoneInfo
    step_h: float
    gauge_ids: list[str]
    cells: dict[datetime, dict[str, Cell]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    last_at: dict[str, datetime] = field(default_factory=dict)
    newest: tuple[datetime, str] | None = None
    rows_read: int = 0
    rows_rejected: int = 0

    def note(
        self, code: str, message: str, *, row: int | None = None, column: str | None = None, **more: str | None
    ) -> None:
        value, accepted, fix = more.get("value"), more.get("accepted") or "", more.get("fix") or ""
        self.findings.append(
            Finding(
                code=code,
                message=message,
                file=self.file,
                row=row,
                column=column,
                value=value,
                accepted=accepted,
                fix=fix,
                severity="warning",
            )
        )

    def reject(self, code: str, message: str, row: int, **more: str | None) -> None:
        self.rows_rejected += 1
        self.newest = None
        self.note(code, message, row=row, column=more.get("column"), value=more.get("value"), fix=more.get("fix"))


def read_gauge_table(
    path: Path | str, *, gauge_ids: Sequence[str] | None = None, timezone: str, step_h: float = 1.0
) -> tuple[xr.Dataset, ReadReport]:
    r"""Read a CSV of gauge rain.

    Parameters
    ----------
    path : Path or str
        A wide table (a time column, a column per gauge) or a long one (time, gauge_id, rain_mm); UTF-8, with or
        without byte-order mark, or GB18030; separated by comma, semicolon or tab. Times are step ENDS.
    gauge_ids : sequence of str, optional
        Gauges expected: they make the columns of the result, in this order; others in the file get a finding.
        If not given, every gauge of the file is taken.
    timezone : str
        Time zone of times that carry no offset, e.g. ``Asia/Shanghai``.
    step_h : float
        Step [h].

    Returns
    -------
    xarray.Dataset
        ``rain_mm(time, gauge)`` [mm], NaN where unknown; ``quality(time, gauge)`` QARTOD (2 not evaluated, 3 suspect,
        4 fail, 9 missing); ``raw_mm(time, gauge)``, the number as received. ``time`` is UTC and regular: steps that
        the file does not have are inserted, unknown.
    ReadReport

    Raises
    ------
    BadInputError
        If the file is absent, empty, too large, not text, or has no usable header or row.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "gauges.csv"
    ...     _ = path.write_text("time_end,57083\n2021-07-20 16:00,--\n2021-07-20 17:00,201.9\n")
    ...     rain, report = read_gauge_table(path, timezone="Asia/Shanghai")
    >>> rain.rain_mm.to_numpy().ravel().tolist(), rain.quality.to_numpy().ravel().tolist(), report.rows_read
    ([nan, 201.9], [9, 2], 2)
    >>> str(rain.time.to_numpy()[-1])[:16]
    '2021-07-20T09:00'
    """
    path = Path(path)
    data, sha256 = read_bytes(path, limit_bytes=LIMIT_BYTES)
    text, encoding = _decode(data, path.name)
    reading = _Reading(path.name, ZoneInfo(timezone), step_h, list(gauge_ids or ()))
    header, rows = _rows(text, path.name)
    columns = [name.strip() for name in header]
    if _find(columns, GAUGE_NAMES) is not None and _find(columns, RAIN_NAMES) is not None:
        _read_long(reading, columns, rows, known=gauge_ids is not None)
    else:
        _read_wide(reading, columns, rows, known=gauge_ids is not None)
    _note_unfinished(reading, text)
    if not reading.cells:
        _refuse(path.name, "no-rows", "no usable row", reading.findings)
    dataset = _to_dataset(reading)
    return dataset, _report(dataset, reading, sha256, encoding)


def _refuse(
    file: str, code: str, message: str, findings: Iterable[Finding] = (), column: str | None = None
) -> NoReturn:
    raise BadInputError(file, [Finding(code=code, message=message, file=file, column=column), *findings])


def _decode(data: bytes, file: str) -> tuple[str, str]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text, encoding
    finding = Finding(
        code="bad-encoding",
        message="the file is no text",
        file=file,
        accepted="UTF-8 or GB18030",
        fix="export it again",
    )
    raise BadInputError(file, [finding])


def _rows(text: str, file: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((reader.line_num, cells))
    except csv.Error as error:
        _refuse(file, "broken-csv", f"row {reader.line_num} is no CSV ({error})")
    if not rows:
        _refuse(file, "empty-file", "the file holds nothing but blanks")
    if len(rows) == 1:
        _refuse(file, "header-only", "the file has a header and no row")
    return rows[0][1], rows[1:]


def _find(columns: Sequence[str], names: Sequence[str]) -> int | None:
    lowered = [column.lower() for column in columns]
    return next((lowered.index(name) for name in names if name in lowered), None)


def _time_column(reading: _Reading, columns: Sequence[str]) -> int:
    index = _find(columns, TIME_NAMES)
    if index is None:
        _refuse(reading.file, "no-time-column", f"no time column; accepted names: {', '.join(TIME_NAMES)}")
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        _refuse(reading.file, "duplicate-column", "column appears twice", column=", ".join(twice))
    return index


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    return f"rename it if '{near[0]}' is meant" if near else ""


def _read_wide(reading: _Reading, columns: list[str], rows: list[tuple[int, list[str]]], *, known: bool) -> None:
    time_index = _time_column(reading, columns)
    names = [name for index, name in enumerate(columns) if index != time_index]
    if not known:
        reading.gauge_ids = names
    for name in names:
        if name not in reading.gauge_ids:
            fix = _nearest(name, reading.gauge_ids)
            reading.note("unknown-gauge", "gauge is not in the register", row=1, column=name, value=name, fix=fix)
    for name in reading.gauge_ids:
        if name not in names:
            reading.note("absent-gauge", "gauge has no column in the file", row=1, column=name)
    if not set(names) & set(reading.gauge_ids):
        _refuse(reading.file, "no-known-gauge", "no column is a known gauge", reading.findings)
    wanted = [(index, name) for index, name in enumerate(columns) if name in reading.gauge_ids and index != time_index]
    for number, cells in rows:
        reading.rows_read += 1
        if len(cells) != len(columns):
            message = f"row has {len(cells)} fields where the header has {len(columns)}"
            fix = "look for a row cut short, or a decimal comma without quotes"
            reading.reject("wrong-field-count", message, number, fix=fix)
            continue
        when = _parse_time(reading, cells[time_index], number)
        if when is not None:
            values = {name: _parse_value(reading, cells[index], number, name) for index, name in wanted}
            _store(reading, when, values, number)


def _read_long(reading: _Reading, columns: list[str], rows: list[tuple[int, list[str]]], *, known: bool) -> None:
    time_index = _time_column(reading, columns)
    gauge_index, rain_index = _find(columns, GAUGE_NAMES) or 0, _find(columns, RAIN_NAMES) or 0  # seen by the caller
    unknown: set[str] = set()
    for number, cells in rows:
        reading.rows_read += 1
        if len(cells) != len(columns):
            reading.reject("wrong-field-count", f"row has {len(cells)} of {len(columns)} fields", number)
            continue
        name = cells[gauge_index].strip()
        if name not in reading.gauge_ids:
            if known:
                if name not in unknown:
                    fix = _nearest(name, reading.gauge_ids)
                    column = columns[gauge_index]
                    reading.note(
                        "unknown-gauge", "gauge is not in the register", row=number, column=column, value=name, fix=fix
                    )
                unknown.add(name)
                reading.rows_rejected += 1
                continue
            reading.gauge_ids.append(name)
        when = _parse_time(reading, cells[time_index], number)
        if when is not None:
            _store(reading, when, {name: _parse_value(reading, cells[rain_index], number, name)}, number)


def _parse_time(reading: _Reading, cell: str, row: int) -> datetime | None:
    text = cell.strip().replace("/", "-")
    when = None
    for parse in (datetime.fromisoformat, lambda t: datetime.strptime(t, "%Y-%m-%d %H:%M")):  # noqa: DTZ007 - zoned below
        try:
            when = parse(text)
            break
        except ValueError:
            continue
    if when is None or not 1900 <= when.year <= 2200:
        fix = "write ISO 8601, e.g. 2021-07-20T17:00:00+08:00"
        reading.reject("bad-time", "time cannot be read", row, column="time", value=cell, fix=fix)
        return None
    aware = when.replace(tzinfo=reading.zone) if when.tzinfo is None else when
    utc = aware.astimezone(UTC)
    if utc.timestamp() % (reading.step_h * 3600.0):
        message = f"time is no end of a step of {reading.step_h:g} h"
        reading.reject("off-step-time", message, row, column="time", value=cell)
        return None
    return utc


def _parse_value(reading: _Reading, cell: str, row: int, column: str) -> Cell:
    text = cell.strip()
    if text.lower() in MISSING_WORDS:
        return math.nan, math.nan, Quality.MISSING
    quality = int(Quality.NOT_EVALUATED)
    if "," in text and "." not in text:
        reading.note("decimal-comma", "decimal comma read as decimal point", row=row, column=column, value=cell)
        text, quality = text.replace(",", "."), int(Quality.SUSPECT)
    try:
        value = float(text) if "_" not in text else math.inf
    except ValueError:
        reading.note(
            "not-a-number", "rain is no number", row=row, column=column, value=cell, fix="leave the cell empty"
        )
        return math.nan, math.nan, Quality.FAIL
    if value in MISSING_NUMBERS:
        return math.nan, value, Quality.MISSING
    ceiling = MAX_RAIN_MM_H * reading.step_h
    if 0 <= value <= ceiling:
        return value, value, quality
    code, message = ("negative-rain", "rain is negative") if value < 0 else ("absurd-rain", "rain is beyond any record")
    accepted = f"0 to {ceiling:g} mm in {reading.step_h:g} h"
    reading.note(code, message, row=row, column=column, value=cell, accepted=accepted, fix="leave the cell empty")
    return math.nan, value, Quality.FAIL


def _store(reading: _Reading, when: datetime, values: dict[str, Cell], row: int) -> None:
    """Keep a row; of two different values for one step and gauge the larger stays, marked suspect."""
    present = reading.cells.setdefault(when, {})
    repeated = [name for name in values if name in present]
    for name in repeated:
        old, new = present[name], values[name]
        kept = new if math.isnan(old[0]) or new[0] > old[0] else old
        if old[0] < kept[0] or new[0] < kept[0]:
            kept = (kept[0], kept[1], int(Quality.SUSPECT))
            reading.note("duplicate-time", "two values for one step, the larger is kept", row=row, column=name)
        values[name] = kept
    if repeated:
        reading.note("duplicate-time", "step appears twice", row=row, column="time", value=when.isoformat())
    present.update(values)
    series = next(iter(values))
    if when < reading.last_at.get(series, when):
        reading.note("time-backwards", "time goes backwards", row=row, column="time", value=when.isoformat())
    reading.last_at[series] = when
    reading.newest = (when, next(reversed(values)))


def _note_unfinished(reading: _Reading, text: str) -> None:
    """Mark the last value suspect if the file ends without a line end: its number may be cut."""
    if reading.newest is None or text.endswith(("\n", "\r")):
        return
    when, name = reading.newest
    value, raw, quality = reading.cells[when][name]
    reading.note("unfinished-file", "the file ends without a line end; its last number may be cut", column=name)
    if quality == Quality.NOT_EVALUATED:
        reading.cells[when][name] = (value, raw, int(Quality.SUSPECT))


def _steady_times(reading: _Reading) -> list[datetime]:
    """Return the sorted step ends of the longest run without a jump that only a broken clock makes."""
    times = sorted(reading.cells)
    runs: list[list[datetime]] = [[times[0]]]
    for when in times[1:]:
        if (when - runs[-1][-1]).total_seconds() > MAX_GAP_H * 3600:
            runs.append([])
        runs[-1].append(when)
    longest = max(runs, key=len)
    for run in runs:
        if run is not longest:
            reading.rows_rejected += len(run)
            reading.note("time-jump", f"{len(run)} rows lie over a year away from the rest", value=run[0].isoformat())
    return longest


def _to_dataset(reading: _Reading) -> xr.Dataset:
    times = _steady_times(reading)
    step_s = reading.step_h * 3600.0
    places = [round((when - times[0]).total_seconds() / step_s) for when in times]
    count, gauges = places[-1] + 1, reading.gauge_ids
    for before, after, when in zip(places, places[1:], times[1:], strict=False):
        if after - before > 1:
            message = f"{after - before - 1} steps are absent before this one and were inserted as unknown"
            reading.note("gap", message, column="time", value=when.isoformat())
    rain, raw = np.full((2, count, len(gauges)), np.nan)
    quality = np.full((count, len(gauges)), int(Quality.MISSING), dtype=np.int8)
    column = {name: index for index, name in enumerate(gauges)}
    for place, when in zip(places, times, strict=True):
        for name, (value, received, flag) in reading.cells[when].items():
            rain[place, column[name]], raw[place, column[name]], quality[place, column[name]] = value, received, flag
    start = np.datetime64(times[0].replace(tzinfo=None), "ns")
    end = start + np.arange(count) * np.timedelta64(round(step_s), "s").astype("timedelta64[ns]")
    dims = ("time", "gauge")
    return xr.Dataset(
        {
            "rain_mm": (dims, rain, {"units": "mm", "cell_methods": "time: sum"}),
            "quality": (dims, quality),
            "raw_mm": (dims, raw, {"units": "mm", "long_name": "number as received"}),
        },
        coords={"time": end, "gauge": np.asarray(gauges, dtype=object)},
        attrs={"step_h": reading.step_h},
    )


def _report(dataset: xr.Dataset, reading: _Reading, sha256: str, encoding: str) -> ReadReport:
    quality = dataset["quality"].to_numpy()
    known = np.flatnonzero(np.isfinite(dataset["rain_mm"].to_numpy()).any(axis=1))
    end = dataset["time"].to_numpy()
    return ReadReport(
        file=reading.file,
        sha256=sha256,
        encoding=encoding,
        rows_read=reading.rows_read,
        rows_rejected=reading.rows_rejected,
        values_missing=int((quality == Quality.MISSING).sum()),
        values_failed=int((quality == Quality.FAIL).sum()),
        first_value_at=from_datetime64(end[known[0]]) if len(known) else None,
        last_value_at=from_datetime64(end[known[-1]]) if len(known) else None,
        findings=shorten(reading.findings, reading.file),
    )
