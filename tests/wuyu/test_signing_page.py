"""The page on which an officer signs one storm, behind a real server: only what it showed, only by whose link it is."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.held import HELD_AT
from tests.patience import PATIENCE_S, until
from tests.wuyu.ack.browser import Browser, chromium
from tests.wuyu.ack.conftest import KEYS, Clock, serve
from wuyu.ack.app import create_app
from wuyu.ack.tokens import DESK, LinkUse, sign, sign_form
from wuyu.approval import district_round
from wuyu.approval.page import signing_pages
from wuyu.cli import main
from wuyu.clock import wall_clock
from wuyu.desk import Desk
from wuyu.ledger.models import LogEntry

pytestmark = pytest.mark.xdist_group("storm")

MINUTE = timedelta(minutes=1)
OFFICER = "李明"
NOT_KEPT = httpx.Limits(max_keepalive_connections=0)
"""The door cuts a connection that is kept and says nothing; a browser may take long to start."""


@dataclasses.dataclass
class Signing:
    """A running page, and the desk behind it."""

    desk: Desk
    clock: Clock
    client: httpx.Client
    url: str

    def link(self, officer: str = OFFICER, use: LinkUse = LinkUse.SIGN, about: str | None = None) -> str:
        about = self.desk.code if about is None else about
        return f"/sign/{sign(KEYS, use, about, officer, expires_at=HELD_AT + timedelta(hours=12))}"

    def fields(self, officer: str = OFFICER) -> dict[str, str]:
        """Return the hidden fields of the form, as the page gives them."""
        page = self.client.get(self.link(officer)).text
        return {name: re.findall(rf'name="{name}" value="([^"]*)"', page)[0] for name in ("form", "seen")}

    def send(self, fields: dict[str, str], officer: str = OFFICER) -> int:
        return self.client.post(self.link(officer), data=fields).status_code

    def states(self) -> dict[str, str]:
        return {row.message_id: str(row.approval_state) for row in self.desk.ledger.warnings()}

    def wait(self, officer: str = OFFICER) -> str:
        """Return the page as it is after the work."""
        until("the bulletins", lambda: "正在签发" not in self.client.get(self.link(officer)).text)
        return self.client.get(self.link(officer)).text


def _serve(desk: Desk) -> Iterator[Signing]:
    clock = Clock(HELD_AT + MINUTE)
    more = signing_pages(lambda: desk, lambda: desk)
    app = create_app(desk.ledger, desk.out, KEYS, clock=clock, https=False, more=more, requests_a_minute=10**6)
    with serve(app) as url, httpx.Client(base_url=url, timeout=PATIENCE_S, limits=NOT_KEPT) as client:
        yield Signing(desk, clock, client, url)


@pytest.fixture
def signing(reopen: Callable[..., Desk]) -> Iterator[Signing]:
    yield from _serve(reopen())


@pytest.fixture
def paired(reopen: Callable[..., Desk]) -> Iterator[Signing]:
    yield from _serve(reopen("valid_h: 3,", "valid_h: 3, second_person_from: red,"))


def _add_waiting(desk: Desk, like: str) -> str:
    row = desk.ledger.warning(like)
    assert row is not None
    record = dataclasses.replace(row.to_record(), warning_id=f"{row.warning_id}-2", revision=0)
    with desk.ledger.decide(now=HELD_AT) as decision:
        decision.warn(record, approval_due_at=HELD_AT + 9 * MINUTE).cycle_id = row.cycle_id
    return record.message_id


def test_the_page_shows_one_thing_and_looking_changes_nothing(signing: Signing) -> None:
    before = len(signing.desk.ledger.log_entries())
    answer = signing.client.get(signing.link())
    assert answer.status_code == 200
    for words in ("红色2、橙色1", "2 red, 1 orange", "还有9分钟", "一里街道", "签发人 Officer: 李明", "<svg "):
        assert words in answer.text
    assert "script" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert len(signing.desk.ledger.log_entries()) == before
    signing.clock.forward(minutes=30)
    assert "时限已过21分钟" in signing.client.get(signing.link()).text


def test_one_press_signs_all_but_what_is_excepted(signing: Signing) -> None:
    first, second, third = district_round(signing.desk).seen
    sent = signing.fields() | {"do-1": "hold", "do-2": "refuse", "why-2": "现场 <b>无水</b>", "note": "泵车已到位"}
    assert signing.send(sent) == 303
    page = signing.wait()
    assert signing.states() == {first: "waiting", second: "refused", third: "approved"}
    assert "已记录您的决定" in page
    assert "暂缓，继续等待" in page
    assert "红色1" in page, "what is held back is shown as waiting"
    (text,) = (signing.desk.out / "bulletins").glob(f"*/{third}.txt")
    assert "泵车已到位" in text.read_text(encoding="utf-8")
    whys = [one.detail["why"] for one in signing.desk.ledger.log_entries() if one.what == "warning-refused"]
    assert whys == ["现场 <b>无水</b>"]


def test_what_came_after_the_page_is_not_signed_by_it(signing: Signing) -> None:
    drawn = signing.fields()
    late = _add_waiting(signing.desk, drawn["seen"].split()[0])
    answer = signing.client.post(signing.link(), data=drawn)
    assert answer.status_code == 409
    assert "待签内容已变" in answer.text
    assert late in answer.text
    # Nor can it be put into the form by hand: the seal is that of what was shown.
    assert signing.send(drawn | {"seen": f"{drawn['seen']} {late}"}) == 403
    assert set(signing.states().values()) == {"waiting"}
    assert signing.send(signing.fields()) == 303
    signing.wait()
    assert set(signing.states().values()) == {"approved"}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"do-2": "refuse", "why-2": " "}, "第2项：请写明不发的理由"),
        ({"do-2": "all"}, "第2项：请选择签发、暂缓或不发"),
    ],
)
def test_a_form_that_is_not_clear_decides_nothing(signing: Signing, more: dict[str, str], said: str) -> None:
    answer = signing.client.post(signing.link(), data=signing.fields() | more)
    assert answer.status_code == 400
    assert said in answer.text
    assert set(signing.states().values()) == {"waiting"}


def test_a_consultation_is_noted_on_the_page_and_signs_nothing(signing: Signing) -> None:
    page = signing.client.get(signing.link()).text
    assert "未启动应急响应" in page
    assert "参考建议：防汛Ⅱ级应急响应" in page
    form = re.findall(r'name="form" value="([^"]*)"', page)
    said = {"act": "consult", "department": "区城管局", "by": "刘科", "view": "泵车<2>台已到"}
    assert signing.send(said | {"form": form[0]}) == 403, "the form that signs takes no views"
    assert signing.send(said | {"form": form[1], "view": ""}) == 400
    assert signing.send(said | {"form": form[1]}) == 303
    assert "泵车&lt;2&gt;台已到" in signing.client.get(signing.link()).text
    assert signing.send(signing.fields() | {"form": form[1]}) == 403, "and the form of views signs nothing"
    assert set(signing.states().values()) == {"waiting"}


def test_a_link_is_good_for_one_officer_of_the_chain(signing: Signing) -> None:
    desk, get = signing.desk, signing.client.get
    for link in (
        signing.link("陌生人"),
        signing.link(DESK, LinkUse.DESK),
        signing.link(use=LinkUse.ACKNOWLEDGE),
        signing.link(about="999999"),
        f"/sign/{sign(KEYS, LinkUse.SIGN, desk.code, OFFICER, expires_at=HELD_AT + MINUTE)}x",
    ):
        assert get(link).status_code == 403
    drawn = signing.fields()
    assert signing.send(drawn, "王芳") == 403, "a form belongs to the link that it was shown behind"
    other = sign_form(KEYS, signing.link().removeprefix("/sign/"), expires_at=wall_clock() + MINUTE)
    assert signing.send(drawn | {"form": other}) == 403
    signing.clock.forward(hours=12)
    assert get(signing.link()).status_code == 410
    assert set(signing.states().values()) == {"waiting"}


def test_red_goes_after_the_second_person(paired: Signing) -> None:
    assert "须两人签发" in paired.client.get(paired.link()).text
    assert paired.send(paired.fields()) == 303
    assert "已签，待第二人" in paired.wait()
    assert sorted(paired.states().values()) == ["approved", "waiting", "waiting"]
    assert "已签：李明" in paired.client.get(paired.link("王芳")).text
    paired.send(paired.fields())
    assert "未变" in paired.wait(), "the same person again"
    assert sorted(paired.states().values()) == ["approved", "waiting", "waiting"]
    assert paired.send(paired.fields("王芳"), "王芳") == 303
    assert "没有待签发的预警" in paired.wait("王芳")
    assert set(paired.states().values()) == {"approved"}


def test_if_the_bulletins_cannot_be_drawn_all_of_it_waits_and_the_page_says_so(reopen: Callable[..., Desk]) -> None:
    desk = reopen()

    def broken() -> Desk:
        raise OSError("the disk is full")

    app = create_app(
        desk.ledger, desk.out, KEYS, clock=Clock(HELD_AT), https=False, more=signing_pages(lambda: desk, broken)
    )
    with serve(app) as url, httpx.Client(base_url=url, timeout=PATIENCE_S, limits=NOT_KEPT) as client:
        signing = Signing(desk, Clock(HELD_AT), client, url)
        assert signing.send(signing.fields()) == 303
        page = signing.wait()
    assert "系统出错" in page
    assert "红色2、橙色1" in page
    assert set(signing.states().values()) == {"waiting"}


def test_the_verb_prints_a_link_for_who_may_sign(signing: Signing, capsys: pytest.CaptureFixture[str]) -> None:
    place: list[Any] = ["--district", str(signing.desk.district.root), "--out", str(signing.desk.out)]
    assert main(["approve", "--link", "--officer", "陌生人", *place]) == 2
    assert "one of those who may sign on the page: 李明, 王芳" in capsys.readouterr().err
    assert main(["approve", "--link", "--officer", "李明", *place]) == 2
    assert "acknowledgement.base_url says nothing" in capsys.readouterr().err


@pytest.mark.browser
def test_on_a_phone_the_decision_is_on_the_first_screen(signing: Signing, tmp_path: Any) -> None:
    if chromium() is None:
        pytest.skip("chromium is not installed")
    with Browser(tmp_path / "profile") as browser:
        browser.size(390, 844, phone=True)
        browser.open(signing.url + signing.link())
        assert browser.run("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
        for what in ("h1", ".map svg", "button[type=submit]"):
            box = browser.run(f"(b => [b.top, b.bottom])(document.querySelector('{what}').getBoundingClientRect())")
            assert 0 <= box[0] < box[1] <= 844, what
        browser.send("button[type=submit]")
        signing.wait()
        browser.open(signing.url + signing.link())
        assert "没有待签发的预警" in browser.text()
    assert set(signing.states().values()) == {"approved"}
    with signing.desk.ledger.reading() as session:
        assert session.query(LogEntry).filter_by(what="district-round-decided").count() == 1
