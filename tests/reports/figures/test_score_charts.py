"""Charts of a score card, read back through their artists."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from reports.figures import score_charts
from reports.fonts import missing_glyphs
from reports.style import png_bytes, styled
from risk_models.verification.budget import Criterion, budget_totals
from risk_models.verification.scorecard import ScoreCard, score_card
from tests.reports.figures.sample import texts
from tests.risk_models.verification.records import made_up

LANGS = ("zh", "en")


@pytest.fixture(autouse=True)
def _house_style() -> Any:
    with styled():
        yield


@pytest.fixture(scope="module")
def card() -> ScoreCard:
    from risk_models.levels import Level

    return score_card(
        made_up(storms=8), seed=1, n_draws=20, criteria=[Criterion(name="level-red", level_min=Level.RED)]
    )


def _figures(card: ScoreCard, lang: Any, *, empty: bool = False) -> dict[str, Figure]:
    def cut(table: pd.DataFrame) -> pd.DataFrame:
        return table.iloc[:0] if empty else table

    look = {"lang": lang, "source": "甲 Source", "is_demonstration": True}
    yes_no = card.scores.query("scope == 'towns' and part == 'all' and score in ('pod', 'far', 'csi')")
    yes_no = yes_no.assign(label=yes_no["method"], is_ours=yes_no["method"].str.startswith("level"))
    costs = budget_totals(card.budget).reset_index().rename(columns={"criterion": "label"})
    five = card.reliability[card.reliability["chance"] == "p_5cm"]
    makers: dict[str, Callable[[], Figure]] = {
        "reliability": lambda: score_charts.reliability_panels_figure(cut(five), **look),
        "roc": lambda: score_charts.roc_figure(cut(card.roc), **look),
        "yes-no": lambda: score_charts.yes_no_figure(yes_no, **look),
        "lead": lambda: score_charts.lead_figure(cut(card.lead_rows), most_h=24, **look),
        "depth": lambda: score_charts.depth_figure(cut(card.depths), **look),
        "budget": lambda: score_charts.budget_figure(costs, **look),
    }
    return {name: make() for name, make in makers.items()}


@pytest.mark.parametrize("lang", LANGS)
def test_every_chart_is_1200_wide_marked_and_all_its_words_can_be_drawn(card: ScoreCard, lang: Any) -> None:
    for name, figure in _figures(card, lang).items():
        assert Image.open(io.BytesIO(png_bytes(figure))).width == 1200, name
        words = texts(figure)
        assert {"zh": "演示数据", "en": "Demonstration data"}[lang] in words, name
        assert missing_glyphs("".join(words)) == "", name


@pytest.mark.parametrize("lang", LANGS)
def test_legends_titles_and_marks_do_not_lie_over_one_another(card: ScoreCard, lang: Any) -> None:
    for name, figure in _figures(card, lang).items():
        figure.canvas.draw()
        heads = [text.get_window_extent() for text in figure.texts]
        heads += [legend.get_window_extent() for legend in figure.legends]
        heads += [axes.title.get_window_extent() for axes in figure.axes if axes.get_title()]
        heads += [axes.get_window_extent().padded(-1) for axes in figure.axes]
        for place, box in enumerate(heads):
            assert box.x0 >= 0, name
            assert box.x1 <= 1200, name
            assert not any(box.overlaps(other) for other in heads[place + 1 :]), name


@pytest.mark.parametrize("lang", LANGS)
def test_without_floods_it_is_said(card: ScoreCard, lang: Any) -> None:
    said = {"zh": "没有可检验的积水记录", "en": "No flood on record to verify with"}[lang]
    figures = _figures(card, lang, empty=True)
    for name in ("reliability", "roc", "lead", "depth"):
        assert said.split(" ")[0] in " ".join(texts(figures[name])), name


def test_the_curves_are_those_of_the_tables(card: ScoreCard) -> None:
    figures = _figures(card, "en")
    hotspots = card.roc[(card.roc["scope"] == "hotspots") & (card.roc["method"] == "chance")]
    drawn = [line.get_xydata().tolist() for line in figures["roc"].axes[0].lines]
    assert hotspots[["pofd", "pod"]].to_numpy().tolist() in drawn
    five = card.reliability.query("chance == 'p_5cm' and scope == 'hotspots'")
    points = figures["reliability"].axes[0].containers[0].lines[0]
    assert points.get_xydata().tolist() == five[["probability", "frequency"]].to_numpy().tolist()
