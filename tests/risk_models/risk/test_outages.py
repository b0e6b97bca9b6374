"""Outages of drains and pumps: they hold between their dates only, never help, and are named with owner and end."""

from __future__ import annotations

import dataclasses
import json
import math
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.district import check_district, load_district
from risk_models.risk import HotspotScorer
from risk_models.risk.outages import CapacityShares, capacity_shares, outage_summary
from risk_models.standards import load_standards
from risk_models.terrain import hotspot_terrain
from tests.factories import add_layer, write_mini_district
from tests.risk_models.risk.test_scorer import rainfall

ENDS = pd.date_range("2021-07-20T01:00Z", periods=6, freq="h")
HEADER = "outage_id,hotspot_id,what,remaining_share,since,expires,owner,synthetic,source\n"
#: The cycle of `rainfall` is 15:00 local time of 20 July; the drains of MD-003 fail at noon, for a day.
DRAINS_GONE = "O-1,MD-003,drain,0,2021-07-20T12:00+08:00,2021-07-21T12:00+08:00,排水班,true,synthetic (seed 7)\n"


#: Rain for three hours that the drains of MD-003 carry off in part, and that does not fill its sag without them.
ROOM_MM_H = 12.0


def outage(**changes: Any) -> pd.DataFrame:
    row = {"hotspot_id": "A-1", "what": "pump", "remaining_share": 0.25, "owner": "泵站班",
           "since": "2021-07-20T10:00+08:00", "expires": "2021-07-20T12:00+08:00"} | changes  # fmt: skip
    return pd.DataFrame([row | {name: pd.Timestamp(row[name]).tz_convert("UTC") for name in ("since", "expires")}])


def test_it_holds_between_its_dates_only() -> None:
    shares = capacity_shares(outage(), ["A-1", "A-2"], ENDS, step_h=1.0)
    assert shares.pump.tolist() == [[1, 1, 0.25, 0.25, 1, 1], [1] * 6]
    assert (shares.drain == 1).all()
    assert shares.least.tolist() == [0.25, 1.0]


def test_the_worst_of_two_reports_counts() -> None:
    both = pd.concat([outage(), outage(remaining_share=0.5, expires="2021-07-20T14:00+08:00")])
    assert capacity_shares(both, ["A-1"], ENDS, step_h=1.0).pump.tolist() == [[1, 1, 0.25, 0.25, 0.5, 0.5]]


def test_none_is_everything_works() -> None:
    assert capacity_shares(None, ["A-1"], ENDS, step_h=1.0).pump.tolist() == [[1.0]]
    assert CapacityShares.whole(2).least.tolist() == [1.0, 1.0]


def with_outages(folder: Path, rows: str) -> Path:
    write_mini_district(folder)
    (folder / "outages.csv").write_text(HEADER + rows, encoding="utf-8")
    return add_layer(folder, "outages: {path: outages.csv}")


def scorer_of(folder: Path) -> HotspotScorer:
    district, standards = load_district(folder), load_standards()
    return HotspotScorer(district, hotspot_terrain(district, land_cover_table=standards.land_cover()), standards)


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> HotspotScorer:
    return scorer_of(with_outages(tmp_path_factory.mktemp("mini") / "out", DRAINS_GONE))


def everything_works(scorer: HotspotScorer) -> pd.DataFrame:
    assert scorer.district.outages is not None
    return scorer.district.outages.iloc[:0]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (DRAINS_GONE.replace("MD-003", "MD-03"), r"outages.csv, row 2, column hotspot_id: .*nearest: MD-0.*'MD-03'"),
        (DRAINS_GONE.replace("drain", "sewer"), r"row 2, column what: .*accepted: one of drain, pump"),
        (DRAINS_GONE.replace(",0,", ",1.5,"), r"row 2, column remaining_share: .*out of range.*0 to 1"),
        (DRAINS_GONE.replace("排水班", ""), r"row 2, column owner: a required cell is blank"),
        (DRAINS_GONE.replace("07-21T12:00+08:00", "07-21T12:00"), r"row 2, column expires: .*no offset.*\+08:00"),
        (DRAINS_GONE.replace("07-21T12", "07-20T09"), r"column expires: the outage ends before it begins.*later than"),
        (DRAINS_GONE + DRAINS_GONE, r"row 3, column outage_id: the id stands twice"),
    ],
)
def test_the_table_is_checked_like_the_others(tmp_path: Path, row: str, text: str) -> None:
    errors = [str(finding) for finding in check_district(with_outages(tmp_path, row)) if finding.severity == "error"]
    assert len(errors) == 1
    with pytest.raises(AssertionError, match=text):
        raise AssertionError(errors[0])


def test_a_pump_that_the_register_does_not_know_is_doubted(tmp_path: Path) -> None:
    folder = with_outages(tmp_path, DRAINS_GONE.replace("drain", "pump"))
    (found,) = [finding for finding in check_district(folder) if finding.file == "outages.csv"]
    assert found.severity == "warning"
    assert "knows no pump at MD-003" in found.message


