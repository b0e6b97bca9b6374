"""Text, HTML and PDF: every field in both languages, nothing unescaped, the same bytes every time."""

from __future__ import annotations

import html
import io
import re
from dataclasses import replace

import pytest
from lxml import etree
from lxml import html as lxml_html
from pypdf import PdfReader

from reports.bulletin import MAP_CID, subject, to_archive, to_html, to_mail_text, to_pdf, to_text
from reports.bulletin.view import LABELS, NAME_MAX, bulletin_view
from reports.figures import LevelMap
from reports.fonts import missing_glyphs
from reports.words import LANGUAGES, Text
from risk_models.levels import Level
from risk_models.warning.records import Action

HOSTILE = '<script>alert(\'1\')</script>&"#read("/etc/hosts") $x$ *b* _i_ `c` @l ]#[ \\ // /* {{ 7*7 }} {level}'


@pytest.fixture(scope="module")
def bulletin(make_sample):
    return make_sample()


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def _pdf_text(pdf: bytes) -> str:
    return _squeezed("".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages))


def _html_text(page: str) -> str:
    return _squeezed(lxml_html.fromstring(page).text_content())


def _said(view: dict) -> list[str]:
    """Return everything that a reader must find, from the view that the writers share."""
    said = [view["title"], view["headline"], view["issuer"], view["acknowledgement"], view["contact"], view["decision"]]
    said += [view["profile"], view["code"], view["hotspots_note"], view["message"], *view["banners"]]
    said += [view["urgent_note"], view["others_note"]]
    said += [part for fact in view["facts"] for part in fact] + view["cautions"] + view["basis"] + view["guidance"]
    sections = (view["reason"], view["impacts"], *view["rain"])
    said += [line for section in sections for line in (section["label"], *section["lines"])]
    for row in view["hotspots"]:
        said += [row[key] for key in ("name", "level", "id", "depth", "p15", "p50", "first", "owner", "phone")]
        if row["detailed"]:
            said += [row[key] for key in ("kind", "first50", "peak", "unit", "marks", "reason")]
    for row in view["urgent"]:
        said += [row[key] for key in ("name", "due", "clauses", "owner", "phone")]
    for measure in view["measures"]:
        said += [measure[key] for key in ("name", "due", "clauses", "owner", "phone", "team", "shelter", "plan")]
        said += [measure["shortfall"]]
    for measure in view["others"]:
        said += [measure[key] for key in ("name", "due", "clauses", "owner", "phone", "team", "shelter", "plan")]
    return said


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_field_is_in_both_copies_that_are_kept(bulletin, lang):
    written = {"text": _squeezed(to_text(bulletin)), "html": _html_text(to_archive(bulletin))}
    view = bulletin_view(bulletin, lang)
    said = [*_said(view), *view["headquarters"], *_first(view)]
    assert len(said) > 150
    for name, text in written.items():
        absent = [words for words in said if _squeezed(words) not in text]
        assert not absent, f"{name}: {absent[:5]}"


def _first(view: dict) -> list[str]:
    """Return the five facts in their order, as a product with room for whole names says them."""
    first = view["first"]
    orders = [part for order in first["orders"] for part in (order["full"], order["unit"], order["due"])]
    told = [first[key] for key in ("standing", "unchecked", "danger", "valid_to")]
    return [part for part in (*told, *orders, first["answer"], first["next"]) if part]


