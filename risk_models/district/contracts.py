"""The table contracts: what each table of a district folder must hold. Data, not code; the checks only read them."""

from __future__ import annotations

from risk_models.district.schema import Column, Raster, TableContract

__all__ = [
    "HOTSPOT_KINDS",
    "LAND_COVER",
    "OPTIONAL_RASTERS",
    "OPTIONAL_TABLES",
    "OUTAGE_KINDS",
    "RASTERS",
    "ROAD_CLASSES",
    "TABLES",
    "data_dictionary",
]

LAND_COVER: dict[int, tuple[str, str]] = {
    1: ("水体", "water"),
    2: ("密集建成区", "dense built-up"),
    3: ("稀疏建成区", "sparse built-up"),
    4: ("道路铺装", "road and paved"),
    5: ("公园草地", "park and grass"),
    6: ("林地", "forest"),
    7: ("耕地", "cropland"),
    8: ("裸土", "bare soil"),
}

RASTERS: dict[str, Raster] = {
    "dem": Raster(name="dem", zh="数字高程模型", en="ground elevation", unit="m", low=-430.0, high=8850.0, whole=False),
    "land_cover": Raster(
        name="land_cover", zh="土地覆盖类别", en="land cover class", unit="", low=1, high=8, whole=True
    ),
}

#: Grids of the risk census; a district may have both, one or none.
OPTIONAL_RASTERS: dict[str, Raster] = {
    name: Raster(name=name, zh=zh, en=en, unit="people", low=0.0, high=1e7, whole=False)
    for name, zh, en in (
        ("population_day", "日间人口格网（每格人数）", "people in the cell by day"),
        ("population_night", "夜间人口格网（每格人数）", "people in the cell at night"),
    )
}

ROAD_CLASSES = ("trunk", "primary", "secondary", "local", "none")

OUTAGE_KINDS = ("drain", "pump")

PHASE_SPELLINGS = {
    "雨前": "before",
    "雨中": "during",
    "积水": "standing",
    "退水后": "after",
    "雨后": "after",
    "未知": "unknown",
}


def _id(name: str, zh: str, en: str) -> Column:
    return Column(name=name, kind="id", zh=zh, en=en, unique=True)


def _ref(name: str, table: str, zh: str, en: str, *, required: bool = True) -> Column:
    return Column(name=name, kind="id", zh=zh, en=en, references=table, required=required)


def _text(name: str, zh: str, en: str, *, required: bool = True) -> Column:
    return Column(name=name, kind="text", zh=zh, en=en, required=required)


def _choice(name: str, zh: str, en: str, *choices: str, required: bool = True) -> Column:
    return Column(name=name, kind="choice", zh=zh, en=en, choices=choices, required=required)


def _count(name: str, zh: str, en: str, unit: str, *, low: int = 0, high: int = 10_000_000) -> Column:
    return Column(name=name, kind="integer", zh=zh, en=en, unit=unit, low=low, high=high)


def _number(name: str, zh: str, en: str, unit: str, low: float, high: float, *, required: bool = True) -> Column:
    return Column(name=name, kind="number", zh=zh, en=en, unit=unit, low=low, high=high, required=required)


_TOWN = _ref("town_code", "towns", "所属镇办代码", "code of its town")
_TOWN_OPTIONAL = _ref(
    "town_code", "towns", "所属镇办代码", "code of its town; blank if of the district", required=False
)
_LON = _number("lon", "经度（按图层坐标系）", "longitude in the layer's datum; WGS84 once loaded", "degrees", -180, 180)
_LAT = _number("lat", "纬度（按图层坐标系）", "latitude in the layer's datum; WGS84 once loaded", "degrees", -90, 90)
_PROVENANCE = (
    Column(name="synthetic", kind="boolean", zh="是否合成数据", en="true if made up for demonstration"),
    _text("source", "来源", "where the row comes from; 'synthetic (seed N)' if made up"),
)

