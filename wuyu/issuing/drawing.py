"""Draw bulletins beside each other: map, text, page and PDF of one bulletin in a process of its own.

Processes are forked, so that they share the map's outlines and start in no time. They end with the one that started
them, however it ends. Where there is one core, no fork, or no child that lives, the same is done here.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from reports.bulletin.html import to_archive
from reports.bulletin.model import Bulletin
from reports.bulletin.text import to_text
from reports.words import Lang
from risk_models.files import write_whole
from risk_models.levels import Level
from wuyu.beside import can_fork, end_with_parent

if TYPE_CHECKING:
    from reports.figures import LevelMap
    from risk_models.district import District
    from risk_models.risk import RiskTable

__all__ = ["Drawing", "Studio", "pdf_kind"]

WORKERS_MAX = 2
_MAPPED = ["hotspot_name", "hotspot_name_en", "town_code", "level", "geometry"]

Paths = dict[str, Path]


def pdf_kind(lang: Lang) -> str:
    """Return by what kind the PDF in a language is known among the files of a bulletin.

    Examples
    --------
    >>> pdf_kind("zh"), pdf_kind("en")
    ('pdf', 'en.pdf')
    """
    return "pdf" if lang == "zh" else f"{lang}.pdf"


@dataclass(frozen=True)
class Drawing:
    """One bulletin to be written.

    Attributes
    ----------
    bulletin : Bulletin
    spots : RiskTable
        What the map shows of the risk table.
    town : str or None
        Town that the map enlarges.
    levels : dict of str to Level
        In force in every town.
    cap : bytes or None
        CAP message to be written with it.
    folder : Path
    stem : str
        Name of its files without ending.
    languages : tuple of str
        Of the readers: one PDF in each.
    """

    bulletin: Bulletin
    spots: RiskTable
    town: str | None
    levels: dict[str, Level]
    cap: bytes | None
    folder: Path
    stem: str
    languages: tuple[Lang, ...] = ("zh",)

    @staticmethod
    def spots_of(table: RiskTable) -> RiskTable:
        """Return what a map shows of a risk table: a small part, quickly handed to another process."""
        spots = table[_MAPPED].copy()
        spots.attrs = {"valid_at": table.attrs["valid_at"]}
        return spots

    def write(self, level_map: LevelMap) -> Paths:
        """Write every form; the same drawing gives the same bytes.

        Parameters
        ----------
        level_map : LevelMap
            Of the district.

        Returns
        -------
        dict of str to Path
            By kind.
        """
        from reports.bulletin.pdf import to_pdf

        listed = [line.hotspot_id for line in self.bulletin.hotspots]
        map_png = level_map.png(self.spots, town_code=self.town, levels=self.levels, listed=listed)
        contents = {
            "png": map_png,
            "txt": to_text(self.bulletin).encode(),
            "html": to_archive(self.bulletin, map_src=f"{self.stem}.png").encode(),
        }
        for lang in self.languages:
            contents[pdf_kind(lang)] = to_pdf(self.bulletin, lang, map_png=map_png)
        if self.cap is not None:
            contents["cap.xml"] = self.cap
        return {kind: write_whole(self.folder / f"{self.stem}.{kind}", data) for kind, data in contents.items()}


class Studio:
    """Draws bulletins, side by side once `open` was called; close it, or use it in a ``with`` block.

    Parameters
    ----------
    district : District
    """

    def __init__(self, district: District) -> None:
        self._district = district
        self._pool: ProcessPoolExecutor | None = None

    @cached_property
    def _map(self) -> LevelMap:
        from reports.figures import LevelMap  # here, because most cycles draw nothing

        return LevelMap(self._district)

    def open(self) -> bool:
        """Start drawing side by side, if this machine can; returns whether it does."""
        if self._pool is None and can_fork():
            self._pool = ProcessPoolExecutor(
                WORKERS_MAX,
                mp_context=multiprocessing.get_context("fork"),
                initializer=_enter,
                initargs=(self._map,),
            )
        return self._pool is not None

    def begin(self, drawing: Drawing) -> Callable[[], Paths]:
        """Begin to write a bulletin; what is returned waits for its files, which then are on the disk."""
        if self._pool is None:
            paths = drawing.write(self._map)
            return lambda: paths
        try:
            begun = self._pool.submit(_draw, drawing)
        except (OSError, BrokenProcessPool):
            self.close()
            return lambda: drawing.write(self._map)
        return lambda: self._finished(drawing, begun)

    def close(self) -> None:
        """End the processes; what had not begun is left undone."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def __enter__(self) -> Studio:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _finished(self, drawing: Drawing, begun: Future[Paths | None]) -> Paths:
        """Return the files; what went wrong in a child is done again here, where it says the same in its own words."""
        paths = None
        with contextlib.suppress(BrokenProcessPool):
            paths = begun.result()
        return drawing.write(self._map) if paths is None else paths


_level_map: LevelMap | None = None


def _enter(level_map: LevelMap) -> None:
    """Set a child up: it ends with its parent, and leaves Ctrl-C to it."""
    global _level_map
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.freeze()  # what came from the parent is never looked through: that would copy its memory
    _level_map = level_map


def _draw(drawing: Drawing) -> Paths | None:
    """Write a bulletin in a child; None if that failed."""
    try:
        return None if _level_map is None else drawing.write(_level_map)
    except Exception:
        return None
