"""Cells given their meaning: every cell is parsed by the contract of its column, strictly, one by one."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from risk_models.district.rawtable import RawTable
from risk_models.district.schema import Column, TableContract, nearest
from risk_models.errors import Finding

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

__all__ = ["EMAIL", "ParsedTable", "parse_cell", "parse_table"]

EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
MAX_TEXT = 4_000
# The limit of times that can have been observed or planned here.
YEARS = (1900, 2100)

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
# Control characters and marks that turn the direction of text can forge headers and names in what is sent out.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SHEET_ERRORS = {"#REF!", "#N/A", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"}
_TRUTH = {"true": True, "false": False, "1": True, "0": False, "是": True, "否": False}
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True)
class ParsedTable:
    """A table whose cells are Python values by the contract; None where blank or wrong.

    Attributes
    ----------
    table : TableContract
    file : str
    rows : tuple of int
        Row numbers as a person sees them.
    values : dict of str to list
        One list per column of the contract.
    file_names : dict of str to str
        Contract name to name in the file.
    geometry : list of geometry or None
        In degrees of the layer's datum.
    from_projected : bool
        See `RawTable`.
    """

    table: TableContract
    file: str
    rows: tuple[int, ...]
    values: dict[str, list[Any]]
    file_names: dict[str, str] = field(default_factory=dict)
    geometry: list[BaseGeometry | None] | None = None
    from_projected: bool = False

    def finding(self, code: str, message: str, index: int, column: str, **more: Any) -> Finding:
        """Return a finding at a record of this table; `column` is the contract's name."""
        shown = self.file_names.get(column, column)
        return Finding(code=code, message=message, file=self.file, row=self.rows[index], column=shown, **more)


def parse_table(raw: RawTable, table: TableContract, mapping: dict[str, str]) -> tuple[ParsedTable, list[Finding]]:
    """Give the cells of a table their meaning and list every cell and column that has none.

    Parameters
    ----------
    raw : RawTable
    table : TableContract
        The contract.
    mapping : dict of str to str
        Contract name to name in the file, where they differ.

    Returns
    -------
    ParsedTable
    list of Finding
    """
    names = {column.name: mapping.get(column.name, column.name) for column in table.columns}
    findings = [*raw.findings, *_column_findings(raw, table, names)]
    values: dict[str, list[Any]] = {}
    for column in table.columns:
        cells = raw.cells.get(names[column.name])
        if cells is None:
            values[column.name] = [None] * len(raw.rows)
            continue
        values[column.name] = [
            _cell_or_finding(cell, column, raw.file, row, names[column.name], findings)
            for cell, row in zip(cells, raw.rows, strict=True)
        ]
    parsed = ParsedTable(table, raw.file, raw.rows, values, names, raw.geometry, raw.from_projected)
    if table.shape == "point":
        findings.extend(_take_points(parsed, raw))
    return parsed, findings + _duplicates(parsed)


def _column_findings(raw: RawTable, table: TableContract, names: dict[str, str]) -> list[Finding]:
    findings = []
    unused = [name for name in raw.columns if name not in names.values()]
    has_points = table.shape == "point" and raw.geometry is not None
    for column in table.columns:
        name = names[column.name]
        is_given = name in raw.columns or (has_points and column.name in ("lon", "lat")) or not raw.columns
        if column.required and not is_given:
            hint = nearest(name, unused)
            fix = f"rename {hint}, or map {column.name}: {hint} in district.yaml" if hint else "add the column"
            message = "the column is missing" + (f"; nearest: {hint}" if hint else "")
            accepted = f"{column.en} ({column.accepted})"
            findings.append(_at_header(raw, "missing-column", message, name, accepted=accepted, fix=fix))
        elif name != column.name and not is_given:
            hint = nearest(name, raw.columns)
            message = "the mapped column is missing" + (f"; nearest: {hint}" if hint else "")
            findings.append(
                _at_header(raw, "missing-column", message, name, fix="correct the mapping in district.yaml")
            )
    absent = [name for name in names.values() if name not in raw.columns]
    for name in unused:
        hint = nearest(name, absent)
        message = "the column is not in the contract and is not read" + (f"; nearest: {hint}" if hint else "")
        fix = f"rename it {hint} if that is meant" if hint else ""
        findings.append(_at_header(raw, "unknown-column", message, name, fix=fix, severity="warning"))
    return findings


