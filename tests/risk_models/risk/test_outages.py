"""Outages of drains and pumps: the table is checked, and holds between its dates only."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from risk_models.errors import BadInputError
from risk_models.risk.outages import CapacityShares, capacity_shares, check_outages

ENDS = pd.date_range("2021-07-20T01:00Z", periods=6, freq="h")


def outage(**changes: Any) -> pd.DataFrame:
    row = {
        "hotspot_id": "A-1", "what": "pump", "factor": 0.25, "owner": "泵站班", "valid_from": "2021-07-20T10:00+08:00",
        "expires": "2021-07-20T12:00+08:00",
    }  # fmt: skip
    return pd.DataFrame([row | changes])


def test_it_holds_between_its_dates_only() -> None:
    shares = capacity_shares(outage(), ["A-1", "A-2"], ENDS, step_h=1.0)
    assert shares.pump.tolist() == [[1, 1, 0.25, 0.25, 1, 1], [1] * 6]
    assert (shares.drain == 1).all()
    assert shares.least.tolist() == [0.25, 1.0]


def test_the_worst_of_two_reports_counts() -> None:
    both = pd.concat([outage(), outage(factor=0.5, expires="2021-07-20T14:00+08:00")])
    assert capacity_shares(both, ["A-1"], ENDS, step_h=1.0).pump.tolist() == [[1, 1, 0.25, 0.25, 0.5, 0.5]]


def test_none_is_everything_works() -> None:
    assert capacity_shares(None, ["A-1"], ENDS, step_h=1.0).pump.tolist() == [[1.0]]
    assert CapacityShares.whole(2).least.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"hotspot_id": "A-11"}, r"outages, row 2, column hotspot_id: no such hotspot.*'A-11'.*such as A-1"),
        ({"what": "sewer"}, r"column what: unknown capacity.*accepted: drain, pump"),
        ({"factor": 1.5}, r"column factor: no share.*0 to 1"),
        ({"factor": "half"}, r"column factor: no share"),
        ({"owner": " "}, "nobody answers for the outage"),
        ({"expires": None}, r"column expires: no time with time zone"),
        ({"valid_from": "2021-07-20T10:00"}, r"column valid_from: no time with time zone"),
        ({"expires": "2021-07-20T09:00+08:00"}, "ends before it begins"),
    ],
)
def test_what_cannot_be_used_is_refused(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(BadInputError, match=text):
        capacity_shares(outage(**changes), ["A-1", "A-2"], ENDS, step_h=1.0)


def test_a_missing_column_is_named() -> None:
    assert [f.column for f in check_outages(outage().drop(columns="owner"), ["A-1"])] == ["owner"]
