"""Tables of gauges as rows of text, whether they came as CSV, Excel or JSON."""

from __future__ import annotations

import contextlib
import csv
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from risk_models.errors import BadInputError, refuse
from risk_models.forecast.readers.openmeteo import load_json

__all__ = ["TextRows", "read_rows"]

ZIP_MAGIC, OLE_MAGIC = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
MAX_UNPACKED_BYTES = 256 * 1024 * 1024
MAX_RATIO = 200  # unpacked to packed; honest sheets stay under 50
MAX_PARTS = 1000
MAX_ROWS, MAX_COLUMNS = 2_000_000, 5000
LIST_KEYS = ("data", "records", "rows", "DS", "items", "values")


@dataclass(frozen=True)
class TextRows:
    """Rows of text; each row has its number as a person sees it in the file.

    Attributes
    ----------
    rows : list of (int, list of str)
        Header first; blank rows are left out.
    encoding : str
        Text encoding, ``xlsx`` or ``JSON``.
    is_cut : bool
        Whether a text ends within a line.
    """

    rows: list[tuple[int, list[str]]]
    encoding: str
    is_cut: bool = False


def read_rows(data: bytes, file: str) -> TextRows:
    """Take a table apart into rows of text.

    Parameters
    ----------
    data : bytes
        CSV (comma, semicolon, tab or blanks; UTF-8 or GB18030), Excel (.xlsx) or JSON: a list of records, an object
        of columns, or an object that holds one of them.
    file : str
        Name, for messages.

    Returns
    -------
    TextRows

    Raises
    ------
    BadInputError
        If it is none of these, or larger unpacked than any honest table.

    Examples
    --------
    >>> read_rows(b"time,A" + bytes([10]) + b"2021-07-20 15:00,1.5" + bytes([10]), "g.csv").rows
    [(1, ['time', 'A']), (2, ['2021-07-20 15:00', '1.5'])]
    >>> read_rows(b'[{"time": "2021-07-20 15:00", "A": null}]', "g.json").rows
    [(0, ['time', 'A']), (1, ['2021-07-20 15:00', ''])]
    """
    if data.startswith(ZIP_MAGIC):
        table = TextRows(_excel(data, file), "xlsx")
    elif data.startswith(OLE_MAGIC):
        refuse(file, "bad-excel", "is an Excel file of the old form (.xls)", fix="save it as .xlsx")
    elif data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        table = TextRows(_json(load_json(data, file), file), "JSON")
    else:
        text, encoding = _decode(data, file)
        table = TextRows(_csv(text, file), encoding, not text.endswith(("\n", "\r")))
    if not table.rows:
        refuse(file, "empty-file", "the file holds nothing but blanks")
    if len(table.rows) == 1:
        refuse(file, "header-only", "the file has a header and no row")
    return table


def _decode(data: bytes, file: str) -> tuple[str, str]:
    for encoding in ("utf-8-sig", "gb18030"):
        with contextlib.suppress(UnicodeDecodeError):
            text = data.decode(encoding)
            if "\0" not in text:
                return text, encoding
    return refuse(file, "bad-encoding", "the file is no text", accepted="UTF-8 or GB18030", fix="export it again")


def _csv(text: str, file: str) -> list[tuple[int, list[str]]]:
    first = text.lstrip().split("\n", 1)[0]
    if not any(mark in first for mark in ",;\t"):
        # Station files in columns of blanks.
        lines = enumerate(text.splitlines(), start=1)
        return [(number, line.split()) for number, line in lines if line.strip()]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((reader.line_num, cells))
    except csv.Error as error:
        refuse(file, "broken-csv", f"row {reader.line_num} is no CSV ({error})")
    return rows


