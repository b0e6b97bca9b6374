"""The map of chances: every hotspot with the word class of its probability, over the towns of the district."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from reports.figures.frame import WIDTH_IN, drawn, fitted, new_sheet, whole_percent
from reports.figures.labels import LabelPlacer, english_place, text_width
from reports.fonts import printable
from reports.style import INK, MUTED, PAPER
from reports.words import UNKNOWN, Lang, Text, plain
from risk_models.standards import WordingLevel, load_standards

if TYPE_CHECKING:
    from risk_models.district import District

__all__ = ["chance_map", "chance_map_figure"]

# Fill, marker and size of the classes from the least to the greatest chance: darker, larger and of another shape, so
# that the order survives grey print. No colour of a warning level is used: a chance is not a warning.
_LOOKS = (
    ("#e3eef4", "o", 16.0),
    ("#8fbcdb", "s", 24.0),
    ("#3f83b5", "^", 38.0),
    ("#0b3c5d", "D", 38.0),
)
_MANY = 250  # from this number of hotspots on, symbols are drawn smaller
_LABELLED_MAX = 8
_MAP_IN = (4.4, 4.7)  # width and height
_SCALE_STEPS_M = (100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)
_HALO = [withStroke(linewidth=2.2, foreground=PAPER)]
_INDICATIVE = Text("界线为示意", "Boundaries are indicative")
_HEAD = Text("可能性：风险点数", "Chance: hotspots")


def chance_map_figure(
    district: District,
    chance: pd.Series,
    *,
    lang: Lang,
    title: str,
    source: str = "",
    is_demonstration: bool | None = None,
    wording: Sequence[WordingLevel] | None = None,
) -> Figure:
    """Draw every hotspot in the word class of its chance.

    Parameters
    ----------
    district : District
        Towns and hotspots, in the projected CRS.
    chance : Series
        Index hotspot_id, probability 0-1; NaN, or a hotspot that is not in the index, is unknown.
    lang : {"zh", "en"}
    title : str
        Written above; empty for none.
    source : str
        Source line; without one it says that boundaries are indicative.
    is_demonstration : bool, optional
        Mark the map; by default as the district is.
    wording : sequence of WordingLevel, optional
        Classes, rising from 0, at most four; by default those of the bundled standards.

    Returns
    -------
    Figure
        1200 pixels wide, to be drawn inside `styled`,
        with scale bar, north arrow and the number of hotspots in every class.
    """
    classes = tuple(wording) if wording is not None else load_standards().wording_levels()
    if not 0 < len(classes) <= len(_LOOKS):
        raise ValueError(f"the map draws 1 to {len(_LOOKS)} classes of chance, got {len(classes)}")
    identity = district.settings.district
    marked = bool(identity.demonstration) if is_demonstration is None else is_demonstration
    sheet = new_sheet(_MAP_IN[1], lang=lang, title=title, source=source or _INDICATIVE[lang], is_demonstration=marked)
    axes = sheet.axes(0.08, WIDTH_IN - 0.08 - _MAP_IN[0])
    _frame(axes, district)
    p = chance.reindex(district.hotspots.index).to_numpy(float)
    index = np.digitize(p, [level.p_min for level in classes[1:]])
    looks = _LOOKS[len(_LOOKS) - len(classes) :]
    handles = _symbols(axes, district, p, index, classes, looks, lang)
    _labels(axes, district, p, lang)
    _scale_and_north(axes)
    sheet.figure.legend(
        handles=handles, loc="upper left",
        bbox_to_anchor=((_MAP_IN[0] + 0.12) / WIDTH_IN, sheet.top_in / sheet.height_in),
        title=_HEAD[lang], title_fontsize=9, fontsize=8.5, alignment="left", labelspacing=0.7, handletextpad=0.4,
    )  # fmt: skip
    return sheet.figure


chance_map = drawn(chance_map_figure)


def _frame(axes: Axes, district: District) -> None:
    """Draw the towns and fix the extent at true proportions."""
    district.towns.plot(ax=axes, color="#f6f7f8", edgecolor=MUTED, linewidth=0.5, zorder=1, aspect=None)
    left, bottom, right, top = district.towns.total_bounds
    metres = max((right - left) / _MAP_IN[0], (top - bottom) / _MAP_IN[1]) * 1.05
    centre_x, centre_y = (left + right) / 2, (bottom + top) / 2
    axes.set(
        xlim=(centre_x - metres * _MAP_IN[0] / 2, centre_x + metres * _MAP_IN[0] / 2),
        ylim=(centre_y - metres * _MAP_IN[1] / 2, centre_y + metres * _MAP_IN[1] / 2),
    )
    axes.set_axis_off()


def _symbols(
    axes: Axes,
    district: District,
    p: np.ndarray,
    index: np.ndarray,
    classes: Sequence[WordingLevel],
    looks: Sequence[tuple[str, str, float]],
    lang: Lang,
) -> list[Line2D]:
    """Draw the hotspots, the likeliest on top; return the legend with their numbers, likeliest first."""
    x_m, y_m = district.hotspots.geometry.x.to_numpy(), district.hotspots.geometry.y.to_numpy()
    scale = 0.55 if len(p) > _MANY else 1.0
    known = np.isfinite(p)
    handles = []
    for order, (level, (fill, marker, size)) in enumerate(zip(classes, looks, strict=True)):
        chosen = known & (index == order)
        axes.scatter(x_m[chosen], y_m[chosen], s=size * scale, c=fill, marker=marker, edgecolors=INK, linewidths=0.5,
                     zorder=4 + order, gid=level.key)  # fmt: skip
        ends = (level.p_min, classes[order + 1].p_min if order + 1 < len(classes) else 1.0)
        words = f"{level.zh if lang == 'zh' else level.en}\n{_range(*ends)}：{int(chosen.sum())}"
        handles.append(_handle(fill, marker, words if lang == "zh" else words.replace("：", ": ")))
    lost = ~known
    axes.scatter(x_m[lost], y_m[lost], s=18 * scale, c=INK, marker="x", linewidths=1.0, zorder=3.5, gid="unknown")
    words = f"{UNKNOWN['zh']}：{int(lost.sum())}" if lang == "zh" else f"{UNKNOWN['en']}: {int(lost.sum())}"
    return [*reversed(handles), _handle(INK, "x", words)]


def _range(low: float, high: float) -> str:
    """Return the ends of a class in percent."""
    if high >= 1.0:
        return f"≥{100 * low:.0f}%"
    return f"{100 * low:.0f}–{100 * high:.0f}%" if low > 0 else f"<{100 * high:.0f}%"


def _handle(fill: str, marker: str, words: str) -> Line2D:
    return Line2D([], [], linestyle="none", marker=marker, markersize=6.5, markerfacecolor=fill, markeredgecolor=INK,
                  label=printable(words))  # fmt: skip


def _labels(axes: Axes, district: District, p: np.ndarray, lang: Lang) -> None:
    """Name the likeliest hotspots, then the towns, so that no name covers another."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    dpi = figure.dpi
    box = axes.get_window_extent()
    placer = LabelPlacer(frame=(box.x0 + 2, box.y0 + 2, box.x1 - 2, box.y1 - 2))
    placer.labels.append((box.x0, box.y0, box.x0 + 0.33 * box.width, box.y0 + 0.09 * box.height))
    placer.labels.append((box.x1 - 0.09 * box.width, box.y1 - 0.12 * box.height, box.x1, box.y1))
    hotspots, towns = district.hotspots, district.towns
    pixels = axes.transData.transform(np.column_stack([hotspots.geometry.x, hotspots.geometry.y]))
    shown = np.nan_to_num(p, nan=0.0) >= 0.2
    placer.add_symbols(pixels[shown], 4.0 * dpi / 72)
    column = "hotspot_name" if lang == "zh" else "hotspot_name_en"
    for at in np.argsort(-np.nan_to_num(p, nan=-1.0), kind="stable")[:_LABELLED_MAX]:
        if shown[at]:
            name = fitted(plain(hotspots[column].iloc[at]) or plain(hotspots["hotspot_name"].iloc[at]), 8.0, 1.5)
            height = 8.0 * dpi / 72
            label = f"{name} {whole_percent(p[at])}"
            width = text_width(label, height)
            place = placer.place(pixels[at], width=width, height=height * 1.15, gap=5.5 * dpi / 72)
            _write(axes, place, label, 8.0, INK)
    column = "town_name" if lang == "zh" else "town_name_en"
    for name, shape in zip(towns[column], towns.geometry, strict=True):
        place_name = plain(name) if lang == "zh" else english_place(plain(name))
        words, height = fitted(place_name, 7.0, 1.2), 7.0 * dpi / 72
        point = axes.transData.transform(shape.representative_point().coords[0])
        place = placer.centre(point, width=text_width(words, height), height=height * 1.1)
        _write(axes, place, words, 7.0, MUTED)


