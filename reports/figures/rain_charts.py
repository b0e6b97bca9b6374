"""Rain of a period: greatest amounts against the storm formula, months against their normal, return levels."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike, NDArray

from reports.figures.frame import NO_DATA, drawn, empty_message, fitted, new_sheet, unknown_handle, unknown_patch
from reports.fonts import printable
from reports.style import ACCENT, GRID, HATCH_INK, INK, MUTED, OBSERVED, PAPER
from reports.words import Lang, Text
from risk_models.forecast.storm import depth_mm
from risk_models.outlook.extremes import ReturnLevels
from risk_models.outlook.record import TooShort
from risk_models.standards import StormFormula

__all__ = [
    "depth_duration_chart",
    "depth_duration_figure",
    "rain_by_month_chart",
    "rain_by_month_figure",
    "return_level_curve",
    "return_level_figure",
]

_PERIODS_A = (2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
_SHADES = ("#a9c3d6", "#8fb0c8", "#7299b6", "#557f9f", "#376485", "#0b3c5d")
_MARKERS = ("o", "s", "^", "D", "v", "P")
_GAUGES_NAMED = len(_MARKERS)
_WINDOW_TICKS_H = (0.5, 1, 2, 3, 6, 12, 24, 48, 72, 120)
_HALO = [withStroke(linewidth=2.2, foreground=PAPER)]
_BAND = "#d5dade"

_WINDOW = Text("历时（小时）", "Duration (h)")
_RAIN = Text("雨量（毫米）", "Rain (mm)")
_FORMULA = Text("暴雨公式（公式范围以外为虚线）", "Storm formula (dashed outside its range)")
_OTHERS = Text("其他站", "other gauges")
_OBSERVED = Text("实况", "observed")
_NORMAL = Text("常年平均", "normal")
_RANGE = Text("常年10%～90%", "10–90% of years")
_NO_NORMAL = Text("常年值：无资料", "Normal: no data")
_PERIOD = Text("重现期（年）", "Return period (years)")
_MAXIMA = Text("年最大值", "annual maxima")
_FIT = Text("拟合", "fit")
_BEYOND = Text("外推", "extrapolated")
_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def depth_duration_figure(
    maxima: pd.DataFrame, formula: StormFormula, *, lang: Lang, source: str = "", is_demonstration: bool = False
) -> Figure:
    """Draw the greatest amounts of a period against the storm formula.

    Parameters
    ----------
    maxima : DataFrame
        Columns window_h [h], rain_mm [mm, NaN unknown], gauge (name).
    formula : StormFormula
        Drawn at 2, 5, 10, 20, 50 and 100 years where it speaks for them; dashed outside its range of durations.
    lang : {"zh", "en"}
    source : str
        Source line.
    is_demonstration : bool
        Mark the figure.

    Returns
    -------
    Figure
        1200 pixels wide, to be drawn inside `styled`.
        An unknown amount is a cross at the upper edge, never a point at zero.
    """
    gauges = list(dict.fromkeys(maxima["gauge"]))
    rows = -(-(min(len(gauges), _GAUGES_NAMED + 1) + 1) // 3)
    sheet = new_sheet(3.0 + 0.2 * rows, lang=lang, source=source, is_demonstration=is_demonstration)
    axes = sheet.axes(0.55, 0.62, below_in=0.45, above_in=0.12 + 0.2 * rows)
    windows = maxima["window_h"].to_numpy(float)
    span = (min([1.0, *windows]), max([24.0, *windows]))
    axes.set_xscale("log")
    ends = _formula_lines(axes, formula, span)
    handles = _gauge_points(axes, maxima, gauges, lang)
    known = maxima["rain_mm"].dropna()
    top = max([axes.dataLim.y1, *known]) * 1.1
    axes.set(xlim=(span[0] * 0.9, span[1] * 1.06), ylim=(0, top), ylabel=_RAIN[lang], xlabel=_WINDOW[lang])
    ticks = [hour for hour in _WINDOW_TICKS_H if span[0] * 0.9 <= hour <= span[1] * 1.06]
    axes.set_xticks(ticks, [f"{hour:g}" for hour in ticks])
    axes.minorticks_off()
    _formula_labels(axes, ends, span[1], lang, step=0.05 * top)
    line = Line2D([], [], color=_SHADES[-2], label=_FORMULA[lang])
    axes.legend(handles=[*handles, line], loc="lower left", bbox_to_anchor=(-0.02, 1.02), ncols=3, fontsize=8,
                handlelength=1.6, columnspacing=1.4, borderaxespad=0.0)  # fmt: skip
    return sheet.figure


depth_duration_chart = drawn(depth_duration_figure)


def _formula_lines(axes: Axes, formula: StormFormula, span: tuple[float, float]) -> dict[float, float]:
    """Draw one line per return period [years]; return the rain [mm] at their right ends."""
    hours = np.geomspace(*span, 97)
    minutes = hours * 60
    inside = (minutes >= formula.minutes_min) & (minutes <= formula.minutes_max)
    curves = [
        (period, shade, depth_mm(formula, period, minutes))
        for period, shade in zip(_PERIODS_A, _SHADES, strict=True)
        if formula.period_min_a <= period <= formula.period_max_a
    ]
    for _period, shade, curve in curves:
        axes.plot(hours, np.where(inside, curve, np.nan), color=shade, linewidth=1.5)
        # The dashed part begins where the solid one ends, so that no gap opens between them.
        outside = ~inside | np.append(~inside[1:], False) | np.append(False, ~inside[:-1])
        axes.plot(hours, np.where(outside, curve, np.nan), color=shade, linewidth=1.2, linestyle=(0, (4, 2)))
    return {period: float(curve[-1]) for period, _shade, curve in curves}


def _formula_labels(axes: Axes, ends: dict[float, float], hour: float, lang: Lang, *, step: float) -> None:
    """Write the years at the right ends of the lines, at least a step [mm] apart and centred on the lines."""
    at = np.array(list(ends.values()))
    for _ in range(60):
        lacking = np.clip(step - np.diff(at), 0.0, None) / 2
        at[:-1] -= lacking
        at[1:] += lacking
    for period, height in zip(ends, at, strict=True):
        axes.annotate(f"{period:g}年" if lang == "zh" else f"{period:g} a", (hour, height), xytext=(10, 0),
                      textcoords="offset points", va="center", fontsize=8, annotation_clip=False)  # fmt: skip


def _gauge_points(axes: Axes, maxima: pd.DataFrame, gauges: list[str], lang: Lang) -> list[Line2D]:
    """Draw a marker per gauge and return the entries of the legend."""
    handles: list[Line2D] = []
    for number, gauge in enumerate(gauges):
        part = maxima[maxima["gauge"] == gauge]
        is_named = number < _GAUGES_NAMED
        marker = _MARKERS[number] if is_named else "."
        face = (OBSERVED, PAPER)[number % 2] if is_named else MUTED
        axes.plot(part["window_h"], part["rain_mm"], linestyle="none", marker=marker, markersize=6.5 if is_named else 4,
                  markerfacecolor=face, markeredgecolor=INK, markeredgewidth=0.8, zorder=5 - number * 0.01,
                  gid=f"gauge:{gauge}")  # fmt: skip
        if number <= _GAUGES_NAMED:
            name = fitted(str(gauge), 8.0, 1.35) if is_named else _OTHERS[lang]
            handles.append(Line2D([], [], linestyle="none", marker=marker, markerfacecolor=face, markeredgecolor=INK,
                                  markersize=6, label=name))  # fmt: skip
    unknown = maxima.loc[maxima["rain_mm"].isna(), "window_h"].unique()
    if len(unknown) or maxima.empty:
        axes.plot(unknown, np.full(len(unknown), 0.965), linestyle="none", marker="x", color=INK, markersize=5,
                  transform=axes.get_xaxis_transform(), clip_on=False, gid="unknown")  # fmt: skip
        handles.append(Line2D([], [], linestyle="none", marker="x", color=INK, markersize=5, label=NO_DATA[lang]))
    return handles


def rain_by_month_figure(
    table: pd.DataFrame, *, lang: Lang, source: str = "", is_demonstration: bool = False
) -> Figure:
    """Draw the rain of every month beside its normal.

    Parameters
    ----------
    table : DataFrame
        Columns month (Period), observed_mm, normal_mm, p10_mm, p90_mm [mm]; NaN is unknown.
    lang : {"zh", "en"}
    source : str
        Source line.
    is_demonstration : bool
        Mark the figure.

    Returns
    -------
    Figure
        1200 pixels wide, to be drawn inside `styled`.
        A month without data is hatched from bottom to top.
    """
    sheet = new_sheet(2.75, lang=lang, source=source, is_demonstration=is_demonstration)
    axes = sheet.axes(0.55, 0.1, below_in=0.4, above_in=0.3)
    if table.empty:
        axes.set_axis_off()
        empty_message(axes, NO_DATA[lang])
        return sheet.figure
    observed, normal, low, high = (
        table[name].to_numpy(float) for name in ("observed_mm", "normal_mm", "p10_mm", "p90_mm")
    )
    at = np.arange(len(table))
    spare = max(5 - len(table), 0) / 2  # few months keep slender bars in the middle
    top = max([10.0, *(value for value in (*observed, *normal, *high) if np.isfinite(value))]) * 1.14
    has_band = np.isfinite(low) & np.isfinite(high)
    axes.bar(at[has_band], (high - low)[has_band], 0.84, bottom=low[has_band], color=_BAND, gid="range")
    known = np.isfinite(observed)
    axes.bar(at[known], observed[known], 0.5, color=OBSERVED, edgecolor=INK, linewidth=0.5)
    for position in at[~known]:
        axes.add_patch(unknown_patch(position - 0.25, 0, 0.5, top))
    has_normal = np.isfinite(normal)
    axes.hlines(normal[has_normal], at[has_normal] - 0.42, at[has_normal] + 0.42, color=INK, linewidth=1.6)
    for position in at[known]:
        axes.annotate(f"{observed[position]:.0f}" if observed[position] >= 10 else f"{observed[position]:.1f}",
                      (position, observed[position]), xytext=(0, 3), textcoords="offset points", ha="center",
                      fontsize=8, path_effects=_HALO, zorder=6)  # fmt: skip
    axes.set(xlim=(-0.6 - spare, len(at) - 0.4 + spare), ylim=(0, top), ylabel=_RAIN[lang])
    axes.set_xticks(at, _month_labels(table["month"], lang))
    axes.tick_params(axis="x", length=0)
    handles: list[Patch | Line2D] = [Patch(facecolor=OBSERVED, edgecolor=INK, linewidth=0.5, label=_OBSERVED[lang])]
    if has_normal.any():
        handles += [Line2D([], [], color=INK, linewidth=1.6, label=_NORMAL[lang])]
        handles += [Patch(facecolor=_BAND, label=_RANGE[lang])] if has_band.any() else []
    else:
        handles += [Line2D([], [], linestyle="none", label=_NO_NORMAL[lang])]
    handles += [] if known.all() else [unknown_handle(lang)]
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(-0.02, 1.01), ncols=4, handlelength=1.5,
                fontsize=8.5, borderaxespad=0.0, columnspacing=1.4)  # fmt: skip
    return sheet.figure


rain_by_month_chart = drawn(rain_by_month_figure)


def _month_labels(months: pd.Series, lang: Lang) -> list[str]:
    """Return the months' names; the first one and every January carry the year."""
    labels = []
    for index, month in enumerate(months):
        name = f"{month.month}月" if lang == "zh" else _MONTH_NAMES[month.month - 1]
        year = f"\n{month.year}年" if lang == "zh" else f"\n{month.year}"
        labels.append(name + (year if index == 0 or month.month == 1 else ""))
    return labels