def _at_header(raw: RawTable, code: str, message: str, column: str, **more: Any) -> Finding:
    row = 1 if raw.geometry is None else None
    return Finding(code=code, message=message, file=raw.file, row=row, column=column, **more)


def _cell_or_finding(cell: Any, column: Column, file: str, row: int, shown: str, findings: list[Finding]) -> Any:
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        if column.required:
            message, fix = "a required cell is blank", "fill it in"
            at: dict[str, Any] = {"file": file, "row": row, "column": shown}
            findings.append(Finding(code="blank-cell", message=message, **at, accepted=column.accepted, fix=fix))
        return None
    try:
        return parse_cell(cell, column)
    except CellError as error:
        findings.append(
            Finding(
                code=error.code,
                message=str(error),
                file=file,
                row=row,
                column=shown,
                value=_shown(cell),
                accepted=column.accepted,
                fix=error.fix,
            )
        )
        return None


def _shown(cell: Any) -> str:
    return _UNPRINTABLE.sub("?", str(cell))[:80]


class CellError(ValueError):
    """A cell that does not fit its column."""

    def __init__(self, code: str, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.fix = fix


def parse_cell(cell: Any, column: Column) -> Any:
    """Parse one cell that is not blank.

    Parameters
    ----------
    cell : object
        Text, or the number, truth value, date or time of a format that has types.
    column : Column

    Returns
    -------
    str, int, float, bool, date or datetime
        By `column.kind`; a time carries its offset.

    Raises
    ------
    CellError
        If the cell does not fit.

    Examples
    --------
    >>> parse_cell(" 12.50 ", Column(name="depth_m", kind="number", zh="", en="", low=0, high=20))
    12.5
    >>> parse_cell("1e309", Column(name="depth_m", kind="number", zh="", en="", low=0, high=20))
    Traceback (most recent call last):
    ...
    CellError: the number is not finite
    """
    return _PARSERS[column.kind](cell, column)


def _parse_text(cell: Any, _column: Column) -> str:
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, bool | dict | list):
        raise CellError("not-text", "the cell is not text")
    text = str(cell).strip()
    if _UNPRINTABLE.search(text):
        raise CellError("control-character", "the text holds a line break or an invisible mark", "remove it")
    if text in _SHEET_ERRORS:
        raise CellError("sheet-error", "the cell holds an error of the spreadsheet", "mend the formula")
    if len(text) > MAX_TEXT:
        raise CellError("text-too-long", f"the text is longer than {MAX_TEXT} characters")
    return text


def _parse_id(cell: Any, column: Column) -> str:
    text = _parse_text(cell, column)
    if re.fullmatch(r"\d+(\.\d+)?[eE]\+?\d+", text, re.ASCII):
        raise CellError("lost-digits", "a spreadsheet turned the code into a number", "format the column as text")
    if not _ID.fullmatch(text):
        raise CellError("bad-id", "the id holds characters that are not accepted")
    return text


def _parse_email(cell: Any, column: Column) -> str:
    text = _parse_text(cell, column)
    if not EMAIL.fullmatch(text) or ".." in text:
        raise CellError("bad-address", "the text is not one e-mail address")
    return text


def _parse_choice(cell: Any, column: Column) -> str:
    text = _parse_text(cell, column)
    if text not in column.choices:
        hint = nearest(text, column.choices)
        message = "the value is not among the choices" + (f"; nearest: {hint}" if hint else "")
        raise CellError("not-a-choice", message)
    return text


def _parse_choices(cell: Any, column: Column) -> str:
    """Return the choices as the contract spells them; a blank entry stays blank."""
    text = _parse_text(cell, column)
    entries = [re.split("[/／]", entry) for entry in re.split("[;；]", text)]
    return ";".join("/".join(_one_of(word.strip(), column) for word in entry) for entry in entries)


def _one_of(word: str, column: Column) -> str:
    meant = column.spellings.get(word, word.lower())
    if meant and meant not in column.choices:
        hint = nearest(word, (*column.choices, *column.spellings))
        message = f"'{word}' is not among the choices" + (f"; nearest: {hint}" if hint else "")
        raise CellError("not-a-choice", message)
    return meant


