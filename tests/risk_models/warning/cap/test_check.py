"""Every CAP rule by a good and a bad message; foreign files."""

from __future__ import annotations

import pytest
from lxml import etree

from risk_models.errors import BadInputError
from risk_models.warning.cap.check import MAX_FINDINGS, require_valid_cap, validate_cap
from risk_models.warning.cap.rules import ENUMERATIONS
from tests.work import calls_of

URN = "urn:oasis:names:tc:emergency:cap:1.2"
NS = {"c": URN}
SENT = "2021-07-20T09:00:00+08:00"
REFERENCE = "duty@erqi.example,41010300001100_20210720080000_0,2021-07-20T08:00:00+08:00"
IDENTIFIER = "41010300001100_20210720090000_0"
AREA = "info/area"


def find(root, path):
    return root.findall("/".join(f"c:{step}" for step in path.split("/")), NS)


def put(path, value):
    """Return an edit that gives all elements at a path a text."""

    def edit(root):
        for element in find(root, path):
            element.text = value

    return edit


def drop(path):
    """Return an edit that removes all elements at a path."""

    def edit(root):
        for element in find(root, path):
            element.getparent().remove(element)

    return edit


def add(parent, name, content="", **children):
    """Return an edit that adds an element to all parents at a path ("" for the root)."""

    def edit(root):
        for element in find(root, parent) if parent else [root]:
            child = etree.SubElement(element, f"{{{URN}}}{name}")
            child.text = content
            for key, text in children.items():
                etree.SubElement(child, f"{{{URN}}}{key}").text = text

    return edit


def only_last(path, value):
    """Return an edit of the last element at a path, which stands in the English info block."""

    def edit(root):
        find(root, path)[-1].text = value

    return edit


def refer(kind, references):
    """Return an edit that makes the message of a kind with references."""

    def edit(root):
        put("msgType", kind)(root)
        add("", "references", references)(root)

    return edit


def both(*edits):
    def edit(root):
        for one in edits:
            one(root)

    return edit


def nothing(root):
    """Leave the message as it is."""


SQUARE = "34.7,113.6 34.7,113.7 34.8,113.7 34.8,113.6 34.7,113.6"


def place(hotspot_id, circle="34.744,113.638 0.15", polygon=None):
    """Return an edit that adds a place as an area to all info blocks."""

    def edit(root):
        for info in find(root, "info"):
            area = etree.SubElement(info, f"{{{URN}}}area")
            etree.SubElement(area, f"{{{URN}}}areaDesc").text = hotspot_id
            for name, text in (("polygon", polygon), ("circle", circle)):
                if text is not None:
                    etree.SubElement(area, f"{{{URN}}}{name}").text = text
            code = etree.SubElement(area, f"{{{URN}}}geocode")
            etree.SubElement(code, f"{{{URN}}}valueName").text = "hotspotId"
            etree.SubElement(code, f"{{{URN}}}value").text = hotspot_id

    return edit


def window(begin, end):
    """Return an edit that adds the most dangerous window to all info blocks."""
    told = [("dangerFrom", begin), ("dangerTo", end)]
    return both(*(add("info", "parameter", valueName=name, value=at) for name, at in told if at is not None))