def _write(axes: Axes, place: Sequence[float] | None, words: str, size_pt: float, colour: str) -> None:
    """Write a label at its place [pixel]; nothing if it found none."""
    if place is not None:
        centre = ((place[0] + place[2]) / 2, (place[1] + place[3]) / 2)
        x, y = axes.transData.inverted().transform(centre)
        axes.text(x, y, words, fontsize=size_pt, color=colour, ha="center", va="center", zorder=20, path_effects=_HALO)


def _scale_and_north(axes: Axes) -> None:
    """Draw a bar of a round length and an arrow to the north of the grid."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    length = max((step for step in _SCALE_STEPS_M if step <= 0.27 * (right - left)), default=_SCALE_STEPS_M[0])
    x, y = left + 0.03 * (right - left), bottom + 0.025 * (top - bottom)
    axes.plot([x, x + length], [y, y], color=INK, linewidth=2.6, solid_capstyle="butt", zorder=30, gid="scale bar")
    words = f"{length} m" if length < 1_000 else f"{length // 1_000} km"
    axes.text(x + length / 2, y + 0.012 * (top - bottom), words, fontsize=8, ha="center", va="bottom", zorder=30,
              path_effects=_HALO)  # fmt: skip
    axes.annotate(
        "N", xy=(0.955, 0.985), xytext=(0.955, 0.915), xycoords="axes fraction", textcoords="axes fraction",
        ha="center", va="center", fontsize=9, zorder=30, path_effects=_HALO,
        arrowprops={"arrowstyle": "-|>,head_width=0.25,head_length=0.45", "color": INK, "lw": 1.3, "shrinkA": 5,
                    "shrinkB": 0},
    )  # fmt: skip
