"""A small district with one evening of rain, for everything that people read."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from risk_models.district.settings import (
    AcknowledgementSettings,
    DistrictIdentity,
    MailSettings,
    Name,
    StandardsSettings,
    WarningSettings,
)
from risk_models.levels import Level
from risk_models.plan.match import PLAN_COLUMNS, match_plans
from risk_models.risk.criteria import within_columns
from risk_models.risk.table import RISK_COLUMNS
from risk_models.risk.windows import WINDOWS_H, window_name
from risk_models.warning.records import Action, WarningRecord

CRS = "EPSG:4547"
VALID_AT = datetime(2021, 7, 20, 8, tzinfo=UTC)
TOWNS = [
    *("淮河路街道", "铭功路街道", "一马路街道", "蜜蜂张街道", "五里堡街道", "大学路街道", "建中街街道", "福华街街道"),
    *("德化街街道", "嵩山路街道", "京广路街道", "长江路街道", "人和路街道", "侯寨街道", "金水源街道", "马寨镇"),
    *("樱桃沟管委会", "二七新区管委会"),
]
TOWNS_EN = [
    *("Huaihelu", "Minggonglu", "Yimalu", "Mifengzhang", "Wulipu", "Daxuelu", "Jianzhongjie", "Fuhuajie", "Dehuajie"),
    *("Songshanlu", "Jingguanglu", "Changjianglu", "Renhelu", "Houzhai", "Jinshuiyuan", "Mazhai Town"),
    *("Yingtaogou Committee", "Erqi New Area Committee"),
]
KINDS = [
    *("rail_underpass", "tunnel", "road_junction", "old_community"),
    *("riverside", "school", "underground_space", "gully_slope"),
]
PLACES = [
    *("陇海路铁路下穿", "京广路隧道北口", "航海路与嵩山路口", "汝河小区", "金水河庆丰街段", "淮河路小学"),
    *("大学路地下商场", "樱桃沟坡面", "南三环京广南路口", "沿河路北门", "福寿街正兴街", "长江路地下车库"),
]


def _town_cells() -> list[shapely.Geometry]:
    """Cut an outline of the district's size into 18 cells, small ones in the north-east as in the real district."""
    rng = np.random.default_rng(7)
    centre = np.array([465_000.0, 3_838_000.0])
    outline = shapely.affinity.scale(shapely.Point(centre).buffer(1.0, 24), 7_500, 9_000)
    north_east = centre + np.array([2_500, 5_200]) + rng.normal(0, 1_500, (11, 2))
    rest = centre + rng.uniform(-6_000, 6_000, (7, 2)) * [1, 1.2] - [1_000, 1_500]
    points = shapely.MultiPoint(np.vstack([north_east, rest]))
    cells = shapely.get_parts(shapely.voronoi_polygons(points, extend_to=outline.buffer(9_000)))
    ordered = [next(cell for cell in cells if cell.contains(point)) for point in points.geoms]
    return [shapely.intersection(cell, outline) for cell in ordered]


