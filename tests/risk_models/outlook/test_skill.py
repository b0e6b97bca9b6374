"""Skill of outlook statements, and the gate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_models.outlook import judge, tercile_skill
from risk_models.outlook.climatology import heavy_counts
from risk_models.outlook.skill import (
    Hindcast,
    brier_score,
    event_table,
    hindcast_monthly_event,
    leave_one_year_out,
)
from tests.risk_models.outlook.conftest import made_record


def test_a_year_never_sees_itself() -> None:
    outcome = pd.Series([1.0, 0.0, np.nan, 1.0], index=[2001, 2002, 2003, 2004])
    seen: list[list[int]] = []

    def forecast(others: pd.Series) -> float:
        seen.append(list(others.index))
        return 0.5

    found = leave_one_year_out(outcome, forecast)
    assert seen == [[2002, 2004], [2001, 2004], [2001, 2002]]
    assert found.year.tolist() == [2001, 2002, 2004]
    assert found.reference.tolist() == pytest.approx([1.5 / 3, 2.5 / 3, 1.5 / 3])


def test_brier_skill_by_hand() -> None:
    found = Hindcast(np.array([1, 2]), np.array([0.9, 0.2]), np.array([0.5, 0.5]), np.array([1.0, 0.0]))
    assert found.skill == pytest.approx(1 - (0.01 + 0.04) / 0.5)


def test_season_has_skill_over_the_year_and_is_supported() -> None:
    heavy = heavy_counts(made_record(20)["G1"], timezone="UTC", day_mm=20)
    outcomes = event_table(heavy)
    assert outcomes.shape == (20, 12)
    winter = judge(hindcast_monthly_event(outcomes, 1), rng=np.random.default_rng(0))
    assert winter.is_supported
    assert winter.low > 0
    assert winter.n_years == 20
    again = judge(hindcast_monthly_event(outcomes, 1), rng=np.random.default_rng(0))
    assert again == winter


def test_noise_is_not_supported() -> None:
    rng = np.random.default_rng(6)
    supported = 0
    for _ in range(40):
        table = pd.DataFrame((rng.random((20, 12)) < 0.4).astype(float), index=range(2001, 2021), columns=range(1, 13))
        supported += judge(hindcast_monthly_event(table, 7), rng=rng).is_supported
    assert supported <= 6  # about one in twenty by chance


def test_five_years_are_too_few(germany: pd.DataFrame) -> None:
    heavy = heavy_counts(germany["DE_00390"], timezone="UTC", day_mm=25)
    verdict = judge(hindcast_monthly_event(event_table(heavy), 8), rng=np.random.default_rng(0))
    assert not verdict.is_supported
    assert verdict.reason_zh == "回报年数5年，少于10年"
    assert np.isnan(verdict.low)


def test_perfect_and_useless_terciles() -> None:
    totals = pd.Series(np.random.default_rng(2).gamma(4, 50, 24), index=range(1993, 2017))
    third = np.searchsorted(totals.quantile([1 / 3, 2 / 3]), totals)
    good = tercile_skill(np.full((24, 3), 0.1) + 0.7 * np.eye(3)[third], totals, rng=np.random.default_rng(0))
    assert good.is_supported
    even = tercile_skill(np.full((24, 3), 1 / 3), totals, rng=np.random.default_rng(0))
    assert even.skill == pytest.approx(0.0)
    assert not even.is_supported
    wrong = tercile_skill(np.full((24, 3), 0.1) + 0.7 * np.eye(3)[2 - third], totals, rng=np.random.default_rng(0))
    assert wrong.skill < 0


def test_unknown_years_are_left_out() -> None:
    totals = pd.Series([*np.arange(11.0), np.nan], index=range(2001, 2013))
    verdict = tercile_skill(np.full((12, 3), 1 / 3), totals, rng=np.random.default_rng(0))
    assert verdict.n_years == 11


def test_never_wrong_reference_has_no_skill_to_beat() -> None:
    found = Hindcast(np.arange(12), np.zeros(12), np.zeros(12), np.zeros(12))
    assert np.isnan(found.skill)
    assert not judge(found, rng=np.random.default_rng(0)).is_supported


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: brier_score([1.2], [1]), "0 to 1"),
        (lambda: brier_score([0.5], [1, 0]), "one shape"),
        (lambda: brier_score([0.5], [0.5]), "outcomes be 0 or 1"),
        (lambda: tercile_skill([[0.5, 0.5, 0.5]], pd.Series([1.0]), rng=np.random.default_rng(0)), "sum to 1"),
    ],
)
def test_nonsense_is_refused(call, text) -> None:
    with pytest.raises(ValueError, match=text):
        call()


@given(cases=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), min_size=1, max_size=50))
def test_brier_lies_in_zero_to_one_and_is_best_for_the_truth(cases) -> None:
    p, o = np.array([case[0] for case in cases]), np.array([case[1] for case in cases])
    assert 0 <= brier_score(p, o) <= 1
    assert brier_score(o.astype(float), o) == 0
