"""The page of a score card: what it says in words, figures, tables. No script, no outside file, one language a page."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from reports.figures.frame import whole_percent
from reports.figures.score_charts import (
    budget_chart,
    depth_chart,
    lead_chart,
    reliability_panels,
    roc_chart,
    yes_no_chart,
)
from reports.scorecard.inputs import ScoreCardInputs
from reports.scorecard.sentences import criterion_label, method_label, part_label, ranged, verdicts
from reports.words import DEMONSTRATION, LANGUAGES, Lang, Text, moment, plain
from risk_models.files import write_whole
from risk_models.levels import Level
from risk_models.verification.budget import budget_totals
from risk_models.verification.scorecard import CSI_METHODS, FEW_STORMS, N_DRAWS

__all__ = ["score_card_html", "write_score_card"]

_TEMPLATES = Path(__file__).resolve().parent.parent / "templates" / "scorecard"
_KINDS = {
    "hindcast": Text("回算检验", "Hindcast: score card"),
    "ledger": Text("业务检验", "Score card of service"),
}
_OURS = ("level", "chance")
_FROM = {
    "hindcast": Text(
        "来源：存档雨量与预报，逐时按当时可知资料回算", "Source: archive of rain and forecasts, as known at each hour"
    ),
    "ledger": Text("来源：台账", "Source: ledger"),
}  # fmt: skip
_LEAD_MOST_H = 24.0


@dataclass(frozen=True)
class _Figure:
    """A picture on the page."""

    data: str
    alt: str


def write_score_card(inputs: ScoreCardInputs, folder: Path) -> dict[Lang, Path]:
    """Write the page in both languages, as ``scorecard.zh.html`` and ``scorecard.en.html``.

    Parameters
    ----------
    inputs : ScoreCardInputs
    folder : Path
        Made if absent.

    Returns
    -------
    dict of language to Path
    """
    return {lang: write_whole(folder / f"scorecard.{lang}.html", score_card_html(inputs, lang)) for lang in LANGUAGES}


def score_card_html(inputs: ScoreCardInputs, lang: Lang) -> str:
    """Return the page as HTML; the same inputs give the same text.

    Parameters
    ----------
    inputs : ScoreCardInputs
    lang : {"zh", "en"}

    Returns
    -------
    str
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    card = inputs.card
    return environment.get_template("page.html.j2").render(
        lang=lang,
        other="en" if lang == "zh" else "zh",
        name=plain(inputs.name[lang]),
        bureau=plain(inputs.bureau[lang]),
        title=_KINDS[inputs.kind][lang],
        banners=_banners(inputs, lang),
        period=_period(inputs, lang),
        facts=_facts(inputs, lang),
        verdicts=[one[lang] for one in verdicts(card)],
        notes=[one[lang] for one in inputs.notes],
        few=FEW_STORMS,
        draws=N_DRAWS,
        horizon=f"{card.facts['horizon_h']:g}",
        figures=_figures(inputs, lang),
        chances=_chance_rows(card.reliability, lang),
        towns=_town_rows(card.scores, lang),
        parts=_part_rows(card.scores, lang),
        leads=_lead_rows(card.leads, lang),
        budget=_budget_rows(card.budget, lang),
        css=(_TEMPLATES / "scorecard.css").read_text(encoding="utf-8"),
    )


def _banners(inputs: ScoreCardInputs, lang: Lang) -> list[str]:
    banners = [DEMONSTRATION[lang]] if inputs.is_demonstration else []
    if inputs.n_synthetic:
        words = Text(
            f"{inputs.n_synthetic}条积水记录为合成数据：检验结果不说明真实情况",
            f"{inputs.n_synthetic} floods of the record are synthetic: the scores say nothing about reality",
        )
        banners.append(words[lang])
    return [*banners, *(mark[lang] for mark in inputs.marks)]


def _period(inputs: ScoreCardInputs, lang: Lang) -> str:
    first, last = (moment(inputs.card.facts[name], lang, inputs.timezone) for name in ("begin", "end"))
    return f"{first}至{last}（{inputs.timezone}）" if lang == "zh" else f"{first} to {last} ({inputs.timezone})"


def _facts(inputs: ScoreCardInputs, lang: Lang) -> list[tuple[str, str]]:
    facts = inputs.card.facts
    words = {
        "cycles": Text("次研判", "cycles"),
        "hotspots": Text("个风险点", "hotspots"),
        "towns": Text("个镇办", "towns"),
        "floods": Text("次风险点积水", "floods of hotspots"),
        "town_floods": Text("次镇办积水过程", "floods of towns"),
        "storms": Text("次有积水的暴雨过程", "storms with a flood"),
    }
    share = float(facts["unknown_share"])
    unknown = whole_percent(share) if share else "0%"
    return [
        *((f"{facts[name]}", text[lang]) for name, text in words.items()),
        (unknown, Text("无法研判（资料缺失）", "without a level (data missing)")[lang]),
    ]


