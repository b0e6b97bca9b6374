"""The HTML page: one file, no script, readable by people and by readers of screens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import lxml.html
import pytest

from reports.periodic.writers.html import html_text, write_html
from tests.reports.periodic.writers.sample import HOSTILE, every_kind
from tests.wuyu.ack.browser import Browser, chromium


@pytest.fixture(scope="module", params=["zh", "en"])
def page(request: Any) -> Any:
    return lxml.html.document_fromstring(html_text(every_kind(request.param)))


def test_page_needs_nothing_from_outside() -> None:
    text = html_text(every_kind("zh", hostile=True))
    assert not re.search(r"<script|<link|<iframe|@import|url\(|javascript:|\son\w+=", text)
    assert not re.search(r"https?://", text)
    assert "default-src 'none'" in text
    assert text.count("data:image/png;base64,") == 1


def test_language_title_and_author(page: Any) -> None:
    lang = page.get("lang")
    assert lang in ("zh-CN", "en-GB")
    assert page.xpath("//title/text()")[0].startswith("2021年7月二七区洪涝" if lang == "zh-CN" else "Flood-risk report")
    assert page.xpath("//meta[@name='author']/@content")[0]
    assert page.xpath("//meta[@name='dcterms.issued']/@content") == ["2021-08-01"]
    assert page.xpath("//meta[@name='viewport']")


def test_headings_are_in_order_and_the_contents_lead_to_them(page: Any) -> None:
    levels = [
        int(element.tag[1]) for element in page.xpath("//h1|//main//*[self::h2 or self::h3 or self::h4 or self::h5]")
    ]
    assert levels == [1, 2, 2, 3, 4, 5]
    targets = [link[1:] for link in page.xpath("//nav//a/@href")]
    assert targets == page.xpath("//main//h2/@id|//main//h3/@id")
    for target in targets:
        assert (
            page.xpath(f"//nav//a[@href='#{target}']")[0].text_content()
            == page.get_element_by_id(target).text_content()
        )
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))


def test_tables_have_captions_scopes_and_their_own_box(page: Any) -> None:
    tables = page.xpath("//table")
    assert len(tables) == 2
    for table in tables:
        caption = table.find("caption")
        box = table.getparent()
        assert caption.text_content()
        assert set(table.xpath("./thead//th/@scope")) == {"col"}
        assert (box.get("role"), box.get("aria-labelledby"), box.get("tabindex")) == ("region", caption.get("id"), "0")
    assert len(tables[0].xpath("./tbody//th[@scope='row']")) == 60
    assert not tables[1].xpath("./tbody//th")  # numbers from the first column on


def test_figures_have_a_text_and_a_caption(page: Any) -> None:
    (figure,) = page.xpath("//figure")
    assert len(figure.find("img").get("alt")) > 10
    assert re.match(r"图1|Figure 1", figure.find("figcaption").text_content())


def test_banner_is_on_the_page_and_on_paper() -> None:
    text = html_text(every_kind("zh"))
    assert '<p class="banner" role="note">演示数据，非真实情况</p>' in text
    assert '@top-center { content: "演示数据\\ff0c 非真实情况"; }' in text
    plain = html_text(every_kind("zh", banner=""))
    assert "演示数据" not in plain


def test_hostile_names_stay_text() -> None:
    text = html_text(every_kind("en", hostile=True, banner='"; } body { display: none } </style><b>', title="<i>T</i>"))
    tree = lxml.html.document_fromstring(text)
    assert not tree.xpath("//b|//i")
    assert HOSTILE in tree.text_content()
    assert "display: none }" not in "".join(tree.xpath("//style/text()")[1:])


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 390, 1200])
def test_no_page_is_wider_than_its_window(tmp_path: Path, width: int) -> None:
    if chromium() is None:
        pytest.skip("chromium is not installed")
    path = write_html(every_kind("zh"), tmp_path / "report.html")
    with Browser(tmp_path / "profile") as browser:
        browser.size(width, 800, phone=width < 600)
        browser.open(path.as_uri())
        assert browser.run("document.documentElement.scrollWidth") == width
        boxes = browser.run("[...document.querySelectorAll('.scroll')].map(b => b.scrollWidth > b.clientWidth)")
        assert boxes == [False, width < 600]
