"""Gauge rain from CSV, Excel or JSON: wide (a column per gauge) or long (a row per time and gauge).

Station files of CMA (columns Station_Id_C, Year, Mon, Day, Hour, PRE_1h; codes 999999, 999998, 999990) are long
tables; tipping buckets that send a running count are turned into rain of the step. Nothing unreadable becomes 0: a
missing code is NaN with quality 9, an impossible value NaN with quality 4, a doubtful one is kept with quality 3, and
each has a finding with its row and column.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from risk_models.district.feeds import step_minutes
from risk_models.errors import BadInputError, Finding, refuse
from risk_models.forecast.rainfall import Quality, from_datetime64
from risk_models.forecast.readers.counters import counter_rain
from risk_models.forecast.readers.field import Header, field_attrs, rain_ceiling_mm
from risk_models.forecast.readers.reading import FileReading, gunzip, read_bytes, shorten
from risk_models.forecast.readers.table_header import Columns, find_columns, join_dates
from risk_models.forecast.readers.table_rows import read_rows
from risk_models.forecast.readers.units import GAUGE_UNITS, RainUnit, rain_unit

__all__ = ["read_gauge_table"]

LIMIT_BYTES = 64 * 1024 * 1024
MAX_GAP_H = 366 * 24  # a jump beyond this is a broken clock, not a gap
MAX_STEPS = 3_000_000
MAX_COLUMNS = 10_000
MAX_ADVICE = 20  # names that are compared with all that are known
LABELS = ("end", "begin")
MISSING_WORDS = {"", "--", "-", "/", "///", "nan", "na", "n/a", "null", "none", "欠測", "欠测", "缺测", "缺測"}
MISSING_NUMBERS = {999999.0, 999998.0, 99999.0, 9999.0, 999.9, 9999.9, -99.0, -999.0, -999.9, -9999.0, -9999.9}
# A running count may pass 9999 honestly.
MISSING_COUNTS = {999999.0, 999998.0, -99.0, -999.0, -999.9, -9999.0, -9999.9}
# Rain too little to measure (< 0.1 mm) is known to be little: 0, and not missing.
TRACE = {999990.0}  # CMA
TRACE_WORDS = {"微量", "t", "tr", "trace"}
# CMA's files in 0.1 mm have codes of their own.
TENTHS_MISSING, TENTHS_TRACE = {32766.0}, {32700.0}
MAX_COUNT = 1e9

COMPACT = re.compile(r"\d{10}(\d{2}){0,2}")  # 2021072009, 202107200900
MM = RainUnit("mm", 1.0, False)

MAX_STEP_MIN = 31 * 24 * 60

Cell = tuple[float, float, int]  # value for use, value as received, quality


@dataclass
class _Reading:
    """What has been gathered from the file so far."""

    file: str
    zone: ZoneInfo
    step_h: float
    gauge_ids: list[str]
    unit: RainUnit
    is_begin: bool = False
    counter_mm: float | None = None
    cells: dict[datetime, dict[str, Cell]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    last_at: dict[str, datetime] = field(default_factory=dict)
    newest: tuple[datetime, str] | None = None
    rows_read: int = 0
    rows_rejected: int = 0
    advised: int = 0

    @property
    def step_s(self) -> int:
        """Length of the step [s]."""
        return round(3600.0 * self.step_h)

    @property
    def shift(self) -> timedelta:
        """From the label in the file to the END of the step."""
        return timedelta(hours=self.step_h if self.is_begin else 0.0)

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
    path: Path | str,
    *,
    gauge_ids: Sequence[str] | None = None,
    timezone: str,
    step_h: float = 1.0,
    unit: str | None = None,
    label: str | None = None,
    counter_mm: float | None = None,
) -> tuple[xr.Dataset, FileReading]:
    r"""Read a table of gauge rain.

    Parameters
    ----------
    path : Path or str
        A wide table (a time column, a column per gauge) or a long one (time, gauge_id, rain_mm), as CSV (UTF-8, with
        or without byte-order mark, or GB18030; comma, semicolon, tab or blanks), Excel (first sheet of an .xlsx) or
        JSON (records or columns); gzip is opened.
    gauge_ids : sequence of str, optional
        Gauges expected: they make the columns of the result, in this order; others in the file get a finding.
        If not given, every gauge of the file is taken.
    timezone : str
        Time zone of times that carry no offset, e.g. ``Asia/Shanghai``. An hour that summer time skips is rejected;
        one that comes twice is told apart by the row before it.
    step_h : float
        Step [h], taken to the nearest whole minute: 0.167 is ten minutes.
    unit : {"mm", "0.1mm", "inch"}, optional
        Unit of the numbers; else that of the header, else mm. One that contradicts the header is refused.
    label : {"end", "begin"}, optional
        What a time stands for; else what the name of the time column says, else the END of the step.
    counter_mm : float, optional
        Rain of one count [mm], for a tipping bucket that sends a running count: numbers are then readings, not rain.

    Returns
    -------
    xarray.Dataset
        ``rain_mm(time, gauge)`` [mm], NaN where unknown; ``quality(time, gauge)`` QARTOD (2 not evaluated, 3 suspect,
        4 fail, 9 missing); ``raw_mm(time, gauge)``, the number as received. ``time`` is UTC and regular: steps that
        the file does not have are inserted, unknown. Coordinates and attributes as in `field`.
    FileReading

    Raises
    ------
    BadInputError
        If the file is absent, empty, too large, no table, or has no usable header or row; if its unit, label or step
        is unknown or contradicts what is stated.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "gauges.csv"
    ...     _ = path.write_text("time_end,57083\n2021-07-20 16:00,--\n2021-07-20 17:00,201.9\n")
    ...     rain, reading = read_gauge_table(path, timezone="Asia/Shanghai")
    >>> rain.rain_mm.to_numpy().ravel().tolist(), rain.quality.to_numpy().ravel().tolist(), reading.rows_read
    ([nan, 201.9], [9, 2], 2)
    >>> str(rain.time.to_numpy()[-1])[:16]
    '2021-07-20T09:00'
    """
    path = Path(path)
    file = path.name
    data, sha256 = read_bytes(path, limit_bytes=LIMIT_BYTES)
    table = read_rows(gunzip(data, file=file, limit_bytes=LIMIT_BYTES), file)
    width = len(table.rows[0][1])
    if width > MAX_COLUMNS:
        accepted = f"at most {MAX_COLUMNS}: a column for each gauge"
        refuse(file, "too-many-columns", "too many columns", row=1, value=width, accepted=accepted)
    (_, header), *rows = join_dates(table.rows)
    columns = find_columns([name.strip() for name in header], file)
    reading = _reading(file, columns, timezone=timezone, step_h=step_h, unit=unit, label=label, counter_mm=counter_mm)
    reading.gauge_ids = list(gauge_ids or ())
    read = _read_wide if columns.rain is None else _read_long
    read(reading, columns, rows, known=gauge_ids is not None)
    if table.is_cut:
        _note_unfinished(reading)
    if not reading.cells:
        _refuse_all(file, "no-rows", "no usable row", reading.findings)
    dataset = _to_dataset(reading)
    dataset.attrs = field_attrs(
        Header(
            kind="gauge_table",
            file=file,
            sha256=sha256,
            variable="rain" if columns.rain is None else columns.names[columns.rain],
            unit=reading.unit.name if counter_mm is None else f"counts of {counter_mm:g} mm",
            label="begin" if reading.is_begin else "end",
            crs="",
        ),
        step_h,
    )
    return dataset, _reading_of(dataset, reading, sha256, table.encoding)


def _refuse_all(file: str, code: str, message: str, findings: Iterable[Finding]) -> NoReturn:
    raise BadInputError(file, [Finding(code=code, message=message, file=file), *shorten(findings, file)])


def _reading(
    file: str,
    columns: Columns,
    *,
    timezone: str,
    step_h: float,
    unit: str | None,
    label: str | None,
    counter_mm: float | None,
) -> _Reading:
    """Bring together what the header says and what the caller states, refusing contradictions."""
    stated = None if unit is None else rain_unit(unit)
    if unit is not None and (stated is None or stated.name not in GAUGE_UNITS):
        refuse(file, "bad-unit", "unknown unit", value=unit, accepted=", ".join(GAUGE_UNITS))
    own = None if columns.unit is None else rain_unit(columns.unit)
    if stated is not None and own is not None and stated != own:
        refuse(file, "bad-unit", "the header states another unit", value=own.name, accepted=stated.name)
    if label is not None and label not in LABELS:
        refuse(file, "bad-label", "unknown label", value=label, accepted=", ".join(LABELS))
    if label is not None and columns.label is not None and label != columns.label:
        column = columns.names[columns.time]
        refuse(file, "bad-label", "the header states another label", column=column, value=columns.label, accepted=label)
    minutes = step_minutes(step_h) if math.isfinite(step_h) else None
    if minutes is None or minutes > MAX_STEP_MIN:
        accepted = "whole minutes from 1 min to 31 d, e.g. 0.1667 for ten minutes"
        refuse(file, "bad-step", "step out of bounds", value=step_h, accepted=accepted)
    step_h = minutes / 60.0
    if columns.step_h is not None and not math.isclose(columns.step_h, step_h):
        accepted = f"{step_h:g} h"
        refuse(file, "bad-step", "the header states another step", value=f"{columns.step_h:g} h", accepted=accepted)
    if counter_mm is not None and (unit is not None or not 0.001 <= counter_mm <= 25.4):
        accepted = "0.001 to 25.4 mm, without a unit"
        refuse(file, "bad-counter", "rain of one count out of bounds", value=counter_mm, accepted=accepted)
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError):
        refuse(file, "bad-timezone", "unknown time zone", value=timezone, accepted="an IANA name, e.g. Asia/Shanghai")
    return _Reading(
        file,
        zone,
        step_h,
        [],
        stated or own or MM,
        is_begin=(label or columns.label) == "begin",
        counter_mm=counter_mm,
    )


def _nearest(reading: _Reading, name: str, known: Sequence[str]) -> str:
    reading.advised += 1
    if reading.advised > MAX_ADVICE:
        return ""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    return f"rename it if '{near[0]}' is meant" if near else ""


def _read_wide(reading: _Reading, header: Columns, rows: list[tuple[int, list[str]]], *, known: bool) -> None:
    time_index, columns = header.time, header.names
    names = [name for index, name in enumerate(columns) if index != time_index]
    if not known:
        reading.gauge_ids = names
    wanted_names, there = set(reading.gauge_ids), set(names)
    for name in names:
        if name not in wanted_names:
            fix = _nearest(reading, name, reading.gauge_ids)
            reading.note("unknown-gauge", "gauge is not in the register", row=1, column=name, value=name, fix=fix)
    for name in reading.gauge_ids:
        if name not in there:
            reading.note("absent-gauge", "gauge has no column in the file", row=1, column=name)
    if not there & wanted_names:
        _refuse_all(reading.file, "no-known-gauge", "no column is a known gauge", reading.findings)
    wanted = [(index, name) for index, name in enumerate(columns) if name in wanted_names and index != time_index]
    for number, cells in rows:
        reading.rows_read += 1
        if len(cells) != len(columns):
            message = f"row has {len(cells)} fields where the header has {len(columns)}"
            fix = "look for a row cut short, or a decimal comma without quotes"
            reading.reject("wrong-field-count", message, number, fix=fix)
            continue
        when = _parse_time(reading, cells[time_index], number, wanted[0][1])
        if when is not None:
            values = {name: _parse_value(reading, cells[index], number, name) for index, name in wanted}
            _store(reading, when, values, number)


def _read_long(reading: _Reading, header: Columns, rows: list[tuple[int, list[str]]], *, known: bool) -> None:
    time_index, columns = header.time, header.names
    gauge_index, rain_index = header.gauge or 0, header.rain or 0  # both are there in a long table
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
                    fix = _nearest(reading, name, reading.gauge_ids)
                    column = columns[gauge_index]
                    reading.note(
                        "unknown-gauge", "gauge is not in the register", row=number, column=column, value=name, fix=fix
                    )
                unknown.add(name)
                reading.rows_rejected += 1
                continue
            reading.gauge_ids.append(name)
        when = _parse_time(reading, cells[time_index], number, name)
        if when is not None:
            _store(reading, when, {name: _parse_value(reading, cells[rain_index], number, name)}, number)


def _parse_time(reading: _Reading, cell: str, row: int, series: str) -> datetime | None:
    """Return the END of the step in UTC, or None if the row had to be rejected."""
    when = _written_time(cell)
    if when is None or not 1900 <= when.year <= 2200:
        fix = "write ISO 8601, e.g. 2021-07-20T17:00:00+08:00"
        reading.reject("bad-time", "time cannot be read", row, column="time", value=cell, fix=fix)
        return None
    utc = _from_zone(reading, when, row, series) if when.tzinfo is None else when.astimezone(UTC)
    if utc is None:
        return None
    if utc.timestamp() % reading.step_s:
        message = f"time is no end of a step of {reading.step_h:g} h"
        reading.reject("off-step-time", message, row, column="time", value=cell)
        return None
    return utc + reading.shift


def _written_time(cell: str) -> datetime | None:
    text = cell.strip().replace("/", "-")
    if COMPACT.fullmatch(text):
        text = f"{text[:4]}-{text[4:6]}-{text[6:8]} {text[8:10]}:{text[10:12] or '00'}"
    midnight = text.endswith(("24:00", "24:00:00"))  # the end of the day, as hydrologists write it
    if midnight:
        text = text.replace("24:00", "00:00")
    for parse in (datetime.fromisoformat, lambda t: datetime.strptime(t, "%Y-%m-%d %H:%M")):  # noqa: DTZ007 - zoned below
        try:
            return parse(text) + timedelta(days=midnight)
        except (ValueError, OverflowError):
            continue
    return None


def _from_zone(reading: _Reading, local: datetime, row: int, series: str) -> datetime | None:
    """Place a local time in UTC, minding the hours that summer time skips and repeats."""
    first, second = (local.replace(tzinfo=reading.zone, fold=fold) for fold in (0, 1))
    early, late = first.astimezone(UTC), second.astimezone(UTC)
    if early == late:
        return early
    if early.astimezone(reading.zone).replace(tzinfo=None) != local:
        message = "summer time skips this local time"
        reading.reject("skipped-time", message, row, column="time", value=local.isoformat(), fix="send times in UTC")
        return None
    last = reading.last_at.get(series)
    before = None if last is None else last - reading.shift
    if before is not None and before >= early:
        return late
    if before is None or before != early - timedelta(hours=reading.step_h):
        message = "this local time comes twice and the row before does not tell which; the first is taken"
        reading.note(
            "ambiguous-time", message, row=row, column="time", value=local.isoformat(), fix="send times in UTC"
        )
    return early


def _parse_value(reading: _Reading, cell: str, row: int, column: str) -> Cell:
    text = cell.strip()
    if text.lower() in MISSING_WORDS:
        return math.nan, math.nan, Quality.MISSING
    quality = int(Quality.NOT_EVALUATED)
    if text.lower() in TRACE_WORDS and reading.counter_mm is None:
        return 0.0, math.nan, quality
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
    if reading.counter_mm is not None:
        return _count(reading, value, quality, (cell, row, column))
    is_tenths = reading.unit.name == "0.1mm"
    if value in MISSING_NUMBERS or (is_tenths and value in TENTHS_MISSING):
        return math.nan, value, Quality.MISSING
    if value in TRACE or (is_tenths and value in TENTHS_TRACE):
        return 0.0, value, quality
    rain = value * reading.unit.factor
    ceiling = float(rain_ceiling_mm(reading.step_h))
    if 0 <= rain <= ceiling:
        return rain, value, quality
    code, message = ("negative-rain", "rain is negative") if value < 0 else ("absurd-rain", "rain is beyond any record")
    accepted = f"0 to {ceiling:g} mm in {reading.step_h:g} h"
    reading.note(code, message, row=row, column=column, value=cell, accepted=accepted, fix="leave the cell empty")
    return math.nan, value, Quality.FAIL


def _count(reading: _Reading, value: float, quality: int, place: tuple[str, int, str]) -> Cell:
    """Return a reading of a running count, in counts."""
    if value in MISSING_COUNTS:
        return math.nan, value, Quality.MISSING
    if 0 <= value <= MAX_COUNT:
        return value, value, quality
    cell, row, column = place
    reading.note("bad-count", "is no count", row=row, column=column, value=cell, accepted=f"0 to {MAX_COUNT:g}")
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


def _note_unfinished(reading: _Reading) -> None:
    """Mark the last value suspect if the file ends without a line end: its number may be cut."""
    if reading.newest is None:
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
    step_s = reading.step_s
    places = [round((when - times[0]).total_seconds() / step_s) for when in times]
    count, gauges = places[-1] + 1, reading.gauge_ids
    if count > MAX_STEPS:
        refuse(reading.file, "too-many-steps", "too many steps", value=count, accepted=f"at most {MAX_STEPS}")
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
    if reading.counter_mm is not None:
        rain, quality = _uncount(reading, rain, quality, times[0])
    start = np.datetime64(times[0].replace(tzinfo=None), "ns")
    end = start + np.arange(count) * np.timedelta64(step_s, "s").astype("timedelta64[ns]")
    dims = ("time", "gauge")
    return xr.Dataset(
        {
            "rain_mm": (dims, rain, {"units": "mm", "cell_methods": "time: sum"}),
            "quality": (dims, quality),
            "raw_mm": (dims, raw, {"units": "mm", "long_name": "number as received"}),
        },
        coords={
            "time": end,
            "interval_h": ("time", np.full(count, reading.step_h), {"units": "h"}),
            "gauge": np.asarray(gauges, dtype=object),
        },
    )


def _uncount(
    reading: _Reading, counts: NDArray[np.float64], quality: NDArray[np.int8], first: datetime
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    rain, flags, events = counter_rain(counts, quality, counter_mm=reading.counter_mm or 1.0)
    for event in events:
        when = first + timedelta(hours=event.step * reading.step_h)
        reading.note(event.code, event.message, column=reading.gauge_ids[event.gauge], value=when.isoformat())
    ceiling = float(rain_ceiling_mm(reading.step_h))
    for step, gauge in np.argwhere(rain > ceiling).tolist():
        when = first + timedelta(hours=step * reading.step_h)
        message = f"{rain[step, gauge]:g} mm from the count of {when.isoformat()} is beyond any record"
        reading.note("absurd-rain", message, column=reading.gauge_ids[gauge], accepted=f"0 to {ceiling:g} mm")
    flags[rain > ceiling] = Quality.FAIL
    rain[rain > ceiling] = np.nan
    return rain, flags


def _reading_of(dataset: xr.Dataset, reading: _Reading, sha256: str, encoding: str) -> FileReading:
    quality = dataset["quality"].to_numpy()
    known = np.flatnonzero(np.isfinite(dataset["rain_mm"].to_numpy()).any(axis=1))
    end = dataset["time"].to_numpy()
    return FileReading(
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
