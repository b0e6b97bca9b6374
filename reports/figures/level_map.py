"""The level map: towns coloured by level, hotspots with symbol and colour, one town enlarged.

The figure is built once and kept with a picture of what never changes; a new map only draws panels, counts and labels
over it, which saves most of the time of a map. Colour is never alone: every level has its own symbol, and a warned
town carries its class number, so that the map can be read in grey print. Where water stands now a ring is drawn, where
it stood and nobody has looked since, four corners.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import shapely
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path as OutlinePath
from matplotlib.patheffects import withStroke
from matplotlib.text import Text as Label

from reports.figures.labels import LabelPlacer, english_place, text_width
from reports.fonts import printable
from reports.style import INK, MARK, MUTED, PAPER, drawn_png, level_marker, new_figure, styled, tint
from reports.words import DEMONSTRATION, Lang, Text, moment, plain
from risk_models.levels import Level, worst
from risk_models.observation import Now
from risk_models.risk.table import RiskTable

if TYPE_CHECKING:
    from risk_models.district import District

__all__ = ["LevelMap"]

SIZE_IN = (8.0, 6.32)
_DPI = 112.5  # 900 pixels: sharp at 600 in a mail and at 104 mm on paper, and light enough for a mail
_DRAW_ORDER = (Level.NONE, Level.UNKNOWN, Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED)
_LEGEND_ORDER = (Level.RED, Level.ORANGE, Level.YELLOW, Level.BLUE, Level.NONE, Level.UNKNOWN)
_HATCH = "#98a1a8"
_LABELLED_MAX = 9
_NAMED_MAX = 6  # of a bulletin's table, as many as it tells in full; the others carry their number only
_COLOURS = (MUTED, _HATCH, MARK, *(colour for level in Level for colour in (level.fill, tint(level.fill))))
_SCALE_STEPS_M = (100, 200, 500, 1_000, 2_000, 5_000, 10_000)
_HALO = [withStroke(linewidth=2.4, foreground=PAPER)]
_LONGEST = {"zh": 14, "en": 24}  # characters of a hotspot's name
_HEAD = Text("风险点等级", "Hotspot level")
_UNKNOWN = Text("未知或未评估", "Unknown")  # kinds that are not assessed too
_TOWN = Text("本镇办", "Town")
_ALL = Text("全区", "All")
_CORNERS = OutlinePath(
    [
        (-1, -0.4),
        (-1, -1),
        (-0.4, -1),
        (0.4, -1),
        (1, -1),
        (1, -0.4),
        (1, 0.4),
        (1, 1),
        (0.4, 1),
        (-0.4, 1),
        (-1, 1),
        (-1, 0.4),
    ],
    [OutlinePath.MOVETO, OutlinePath.LINETO, OutlinePath.LINETO] * 4,
)
#: What is now: marker, its size [points] around the symbol of the level, and the word of the legend.
_NOW_MARKS: dict[Now, tuple[Any, float, Text]] = {
    Now.STANDS: ("o", 12.5, Text(Now.STANDS.zh, "water now")),
    Now.UNCONFIRMED: (_CORNERS, 12.0, Text(Now.UNCONFIRMED.zh, "unchecked")),
}


def _outline(geometry: shapely.Geometry) -> OutlinePath:
    """Return a polygon, holes included, as one Matplotlib path."""
    rings = [ring for part in shapely.get_parts(geometry) for ring in (part.exterior, *part.interiors)]
    return OutlinePath.make_compound_path(*(OutlinePath(np.asarray(ring.coords)[:, :2], closed=True) for ring in rings))


@dataclass
class _Panel:
    """One pair of axes with the artists that a redraw changes."""

    axes: Axes
    towns: dict[Level, PathCollection]
    hotspots: dict[Level, Line2D]
    now: dict[Now, tuple[Line2D, Line2D]]
    focus: PathPatch

    @classmethod
    def build(cls, axes: Axes, *, scale: float) -> _Panel:
        axes.set_axis_off()
        axes.set_aspect("auto")
        towns, hotspots = {}, {}
        for order, level in enumerate(_DRAW_ORDER):
            hatch = "////" if level is Level.UNKNOWN else None
            shade = level.fill if level is Level.NONE else tint(level.fill)
            towns[level] = PathCollection(
                [], facecolor=shade, edgecolor=MUTED, linewidth=0.5, hatch=hatch, hatchcolor=_HATCH, zorder=1
            )
            axes.add_collection(towns[level], autolim=False)
            marker, size = level_marker(level)
            lined = level is Level.UNKNOWN
            (hotspots[level],) = axes.plot(
                [], [], linestyle="none", marker=marker, markersize=size * scale, markerfacecolor=level.fill,
                markeredgecolor=INK if level.is_warning or lined else MUTED,
                markeredgewidth=1.2 if lined else 0.7, zorder=5 + order,
            )  # fmt: skip
        now = {state: _now_mark(axes, state, scale=scale) for state in _NOW_MARKS}
        focus = PathPatch(OutlinePath(np.zeros((1, 2))), facecolor="none", edgecolor=INK, linewidth=1.8, zorder=4)
        axes.add_patch(focus)
        return cls(axes, towns, hotspots, now, focus)

    def frame_on(self, bounds: Sequence[float], *, margin: float) -> None:
        """Show a box [m] with a margin, at true proportions whatever the shape of the axes."""
        low_x, low_y, high_x, high_y = bounds
        box = self.axes.get_window_extent()
        scale_m = max((high_x - low_x) / box.width, (high_y - low_y) / box.height) * (1 + margin)
        half_x, half_y = scale_m * box.width / 2, scale_m * box.height / 2
        centre_x, centre_y = (low_x + high_x) / 2, (low_y + high_y) / 2
        self.axes.set_xlim(centre_x - half_x, centre_x + half_x)
        self.axes.set_ylim(centre_y - half_y, centre_y + half_y)

    def recolour(self, outlines: dict[str, OutlinePath], towns: dict[str, Level], spots: _Spots) -> None:
        for level in _DRAW_ORDER:
            self.towns[level].set_paths([outlines[code] for code in outlines if towns[code] is level])
            chosen = spots.levels == int(level)
            self.hotspots[level].set_data(spots.x_m[chosen], spots.y_m[chosen])
        for state, lines in self.now.items():
            chosen = spots.now == str(state)
            for line in lines:
                line.set_data(spots.x_m[chosen], spots.y_m[chosen])


def _now_mark(axes: Axes, state: Now, *, scale: float, at: tuple[float, float] | None = None) -> tuple[Line2D, Line2D]:
    """Draw the mark of a state of now above the symbols, its edge below: it may not be hidden in a dense quarter."""
    marker, size, _ = _NOW_MARKS[state]
    common: dict[str, Any] = {
        "linestyle": "none", "marker": marker, "markersize": size * scale, "markerfacecolor": "none"
    }  # fmt: skip
    x, y = ([], []) if at is None else ([at[0]], [at[1]])
    (halo,) = axes.plot(x, y, **common, markeredgecolor=PAPER, markeredgewidth=2.8 * scale, zorder=4.5)
    (line,) = axes.plot(x, y, **common, markeredgecolor=INK, markeredgewidth=1.4 * scale, zorder=12)
    return halo, line


@dataclass(frozen=True)
class _Spots:
    """The hotspots of a risk table as arrays."""

    ids: np.ndarray
    names: list[str]
    x_m: np.ndarray
    y_m: np.ndarray
    levels: np.ndarray
    towns: np.ndarray
    now: np.ndarray
    places: np.ndarray

    @classmethod
    def of(cls, table: RiskTable, lang: Lang | None) -> _Spots:
        points = table.geometry
        names = table["hotspot_name"]
        if lang == "en" and "hotspot_name_en" in table:
            names = table["hotspot_name_en"].where(table["hotspot_name_en"].map(plain) != "", names)
        return cls(
            table.index.to_numpy(),
            [plain(name) for name in names],
            points.x.to_numpy(),
            points.y.to_numpy(),
            table["level"].to_numpy(dtype=int),
            table["town_code"].to_numpy(),
            table["now"].to_numpy() if "now" in table else np.full(len(table), str(Now.UNKNOWN)),
            table["place"].to_numpy(dtype=int) if "place" in table else np.zeros(len(table), dtype=int),
        )


class LevelMap:
    """Draws the maps of one district; keeps its figure between pictures.

    Not safe to share between threads.

    Parameters
    ----------
    district : District
        Its towns, settings and projected CRS are used.
    source : Text, optional
        Where the boundaries come from, for the source line.

    Examples
    --------
    ``LevelMap(district).png(risk_table, town_code="410103001")`` returns the PNG of one town.
    """

    def __init__(self, district: District, *, source: Text | None = None) -> None:
        settings = district.settings.district
        self._names = Text(plain(settings.name.zh), plain(settings.name.en))
        self._zone = settings.timezone
        self._source = source or Text("界线为示意", "boundaries indicative")
        towns = district.towns
        self._town_names = {str(code): plain(name) for code, name in towns["town_name"].items()}
        self._town_names_en = {str(code): plain(name) for code, name in towns["town_name_en"].items()}
        shapes = towns.geometry.simplify(15.0)
        self._outlines = {str(code): _outline(shape) for code, shape in shapes.items()}
        self._bounds = {str(code): shape.bounds for code, shape in shapes.items()}
        self._inside = {str(code): shape.representative_point().coords[0] for code, shape in shapes.items()}
        self._extent = tuple(towns.total_bounds)
        self._moving: list[Any] = []
        with styled():
            self._build(demonstration=bool(settings.demonstration))

    def png(
        self,
        risk_table: RiskTable,
        *,
        town_code: str | None = None,
        levels: pd.Series | dict[str, Level] | None = None,
        listed: Iterable[str] = (),
        lang: Lang | None = None,
    ) -> bytes:
        """Return the map as PNG.

        Parameters
        ----------
        risk_table : RiskTable
            One row per hotspot, in the district's projected CRS.
        town_code : str, optional
            Town to enlarge; without it the whole district fills the picture.
        levels : mapping of town_code to Level, optional
            Levels in force; towns not named take the level of their worst hotspot, whatever rule towns are warned by.
        listed : iterable of str
            Ids of the hotspots of the table beside the map, in its order: they carry their row number.
        lang : {"zh", "en"}, optional
            Language of a map in a report; without it the map speaks both, as a bulletin does.

        Returns
        -------
        bytes
            900 pixels wide.
        """
        if town_code is not None and town_code not in self._outlines:
            raise KeyError(f"town '{town_code}' is not a town of {self._names.en}")
        spots = _Spots.of(risk_table, lang)
        shown = self._town_levels(spots, levels)
        numbers = {hotspot: number for number, hotspot in enumerate(listed, start=1)}
        with styled():
            for artist in self._moving:
                artist.remove()
            self._moving = []
            self._recolour(spots, shown, town_code)
            self._label(spots, shown, town_code, numbers, lang)
            self._count(spots, town_code, lang)
            self._caption(risk_table, town_code, lang, numbered=bool(numbers))
            return self._picture(lang)

    # ---- built once ---------------------------------------------------------------------------------------------

    def _build(self, *, demonstration: bool) -> None:
        self._figure = new_figure(*SIZE_IN, dpi=_DPI)
        self._canvas = cast(Any, self._figure.canvas)
        main = self._figure.add_axes((0.012, 0.055, 0.655, 0.835))
        small = self._figure.add_axes((0.68, 0.435, 0.308, 0.455))
        self._main = _Panel.build(main, scale=1.0)
        self._small = _Panel.build(small, scale=0.55)
        for axes in (main, small):
            axes.add_patch(
                Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, edgecolor=MUTED, linewidth=0.8, zorder=20)
            )
        self._title = self._figure.text(0.012, 0.960, "", fontsize=15, va="center")
        self._subtitle = self._figure.text(0.012, 0.913, "", fontsize=9, color=MUTED, va="center")
        self._foot = self._figure.text(0.012, 0.027, "", fontsize=8, color=MUTED, va="center")
        self._mark = self._figure.text(0.988, 0.964, "", fontsize=9.5, color=MARK, ha="right", va="center",
                                       linespacing=1.25)  # fmt: skip
        self._demonstration = demonstration
        self._build_legend()
        self._north_arrow()
        self._changing = [main, small, self._title, self._subtitle, self._foot, self._head_town]
        self._changing += [label for pair in (self._counts | self._now_counts).values() for label in pair]
        self._grounds: dict[Lang | None, Any] = {}

    def _ground(self, lang: Lang | None) -> Any:
        """Return the picture of what no map of a language changes; drawn once."""
        if lang not in self._grounds:
            self._name_levels(lang)
            for artist in self._changing:
                artist.set_visible(False)
            self._canvas.draw()
            self._grounds[lang] = self._canvas.copy_from_bbox(self._figure.bbox)
            for artist in self._changing:
                artist.set_visible(True)
        return self._grounds[lang]

    def _name_levels(self, lang: Lang | None) -> None:
        """Write the legend and the demonstration mark in their language."""
        self._head.set_text(_said(_HEAD, lang))
        self._head_all.set_text(_said(_ALL, lang, gap=" "))
        mark = Text(DEMONSTRATION.zh, "Demonstration data")
        self._mark.set_text(_said(mark, lang, gap="\n") if self._demonstration else "")
        for level, label in self._level_names.items():
            zh = f"{level.zh} {level.roman}".strip()
            en = f"{level.en} {level.roman}".strip() if lang == "en" else level.en
            label.set_text(_said(_UNKNOWN if level is Level.UNKNOWN else Text(zh, en), lang))
        for state, label in self._now_names.items():
            label.set_text(_said(_NOW_MARKS[state][2], lang))

    def _picture(self, lang: Lang | None) -> bytes:
        """Draw what changes over the picture of what does not."""
        self._canvas.restore_region(self._ground(lang))
        renderer = self._canvas.get_renderer()
        for artist in self._changing:
            artist.draw(renderer)
        return drawn_png(self._figure, base=_COLOURS)

    def _build_legend(self) -> None:
        """Write the legend as a table: symbol, name, hotspots in the town, hotspots in the district."""
        axes = self._figure.add_axes((0.68, 0.055, 0.308, 0.365))
        axes.set_axis_off()
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 9.9)
        self._head = axes.text(0.0, 9.45, "", fontsize=10, va="center")
        self._head_town = axes.text(0.80, 8.55, "", fontsize=8, color=MUTED, ha="right", va="center")
        self._head_all = axes.text(0.99, 8.55, "", fontsize=8, color=MUTED, ha="right", va="center")
        self._level_names: dict[Level, Label] = {}
        self._counts: dict[Level, tuple[Label, Label]] = {}
        for row, level in enumerate(_LEGEND_ORDER):
            y = 7.6 - row
            swatch = level.fill if level is Level.NONE else tint(level.fill)
            hatch = "////" if level is Level.UNKNOWN else None
            axes.add_patch(
                Rectangle((0.0, y - 0.38), 0.13, 0.76, facecolor=swatch, edgecolor=MUTED, linewidth=0.5, hatch=hatch,
                          hatchcolor=_HATCH)
            )  # fmt: skip
            marker, size = level_marker(level)
            lined = level is Level.UNKNOWN
            axes.plot([0.065], [y], marker=marker, markersize=size, markerfacecolor=level.fill, markeredgecolor=INK,
                      markeredgewidth=1.2 if lined else 0.7)  # fmt: skip
            self._level_names[level] = axes.text(0.165, y, "", fontsize=9, va="center")
            self._counts[level] = _count_labels(axes, y)
        self._now_names: dict[Now, Label] = {}
        self._now_counts: dict[Now, tuple[Label, Label]] = {}
        for row, state in enumerate(_NOW_MARKS, start=len(_LEGEND_ORDER)):
            y = 7.4 - row
            _now_mark(axes, state, scale=0.9, at=(0.065, y))
            self._now_names[state] = axes.text(0.165, y, "", fontsize=9, va="center")
            self._now_counts[state] = _count_labels(axes, y)

    def _north_arrow(self) -> None:
        self._main.axes.annotate(
            "N", xy=(0.955, 0.975), xytext=(0.955, 0.895), xycoords="axes fraction", textcoords="axes fraction",
            ha="center", va="center", fontsize=10, zorder=30, path_effects=_HALO,
            arrowprops={"arrowstyle": "-|>,head_width=0.28,head_length=0.5", "color": INK, "lw": 1.4,
                        "shrinkA": 5, "shrinkB": 0},
        )  # fmt: skip

    # ---- changed for every picture -------------------------------------------------------------------------------

    def _town_levels(self, spots: _Spots, given: pd.Series | dict[str, Level] | None) -> dict[str, Level]:
        in_force = {} if given is None else {str(code): Level(int(level)) for code, level in given.items()}
        return {
            code: in_force[code] if code in in_force else worst(map(Level, spots.levels[spots.towns == code].tolist()))
            for code in self._outlines
        }

    def _recolour(self, spots: _Spots, towns: dict[str, Level], town_code: str | None) -> None:
        self._main.recolour(self._outlines, towns, spots)
        self._small.recolour(self._outlines, towns, spots)
        if town_code is None:
            self._main.frame_on(self._extent, margin=0.04)
            self._small.frame_on(self._crowded_window(spots), margin=0.0)
        else:
            self._main.frame_on(self._bounds[town_code], margin=0.22)
            self._small.frame_on(self._extent, margin=0.06)
            for panel in (self._main, self._small):
                panel.focus.set_path(self._outlines[town_code])
        for panel in (self._main, self._small):
            panel.focus.set_visible(town_code is not None)
        self._outline_window(inner=self._small if town_code is None else self._main)
        self._scale_bar()

    def _crowded_window(self, spots: _Spots) -> tuple[float, float, float, float]:
        """Return the window [m], a third of the district wide, that holds the most warned hotspots."""
        half = (self._extent[2] - self._extent[0]) / 6
        warned = spots.levels >= Level.BLUE
        x_m, y_m = (spots.x_m[warned], spots.y_m[warned]) if warned.any() else (spots.x_m, spots.y_m)
        near = (abs(x_m[:, None] - x_m) <= half) & (abs(y_m[:, None] - y_m) <= half)
        crowd = near[int(near.sum(axis=1).argmax())]
        x, y = float(x_m[crowd].mean()), float(y_m[crowd].mean())
        return (x - half, y - half, x + half, y + half)

    def _outline_window(self, *, inner: _Panel) -> None:
        """Show on the panel with the wide view what the other one enlarges."""
        (left, right), (bottom, top) = inner.axes.get_xlim(), inner.axes.get_ylim()
        outer = self._main if inner is self._small else self._small
        window = Rectangle((left, bottom), right - left, top - bottom, fill=False, edgecolor=INK, linewidth=1.0,
                           linestyle=(0, (3, 2)), zorder=19)  # fmt: skip
        outer.axes.add_patch(window)
        self._moving.append(window)

    def _scale_bar(self) -> None:
        """Draw a bar of a round length, about a fifth of the width of the main panel."""
        axes = self._main.axes
        left, right = axes.get_xlim()
        bottom, top = axes.get_ylim()
        length = max((step for step in _SCALE_STEPS_M if step <= 0.25 * (right - left)), default=_SCALE_STEPS_M[0])
        x = left + 0.03 * (right - left)
        y = bottom + 0.03 * (top - bottom)
        (line,) = axes.plot([x, x + length], [y, y], color=INK, linewidth=3, solid_capstyle="butt", zorder=30)
        line.set_path_effects([withStroke(linewidth=5.5, foreground=PAPER)])
        words = f"{length} m" if length < 1_000 else f"{length // 1_000} km"
        label = axes.text(x + length / 2, y + 0.012 * (top - bottom), words, fontsize=8.5, ha="center", va="bottom",
                          zorder=30, path_effects=_HALO)  # fmt: skip
        self._moving += [line, label]

    def _label(
        self,
        spots: _Spots,
        towns: dict[str, Level],
        town_code: str | None,
        numbers: dict[str, int],
        lang: Lang | None,
    ) -> None:
        """Name the hotspots of the table or the worst, then the towns."""
        town_names = self._town_names_en if lang == "en" else self._town_names
        axes = self._main.axes
        box = axes.get_window_extent()
        placer = LabelPlacer(frame=(box.x0 + 4, box.y0 + 4, box.x1 - 4, box.y1 - 4))
        placer.labels.append((box.x0, box.y0, box.x0 + 0.33 * box.width, box.y0 + 0.085 * box.height))
        placer.labels.append((box.x1 - 0.09 * box.width, box.y1 - 0.14 * box.height, box.x1, box.y1))
        pixels = axes.transData.transform(np.column_stack([spots.x_m, spots.y_m]))
        seen = [axes.bbox.contains(*pixel) for pixel in pixels]
        warned = spots.levels >= Level.BLUE
        placer.add_symbols(pixels[np.array(seen) & (warned | (spots.levels == Level.UNKNOWN))], 7.0)
        for at in self._ranking(spots, town_code, numbers):
            if seen[at]:
                number = numbers.get(str(spots.ids[at]), 0)
                name = "" if number > _NAMED_MAX else _shorten(spots.names[at], _LONGEST[lang or "zh"])
                words = f"{number} {name}" if number and name else name
                self._spot_label(placer, pixels[at], [words, str(number or "")])
        for code in sorted(towns, key=lambda code: (code != town_code, -towns[code], code)):
            if code != town_code:
                name = english_place(town_names[code]) if lang == "en" else town_names[code]
                self._town_label(placer, code, name, towns[code])

    def _ranking(self, spots: _Spots, town_code: str | None, numbers: dict[str, int]) -> list[int]:
        """Return positions of the hotspots to label: those of the bulletin's table first, then by the one order."""
        worst_first = sorted(
            (at for at in range(len(spots.ids)) if spots.levels[at] >= Level.BLUE),
            key=lambda at: (numbers.get(str(spots.ids[at]), len(numbers) + 1), -spots.levels[at], spots.places[at], at),
        )
        own = [at for at in worst_first if town_code is None or spots.towns[at] == town_code]
        return own[: max(_LABELLED_MAX, len(numbers))]

    def _spot_label(self, placer: LabelPlacer, pixel: np.ndarray, choices: Sequence[str]) -> None:
        """Write the first of the choices (long, short) that finds room."""
        size = 10.0
        height = size * self._figure.dpi / 72
        for words in filter(None, choices):
            box = placer.place(pixel, width=text_width(words, height) + 4, height=height * 1.15, gap=10.0)
            if box is not None:
                self._write(box, words, size, INK)
                return

    def _town_label(self, placer: LabelPlacer, code: str, name: str, level: Level) -> None:
        axes = self._main.axes
        pixel = axes.transData.transform(self._inside[code])
        words = _shorten(name, 24) + (f" {level.roman}" if level.is_warning else "")
        size = 8.5
        height = size * self._figure.dpi / 72
        box = placer.centre(pixel, width=text_width(words, height), height=height * 1.1)
        if box is not None:
            self._write(box, words, size, MUTED)

    def _write(self, box: Sequence[float], words: str, size: float, colour: str) -> None:
        axes = self._main.axes
        centre = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        x, y = axes.transData.inverted().transform(centre)
        text = axes.text(x, y, printable(words), fontsize=size, color=colour, ha="center", va="center", zorder=25,
                         path_effects=_HALO)  # fmt: skip
        self._moving.append(text)

    def _count(self, spots: _Spots, town_code: str | None, lang: Lang | None) -> None:
        """Write the number of hotspots of every level and state; a table that does not tell now has none of a state."""
        self._head_town.set_text("" if town_code is None else _said(_TOWN, lang, gap=" "))
        rows = [(spots.levels == int(level), labels) for level, labels in self._counts.items()]
        rows += [(spots.now == str(state), labels) for state, labels in self._now_counts.items()]
        for chosen, (town, everywhere) in rows:
            everywhere.set_text(str(int(chosen.sum())))
            own = chosen & (spots.towns == town_code)
            town.set_text("" if town_code is None else str(int(own.sum())))
        if not spots.places.any():
            for label in (label for labels in self._now_counts.values() for label in labels):
                label.set_text("—" if label.get_text() else "")

    def _caption(self, table: RiskTable, town_code: str | None, lang: Lang | None, *, numbered: bool) -> None:
        at = pd.Timestamp(cast(str, table.attrs["valid_at"]))
        area = self._names.zh if town_code is None else f"{self._names.zh}{self._town_names[town_code]}"
        area_en = self._names.en if town_code is None else f"{self._town_names_en[town_code]}, {self._names.en}"
        # Cut so that even the longest names end before the demonstration mark and leave room for the time.
        title = Text(f"{_shorten(area, 20)} 内涝风险等级", _shorten(f"Flood-risk levels of {area_en}", 44))
        when = Text(moment(at, "zh", self._zone), moment(at, "en", self._zone))
        if lang is None:
            long = _shorten(f"Flood-risk levels of {area_en}", 64)
            title, when = Text(title.zh, title.zh), Text(f"{long}    {when.zh}", when.en)
        self._title.set_text(printable(title[lang or "zh"]))
        self._subtitle.set_text(printable(_said(when, lang)))
        zh, en = self._source.zh, self._source.en
        if numbered:
            table_zh, table_en = ("通报表", "the table of the bulletin") if lang is None else ("表", "the table")
            zh, en = f"{zh}；数字为{table_zh}中的序号", f"{en}; numbers refer to {table_en}"
        self._foot.set_text(printable(_said(Text(zh, f"{en[:1].upper()}{en[1:]}"), lang, gap="    ")))


def _count_labels(axes: Axes, y: float) -> tuple[Label, Label]:
    """Return the labels of the two counts of a row of the legend: of the town and of the district."""
    town, everywhere = (axes.text(x, y, "", fontsize=9, ha="right", va="center") for x in (0.80, 0.99))
    return town, everywhere


def _said(text: Text, lang: Lang | None, *, gap: str = "  ") -> str:
    """Return a text in one language, or in both with a gap between them."""
    return f"{text.zh}{gap}{text.en}" if lang is None else text[lang]


def _shorten(name: str, longest: int = 14) -> str:
    """Cut a long name with an ellipsis."""
    return name if len(name) <= longest else name[: longest - 1] + "…"
