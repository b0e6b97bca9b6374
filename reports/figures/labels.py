"""Places labels on a map so that none covers another, without drawing to measure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "LabelPlacer", "Point", "english_place", "text_width"]

Point = Sequence[float] | NDArray[np.float64]  # horizontal, vertical [pixel]
Box = tuple[float, float, float, float]  # left, bottom, right, top [pixel]

# Directions in which a label may stand from its point, best first: horizontal and vertical shift as shares.
_SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))


def english_place(name: str) -> str:
    """Return the English name of a town without its kind, for maps and narrow cells.

    Examples
    --------
    >>> english_place("Huaihe Road Subdistrict")
    'Huaihe Road'
    """
    for tail in (" Subdistrict", " Sub-district", " Management Committee", " Committee", " Town"):
        name = name.removesuffix(tail) or name
    return name


def text_width(text: str, size_px: float) -> float:
    """Estimate the width of a line of text [pixel]: one em for a wide character, 0.5625 em for another.

    Examples
    --------
    >>> text_width("一马路", 20.0), text_width("EQ", 20.0)
    (60.0, 22.5)
    """
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return size_px * (wide + 0.5625 * (len(text) - wide))


def _overlap(one: Box, other: Box) -> float:
    """Return the shared area of two boxes [pixel2]."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width * height if width > 0 and height > 0 else 0.0


@dataclass
class LabelPlacer:
    """Greedy placement: who asks first gets the best place; who finds none gets no label.

    Attributes
    ----------
    frame : Box
        Labels stay inside.
    labels : list of Box
        Taken by labels: nothing may overlap them.
    symbols : list of Box
        Taken by symbols: overlapped only if no free place is left, and then as little as possible.

    Examples
    --------
    >>> placer = LabelPlacer(frame=(0, 0, 200, 100))
    >>> placer.place((100, 50), width=40, height=10, gap=5)
    (105, 45.0, 145, 55.0)
    >>> placer.place((100, 50), width=40, height=10, gap=5)  # the right side is taken now
    (55, 45.0, 95, 55.0)
    """

    frame: Box
    labels: list[Box] = field(default_factory=list)
    symbols: list[Box] = field(default_factory=list)

    def add_symbols(self, points: Iterable[Point], radius_px: float) -> None:
        """Keep the symbols at these points [pixel] visible."""
        self.symbols += [(p[0] - radius_px, p[1] - radius_px, p[0] + radius_px, p[1] + radius_px) for p in points]

    def place(self, point: Point, *, width: float, height: float, gap: float) -> Box | None:
        """Return the box [pixel] for a label beside a point, or None if there is no room.

        Parameters
        ----------
        point : sequence or array of float
            Horizontal and vertical position [pixel].
        width, height : float
            Size of the label [pixel].
        gap : float
            Distance between point and label [pixel].
        """
        best: tuple[float, Box] | None = None
        for across, up in _SIDES:
            box = self._beside(point, (across, up), width, height, gap)
            if box is None:
                continue
            hidden = sum(_overlap(box, symbol) for symbol in self.symbols)
            if best is None or hidden < best[0]:
                best = (hidden, box)
            if hidden == 0:
                break
        # A label that would hide more than a tenth of its own area in symbols does more harm than good.
        if best is None or best[0] > 0.1 * width * height:
            return None
        self.labels.append(best[1])
        return best[1]

    def centre(self, point: Point, *, width: float, height: float) -> Box | None:
        """Return the box [pixel] for a label over a point, moved by a line or two to leave symbols visible.

        None if other labels stand there, or if more than a fifth of the label would lie on symbols.
        """
        best: tuple[float, Box] | None = None
        for lines in (0.0, 1.0, -1.0, 2.0, -2.0):
            box = self._beside((point[0], point[1] + lines * height), (0, 0), width, height, 0.0)
            if box is not None:
                hidden = sum(_overlap(box, symbol) for symbol in self.symbols)
                if best is None or hidden < best[0]:
                    best = (hidden, box)
        if best is None or best[0] > 0.2 * width * height:
            return None
        self.labels.append(best[1])
        return best[1]

    def _beside(self, point: Point, side: tuple[int, int], width: float, height: float, gap: float) -> Box | None:
        """Return the box on one side of a point if it is inside the frame and free of labels."""
        across, up = side
        left = point[0] + gap if across > 0 else point[0] - gap - width if across < 0 else point[0] - width / 2
        bottom = point[1] + gap if up > 0 else point[1] - gap - height if up < 0 else point[1] - height / 2
        box = (left, bottom, left + width, bottom + height)
        inside = box[0] >= self.frame[0] and box[1] >= self.frame[1] and box[2] <= self.frame[2]
        if not inside or box[3] > self.frame[3] or any(_overlap(box, label) for label in self.labels):
            return None
        return box