clear = put("info/responseType", "AllClear")
RESOURCE = {"resourceDesc": "map", "mimeType": "image/png", "derefUri": "aGVsbG8="}
RULES = [
    ("bad-identifier", put("identifier", "a-b_c.1"), put("identifier", "with space")),
    ("bad-identifier", nothing, put("identifier", "a,b")),
    ("bad-identifier", nothing, put("identifier", "")),
    ("bad-sender", nothing, put("sender", "a&b")),
    ("bad-sender", put("sender", "duty@erqi.example"), drop("sender")),
    ("bad-time", put("sent", SENT), put("sent", "2021-07-20T01:00:00Z")),
    ("bad-time", put("sent", "2021-07-20T01:00:00-00:00"), put("sent", "2021-07-20T01:00:00")),
    ("bad-time", nothing, put("sent", "2021-07-20T01:00:00.5+00:00")),
    ("bad-time", nothing, put("sent", "2021-02-30T01:00:00+08:00")),
    ("bad-time", put("info/effective", SENT), put("info/effective", "yesterday")),
    ("bad-time", drop("info/onset"), put("info/onset", "")),
    ("bad-code", put("status", "System"), put("status", "actual")),
    ("bad-code", put("info/category", "Safety"), put("info/category", "Rain")),
    ("bad-code", put("info/urgency", "Past"), drop("info/urgency")),
    ("bad-code", put("info/severity", "Extreme"), put("info/severity", "")),
    ("bad-code", put("info/certainty", "Observed"), put("info/certainty", "Sure")),
    ("bad-code", refer("Update", REFERENCE), put("msgType", "Cancle")),
    ("draft", put("status", "Actual"), put("status", "Draft")),
    ("test-traffic", put("status", "Exercise"), put("status", "Test")),
    ("restriction-missing", put("restriction", "duty desks"), put("restriction", " ")),
    ("restriction-missing", both(put("scope", "Public"), drop("restriction")), drop("restriction")),
    ("restriction-unexpected", both(put("scope", "Public"), drop("restriction")), put("scope", "Public")),
    ("addresses-missing", both(put("scope", "Private"), add("", "addresses", "a@b.example")), put("scope", "Private")),
    ("note-missing", put("note", "drill 7"), drop("note")),
    ("note-missing", both(put("status", "Actual"), drop("note")), both(refer("Error", REFERENCE), put("note", ""))),
    ("references-missing", refer("Update", REFERENCE), put("msgType", "Update")),
    ("references-missing", refer("Cancel", REFERENCE), refer("Cancel", "")),
    ("references-empty", drop("references"), add("", "references", " ")),
    ("references-twice", refer("Update", REFERENCE), refer("Update", f"{REFERENCE} {REFERENCE}")),
    ("bad-reference", refer("Update", REFERENCE), refer("Update", "see yesterday")),
    ("bad-reference", nothing, refer("Update", "a,b,2021-07-20T08:00:00Z")),
    ("self-reference", refer("Update", REFERENCE), refer("Update", f"duty@erqi.example,{IDENTIFIER},{SENT}")),
    ("future-reference", refer("Update", f"a,b,{SENT}"), refer("Update", "a,b,2021-07-20T09:00:01+08:00")),
    ("no-info", nothing, drop("info")),
    ("language-twice", nothing, put("info/language", "zh-CN")),
    ("same-text", nothing, put("info/description", "水 water")),
    ("bad-language", put("info/language", "zh-Hans-CN"), drop("info/language")),
    ("bad-language", only_last("info/language", "en"), only_last("info/language", "English!")),
    ("event-missing", put("info/event", "flood"), put("info/event", "")),
    ("empty-value", nothing, put("info/parameter/value", "")),
    ("empty-value", add(AREA, "geocode", valueName="a", value="b"), put("info/area/geocode/valueName", "")),
    ("empty-value", nothing, put("info/eventCode/value", "")),
    ("expires-missing", nothing, drop("info/expires")),
    ("expires-early", put("info/expires", "2021-07-20T11:00:01+08:00"), put("info/expires", SENT)),
    ("expires-early", drop("info/onset"), put("info/onset", "2021-07-20T16:00:00+08:00")),
    ("expires-early", nothing, put("info/effective", "2021-07-20T15:00:00+08:00")),
    (
        "expires-late",
        put("info/expires", "2021-07-27T09:00:00+08:00"),
        put("info/expires", "2031-07-20T09:00:00+08:00"),
    ),
    ("headline-missing", nothing, drop("info/headline")),
    ("headline-long", put("info/headline", "雨" * 140), put("info/headline", "雨" * 141)),
    ("description-missing", nothing, put("info/description", "  ")),
    ("text-repeated", nothing, both(put("info/description", "same"), put("info/headline", "same"))),
    ("text-repeated", drop("info/instruction"), both(put("info/description", "a"), put("info/instruction", "a"))),
    ("markup", put("info/description", "depth < 0.5 m & rising > 1"), put("info/description", "<b>deep</b>")),
    ("markup", nothing, put("info/instruction", "stay&nbsp;away")),
    ("web-relative", add("info", "web", "https://erqi.example/a"), add("info", "web", "/warnings/1")),
    ("web-relative", nothing, add("info", "web", "http://[")),
    ("info-differs", nothing, only_last("info/expires", "2021-07-20T16:00:00+08:00")),
    ("info-differs", put("info/severity", "Minor"), only_last("info/severity", "Minor")),
    ("info-differs", nothing, only_last("info/eventCode/value", "11B01")),
    ("area-missing", nothing, drop(AREA)),
    ("areas-many", place("EQ-001"), add("info", "area", areaDesc="另一处", circle="34.7,113.6 1")),
    ("place-twice", both(place("EQ-001"), place("EQ-002")), both(place("EQ-001"), place("EQ-001"))),
    ("place-undrawn", place("EQ-001"), place("EQ-001", circle=None)),
    ("place-undrawn", place("EQ-001", circle=None, polygon=SQUARE), place("EQ-001", circle="34.7")),
    ("place-outside", place("EQ-001", circle="34.74,113.66 0.7"), place("EQ-001", circle="34.74,113.66 0.2")),
    ("info-differs", place("EQ-001"), only_last("info/area/geocode/value", "410103001")),
    ("info-differs", place("EQ-001"), both(place("EQ-001"), only_last("info/area/circle", "34.74,113.64 9"))),
    ("clear-not-past", both(clear, put("info/urgency", "Past")), clear),
    ("immediate-untimed", put("info/urgency", "Immediate"), both(put("info/urgency", "Immediate"), drop("info/onset"))),
    ("onset-ahead", both(put("info/urgency", "Past"), put("info/onset", SENT)), put("info/urgency", "Past")),
    ("onset-ahead", both(put("info/certainty", "Observed"), drop("info/onset")), put("info/certainty", "Observed")),
    ("bad-window", window(SENT, SENT), window(SENT, "at noon")),
    ("bad-window", window("2021-07-20T11:00:00+08:00", "2021-07-20T15:00:00+08:00"), window(SENT, None)),
    ("bad-window", nothing, window("2021-07-20T11:00:00+08:00", SENT)),
    ("window-uncovered", window(SENT, "2021-07-20T15:00:00+08:00"), window(SENT, "2021-07-20T15:00:01+08:00")),
    ("area-unnamed", nothing, put("info/area/areaDesc", "")),
    ("area-undrawn", drop("info/area/polygon"), both(drop("info/area/polygon"), drop("info/area/geocode"))),
    ("bad-ceiling", both(add(AREA, "altitude", "10"), add(AREA, "ceiling", "20")), add(AREA, "ceiling", "20")),
    ("bad-ceiling", nothing, both(add(AREA, "altitude", "30"), add(AREA, "ceiling", "20"))),
    ("polygon-syntax", put("info/area/polygon", SQUARE), put("info/area/polygon", "the whole town")),
    ("polygon-syntax", nothing, put("info/area/polygon", SQUARE.replace("34.8", "1e309"))),
    ("polygon-syntax", nothing, put("info/area/polygon", SQUARE.replace("34.8", "nan"))),
    ("polygon-syntax", nothing, put("info/area/polygon", "")),
    ("polygon-order", nothing, put("info/area/polygon", "113.6,34.7 113.7,34.7 113.7,34.8 113.6,34.7")),
    ("polygon-range", nothing, put("info/area/polygon", SQUARE.replace("113.7", "190"))),
    (
        "polygon-short",
        put("info/area/polygon", "34,113 34,114 35,114 34,113"),
        put("info/area/polygon", "34,113 34,114 34,113"),
    ),
    ("polygon-open", nothing, put("info/area/polygon", "34.7,113.6 34.7,113.7 34.8,113.7 34.8,113.6")),
    ("polygon-crossing", nothing, put("info/area/polygon", "34.7,113.6 34.8,113.7 34.7,113.7 34.8,113.6 34.7,113.6")),
    ("polygon-crossing", nothing, put("info/area/polygon", "34.7,113.6 34.8,113.7 34.9,113.8 34.7,113.6")),
    ("bad-circle", add(AREA, "circle", "34.7,113.6 0"), add(AREA, "circle", "34.7,113.6")),
    ("bad-circle", add(AREA, "circle", "-34.7,113.6 2.5"), add(AREA, "circle", "113.6,34.7 1")),
    ("bad-circle", nothing, add(AREA, "circle", "34.7,113.6 -1")),
    (
        "resource-unnamed",
        add("info", "resource", **RESOURCE),
        add("info", "resource", **RESOURCE | {"resourceDesc": ""}),
    ),
    ("bad-mime", add("info", "resource", **RESOURCE), add("info", "resource", **RESOURCE | {"mimeType": "picture"})),
    ("bad-base64", add("info", "resource", **RESOURCE), add("info", "resource", **RESOURCE | {"derefUri": "hello!"})),
]