_TOWNS = TableContract(
    name="towns",
    zh="镇办",
    en="towns: streets, towns and management committees",
    shape="polygon",
    columns=(
        _id("town_code", "镇办代码", "code of the town"),
        _text("town_name", "名称", "name in Chinese"),
        _text("town_name_en", "英文名称", "name in English"),
        _choice("kind", "类型", "kind", "street", "town", "management_committee"),
        _count("population_night", "夜间人口", "people at night", "people"),
        _count("population_day", "日间人口", "people by day", "people"),
        _text("duty_phone", "值班电话", "telephone of the duty desk"),
        Column(name="mailbox", kind="email", zh="接收邮箱", en="mailbox that receives bulletins"),
        Column(
            name="second_contact", kind="email", zh="备用邮箱", en="mailbox used if the first fails", required=False
        ),
        _choice("language", "通报语言", "language of its mails; the district's if blank", "zh", "en", required=False),
        *_PROVENANCE,
    ),
)

_COMMUNITIES = TableContract(
    name="communities",
    zh="社区/村",
    en="communities and villages",
    shape="point",
    columns=(
        _id("community_code", "社区代码", "code of the community"),
        _text("community_name", "名称", "name"),
        _TOWN,
        _choice("kind", "类型", "kind", "community", "village"),
        _count("population_night", "夜间人口", "people at night", "people"),
        _count("population_day", "日间人口", "people by day", "people"),
        _count("households", "户数", "households", "households"),
        _LON,
        _LAT,
        *_PROVENANCE,
    ),
)

HOTSPOT_KINDS = (
    "tunnel",
    "rail_underpass",
    "road_junction",
    "underground_space",
    "metro_entrance",
    "riverside",
    "small_dam",
    "gully_slope",
    "old_community",
    "construction_pit",
    "dangerous_house",
    "school",
)

_HOTSPOTS = TableContract(
    name="hotspots",
    zh="风险点",
    en="hotspots: known places of flood risk",
    shape="point",
    columns=(
        _id("hotspot_id", "风险点编号", "id of the hotspot"),
        _text("hotspot_name", "名称", "name in Chinese"),
        _text("hotspot_name_en", "英文名称", "name in English"),
        _choice("kind", "类型", "kind", *HOTSPOT_KINDS),
        _TOWN,
        _ref("community_code", "communities", "所属社区代码", "code of its community", required=False),
        _LON,
        _LAT,
        _number(
            "drain_capacity_mm_h",
            "排水能力（折合汇水面小时雨强）",
            "drain capacity over the catchment, mean rate of an hour",
            "mm/h",
            0,
            500,
        ),
        _number("pump_capacity_m3_s", "泵站能力（0 表示无）", "pump capacity; 0 = none", "m3/s", 0, 500),
        _number("close_depth_m", "封闭水深", "depth at which it is closed", "m", 0.01, 10),
        _number(
            "surveyed_area_m2",
            "实测洼地面积",
            "surveyed area of the sag, overrides the DEM",
            "m2",
            1,
            1e7,
            required=False,
        ),
        _number(
            "surveyed_depth_m",
            "实测洼地深度",
            "surveyed depth of the sag, overrides the DEM",
            "m",
            0.01,
            50,
            required=False,
        ),
        _number(
            "surveyed_catchment_m2",
            "实测汇水面积",
            "surveyed catchment, overrides the DEM",
            "m2",
            1,
            1e9,
            required=False,
        ),
        _choice("road_class", "道路等级", "road class", *ROAD_CLASSES),
        Column(
            name="daily_traffic",
            kind="integer",
            zh="日交通量",
            en="vehicles a day",
            unit="vehicles/day",
            low=0,
            high=1_000_000,
            required=False,
        ),
        _number("underground_m2", "地下空间面积", "underground floor area", "m2", 0, 1e7, required=False),
        _text("owner_unit", "责任单位", "unit answerable for it"),
        _text("owner_name", "责任人", "person answerable for it"),
        _text("owner_phone", "责任人电话", "telephone of that person"),
        *_PROVENANCE,
    ),
)

