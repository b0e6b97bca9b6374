"""The page of a score card, read back: what is synthetic, unknown, or too little to tell is said."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from reports.scorecard import ScoreCardInputs, score_card_html
from reports.scorecard.sentences import criterion_label, method_label, verdicts
from reports.words import Text
from risk_models.levels import Level
from risk_models.verification.budget import Criterion
from risk_models.verification.scorecard import CSI_METHODS, ScoreCard, score_card
from tests.risk_models.verification.records import made_up

LANGS = ("zh", "en")
DRAWS = {"seed": 1, "n_draws": 30}


@pytest.fixture(scope="module")
def card() -> ScoreCard:
    criteria = [Criterion(name=f"level-{level}", level_min=level) for level in Level if level.is_warning]
    return score_card(made_up(storms=8), criteria=criteria, **DRAWS)


def inputs_of(card: ScoreCard, **changes: Any) -> ScoreCardInputs:
    given: dict[str, Any] = {
        "card": card, "kind": "hindcast", "name": Text("试验区", "Mini <District>"), "bureau": Text("局", "Bureau"),
        "timezone": "Asia/Shanghai", "is_demonstration": False,
    }  # fmt: skip
    return ScoreCardInputs(**(given | changes))


def words_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.S))


@pytest.mark.parametrize("lang", LANGS)
def test_a_page_stands_alone_and_is_the_same_again(card: ScoreCard, lang: Any) -> None:
    html = score_card_html(inputs_of(card), lang)
    assert html == score_card_html(inputs_of(card), lang)
    assert "<script" not in html
    assert "Mini &lt;District&gt;" in html or lang == "zh"
    assert {source[:22] for source in re.findall(r'src="([^"]+)"', html)} == {"data:image/png;base64,"}
    assert re.findall(r'href="([^"]+)"', html) == [f"scorecard.{'en' if lang == 'zh' else 'zh'}.html"]
    assert all(re.findall(r'<img [^>]*alt="([^"]+)"', html)), "every figure has words for who cannot see it"


@pytest.mark.parametrize("lang", LANGS)
def test_every_question_has_its_answer(card: ScoreCard, lang: Any) -> None:
    words = words_of(score_card_html(inputs_of(card), lang))
    for method in CSI_METHODS:
        assert method_label(method, lang) in words
    for sentence in verdicts(card):
        assert sentence[lang].replace("<", "&lt;") in words
    assert criterion_label("level-red", lang) in words


def test_synthetic_floods_and_demonstration_are_marked_and_only_they(card: ScoreCard) -> None:
    marked = words_of(score_card_html(inputs_of(card, is_demonstration=True, n_synthetic=7), "en"))
    assert "Demonstration data, not a real situation" in marked
    assert "7 floods of the record are synthetic" in marked
    plain = words_of(score_card_html(inputs_of(card), "en"))
    assert "Demonstration" not in plain
    assert "synthetic" not in plain


def test_better_is_said_only_of_whole_intervals(card: ScoreCard) -> None:
    said = "\n".join(one.en for one in verdicts(card))
    assert ": better." in said
    doubtful = card.differences.assign(low=-0.1, high=0.2)
    said = "\n".join(one.en for one in verdicts(replace(card, differences=doubtful)) if "ifference" in one.en)
    assert "not shown to be better" in said
    assert ": better." not in said
    worse = card.differences.assign(low=-0.2, high=-0.1)
    assert ": worse." in "\n".join(one.en for one in verdicts(replace(card, differences=worse)))


def test_few_storms_and_no_floods_are_neither_good_nor_bad() -> None:
    record = made_up(storms=2)
    few = score_card(record, **DRAWS)
    assert "fewer than 5 storms" in "\n".join(one.en for one in verdicts(few))
    none = score_card(replace(record, floods=record.floods.iloc[:0]), **DRAWS)
    (only,) = verdicts(none)
    assert "nothing can be said" in only.en
    for lang in LANGS:
        html = score_card_html(inputs_of(none), lang)
        assert only[lang] in words_of(html)
        assert "nan" not in words_of(html).lower()
