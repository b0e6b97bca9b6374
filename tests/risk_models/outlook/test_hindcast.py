"""The hindcast of an outlook: years left out, scores by hand, and recorded storms in their place."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.outlook import GeneratedPeriods, StormCatalogue, generate_periods, resampled_generators
from risk_models.outlook.expected import HotspotClasses
from risk_models.outlook.hindcast import (
    Happened,
    PastSpans,
    _crps,
    gauge_totals,
    judge_depths,
    judge_totals,
    other_spans,
    past_spans,
    recorded_periods,
    unseen,
)
from risk_models.outlook.periods import Span
from risk_models.standards import load_standards

ZONE = "Asia/Shanghai"
KINDS = pd.Series({"H1": "road_junction", "H2": "school"}, name="kind")
CLASSES = HotspotClasses.for_kinds(load_standards().depth_classes("zz-road-2024"), KINDS)
TOWNS = np.array(["T1", "T2"])


def span(first: date, last: date) -> Span:
    return Span(kind="period", key="a", first_day=first, last_day=last, name_zh="甲", name_en="A")


JULY = span(date(2021, 7, 1), date(2021, 7, 31))


def test_past_spans_are_whole_and_local(record: pd.DataFrame) -> None:
    spans = past_spans(JULY, record, timezone=ZONE)
    assert spans.year.tolist() == [2001, 2002, 2003, 2004]
    first = pd.Timestamp(spans.begin_h[0] * 3600, unit="s", tz="UTC").tz_convert(ZONE)
    assert first.isoformat() == "2001-07-01T00:00:00+08:00"
    assert set(spans.end_h - spans.begin_h) == {31 * 24}
    own = record.index.tz_convert(ZONE) - pd.Timedelta(hours=1)
    wanted = record.loc[(own.year == 2002) & (own.month == 7), "G1"].sum()
    assert spans.totals_mm(record["G1"])[2002] == pytest.approx(wanted)


def test_a_span_known_in_part_is_scaled_up_or_left_out(record: pd.DataFrame) -> None:
    holed = record.copy()
    at = past_spans(JULY, record, timezone=ZONE)
    begin = holed.index.get_loc(pd.Timestamp(int(at.begin_h[1]) * 3600, unit="s", tz="UTC"))
    holed.iloc[begin + 1 : begin + 31] = np.nan  # 4 % of July 2002
    assert past_spans(JULY, holed, timezone=ZONE).year.tolist() == [2001, 2002, 2003, 2004]
    rest = record["G1"].iloc[begin + 31 : begin + 1 + 744].sum()
    assert at.totals_mm(holed["G1"])[2002] == pytest.approx(rest * 744 / 714)
    holed.iloc[begin + 1 : begin + 41] = np.nan  # 5.4 %
    assert past_spans(JULY, holed, timezone=ZONE).year.tolist() == [2001, 2003, 2004]
    assert np.isnan(at.totals_mm(holed["G1"])[2002])


def test_spans_over_new_year_and_on_a_leap_day(record: pd.DataFrame) -> None:
    winter = past_spans(span(date(2021, 12, 20), date(2022, 1, 5)), record, timezone=ZONE)
    assert winter.year.tolist() == [2001, 2002, 2003]
    leap = past_spans(span(date(2024, 2, 29), date(2024, 2, 29)), record, timezone=ZONE)
    assert leap.year.tolist() == [2001, 2002, 2003, 2004]


def test_other_spans_fill_the_year() -> None:
    assert len(other_spans(JULY)) == 10
    assert all(item.n_days == 31 for item in other_spans(JULY))
    assert other_spans(span(date(2021, 1, 1), date(2021, 12, 31))) == []
    assert len(other_spans(span(date(2021, 5, 15), date(2021, 9, 30)))) == 1


def test_recorded_storms_stand_in_their_place(
    record: pd.DataFrame, catalogue: StormCatalogue, july: GeneratedPeriods
) -> None:
    spans = past_spans(JULY, record, timezone=ZONE)
    found = recorded_periods(catalogue, spans, july)
    assert found.n_periods == 4
    assert (found.scale == 1).all()
    assert found.start_h.min() >= 0
    assert found.start_h.max() < 31 * 24
    wanted = [((catalogue.month == 7) & (catalogue.year == year)).sum() for year in spans.year]
    assert np.bincount(found.period, minlength=4).tolist() == wanted
    rain = found.hourly_mm(1)
    begin = record.index.get_loc(pd.Timestamp(int(spans.begin_h[1]) * 3600, unit="s", tz="UTC"))
    course = record["G1"].to_numpy()[begin + 1 : begin + 1 + 744]
    inside = rain[:, 0] > 0
    assert inside.sum() > 10
    assert rain[inside, 0] == pytest.approx(course[inside])
    none = recorded_periods(catalogue, PastSpans(*(np.zeros(0, dtype=np.int64),) * 3), july)
    assert (none.n_periods, len(none.period)) == (0, 0)


def test_totals_at_a_gauge_are_its_hours(july: GeneratedPeriods) -> None:
    totals = gauge_totals(july, "G2")
    for period in range(0, 60, 7):
        # The tail of a last storm is cut off in the hours, not in the total.
        assert totals[period] >= july.hourly_mm(period)[:, 1].sum() - 1e-6
    assert totals.mean() == pytest.approx(np.mean([july.hourly_mm(p)[:, 1].sum() for p in range(60)]), rel=0.02)


def test_years_that_a_generator_drew_are_seen(catalogue: StormCatalogue) -> None:
    generators = resampled_generators(catalogue, 12, rng=np.random.default_rng(1))
    periods = generate_periods(
        generators, date(2021, 7, 1), date(2021, 7, 31), n_periods=24, rng=np.random.default_rng(2)
    )
    years = np.arange(2001, 2005)
    found = unseen(generators, periods, years)
    assert found.shape == (4, 24)
    assert 0.1 < found.mean() < 0.6
    for row, year in enumerate(years):
        for period in np.flatnonzero(found[row]):
            pool = np.concatenate([month.analogues for month in generators[periods.replicate[period]].months])
            assert year not in catalogue.year[pool]
    used = catalogue.year[periods.analogue]
    for row, year in enumerate(years):
        assert year not in used[np.isin(periods.period, np.flatnonzero(found[row]))]


@settings(max_examples=50)
@given(members=st.lists(st.floats(0, 500), min_size=1, max_size=30), value=st.floats(0, 500))
def test_crps_against_its_definition(members: list[float], value: float) -> None:
    x = np.array(members)
    slow = np.abs(x - value).mean() - 0.5 * np.abs(x[:, None] - x[None, :]).mean()
    assert _crps(x, value) == pytest.approx(slow, abs=1e-6)


def judged(made: np.ndarray, happened: np.ndarray, others: list[Happened] | None = None):
    years = np.arange(2001, 2001 + happened.shape[1])
    return judge_depths(
        made, [Happened(years, happened), *(others or [])], np.ones((len(years), made.shape[1]), dtype=bool), CLASSES,
        TOWNS, rng=np.random.default_rng(0),
    )  # fmt: skip


def test_who_tells_places_apart_has_skill() -> None:
    happened = np.zeros((2, 20))
    happened[0] = 0.3  # one floods every year, the other never
    sure, _ = judged(np.tile([[0.3], [0.0]], 50), happened)
    assert sure.skill > 0.95
    assert sure.is_supported
    mixed = np.tile([[0.3, 0.0], [0.3, 0.0]], 25)
    none, _ = judged(mixed, happened)
    assert none.skill == pytest.approx(0.0, abs=0.1)
    wrong, _ = judged(np.tile([[0.0], [0.3]], 50), happened)
    assert wrong.skill < -1
    assert not wrong.is_supported


def test_who_knows_the_season_has_skill() -> None:
    happened = np.tile([0.3, 0.3, 0.3, 0.0], (2, 5))
    made = np.tile([0.3, 0.3, 0.3, 0.0], (2, 10))
    alone, _ = judged(made, happened)
    dry = [Happened(np.arange(2001, 2021), np.zeros((2, 20))) for _ in range(11)]
    season, level = judged(made, happened, dry)
    assert alone.skill == pytest.approx(0, abs=0.15)
    assert season.skill > 0.6
    assert level.is_supported


def test_one_hotspot_and_one_class_by_hand() -> None:
    one = HotspotClasses(("H1",), ("stall",), np.array([[0.27]]), CLASSES.levels[2:3])
    happened = np.array([[0.3] * 5 + [0.0] * 5])
    made = np.array([[0.3, 0.3, 0.0, 0.0, 0.0]])
    found, _ = judge_depths(made, [Happened(np.arange(10), happened)], np.ones((10, 5), dtype=bool), one,
                            np.array(["T1"]), rng=np.random.default_rng(0))  # fmt: skip
    error = (5 * 0.6**2 + 5 * 0.4**2) / 10
    reference = (5 * (1 - 4.5 / 10) ** 2 + 5 * (5.5 / 10) ** 2) / 10
    assert found.skill == pytest.approx(1 - error / reference)


def test_few_years_and_none(july: GeneratedPeriods) -> None:
    few, level = judged(np.zeros((2, 10)), np.zeros((2, 3)))
    assert "3 years of hindcast are too few" in few.reason_en
    assert not level.is_supported
    none, _ = judged(np.zeros((2, 10)), np.zeros((2, 0)))
    assert none.n_years == 0
    empty = judge_totals(np.ones(10), pd.Series(dtype=float), np.ones((0, 10), dtype=bool),
                         rng=np.random.default_rng(0))  # fmt: skip
    assert empty.n_years == 0


def test_totals_with_the_right_spread_beat_a_sure_mean_and_a_wrong_one_does_not() -> None:
    rng = np.random.default_rng(3)
    happened = pd.Series(rng.gamma(4, 35, 40), index=range(1981, 2021))
    happened.iloc[3] = np.nan
    seen = np.ones((40, 400), dtype=bool)
    good = judge_totals(rng.gamma(4, 35, 400), happened, seen, rng=np.random.default_rng(0))
    assert good.n_years == 39
    assert good.is_supported
    assert good.skill > 0.2
    biased = judge_totals(rng.gamma(4, 35, 400) + 250, happened, seen, rng=np.random.default_rng(0))
    assert not biased.is_supported
    assert biased.skill < 0


def test_replace_keeps_the_days(july: GeneratedPeriods, record: pd.DataFrame, catalogue: StormCatalogue) -> None:
    weighted = replace(july, weight=july.weight * 2)
    found = recorded_periods(catalogue, past_spans(JULY, record, timezone=ZONE), weighted)
    assert found.weight.tolist() == [1.0] * 4
    assert found.n_days == 31
