"""Days by level: the unknown is not called quiet."""

from __future__ import annotations

import pandas as pd

from reports.periodic.facts.rain import DaySpan
from reports.periodic.facts.review import day_levels
from risk_models.levels import Level

DAYS = DaySpan(
    start=pd.Timestamp("2021-07-19T12:00Z"),
    end=pd.Timestamp("2021-07-22T12:00Z"),
    days=tuple(pd.date_range("2021-07-20", "2021-07-22")),
    zone="Asia/Shanghai",
)


def risk(*cells: tuple[str, int]) -> pd.DataFrame:
    return pd.DataFrame({"valid_at": pd.to_datetime([at for at, _ in cells], utc=True), "level": [v for _, v in cells]})


def test_midnight_closes_the_day_before_it() -> None:
    found = day_levels(risk(("2021-07-20T16:00Z", 4), ("2021-07-21T16:00Z", 0)), DAYS)  # 00:00 of the 21st and 22nd
    assert found.tolist() == [4, 0, int(Level.UNKNOWN)]


def test_a_quiet_day_not_assessed_to_its_end_is_unknown_a_warned_one_is_not() -> None:
    noon = "T04:00Z"
    found = day_levels(risk((f"2021-07-20{noon}", 2), (f"2021-07-21{noon}", 0), ("2021-07-22T15:00Z", 0)), DAYS)
    assert found.tolist() == [2, int(Level.UNKNOWN), 0]