def test_the_check_names_what_has_expired(tmp_path: Path) -> None:
    folder = with_outages(tmp_path, DRAINS_GONE)
    due = pd.Timestamp("2021-07-21T12:00+08:00").to_pydatetime()
    (found,) = [str(finding) for finding in check_district(folder, now=due) if finding.file == "outages.csv"]
    assert "row 2, column expires: the outage has expired and is not counted any more" in found
    assert not [f for f in check_district(folder, now=due - timedelta(hours=1)) if f.file == "outages.csv"]


def test_an_empty_table_is_no_fault_and_an_edit_leaves_the_terrain(tmp_path: Path) -> None:
    folder = with_outages(tmp_path, "")
    assert not [finding for finding in check_district(folder) if finding.file == "outages.csv"]
    before = load_district(folder).content_hash
    (folder / "outages.csv").write_text(HEADER + DRAINS_GONE, encoding="utf-8")
    district = load_district(folder)
    assert district.content_hash == before
    assert district.outages is not None
    assert district.outages.loc["O-1", "expires"] == pd.Timestamp("2021-07-21T04:00Z")


def test_the_districts_outages_count_and_are_named(scorer: HotspotScorer) -> None:
    rain = rainfall(scorer, future_mm_h=ROOM_MM_H)
    broken, whole = scorer.score(rain), scorer.score(rain, outages=everything_works(scorer))
    hit = broken.loc["MD-003"]
    assert hit["depth_p50_m"] > whole.at["MD-003", "depth_p50_m"]
    assert hit["capacity_share"] == 0.0
    assert "排水管网能力仅余0%（排水班负责，至7月21日12:00）" in hit["reason_zh"]
    assert "with drains at 0% until 21 July 12:00 (排水班 answers for it)" in hit["reason_en"]
    assert not whole["reason_zh"].str.contains("仅余").any()
    item = next(item for item in json.loads(hit["reasons"]) if item["factor"] == "outage")
    assert item["value"] == 0.0
    assert item["points"] >= 0.0
    others = broken.index != "MD-003"
    assert not broken.loc[others, "reason_zh"].str.contains("仅余").any()


@settings(max_examples=15, deadline=None)
@given(
    share=st.floats(0, 1),
    what=st.sampled_from(["drain", "pump"]),
    spot=st.integers(0, 11),
    past=st.floats(0, 60),
    future=st.floats(0, 100),
    begin_h=st.integers(-30, 20),
    hours=st.integers(1, 48),
)
def test_an_outage_never_helps_and_reasons_still_add_up(
    scorer: HotspotScorer, share: float, what: str, spot: int, past: float, future: float, begin_h: int, hours: int
) -> None:
    rain = rainfall(scorer, past_mm_h=past, future_mm_h=future)
    since = pd.Timestamp(rain.attrs["valid_at"]) + pd.Timedelta(hours=begin_h)
    row = {"hotspot_id": f"MD-{spot + 1:03d}", "what": what, "remaining_share": share, "owner": "crew"}
    outages = pd.DataFrame([row | {"since": since, "expires": since + pd.Timedelta(hours=hours)}])
    broken, whole = scorer.score(rain, outages=outages), scorer.score(rain, outages=everything_works(scorer))
    for name in ("depth_now_m", "depth_p10_m", "depth_p50_m", "depth_p90_m", "p_15cm", "score", "level"):
        assert (broken[name] >= whole[name] - 1e-9).all(), name
    for text, score in zip(broken["reasons"], broken["score"], strict=True):
        told = {item["factor"]: item["points"] for item in json.loads(text) if item["points"] is not None}
        assert math.fsum(told.values()) == pytest.approx(score, abs=1e-9)
        assert told.get("outage", 0.0) >= -1e-9


def test_what_has_expired_changes_nothing_but_is_reported(scorer: HotspotScorer) -> None:
    rain = rainfall(scorer, past_mm_h=20, future_mm_h=60)
    now = pd.Timestamp(rain.attrs["valid_at"])
    assert scorer.district.outages is not None
    # it has ended before the rain of the window began
    old = scorer.district.outages.assign(since=now - pd.Timedelta(days=9), expires=now - pd.Timedelta(days=5))
    pd.testing.assert_frame_equal(
        pd.DataFrame(scorer.score(rain, outages=old)),
        pd.DataFrame(scorer.score(rain, outages=everything_works(scorer))),
    )
    zh, en = outage_summary(old, now, zone="Asia/Shanghai")
    assert zh == "排水设施停用台账：有效0条，已到期不计1条（MD-003排水管网7月15日15:00，排水班）。"
    assert en == "Out of order: 0; expired and not counted: 1 (MD-003 drains, 15 July 15:00, 排水班)."
    assert outage_summary(scorer.district.outages, now, zone="Asia/Shanghai")[1] == (
        "Out of order: 1; expired and not counted: 0."
    )
    assert outage_summary(None, now, zone="Asia/Shanghai") == ("", "")


def test_other_hotspots_are_refused(scorer: HotspotScorer) -> None:
    with pytest.raises(ValueError, match="does not know"):
        scorer.score(rainfall(scorer), outages=outage())


def test_a_district_without_the_table_has_none(tmp_path: Path) -> None:
    district = load_district(write_mini_district(tmp_path))
    assert district.outages is None
    assert dataclasses.replace(district).outages is None