def _scenes(make_sample) -> dict:
    return {
        "raised": make_sample(wet=("EQ-002",)),
        "new": make_sample(action=Action.NEW, level=Level.YELLOW, previous_level=Level.NONE, supersedes=None),
        "lowered": make_sample(action=Action.DNG, level=Level.BLUE, previous_level=Level.RED),
        "end": make_sample(action=Action.CAN, hotspot_ids=("EQ-001",), signal=Level.NONE),
        "unknown": make_sample(unknown=True, level=Level.UNKNOWN, hotspot_ids=()),
        "long": make_sample(names={"hotspot": "长" * 200, "town": "名" * 60}),
    }


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_five_facts_stand_in_one_order_in_every_product(make_sample, lang):
    for name, one in _scenes(make_sample).items():
        view = bulletin_view(one, lang)
        page = _pdf_text(to_pdf(one, lang))
        for product, text in {"text": _squeezed(to_mail_text(one, lang)), "pdf": page}.items():
            said = [view["first"]["kind"], view["first"]["place"], *_first(view)]
            at = 0
            for words in map(_squeezed, said):
                assert words in text[at:], (name, product, words)
                at += text[at:].index(words)
        mail = lxml_html.fromstring(to_html(one, lang))
        facts = [element.get("data-fact") for element in mail.xpath("//*[@data-fact]")]
        whole = ["kind", "standing", "danger", "orders", "answer", "next"]
        assert facts == [fact for fact in whole if fact != "standing" or one.standing]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_mail_and_pdf_are_in_one_language_and_have_every_place_whole(bulletin, lang):
    view, other = bulletin_view(bulletin, lang), bulletin_view(bulletin, "en" if lang == "zh" else "zh")
    for text in (_html_text(to_html(bulletin, lang)), _pdf_text(to_pdf(bulletin, lang)), to_mail_text(bulletin, lang)):
        said = _squeezed(text)
        assert len(view["places"]) == 7
        for row in view["places"]:
            told = [row[key] for key in ("name", "what", "when", "unit", "owner", "phone", "team", "shelter")]
            assert [words for words in told if _squeezed(words) not in said] == []
        assert _squeezed(other["first"]["next"]) not in said
        assert _squeezed(other["places_note"]) not in said


def test_what_a_town_does_not_need_is_not_in_its_mail_or_pdf(bulletin):
    kept = [bulletin.profile.zh, bulletin.basis.lines[-1].zh, bulletin.message_id, bulletin.headquarters[0].zh]
    for text in (_html_text(to_html(bulletin)), _pdf_text(to_pdf(bulletin)), _squeezed(to_mail_text(bulletin))):
        assert [words for words in kept if _squeezed(words) in text] == []


def _pages(pdf: bytes) -> list[str]:
    return [_squeezed(page.extract_text()) for page in PdfReader(io.BytesIO(pdf)).pages]


@pytest.fixture(scope="module")
def long_bulletin(make_sample, sample_risk):
    """Return a bulletin of 22 warned hotspots."""
    warned = sample_risk[sample_risk["level"] >= 1].sort_values("level", ascending=False, kind="stable")
    return make_sample(area_code="410103", hotspot_ids=tuple(warned.index[:22]))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_long_bulletin_has_two_pages_and_the_first_says_what_to_do(long_bulletin, sample_district, sample_risk, lang):
    listed = [line.hotspot_id for line in long_bulletin.hotspots]
    png = LevelMap(sample_district).png(sample_risk, listed=listed)
    pdf = to_pdf(long_bulletin, lang, map_png=png)
    pages, view = _pages(pdf), bulletin_view(long_bulletin, lang)
    assert len(pages) == 2
    assert len(view["places"]) == 22
    told = [*_first(view), view["first"]["place"]]
    assert [words for words in told if _squeezed(words) not in pages[0]] == []
    assert [row["name"] for row in view["places"] if _squeezed(row["name"]) not in pages[1]] == []
    assert len(pdf) < 150_000
    assert len(to_html(long_bulletin, lang).encode()) < 60_000
    assert len(to_archive(long_bulletin).encode()) < 70_000


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_all_clear_has_one_page(make_sample, sample_district, sample_risk, lang):
    ended = make_sample(action=Action.CAN, hotspot_ids=("EQ-001", "EQ-002"), signal=Level.NONE)
    png = LevelMap(sample_district).png(sample_risk, town_code=ended.area_code)
    assert len(_pages(to_pdf(ended, lang, map_png=png))) == 1


@pytest.mark.parametrize("length", [1, 20, 60, 200])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_name_of_any_length_stands_whole_in_every_product(make_sample, length, lang):
    hotspot, town = "陇海路铁路下穿通道东侧人行地道"[:1] * length, "镇" * length
    one = make_sample(names={"hotspot": hotspot, "town": town}, wet=("EQ-001",))
    pdf = to_pdf(one, lang)
    assert len(_pages(pdf)) == 2
    for text in (_html_text(to_html(one, lang)), _pdf_text(pdf), _squeezed(to_mail_text(one, lang)), to_archive(one)):
        assert hotspot in text
        assert town in text
    brief = lxml_html.fromstring(to_html(one, lang)).xpath("string(//*[@data-fact='standing'])")
    assert ("…" in brief) == (length > NAME_MAX)


def test_the_headline_reason_is_said_once(make_sample, sample_risk):
    row = sample_risk.iloc[0]
    same = make_sample(reason_zh=row["reason_zh"], reason_en=row["reason_en"])
    for lang in LANGUAGES:
        assert to_text(same).count(same.reason[lang]) == 1