def codes(data):
    return {finding.code for finding in validate_cap(data)}


def edited(data, edit):
    root = etree.fromstring(data)
    edit(root)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


@pytest.mark.parametrize(("code", "good", "bad"), RULES, ids=[f"{n}-{rule[0]}" for n, rule in enumerate(RULES)])
def test_rule(cap, code, good, bad):
    assert code not in codes(edited(cap.message(), good))
    assert code in codes(edited(cap.message(), bad))


def test_signature_is_reported_and_does_no_harm(cap):
    signature = b'<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/></alert>'
    data = cap.message().replace(b"</alert>", signature)
    assert [(f.code, f.severity) for f in validate_cap(data)] == [("signature-unchecked", "warning")]


def test_only_some_findings_are_warnings(cap):
    warnings = {"test-traffic", "note-missing", "language-twice", "areas-many"}
    warnings |= {"place-outside", "immediate-untimed", "window-uncovered"}
    for code, _, bad in RULES:
        for finding in validate_cap(edited(cap.message(), bad)):
            if finding.code == code:
                assert (finding.severity == "warning") == (code in warnings), code


def test_a_finding_says_where_and_what(cap):
    data = edited(cap.message(), only_last("info/expires", "2021-07-20T08:00:00+08:00"))
    finding = next(f for f in validate_cap(data, file="a.cap.xml") if f.code == "expires-early")
    assert (finding.file, finding.column) == ("a.cap.xml", "info[2]/expires")
    assert data.split(b"\n")[finding.row - 1].strip() == b"<expires>2021-07-20T08:00:00+08:00</expires>"
    assert "the warning ends before sent 2021-07-20T09:00:00+08:00" in str(finding)