def make_district(**names: str) -> Any:
    """Return a district of the contract's shape; `names` replaces names to test hostile ones."""
    codes = [f"4101030{n:02d}" for n in range(1, 19)]
    towns = gpd.GeoDataFrame(
        {
            "town_name": TOWNS,
            "town_name_en": TOWNS_EN,
            "kind": "street",
            "population_night": 60_000,
            "population_day": 70_000,
            "duty_phone": [f"0371-0000{n:04d}" for n in range(1, 19)],
            "mailbox": [f"town{n:02d}@erqi.example" for n in range(1, 19)],
        },
        index=pd.Index(codes, name="town_code"),
        geometry=_town_cells(),
        crs=CRS,
    )
    rng = np.random.default_rng(11)
    rows, points = [], []
    for number in range(60):
        code = codes[0] if number < 9 else codes[number % 18]
        cell = towns.geometry[code]
        low_x, low_y, high_x, high_y = cell.bounds
        point = cell.representative_point()
        while True:
            trial = shapely.Point(rng.uniform(low_x, high_x), rng.uniform(low_y, high_y))
            if cell.contains(trial):
                point = trial
                break
        place = PLACES[number % len(PLACES)]
        rows.append(
            {
                "hotspot_id": f"EQ-{number + 1:03d}",
                "hotspot_name": place if number < 12 else f"{place}{number}",
                "hotspot_name_en": f"{KINDS[number % 8].replace('_', ' ').capitalize()} {number + 1}",
                "kind": KINDS[number % 8],
                "town_code": code,
                "close_depth_m": 0.15 if number % 8 < 2 else 0.27,
                "owner_unit": "市政设施管理所",
                "owner_name": "王某某",
                "owner_phone": f"138-0000-{number:04d}",
                "synthetic": True,
            }
        )
        points.append(point)
    hotspots = gpd.GeoDataFrame(pd.DataFrame(rows).set_index("hotspot_id"), geometry=points, crs=CRS)
    lonlat = hotspots.geometry.to_crs(4326)
    hotspots["lon"], hotspots["lat"] = lonlat.x, lonlat.y
    if "hotspot" in names:
        hotspots.loc["EQ-001", ["hotspot_name", "hotspot_name_en", "owner_name"]] = names["hotspot"]
    if "town" in names:
        towns.loc[codes[0], ["town_name", "town_name_en"]] = names["town"]

    settings = SimpleNamespace(
        district=DistrictIdentity(
            code="410103",
            name=Name(zh="二七区", en="Erqi District"),
            city=Name(zh="郑州市", en="Zhengzhou"),
            bureau=Name(zh="二七区应急管理局", en="Erqi District Emergency Management Bureau"),
            timezone="Asia/Shanghai",
            projected_crs=CRS,
            demonstration=True,
        ),
        standards=StandardsSettings(),
        warning=WarningSettings(duty_chain=({"name": "值班长", "phone": "0371-00001998"},)),
        acknowledgement=AcknowledgementSettings(),
        mail=MailSettings(sender="二七区防汛值班室 <duty@erqi.example>", status="Exercise"),
        five_pre=None,
    )
    plans = pd.DataFrame({"owner_unit": ["市政设施管理所"], "owner_unit_en": ["Municipal Works Office"]})
    return SimpleNamespace(settings=settings, towns=towns, hotspots=hotspots, plans=plans)


def now_and_ahead(median_m: np.ndarray, hour: pd.Timestamp) -> dict[str, Any]:
    """Return the columns of what is known of now and of the windows ahead."""
    at = pd.Timestamp(hour, tz="UTC") if hour.tzinfo is None else hour
    windows = [window_name(window_h) for window_h in WINDOWS_H]

    def times(hours: float, least_m: float = 0.05) -> pd.Series:
        told = [at + pd.Timedelta(hours=hours) if depth_m > least_m else pd.NaT for depth_m in median_m]
        return pd.Series(pd.DatetimeIndex(told).as_unit("ns")).to_numpy()

    return {
        "now": "dry",
        "p_now_15cm": 0.0,
        "now_class": 0,
        "now_since": pd.NaT,
        "now_seen_at": pd.NaT,
        "now_by": "",
        "observed_depth_m": np.nan,
        **{f"p_15cm_{name}": np.clip(median_m, 0, 1) for name in windows},
        **{f"level_{name}": 1 for name in windows},
        **{name: np.clip(median_m, 0, 1) for name in within_columns()},
        "onset_unfavourable_at": times(2.5),
        "danger_from": times(2.0),
        "danger_to": times(5.0),
    }


