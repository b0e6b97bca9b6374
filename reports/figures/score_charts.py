"""Charts of a score card: chances against what came, ROC, yes/no scores by method, lead, depth, warning budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from reports.figures.frame import WIDTH_IN, Sheet, drawn, empty_message, fitted, label_width_in, new_sheet
from reports.style import ACCENT, FORECAST, GRID, INK, MUTED, OBSERVED, PAPER, level_marker
from reports.words import Lang, Text
from risk_models.levels import Level

__all__ = [
    "budget_chart",
    "budget_figure",
    "depth_chart",
    "depth_figure",
    "lead_chart",
    "lead_figure",
    "reliability_panels",
    "reliability_panels_figure",
    "roc_chart",
    "roc_figure",
    "yes_no_chart",
    "yes_no_figure",
]

_SCOPES = {"hotspots": Text("风险点", "Hotspots"), "towns": Text("镇办", "Towns")}
_TOLD = Text("所报概率", "Chance told")
_CAME = Text("实际发生的比例", "Share that came")
_PERFECT = Text("理想情形", "as told")
_FOUND = Text("检验结果（90%区间）", "found (90 % interval)")
_NO_FLOOD = Text("没有可检验的积水记录", "No flood on record to verify with")
_POFD = Text("空报率（占未积水）", "False detections of all quiet cases")
_POD = Text("命中率", "Floods detected")
_CHANCE = Text("积水概率", "chance told")
_RAIN = Text("3小时雨量", "3-h rain")
_GUESS = Text("随机", "by luck")
_SCORES = {"pod": Text("命中率 POD", "POD"), "far": Text("空报率 FAR", "FAR"), "csi": Text("临界成功指数 CSI", "CSI")}
_LEAD = Text("预警提前时间（小时）", "Warned at least so many hours before")
_SHARE = Text("占全部积水过程的比例", "Share of all floods of towns")
_SEEN = Text("实测水深（厘米）", "Depth seen (cm)")
_DEPTH = Text("所报水深中位数（厘米）", "Median depth told (cm)")
_WARNINGS = Text("预警次数", "Warnings")
_OUTCOMES = {
    "right": Text("命中", "right"),
    "late": Text("迟报", "late"),
    "false": Text("空报", "false"),
    "missed": Text("漏报的积水过程", "floods missed"),
}
_CHANCES = (0.0, 0.01, 0.05, 0.15, 0.3, 0.5, 0.75, 1.0)
_DASHED, _DOTTED = (0, (5, 2)), (0, (1.5, 2))


def reliability_panels_figure(
    table: pd.DataFrame, *, lang: Lang, source: str = "", is_demonstration: bool = False
) -> Figure:
    """Draw chances told against the share that came, for hotspots and for towns; axes by the square root.

    Parameters
    ----------
    table : DataFrame
        ``scope`` (hotspots, towns), ``probability``, ``frequency``, ``low``, ``high`` (0-1), ``n_blocks``.
    lang : {"zh", "en"}
    source : str
        Source line.
    is_demonstration : bool
        Mark the figure.

    Returns
    -------
    Figure
        1200 pixels wide, to be drawn inside `styled`.
    """
    sheet = new_sheet(3.25, lang=lang, source=source, is_demonstration=is_demonstration)
    for axes, scope in _two_panels(sheet, lang):
        mine = table[table["scope"] == scope]
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.0, linestyle=_DASHED)
        for name in ("x", "y"):
            getattr(axes, f"set_{name}scale")("function", functions=(_root, np.square))
            getattr(axes, f"set_{name}ticks")(_CHANCES, [f"{100 * share:g}%" for share in _CHANCES], fontsize=8)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=_TOLD[lang])
        axes.grid(visible=True, axis="x", color=GRID)
        if not mine["events"].sum():
            empty_message(axes, _NO_FLOOD[lang])
            continue
        share = mine["frequency"].to_numpy(float)
        ends = [np.maximum(share - mine["low"], 0), np.maximum(mine["high"] - share, 0)]
        axes.errorbar(mine["probability"], share, yerr=ends, fmt="o-", markersize=6, color=ACCENT, linewidth=0.8,
                      markerfacecolor=OBSERVED, markeredgecolor=INK, ecolor=INK, elinewidth=1.0, capsize=2.6,
                      clip_on=False, zorder=4)  # fmt: skip
    sheet.figure.axes[0].set_ylabel(_CAME[lang])
    handles = [
        Line2D([], [], color=MUTED, linewidth=1.0, linestyle=_DASHED, label=_PERFECT[lang]),
        Line2D([], [], color=ACCENT, marker="o", markerfacecolor=OBSERVED, markeredgecolor=INK, linewidth=0.8,
               label=_FOUND[lang]),
    ]  # fmt: skip
    _legend(sheet, handles)
    return sheet.figure


reliability_panels = drawn(reliability_panels_figure)


def _root(values: Any) -> Any:
    return np.sqrt(np.maximum(values, 0.0))


def roc_figure(table: pd.DataFrame, *, lang: Lang, source: str = "", is_demonstration: bool = False) -> Figure:
    """Draw the ROC curves of the chance told and of 3-h rain, for hotspots and for towns.

    Parameters
    ----------
    table : DataFrame
        ``scope``, ``method`` (chance, rain-3h), ``pofd``, ``pod`` (0-1).
    lang, source, is_demonstration
        As in `reliability_panels_figure`.

    Returns
    -------
    Figure
    """
    sheet = new_sheet(3.25, lang=lang, source=source, is_demonstration=is_demonstration)
    ways = {"chance": (ACCENT, "-", 2.0), "rain-3h": (INK, _DASHED, 1.3)}
    for axes, scope in _two_panels(sheet, lang):
        mine = table[table["scope"] == scope]
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.0, linestyle=_DOTTED)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=_POFD[lang])
        axes.grid(visible=True, axis="x", color=GRID)
        for name in ("x", "y"):
            getattr(axes, f"set_{name}ticks")((0, 0.25, 0.5, 0.75, 1), ["0", "25%", "50%", "75%", "100%"], fontsize=8)
        if mine.empty:
            empty_message(axes, _NO_FLOOD[lang])
        for method, (colour, dashes, width) in ways.items():
            curve = mine[mine["method"] == method]
            axes.plot(curve["pofd"], curve["pod"], color=colour, linestyle=dashes, linewidth=width, clip_on=False)
    sheet.figure.axes[0].set_ylabel(_POD[lang])
    handles = [
        Line2D([], [], color=ACCENT, linewidth=2.0, label=_CHANCE[lang]),
        Line2D([], [], color=INK, linewidth=1.3, linestyle=_DASHED, label=_RAIN[lang]),
        Line2D([], [], color=MUTED, linewidth=1.0, linestyle=_DOTTED, label=_GUESS[lang]),
    ]
    _legend(sheet, handles)
    return sheet.figure


roc_chart = drawn(roc_figure)


def yes_no_figure(table: pd.DataFrame, *, lang: Lang, source: str = "", is_demonstration: bool = False) -> Figure:
    """Draw POD, FAR and CSI of several ways to warn, one row each, with their intervals.

    Parameters
    ----------
    table : DataFrame
        ``label``, ``score`` (pod, far, csi), ``value``, ``low``, ``high`` (0-1; NaN is not defined), and ``is_ours``
        (bool); rows of one label stand together.
    lang, source, is_demonstration
        As in `reliability_panels_figure`.

    Returns
    -------
    Figure
    """
    labels = list(dict.fromkeys(table["label"]))
    shown = [fitted(str(label), 8.5, 1.75) for label in labels]
    sheet = new_sheet(0.27 * max(len(labels), 2) + 0.62, lang=lang, source=source, is_demonstration=is_demonstration)
    left = label_width_in(shown, 8.5) + 0.2
    width = (WIDTH_IN - left - 0.3) / 3
    for place, (score, words) in enumerate(_SCORES.items()):
        begin = left + place * (width + 0.12)
        axes = sheet.axes(begin, WIDTH_IN - begin - width + 0.08, below_in=0.26, above_in=0.3)
        axes.set(xlim=(-0.03, 1.03), ylim=(len(labels) - 0.4, -0.6))
        axes.set_title(words[lang], fontsize=9, pad=4)
        axes.set_xticks((0, 0.5, 1), ["0", "0.5", "1"], fontsize=8)
        axes.set_yticks(np.arange(len(labels)), shown if place == 0 else [""] * len(labels), fontsize=8.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=True, axis="x", color=GRID)
        mine = table[table["score"] == score].set_index("label")
        for row, label in enumerate(labels):
            _dot(axes, row, mine.loc[label])
    return sheet.figure


yes_no_chart = drawn(yes_no_figure)


def _dot(axes: Axes, row: int, score: pd.Series) -> None:
    value, low, high = (float(score[name]) for name in ("value", "low", "high"))
    if np.isnan(value):
        axes.text(0.5, row, "–", ha="center", va="center", fontsize=9, color=MUTED)
        return
    if not np.isnan([low, high]).any():
        axes.plot([low, high], [row, row], color=INK, linewidth=1.2, solid_capstyle="butt", zorder=3)
    axes.plot(value, row, marker="o" if score["is_ours"] else "s", markersize=6, markeredgecolor=INK, zorder=4,
              markerfacecolor=ACCENT if score["is_ours"] else PAPER, linestyle="none", clip_on=False)  # fmt: skip


def lead_figure(
    rows: pd.DataFrame, *, lang: Lang, most_h: float, source: str = "", is_demonstration: bool = False
) -> Figure:
    """Draw the share of floods of towns that were warned at least so long before, by level.

    Parameters
    ----------
    rows : DataFrame
        ``level`` (name), ``lead_h`` [h; NaN missed]: one row per flood and level.
    lang : {"zh", "en"}
    most_h : float
        End of the axis [h].
    source, is_demonstration
        As in `reliability_panels_figure`.

    Returns
    -------
    Figure
    """
    sheet = new_sheet(2.9, lang=lang, source=source, is_demonstration=is_demonstration)
    axes = sheet.axes(0.75, 0.2, below_in=0.45, above_in=0.32)
    hours = np.linspace(0.0, most_h, 49)
    handles = []
    for level in (Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED):
        lead = rows.loc[rows["level"] == str(level), "lead_h"].to_numpy(float)
        marker, size = level_marker(level)
        look: dict[str, Any] = {
            "color": INK, "linewidth": 1.0, "marker": marker, "markersize": size * 0.8, "markerfacecolor": level.fill,
            "markeredgecolor": INK, "markevery": (3 * (int(level) - 1), 12),
        }  # fmt: skip
        handles.append(Line2D([], [], label=level.zh if lang == "zh" else level.en, **look))
        if len(lead):
            share = [float((lead >= least).mean()) for least in hours]
            axes.plot(hours, share, drawstyle="steps-post", clip_on=False, **look)
    axes.set(xlim=(0, most_h), ylim=(0, 1), xlabel=_LEAD[lang], ylabel=_SHARE[lang])
    axes.set_yticks((0, 0.25, 0.5, 0.75, 1), ["0", "25%", "50%", "75%", "100%"])
    if rows.empty:
        empty_message(axes, _NO_FLOOD[lang])
    _legend(sheet, handles)
    return sheet.figure


lead_chart = drawn(lead_figure)


def depth_figure(pairs: pd.DataFrame, *, lang: Lang, source: str = "", is_demonstration: bool = False) -> Figure:
    """Draw the depth told before each flood against the depth seen.

    Parameters
    ----------
    pairs : DataFrame
        ``depth_m``, ``depth_p50_m`` [m].
    lang, source, is_demonstration
        As in `reliability_panels_figure`.

    Returns
    -------
    Figure
    """
    sheet = new_sheet(3.0, lang=lang, source=source, is_demonstration=is_demonstration)
    axes = sheet.axes(0.75, WIDTH_IN - 0.75 - 3.4, below_in=0.45, above_in=0.06)
    seen, told = (100.0 * pairs[name].to_numpy(float) for name in ("depth_m", "depth_p50_m"))
    most = float(max([10.0, *np.ceil(np.nan_to_num(np.concatenate([seen, told])) / 10.0) * 10.0]))
    axes.plot([0, most], [0, most], color=MUTED, linewidth=1.0, linestyle=_DASHED)
    axes.plot(seen, told, marker="o", linestyle="none", markersize=4.5, markerfacecolor=FORECAST, markeredgecolor=INK,
              markeredgewidth=0.5, clip_on=False)  # fmt: skip
    axes.set(xlim=(0, most), ylim=(0, most), xlabel=_SEEN[lang], ylabel=_DEPTH[lang])
    axes.grid(visible=True, axis="x", color=GRID)
    if pairs.empty:
        empty_message(axes, _NO_FLOOD[lang])
    else:
        axes.legend(
            handles=[Line2D([], [], color=MUTED, linewidth=1.0, linestyle=_DASHED, label=_PERFECT[lang])],
            loc="upper left", bbox_to_anchor=(1.03, 1.0), fontsize=8.5, borderaxespad=0.0,
        )  # fmt: skip
    return sheet.figure


depth_chart = drawn(depth_figure)


def budget_figure(table: pd.DataFrame, *, lang: Lang, source: str = "", is_demonstration: bool = False) -> Figure:
    """Draw what each criterion would have cost: warnings right, late and false, and floods missed.

    Parameters
    ----------
    table : DataFrame
        ``label``, ``right``, ``late``, ``false``, ``missed``.
    lang, source, is_demonstration
        As in `reliability_panels_figure`.

    Returns
    -------
    Figure
    """
    labels = [fitted(str(label), 8.5, 1.9) for label in table["label"]]
    sheet = new_sheet(0.23 * max(len(labels), 2) + 0.9, lang=lang, source=source, is_demonstration=is_demonstration)
    axes = sheet.axes(label_width_in(labels, 8.5) + 0.2, 0.55, below_in=0.45, above_in=0.32)
    looks: Mapping[str, Mapping[str, Any]] = {
        "right": {"facecolor": ACCENT}, "late": {"facecolor": FORECAST, "hatch": "////"}, "false": {"facecolor": PAPER},
    }  # fmt: skip
    rows, begin = np.arange(len(labels)), np.zeros(len(labels))
    for outcome, look in looks.items():
        count = table[outcome].to_numpy(float)
        axes.barh(rows, count, left=begin, height=0.66, edgecolor=INK, linewidth=0.6, **look)
        begin = begin + count
    most = max(1.0, float(begin.max(initial=0.0)), float(table["missed"].max() if len(table) else 0))
    missed = table["missed"].where(table["missed"] > 0)
    axes.plot(missed, rows, marker="D", markersize=5, linestyle="none", markerfacecolor=INK,
              markeredgecolor=PAPER, clip_on=False, zorder=5)  # fmt: skip
    axes.set(xlim=(0, most * 1.04), ylim=(max(len(labels), 2) - 0.4, -0.6), xlabel=_WARNINGS[lang])
    axes.set_yticks(rows, labels, fontsize=8.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    handles: list[Any] = [
        Patch(edgecolor=INK, linewidth=0.6, label=_OUTCOMES[name][lang], **look) for name, look in looks.items()
    ]
    handles.append(
        Line2D([], [], marker="D", linestyle="none", markersize=5, color=INK, label=_OUTCOMES["missed"][lang])
    )
    _legend(sheet, handles)
    return sheet.figure


budget_chart = drawn(budget_figure)


def _two_panels(sheet: Sheet, lang: Lang) -> list[tuple[Axes, str]]:
    """Return axes for hotspots and towns side by side, with their names above."""
    width = (WIDTH_IN - 0.72 - 0.75) / 2
    panels = []
    for place, (scope, words) in enumerate(_SCOPES.items()):
        left = 0.72 + place * (width + 0.55)
        axes = sheet.axes(left, WIDTH_IN - left - width, below_in=0.45, above_in=0.56)
        axes.set_title(words[lang], fontsize=9.5, pad=5)
        panels.append((axes, scope))
    return panels


def _legend(sheet: Sheet, handles: Sequence[Any]) -> None:
    """Put one legend in a row below the demonstration mark."""
    sheet.figure.legend(
        handles=list(handles), loc="upper left", bbox_to_anchor=(0.1, (sheet.top_in - 0.01) / sheet.height_in),
        ncols=len(handles), fontsize=8.5, borderaxespad=0.0, columnspacing=1.4, handlelength=2.4,
    )  # fmt: skip
