"""The map of a rehearsal: how rare a storm must be before each hotspot stands under 15 cm of water."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports.fonts import printable
from reports.style import GRID, INK, MARK, MUTED, PAPER, new_figure, png_bytes, styled
from reports.words import DEMONSTRATION, plain

if TYPE_CHECKING:
    from risk_models.district import District

__all__ = ["rehearsal_map_png"]

# Upper bound of the critical return period (years), fill and marker: darker and larger where a common storm is enough,
# so that the order survives grey print.
_CLASSES = (
    (2.0, "#54278f", "D", 42.0),
    (5.0, "#756bb1", "^", 44.0),
    (10.0, "#9e9ac8", "s", 34.0),
    (20.0, "#bcbddc", "o", 32.0),
    (50.0, "#dadaeb", "o", 24.0),
    (100.0, "#efedf5", "o", 18.0),
)
_NEVER = ("#ffffff", ".", 12.0)
_SCALE_M = 2000.0


def rehearsal_map_png(district: District, hotspots: pd.DataFrame) -> bytes:
    """Draw the critical return period of every hotspot.

    Parameters
    ----------
    district : District
        Towns and hotspots, in the projected CRS.
    hotspots : DataFrame
        Index hotspot_id; column ``critical_return_period_a`` (years; inf where no storm run reaches 15 cm).

    Returns
    -------
    bytes
        PNG, 1200 pixels wide.
    """
    period = hotspots["critical_return_period_a"].reindex(district.hotspots.index).to_numpy(float)
    x_m, y_m = district.hotspots.geometry.x.to_numpy(), district.hotspots.geometry.y.to_numpy()
    bounds = np.concatenate([[0.0], [item[0] for item in _CLASSES]])
    with styled():
        figure = new_figure(8.0, 7.2)
        axes = figure.add_axes((0.015, 0.055, 0.70, 0.835))
        district.towns.boundary.plot(ax=axes, color=MUTED, linewidth=0.6, zorder=1)
        district.towns.plot(ax=axes, color="#f6f7f8", zorder=0)
        handles = []
        # The rarest first, so that the spots that matter most lie on top.
        for index in reversed(range(len(_CLASSES))):
            upper, fill, marker, size = _CLASSES[index]
            chosen = (period > bounds[index]) & (period <= upper)
            axes.scatter(
                x_m[chosen],
                y_m[chosen],
                s=size,
                c=fill,
                marker=marker,
                edgecolors=INK,
                linewidths=0.5,
                zorder=4 - index * 0.1,
            )
            words = f"{bounds[index]:g}–{upper:g} a" if index else f"≤ {upper:g} a"
            handles.append(_handle(fill, marker, f"{words}：{int(chosen.sum())}"))
        never = ~(period <= bounds[-1])
        fill, marker, size = _NEVER
        axes.scatter(x_m[never], y_m[never], s=size, c=fill, marker="o", edgecolors=MUTED, linewidths=0.6, zorder=3)
        handles = [*reversed(handles), _handle(fill, "o", f"> {bounds[-1]:g} a：{int(never.sum())}")]
        _frame(axes, district)
        figure.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(0.725, 0.89),
            title="致灾重现期：风险点数\nCritical return period:\nhotspots",
            title_fontsize=9.5, alignment="left", labelspacing=0.9,
        )  # fmt: skip
        _words(figure, district)
        return png_bytes(figure)


def _handle(fill: str, marker: str, words: str) -> Line2D:
    return Line2D(
        [], [], linestyle="none", marker=marker, markersize=7, markerfacecolor=fill, markeredgecolor=INK, label=words
    )


def _frame(axes: Axes, district: District) -> None:
    """Fix the extent; draw scale bar and north arrow."""
    left, bottom, right, top = district.towns.total_bounds
    margin = 0.03 * (right - left)
    axes.set(xlim=(left - margin, right + margin), ylim=(bottom - margin, top + margin), aspect="equal")
    axes.set_axis_off()
    axes.plot([left, left + _SCALE_M], [bottom, bottom], color=INK, linewidth=3, solid_capstyle="butt")
    axes.text(
        left + _SCALE_M / 2, bottom + margin * 0.35, f"{_SCALE_M / 1000:g} km", ha="center", va="bottom", fontsize=8.5
    )
    axes.annotate(
        "N", xy=(0.03, 0.985), xytext=(0.03, 0.905), xycoords="axes fraction", textcoords="axes fraction",
        ha="center", va="center", fontsize=10,
        arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1.4, "shrinkA": 5, "shrinkB": 0},
    )  # fmt: skip


def _words(figure: Figure, district: District) -> None:
    names = district.settings.district.name
    title = printable(f"{plain(names.zh)}预演：多大的雨会使风险点积水超过15厘米")
    figure.text(0.015, 0.958, title, fontsize=15, va="center")
    figure.text(
        0.015, 0.914, f"{plain(names.en)} rehearsal: return period of the design storm that puts a hotspot under 15 cm",
        fontsize=9.5, color=MUTED, va="center",
    )  # fmt: skip
    figure.text(
        0.015,
        0.027,
        "设计暴雨：芝加哥雨型，历时1、3、24小时；界线为示意  Chicago storms of 1, 3, 24 h; boundaries indicative",
        fontsize=8,
        color=MUTED,
        va="center",
    )
    if district.settings.district.demonstration:
        box = {"facecolor": PAPER, "edgecolor": GRID, "boxstyle": "round,pad=0.4"}
        figure.text(
            0.735, 0.12, f"{DEMONSTRATION.zh}\n{DEMONSTRATION.en}", fontsize=9, color=MARK, va="center", bbox=box
        )
