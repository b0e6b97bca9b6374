"""Levels over towns and over days: the ranking of towns, the calendar of levels. Both can be read in grey print."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from reports.figures.frame import (
    NO_DATA,
    WIDTH_IN,
    Sheet,
    drawn,
    empty_message,
    fitted,
    label_width_in,
    new_sheet,
    unknown_handle,
    unknown_patch,
)
from reports.fonts import printable
from reports.style import (
    HATCH_INK,
    INK,
    LEVEL_HATCHES,
    MUTED,
    PAPER,
    UNKNOWN_FACE,
    UNKNOWN_HATCH,
)
from reports.words import UNKNOWN, Lang
from risk_models.levels import Level

__all__ = ["level_calendar", "level_calendar_figure", "town_ranking", "town_ranking_figure"]

_WORST_FIRST = (Level.RED, Level.ORANGE, Level.YELLOW, Level.BLUE)
_ROW_IN = 0.235
_WEEKDAYS = {"zh": "一二三四五六日", "en": "MTWTFSS"}
_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNKNOWN_MARK = "?"
# Months side by side -> size of a day [inch]: a year stays on one page, a single month is not a speck.
_DAY_IN = {1: 0.36, 2: 0.34, 3: 0.245, 4: 0.187}
_BOTH_FROM_IN = 0.3  # from this size a day shows its number and its level


def town_ranking_figure(
    table: pd.DataFrame, *, lang: Lang, unit: str, source: str = "", is_demonstration: bool = False
) -> Figure:
    """Draw the towns, worst first, with stacked amounts by level.

    Parameters
    ----------
    table : DataFrame
        Columns town (name), red, orange, yellow, blue; a row with NaN is unknown.
    lang : {"zh", "en"}
    unit : str
        What is counted; the title of the axis.
    source : str
        Source line.
    is_demonstration : bool
        Mark the figure.

    Returns
    -------
    Figure
        1200 pixels wide, to be drawn inside `styled`.
        Ranked by red, then orange, yellow and blue; unknown towns come last and are hatched.
    """
    names = [str(level) for level in _WORST_FIRST]
    ranked = table.sort_values(names, ascending=False, kind="stable", na_position="last")
    ranked = pd.concat([part for _, part in sorted(ranked.groupby(ranked[names].isna().any(axis=1)))] or [ranked])
    n = max(len(ranked), 3)
    sheet = new_sheet(_ROW_IN * n + 0.75, lang=lang, source=source, is_demonstration=is_demonstration)
    labels = [fitted(str(town), 9.0, 2.2) for town in ranked["town"]]
    axes = sheet.axes(max(label_width_in(labels, 9.0), 0.5) + 0.2, 0.35, below_in=0.42, above_in=0.27)
    total = ranked[names].sum(axis=1, skipna=False)
    reach = max([1.0, *total.dropna()]) * 1.06
    for row, values in enumerate(ranked[names].to_numpy(float)):
        _town_row(axes, row, values, reach, lang)
    if ranked.empty:
        empty_message(axes, NO_DATA[lang])
    axes.set(xlim=(0, reach), ylim=(n - 0.4, -0.6), xlabel=printable(unit))
    axes.set_yticks(np.arange(len(ranked)), labels)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles = [_level_handle(level, lang) for level in _WORST_FIRST]
    handles += [unknown_handle(lang)] if total.isna().any() else []
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(-0.02, 1.005), ncols=5, handlelength=1.5,
                fontsize=8.5, borderaxespad=0.0, columnspacing=1.2)  # fmt: skip
    return sheet.figure


town_ranking = drawn(town_ranking_figure)


def _town_row(axes: Axes, row: int, values: np.ndarray, reach: float, lang: Lang) -> None:
    """Draw the segments of one town and the amounts that find room in them."""
    if np.isnan(values).any():
        axes.add_patch(unknown_patch(0.0, row - 0.32, reach, 0.64))
        axes.text(reach * 0.5, row, UNKNOWN[lang], ha="center", va="center", fontsize=8,
                  path_effects=[withStroke(linewidth=2.5, foreground=PAPER)])  # fmt: skip
        return
    left = 0.0
    for level, value in zip(_WORST_FIRST, values, strict=True):
        axes.barh(row, value, height=0.64, left=left, color=level.fill, hatch=LEVEL_HATCHES[level], edgecolor=INK,
                  linewidth=0.4, gid=str(level))  # fmt: skip
        if value > reach * 0.035:
            axes.text(left + value / 2, row, _amount(value), ha="center", va="center", fontsize=8, color=level.ink,
                      path_effects=[withStroke(linewidth=3.4, foreground=level.fill)])  # fmt: skip
        left += value
    axes.text(left + reach * 0.012, row, _amount(left), va="center", fontsize=8, color=MUTED)


def _amount(value: float) -> str:
    return f"{value:.0f}" if value == round(value) else f"{value:.1f}"


def _level_handle(level: Level, lang: Lang) -> Patch:
    """Return the legend's entry of a level, with its class number."""
    words = f"{level.roman} {level.zh if lang == 'zh' else level.en}".strip()
    return Patch(facecolor=level.fill, edgecolor=INK, linewidth=0.4, hatch=LEVEL_HATCHES.get(level, ""), label=words)