def make_risk(district: Any, *, unknown: bool = False) -> gpd.GeoDataFrame:
    """Return a risk table of the contract's columns for the district of `make_district`."""
    hotspots = district.hotspots
    n = len(hotspots)
    rng = np.random.default_rng(3)
    median = np.round(np.clip(rng.gamma(1.2, 0.12, n), 0, 2.4), 3)
    median[[0, 1, 2]] = [1.42, 0.61, 0.33]
    high = np.round(median * 1.6 + 0.05, 3)
    level = np.select([high > 0.8, high > 0.5, high > 0.27, high > 0.12], [4, 3, 2, 1], 0)
    level[n - 6 :] = -1
    hour = pd.Timestamp("2021-07-20T08:00")
    columns = {
        "obs_10min_mm": np.nan,
        "obs_30min_mm": np.nan,
        "obs_1h_mm": 46.2, "obs_3h_mm": 96.0, "obs_6h_mm": 141.5, "obs_12h_mm": 188.0, "obs_24h_mm": 252.3,
        "obs_72h_mm": 371.0, "fc_1h_mm_p50": 88.0, "fc_1h_mm_p90": 131.0, "fc_3h_mm_p50": 161.0,
        "fc_3h_mm_p90": 240.0, "fc_6h_mm_p50": 251.0, "fc_12h_mm_p50": 310.0, "fc_24h_mm_p50": 420.0,
        "return_period_a": float("inf"), "return_window_h": 1.0, "soil_water_index_mm": 210.0,
    }  # fmt: skip
    table = gpd.GeoDataFrame(
        {
            **{name: hotspots[name] for name in ("hotspot_name", "hotspot_name_en", "kind", "town_code", "lon", "lat")},
            **{name: np.full(n, value) for name, value in columns.items()},
            "return_period_text": "超过100年一遇",
            "formula_id": "zz-f2",
            "depth_now_m": median * 0.3,
            "sag_known": np.arange(n) < 2,
            "depth_p10_m": median * 0.5,
            "depth_p50_m": median,
            "depth_p90_m": high,
            "p_5cm": np.clip(median * 4, 0, 1),
            "p_15cm": np.clip(median * 2, 0, 1),
            "p_27cm": np.clip(median * 1.4, 0, 1),
            "p_50cm": np.clip(median * 0.9, 0, 1),
            "p_lethal": np.clip(median * 0.3, 0, 1),
            "first_15cm_at": [hour + pd.Timedelta(hours=1) if d > 0.15 else pd.NaT for d in median],
            "first_50cm_at": [hour + pd.Timedelta(hours=2) if d > 0.5 else pd.NaT for d in median],
            "peak_at": [hour + pd.Timedelta(hours=3) if d > 0 else pd.NaT for d in median],
            "likelihood": np.clip(level, -1, 3),
            "impact": np.where(level < 0, -1, 2),
            "score": np.where(level < 0, np.nan, level * 22.0 + 8),
            "level": level,
            "matrix_level": level,
            "order_phase": np.select([level > 2, level > 0, level == 0], ["act", "prepare", "none"], "unknown"),
            "order_criterion": np.where(level > 0, "red-act", ""),
            "order_chance": np.where(level > 0, 0.6, np.nan),
            "worst_case_level": np.minimum(level + 1, 4),
            "place": np.arange(1, n + 1),
            "confidence": "medium",
            "unconfirmed": False,
            "people_exposed": 1200,
            "facilities_exposed": 2,
            "people_day": 1200,
            "people_night": 900,
            "people_in_water": 40.0,
            "buildings_in_water": 3.0,
            "exposure": "{}",
            **now_and_ahead(median, hour),
            "reason_zh": "预计1小时雨量88毫米，超过管网排水能力40毫米/小时",
            "reason_en": "1 h rain of 88 mm expected, above the drain capacity of 40 mm/h",
            "reasons": "[]",
            "capacity_share": 1.0,
        },
        index=hotspots.index,
        geometry=list(hotspots.geometry),
        crs=CRS,
    )
    if unknown:
        numbers = [
            name for name in table.columns if name.startswith(("obs_", "fc_", "depth_", "p_", "return_period_a"))
        ]
        table[numbers] = np.nan
        table[["level", "likelihood", "impact", "worst_case_level"]] = -1
        table[["first_15cm_at", "first_50cm_at", "peak_at"]] = pd.NaT
        table["confidence"] = "low"
        table["now"] = "unknown"
        table[["onset_unfavourable_at", "danger_from", "danger_to"]] = pd.NaT
    assert set(RISK_COLUMNS) <= set(table.columns)
    table.attrs = {
        "valid_at": "2021-07-20T08:00:00+00:00",
        "issued_at": "2021-07-20T00:00:00+00:00",
        "event_key": "410103-20210719T1200Z",
        "ladder_step": 6 if unknown else 2,
        "ladder_zh": "无可用雨量，不给出数值" if unknown else "实况完整及时，个别缺测站由邻站插补",
        "ladder_en": "no usable rain; no numbers are given" if unknown else "fresh feed, missing gauges filled in",
        "gauges_used": 0 if unknown else 22,
        "gauges_expected": 24,
        "observed_until": "" if unknown else "2021-07-20T08:00:00+00:00",
        "district_code": "410103",
        "demonstration": True,
        "method_version": "0.1.0",
        "matrix_id": "wuyu-4x4",
        "formula_id": "zz-f2",
    }
    return table