def _parse_number(cell: Any, column: Column) -> float:
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        raise CellError("not-a-number", "the cell is not a number")
    cell = cell.strip() if isinstance(cell, str) else cell
    if isinstance(cell, str) and not _NUMBER.fullmatch(cell):
        raise CellError("not-a-number", "the cell is not a plain decimal number", "write digits and a point only")
    try:
        number = float(cell)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise CellError("not-finite", "the number is not finite")
    if (column.low is not None and number < column.low) or (column.high is not None and number > column.high):
        raise CellError("out-of-range", "the number is out of range")
    return number


def _parse_integer(cell: Any, column: Column) -> int:
    number = _parse_number(cell, column)
    if not number.is_integer():
        raise CellError("not-whole", "the number is not whole")
    return int(number)


def _parse_boolean(cell: Any, _column: Column) -> bool:
    if isinstance(cell, bool):
        return cell
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    truth = _TRUTH.get(str(cell).strip().lower())
    if truth is None:
        raise CellError("not-a-boolean", "the cell is neither true nor false")
    return truth


def _parse_date(cell: Any, _column: Column) -> date:
    if isinstance(cell, datetime):
        if cell.time() != time(0):
            raise CellError("not-a-date", "the cell holds a time of day as well")
        return _within_years(cell.date())
    if isinstance(cell, date):
        return _within_years(cell)
    text = str(cell).strip()
    if not _DAY.fullmatch(text):
        raise CellError("not-a-date", "the cell is not a date", "write it like 2021-07-20")
    try:
        return _within_years(date.fromisoformat(text))
    except ValueError as error:
        raise _as_cell_error(error, "not-a-date", "the day does not exist") from None


def _parse_time(cell: Any, _column: Column) -> datetime:
    if isinstance(cell, datetime):
        moment = cell
    else:
        text = str(cell).strip()
        if not _DAY.match(text) or len(text) < len("2021-07-20T17:00"):
            raise CellError("not-a-time", "the cell is not a time", "write it like 2021-07-20T17:00:00+08:00")
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise CellError("impossible-time", "the time does not exist") from None
    if moment.tzinfo is None:
        raise CellError("missing-offset", "the time has no offset from UTC", "add it, in China +08:00")
    _within_years(moment.date())
    return moment


def _within_years(day: date) -> date:
    if not YEARS[0] <= day.year <= YEARS[1]:
        raise CellError("impossible-time", f"the year is not between {YEARS[0]} and {YEARS[1]}")
    return day


def _as_cell_error(error: ValueError, code: str, message: str) -> CellError:
    return error if isinstance(error, CellError) else CellError(code, message)


_PARSERS: dict[str, Callable[[Any, Column], Any]] = {
    "id": _parse_id,
    "text": _parse_text,
    "email": _parse_email,
    "choice": _parse_choice,
    "choices": _parse_choices,
    "integer": _parse_integer,
    "number": _parse_number,
    "boolean": _parse_boolean,
    "date": _parse_date,
    "time": _parse_time,
}


def _take_points(parsed: ParsedTable, raw: RawTable) -> list[Finding]:
    """Fill lon and lat from point geometry where the file has no such columns."""
    findings: list[Finding] = []
    names = parsed.file_names
    if raw.geometry is None or names["lon"] in raw.columns or names["lat"] in raw.columns:
        return findings
    for index, shape in enumerate(raw.geometry):
        if shape is None or shape.is_empty or shape.geom_type != "Point":
            kind = "none" if shape is None else shape.geom_type
            message = "the geometry is no point"
            findings.append(parsed.finding("bad-geometry", message, index, "geometry", value=kind, accepted="Point"))
            continue
        for name, number in (("lon", shape.x), ("lat", shape.y)):
            column = parsed.table.column(name)
            parsed.values[name][index] = _cell_or_finding(
                number, column, parsed.file, parsed.rows[index], name, findings
            )
    return findings


def _duplicates(parsed: ParsedTable) -> list[Finding]:
    findings = []
    for column in parsed.table.columns:
        if not column.unique:
            continue
        first: dict[Any, int] = {}
        for index, value in enumerate(parsed.values[column.name]):
            if value is None:
                continue
            if value in first:
                message = f"the id stands twice; it stood first in row {parsed.rows[first[value]]}"
                more = {"value": str(value), "fix": "give each row its own id"}
                findings.append(parsed.finding("duplicate-id", message, index, column.name, **more))
            else:
                first[value] = index
    return findings
