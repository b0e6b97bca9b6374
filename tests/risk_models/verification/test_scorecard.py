"""The score card of forecasters whose skill is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from risk_models.levels import Level
from risk_models.verification.budget import Criterion
from risk_models.verification.scorecard import FEW_STORMS, ScoreCard, score_card
from tests.risk_models.verification.records import made_up

N_DRAWS = 40


def card_of(record, **changes) -> ScoreCard:
    return score_card(record, seed=1, n_draws=N_DRAWS, **changes)


@pytest.fixture(scope="module")
def good() -> ScoreCard:
    return card_of(made_up(skill=1.0), criteria=[Criterion(name="level-blue", level_min=Level.BLUE)])


@pytest.fixture(scope="module")
def bad() -> ScoreCard:
    return card_of(made_up(skill=0.0))


def score(card, scope, method, name, part="all") -> pd.Series:
    rows = card.scores[(card.scores["scope"] == scope) & (card.scores["part"] == part)]
    return rows[(rows["method"] == method) & (rows["score"] == name)].iloc[0]


def test_who_knows_is_praised(good):
    assert score(good, "hotspots", "chance", "auc")["low"] > 0.98
    assert score(good, "hotspots", "chance", "brier_skill")["low"] > 0.5
    assert score(good, "towns", "level-blue", "csi")["value"] > 0.8
    gain = good.differences.query("scope == 'hotspots' and score == 'auc'").iloc[0]
    assert gain["low"] > 0, "rain alone does not know which hotspot"


def test_who_guesses_is_not(bad):
    auc = score(bad, "hotspots", "chance", "auc")
    assert auc["low"] < 0.5 < auc["high"]
    assert score(bad, "hotspots", "chance", "brier_skill")["high"] < 0
    gain = bad.differences.query("scope == 'hotspots' and score == 'auc'").iloc[0]
    assert gain["high"] < 0


def test_every_part_is_scored_and_events_add_up(good):
    parts = good.scores.query("scope == 'hotspots' and method == 'chance' and score == 'auc'").set_index(
        ["part", "name"]
    )
    whole = parts.loc[("all", ""), "n_events"]
    assert parts.loc["source"]["n_events"].sum() == whole
    assert parts.loc["season"]["n_events"].sum() == whole
    assert set(parts.loc["season"].index) == {"2024", "2024 off"}


def test_too_few_storms_get_no_interval():
    few = card_of(made_up(storms=FEW_STORMS - 1)).scores
    assert few["low"].isna().all()
    assert few["high"].isna().all()
    assert few.query("method == 'chance' and score == 'auc'")["value"].notna().all()


def test_no_flood_is_neither_good_nor_bad():
    record = made_up(storms=2)
    card = card_of(replace(record, floods=record.floods.iloc[:0]))
    assert card.facts["floods"] == 0
    assert card.scores.query("score in ('auc', 'pod', 'brier_skill', 'total_ratio')")["value"].isna().all()
    assert card.roc.empty
    assert card.depth_scores["value"].isna().all()


def test_unknown_is_left_out_of_the_scores_and_counted(good):
    record = made_up(skill=1.0)
    blind = np.random.default_rng(0).random(len(record.cycles)) < 0.3
    cycles = record.cycles.assign(
        p_5cm=record.cycles["p_5cm"].mask(blind), level=record.cycles["level"].mask(blind, int(Level.UNKNOWN))
    )
    card = card_of(replace(record, cycles=cycles))
    assert card.facts["unknown_share"] == pytest.approx(0.3, abs=0.05)
    seen, every = (score(one, "hotspots", "level-blue", "pod") for one in (card, good))
    assert seen["n_rows"] < every["n_rows"]
    assert seen["value"] == pytest.approx(every["value"], abs=0.05), "an unknown level is not a miss"


def test_leads_are_those_of_the_warnings_told(good):
    record = made_up(skill=1.0)
    hits = good.lead_rows[(good.lead_rows["level"] == "blue") & (good.lead_rows["outcome"] == "hit")]
    assert len(hits)
    for row in hits.itertuples():
        told = record.warnings[record.warnings["area_code"] == row.town_code]["told_at"]
        assert row.started_at - pd.Timedelta(hours=row.lead_h) in set(told)
    blue = good.leads.loc["blue"]
    assert blue["right"] + blue["late"] + blue["false"] == blue["warnings"]
    assert blue["hit"] + blue["missed"] == blue["floods"]


def test_the_same_record_in_another_order_gives_the_same_card(good):
    record = made_up(skill=1.0)
    mixed = replace(
        record, cycles=record.cycles.sample(frac=1, random_state=1),
        floods=record.floods.sample(frac=1, random_state=1), warnings=record.warnings.sample(frac=1, random_state=1),
    )  # fmt: skip
    card = card_of(mixed, criteria=[Criterion(name="level-blue", level_min=Level.BLUE)])
    for name in ("scores", "differences", "reliability", "roc", "leads", "budget"):
        pd.testing.assert_frame_equal(getattr(card, name), getattr(good, name), obj=name)


def test_reliability_of_deeper_classes_counts_deeper_floods_alone(good):
    events = good.reliability[good.reliability["scope"] == "hotspots"].groupby("chance")["events"].sum()
    assert events["p_5cm"] > events["p_15cm"] > events["p_27cm"] > events["p_50cm"] > 0


def test_nothing_to_score_is_an_error():
    record = made_up(storms=1)
    with pytest.raises(ValueError, match="no cycle"):
        card_of(replace(record, cycles=record.cycles.iloc[:0]))
