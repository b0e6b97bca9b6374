"""A table as it stands in its file, and the one way to refuse a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from risk_models.errors import Finding

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

__all__ = ["MAX_BYTES", "MAX_ROWS", "RawTable"]

MAX_BYTES = 200_000_000
MAX_ROWS = 1_000_000


@dataclass(frozen=True)
class RawTable:
    """Cells of a table before any reading of their meaning.

    Attributes
    ----------
    file : str
        Path relative to the district folder.
    columns : tuple of str
        Names in the file, in order.
    rows : tuple of int
        Row number of each record as a person sees it: the header of a CSV or sheet is row 1; the first feature of a
        geographic file is row 1.
    cells : dict of str to list
        One list per column; text as it stands, numbers and truth values where the format has them, None if blank.
    geometry : list of geometry or None
        In longitude and latitude [degrees].
    from_projected : bool
        True if the file was in a projected or otherwise converted reference system, so that it cannot be GCJ-02.
    findings : tuple of Finding
        Rows that could be read in part only.
    """

    file: str
    columns: tuple[str, ...]
    rows: tuple[int, ...]
    cells: dict[str, list[Any]]
    geometry: list[BaseGeometry | None] | None = None
    from_projected: bool = False
    findings: tuple[Finding, ...] = ()
