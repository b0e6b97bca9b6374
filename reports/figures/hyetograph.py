"""The hyetograph: rain that fell, rain that is forecast with its spread, the running sum, and "now" between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from reports.fonts import printable
from reports.style import ACCENT, FORECAST, GRID, INK, MARK, MUTED, OBSERVED, new_figure, png_bytes, styled
from reports.words import DEMONSTRATION, Text, day_time, local, plain

__all__ = ["hyetograph_png", "rain_note"]

SIZE_IN = (8.0, 3.9)
_MISSING = "#c9ced2"


@dataclass(frozen=True)
class _Series:
    """Rain of one hotspot by step: quantiles of the members [mm]; observed steps have no spread."""

    end: pd.DatetimeIndex
    low_mm: np.ndarray
    median_mm: np.ndarray
    high_mm: np.ndarray
    observed: np.ndarray
    step: pd.Timedelta
    now: pd.Timestamp

    @classmethod
    def of(cls, rainfall: xr.Dataset, hotspot_id: str, *, past_h: float, ahead_h: float) -> _Series:
        now = pd.Timestamp(rainfall.attrs["valid_at"])
        now = now.tz_convert(None) if now.tzinfo else now
        span = slice(now - pd.Timedelta(hours=past_h) + pd.Timedelta(seconds=1), now + pd.Timedelta(hours=ahead_h))
        part = rainfall.sel(hotspot=hotspot_id, time=span)
        # Plain sorting instead of nanquantile: a step without any member stays NaN and raises no warning.
        low, median, high = part["rain_mm"].quantile([0.1, 0.5, 0.9], dim="member", skipna=False).to_numpy()
        return cls(
            pd.DatetimeIndex(part["time"].to_numpy()), low, median, high, part["origin"].to_numpy() == 0,
            pd.Timedelta(hours=float(rainfall.attrs["step_h"])), now,
        )  # fmt: skip


def hyetograph_png(
    rainfall: xr.Dataset,
    hotspot_id: str,
    *,
    name: Text,
    zone: str,
    note: Text | None = None,
    past_h: float = 24.0,
    ahead_h: float = 24.0,
    demonstration: bool = True,
) -> bytes:
    """Draw the rain of one hotspot around the cycle time.

    Parameters
    ----------
    rainfall : xarray.Dataset
        ``rain_mm(member, time, hotspot)`` [mm per step], ``origin(time)``; time labels the END of a step, UTC.
    hotspot_id : str
        Hotspot to draw.
    name : Text
        Its name.
    zone : str
        Time zone of the axis.
    note : Text, optional
        Return-period note, written below the title.
    past_h, ahead_h : float
        Hours shown before and after the cycle time.
    demonstration : bool
        Mark the picture as made from demonstration data.

    Returns
    -------
    bytes
        PNG, 1200 pixels wide. Steps without a value are hatched: missing is not dry.
    """
    series = _Series.of(rainfall, hotspot_id, past_h=past_h, ahead_h=ahead_h)
    with styled():
        figure = new_figure(*SIZE_IN)
        axes = figure.add_axes((0.075, 0.215, 0.85, 0.59))
        _draw_bars(axes, series)
        total = _draw_running_sum(axes, series)
        _draw_now(axes, series, zone)
        _draw_time_axis(axes, series, zone)
        axes.set_ylabel("毫米/时段  mm per step")
        _draw_legend(axes, total)
        title = f"{plain(name.zh)} 雨量过程  Rain at {plain(name.en)}"
        figure.text(0.02, 0.945, printable(title), fontsize=13, va="center")
        if note:
            figure.text(0.02, 0.868, printable(f"{note.zh}  {note.en}"), fontsize=9, color=MUTED, va="center")
        if demonstration:
            figure.text(0.98, 0.945, f"{DEMONSTRATION.zh}\nDemonstration data", fontsize=8.5, color=MARK,
                        ha="right", va="center")  # fmt: skip
        return png_bytes(figure, base=(ACCENT, FORECAST, OBSERVED, MUTED, MARK, GRID, _MISSING))


def _hours(series: _Series, at: pd.DatetimeIndex) -> np.ndarray:
    """Return hours from the cycle time."""
    return np.asarray((at - series.now) / pd.Timedelta(hours=1), dtype=float)


def _draw_bars(axes: Axes, series: _Series) -> None:
    width = series.step / pd.Timedelta(hours=1)
    left = _hours(series, series.end - series.step)
    seen, coming = series.observed, ~series.observed
    axes.bar(left[seen], series.median_mm[seen], width * 0.86, align="edge", color=OBSERVED)
    axes.bar(left[coming], series.median_mm[coming], width * 0.86, align="edge", color=FORECAST)
    known = coming & np.isfinite(series.median_mm)
    spread = np.vstack([series.median_mm - series.low_mm, series.high_mm - series.median_mm])[:, known]
    axes.errorbar(
        left[known] + width * 0.43, series.median_mm[known], yerr=spread, fmt="none", ecolor=INK, elinewidth=0.9,
        capsize=2.2,
    )  # fmt: skip
    for start in left[~np.isfinite(series.median_mm)]:
        axes.axvspan(start, start + width, facecolor="none", edgecolor=_MISSING, hatch="////", linewidth=0)
    top = np.nanmax(np.append(series.high_mm, 5.0)) if np.isfinite(series.high_mm).any() else 5.0
    axes.set_ylim(0, top * 1.15)


def _draw_running_sum(axes: Axes, series: _Series) -> Axes:
    """Draw the sum of the medians from the left edge; after a missing value it is a lower bound and dashed."""
    total = axes.twinx()
    total.grid(visible=False)
    total.spines["right"].set_visible(True)
    running = np.concatenate([[0.0], np.cumsum(np.nan_to_num(series.median_mm))])
    missing = np.flatnonzero(~np.isfinite(series.median_mm))
    whole = int(missing[0]) if missing.size else len(running) - 1
    edges = np.append(_hours(series, series.end[:1] - series.step), _hours(series, series.end))
    total.plot(edges[: whole + 1], running[: whole + 1], color=ACCENT, linewidth=1.6)
    total.plot(edges[whole:], running[whole:], color=ACCENT, linewidth=1.4, linestyle=(0, (3, 1.5)))
    total.set_ylim(0, max(running[-1] * 1.15, 10.0))
    total.set_ylabel("累计毫米  total mm", color=ACCENT)
    return total


def _draw_now(axes: Axes, series: _Series, zone: str) -> None:
    axes.axvline(0.0, color=INK, linewidth=1.1, linestyle=(0, (4, 2)))
    axes.text(0.15, axes.get_ylim()[1] * 0.99, f"现在 now {day_time(series.now, zone)}", fontsize=8.5, va="top")


def _draw_time_axis(axes: Axes, series: _Series, zone: str) -> None:
    first = series.end[0] - series.step
    whole_hours = pd.date_range(first, series.end[-1], freq="h")
    ticks = whole_hours[[local(at, zone).hour % 6 == 0 for at in whole_hours]]
    there = [local(at, zone) for at in ticks]
    labels = [f"{at:%H:%M}" + (f"\n{at:%m-%d}" if at.hour == 0 else "") for at in there]
    axes.set_xlim(*_hours(series, pd.DatetimeIndex([first, series.end[-1]])))
    axes.set_xticks(_hours(series, ticks), labels)


def _draw_legend(axes: Axes, total: Axes) -> None:
    handles = [
        Patch(color=OBSERVED, label="实况 observed"),
        Patch(color=FORECAST, label="预报中位 forecast median"),
        Line2D([], [], color=INK, linewidth=0.9, marker="_", label="10%–90%"),
        Line2D([], [], color=ACCENT, label="累计 total（虚线为下限）"),
        Patch(facecolor="none", edgecolor=_MISSING, hatch="////", label="缺测 missing"),
    ]
    total.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=5, columnspacing=1.0, handlelength=1.4
    )
    axes.set_zorder(0)


def rain_note(return_period: Text, window_h: float, formula: str) -> Text:
    """Return the note on the return period, which always names the formula.

    Examples
    --------
    >>> rain_note(Text("约12年一遇", "about a 12-year event"), 3.0, "zz-f2").en
    'Greatest rain in 3 h: about a 12-year event (formula zz-f2)'
    """
    return Text(
        f"最大{window_h:g}小时雨量{return_period.zh}（公式 {formula}）",
        f"Greatest rain in {window_h:g} h: {return_period.en} (formula {formula})",
    )
