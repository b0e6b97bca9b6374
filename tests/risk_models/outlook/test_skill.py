"""Skill of outlook statements, and whether it supports them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from risk_models.outlook import tercile_skill
from risk_models.outlook.skill import judge_errors


def test_errors_smaller_than_those_of_the_reference_are_supported() -> None:
    rng = np.random.default_rng(3)
    years, reference = np.arange(2001, 2021), rng.gamma(2.0, 1.0, 20)
    verdict = judge_errors(years, 0.5 * reference, reference, rng=np.random.default_rng(0))
    assert verdict.is_supported
    assert verdict.skill == pytest.approx(0.5)
    assert verdict.n_years == 20
    assert judge_errors(years, 0.5 * reference, reference, rng=np.random.default_rng(0)) == verdict


def test_noise_is_not_supported() -> None:
    rng = np.random.default_rng(6)
    years = np.arange(2001, 2021)
    supported = sum(judge_errors(years, *rng.gamma(2.0, 1.0, (2, 20)), rng=rng).is_supported for _ in range(40))
    assert supported <= 6  # about one in twenty by chance


def test_five_years_are_too_few() -> None:
    verdict = judge_errors(np.arange(5), np.zeros(5), np.ones(5), rng=np.random.default_rng(0))
    assert not verdict.is_supported
    assert verdict.reason_zh == "回报年数5年，少于10年"
    assert np.isnan(verdict.low)


def test_never_wrong_reference_has_no_skill_to_beat() -> None:
    verdict = judge_errors(np.arange(12), np.zeros(12), np.zeros(12), rng=np.random.default_rng(0))
    assert np.isnan(verdict.skill)
    assert not verdict.is_supported


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


def test_shares_that_do_not_sum_to_one_are_refused() -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        tercile_skill([[0.5, 0.5, 0.5]], pd.Series([1.0]), rng=np.random.default_rng(0))