def test_brackets_are_never_nested(make_sample):
    reason = "积水1米（重现期>100年（超出公式范围））"
    nested = make_sample(reason_zh=reason, reason_en="1 m (return period >100 a (outside the formula))")
    assert "重现期>100年，超出公式范围）" in to_text(nested)
    for text in (to_text(nested), lxml_html.fromstring(to_archive(nested)).text_content()):
        assert not re.search(r"[（(][^（()）]*[（(]", text)


def test_chinese_comes_first(bulletin):
    for text in (to_text(bulletin), _html_text(to_archive(bulletin))):
        assert text.index(bulletin.headline.zh) < text.index(_squeezed(bulletin.headline.en)[:20].split("-")[0])


def test_minimum_fields_of_a_notice_are_said(bulletin):
    text = to_text(bulletin)
    identity = ("〔2021〕12号", "红色（Ⅰ级）", "升级", "淮河路街道", ".r0", bulletin.code, "演示数据", "【演练】")
    times = ("发布时间：2021年7月20日16时", "2021年7月20日16时至22时", "首次超15厘米 20日17:00")
    people = ("138-0000-0000", "值班负责人 张某", "duty@erqi.example", "0371-00000001")
    basis = ("雨量站：使用22个，应到24个", "距发布8小时", "方法版本 0.1.0", "预测、预报、预警、预演、预案")
    for words in identity + times + people + basis:
        assert words in text, words


def test_same_bulletin_same_bytes(bulletin, make_sample, sample_district, sample_risk):
    again = make_sample()
    png = LevelMap(sample_district).png(sample_risk, town_code=bulletin.area_code)
    assert again == bulletin
    assert to_text(again) == to_text(bulletin)
    assert to_html(again) == to_html(bulletin)
    assert to_archive(again) == to_archive(bulletin)
    assert to_mail_text(again) == to_mail_text(bulletin)
    assert to_pdf(again, map_png=png) == to_pdf(bulletin, map_png=png)


def test_hostile_names_are_text_everywhere(make_sample):
    hostile = make_sample(names={"hotspot": HOSTILE, "town": HOSTILE})
    assert _squeezed(HOSTILE) in _html_text(to_archive(hostile))
    assert not lxml_html.fromstring(to_archive(hostile)).xpath("//script")
    page = to_html(hostile)
    tree = lxml_html.fromstring(page)
    assert not tree.xpath("//script")
    assert html.escape("<script>alert('1')</script>", quote=False).replace("'", "&#39;") in page
    assert _squeezed(HOSTILE) in _html_text(page)
    assert _squeezed(HOSTILE) in _pdf_text(to_pdf(hostile))
    assert HOSTILE in to_text(hostile)


def test_line_breaks_and_bidi_controls_cannot_enter_the_subject(make_sample):
    line = subject(make_sample(names={"town": "街道\r\nBcc: all@erqi.example\u202e\x00"}))
    assert "街道 Bcc: all@erqi.example" in line
    assert not set(line) & set("\r\n\u202e\x00")


def test_phone_links_are_made_of_digits_only(make_sample):
    tree = lxml_html.fromstring(to_html(make_sample(names={"hotspot": "a"})))
    links = tree.xpath("//a/@href")
    assert links
    assert all(re.fullmatch(r"tel:\+?\d{6,20}", link) for link in links)


def test_html_is_for_mail(bulletin):
    page = to_html(bulletin)
    tree = lxml_html.fromstring(page)
    assert tree.xpath("//img/@src") == [f"cid:{MAP_CID}"]
    assert "max-width:640px" in page
    assert not re.search(r"https?://|url\(|<script|<link|@import|javascript:", page)
    assert not lxml_html.fromstring(to_html(bulletin, map_src=None)).xpath("//img")
    # Gmail cuts a message at 102 kB.
    assert len(page.encode()) < 102_000


def test_html_is_balanced(bulletin):
    page = to_html(bulletin)
    for tag in ("table", "tr", "td", "div", "span", "a"):
        assert len(re.findall(rf"<{tag}[ >]", page)) == page.count(f"</{tag}>"), tag


