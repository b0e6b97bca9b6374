"""Text, HTML and PDF: every field in both languages, nothing unescaped, the same bytes every time."""

from __future__ import annotations

import html
import io
import re

import pytest
from lxml import etree
from lxml import html as lxml_html
from pypdf import PdfReader

from reports.bulletin import MAP_CID, subject, to_html, to_pdf, to_text
from reports.bulletin.view import LABELS, bulletin_view
from reports.figures import LevelMap
from reports.fonts import missing_glyphs
from reports.words import LANGUAGES
from risk_models.levels import Level

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
    said += [part for fact in view["facts"] for part in fact] + view["cautions"] + view["basis"] + view["guidance"]
    said += [line for section in view["sections"] for line in (section["label"], *section["lines"])]
    for row in view["hotspots"]:
        said += [
            row[key] for key in ("name", "level", "id", "kind", "depth", "p15", "p50", "first", "first50", "owner")
        ]
        said += [row["phone"], row["peak"]] + ([row["reason"], row["marks"]] if row["detailed"] else [])
    for measure in view["measures"]:
        said += [measure[key] for key in ("name", "due", "clauses", "owner", "phone", "team", "shelter", "shortfall")]
        said += [measure["plan"]] if measure["detailed"] else []
    return said


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_field_is_in_all_three(bulletin, lang):
    written = {
        "text": _squeezed(to_text(bulletin)),
        "html": _html_text(to_html(bulletin)),
        "pdf": _pdf_text(to_pdf(bulletin)),
    }
    said = _said(bulletin_view(bulletin, lang))
    assert len(said) > 150
    for name, text in written.items():
        absent = [words for words in said if _squeezed(words) not in text]
        assert not absent, f"{name}: {absent[:5]}"


def test_chinese_comes_first(bulletin):
    for text in (to_text(bulletin), _html_text(to_html(bulletin)), _pdf_text(to_pdf(bulletin))):
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
    assert to_pdf(again, map_png=png) == to_pdf(bulletin, map_png=png)


def test_hostile_names_are_text_everywhere(make_sample):
    hostile = make_sample(names={"hotspot": HOSTILE, "town": HOSTILE})
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
    assert reader.metadata.title == bulletin.headline.zh
    assert reader.metadata.creation_date_raw.startswith("D:20210720")
    assert [entry.title for entry in reader.outline if not isinstance(entry, list)] == [
        bulletin.headline.zh,
        bulletin.headline.en,
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


def test_map_stands_once_with_a_description(bulletin, sample_district, sample_risk):
    png = LevelMap(sample_district).png(sample_risk, town_code=bulletin.area_code)
    pdf = to_pdf(bulletin, map_png=png)
    images = [image for page in PdfReader(io.BytesIO(pdf)).pages for image in page.images]
    assert len(images) == 1
    assert b"/Alt" in pdf


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
    assert len(band) == 2
    assert all(f"color:{level.ink}" in etree.tostring(cell).decode() for cell in band)
