"""The sheet a report's figure stands on: true print size, title, demonstration mark, source line, unknown parts.

Sizes are inches on paper: a sheet is 6 in (152 mm) wide, the text width of an official document, so that type of 9 pt
is 9 pt in print.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from reports.figures.labels import text_width
from reports.fonts import printable
from reports.style import HATCH_INK, INK, MARK, MUTED, UNKNOWN_FACE, UNKNOWN_HATCH, new_figure, png_bytes, styled
from reports.words import Lang, Text, plain

__all__ = [
    "DEMONSTRATION_MARK",
    "NO_DATA",
    "Sheet",
    "drawn",
    "empty_message",
    "fitted",
    "label_width_in",
    "new_sheet",
    "unknown_handle",
    "unknown_patch",
    "whole_percent",
    "wrapped",
]

Inputs = ParamSpec("Inputs")

WIDTH_IN = 6.0
_DPI = 200.0
_TITLE_PT = 11.5
_SMALL_PT = 7.5
_MARGIN_IN = 0.08
DEMONSTRATION_MARK = Text("演示数据", "Demonstration data")
NO_DATA = Text("无资料", "no data")


@dataclass(frozen=True)
class Sheet:
    """A figure and the band [inch from below] that is free for axes."""

    figure: Figure
    bottom_in: float
    top_in: float

    @property
    def height_in(self) -> float:
        """Height of the whole figure."""
        return float(self.figure.get_figheight())

    def axes(self, left_in: float, right_in: float, *, below_in: float = 0.0, above_in: float = 0.0) -> Axes:
        """Return axes that leave margins [inch] to the edges of the sheet and of its free band."""
        bottom, top = self.bottom_in + below_in, self.top_in - above_in
        return self.figure.add_axes(
            (
                left_in / WIDTH_IN,
                bottom / self.height_in,
                (WIDTH_IN - left_in - right_in) / WIDTH_IN,
                (top - bottom) / self.height_in,
            )
        )


def new_sheet(
    body_in: float, *, lang: Lang, title: str = "", source: str = "", is_demonstration: bool = False
) -> Sheet:
    """Return a sheet with `body_in` inches free between title and source line.

    Parameters
    ----------
    body_in : float
        Free height [inch].
    lang : {"zh", "en"}
        Of the demonstration mark.
    title : str
        At most two lines are shown.
    source : str
        Where the data come from; at most two lines.
    is_demonstration : bool
        Mark the figure as made from demonstration data.

    Examples
    --------
    >>> sheet = new_sheet(2.0, lang="zh", source="资料：甲", is_demonstration=True)
    >>> [text.get_text() for text in sheet.figure.texts]
    ['演示数据', '资料：甲']
    """
    mark = DEMONSTRATION_MARK[lang] if is_demonstration else ""
    mark_in = label_width_in([mark], 8.5) + 0.2 if mark else 0.0
    title_lines = wrapped(title, _TITLE_PT, WIDTH_IN - 2 * _MARGIN_IN - mark_in, lines=2)
    source_lines = wrapped(source, _SMALL_PT, WIDTH_IN - 2 * _MARGIN_IN, lines=2)
    head_in = max(0.22 * len(title_lines), 0.2 if mark else 0.0) + (0.08 if title_lines or mark else 0.06)
    foot_in = 0.15 * len(source_lines) + (0.07 if source_lines else 0.04)
    height = body_in + head_in + foot_in
    figure = new_figure(WIDTH_IN, height, dpi=_DPI)
    left, right, top = _MARGIN_IN / WIDTH_IN, 1 - _MARGIN_IN / WIDTH_IN, 1 - 0.05 / height
    if title_lines:
        figure.text(left, top, "\n".join(title_lines), fontsize=_TITLE_PT, va="top", linespacing=1.2)
    if mark:
        figure.text(right, top - 0.02 / height, mark, fontsize=8.5, color=MARK, ha="right", va="top")
    if source_lines:
        figure.text(left, 0.05 / height, "\n".join(source_lines), fontsize=_SMALL_PT, color=MUTED, va="bottom")
    return Sheet(figure, foot_in, height - head_in)


def drawn(figure: Callable[Inputs, Figure]) -> Callable[Inputs, bytes]:
    """Return the chart of a figure: a function of the same parameters that draws it, in the house style, as a PNG.

    Examples
    --------
    >>> @drawn
    ... def empty(height_in: float) -> Figure:
    ...     return new_sheet(height_in, lang="zh").figure
    >>> empty(0.5)[1:4]
    b'PNG'
    """

    @wraps(figure)
    def chart(*args: Inputs.args, **kwargs: Inputs.kwargs) -> bytes:
        with styled():
            return png_bytes(figure(*args, **kwargs))

    return chart


def wrapped(text: str, size_pt: float, width_in: float, *, lines: int) -> list[str]:
    """Break a text into at most `lines` lines of a width [inch]; what does not fit ends in an ellipsis.

    Examples
    --------
    >>> wrapped("Chance of water above 15 cm", 10.0, 1.2, lines=2)
    ['Chance of water', 'above 15 cm']
    >>> wrapped("二七区各风险点积水概率", 10.0, 0.8, lines=2)
    ['二七区各风', '险点积水…']
    """
    clean = printable(plain(text)).strip()
    found: list[str] = []
    while clean and len(found) < lines:
        end = _fitting(clean, size_pt, width_in)
        if end < len(clean) and len(found) == lines - 1:
            found.append(clean[: end - 1].rstrip() + "…")
            break
        space = clean.rfind(" ", 1, end + 1)
        if end < len(clean) and clean[end - 1].isascii() and space > 0:
            end = space
        found.append(clean[:end].strip())
        clean = clean[end:].strip()
    return found


def fitted(text: str, size_pt: float, width_in: float) -> str:
    """Return a text in one line of a width [inch], cut with an ellipsis if it is longer."""
    lines = wrapped(text, size_pt, width_in, lines=1)
    return lines[0] if lines else ""


def label_width_in(labels: Sequence[str], size_pt: float) -> float:
    """Return the width [inch] of the longest label."""
    return max((text_width(label, size_pt) for label in labels), default=0.0) / 72


def whole_percent(share: float) -> str:
    """Return a probability as whole percent that never claims certainty.

    Examples
    --------
    >>> whole_percent(0.424), whole_percent(0.002), whole_percent(0.999)
    ('42%', '<1%', '>99%')
    """
    if share < 0.005:
        return "<1%"
    return ">99%" if share > 0.995 else f"{100 * share:.0f}%"


def unknown_patch(left: float, bottom: float, width: float, height: float) -> Rectangle:
    """Return the hatched rectangle [data units] that stands for something unknown."""
    return Rectangle(
        (left, bottom), width, height, facecolor=UNKNOWN_FACE, edgecolor=HATCH_INK, hatch=UNKNOWN_HATCH, linewidth=0.0
    )


def unknown_handle(lang: Lang) -> Patch:
    """Return the legend's entry for what is not known."""
    return Patch(facecolor=UNKNOWN_FACE, edgecolor=HATCH_INK, hatch=UNKNOWN_HATCH, linewidth=0.0, label=NO_DATA[lang])


def empty_message(axes: Axes, words: str) -> None:
    """Hatch the axes and say in the middle why there is nothing to see."""
    axes.add_patch(
        Rectangle((0, 0), 1, 1, transform=axes.transAxes, facecolor=UNKNOWN_FACE, edgecolor=HATCH_INK,
                  hatch=UNKNOWN_HATCH, linewidth=0.0, zorder=0)
    )  # fmt: skip
    axes.text(
        0.5, 0.5, "\n".join(wrapped(words, 10.0, 4.0, lines=3)), transform=axes.transAxes, ha="center", va="center",
        fontsize=10, color=INK, bbox={"facecolor": "#ffffff", "edgecolor": "none", "pad": 4},
    )  # fmt: skip


def _fitting(text: str, size_pt: float, width_in: float) -> int:
    """Return how many characters fit; at least one."""
    used = 0.0
    for index, char in enumerate(text):
        used += text_width(char, size_pt)
        if used > width_in * 72 + 0.01:
            return max(index, 1)
    return len(text)
