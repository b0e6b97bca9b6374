"""The page as a person meets it, at the size of a phone and of a desk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.wuyu.ack.browser import Browser, chromium
from tests.wuyu.ack.conftest import KEYS, Served
from wuyu.ack.book import Standing, find, flood_reports, standings
from wuyu.ack.escalation import escalate
from wuyu.ack.places import open_places
from wuyu.ack.tokens import DESK, LinkUse, sign

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
SIZES = [pytest.param((390, 844, True), id="phone"), pytest.param((1280, 900, False), id="desktop")]
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SMALL_TARGETS = (
    "[...document.querySelectorAll('button,.button,summary,input[type=text],input[type=number]')]"
    ".filter(e => e.offsetParent && e.getBoundingClientRect().height < 44).length"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if chromium() is None:
        pytest.skip("chromium is not installed")
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize("size", SIZES)
def test_a_town_answers_and_reports(
    browser: Browser, served: Served, waiting: Standing, size: tuple[int, int, bool], tmp_path: Path
) -> None:
    browser.size(size[0], size[1], phone=size[2])
    browser.open(served.url + served.link(waiting))
    assert waiting.request.content["zh"]["headline"] in browser.text()
    assert "演示数据" in browser.text()
    assert "【演练】" in browser.text()
    assert browser.run(OVERFLOW) == 0
    browser.screenshot(tmp_path / "1_asked.png")
    browser.fill("#name", "王 <b>值班</b>")
    browser.send("button[value=received]")
    assert "已记录：已收到" in browser.text()
    assert "王 <b>值班</b>" in browser.text()
    browser.screenshot(tmp_path / "2_answered.png")
    browser.open(served.url + served.link(waiting))
    assert "已记录：已收到" in browser.text()
    assert browser.run("document.querySelectorAll('form').length") == 0
    browser.send("a.button")
    assert browser.run(OVERFLOW) == 0
    hotspot = waiting.request.content["zh"]["hotspots"][0]["id"]
    browser.click(f"input[name=seen-{hotspot}][value=flooded]")
    browser.fill(f"input[name=depth-{hotspot}]", "45")
    browser.screenshot(tmp_path / "3_feedback.png")
    browser.send("#send")
    assert "已记录：积水" in browser.text()
    browser.screenshot(tmp_path / "4_reported.png")
    reports = flood_reports(served.desk.ledger, waiting.request.id, waiting.recipients[0])
    assert reports[hotspot].depth_m == 0.45
    for shot in tmp_path.glob("*.png"):
        assert shot.stat().st_size > 5_000


def test_one_press_says_that_all_places_are_dry(
    browser: Browser, served: Served, waiting: Standing, tmp_path: Path
) -> None:
    browser.size(390, 844, phone=True)
    asked, to = waiting.request, waiting.recipients[0]
    token = sign(KEYS, LinkUse.FEEDBACK, asked.message_id, to, expires_at=asked.feedback_until)
    browser.open(f"{served.url}/f/{token}")
    assert (browser.run(OVERFLOW), browser.run(SMALL_TARGETS)) == (0, 0)
    assert browser.run("document.querySelector('form button').name") == "", "what the enter key presses"
    browser.screenshot(tmp_path / "places.png", whole=False)
    browser.fill("#name", "王")
    browser.send("button.dry")
    dry = {name for name, row in flood_reports(served.desk.ledger, asked.id, to).items() if row.seen == "dry"}
    places = {place.id for place in open_places(served.desk.ledger, asked)}
    assert places
    assert dry == places


def test_targets_are_large_enough_for_a_thumb(browser: Browser, served: Served, waiting: Standing) -> None:
    browser.size(390, 844, phone=True)
    browser.open(served.url + served.link(waiting))
    assert browser.run(SMALL_TARGETS) == 0
    browser.click("summary")
    assert browser.run(SMALL_TARGETS) == 0


@pytest.mark.parametrize("size", SIZES)
def test_the_duty_desk_sees_who_is_silent_and_notes_a_call(
    browser: Browser, served: Served, waiting: Standing, size: tuple[int, int, bool], tmp_path: Path
) -> None:
    asked = waiting.request
    assert asked.due_at is not None
    served.clock.at = asked.due_at + timedelta(minutes=7)
    escalate(served.desk, served.clock.at)
    token = sign(KEYS, LinkUse.DESK, served.desk.code, DESK, expires_at=asked.expires_at)
    browser.size(size[0], size[1], phone=size[2])
    browser.open(f"{served.url}/desk/{token}")
    assert asked.phone in browser.text()
    assert "已超 7 分钟" in browser.text()
    assert browser.run(OVERFLOW) == 0
    browser.screenshot(tmp_path / "1_desk.png")
    browser.send(f"a[href$='{asked.message_id}']")
    browser.fill("#name", "张主任")
    browser.fill("#officer", "李值班")
    browser.screenshot(tmp_path / "2_call.png")
    browser.send("button[value=received]")
    assert "张主任" in browser.text()
    answered = find(served.desk.ledger, asked.message_id)
    assert answered is not None
    assert answered.received is not None
    assert (answered.received.channel, answered.received.recorded_by) == ("phone", "李值班")


def _forged(served: Served, waiting: Standing) -> str:
    return served.link(waiting)[:-6] + "AAAAAA"


def _expired(served: Served, waiting: Standing) -> str:
    served.clock.at = waiting.request.feedback_until + timedelta(days=1)
    return served.link(waiting)


def _of_someone_else(served: Served, waiting: Standing) -> str:
    return served.link(waiting, "stranger@mini.example")


def _of_another_bulletin(served: Served, waiting: Standing) -> str:
    other = next(one for one in standings(served.desk.ledger) if one.request.id != waiting.request.id)
    return served.link(waiting, other.recipients[0])


REFUSED = [_forged, _expired, _of_someone_else, _of_another_bulletin]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("link", REFUSED, ids=[one.__name__.strip("_") for one in REFUSED])
def test_a_refusal_is_a_plain_page(
    browser: Browser,
    served: Served,
    waiting: Standing,
    tmp_path: Path,
    link: Callable[[Served, Standing], str],
    size: tuple[int, int, bool],
) -> None:
    browser.size(size[0], size[1], phone=size[2])
    browser.open(served.url + link(served, waiting))
    assert "链接" in browser.text()
    assert waiting.request.content["zh"]["headline"] not in browser.text(), "nothing of the bulletin is shown"
    assert browser.run("document.querySelectorAll('form,button').length") == 0
    assert browser.run(OVERFLOW) == 0
    browser.screenshot(tmp_path / "refused.png", whole=False)