def test_whole_mail_is_light(bulletin, sample_district, sample_risk):
    png = LevelMap(sample_district).png(sample_risk, town_code=bulletin.area_code)
    parts = (to_text(bulletin).encode(), to_html(bulletin).encode(), png, to_pdf(bulletin, map_png=png))
    # Base64 with line ends needs 1.37 bytes for one.
    assert sum(map(len, parts)) * 1.37 < 500_000


def test_pdf_has_fixed_date_bookmarks_tags_and_embedded_font(bulletin):
    reader = PdfReader(io.BytesIO(to_pdf(bulletin)))
    first = bulletin_view(bulletin, "zh")["first"]
    assert reader.metadata.title == bulletin.headline.zh
    assert reader.metadata.creation_date_raw.startswith("D:20210720")
    assert [entry.title for entry in reader.outline if not isinstance(entry, list)] == [
        f"{first['kind']}  {first['place']}"
    ]
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    fonts = reader.pages[0]["/Resources"]["/Font"].values()
    for font in fonts:
        descendant = font["/DescendantFonts"][0].get_object()
        assert "NotoSansSC-Regular" in descendant["/BaseFont"]
        assert "/FontFile3" in descendant["/FontDescriptor"]


def test_every_character_has_a_glyph(bulletin):
    assert missing_glyphs(to_text(bulletin)) == ""


def test_a_character_without_glyph_is_marked_in_the_pdf(make_sample):
    assert "甲〓乙" in _pdf_text(to_pdf(make_sample(names={"hotspot": "甲\U0001f30a乙"})))


def _structure(pdf: bytes) -> list[dict]:
    """Return the elements of the tag tree."""
    elements, todo = [], [PdfReader(io.BytesIO(pdf)).trailer["/Root"]["/StructTreeRoot"]]
    while todo:
        element = todo.pop().get_object()
        if isinstance(element, list):
            todo += element
        elif isinstance(element, dict):
            elements.append(element)
            todo += [element["/K"]] if "/K" in element and not isinstance(element["/K"], int) else []
    return elements


def test_tables_are_tagged_with_their_heads(bulletin):
    kinds = [element.get("/S") for element in _structure(to_pdf(bulletin))]
    assert kinds.count("/Table") == 1
    assert kinds.count("/THead") == 1
    assert kinds.count("/H1") == 1


def test_map_stands_once_with_a_description(bulletin, sample_district, sample_risk):
    png = LevelMap(sample_district).png(sample_risk, town_code=bulletin.area_code)
    pdf = to_pdf(bulletin, map_png=png)
    images = [image for page in PdfReader(io.BytesIO(pdf)).pages for image in page.images]
    assert len(images) == 1
    figures = [element for element in _structure(pdf) if element.get("/S") == "/Figure"]
    assert [element["/Alt"] for element in figures] == [f"风险等级图: {bulletin.headline.zh}"]


def test_labels_are_said_in_both_languages():
    assert all(text.zh and text.en and text.zh != text.en for text in LABELS.values())


def test_views_are_plain_json_data(bulletin):
    def check(value: object) -> None:
        if isinstance(value, dict):
            for key, part in value.items():
                assert isinstance(key, str)
                check(part)
        elif isinstance(value, list | tuple):
            for part in value:
                check(part)
        else:
            assert isinstance(value, str | bool), value

    for lang in LANGUAGES:
        check(bulletin_view(bulletin, lang))


@pytest.mark.parametrize("level", [Level.RED, Level.ORANGE, Level.YELLOW, Level.BLUE])
def test_band_takes_the_colour_of_the_level(make_sample, level):
    page = to_html(make_sample(level=level))
    band = lxml_html.fromstring(page).xpath(f"//td[@bgcolor='{level.fill}']")
    assert len(band) == 1
    assert all(f"color:{level.ink}" in etree.tostring(cell).decode() for cell in band)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_writer_prints_what_the_weather_office_issued(bulletin, lang):
    told = replace(bulletin, issued=tuple(Text(f"信号{n}", f"signal {n}") for n in range(5)))
    few = (_html_text(to_html(told, lang)), _pdf_text(to_pdf(told, lang)), _squeezed(to_mail_text(told, lang)))
    for text in few:
        assert all(_squeezed(told.issued[n][lang]) in text for n in range(3))
        assert _squeezed(told.issued[3][lang]) not in text
        assert _squeezed("另有2条，见留存件。" if lang == "zh" else "2 more stand in the kept copy.") in text
    for text in (_html_text(to_archive(told)), _squeezed(to_text(told))):
        assert all(_squeezed(line[lang]) in text for line in told.issued)