_GAUGES = TableContract(
    name="gauges",
    zh="雨量站",
    en="rain gauges, in the district or within 100 km of it",
    shape="point",
    columns=(
        _id("gauge_id", "站号", "id of the gauge"),
        _text("gauge_name", "站名", "name"),
        _text("gauge_name_en", "英文站名", "name in English", required=False),
        _LON,
        _LAT,
        _number("elevation_m", "高程", "elevation", "m", -430, 8850),
        _choice("kind", "类型", "kind", "meteorological", "hydrological", "municipal"),
        *_PROVENANCE,
    ),
)

_FACILITIES = TableContract(
    name="facilities",
    zh="重点设施",
    en="facilities with people to protect",
    shape="point",
    columns=(
        _id("facility_id", "设施编号", "id of the facility"),
        _text("facility_name", "名称", "name"),
        _choice("kind", "类型", "kind", "school", "kindergarten", "hospital", "care_home", "metro_entrance", "mall"),
        _TOWN_OPTIONAL,
        _LON,
        _LAT,
        _count("people", "最忙时在场人数", "people present at the busiest time", "people"),
        Column(name="below_ground", kind="boolean", zh="是否有地下部分", en="true if part of it is below ground"),
        *_PROVENANCE,
    ),
)

_SHELTERS = TableContract(
    name="shelters",
    zh="避难场所",
    en="shelters",
    shape="point",
    columns=(
        _id("shelter_id", "场所编号", "id of the shelter"),
        _text("shelter_name", "名称", "name"),
        _TOWN_OPTIONAL,
        _choice("kind", "类型", "kind", "indoor", "outdoor"),
        _LON,
        _LAT,
        _count("capacity_people", "容量", "people it can take", "people"),
        _count("occupied_people", "已安置", "people in it, at most the capacity", "people"),
        _choice("status", "状态", "status", "open", "standby", "closed"),
        _text("phone", "电话", "telephone"),
        *_PROVENANCE,
    ),
)

_TEAMS = TableContract(
    name="teams",
    zh="救援队伍",
    en="rescue teams",
    shape="point",
    columns=(
        _id("team_id", "队伍编号", "id of the team"),
        _text("team_name", "名称", "name"),
        _TOWN_OPTIONAL,
        _choice("kind", "类型", "kind", "town", "community", "professional", "enterprise"),
        _count("people", "人数", "people", "", low=1, high=100_000),
        _LON,
        _LAT,
        _choice("status", "状态", "status", "free", "engaged", "off"),
        _count("pumps", "排水泵", "pumps", "pumps", high=100_000),
        _count("boats", "冲锋舟", "boats", "boats", high=100_000),
        _text("leader_name", "队长", "leader"),
        _text("phone", "电话", "telephone"),
        *_PROVENANCE,
    ),
)

_PLANS = TableContract(
    name="plans",
    zh="预案",
    en="contingency plans",
    shape="none",
    columns=(
        _id("plan_id", "预案编号", "id of the plan"),
        _text("plan_title", "标题", "title in Chinese"),
        _text("plan_title_en", "英文标题", "title in English"),
        _choice(
            "scope_kind",
            "适用对象类型",
            "kind of what it is for",
            "district",
            "department",
            "headquarters",
            "town",
            "community",
            "hotspot",
            "unit",
        ),
        _text("scope_id", "适用对象", "town_code, community_code or hotspot_id of what it is for; else a name"),
        _choice("trigger_level", "启动等级", "level from which it is carried out", "blue", "yellow", "orange", "red"),
        _text("owner_unit", "责任单位", "unit answerable for it"),
        _text("owner_unit_en", "责任单位英文名称", "name of that unit in English", required=False),
        _text("actions_zh", "措施（分号分隔）", "actions in Chinese, separated by ';'"),
        _text("actions_en", "英文措施（分号分隔）", "actions in English, separated by ';'"),
        Column(
            name="phase",
            kind="choices",
            zh="各项措施的阶段（分号分隔，只写一个则适用于全部措施）",
            en="phase of each action in its order, or one for all; blank is unknown",
            choices=("before", "during", "standing", "after", "unknown"),
            spellings=PHASE_SPELLINGS,
            required=False,
        ),
        _number("minutes", "完成所需时间", "time that its slowest action takes", "min", 1, 2880, required=False),
        Column(name="revised_on", kind="date", zh="修订日期", en="date of the last revision"),
        *_PROVENANCE,
    ),
)

