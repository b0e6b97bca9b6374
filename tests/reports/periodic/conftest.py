"""Reports of every kind, with four days of rain, for the small district of `tests/reports` and the bundled one."""

from __future__ import annotations

import dataclasses
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from reports.periodic.content import Document
from reports.periodic.inputs import DeliveryCounts, ReportInputs
from reports.periodic.report import periodic_report
from reports.periodic.sections import ahead, review, risk, verify
from reports.words import Lang
from risk_models.district import District, load_district
from risk_models.district.reporting import BilingualName, Department, ImportantPeriod, ReportSettings
from risk_models.levels import Level
from risk_models.outlook.climatology import Climatology, climatology
from risk_models.outlook.expected import Expected
from risk_models.outlook.period_outlook import PeriodOutlook
from risk_models.outlook.periods import Edition, Kind, Span, parse_span, scope_of
from risk_models.outlook.record import TooShort, record_lengths
from risk_models.outlook.seasonal import TercileForecast, neutral_forecast
from risk_models.outlook.skill import SkillVerdict
from risk_models.outlook.wording import Withheld, depth_statement, level_statement, seasonal_statement
from risk_models.standards import load_standards
from risk_models.verification.statements import StatementReview
from risk_models.warning.records import Action

FIRST, LAST = "2021-07-17T13:00", "2021-07-21T00:00"
Reader = Callable[[Kind, Edition, Lang, str], tuple[ReportInputs, Document]]
ROOT = Path(__file__).resolve().parents[3]
#: Key of the review edition and of the outlook edition: both look back on the storm of July 2021.
KEYS: dict[Kind, tuple[str, str]] = {
    "month": ("2021-07", "2021-08"),
    "quarter": ("2021-Q3", "2021-Q4"),
    "flood-season": ("2021", "2022"),
    "year": ("2021", "2022"),
    "period": ("fair-2021", "fair-2021"),
}
FAIR = ImportantPeriod(
    id="fair-2021",
    name=BilingualName(zh="夏季商品交易会", en="Summer Trade Fair"),
    first_day=date(2021, 7, 18),
    last_day=date(2021, 7, 22),
    towns=("410103001",),
    hotspots=("EQ-002",),
    crowd_people=12_000,
)
DEPARTMENTS = (
    Department(id="weather", name=BilingualName(zh="区气象局", en="District Weather Office"), mailbox="w@erqi.example"),
    Department(id="water", name=BilingualName(zh="区水利局", en="District Water Office"), mailbox="s@erqi.example"),
)


def _rain(gauges: list[str]) -> xr.Dataset:
    """Hourly rain of three gauges; the first carries the heaviest hour, the third has a gap."""
    times = pd.date_range(FIRST, LAST, freq="h")
    peak = int(np.argwhere(times == pd.Timestamp("2021-07-20T09:00"))[0, 0])
    hours = np.arange(len(times))
    base = 18.0 * np.exp(-(((hours - peak) / 9.0) ** 2)) + 0.4
    table = np.column_stack([base, base * 0.8, base * 0.6])
    table[peak, 0] = 201.9
    table[10:14, 2] = np.nan
    coords = {"time": times, "gauge": gauges}
    return xr.Dataset({"rain_mm": (("time", "gauge"), table)}, coords=coords)


def _risk(hotspots: pd.Index) -> pd.DataFrame:
    """One row per hour and hotspot: levels rise to a peak at 09 UTC on 20 July."""
    times = pd.date_range("2021-07-19T12:00", "2021-07-20T23:00", freq="h", tz="UTC")
    rng = np.random.default_rng(5)
    strength = rng.uniform(0.2, 1.0, len(hotspots))
    rows = []
    for at in times:
        distance = abs((at - pd.Timestamp("2021-07-20T09:00Z")) / pd.Timedelta(hours=1))
        score = 100 * strength * np.exp(-((distance / 8.0) ** 2))
        level = np.digitize(score, [15, 30, 50, 70])
        depth = score / 90
        rows.append(
            pd.DataFrame({"valid_at": at, "hotspot_id": hotspots, "level": level, "score": score, "depth_p50_m": depth})
        )
    table = pd.concat(rows, ignore_index=True)
    table.loc[table["hotspot_id"] == hotspots[-1], ["level", "score", "depth_p50_m"]] = [-1, np.nan, np.nan]
    return table


