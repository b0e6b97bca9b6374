"""The depth gauge: expected peak depth of each hotspot, from the 10 % to the 90 % quantile, on the depth classes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.fonts import printable
from reports.style import INK, MARK, MUTED, level_marker, new_figure, png_bytes, styled, tint
from reports.words import DEMONSTRATION, plain
from risk_models.levels import Level
from risk_models.standards import Standards

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["TICKS_M", "DepthRow", "depth_bands", "depth_gauge_png", "scale_end", "stretch"]

_BAND_SHARE = 0.32
_COLOURS = (MUTED, MARK, *(colour for level in Level for colour in (level.fill, tint(level.fill, _BAND_SHARE))))
TICKS_M = (0.0, 0.05, 0.15, 0.27, 0.5, 1.0, 2.0, 3.0)


@dataclass(frozen=True)
class DepthRow:
    """One hotspot on the gauge: name, level, and quantiles of the peak depth [m] (NaN if unknown)."""

    name: str
    level: Level
    low_m: float
    median_m: float
    high_m: float


def depth_bands(standards: Standards, standard_id: str) -> tuple[tuple[float, Level], ...]:
    """Return the depth classes that hold for every kind of hotspot: lower bound [m] and level, rising.

    Examples
    --------
    >>> from risk_models.standards import load_standards
    >>> depth_bands(load_standards(), "zz-road-2024")[-1]
    (0.5, <Level.RED: 4>)
    """
    return tuple((row.depth_min_m, row.level) for row in standards.depth_classes(standard_id) if not row.kinds)


def stretch(depth_m: float) -> float:
    """Spread small depths [m]: a square root, so that 5, 15 and 27 cm can be told apart beside 2 m.

    Examples
    --------
    >>> stretch(0.25), stretch(1.0)
    (0.5, 1.0)
    """
    return math.sqrt(max(depth_m, 0.0))


def scale_end(depths_m: Iterable[float]) -> float:
    """Return the depth [m] at which the scale ends: a little beyond the deepest known, at least 1 m."""
    return max([1.0, *(depth_m * 1.08 for depth_m in depths_m if math.isfinite(depth_m))])


def depth_gauge_png(rows: Sequence[DepthRow], *, bands: Sequence[tuple[float, Level]], demonstration: bool) -> bytes:
    """Draw expected peak depths on the depth classes.

    Parameters
    ----------
    rows : sequence of DepthRow
        Hotspots from top to bottom.
    bands : sequence of (float, Level)
        Lower bound of each depth class [m] and the level it stands for, ascending from 0.
    demonstration : bool
        Mark the picture as made from demonstration data.

    Returns
    -------
    bytes
        PNG, 1200 pixels wide; the bar is the 10-90 % range, the symbol the median.
    """
    deepest = scale_end(row.high_m for row in rows)
    height = 1.05 + 0.34 * max(len(rows), 1)
    with styled():
        figure = new_figure(8.0, height)
        axes = figure.add_axes((0.30, 0.60 / height, 0.68, 0.34 * max(len(rows), 1) / height))
        _draw_bands(axes, bands, deepest)
        for position, row in enumerate(rows):
            _draw_row(axes, position, row)
        axes.set_xlim(0.0, stretch(deepest))
        axes.set_ylim(max(len(rows), 1) - 0.5, -0.5)
        ticks = [tick for tick in TICKS_M if tick <= deepest]
        axes.set_xticks([stretch(tick) for tick in ticks], [f"{tick * 100:.0f}" for tick in ticks])
        axes.set_yticks(range(len(rows)), [printable(plain(row.name))[:18] for row in rows])
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False)
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.set_xlabel(
            "最大积水深度 厘米（10%–90%，符号为中位）  Peak depth, cm (10-90 %; symbol: median)", fontsize=9
        )
        heading = "预计最大积水深度  Expected peak depth"
        figure.text(0.02, 1 - 0.22 / height, heading, fontsize=12, va="center")
        if demonstration:
            figure.text(0.98, 1 - 0.22 / height, f"{DEMONSTRATION.zh}  Demonstration data", fontsize=8.5,
                        color=MARK, ha="right", va="center")  # fmt: skip
        return png_bytes(figure, base=_COLOURS)


def _draw_bands(axes: Axes, bands: Sequence[tuple[float, Level]], deepest: float) -> None:
    bounds = [*(start for start, _ in bands), deepest]
    for (start, level), end in zip(bands, bounds[1:], strict=True):
        shade = tint(level.fill, _BAND_SHARE)
        axes.axvspan(stretch(start), stretch(end), color=shade, linewidth=0, zorder=0)


def _draw_row(axes: Axes, position: int, row: DepthRow) -> None:
    if not math.isfinite(row.median_m):
        axes.text(0.01, position, "未知 unknown", fontsize=9, color=MUTED, va="center")
        return
    low, median, high = (stretch(value) for value in (row.low_m, row.median_m, row.high_m))
    axes.plot([low, high], [position, position], color=INK, linewidth=3.2, solid_capstyle="butt", zorder=3)
    marker, size = level_marker(row.level)
    axes.plot([median], [position], marker=marker, markersize=size + 1, markerfacecolor=row.level.fill,
              markeredgecolor=INK, markeredgewidth=0.8, zorder=4, clip_on=False)  # fmt: skip