_HISTORY = TableContract(
    name="history",
    zh="历史灾情",
    en="past flooding of hotspots",
    shape="none",
    columns=(
        _id("event_id", "事件编号", "id of the event"),
        Column(name="started_at", kind="time", zh="开始时间", en="start"),
        Column(name="ended_at", kind="time", zh="结束时间", en="end, not before the start", required=False),
        _ref("hotspot_id", "hotspots", "风险点编号", "id of the hotspot"),
        _number("rain_mm", "雨量", "rain in the window", "mm", 0, 4000, required=False),
        _number("rain_window_h", "雨量时段", "length of the rain window", "h", 0.01, 744, required=False),
        _number("depth_m", "积水深度", "greatest depth of water", "m", 0, 50, required=False),
        _text("effect_zh", "影响", "what happened, in Chinese"),
        _text("effect_en", "英文影响", "what happened, in English"),
        _choice("confidence", "可信度", "confidence in the row, A best", "A", "B", "C", "D"),
        *_PROVENANCE,
    ),
)

TABLES: dict[str, TableContract] = {
    table.name: table
    for table in (
        _TOWNS,
        _COMMUNITIES,
        _HOTSPOTS,
        _GAUGES,
        _FACILITIES,
        _SHELTERS,
        _TEAMS,
        _PLANS,
        _HISTORY,
    )
}

_BUILDINGS = TableContract(
    name="buildings",
    zh="房屋建筑（普查）",
    en="buildings of the risk census",
    shape="place",
    columns=(
        _id("building_id", "房屋编号", "id of the building"),
        _count("floors_above", "地上层数", "floors above ground", "floors", high=200),
        _count("floors_below", "地下层数", "floors below ground", "floors", high=20),
        _choice("structure", "结构类型", "structure", "masonry", "concrete", "steel", "timber", "other"),
        Column(
            name="year_built",
            kind="integer",
            zh="建成年份",
            en="year it was built",
            low=1800,
            high=2100,
            required=False,
        ),
        _choice("use", "用途", "use", "residential", "commercial", "office", "industrial", "public", "other"),
        _count("people", "常住或在用人数", "people who live in it or use it", "people", high=100_000),
        _number("lon", "经度（按图层坐标系）", "longitude, if given as a point", "degrees", -180, 180, required=False),
        _number("lat", "纬度（按图层坐标系）", "latitude, if given as a point", "degrees", -90, 90, required=False),
        *_PROVENANCE,
    ),
)

_ROADS = TableContract(
    name="roads",
    zh="道路（普查）",
    en="roads of the risk census",
    shape="line",
    columns=(
        _id("road_id", "道路编号", "id of the road"),
        _text("road_name", "名称", "name"),
        _choice("road_class", "道路等级", "road class", *ROAD_CLASSES[:4]),
        *_PROVENANCE,
    ),
)

_OUTAGES = TableContract(
    name="outages",
    zh="排水设施停用台账",
    en="drains and pumps out of order",
    shape="none",
    columns=(
        _id("outage_id", "停用编号", "id of the outage"),
        _ref("hotspot_id", "hotspots", "风险点编号", "id of the hotspot"),
        _choice("what", "停用设施", "what is out of order", *OUTAGE_KINDS),
        _number("remaining_share", "剩余能力（占设计能力的比例）", "share of the capacity that still works", "", 0, 1),
        Column(name="since", kind="time", zh="开始时间", en="from then on"),
        Column(name="expires", kind="time", zh="失效时间（届时不再计入）", en="no longer in force from then on"),
        _text("owner", "责任人或责任单位", "who answers for the repair"),
        *_PROVENANCE,
    ),
)

