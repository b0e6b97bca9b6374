"""Charts of a periodic report: rain by day and hour, hotspots by level over time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from reports.fonts import printable
from reports.periodic.facts.rain import RainFacts
from reports.style import ACCENT, GRID, INK, LEVEL_HATCHES, MUTED, OBSERVED, new_figure, png_bytes, styled
from reports.words import Lang, Text, local
from risk_models.levels import Level

__all__ = ["level_chart", "rain_chart"]

_HOURS_SHOWN = 72
_DAY_TICKS = 16
_DAYS_LABELLED = 40
_DAILY = Text("逐日雨量（毫米，20时至20时）", "Daily rain (mm, 20:00 to 20:00)")
_HOURLY = Text("最强时段逐小时雨量（毫米）", "Hourly rain around the heaviest spell (mm)")
_MISSING = Text("没有资料", "no data")
_PARTIAL = Text("资料不足全天", "not all hours known")
_COUNTS = Text("风险点数", "Hotspots")
_DAY = Text("日", "Day of the month")
_MONTH_DAY = Text("月-日", "Month-day")
_TIME = Text("当地时间", "Local time")


def rain_chart(facts: RainFacts, gauge_id: str, lang: Lang, zone: str) -> bytes:
    """Draw daily rain of the span and hourly rain of the wettest 72 hours of one gauge.

    Parameters
    ----------
    facts : RainFacts
    gauge_id : str
        A column of `facts.hourly_mm`.
    lang : {"zh", "en"}
    zone : str
        IANA name of the local time.

    Returns
    -------
    bytes
        PNG, 1200 pixels wide.
    """
    with styled():
        figure = new_figure(8.0, 4.7)
        upper, lower = figure.subplots(2, 1)
        _daily_bars(upper, facts, gauge_id, lang)
        _hourly_bars(lower, facts.hourly_mm[gauge_id], lang, zone)
        figure.subplots_adjust(left=0.075, right=0.985, top=0.935, bottom=0.1, hspace=0.5)
        return png_bytes(figure)


def _daily_bars(axes: Any, facts: RainFacts, gauge_id: str, lang: Lang) -> None:
    """Draw one bar per day; hatch the days without data, so that a gap never looks dry."""
    daily = facts.daily_mm[gauge_id]
    numbers = np.arange(len(daily))
    missing = daily.isna().to_numpy()
    partial = ~missing & ~facts.is_full_day[gauge_id].to_numpy()
    axes.bar(numbers, daily.fillna(0.0), width=0.72, color=OBSERVED)
    top = max(float(daily.max(skipna=True)) if not missing.all() else 1.0, 1.0) * 1.16
    axes.bar(numbers[missing], np.full(missing.sum(), top), width=1.0, color="#f3f4f5", edgecolor=GRID, hatch="////",
             linewidth=0, label=_MISSING[lang])  # fmt: skip
    is_dense = len(daily) > _DAYS_LABELLED
    for number, amount, is_partial in zip(numbers, daily, partial, strict=True):
        if not np.isnan(amount) and (not is_dense or amount >= 0.2 * top):
            label = (f"{amount:.0f}" if amount >= 10 else f"{amount:.1f}") + ("*" if is_partial else "")
            place = {"xytext": (0, 3), "textcoords": "offset points"}
            axes.annotate(label, (number, amount), ha="center", fontsize=8.5, **place)
    axes.set_xlim(-0.6, len(daily) - 0.4)
    axes.set_ylim(0, top)
    ticks = numbers[:: max(1, -(-len(daily) // _DAY_TICKS))]
    is_one_month = len({(day.year, day.month) for day in daily.index}) == 1
    days = [daily.index[tick] for tick in ticks]
    axes.set_xticks(ticks, [str(day.day) if is_one_month else f"{day.month}-{day.day}" for day in days])
    axes.set_xlabel(_DAY[lang] if is_one_month else _MONTH_DAY[lang], labelpad=1)
    axes.set_title(_DAILY[lang] + (f"　* {_PARTIAL[lang]}" if partial.any() else ""))
    if missing.any():
        axes.legend(loc="upper left", framealpha=1.0, frameon=True, edgecolor=GRID)


def _hourly_bars(axes: Any, hourly: pd.Series, lang: Lang, zone: str) -> None:
    """Draw the hours around the wettest 72 hours, with the running total."""
    known = hourly.dropna()
    if known.empty:
        axes.text(0.5, 0.5, _MISSING[lang], ha="center", va="center", transform=axes.transAxes, color=MUTED)
        axes.set_axis_off()
        return
    window = min(_HOURS_SHOWN, len(hourly))
    sums = hourly.fillna(0.0).rolling(window).sum()
    end = int(np.nanargmax(sums.to_numpy()))
    shown = hourly.iloc[end - window + 1 : end + 1]
    positions = np.arange(len(shown))
    axes.bar(positions + 0.5, shown.fillna(0.0), width=0.9, color=OBSERVED)
    unknown = shown.isna().to_numpy()
    top = max(float(shown.max()), 1.0) * 1.18
    axes.bar(positions[unknown] + 0.5, np.full(unknown.sum(), top), width=1.0, color="#f3f4f5", edgecolor=GRID,
             hatch="////", linewidth=0)  # fmt: skip
    peak = int(np.nanargmax(shown.to_numpy()))
    axes.annotate(f"{shown.iloc[peak]:.1f}", (peak + 0.5, shown.iloc[peak]), xytext=(0, 3), textcoords="offset points",
                  ha="center", fontsize=9)  # fmt: skip
    starts = [local(moment, zone) - pd.Timedelta(hours=1) for moment in shown.index]
    ticks = [position for position, start in enumerate(starts) if start.hour % 6 == 0]
    axes.set_xticks(ticks, [_tick(starts[position], lang) for position in ticks], fontsize=8.5)
    axes.set_xlim(0, len(shown))
    axes.set_ylim(0, top)
    axes.set_title(_HOURLY[lang])


def _tick(start: Any, lang: Lang) -> str:
    """Return the hour, with the date below at midnight."""
    if start.hour:
        return f"{start.hour:02d}"
    return f"00\n{start.month}月{start.day}日" if lang == "zh" else f"00\n{start.day} {start:%b}"


def level_chart(counts: pd.DataFrame, lang: Lang, zone: str) -> bytes:
    """Draw how many hotspots stood at blue, yellow, orange and red in each assessment.

    Parameters
    ----------
    counts : DataFrame
        Indexed by valid_at (UTC), a column per level code.
    lang : {"zh", "en"}
    zone : str

    Returns
    -------
    bytes
        PNG, 1200 pixels wide. Levels are told apart by hatching too.
    """
    with styled():
        figure = new_figure(8.0, 2.9)
        axes = figure.add_axes((0.075, 0.165, 0.91, 0.68))
        hours = ((counts.index - counts.index[0]) / pd.Timedelta(hours=1)).to_numpy().astype(float)
        base = np.zeros(len(counts))
        for level in (Level.RED, Level.ORANGE, Level.YELLOW, Level.BLUE):
            values = counts[int(level)].to_numpy()
            axes.bar(hours, values, bottom=base, width=0.92, color=level.fill, hatch=LEVEL_HATCHES[level],
                     edgecolor=INK, linewidth=0.0, label=level.zh if lang == "zh" else level.en)  # fmt: skip
            base = base + values
        starts = [local(moment, zone) for moment in counts.index]
        step = 6 if len(counts) <= 96 else 24
        ticks = [position for position, start in enumerate(starts) if start.hour % step == 0]
        axes.set_xticks([hours[p] for p in ticks], [_tick(starts[p], lang) for p in ticks], fontsize=8.5)
        axes.set_xlim(hours[0] - 0.8, hours[-1] + 0.8)
        axes.set_ylim(0, max(float(base.max()) * 1.08, 1.0))
        axes.set_ylabel(printable(_COUNTS[lang]))
        axes.axhline(0, color=MUTED, linewidth=0.8)
        axes.spines["left"].set_color(ACCENT)
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4, handlelength=1.6, borderaxespad=0.2)
        return png_bytes(figure)
