"""The outlook from record to statements: what it says, what it withholds, and that it does not know the future."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from risk_models.district import District, load_district
from risk_models.errors import BadInputError
from risk_models.outlook import Expected, PeriodOutlook, TercileForecast, TooShort, Withheld, assess_outlook
from risk_models.outlook.periods import Span
from risk_models.outlook.sentences import Sayings
from risk_models.standards import load_standards
from risk_models.terrain import HotspotTerrain, hotspot_terrain
from tests.factories import write_mini_district
from tests.risk_models.outlook.conftest import made_record

AS_OF = datetime(2020, 6, 28, 1, tzinfo=UTC)
JULY = Span(kind="month", key="2020-07", first_day=date(2020, 7, 1), last_day=date(2020, 7, 31), name_zh="七月",
            name_en="July")  # fmt: skip
WET = TercileForecast(below=0.1, normal=0.3, above=0.6, first_day=date(2020, 7, 1), last_day=date(2020, 9, 30),
                      skill=0.2, issued_on=date(2020, 6, 15), source="typed")  # fmt: skip
NOTHING = pd.DataFrame(index=pd.DatetimeIndex([], tz="UTC"))


@pytest.fixture(scope="module")
def district(tmp_path_factory: pytest.TempPathFactory) -> District:
    return load_district(write_mini_district(tmp_path_factory.mktemp("outlook") / "mini"))


@pytest.fixture(scope="module")
def terrain(district: District) -> HotspotTerrain:
    return hotspot_terrain(district, land_cover_table=load_standards().land_cover())


@pytest.fixture(scope="module")
def gauges(district: District) -> tuple[str, ...]:
    return tuple(map(str, district.gauges.index[:2]))


@pytest.fixture(scope="module")
def long_record(gauges: tuple[str, ...]) -> pd.DataFrame:
    """Return 19 and a half years, twice as strong as usual, so that water stands."""
    return (made_record(20, gauges=gauges) * 2).round(1).clip(upper=200)


@pytest.fixture(scope="module")
def assess(district: District, terrain: HotspotTerrain) -> Callable[..., PeriodOutlook]:
    def run(record: pd.DataFrame, **changes: object) -> PeriodOutlook:
        place, ground = changes.pop("district", district), changes.pop("terrain", terrain)
        span = changes.pop("span", JULY)
        given = {"as_of": AS_OF, "is_synthetic": True, "n_periods": 120, "n_refits": 12} | changes
        return assess_outlook(place, ground, load_standards(), record, span, **given)  # type: ignore[arg-type]

    return run


@pytest.fixture(scope="module")
def outlook(assess: Callable[..., PeriodOutlook], long_record: pd.DataFrame) -> PeriodOutlook:
    return assess(long_record, forecasts=[WET])


def same(first: PeriodOutlook, second: PeriodOutlook) -> None:
    assert first.statements == second.statements
    assert [item.key for item in first.withheld] == [item.key for item in second.withheld]
    pd.testing.assert_frame_equal(first.totals_mm, second.totals_mm)
    if isinstance(first.expected, Expected) and isinstance(second.expected, Expected):
        pd.testing.assert_frame_equal(first.expected.passes, second.expected.passes)
        pd.testing.assert_frame_equal(first.expected.levels, second.expected.levels)


def test_it_goes_from_record_to_statements(outlook: PeriodOutlook) -> None:
    assert isinstance(outlook.expected, Expected)
    assert outlook.climate is not None
    assert set(outlook.verdicts) == {"depth", "level", "rain", "season"}
    assert outlook.totals_mm.index.tolist() == ["recorded", "generated", "sampling_error"]
    assert outlook.totals_mm.loc["recorded", "n"] == 19  # the July to come is not there
    assert outlook.record["years_known"].min() > 19
    said = {item.key.split(":")[0] for item in outlook.statements}
    told = {item.key.split(":")[0] for item in outlook.withheld}
    assert {"season", "rain"} <= said
    assert {"depth", "level", "rain", "season"} <= said | told
    for kind in ("depth", "level", "rain"):
        assert (kind in said) == outlook.verdicts[kind].is_supported


def test_every_number_of_a_sentence_is_one_of_its_facts(outlook: PeriodOutlook) -> None:
    for item in outlook.statements:
        names = re.sub(r"^.*?(?=达到|积水|降雨)", "", item.zh)
        facts = [*item.facts.values(), *(100 * value for value in item.facts.values())]
        for is_more, number in re.findall(r"(>?)(\d+(?:\.\d+)?)", names):
            # Near certainty is written as ">99%".
            near = (float(number) <= fact <= 100 if is_more else abs(float(number) - fact) <= 0.51 for fact in facts)
            assert any(near), (number, item.zh)


def test_depths_are_those_most_likely(outlook: PeriodOutlook, district: District) -> None:
    assert isinstance(outlook.expected, Expected)
    supported = {kind: replace(verdict, is_supported=True) for kind, verdict in outlook.verdicts.items()}
    made = Sayings(district, load_standards().wording_levels(), 31, supported).depths(outlook.expected)
    passes = outlook.expected.passes.set_index(["hotspot_id", "depth_class"])["p_once"]
    by_class: dict[str, list[float]] = {}
    for item in made:
        _, hotspot_id, key = item.key.split(":")
        assert item.facts["p_once"] == passes[hotspot_id, key] >= 0.1
        by_class.setdefault(key, []).append(item.facts["p_once"])
    assert by_class
    for key, chances in by_class.items():
        assert len(chances) <= 5
        assert chances == sorted(passes.xs(key, level=1).dropna(), reverse=True)[: len(chances)]


def test_no_chance_worth_a_sentence_is_said_as_such(outlook: PeriodOutlook, district: District) -> None:
    assert isinstance(outlook.expected, Expected)
    dry = replace(outlook.expected, passes=outlook.expected.passes.assign(p_once=0.05))
    made = Sayings(district, load_standards().wording_levels(), 31, outlook.verdicts).depths(dry)
    assert [item.key for item in made] == ["depth"]
    assert isinstance(made[0], Withheld)
    assert "10% or more of reaching any depth" in made[0].reason_en


def test_the_same_twice_and_another_seed_another_draw(
    outlook: PeriodOutlook, assess: Callable[..., PeriodOutlook], long_record: pd.DataFrame
) -> None:
    same(outlook, assess(long_record, forecasts=[WET]))
    other = assess(long_record, forecasts=[WET], seed=5)
    assert other.totals_mm.loc["generated", "mean_mm"] != outlook.totals_mm.loc["generated", "mean_mm"]
    assert other.totals_mm.loc["recorded"].equals(outlook.totals_mm.loc["recorded"])


def test_nothing_later_is_known(
    outlook: PeriodOutlook, assess: Callable[..., PeriodOutlook], long_record: pd.DataFrame
) -> None:
    """Another future, and a forecast issued later, change nothing."""
    other = long_record.copy()
    later = other.index > pd.Timestamp(AS_OF)
    assert later.sum() > 4000
    other.loc[later] = 99.0
    dry = replace(WET, below=0.8, normal=0.1, above=0.1, issued_on=date(2020, 6, 29))
    same(outlook, assess(other, forecasts=[WET, dry]))
    same(outlook, assess(long_record[~later], forecasts=[WET]))
    assert assess(long_record, forecasts=[dry]).forecast.is_neutral


def test_the_order_of_gauges_changes_nothing(
    outlook: PeriodOutlook, assess: Callable[..., PeriodOutlook], long_record: pd.DataFrame
) -> None:
    same(outlook, assess(long_record[long_record.columns[::-1]], forecasts=[WET]))


def test_the_gauge_goes_by_its_english_name_where_it_has_one(
    district: District, outlook: PeriodOutlook, assess: Callable[..., PeriodOutlook], long_record: pd.DataFrame
) -> None:
    first = str(district.gauges.index[0])
    named = district.gauges.assign(gauge_name_en=["Old Bridge", *[""] * (len(district.gauges) - 1)])
    found = assess(long_record, forecasts=[WET], district=dataclasses.replace(district, gauges=named))
    for made, start in ((outlook, f"Gauge {first}: "), (found, f"Old Bridge ({first}): ")):
        assert next(item.en for item in made.statements if item.key.startswith("rain:")).startswith(start)


def test_gauges_of_nowhere_are_left_out(
    outlook: PeriodOutlook, assess: Callable[..., PeriodOutlook], long_record: pd.DataFrame
) -> None:
    found = assess(long_record.assign(elsewhere=50.0), forecasts=[WET])
    assert "elsewhere" in found.record.index
    same(outlook, found)
    only = assess(long_record[[]].assign(elsewhere=1.0))
    assert only.climate is not None
    assert isinstance(only.expected, TooShort)
    assert {"depth", "level", "rain"} <= {item.key for item in only.withheld}


def test_a_gauge_of_a_few_days_does_not_enter_the_storms(
    outlook: PeriodOutlook, assess: Callable[..., PeriodOutlook], long_record: pd.DataFrame, district: District
) -> None:
    third = str(district.gauges.index[2])
    found = assess(long_record.assign(**{third: np.nan}).fillna({third: np.nan}), forecasts=[WET])
    same(outlook, found)
    young = long_record.assign(**{third: np.nan})
    young.loc[young.index[169_000:169_100], third] = 3.0
    same(outlook, assess(young, forecasts=[WET]))


def test_no_record_is_an_answer(assess: Callable[..., PeriodOutlook], gauges: tuple[str, ...]) -> None:
    unknown = pd.DataFrame(np.nan, index=pd.date_range("2019-01-01", periods=99, freq="h", tz="UTC"), columns=gauges)
    later = pd.DataFrame({gauges[0]: [1.0]}, index=[pd.Timestamp("2021-01-01", tz="UTC")])
    for record in (NOTHING, pd.DataFrame(), unknown, later):
        found = assess(record)
        assert found.climate is None
        assert found.record.empty
        assert isinstance(found.expected, TooShort)
        assert found.totals_mm.empty
        assert found.statements == ()
        assert {item.key for item in found.withheld} == {"season:terciles", "rain", "level", "depth"}
        assert "需要至少2年，现有0年" in "".join(item.reason_zh for item in found.withheld)
        assert not any(item.is_supported for item in found.verdicts.values())


@pytest.mark.parametrize(("years", "is_generated"), [(1, False), (3, True), (9, True)])
def test_a_short_record_says_so(
    assess: Callable[..., PeriodOutlook], gauges: tuple[str, ...], years: int, is_generated: bool
) -> None:
    record = made_record(years, gauges=gauges)
    found = assess(record, as_of=datetime(2012, 1, 1, tzinfo=UTC))
    assert isinstance(found.expected, Expected) == is_generated
    assert found.statements == ()
    reasons = {item.key: item.reason_en for item in found.withheld}
    if is_generated:
        assert f"{years} years of hindcast are too few; at least 10 are needed" in reasons["depth"]
    else:
        assert "at least 2 years are needed" in reasons["depth"]
    assert f"at least 10 years are needed, {years}" in reasons["climate:return levels"]
    assert "climate:terciles of monthly rain" in reasons


def test_without_a_season_the_periods_weigh_alike(
    assess: Callable[..., PeriodOutlook], long_record: pd.DataFrame, outlook: PeriodOutlook
) -> None:
    found = assess(long_record)
    assert found.forecast.is_neutral
    reasons = {item.key: item.reason_en for item in found.withheld}
    assert reasons["season:terciles"] == "no seasonal signal"
    assert not found.verdicts["season"].is_supported
    assert found.totals_mm.loc["generated", "mean_mm"] < outlook.totals_mm.loc["generated", "mean_mm"]
    season = next(item for item in outlook.statements if item.key == "season:terciles")
    assert season.facts["low_tercile_mm"] < season.facts["high_tercile_mm"]


def test_a_town_without_hotspots_is_withheld(
    assess: Callable[..., PeriodOutlook], long_record: pd.DataFrame, district: District
) -> None:
    empty = district.towns.iloc[[0]].rename(index={district.towns.index[0]: "T-EMPTY"})
    towns = gpd.GeoDataFrame(pd.concat([district.towns, empty]), crs=district.towns.crs)
    found = assess(long_record, district=replace(district, towns=towns), forecasts=[WET])
    reasons = {item.key: item for item in found.withheld}
    assert "no hotspot is registered in" in reasons["level:T-EMPTY:yellow"].reason_en


def test_many_hotspots(tmp_path: Path, assess: Callable[..., PeriodOutlook], long_record: pd.DataFrame) -> None:
    many = load_district(write_mini_district(tmp_path / "many", hotspots=600))
    ground = hotspot_terrain(many, land_cover_table=load_standards().land_cover())
    found = assess(long_record, district=many, terrain=ground)
    assert isinstance(found.expected, Expected)
    assert found.expected.passes["hotspot_id"].nunique() == 600


def test_spans_over_new_year_and_leap_days(assess: Callable[..., PeriodOutlook], long_record: pd.DataFrame) -> None:
    for first, last in ((date(2020, 12, 20), date(2021, 1, 10)), (date(2020, 2, 29), date(2020, 2, 29))):
        found = assess(long_record, span=replace(JULY, first_day=first, last_day=last))
        assert found.totals_mm.loc["recorded", "n"] >= 18
        assert found.totals_mm.loc["recorded", "mean_mm"] >= 0


def test_what_is_no_input_is_refused(assess: Callable[..., PeriodOutlook], long_record: pd.DataFrame, terrain) -> None:
    with pytest.raises(ValueError, match="as_of must state its zone"):
        assess(long_record, as_of=datetime(2020, 1, 1))  # noqa: DTZ001
    with pytest.raises(BadInputError, match="rain record"):
        assess(long_record - 1)
    other = replace(terrain, features=terrain.features.iloc[::-1])
    with pytest.raises(ValueError, match="different hotspots"):
        assess(long_record, terrain=other)
