"""Tables of a district folder read as raw cells: CSV, Excel, GeoJSON, GeoPackage, Shapefile (zipped too), GeoParquet.

Nothing is guessed here: cells come out as they stand in the file, with the row a person sees. What a file may do is
bounded: it lies inside the folder, is of a known kind by its first bytes, and is small enough before it is opened.
"""

from __future__ import annotations

import csv
import io
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from risk_models.district.archives import check_members
from risk_models.district.rawtable import MAX_BYTES, MAX_ROWS, RawTable
from risk_models.district.schema import nearest
from risk_models.district.vectors import read_geojson, read_ogr, read_parquet, read_zipped_shapefile
from risk_models.errors import Finding, refuse

__all__ = ["SUFFIXES", "RawTable", "read_table", "resolve_inside"]

SUFFIXES = (".csv", ".xlsx", ".geojson", ".json", ".gpkg", ".shp", ".zip", ".parquet", ".geoparquet")


def resolve_inside(root: Path, relative: str) -> Path:
    """Return the file of a relative path that stays inside a folder, links followed.

    Parameters
    ----------
    root : Path
        The district folder.
    relative : str

    Returns
    -------
    Path

    Raises
    ------
    BadInputError
        If the path leaves the folder, or is no file; the nearest file name is then named.

    Examples
    --------
    >>> resolve_inside(Path("."), "../secret.csv")
    Traceback (most recent call last):
    ...
    BadInputError: ../secret.csv: 1 problem
    """
    base = root.resolve()
    path = (base / relative).resolve()
    if Path(relative).is_absolute() or not path.is_relative_to(base):
        accepted = "a relative path that stays in the folder"
        refuse(relative, "outside-folder", "the path leaves the district folder", accepted=accepted)
    if not path.is_file():
        hint = nearest(path.name, (other.name for other in path.parent.iterdir())) if path.parent.is_dir() else None
        message = "no such file" + (f"; nearest: {hint}" if hint else "")
        refuse(relative, "missing-file", message, fix="put the file there, or correct the path in district.yaml")
    return path


def read_table(root: Path, relative: str, *, layer: str | None = None) -> RawTable:
    """Read a table by its suffix.

    Parameters
    ----------
    root : Path
        The district folder.
    relative : str
        Path of the file relative to it.
    layer : str, optional
        Layer of a GeoPackage or sheet of a workbook; the first by default.

    Returns
    -------
    RawTable

    Raises
    ------
    BadInputError
        If the file is outside the folder, missing, too large, of another kind or unreadable.

    Examples
    --------
    >>> read_table(Path("."), "hotspots.pickle")
    Traceback (most recent call last):
    ...
    BadInputError: hotspots.pickle: 1 problem
    """
    suffix = Path(relative).suffix.lower()
    if suffix not in SUFFIXES:
        refuse(relative, "unknown-format", f"files of kind {suffix!r} are not read", accepted=", ".join(SUFFIXES))
    path = resolve_inside(root, relative)
    try:
        return _read(path, relative, suffix, layer)
    except OSError as error:
        fix = "look at its permissions, and whether its disk is there"
        refuse(relative, "unreadable", f"the file cannot be read: {error.strerror or error}", fix=fix)


def _read(path: Path, relative: str, suffix: str, layer: str | None) -> RawTable:
    size = path.stat().st_size
    if size > MAX_BYTES:
        refuse(relative, "file-too-large", f"the file has {size} bytes", accepted=f"at most {MAX_BYTES}")
    if size == 0:
        refuse(relative, "empty-file", "the file is empty")
    if suffix == ".csv":
        return read_csv(path, relative)
    if suffix == ".xlsx":
        return read_workbook(path, relative, sheet=layer)
    if suffix in (".geojson", ".json"):
        return read_geojson(path, relative)
    if suffix == ".zip":
        return read_zipped_shapefile(path, relative)
    if suffix in (".parquet", ".geoparquet"):
        return read_parquet(path, relative)
    driver = {".gpkg": "GPKG", ".shp": "ESRI Shapefile"}[suffix]
    return read_ogr(path, relative, driver, layer=layer)