def _warnings(town_codes: pd.Index) -> pd.DataFrame:
    """Three revisions for each of six towns; the last town's warning still stands."""
    rows = []
    for number, code in enumerate(town_codes[:6]):
        top = Level.RED if number < 4 else Level.ORANGE
        steps = [(Action.NEW, Level.YELLOW, 2), (Action.UPG, top, 6), (Action.EXT, top, 9), (Action.CAN, top, 20)]
        for revision, (action, level, hour) in enumerate(steps[: 3 if number == 5 else 4]):
            rows.append(
                {
                    "warning_id": f"410103-20210719T1200Z-{code}",
                    "revision": revision,
                    "action": str(action),
                    "area_code": code,
                    "level": int(level),
                    "issued_at": pd.Timestamp("2021-07-20T00:00Z") + pd.Timedelta(hours=hour + number / 4),
                    "unconfirmed": number == 0,
                    "degraded": number == 1,
                }
            )
    return pd.DataFrame(rows)


def _history(hotspots: pd.Index) -> pd.DataFrame:
    columns = {
        "started_at": ["2019-08-01T22:40+08:00", "2021-07-20T17:00+08:00"],
        "hotspot_id": [hotspots[0], hotspots[1]],
        "depth_m": [np.nan, 2.5],
        "effect_zh": ["双向封闭", "隧道淹没"],
        "effect_en": ["closed both ways", "tunnel filled"],
        "confidence": ["B", "A"],
        "synthetic": [False, False],
        "source": ["press", "press"],
    }
    return pd.DataFrame(columns, index=pd.Index(["H-1", "H-2"], name="event_id"))


def _plans(district: Any) -> pd.DataFrame:
    rows = []
    for number, (code, name) in enumerate(district.towns["town_name"].items()):
        rows.append(
            (
                f"PT-{number}",
                "town",
                code,
                "yellow",
                f"{name}办事处",
                "通知社区;转移人员",
                "tell communities;move people",
                "before;during",
            )
        )
    for number, hotspot in enumerate(district.hotspots.index):
        rows.append(
            (
                f"PH-{number}",
                "hotspot",
                hotspot,
                "orange",
                "市政设施管理所",
                "封闭通道;设岗值守",
                "close the passage;post guards",
                "standing;during",
            )
        )
    rows.append(("PD-1", "district", "410103", "red", "区防汛抗旱指挥部", "启动应急响应", "start the response", ""))
    names = ["plan_id", "scope_kind", "scope_id", "trigger_level", "owner_unit", "actions_zh", "actions_en", "phase"]
    plans = pd.DataFrame(rows, columns=names).set_index("plan_id")
    revised = [pd.Timestamp("2021-05-10"), pd.Timestamp("2019-03-01"), pd.NaT]
    return plans.assign(revised_on=[revised[number % 3] for number in range(len(plans))])


def _rehearsal(hotspots: pd.Index) -> pd.DataFrame:
    rows = []
    for minutes in (60, 180, 1440):
        for years in (2, 10, 100):
            depth = np.linspace(0, 0.3 * np.log10(years) + 0.2, len(hotspots))
            storm = {"scenario_id": f"P{years}-D{minutes}", "return_period_a": years, "duration_min": minutes}
            storm |= {"rain_total_mm": 30.0 + years * 0.4 + minutes / 60, "hotspot_id": hotspots, "peak_depth_m": depth}
            rows.append(pd.DataFrame(storm))
    return pd.concat(rows, ignore_index=True)