#: Layers of the first national census of natural disaster risk, and what is out of order for a time; a district may do
#: without them.
OPTIONAL_TABLES: dict[str, TableContract] = {table.name: table for table in (_BUILDINGS, _ROADS, _OUTAGES)}

_INTRODUCTION = """# 数据字典 / Data dictionary

A district folder holds `district.yaml`, nine tables and two rasters; layers of the risk census (`buildings`, `roads`,
`population_day`, `population_night`) and a table of `outages` may be added. `R` marks a column that must be there
with no blank cell; an absent or blank optional cell means "not known". Text keeps leading zeros. Booleans are `true` or
`false`. Numbers are plain decimals: no units, no thousands separators, no `inf` or `nan`. Times carry their offset.
`district.yaml` states the datum of each layer (WGS84, CGCS2000, GCJ-02 or BD-09) and may map column names.
"""


def data_dictionary() -> str:
    """Return the data dictionary as Markdown, rendered from the contracts.

    Returns
    -------
    str
        One section per table and one for the rasters.

    Examples
    --------
    >>> print(data_dictionary().splitlines()[0])
    # 数据字典 / Data dictionary
    """
    parts = [
        _INTRODUCTION,
        *(_table_section(table) for table in (TABLES | OPTIONAL_TABLES).values()),
        _raster_section(),
        _REPORT_SECTION,
    ]
    return "\n".join(parts)


_REPORT_SECTION = """\
## Files of the periodic reports 定期报告 (可选 / optional)

| key of district.yaml | form | 含义 | meaning |
|---|---|---|---|
| `rain_record` | NetCDF-CF, `rain_mm(time, gauge)`, mm; `time`: end of the hour, UTC; \
`gauge`: id of the table gauges | \
长序列逐时雨量 | long hourly rain record |
| `seasonal_forecasts` | CSV: `first_day`, `last_day`, `issued_on` (YYYY-MM-DD), `below_pct`, `normal_pct`, \
`above_pct` (0 to 100, sum 100), `skill` (up to 1, or empty), `source`, and if wished `source_zh` | \
季节降雨三分位预测 | tercile forecasts of seasonal rain |
"""

_SHAPE_TEXT = {
    "polygon": "面 / polygons",
    "point": "点 / points",
    "line": "线 / lines",
    "place": "面或点 / polygons or points",
    "none": "无几何 / no geometry",
}


def _table_section(table: TableContract) -> str:
    shape = _SHAPE_TEXT[table.shape]
    head = [
        f"## {table.name} {table.zh}",
        "",
        f"{table.en[0].upper()}{table.en[1:]}. {shape}."
        + (" 可选 / optional." if table.name in OPTIONAL_TABLES else ""),
        "",
        "| column | R | accepted | 含义 | meaning |",
        "|---|---|---|---|---|",
    ]
    rows = [
        f"| `{column.name}` | {'R' if column.required else ''} | {column.accepted} | {column.zh} | {column.en} |"
        for column in table.columns
    ]
    return "\n".join([*head, *rows, ""])


def _raster_section() -> str:
    head = [
        "## rasters 栅格",
        "",
        "Single-band GeoTIFF, north up, square cells, in the district's projected CRS, covering the district. Those of",
        "people are optional.",
        "",
        "| raster | accepted | 含义 | meaning |",
        "|---|---|---|---|",
    ]
    rows = [
        f"| `{raster.name}` | {raster.low:g} to {raster.high:g} {raster.unit}".rstrip()
        + f" | {raster.zh} | {raster.en} |"
        for raster in (RASTERS | OPTIONAL_RASTERS).values()
    ]
    classes = ["", "| land cover | 类别 | class |", "|---|---|---|"]
    classes += [f"| {number} | {zh} | {en} |" for number, (zh, en) in LAND_COVER.items()]
    return "\n".join([*head, *rows, *classes, ""])