def read_csv(path: Path, file: str) -> RawTable:
    """Read a comma-separated file in UTF-8 (with or without byte-order mark) or GB 18030; every cell stays text.

    Parameters
    ----------
    path : Path
    file : str
        Name for findings.

    Returns
    -------
    RawTable
        A record with line breaks in a cell counts as one row, as in a spreadsheet.

    Raises
    ------
    BadInputError
        If it is no text in one of the encodings, or no comma-separated table.
    """
    raw = path.read_bytes()
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in raw:
        refuse(file, "wrong-encoding", "the file is not UTF-8 or GB 18030 text", fix="save it as CSV UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = raw.decode("gb18030")
        except UnicodeDecodeError:
            refuse(file, "wrong-encoding", "the file is not UTF-8 or GB 18030 text", fix="save it as CSV UTF-8")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        return _from_records(enumerate(reader, start=1), file, exact=True)
    except csv.Error as error:
        refuse(file, "not-csv", f"the file is no comma-separated table: {error}", row=reader.line_num)


def read_workbook(path: Path, file: str, *, sheet: str | None = None) -> RawTable:
    """Read one sheet of an Excel workbook (.xlsx); formulas give the value last computed.

    Parameters
    ----------
    path : Path
    file : str
        Name for findings.
    sheet : str, optional
        The first sheet by default.

    Returns
    -------
    RawTable

    Raises
    ------
    BadInputError
        If it is no workbook, unpacks to too much, or has no such sheet.
    """
    import openpyxl  # here, because few districts have workbooks
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with zipfile.ZipFile(path) as archive:
            check_members(archive, file)
        with warnings.catch_warnings():
            # openpyxl warns of formatting it drops; only the cells matter here.
            warnings.simplefilter("ignore", UserWarning)
            book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
            try:
                return _from_sheet(book, file, sheet)
            finally:
                book.close()
    except (zipfile.BadZipFile, InvalidFileException, KeyError, OSError, ValueError, SyntaxError) as error:
        refuse(file, "not-a-workbook", f"the workbook cannot be read: {error}", fix="save it as .xlsx")


def _from_sheet(book: Any, file: str, sheet: str | None) -> RawTable:
    if sheet is not None and sheet not in book.sheetnames:
        refuse(file, "unknown-layer", f"there is no sheet {sheet!r}", accepted=", ".join(book.sheetnames))
    worksheet = book[sheet] if sheet is not None else book.worksheets[0]
    # The size noted in the file may be wrong; count for ourselves.
    worksheet.reset_dimensions()
    return _from_records(
        enumerate((list(row) for row in worksheet.iter_rows(values_only=True)), start=1), file, exact=False
    )


def _is_blank(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _from_records(records: Iterable[tuple[int, list[Any]]], file: str, *, exact: bool) -> RawTable:
    """Split numbered records into header and rows; drop blank rows but keep the numbers of the others.

    `exact` says that a record shorter than the header is a fault (sheets leave blank cells at the end away).
    """
    iterator = iter(records)
    _, first = next(iterator, (1, []))
    header = ["" if cell is None else str(cell).strip() for cell in first]
    while header and not header[-1]:
        header.pop()
    _check_header(header, file)
    rows: list[int] = []
    table: list[list[Any]] = []
    findings: list[Finding] = []
    for number, record in iterator:
        if all(_is_blank(cell) for cell in record):
            continue
        if len(rows) >= MAX_ROWS:
            refuse(file, "too-many-rows", "the table has too many rows", accepted=f"at most {MAX_ROWS}")
        surplus = record[len(header) :]
        if (exact and len(record) < len(header)) or not all(_is_blank(cell) for cell in surplus):
            message = f"the row has {len(record)} cells, the header {len(header)}"
            fix = "check for a missing comma, or put text with commas in quotes"
            findings.append(Finding(code="ragged-row", message=message, file=file, row=number, fix=fix))
        rows.append(number)
        table.append([*record, *[None] * len(header)][: len(header)])
    cells = {
        name: [None if _is_blank(record[index]) else record[index] for record in table]
        for index, name in enumerate(header)
    }
    return RawTable(file, tuple(header), tuple(rows), cells, findings=tuple(findings))


def _check_header(header: list[str], file: str) -> None:
    if not header:
        refuse(file, "empty-file", "the file has no header row", row=1)
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        refuse(file, "wrong-delimiter", "the columns are not separated by commas", row=1, fix="save it with commas")
    if "" in header:
        position = header.index("") + 1
        refuse(file, "blank-header", f"column {position} has no name", row=1, fix="name the column or remove it")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        refuse(file, "duplicate-column", f"columns stand twice: {', '.join(twice)}", row=1, fix="keep one of each")