def test_require_raises_on_errors_only(cap):
    require_valid_cap(edited(cap.message(), drop("note")))
    with pytest.raises(BadInputError, match=r"CAP message x.xml: 1 problem\n.*headline-missing"):
        require_valid_cap(edited(cap.message(), both(drop("note"), only_last("info/headline", ""))), file="x.xml")


def referring(kind, references):
    """Return an edit that makes the message of a kind, with references where the schema has them."""

    def edit(root):
        put("msgType", kind)(root)
        element = etree.Element(f"{{{URN}}}references")
        element.text = references
        find(root, "info")[0].addprevious(element)

    return edit


# The table of 22 alerts that are invalid or unfit to publish. The schema refuses the first four; the rules refuse all.
BROKEN = {
    "time with Z": (put("sent", "2021-07-20T01:00:00Z"), "bad-time", "sent is no time with a numeric offset"),
    "time without zone": (put("sent", "2021-07-20T09:00:00"), "bad-time", "sent is no time with a numeric offset"),
    "fractional seconds": (put("sent", "2021-07-20T09:00:00.5+08:00"), "bad-time", "sent is no time"),
    "enumeration in the wrong case": (put("status", "actual"), "bad-code", "status is unknown"),
    "expires before sent": (put("info/expires", "2021-07-20T08:00:00+08:00"), "expires-early", "ends before sent"),
    "expires in ten years": (put("info/expires", "2031-07-20T08:00:00+08:00"), "expires-late", "too far off"),
    "Update without references": (put("msgType", "Update"), "references-missing", "Update must refer to every message"),
    "Cancel without references": (put("msgType", "Cancel"), "references-missing", "Cancel must refer to every message"),
    "references of junk": (referring("Update", "see yesterday"), "bad-reference", "no triple of sender, identifier"),
    "reference to itself": (
        referring("Update", f"duty@erqi.example,{IDENTIFIER},{SENT}"), "self-reference", "refers to itself",
    ),
    "identifier with space": (put("identifier", "a b"), "bad-identifier", "a character that breaks references"),
    "identifier with comma": (put("identifier", "a,b"), "bad-identifier", "a character that breaks references"),
    "identifier empty": (put("identifier", ""), "bad-identifier", "the identifier is missing"),
    "Restricted without restriction": (drop("restriction"), "restriction-missing", "to whom it is restricted"),
    "Private without addresses": (
        both(put("scope", "Private"), drop("restriction")), "addresses-missing", "must name its addresses",
    ),
    "polygon open": (
        put("info/area/polygon", "34.7,113.6 34.7,113.7 34.8,113.7 34.8,113.6"), "polygon-open", "",
    ),
    "polygon crossing itself": (
        put("info/area/polygon", "34.7,113.6 34.8,113.7 34.7,113.7 34.8,113.6 34.7,113.6"), "polygon-crossing", "cross",
    ),
    "polygon with longitude first": (
        put("info/area/polygon", "113.6,34.7 113.7,34.7 113.7,34.8 113.6,34.7"), "polygon-order", "latitude",
    ),
    "polygon in words": (put("info/area/polygon", "the whole town"), "polygon-syntax", ""),
    "HTML in the description": (only_last("info/description", "<i>deep</i>"), "markup", "must be plain"),
    "description empty": (put("info/description", ""), "description-missing", "missing or empty"),
    "draft": (put("status", "Draft"), "draft", "a draft must not be sent"),
}  # fmt: skip
BY_SCHEMA = 4