def make_actions(risk: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return one proposed action per warned hotspot."""
    warned = risk[risk["level"] >= Level.BLUE].sort_values("level", ascending=False, kind="stable")
    return pd.DataFrame(
        {
            "hotspot_id": warned.index,
            "level": warned["level"].to_numpy(),
            "plan_id": [f"P-{hotspot}" for hotspot in warned.index],
            "plan_title": [f"{name}防汛预案" for name in warned["hotspot_name"]],
            "plan_title_en": [f"Flood plan of {name}" for name in warned["hotspot_name_en"]],
            "actions_zh": "立即封闭通道并设岗;启动移动泵车;引导车辆绕行",
            "actions_en": "close the passage and post guards;start the mobile pump;divert traffic",
            "action_phases": "during",
            "plan_trigger": "blue",
            "plan_state": "in_force",
            "standby_plan_id": "",
            "standby_trigger": "",
            "unit": "市政设施管理所",
            "unit_phone": "138-0000-0000",
            "owner_unit": "市政设施管理所",
            "owner_phone": "138-0000-0000",
            "shelter_id": "SH-001",
            "shelter_name": "淮河路小学避难场所",
            "shelter_distance_m": 640.0,
            "shelter_free": 350,
            "team_ids": "T-001;T-002",
            "team_names": "淮河路街道应急队;市政抢险一队",
            "team_people": 42,
            "team_distance_m": 810.0,
        }
    )


def make_record(risk: gpd.GeoDataFrame, **changes: Any) -> WarningRecord:
    """Return the red warning of the first town; `changes` replaces fields."""
    own = risk[(risk["town_code"] == "410103001") & (risk["level"] >= Level.BLUE)]
    fields: dict[str, Any] = {
        "event_key": "410103-20210719T1200Z",
        "warning_id": "410103-20210719T1200Z-410103001",
        "revision": 1,
        "action": Action.UPG,
        "area_code": "410103001",
        "level": Level.RED,
        "previous_level": Level.ORANGE,
        "issued_at": VALID_AT,
        "valid_from": VALID_AT,
        "valid_to": VALID_AT + timedelta(hours=6),
        "hotspot_ids": tuple(own.sort_values("level", ascending=False, kind="stable").index),
        "signal": Level.RED,
        "reason_zh": "陇海路铁路下穿预计积水1.4米，超过50厘米的概率超过99%",
        "reason_en": "1.4 m of water expected at the rail underpass; above 50 cm almost certain",
        "supersedes": "410103-20210719T1200Z-410103001.r0",
        "degraded": True,
    }
    return WarningRecord(**{**fields, **changes})


def make_signals() -> pd.DataFrame:
    """Return the rain signal of the first town."""
    row = {
        "level": int(Level.RED),
        "text_zh": "达到暴雨红色预警信号标准（3小时≥100毫米）：预计最大3小时雨量161毫米",
        "text_en": "Meets the red rainstorm signal (3 h >= 100 mm): 161 mm expected in 3 h.",
    }
    return pd.DataFrame([row], index=pd.Index(["410103001"], name="town_code"))


@pytest.fixture(scope="session")
def sample_district() -> Any:
    """Return the small district."""
    return make_district()


@pytest.fixture(scope="session")
def sample_risk(sample_district: Any) -> gpd.GeoDataFrame:
    """Return its risk table."""
    return make_risk(sample_district)


@pytest.fixture(scope="session")
def make_sample() -> Any:
    """Return a function that builds a bulletin; keywords replace fields of the record, and the scene."""
    from reports.bulletin import Bulletin, SignOff, build_bulletin
    from risk_models.standards import load_standards

    standards = load_standards()

    def build(
        *,
        names: dict[str, str] | None = None,
        unknown: bool = False,
        sign_off: SignOff | None = None,
        previous: WarningRecord | None = None,
        wet: tuple[str, ...] = (),
        untriggered: tuple[str, ...] = (),
        all_planned: bool = False,
        phases: str = "during",
        unchecked: tuple[str, ...] = (),
        plans: pd.DataFrame | None = None,
        **changes: Any,
    ) -> Bulletin:
        district = make_district(**(names or {}))
        risk = make_risk(district, unknown=unknown)
        risk.loc[list(wet), "now"], risk.loc[list(wet), "now_class"] = "stands", 3
        risk.loc[list(unchecked), "now"] = "unconfirmed"
        actions = make_actions(make_risk(district) if all_planned else risk)
        waits = actions["hotspot_id"].isin(untriggered)
        actions.loc[waits, ["plan_state", "plan_trigger"]] = ["stand_by", "red"]
        actions["action_phases"] = phases
        if plans is not None:
            places = district.hotspots.assign(community_code="001")
            found = match_plans(places, plans, risk["level"].loc[actions["hotspot_id"]])
            actions[list(PLAN_COLUMNS)] = found[list(PLAN_COLUMNS)].to_numpy(object)
        return build_bulletin(
            make_record(risk, **changes),
            district=district,
            risk_table=risk,
            actions=actions,
            signals=make_signals(),
            standards=standards,
            previous=previous,
            code=hashlib.sha256(str(changes).encode()).hexdigest()[:10].upper(),
            sign_off=sign_off or SignOff(number=12, officer="值班负责人 张某", decided_at=VALID_AT),
        )

    return build