def acknowledgements(warnings: pd.DataFrame) -> pd.DataFrame:
    """One request per warning: most answered in time, one late, one by nobody."""
    first = warnings.drop_duplicates("warning_id").reset_index(drop=True)
    minutes = [3.0, 8.0, 12.0, 45.0, np.nan, 6.0]
    sent = first["issued_at"]
    return pd.DataFrame(
        {
            "warning_id": first["warning_id"],
            "area_code": first["area_code"],
            "level": [4, 4, 4, 4, 3, 3],
            "sent_at": sent,
            "deadline_at": sent + pd.Timedelta(minutes=30),
            "answered_at": sent + pd.to_timedelta(minutes, unit="min"),
            "answer": ["received", "received", "received", "received", "", "received"],
            "steps": [1, 1, 1, 3, 4, 1],
        }
    )


def field_reports(hotspots: pd.Index) -> pd.DataFrame:
    at = pd.to_datetime(["2021-07-20T09:30Z", "2021-07-20T10:00Z", "2021-07-20T10:05Z", "2021-07-20T11:00Z"])
    states = ["flooded", "not_flooded", "flooded", "not_checked"]
    return pd.DataFrame({"at": at, "hotspot_id": hotspots[:4], "state": states, "who": "410103001"})


def exposure(hotspots: pd.DataFrame) -> pd.DataFrame:
    number = np.arange(len(hotspots))
    table = pd.DataFrame(
        {
            "town_code": hotspots["town_code"].to_numpy(),
            "peak_depth_m": 0.1 + number * 0.01,
            "level": np.where(number % 3 == 0, 3, 1),
            "people_day": 300 + number,
            "people_night": 200 + number,
            "sensitive_people": number % 7,
            "schools": number % 2,
            "hospitals": 0,
            "people_in_water_day": number,
        },
        index=hotspots.index,
    )
    table.attrs = {"return_period_a": 50.0, "duration_min": 60.0}
    return table


def capacity(towns: pd.Index) -> pd.DataFrame:
    number = np.arange(len(towns))
    columns = {"hotspots_flooded": number % 4, "people_exposed": 100 * number, "people_to_move": 15 * number}
    columns |= {"shelter_free": 500 - 20 * number, "shelter_shortfall": np.where(number > 14, 10 * number, 0)}
    columns |= {"team_people": 20 + number, "team_shortfall": 0 * number, "pumps": number % 3}
    return pd.DataFrame(columns, index=towns)


@lru_cache
def climate_of(years: int) -> tuple[pd.DataFrame, Climatology]:
    """A record of one gauge: a shower on every third day, heavier in July and August."""
    hours = pd.date_range("2004-01-01T01:00Z", periods=int(years * 8766), freq="h")
    rng = np.random.default_rng(12)
    share = np.where(pd.DatetimeIndex(hours).month.isin([7, 8]), 6.0, 1.5)
    rain = np.round(rng.gamma(0.6, share) * (rng.random(len(hours)) < 0.05), 1)
    record = pd.DataFrame({"57083": rain}, index=hours)
    return record, climatology(record, "57083", timezone="Asia/Shanghai", rng=np.random.default_rng(0))


def expected(district: Any) -> Expected:
    """Chances that fall with the number of the hotspot, and levels that agree with them."""
    classes = [("ponding", 0.05), ("exceeded", 0.15), ("stall", 0.27), ("danger", 0.5), ("lethal", 1.0)]
    rows, n = [], len(district.hotspots)
    for number, code in enumerate(district.hotspots.index):
        for step, (key, depth_m) in enumerate(classes):
            p = float("nan") if key == "lethal" else 0.9 * (1 - number / n) * 0.7**step
            rows.append((code, key, depth_m, p, p * 0.7, min(1.0, p * 1.2), p * 1.3, 0.0, 2.0))
    names = ["hotspot_id", "depth_class", "depth_min_m", "p_once", "p_low", "p_high"]
    passes = pd.DataFrame(rows, columns=[*names, "expected_days", "days_p10", "days_p90"])
    own = passes[passes["depth_class"] != "lethal"]
    levels = []
    units = [("hotspot", code, part) for code, part in own.groupby("hotspot_id")]
    grouped = own.groupby(own["hotspot_id"].map(district.hotspots["town_code"]))
    units += [("group", town, part) for town, part in grouped]
    units.append(("district", district.settings.district.code, own))
    for kind, unit, part in units:
        best = part.groupby("depth_class")["p_once"].max()
        for level, (key, _) in enumerate(classes[:4], start=1):
            p = float(best[key])
            levels.append((kind, unit, level, 3.0 * p, 0.3 * p, p, 0.0, 5.0 * p, p, p * 0.7, min(1.0, p * 1.2)))
    columns = [
        "unit_kind",
        "unit_id",
        "level",
        "expected_days",
        "days_se",
        "expected_days_exactly",
        "days_p10",
        "days_p90",
    ]
    table = pd.DataFrame(levels, columns=[*columns, "p_once", "p_low", "p_high"])
    return Expected(passes, table, n_periods=1000, n_storms=5000, n_run=1200)


