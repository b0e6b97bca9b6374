"""Probabilities: bars with their intervals, and what was stated against what happened."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from reports.figures.frame import (
    NO_DATA,
    WIDTH_IN,
    drawn,
    empty_message,
    fitted,
    label_width_in,
    new_sheet,
    unknown_patch,
    whole_percent,
)
from reports.style import ACCENT, FORECAST, GRID, INK, MUTED, OBSERVED, PAPER
from reports.words import UNKNOWN, Lang, Text

__all__ = ["chance_bars", "chance_bars_figure", "reliability_chart", "reliability_figure", "wilson_interval"]

_ROW_IN = 0.25
_LABEL_MAX_IN = 2.3
_VALUE_IN = 1.12
_CHANCE = Text("概率", "Probability")
_STATED = Text("报告所述概率", "Probability stated")
_HAPPENED = Text("实际发生的比例", "Share that came true")
_PERFECT = Text("理想情形", "perfect")
_FOUND = Text("本期核验（90%区间）", "verified (90% interval)")
_NONE = Text("没有可以核验的概率结论", "No statement of probability could be verified")
_COUNT = Text("条数", "Number")
_PERCENTS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_Z90 = 1.6448536269514722  # quantile of the normal distribution that leaves 5% above


def chance_bars_figure(
    table: pd.DataFrame, *, lang: Lang, title: str, source: str = "", is_demonstration: bool = False
) -> Figure:
    """Draw probabilities of exceedance as bars with their intervals, in the order given.

    Parameters
    ----------
    table : DataFrame
        Columns label, p, p_low, p_high (0-1); p NaN is unknown, NaN ends mean that no interval is known.
    lang : {"zh", "en"}
    title : str
        Written above; empty for none.
    source : str
        Source line.
    is_demonstration : bool
        Mark the figure.

    Returns
    -------
    Figure
        1200 pixels wide, to be drawn inside `styled`.
    """
    n = len(table)
    sheet = new_sheet(
        _ROW_IN * max(n, 3) + 0.3, lang=lang, title=title, source=source, is_demonstration=is_demonstration
    )
    labels = [fitted(str(label), 9.0, _LABEL_MAX_IN) for label in table["label"]]
    axes = sheet.axes(max(label_width_in(labels, 9.0), 0.4) + 0.25, _VALUE_IN, below_in=0.26, above_in=0.04)
    axes.set(xlim=(0, 1), ylim=(max(n, 3) - 0.4, -0.6))
    axes.set_xticks(_PERCENTS, [f"{100 * share:.0f}%" for share in _PERCENTS])
    axes.set_yticks(np.arange(n), labels)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    if table.empty:
        empty_message(axes, NO_DATA[lang])
    for row, (p, low, high) in enumerate(table[["p", "p_low", "p_high"]].to_numpy(float)):
        _chance_row(axes, row, p, low, high, lang)
    return sheet.figure


chance_bars = drawn(chance_bars_figure)


def _chance_row(axes: Axes, row: int, p: float, low: float, high: float, lang: Lang) -> None:
    """Draw one bar, its interval and its number; an unknown one is hatched over the whole width."""
    if np.isnan(p):
        axes.add_patch(unknown_patch(0.0, row - 0.3, 1.0, 0.6))
        words = UNKNOWN[lang]
    else:
        axes.barh(row, p, height=0.6, color=FORECAST, edgecolor=INK, linewidth=0.5)
        words = whole_percent(p)
    if not np.isnan([p, low, high]).any():
        axes.errorbar(p, row, xerr=[[max(p - low, 0)], [max(high - p, 0)]], fmt="none", ecolor=INK, elinewidth=1.1,
                      capsize=2.6)  # fmt: skip
        words += (
            f"（{whole_percent(low)}～{whole_percent(high)}）"
            if lang == "zh"
            else f" ({whole_percent(low)} to {whole_percent(high)})"
        )
    axes.text(1.02, row, words, transform=axes.get_yaxis_transform(), va="center", fontsize=8)


def reliability_figure(table: pd.DataFrame, *, lang: Lang, source: str = "", is_demonstration: bool = False) -> Figure:
    """Draw stated probabilities against the share that came true, with the number of statements behind each point.

    Parameters
    ----------
    table : DataFrame
        `StatementReview.reliability`: p_from, p_to, p_mean, share (0-1), n; may be empty.
    lang : {"zh", "en"}
    source : str
        Source line.
    is_demonstration : bool
        Mark the figure.

    Returns
    -------
    Figure
        1200 pixels wide, to be drawn inside `styled`.

    References
    ----------
    Interval of a share: E. B. Wilson, Probable inference, the law of succession, and statistical inference,
    J. Am. Stat. Assoc. 22 (1927).
    """
    sheet = new_sheet(3.7, lang=lang, source=source, is_demonstration=is_demonstration)
    side = (WIDTH_IN - 3.0) / 2
    axes = sheet.axes(side, side, below_in=1.1, above_in=0.28)
    counts = sheet.axes(side, side, below_in=0.42, above_in=2.74)
    known = table[table["n"] > 0]
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)))
    if known.empty:
        empty_message(axes, _NONE[lang])
    else:
        _reliability_points(axes, known)
    width = (known["p_to"] - known["p_from"]) * 0.9
    counts.bar((known["p_from"] + known["p_to"]) / 2, known["n"], width, color=FORECAST, edgecolor=INK, linewidth=0.5)
    for p_from, p_to, n in known[["p_from", "p_to", "n"]].itertuples(index=False):
        counts.annotate(str(int(n)), ((p_from + p_to) / 2, n), xytext=(0, 2), textcoords="offset points", ha="center",
                        fontsize=8)  # fmt: skip
    for panel in (axes, counts):
        panel.set_xlim(-0.02, 1.02)
        panel.set_xticks(_PERCENTS, [f"{100 * share:.0f}%" for share in _PERCENTS])
    axes.set(ylim=(-0.02, 1.02), ylabel=_HAPPENED[lang])
    axes.set_yticks(_PERCENTS, [f"{100 * share:.0f}%" for share in _PERCENTS])
    axes.grid(visible=True, axis="x", color=GRID)
    axes.tick_params(axis="x", labelbottom=False)
    counts.set(ylim=(0, max([1, *known["n"]]) * 1.5), xlabel=_STATED[lang], ylabel=_COUNT[lang], yticks=[])
    handles = [
        Line2D([], [], color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)), label=_PERFECT[lang]),
        Line2D([], [], color=INK, marker="o", markerfacecolor=OBSERVED, linewidth=1.0, label=_FOUND[lang]),
    ]
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(-0.02, 1.01), ncols=2, fontsize=8.5,
                borderaxespad=0.0)  # fmt: skip
    return sheet.figure


reliability_chart = drawn(reliability_figure)


def _reliability_points(axes: Axes, known: pd.DataFrame) -> None:
    """Draw the points with the Wilson interval of their share and their count."""
    share, n = known["share"].to_numpy(float), known["n"].to_numpy(float)
    low, high = wilson_interval(share, n)
    axes.errorbar(known["p_mean"], share, yerr=[np.maximum(share - low, 0), np.maximum(high - share, 0)], fmt="o",
                  markersize=6.5, color=ACCENT, markerfacecolor=OBSERVED, markeredgecolor=INK, ecolor=INK,
                  elinewidth=1.0, capsize=2.6, clip_on=False, zorder=4)  # fmt: skip
    for p_mean, part, count in zip(known["p_mean"], share, n, strict=True):
        axes.annotate(f"n={count:.0f}", (p_mean, part), xytext=(7, -4 if part < 0.9 else -9),
                      textcoords="offset points", fontsize=8, va="center", zorder=5,
                      path_effects=[withStroke(linewidth=2.2, foreground=PAPER)])  # fmt: skip


def wilson_interval(
    share: NDArray[np.float64], n: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the 90% interval of shares (0-1) counted in n cases.

    Examples
    --------
    >>> low, high = wilson_interval(np.array([0.5]), np.array([10.0]))
    >>> round(float(low[0]), 3), round(float(high[0]), 3)
    (0.269, 0.731)
    """
    weight = _Z90**2 / n
    middle = (share + weight / 2) / (1 + weight)
    half = _Z90 * np.sqrt(share * (1 - share) / n + weight / (4 * n)) / (1 + weight)
    return middle - half, middle + half
