"""The score of statements: nothing is scored for nothing."""

from __future__ import annotations

import pandas as pd
import pytest

from reports.periodic.sections.verify import _can_be_scored


@pytest.mark.parametrize(
    ("shares", "is_scored"), [([1.0, 0.5], True), ([1.0, 1.0], False), ([0.0, 0.0], False)], ids=str
)
def test_outcomes_all_alike_are_not_scored(shares: list[float], is_scored: bool) -> None:
    assert _can_be_scored(pd.DataFrame({"share": shares, "n": [4, 2]})) is is_scored


def test_few_outcomes_are_not_scored() -> None:
    assert not _can_be_scored(pd.DataFrame({"share": [0.5], "n": [4]}))