def outlook_of(district: Any, span: Span, *, is_good: bool = True) -> PeriodOutlook:
    """An outlook of 18 years with a wet season, or one of two years that can say nothing."""
    record, climate = climate_of(18 if is_good else 2)
    zh, en = ("回报技巧0.20", "hindcast skill 0.20") if is_good else ("资料不足", "the record is too short")
    verdict = SkillVerdict(0.2, 0.1, 18, is_good, zh, en)
    words = load_standards().wording_levels()
    forecast = TercileForecast(below=0.2, normal=0.3, above=0.5, skill=0.1, issued_on=date(2021, 5, 2), source="SEAS5")
    forecast = forecast if is_good else neutral_forecast("没有提供季节预报", "no seasonal forecast was given")
    found = expected(district) if is_good else TooShort("各等级日数", "days at each level", 10, 2, "years")
    season = seasonal_statement(forecast)
    spots = [
        depth_statement((code, row["hotspot_name"], row["hotspot_name_en"]), ("stall", 0.27), (0.45, 0.3, 0.6), words)
        for code, row in district.hotspots.head(20).iterrows()
    ]
    whole = ("district", "全区", "The district")
    days = level_statement(whole, Level.YELLOW, (1.9, 0, 3), span.n_days)
    made = (season, days, *spots) if is_good else ()
    held = [
        Withheld(f"depth:EQ-0{number}:danger", "回报年份不足", "too few hindcast years") for number in range(30, 36)
    ]
    held += [] if is_good else [season]
    totals = {"n": [18, 1000, 1000], "mean_mm": [120.4, 118.0, 2.9], "p10_mm": [60.2, 58.0, 2.1]}
    totals |= {"p50_mm": [110.5, 109.9, 3.0], "p90_mm": [201.3, 199.0, 6.2]}
    return PeriodOutlook(
        span=span,
        as_of=datetime(2021, 7, 1, tzinfo=UTC),
        record=record_lengths(record),
        is_synthetic=True,
        climate=climate,
        forecast=forecast,
        totals_mm=pd.DataFrame(totals, index=["recorded", "generated", "sampling_error"]).iloc[: 3 if is_good else 0],
        expected=found,
        verdicts=dict.fromkeys(("depth", "level", "rain", "season"), verdict),
        statements=made,
        withheld=tuple(held),
        n_periods=1000 if is_good else 0,
        seed=7,
    )


def review_of(n: int = 24) -> StatementReview:
    """What became of the last report's statements: two in three came true."""
    outcome = [("came_true", "did_not", "came_true", "unknown")[number % 4] for number in range(n)]
    rows = [
        {"key": f"depth:EQ-{number:03d}:stall", "kind": "depth",
         "zh": f"风险点{number}号积水达到27厘米的可能性较高（45%）。",
         "en": f"Hotspot {number}: chance of ponding of 27 cm or more is fairly high (45%).", "probability": 0.45,
         "stated": 0.27, "low": 0.3, "high": 0.6, "observed": np.nan if outcome[number] == "unknown" else 0.31,
         "outcome": outcome[number], "evidence": "none" if outcome[number] == "unknown" else "model"}
        for number in range(n)
    ]  # fmt: skip
    bins = {"p_from": [0.4, 0.6], "p_to": [0.6, 0.8], "p_mean": [0.45, 0.66], "share": [0.6, 0.7], "n": [15, 8]}
    counts = {name: outcome.count(key) for name, key in (("n_true", "came_true"), ("n_false", "did_not"))}
    return StatementReview(
        table=pd.DataFrame(rows),
        brier=0.214,
        brier_reference=0.222,
        reliability=pd.DataFrame(bins),
        n_unknown=outcome.count("unknown"),
        **counts,
    )