def _check_package(data: bytes, file: str) -> None:
    """Refuse a zip that is broken, unpacks to more than any honest sheet, or defines XML entities."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            parts = package.infolist()
            unpacked = sum(part.file_size for part in parts)
            if len(parts) > MAX_PARTS or unpacked > min(MAX_UNPACKED_BYTES, MAX_RATIO * len(data) + 1_000_000):
                value = f"{len(parts)} parts, {unpacked} bytes unpacked from {len(data)}"
                refuse(file, "zip-bomb", "the file unpacks to an absurd size", value=value)
            if package.testzip() is not None:
                refuse(file, "bad-excel", "a part is damaged", fix="fetch it again")
            for part in parts:
                with package.open(part) as stream:
                    if b"<!" in stream.read(4096).replace(b"<!--", b""):
                        refuse(file, "bad-excel", "a part defines its own document type", value=part.filename)
    except BadInputError:
        raise
    except Exception as error:  # broken zips bring errors of zipfile, zlib, struct and more
        refuse(file, "bad-excel", "is no Excel file", value=type(error).__name__, fix="export it again")


def _excel(data: bytes, file: str) -> list[tuple[int, list[str]]]:
    """Return the rows of the first sheet."""
    import openpyxl  # here, because few feeds are workbooks

    _check_package(data, file)
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        rows = []
        for number, cells in enumerate(sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS), start=1):
            if number > MAX_ROWS:
                refuse(file, "bad-excel", "too many rows", accepted=f"at most {MAX_ROWS}")
            texts = [_cell(cell) for cell in cells]
            if any(texts):
                rows.append((number, texts))
    except BadInputError:
        raise
    except Exception as error:  # openpyxl lets the errors of its parsers through
        refuse(file, "bad-excel", "is no Excel file", value=type(error).__name__, fix="export it again")
    return _even(rows)


def _even(rows: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """Give all rows the columns that are used anywhere."""
    width = max((max(index for index, text in enumerate(texts) if text) + 1 for _, texts in rows), default=0)
    return [(number, (texts + [""] * width)[:width]) for number, texts in rows]


def _cell(value: Any) -> str:
    if value is None or value == "#N/A":
        return ""
    if isinstance(value, datetime):
        # Excel counts days in floating point: the nearest second is meant.
        whole = (value + timedelta(microseconds=500_000)).replace(microsecond=0)
        return whole.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()


def _json(content: Any, file: str) -> list[tuple[int, list[str]]]:
    if isinstance(content, dict):
        code = content.get("returnCode")
        if code is not None and str(code) != "0":
            refuse(file, "error-answer", "the service answered with an error", value=content.get("returnMessage", code))
        if content.get("error"):
            refuse(file, "error-answer", "the service answered with an error", value=content.get("reason"))
        inner = next((content[key] for key in LIST_KEYS if isinstance(content.get(key), list | dict)), None)
        is_columns = all(isinstance(value, list) for value in content.values())
        if inner is not None and (not is_columns or (inner and isinstance(inner[0], dict))):
            content = inner
    if isinstance(content, dict):
        return _columns(content, file)
    if not isinstance(content, list) or not all(isinstance(record, dict) for record in content):
        refuse(file, "bad-json", "is no table", accepted="a list of records or an object of columns")
    names = list(dict.fromkeys(name for record in content for name in record))
    if len(content) > MAX_ROWS or len(names) > MAX_COLUMNS:
        refuse(file, "bad-json", "too many rows or columns", value=f"{len(content)} x {len(names)}")
    rows = [(n, [_scalar(record.get(name), file, n, name) for name in names]) for n, record in enumerate(content, 1)]
    return [(0, names), *rows] if names else []


def _columns(content: Mapping[str, Any], file: str) -> list[tuple[int, list[str]]]:
    lists = {name: values for name, values in content.items() if isinstance(values, list)}
    lengths = sorted({len(values) for values in lists.values()})
    if len(lengths) != 1 or len(lists) > MAX_COLUMNS or lengths[0] > MAX_ROWS:
        refuse(file, "bad-json", "is no table", value=f"columns of {lengths} values", accepted="columns of one length")
    rows = [
        (n, [_scalar(value, file, n, name) for name, value in zip(lists, values, strict=True)])
        for n, values in enumerate(zip(*lists.values(), strict=True), 1)
    ]
    return [(0, list(lists)), *rows]


def _scalar(value: Any, file: str, row: int, column: str) -> str:
    if isinstance(value, list | dict):
        refuse(file, "bad-json", f"record {row} holds a table where a value is due", column=column)
    return "" if value is None else str(value)