def return_level_figure(
    maxima_mm: pd.Series,
    levels: ReturnLevels | TooShort,
    *,
    window_h: float,
    lang: Lang,
    source: str = "",
    is_demonstration: bool = False,
) -> Figure:
    """Draw return levels with their interval over the annual maxima they were fitted to.

    Parameters
    ----------
    maxima_mm : Series
        Index year; greatest rain in `window_h` [mm], NaN for a year that is not known.
    levels : ReturnLevels or TooShort
        For a record that is too short only the maxima are drawn, and the reason is said.
    window_h : float
        Duration [h].
    lang : {"zh", "en"}
    source : str
        Source line.
    is_demonstration : bool
        Mark the figure.

    Returns
    -------
    Figure
        1200 pixels wide, to be drawn inside `styled`. Years are spaced as on Gumbel's paper.

    References
    ----------
    Plotting positions: I. I. Gringorten, A plotting rule for extreme probability paper, J. Geophys. Res. 68 (1963):
    the i-th greatest of n has the return period (n + 0.12) / (i - 0.44).
    """
    sheet = new_sheet(3.4, lang=lang, source=source, is_demonstration=is_demonstration)
    axes = sheet.axes(0.55, 0.15, below_in=0.45, above_in=0.44)
    known = maxima_mm.dropna().sort_values(ascending=False, kind="stable")
    periods = (len(known) + 0.12) / (np.arange(1, len(known) + 1) - 0.44)
    if isinstance(levels, ReturnLevels):
        _fitted_curve(axes, levels, lang)
    else:
        words = printable(levels.zh if lang == "zh" else levels.en)
        if len(known):
            axes.text(0.98, 0.06, words, transform=axes.transAxes, ha="right", fontsize=8.5, path_effects=_HALO)
        else:
            empty_message(axes, words)
    axes.plot(reduced_variate(periods), known, linestyle="none", marker="o", markersize=4.5, markerfacecolor=PAPER,
              markeredgecolor=INK, markeredgewidth=0.9, zorder=4,
              label=f"{_MAXIMA[lang]} (n = {len(known)})")  # fmt: skip
    if len(known):
        axes.annotate(str(known.index[0]), (reduced_variate(periods)[0], known.iloc[0]), xytext=(-5, 4),
                      textcoords="offset points", fontsize=8, ha="right", path_effects=_HALO)  # fmt: skip
    lost = len(maxima_mm) - len(known)
    if lost:
        years = f"{lost}年无资料" if lang == "zh" else f"{lost} year(s) without data"
        axes.plot([], [], linestyle="none", marker="x", color=HATCH_INK, label=years)
    ticks = np.array([1.1, 1.5, 2, 5, 10, 20, 50, 100, 200])
    last = max([100.0, *periods]) if not isinstance(levels, ReturnLevels) else max([*levels.table.index, *periods])
    ticks = ticks[ticks <= last]
    axes.set_xticks(reduced_variate(ticks), [f"{tick:g}" for tick in ticks])
    axes.set_xlim(float(reduced_variate(1.02)), float(reduced_variate(last)) + 0.25)
    axes.set_ylim(0, max(axes.dataLim.y1, 10.0) * 1.06)
    hours = f"{window_h:g}小时雨量（毫米）" if lang == "zh" else f"Rain in {window_h:g} h (mm)"
    axes.set(xlabel=_PERIOD[lang], ylabel=hours)
    axes.grid(visible=True, axis="x", color=GRID, linewidth=0.4)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.01), ncols=3, fontsize=8, handlelength=1.8,
                borderaxespad=0.0, columnspacing=1.2)  # fmt: skip
    return sheet.figure


