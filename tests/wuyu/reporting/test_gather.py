"""What a report is made from: whole days of rain, and the table of what is out of order."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date

import pandas as pd
import pytest

from reports.periodic.facts.rain import gauge_frame
from risk_models.outlook.periods import Scope
from tests.wuyu.reporting.conftest import NOW
from wuyu.desk import Desk
from wuyu.reporting.gather import ReportMaterial, gather
from wuyu.reporting.moments import moments_of

pytestmark = pytest.mark.xdist_group("storm")


def gathered(desk: Desk, scope: Scope) -> ReportMaterial:
    zone = desk.district.settings.district.timezone
    return gather(desk, scope, moments_of(scope, known_at=NOW, timezone=zone))


def test_the_first_day_of_rain_begins_in_the_evening_before(desk: Desk, scope: Callable[..., Scope]) -> None:
    fair = scope("period", "fair")
    short = dataclasses.replace(fair.span, first_day=date(2021, 7, 20))
    rain = gathered(desk, dataclasses.replace(fair, span=short, reviewed=short)).inputs.gauges_rain
    known = gauge_frame(rain).dropna(how="all").index
    # 20:00 of 19 July in local time is 12:00 UTC; the calendar day begins four hours later.
    assert known.min() == pd.Timestamp("2021-07-19T13:00")


def test_outages_of_the_district_reach_the_report(desk: Desk, scope: Callable[..., Scope]) -> None:
    without = gathered(desk, scope("period", "fair"))
    assert without.inputs.outages is None
    assert "outages" not in without.hashes
    table = pd.DataFrame({"outage_id": ["o1"], "hotspot_id": [desk.district.hotspots.index[0]]})
    changed = dataclasses.replace(desk, district=dataclasses.replace(desk.district, outages=table))
    found = gathered(changed, scope("period", "fair"))
    assert found.inputs.outages is table
    assert found.digest != without.digest