def _figures(inputs: ScoreCardInputs, lang: Lang) -> dict[str, _Figure]:
    card = inputs.card
    look: dict[str, Any] = {
        "lang": lang,
        "source": _FROM[inputs.kind][lang],
        "is_demonstration": inputs.is_demonstration,
    }
    five = card.reliability[card.reliability["chance"] == "p_5cm"]
    levels = card.lead_rows
    drawn = {
        "reliability": (reliability_panels(five, **look), Text("可靠性图", "Reliability diagram")),
        "roc": (roc_chart(card.roc, **look), Text("ROC曲线", "ROC curves")),
        "towns": (yes_no_chart(_yes_no(card.scores, lang), **look), Text("各预警方式的评分", "Scores of ways to warn")),
        "leads": (lead_chart(levels, most_h=_LEAD_MOST_H, **look), Text("预警提前时间", "Lead times")),
        "depths": (depth_chart(card.depths, **look), Text("所报与实测水深", "Depth told and seen")),
    }
    if len(card.budget):
        costs = budget_totals(card.budget).reset_index()
        costs["label"] = [criterion_label(name, lang) for name in costs["criterion"]]
        drawn["budget"] = (budget_chart(costs, **look), Text("预警预算", "Warning budget"))
    return {
        name: _Figure("data:image/png;base64," + base64.b64encode(png).decode(), alt[lang])
        for name, (png, alt) in drawn.items()
    }


def _yes_no(scores: pd.DataFrame, lang: Lang) -> pd.DataFrame:
    """Return POD, FAR and CSI of towns with the labels of the chart, in the order of `CSI_METHODS`."""
    rows = scores[(scores["scope"] == "towns") & (scores["part"] == "all") & scores["method"].isin(CSI_METHODS)]
    order = rows["method"].map({name: place for place, name in enumerate(CSI_METHODS)})
    rows = rows.assign(order=order).sort_values("order", kind="stable")
    labels = [method_label(name, lang) for name in rows["method"]]
    return rows.assign(label=labels, is_ours=rows["method"].str.startswith(_OURS))


def _chance_rows(table: pd.DataFrame, lang: Lang) -> list[list[str]]:
    scopes = {"hotspots": Text("风险点", "hotspots"), "towns": Text("镇办（最高概率）", "towns (highest chance)")}
    rows = []
    for row in table.to_dict("records"):
        depth = str(row["chance"]).removeprefix("p_").removesuffix("cm")
        told = f"{depth}厘米" if lang == "zh" else f"{depth} cm"
        share = f"{100 * row['frequency']:.1f}% [{100 * row['low']:.1f}%, {100 * row['high']:.1f}%]"
        counts = [f"{row[name]:.0f}" for name in ("n", "events", "n_blocks")]
        rows.append([scopes[row["scope"]][lang], told, f"{100 * row['probability']:.1f}%", share, *counts])
    return rows


def _town_rows(scores: pd.DataFrame, lang: Lang) -> list[list[str]]:
    table = _yes_no(scores, lang)
    cells = {(row["label"], row["score"]): ranged(row) for row in table.to_dict("records")}
    labels = dict.fromkeys(table["label"])
    return [[label, *(cells[label, score] for score in ("pod", "far", "csi"))] for label in labels]


def _part_rows(scores: pd.DataFrame, lang: Lang) -> list[list[str]]:
    """Return the scores of every part: of hotspots what ranks and the chances, of towns the level and the rain cut."""
    wanted = (
        ("hotspots", "chance", "auc"), ("hotspots", "rain-3h", "auc"), ("hotspots", "chance", "brier_skill"),
        ("hotspots", "chance", "total_ratio"), ("towns", "level-blue", "csi"), ("towns", "level-blue", "far"),
        ("towns", "rain-3h-fitted", "csi"), ("towns", "rain-3h-fitted", "far"),
    )  # fmt: skip
    rows = []
    for (part, name), group in scores.groupby(["part", "name"], sort=False):
        cells = {(row["scope"], row["method"], row["score"]): row for row in group.to_dict("records")}
        first = cells[wanted[0]]
        numbers = [f"{first['n_events']}", f"{first['n_storms']}"]
        rows.append([part_label(str(part), str(name), lang), *numbers, *(ranged(cells[key]) for key in wanted)])
    return rows


def _lead_rows(table: pd.DataFrame, lang: Lang) -> list[list[str]]:
    rows = []
    for name, row in table.iterrows():
        counts = [f"{row[key]:.0f}" for key in ("warnings", "right", "late", "false", "floods", "hit", "missed")]
        leads = ["–" if pd.isna(row[key]) else f"{row[key]:.1f}" for key in ("lead_p10_h", "lead_p50_h", "lead_p90_h")]
        keys = ("lead_1h_share", "lead_3h_share", "lead_6h_share")
        shares = ["–" if pd.isna(row[key]) else whole_percent(row[key]) for key in keys]
        level = Level.from_name(str(name))
        rows.append([level.zh if lang == "zh" else level.en, *counts, *leads, *shares])
    return rows


def _budget_rows(table: pd.DataFrame, lang: Lang) -> list[list[str]]:
    if table.empty:
        return []
    rows = []
    for name, row in budget_totals(table).iterrows():
        keys = ("warnings", "right", "late", "false", "hit", "missed")
        counts = [f"{row['per_town_season']:.2f}", *(f"{row[key]:.0f}" for key in keys)]
        ratios = ["–" if pd.isna(row[key]) else f"{row[key]:.2f}" for key in ("pod", "far")]
        rows.append([criterion_label(str(name), lang), *counts, *ratios])
    return rows
