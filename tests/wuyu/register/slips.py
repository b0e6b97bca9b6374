"""Slips in a mini district: for every table, raster and the settings, what a person or a disk may do to it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from risk_models.district.contracts import RASTERS, TABLES
from risk_models.district.schema import Column
from tests.factories import read_rows, write_rows

__all__ = ["FILES", "Slip", "restore", "slips_of", "wrong_cell"]

#: What a register is kept in: name of the table, raster or settings to its file.
FILES = {name: f"{name}.geojson" if name == "towns" else f"{name}.csv" for name in TABLES}
FILES |= {name: f"{name}.tif" for name in RASTERS} | {"settings": "district.yaml"}

_WRONG = {"number": "many", "integer": "1.5", "boolean": "perhaps", "choice": "volcano", "date": "2021-02-30"}
_WRONG |= {"choices": "before;volcano", "time": "yesterday", "id": "no id!", "email": "nobody", "text": ""}

_SETTINGS = {
    "unknown-key": lambda text: text + "maill: {sender: a@b.example}\n",
    "wrong-value": lambda text: text.replace("status: Exercise", "status: Maybe").replace("Actual", "Maybe"),
    "wrong-type": lambda text: text.replace("horizon_h: 6", "horizon_h: six").replace(
        "horizon_h: 24", "horizon_h: six"
    ),
    "twice": lambda text: text + "cap: {sender: a@b.example}\n",
    "unknown-crs": lambda text: text.replace("EPSG:4547", "EPSG:99999"),
    "path-to-nowhere": lambda text: text.replace("teams.csv", "team.csv"),
    "no-datum": lambda text: text.replace("{path: teams.csv, datum: CGCS2000}", "{path: teams.csv}"),
    "unknown-zone": lambda text: text.replace("Asia/Shanghai", "Asia/Zhengzhou"),
    "not-yaml": lambda text: text + "mail: [\n",
}


class Slip(NamedTuple):
    """One slip: its name, and what it does to a folder."""

    name: str
    harm: Callable[[Path], object]


def slips_of(name: str) -> Iterator[Slip]:
    """Give every slip of one table, raster or of the settings."""
    file = FILES[name]
    yield Slip("gone", lambda folder: (folder / file).unlink())
    yield Slip("empty", lambda folder: (folder / file).write_bytes(b""))
    yield Slip("torn", lambda folder: _tear(folder / file))
    yield Slip("other-bytes", lambda folder: (folder / file).write_bytes(b"\xff\xfe\x00" * 99))
    yield Slip("a-folder", lambda folder: (folder / file).unlink() or (folder / file).mkdir())
    if name == "settings":
        for kind, change in _SETTINGS.items():
            yield Slip(kind, lambda folder, change=change: _rewrite(folder / file, change))
    if name in TABLES:
        yield from _cells(name)


def wrong_cell(name: str) -> Slip:
    """Return one slip of a person in a table, raster or the settings."""
    wanted = "wrong-value" if name == "settings" else "torn" if name in RASTERS else "synthetic-perhaps"
    return next(slip for slip in slips_of(name) if slip.name == wanted)


def _cells(name: str) -> Iterator[Slip]:
    for column in TABLES[name].columns:
        wrong = _wrong(column)
        if wrong is not None:
            yield Slip(f"{column.name}-{wrong or 'blank'}", _cell(name, column.name, wrong))
        if column.references is not None:
            yield Slip(f"{column.name}-nowhere", _cell(name, column.name, "nowhere"))
        if column.unique:
            yield Slip(f"{column.name}-twice", _cell(name, column.name, None))


def _wrong(column: Column) -> str | None:
    """Return what a cell may not hold; None if it may hold anything."""
    if column.kind == "text" and not column.required:
        return None
    return _WRONG[column.kind]


def _cell(name: str, column: str, value: str | None) -> Callable[[Path], object]:
    """Return what writes a value into the second row; without one, that of the first."""

    def harm(folder: Path) -> None:
        path = folder / FILES[name]
        if name == "towns":
            data = json.loads(path.read_bytes())
            rows: list[dict[str, Any]] = [feature["properties"] for feature in data["features"]]
        else:
            rows = read_rows(path)
        rows[1][column] = rows[0][column] if value is None else value
        if name == "towns":
            path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
        else:
            write_rows(path, rows)

    return harm


def _tear(path: Path) -> None:
    """Leave the first half, as a copy that is not finished; a table is cut within a row."""
    data = path.read_bytes()
    half = data[: len(data) // 2]
    path.write_bytes(half[: half.rindex(b",")] if path.suffix == ".csv" else half)


def _rewrite(path: Path, change: Callable[[str], str]) -> None:
    text = path.read_text(encoding="utf-8")
    assert change(text) != text
    path.write_text(change(text), encoding="utf-8")


def restore(folder: Path, good: Path) -> None:
    """Put a folder back as it was."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(good, folder)
