"""CAP messages: valid against the OASIS schema, complete, and the same bytes every time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import geopandas as gpd
import pandas as pd
import pytest
import xmlschema
from lxml import etree
from shapely.geometry import Polygon, box
from shapely.ops import unary_union

from risk_models.levels import Level
from risk_models.standards import load_standards
from risk_models.warning.cap.areas import PLACES_MAX, CapArea
from risk_models.warning.cap.build import CapChannel, CapStanding, cap_identifier, to_cap_now
from risk_models.warning.cap.check import validate_cap
from risk_models.warning.cap.hazard import CapHazard
from risk_models.warning.cap.polygon import cap_polygons
from risk_models.warning.records import Action

NS = {"c": "urn:oasis:names:tc:emergency:cap:1.2"}


def get(data, path):
    """Return the texts at a path such as ``info/language``."""
    steps = "/".join(f"c:{step}" for step in path.split("/"))
    return [element.text for element in etree.fromstring(data).findall(steps, NS)]


def parameters(data, language=0):
    info = etree.fromstring(data).findall("c:info", NS)[language]
    return {
        p.findtext("c:valueName", None, NS): p.findtext("c:value", None, NS) for p in info.findall("c:parameter", NS)
    }


def every_kind(cap):
    """Return one message of every mailed action."""
    held = cap.follow(cap.upgraded, Action.CON)
    lowered = cap.follow(held, Action.DNG, level=Level.YELLOW)
    longer = cap.follow(lowered, Action.EXT)
    cancelled = cap.follow(longer, Action.CAN)
    expired = cap.follow(longer, Action.EXP, hours=8)
    before = [cap.opened, cap.upgraded, held, lowered, longer]
    past = CapHazard(urgency="Past", certainty="Observed")
    seen = CapHazard(urgency="Immediate", certainty="Observed", onset=cap.start, stands=True)
    return {
        "NEW": cap.message(cap.opened),
        "UPG": cap.message(cap.upgraded, earlier=before, hazard=seen),
        "DNG": cap.message(lowered, earlier=before, hazard=CapHazard(urgency="Unknown", certainty="Possible")),
        "EXT": cap.message(longer, earlier=before, hazard=CapHazard(urgency="Future", certainty="Possible")),
        "CAN": cap.message(cancelled, earlier=before, hazard=past),
        "EXP": cap.message(expired, earlier=before, hazard=past),
    }


@pytest.mark.parametrize("action", ["NEW", "UPG", "DNG", "EXT", "CAN", "EXP"])
def test_every_kind_is_valid_by_schema_and_rules(cap, shared_data, action):
    assert validate_cap(every_kind(cap)[action], shared_data / "cap" / "cap12.xsd") == []


@pytest.mark.parametrize("action", ["NEW", "UPG", "DNG", "EXT", "CAN", "EXP"])
def test_another_validator_agrees(cap, shared_data, action):
    schema = xmlschema.XMLSchema(shared_data / "cap" / "cap12.xsd")
    data = every_kind(cap)[action].decode()
    assert list(schema.iter_errors(data)) == []
    assert list(schema.iter_errors(data.replace("<category>Met</category>", "<category>Rain</category>", 1))) != []


def test_schema_layer_finds_what_the_schema_forbids(cap, shared_data):
    broken = cap.message().replace(b"<category>Met</category>", b"<category>Met</category><colour>red</colour>", 1)
    assert validate_cap(broken) == []
    (finding,) = validate_cap(broken, shared_data / "cap" / "cap12.xsd")
    assert finding.code == "schema"
    assert "colour" in finding.message
    assert finding.row is not None


def test_head(cap):
    data = cap.message()
    assert get(data, "identifier") == ["41010300001100_20210720090000_0"]
    assert len(get(data, "identifier")[0]) == 31
    assert get(data, "sender") == ["duty@erqi.example"]
    assert get(data, "sent") == ["2021-07-20T09:00:00+08:00"]
    assert (get(data, "status"), get(data, "msgType"), get(data, "scope")) == (["Exercise"], ["Alert"], ["Restricted"])
    assert get(data, "restriction")[0].startswith("仅供演练")
    assert get(data, "note") == ["410103-20210720T0100Z; 演示数据 / demonstration data"]
    assert get(data, "references") == []


def test_two_languages_with_the_same_codes(cap):
    data = cap.message()
    assert get(data, "info/language") == ["zh-CN", "en-US"]
    assert get(data, "info/event") == ["内涝", "Waterlogging"]
    expected = {
        "category": "Met",
        "responseType": "Execute",
        "urgency": "Expected",
        "severity": "Severe",
        "certainty": "Likely",
        "effective": "2021-07-20T09:00:00+08:00",
        "onset": "2021-07-20T11:00:00+08:00",
        "expires": "2021-07-20T15:00:00+08:00",
        "eventCode/value": "11A02",
        "area/geocode/value": "410103012",
        "contact": "0371-00000000",
    }
    for path, value in expected.items():
        assert get(data, f"info/{path}") == [value, value], path
    assert get(data, "info/area/areaDesc") == ["京广路街道", "Jingguanglu Subdistrict"]
    assert parameters(data)["levelColour"] == parameters(data, 1)["levelColour"] == "橙色"
    assert parameters(data, 1)["level"] == "Orange"
    assert parameters(data)["eventKey"] == cap.opened.event_key
    assert parameters(data)["revision"] == "0"
    assert parameters(data)["demonstration"] == "true"


@pytest.mark.parametrize(
    ("level", "severity", "response"),
    [
        (Level.BLUE, "Minor", "Monitor"),
        (Level.YELLOW, "Moderate", "Prepare"),
        (Level.ORANGE, "Severe", "Execute"),
        (Level.RED, "Extreme", "Execute"),
    ],
)
def test_severity_by_level(cap, level, severity, response):
    data = cap.message(replace(cap.opened, level=level))
    assert get(data, "info/severity") == [severity] * 2
    assert get(data, "info/responseType") == [response] * 2


def test_message_types_and_the_all_clear(cap):
    kinds = every_kind(cap)
    assert {action: get(data, "msgType")[0] for action, data in kinds.items()} == {
        "NEW": "Alert",
        "UPG": "Update",
        "DNG": "Update",
        "EXT": "Update",
        "CAN": "Cancel",
        "EXP": "Cancel",
    }
    for action in ("CAN", "EXP"):
        assert get(kinds[action], "info/responseType") == ["AllClear"] * 2
        assert get(kinds[action], "info/urgency") == ["Past"] * 2
        assert get(kinds[action], "info/severity") == ["Minor"] * 2
    assert get(kinds["CAN"], "sent") == ["2021-07-20T14:00:00+08:00"]
    assert get(kinds["CAN"], "info/expires") == ["2021-07-20T15:00:00+08:00"] * 2


def test_references_are_the_unexpired_messages_that_were_sent(cap):
    held = cap.follow(cap.upgraded, Action.CON)
    longer = cap.follow(held, Action.EXT, hours=4.5)
    other = replace(cap.opened, warning_id="another")
    data = cap.message(longer, earlier=[held, other, cap.upgraded, cap.opened, longer])
    # 15:30: the NEW expired at 15:00, CON was never sent, the UPG stands until 16:00.
    identifier = cap_identifier(cap.upgraded, channel=cap.channel, unit_index=11)
    assert get(data, "references") == [f"duty@erqi.example,{identifier},2021-07-20T10:00:00+08:00"]
    both = get(
        cap.message(held_up := cap.follow(cap.upgraded, Action.EXT), earlier=[cap.upgraded, cap.opened]), "references"
    )[0].split()
    assert [triple.split(",")[1][-1] for triple in both] == ["0", "1"]
    assert held_up.revision == 2


def test_an_end_after_the_end_refers_to_the_latest_message(cap):
    expired = cap.follow(cap.opened, Action.EXP, hours=9)
    (reference,) = get(cap.message(expired, earlier=[cap.opened]), "references")
    assert reference.split(",")[1] == "41010300001100_20210720090000_0"


def test_an_end_of_what_was_never_issued_refers_to_the_warning_whose_place_it_took(cap):
    expired = replace(cap.follow(cap.opened, Action.CAN), warning_id=f"{cap.opened.warning_id}-2")
    held, elsewhere = cap.follow(cap.upgraded, Action.CON), replace(cap.opened, area_code="410103099")
    (references,) = get(cap.message(expired, earlier=[cap.opened, held, elsewhere]), "references")
    identifier = cap_identifier(cap.opened, channel=cap.channel, unit_index=11)
    assert references.split() == [f"duty@erqi.example,{identifier},2021-07-20T09:00:00+08:00"]


def test_what_goes_out_first_is_an_alert_whatever_came_before_unsigned(cap):
    message = cap.message(cap.upgraded, earlier=[])
    assert get(message, "msgType") == ["Alert"]
    assert get(message, "references") == []


def test_what_cannot_be_sent_is_refused(cap):
    with pytest.raises(ValueError, match="CON is kept in the ledger and not sent"):
        cap.message(cap.follow(cap.opened, Action.CON), earlier=[cap.opened])
    with pytest.raises(ValueError, match="CAN needs the earlier messages of 410103-20210720T0100Z-410103012"):
        cap.message(cap.follow(cap.opened, Action.CAN), earlier=[])
    with pytest.raises(ValueError, match="unit_index must be 0 to 999, got 1000"):
        cap.message(area=replace(cap.area, unit_index=1000))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"division_code": "4101"}, "division_code must be 6 digits, got '4101'"),
        ({"sector_code": "12a"}, "sector_code must be 3 digits"),
        ({"scope": "Public"}, "Exercise traffic must not be Public"),
        ({"status": "Test", "scope": "Public"}, "Test traffic must not be Public"),
        ({"scope": "Private"}, "a Private message needs addresses"),
    ],
)
def test_channel_refuses_what_must_not_leave(cap, changes, text):
    with pytest.raises(ValueError, match=text):
        replace(cap.channel, **changes)


def test_scopes(cap, shared_data):
    schema = shared_data / "cap" / "cap12.xsd"
    public = cap.message(channel=replace(cap.channel, status="Actual", scope="Public", demonstration=False))
    private = cap.message(channel=replace(cap.channel, scope="Private", addresses=("a@b.example", "c@d.example")))
    assert validate_cap(public, schema) == validate_cap(private, schema) == []
    assert get(public, "restriction") == get(public, "note") == []
    assert get(private, "addresses") == ["a@b.example c@d.example"]


def test_channel_from_settings():
    # Any object with the attributes of the settings serves; the real ones are checked in the district's own tests.
    settings_like = SimpleNamespace(
        district=SimpleNamespace(
            code="410103",
            bureau=SimpleNamespace(zh="局", en="Bureau"),
            timezone="Asia/Shanghai",
            demonstration=True,
        ),
        cap=SimpleNamespace(sender="duty@erqi.example", sector_code="000", own_event_code="11A01"),
        mail=SimpleNamespace(status="Actual"),
    )
    channel = CapChannel.from_settings(settings_like, load_standards().event_codes())
    assert (channel.event.code, channel.event.zh) == ("11A01", "洪水")
    assert (channel.status, channel.scope, channel.sender_name_en) == ("Actual", "Restricted", "Bureau")
    assert channel.timezone.key == "Asia/Shanghai"


def test_area_of_a_town_in_the_register():
    towns = gpd.GeoDataFrame(
        {"town_name": ["甲", "乙"], "town_name_en": ["A", "B"]},
        index=pd.Index(["410103001", "410103003"], name="town_code"),
        geometry=[box(113.60, 34.70, 113.61, 34.71), box(113.62, 34.70, 113.63, 34.71)],
        crs="EPSG:4326",
    )
    area = CapArea.from_towns(towns.to_crs("EPSG:4547"), "410103003")
    assert (area.code, area.name_zh, area.name_en, area.unit_index) == ("410103003", "乙", "B", 2)
    assert area.outline.symmetric_difference(towns.geometry.iloc[1]).area < 1e-9
    with pytest.raises(KeyError):
        CapArea.from_towns(towns, "410103999")


def test_towns_of_the_bundled_district(cap, erqi_path):
    towns = gpd.read_file(erqi_path / "towns.geojson").set_index("town_code")
    assert len(towns) == 18
    for code in towns.index:
        area = CapArea.from_towns(towns, code)
        assert validate_cap(cap.message(area=area)) == []
        shape = unary_union(rings(cap_polygons(area.outline)))
        assert shape.intersection(area.outline).area >= 0.95 * area.outline.area
        assert shape.area <= 1.05 * area.outline.area


def test_identifiers_of_all_towns_in_one_second_differ(cap):
    found = {cap_identifier(cap.opened, channel=cap.channel, unit_index=index) for index in range(1, 19)}
    assert len(found) == 18
    assert {len(identifier) for identifier in found} == {31}


def areas_of(data):
    """Return name, polygons, circle and codes of every area, by language."""
    infos = etree.fromstring(data).findall("c:info", NS)
    return [
        [
            (
                area.findtext("c:areaDesc", None, NS),
                len(area.findall("c:polygon", NS)),
                area.findtext("c:circle", None, NS),
                {c.findtext("c:valueName", None, NS): c.findtext("c:value", None, NS) for c in area[-2:] if len(c)},
            )
            for area in info.findall("c:area", NS)
        ]
        for info in infos
    ]


def test_each_place_is_an_area_of_its_own_after_that_of_the_town(cap, shared_data):
    data = cap.message(places=cap.places)
    assert validate_cap(data, shared_data / "cap" / "cap12.xsd") == []
    zh, en = areas_of(data)
    town = {"townCode": "410103012"}
    assert zh == [
        ("京广路街道", 1, None, town),
        ("北隧道", 0, "34.74400,113.63800 0.150", {"hotspotId": "EQ-001"} | town),
        ("中隧道", 0, "34.72950,113.64090 0.200", {"hotspotId": "EQ-002"} | town),
    ]
    assert [name for name, *_ in en] == ["Jingguanglu Subdistrict", "North Tunnel", "Middle Tunnel"]
    assert [rest for _, *rest in en] == [rest for _, *rest in zh]
    assert parameters(data)["places"] == parameters(data, 1)["places"] == "2"


def test_a_place_without_a_name_has_its_id_and_a_flood_of_places_is_counted_in_whole(cap):
    nameless = replace(cap.places[0], name_en="\x00 ")
    assert areas_of(cap.message(places=[nameless]))[1][1][0] == "EQ-001"
    many = [replace(cap.places[0], hotspot_id=f"EQ-{n:04d}") for n in range(5000)]
    data = cap.message(places=many)
    assert validate_cap(data) == []
    assert len(areas_of(data)[0]) == 1 + PLACES_MAX
    assert parameters(data)["places"] == "5000"


def test_water_that_stands_asks_for_action_at_any_level(cap):
    seen = CapHazard(urgency="Immediate", certainty="Observed", onset=cap.start, stands=True)
    assert get(cap.message(replace(cap.opened, level=Level.BLUE), hazard=seen), "info/responseType") == ["Execute"] * 2
    assert get(cap.message(replace(cap.opened, level=Level.UNKNOWN)), "info/responseType") == ["Prepare"] * 2


def test_the_most_dangerous_window_is_told_and_covered(cap):
    danger = (cap.start + timedelta(hours=2), cap.start + timedelta(hours=5))
    data = cap.message(hazard=replace(cap.hazard, danger=danger))
    assert validate_cap(data) == []
    for language in (0, 1):
        told = parameters(data, language)
        assert (told["dangerFrom"], told["dangerTo"]) == ("2021-07-20T11:00:00+08:00", "2021-07-20T14:00:00+08:00")
    assert "dangerFrom" not in parameters(cap.message())


def test_water_that_stands_now_is_an_alert_of_its_own(cap):
    standing = CapStanding(
        message_id="E-410103012.now3",
        event_key="E",
        number=13,
        level=Level.BLUE,
        severity="Severe",
        sent_at=cap.start,
        expires_at=cap.start + timedelta(hours=3),
    )
    seen = CapHazard(urgency="Immediate", certainty="Observed", onset=cap.start, stands=True)
    given = {"area": cap.area, "channel": cap.channel, "hazard": seen, "texts": cap.texts, "places": cap.places}
    data = to_cap_now(standing, **given)
    assert validate_cap(data) == []
    assert (get(data, "msgType"), get(data, "references")) == (["Alert"], [])
    # Of one second and one town, yet another identifier than that of a bulletin.
    assert get(data, "identifier") == ["41010300001101_20210720090000_3"]
    assert get(data, "info/responseType") == ["Execute"] * 2
    assert get(data, "info/severity") == ["Severe"] * 2
    assert get(data, "info/expires") == ["2021-07-20T12:00:00+08:00"] * 2
    assert parameters(data)["messageId"] == "E-410103012.now3"
    assert parameters(data)["action"] == "NOW"
    assert data == to_cap_now(standing, **given)


def test_same_record_same_bytes(cap):
    assert every_kind(cap) == every_kind(cap)


def test_long_headline_is_cut_and_control_characters_are_dropped(cap):
    texts = (replace(cap.texts[0], headline="雨" * 200, description="积\x00水\x0b & <深>"), cap.texts[1])
    data = cap.message(texts=texts)
    headline = get(data, "info/headline")[0]
    assert len(headline) == 140
    assert headline.endswith("…")
    assert get(data, "info/description")[0] == "积水 & <深>"
    assert validate_cap(data) == []


def rings(texts):
    """Return polygons (lon, lat) of CAP texts."""
    return [Polygon([tuple(map(float, pair.split(",")))[::-1] for pair in text.split()]) for text in texts]