return_level_curve = drawn(return_level_figure)


def _fitted_curve(axes: Axes, levels: ReturnLevels, lang: Lang) -> None:
    """Draw band and line; the line is dashed where it goes further than the record can carry it."""
    table = levels.table
    at = reduced_variate(table.index.to_numpy(float))
    beyond = table["is_extrapolated"].to_numpy(bool)
    share = f"{100 * levels.confidence:.0f}%"
    band = f"{share}区间" if lang == "zh" else f"{share} interval"
    axes.fill_between(at, table["low_mm"], table["high_mm"], color=_BAND, linewidth=0, label=band)
    family = {"gev": "GEV", "gumbel": "Gumbel"}[levels.fit.family]
    level = table["level_mm"].to_numpy(float)
    axes.plot(at, np.where(beyond, np.nan, level), color=ACCENT, linewidth=1.8, label=f"{_FIT[lang]} {family}")
    joined = beyond | np.append(beyond[1:], False)
    if beyond.any():
        axes.plot(at, np.where(joined, level, np.nan), color=ACCENT, linewidth=1.8, linestyle=(0, (3, 2)),
                  label=_BEYOND[lang])  # fmt: skip


def reduced_variate(period_a: ArrayLike) -> NDArray[np.float64]:
    """Return Gumbel's reduced variate of a return period [years, above 1].

    Examples
    --------
    >>> reduced_variate([2, 100]).round(2).tolist()
    [0.37, 4.6]
    """
    return np.asarray(-np.log(-np.log(1 - 1 / np.asarray(period_a, dtype=np.float64))))