def level_calendar_figure(levels: pd.Series, *, lang: Lang, source: str = "", is_demonstration: bool = False) -> Figure:
    """Draw the level of every day as a calendar, a block per month, weeks from Monday.

    Parameters
    ----------
    levels : Series
        Index local date, value level code; -1 or a missing value is unknown. Days of a month that are not in the index
        are outside the period and are left blank.
    lang : {"zh", "en"}
    source : str
        Source line.
    is_demonstration : bool
        Mark the figure.

    Returns
    -------
    Figure
        1200 pixels wide, to be drawn inside `styled`.
        A warned day carries its class number, an unknown one a question mark on a hatched
        ground.
    """
    days = {_day(at): Level.UNKNOWN if pd.isna(level) else Level(int(level)) for at, level in levels.items()}
    months = sorted({(day.year, day.month) for day in days})
    columns = min(max(len(months), 1), 3) if len(months) <= 9 else 4
    size = _DAY_IN[columns]
    blocks = [months[start : start + columns] for start in range(0, len(months), columns)] or [[]]
    heights = [max((_weeks(*month, days) for month in row), default=5) * size + 0.52 for row in blocks]
    sheet = new_sheet(sum(heights) + 0.32, lang=lang, source=source, is_demonstration=is_demonstration)
    axes = sheet.axes(0.08, 0.08, below_in=0.28)
    width, height = WIDTH_IN - 0.16, sheet.top_in - sheet.bottom_in - 0.28
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    if not days:
        empty_message(axes, NO_DATA[lang])
        axes.set_axis_on()
        axes.set(xticks=[], yticks=[])
    gap = (width - columns * 7 * size) / (columns + 1)
    top = 0.0
    for row, row_height in zip(blocks, heights, strict=True):
        for column, month in enumerate(row):
            _month_block(axes, month, days, (gap + column * (7 * size + gap), top), size, lang)
        top += row_height
    _calendar_legend(sheet, days, lang)
    return sheet.figure


level_calendar = drawn(level_calendar_figure)


def _day(at: object) -> date:
    return pd.Timestamp(at).date()  # type: ignore[arg-type]


def _weeks(year: int, month: int, days: dict[date, Level]) -> int:
    """Return the rows of a month from its first to its last day of the period."""
    own = [day for day in days if (day.year, day.month) == (year, month)]
    return _row_of(max(own), min(own)) + 1


def _row_of(day: date, first: date) -> int:
    """Return the week of a day, counted from the week of the first."""
    monday = first - timedelta(days=first.weekday())
    return (day - monday).days // 7


def _month_block(
    axes: Axes, month: tuple[int, int], days: dict[date, Level], corner: tuple[float, float], size: float, lang: Lang
) -> None:
    """Draw name, weekdays and days of one month from its upper left corner [inch]."""
    left, top = corner
    year, number = month
    name = f"{year}年{number}月" if lang == "zh" else f"{_MONTH_NAMES[number - 1]} {year}"
    axes.text(left, top + 0.12, name, fontsize=9, va="center")
    for column, letter in enumerate(_WEEKDAYS[lang]):
        axes.text(left + (column + 0.5) * size, top + 0.31, letter, fontsize=7, color=MUTED, ha="center", va="center")
    own = sorted(day for day in days if (day.year, day.month) == month)
    for day in own:
        at = (left + day.weekday() * size, top + 0.4 + _row_of(day, own[0]) * size)
        _day_cell(axes, day, days[day], at, size)


def _day_cell(axes: Axes, day: date, level: Level, at: tuple[float, float], size: float) -> None:
    """Draw one day: ground, mark of the level, number of the day where there is room."""
    left, top = at
    is_unknown = level is Level.UNKNOWN
    ground = UNKNOWN_FACE if is_unknown else level.fill
    axes.add_patch(
        Rectangle((left, top), size, size, facecolor=ground, edgecolor=HATCH_INK if is_unknown else PAPER,
                  linewidth=0.0, hatch=UNKNOWN_HATCH if is_unknown else "", gid=day.isoformat())
    )  # fmt: skip
    axes.add_patch(Rectangle((left, top), size, size, fill=False, edgecolor=PAPER, linewidth=1.2))
    mark = _UNKNOWN_MARK if is_unknown else level.roman
    halo = [withStroke(linewidth=2.0, foreground=ground)] if is_unknown else []  # only a hatch needs one
    has_both = size >= _BOTH_FROM_IN
    if has_both or not mark:
        place = (left + size * 0.08, top + size * 0.22) if has_both else (left + size / 2, top + size / 2)
        axes.text(*place, str(day.day), fontsize=6.5, color=level.ink if mark else MUTED, va="center",
                  ha="left" if has_both else "center", path_effects=halo)  # fmt: skip
    if mark:
        axes.text(left + size * (0.56 if has_both else 0.5), top + size * (0.6 if has_both else 0.5), mark,
                  fontsize=11 if has_both else 34 * size, color=level.ink, ha="center", va="center",
                  path_effects=halo)  # fmt: skip


def _calendar_legend(sheet: Sheet, days: dict[date, Level], lang: Lang) -> None:
    """Write every level with its number of days below the months."""
    handles = []
    for level in (*_WORST_FIRST, Level.NONE, Level.UNKNOWN):
        n = sum(found is level for found in days.values())
        words = f"{level.roman or (_UNKNOWN_MARK if level is Level.UNKNOWN else '')} "
        words += f"{level.zh}：{n}天" if lang == "zh" else f"{level.en}: {n} d"
        is_unknown = level is Level.UNKNOWN
        handles.append(
            Patch(facecolor=UNKNOWN_FACE if is_unknown else level.fill, edgecolor=HATCH_INK,
                  hatch=UNKNOWN_HATCH if is_unknown else "", linewidth=0.4, label=words.strip())
        )  # fmt: skip
    sheet.figure.legend(
        handles=handles, loc="lower center", bbox_to_anchor=(0.5, (sheet.bottom_in - 0.02) / sheet.height_in), ncols=6,
        fontsize=8, handlelength=1.2, columnspacing=1.0, handletextpad=0.5, borderaxespad=0.2,
    )  # fmt: skip