def make_report_inputs(district: Any, kind: Kind, edition: Edition, **changes: Any) -> ReportInputs:
    """Return the inputs of a report with everything known."""
    key = KEYS[kind][0 if edition == "review" else 1]
    scope = scope_of(parse_span(kind, key, district.settings), edition, district.settings)
    warnings = _warnings(district.towns.index)
    gauges = [str(code) for code in district.gauges.index[:3]]
    fields: dict[str, Any] = {
        "district": district,
        "standards": load_standards(),
        "scope": scope,
        "issued_at": scope.issued_at,
        "gauges_rain": _rain(gauges),
        "risk": _risk(district.hotspots.index),
        "warnings": warnings,
        "reference_gauge": gauges[0],
        "deliveries": DeliveryCounts(bulletins=23, accepted=46, failed=1, waiting=2, acknowledged=5),
        "acknowledgements": acknowledgements(warnings),
        "field_reports": field_reports(district.hotspots.index),
        "rehearsal": _rehearsal(district.hotspots.index),
        "exposure": exposure(district.hotspots),
        "capacity": capacity(district.towns.index),
        "outages": pd.DataFrame(
            {"hotspot_id": [district.hotspots.index[0]], "what": ["pump"], "remaining_share": [0.5], "owner": ["市政"],
             "since": [pd.Timestamp("2021-07-01T00:00Z")], "expires": [pd.Timestamp("2021-08-05T00:00Z")]}
        ),
        "outlook": None if scope.coming is None else outlook_of(district, scope.coming),
        "review": None if scope.reviewed is None else review_of(),
    }  # fmt: skip
    return ReportInputs(**(fields | changes))


@pytest.fixture(scope="session")
def month_district(sample_district: Any) -> Any:
    """Return the small district with gauges, history, plans and seasons; one town has no hotspot."""
    hotspots = sample_district.hotspots[sample_district.hotspots["town_code"] != "410103018"]
    points = sample_district.towns.geometry.representative_point().iloc[[0, 5, 13]]
    gauges = gpd.GeoDataFrame(
        {"gauge_name": ["郑州站", "侯寨站", "马寨站"], "synthetic": [False, True, True]},
        index=pd.Index(["57083", "G-02", "G-03"], name="gauge_id"),
        geometry=list(points),
        crs=sample_district.towns.crs,
    )
    communities = pd.DataFrame({"town_code": ["410103001"]}, index=pd.Index(["410103001001"], name="community_code"))
    settings = SimpleNamespace(
        **vars(sample_district.settings),
        seasons=SimpleNamespace(flood_season=("05-15", "09-30"), key_period=("07-16", "08-15")),
        important_periods=(FAIR,),
        reports=ReportSettings(departments=DEPARTMENTS),
    )
    return SimpleNamespace(
        settings=settings,
        towns=sample_district.towns,
        hotspots=hotspots,
        gauges=gauges,
        communities=communities,
        history=_history(hotspots.index),
        plans=_plans(SimpleNamespace(towns=sample_district.towns, hotspots=hotspots)),
    )


@pytest.fixture(scope="session")
def bundled_district() -> District:
    """Return the bundled district with an important period and two departments of its own."""
    district = load_district(ROOT / "data" / "erqi")
    reports = ReportSettings(departments=DEPARTMENTS)
    settings = district.settings.model_copy(update={"important_periods": (FAIR,), "reports": reports})
    return dataclasses.replace(district, settings=settings)


@pytest.fixture(scope="session")
def make_inputs(month_district: Any, bundled_district: District) -> Callable[..., ReportInputs]:
    """Return a function of kind and edition; `bundled=True` for the bundled district, keywords replace fields."""

    def make(kind: Kind, edition: Edition = "review", *, bundled: bool = False, **changes: Any) -> ReportInputs:
        district = changes.pop("district", bundled_district if bundled else month_district)
        return make_report_inputs(district, kind, edition, **changes)

    return make


