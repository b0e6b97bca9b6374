"""The words in which a table contract is written: column, table, raster."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Column", "ColumnKind", "Raster", "Shape", "TableContract", "nearest", "parts_of"]

ColumnKind = Literal["id", "text", "email", "choice", "choices", "integer", "number", "boolean", "date", "time"]
Shape = Literal["polygon", "point", "line", "place", "none"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
        Name in the contract; a district maps it to the name in its own file.
    kind : ColumnKind
        ``id`` is text of ASCII letters, digits, ``.``, ``_``, ``-`` (leading zeros are kept); ``time`` is ISO 8601 with
        offset; ``date`` is ``YYYY-MM-DD``; ``choice`` is one of `choices`; ``choices`` are several, parted by
        ';', where one entry may join some by '/'.
    zh, en : str
        What it holds, in Chinese and English.
    unit : str
        Empty for pure numbers and text.
    required : bool
        True if the column must be there and no cell may be blank.
    unique : bool
        True if no value may come twice.
    choices : tuple of str
    spellings : dict of str to str
        Other words that a cell of kind ``choices`` may hold, and the choice that each means.
    low, high : float or None
        Inclusive limits of a number.
    references : str or None
        Name of the table whose id this must be.
    """

    name: str
    kind: ColumnKind
    zh: str
    en: str
    unit: str = ""
    required: bool = True
    unique: bool = False
    choices: tuple[str, ...] = ()
    spellings: Mapping[str, str] = field(default_factory=dict)
    low: float | None = None
    high: float | None = None
    references: str | None = None

    @property
    def accepted(self) -> str:
        """What a cell may hold, in words.

        Examples
        --------
        >>> Column(name="status", kind="choice", zh="状态", en="status", choices=("open", "closed")).accepted
        'one of open, closed'
        >>> Column(name="people", kind="integer", zh="人数", en="people", low=1, high=100_000).accepted
        'a whole number, 1 to 100000'
        """
        if self.kind == "choices":
            words = ", ".join(f"{choice} ({'/'.join(self._words_for(choice))})" for choice in self.choices)
            return f"words parted by ';', several of one entry joined by '/': {words}"
        if self.choices:
            return "one of " + ", ".join(self.choices)
        text = _KIND_TEXT[self.kind]
        if self.low is not None and self.high is not None:
            text += f", {self.low:g} to {self.high:.10g}"
        if self.unit:
            text += f" {self.unit}"
        if self.references:
            text += f" of the table {self.references}"
        return text

    def _words_for(self, choice: str) -> list[str]:
        return [word for word, meant in self.spellings.items() if meant == choice]


_KIND_TEXT: dict[ColumnKind, str] = {
    "id": "an id of letters, digits, '.', '_', '-'",
    "text": "text",
    "email": "one e-mail address",
    "choice": "a choice",
    "choices": "choices",
    "integer": "a whole number",
    "number": "a finite decimal number",
    "boolean": "true or false",
    "date": "a date YYYY-MM-DD",
    "time": "an ISO 8601 time with offset, e.g. 2021-07-20T17:00:00+08:00",
}


@dataclass(frozen=True, kw_only=True)
class TableContract:
    """One table: its columns in order; the first is the id.

    Attributes
    ----------
    name, zh, en : str
    shape : {"polygon", "point", "line", "place", "none"}
        Geometry of a row. A point may come as columns lon and lat or as geometry; a place is a polygon or a point.
    columns : tuple of Column
    """

    name: str
    zh: str
    en: str
    shape: Shape
    columns: tuple[Column, ...]

    @property
    def key(self) -> str:
        """Name of the id column."""
        return self.columns[0].name

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """Return the column of that name.

        Raises
        ------
        KeyError
            If the table has no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


@dataclass(frozen=True, kw_only=True)
class Raster:
    """One raster: single-band GeoTIFF, north up, square cells, in the district's projected CRS, covering the district.

    Attributes
    ----------
    name, zh, en, unit : str
    low, high : float
        Inclusive limits of a cell.
    whole : bool
        True if cells are class numbers.
    """

    name: str
    zh: str
    en: str
    unit: str
    low: float
    high: float
    whole: bool


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that a mistyped one was probably meant to be; None if nothing is near.

    Examples
    --------
    >>> nearest("horizon", ["horizon_h", "past_h"])
    'horizon_h'
    >>> nearest("colour", ["horizon_h", "past_h"]) is None
    True
    """
    by_fold = {candidate.casefold(): candidate for candidate in sorted(known, reverse=True)}
    matches = difflib.get_close_matches(name.strip().casefold(), by_fold, n=1, cutoff=0.6)
    return by_fold[matches[0]] if matches else None


def parts_of(text: str) -> list[str]:
    """Return the parts of a text that ';' or the full-width '；' part, without blank ones.

    Examples
    --------
    >>> parts_of("巡查；设置警示; 准备水泵;")
    ['巡查', '设置警示', '准备水泵']
    """
    return [part.strip() for part in re.split("[;；]", text) if part.strip()]