def test_the_table_of_broken_alerts_is_whole():
    assert len(BROKEN) == 22


@pytest.mark.parametrize("name", BROKEN)
def test_each_of_the_22_is_refused_with_its_reason(cap, name):
    """Sent by us or taken in from others, with no schema at hand."""
    edit, code, words = BROKEN[name]
    data = edited(cap.message(), edit)
    refusals = [finding for finding in validate_cap(data) if finding.severity == "error"]
    assert {finding.code for finding in refusals} == {code}
    assert any(words in str(finding) for finding in refusals), [str(finding) for finding in refusals]
    with pytest.raises(BadInputError, match=code):
        require_valid_cap(data)


@pytest.mark.parametrize(("number", "name"), list(enumerate(BROKEN)))
def test_the_schema_alone_refuses_four_of_them(cap, shared_data, number, name):
    codes_found = {f.code for f in validate_cap(edited(cap.message(), BROKEN[name][0]), shared_data / "cap/cap12.xsd")}
    assert ("schema" in codes_found) == (number < BY_SCHEMA)


def test_enumerations_are_those_of_the_schema(shared_data):
    schema = etree.parse(shared_data / "cap" / "cap12.xsd")
    xs = "{http://www.w3.org/2001/XMLSchema}"
    for name, values in ENUMERATIONS.items():
        (element,) = [e for e in schema.iter(f"{xs}element") if e.get("name") == name]
        assert tuple(e.get("value") for e in element.iter(f"{xs}enumeration")) == values


# What real files of other offices hold, found by hand in the files.
CORPUS = {
    "invalid.cap": {"schema", "bad-code", "bad-language", "expires-missing", "area-undrawn", "description-missing"},
    "canada_errors.cap": {"references-missing", "restriction-unexpected", "description-missing", "headline-missing"},
    "noaa_errors.cap": {"wrong-version", "references-empty", "bad-code", "empty-value", "polygon-syntax"},
    "no_optional_fields.cap": {"wrong-version", "no-info"},
    "weather.cap": {"wrong-version", "empty-value"},
    "xee.atom": {"doctype"},
}


@pytest.mark.parametrize("name", CORPUS)
def test_files_of_others(shared_data, name):
    data = (shared_data / "cap" / name).read_bytes()
    found = {finding.code for finding in validate_cap(data, shared_data / "cap" / "cap12.xsd")}
    assert found >= CORPUS[name]


@pytest.mark.parametrize("name", ["australia.cap", "canada.cap"])
def test_good_files_of_others_pass_the_schema(shared_data, name):
    findings = validate_cap((shared_data / "cap" / name).read_bytes(), shared_data / "cap" / "cap12.xsd")
    assert not {"schema", "not-xml", "bad-time", "bad-identifier", "polygon-order"} & {f.code for f in findings}


@pytest.mark.parametrize(
    "inside",
    [
        lambda count: "<info/>" * (10 * count),
        lambda count: f"<references>{'a ' * (40 * count)}</references>",
        lambda count: f"<info><area><polygon>{'34.7,113.6 34.8,113.7 ' * (4 * count)}</polygon></area></info>",
    ],
    ids=["infos", "references", "corners"],
)
def test_a_flood_of_problems_costs_work_in_proportion_to_it(inside):
    def work(count):
        data = f'<alert xmlns="{URN}">{inside(count)}</alert>'.encode()
        return calls_of(lambda: validate_cap(data))

    findings = validate_cap(f'<alert xmlns="{URN}">{inside(10_000)}</alert>'.encode())
    assert len(findings) <= MAX_FINDINGS + 1
    few = work(1000)
    assert work(4000) < 4.4 * few + 1000