@pytest.fixture(scope="session")
def month_inputs(make_inputs: Callable[..., ReportInputs]) -> ReportInputs:
    """Return the inputs of July 2021."""
    return make_inputs("month")


@pytest.fixture(scope="session")
def make_empty(make_inputs: Callable[..., ReportInputs]) -> Callable[..., ReportInputs]:
    """Return a function of kind and edition: nothing was measured, assessed, warned, rehearsed or foreseen."""

    def make(kind: Kind, edition: Edition = "review", **changes: Any) -> ReportInputs:
        full = make_inputs(kind, edition)
        names = ("deliveries", "acknowledgements", "field_reports", "rehearsal", "exposure", "capacity", "outages")
        nothing: dict[str, Any] = dict.fromkeys((*names, "outlook", "review"))
        nothing |= {"risk": full.risk.iloc[:0], "warnings": full.warnings.iloc[:0]}
        district = SimpleNamespace(**vars(full.district))
        district.history = district.history.iloc[:0]
        nothing |= {"district": district}
        nothing |= {"gauges_rain": full.gauges_rain.isel(time=slice(0, 0))}
        return make_inputs(kind, edition, **(nothing | changes))

    return make


@pytest.fixture(scope="session")
def empty_month(make_empty: Callable[..., ReportInputs]) -> ReportInputs:
    """Return a month in which nothing was measured, assessed, warned or rehearsed."""
    return make_empty("month")


@pytest.fixture(scope="session")
def with_names(month_inputs: ReportInputs) -> Callable[[str], ReportInputs]:
    """Return a function that gives every name in the inputs to one hostile text."""

    def rename(name: str) -> ReportInputs:
        district = SimpleNamespace(**vars(month_inputs.district))
        district.towns = district.towns.assign(town_name=name, town_name_en=name)
        district.hotspots = district.hotspots.assign(hotspot_name=name, hotspot_name_en=name)
        district.gauges = district.gauges.assign(gauge_name=name)
        district.plans = district.plans.assign(owner_unit=name, actions_zh=name, actions_en=name)
        return dataclasses.replace(month_inputs, district=district)

    return rename


def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pictures be one small picture: for tests of words and tables, which need no drawing."""
    png = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==")
    names = ("depth_duration_chart", "rain_by_month_chart", "level_calendar", "rain_chart", "reliability_chart")
    names = (*names, "return_level_curve", "chance_bars", "chance_map", "town_ranking", "level_chart")
    for section in (review, verify, ahead, risk):
        for name in names:
            if hasattr(section, name):
                monkeypatch.setattr(section, name, lambda *args, **kwargs: png)
    monkeypatch.setattr(risk.LevelMap, "__init__", lambda self, district: None)
    monkeypatch.setattr(risk.LevelMap, "png", lambda self, table, **kwargs: png)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build reports without drawing."""
    without_pictures(monkeypatch)


@pytest.fixture(scope="session")
def read_report(make_inputs: Callable[..., ReportInputs], make_empty: Callable[..., ReportInputs]) -> Reader:
    """Return a function of kind, edition, language and one of small, bundled, empty: inputs and undrawn document."""

    @cache
    def read(kind: Kind, edition: Edition, lang: Lang, which: str) -> tuple[ReportInputs, Document]:
        inputs = (
            make_empty(kind, edition) if which == "empty" else make_inputs(kind, edition, bundled=which == "bundled")
        )
        with pytest.MonkeyPatch.context() as monkeypatch:
            without_pictures(monkeypatch)
            return inputs, periodic_report(inputs, lang)

    return read


@pytest.fixture(scope="session")
def many_hotspots(month_district: Any) -> Any:
    """Return the small district with 600 hotspots in seventeen of its towns."""
    district = SimpleNamespace(**vars(month_district))
    copies = []
    for number in range(11):
        part = district.hotspots.copy()
        part.index = pd.Index([f"{code}-{number}" for code in part.index], name="hotspot_id")
        copies.append(part)
    district.hotspots = pd.concat(copies).iloc[:600]
    return district
