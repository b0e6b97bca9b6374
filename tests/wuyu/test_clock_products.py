"""Every product that is made by a drill clock says so, in both languages where it speaks both."""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import NamedTuple

import httpx
import pypdf
import pytest

from tests.factories import STORM_PEAK
from tests.replays import now, write_products
from tests.wuyu.ack.conftest import serve
from wuyu.ack.app import create_app
from wuyu.ack.book import standings
from wuyu.ack.links import Links
from wuyu.ack.record import call_record, record_html, record_pdf
from wuyu.approval import evidence, waiting
from wuyu.approval.approving import approve
from wuyu.clock import CLOCK_VARIABLE, clock_from, clock_marks
from wuyu.cycle import run_cycle
from wuyu.delivery.summary import sms_texts, summary
from wuyu.desk import Desk, begin_desk
from wuyu.issuing.bulletins import Bulletins
from wuyu.keys import load_keys
from wuyu.ledger import Approval
from wuyu.rain import pull_feeds
from wuyu.reporting import draft_report, open_consultation, scope_for

PEAK = STORM_PEAK.to_pydatetime().astimezone(UTC)
WORDS = "scale:60@2021-07-20T08:00+08:00=2026-11-30T07:00Z"
ZH, EN = clock_from(WORDS).told
ACK = """
acknowledgement:
  base_url: https://duty.mini.example/ack
"""


class Drill(NamedTuple):
    """A desk that has decided and told by a drill clock, and what was shown to the officers meanwhile."""

    desk: Desk
    shown: str
    consulted: str


@pytest.fixture(scope="module")
def drill(storm_district: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    folder = tmp_path_factory.mktemp("drill")
    shutil.copytree(storm_district, folder / "mini")
    with (folder / "mini" / "district.yaml").open("a", encoding="utf-8") as file:
        file.write(ACK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CLOCK_VARIABLE, WORDS)
        patch.setenv("WUYU_ACK_KEYS", "t1:" + "0123456789abcdef" * 4)
        desk = begin_desk(folder / "mini", folder / "out")
        pull_feeds(desk, now=now())
        run_cycle(desk, PEAK, drafts=False)
        shown = evidence(desk, waiting(desk.ledger), now=PEAK).text
        for row in desk.ledger.warnings(approval=Approval.WAITING):
            approve(desk, row.message_id, officer="李明", now=PEAK + timedelta(minutes=4))
        write_products(desk)
        scope = scope_for(desk, "month", "2021-07", "review")
        draft_report(desk, scope, now=now(), langs=["zh", "en"])
        yield Drill(desk, shown, open_consultation(desk, scope, now=now()).body)
        desk.ledger.close()


def _pdf(data: bytes) -> str:
    """Return the text of a PDF, every page of which must carry the mark."""
    pages = ["".join(page.extract_text().split()) for page in pypdf.PdfReader(io.BytesIO(data)).pages]
    marks = ["".join(mark.split()) for mark in (ZH, EN)]
    assert all(any(mark in page for mark in marks) for page in pages)
    return ZH + EN


def _word(data: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        parts = [package.read(name).decode() for name in package.namelist() if "header" in name]
    return re.sub(r"<[^>]+>", "", "".join(parts))


def _first(drill: Drill, pattern: str) -> bytes:
    return sorted(drill.desk.out.glob(pattern))[0].read_bytes()


def _page(drill: Drill, path: Callable[[Desk, Links], str]) -> str:
    """Return a page as the server of towns shows it."""
    desk, keys = drill.desk, load_keys(drill.desk.out)
    with serve(create_app(desk.ledger, desk.out, keys, clock=lambda: PEAK, https=False)) as url:
        return httpx.get(url + path(desk, Links("", keys))).text


def _answer(desk: Desk, links: Links) -> str:
    asked = standings(desk.ledger)[0]
    return links.acknowledge(asked.request.message_id, asked.recipients[0], expires_at=asked.request.expires_at)


def _desk(desk: Desk, links: Links) -> str:
    return links.desk(desk.code, expires_at=PEAK + timedelta(hours=1))


def _record(desk: Desk) -> str:
    return standings(desk.ledger)[0].request.event_key


def _channel(drill: Drill) -> str:
    """Return the summary and the short message of a bulletin."""
    desk = drill.desk
    row = next(row for row in desk.ledger.warnings() if row.level >= 3)
    cycle = desk.ledger.last_cycle(desk.code)
    assert cycle is not None
    maker, record = Bulletins(desk), row.to_record()
    facts = maker.facts(cycle.risk_paths["parquet"])
    bulletin = maker.write(record, facts, earlier=[], sign_off=None, levels={}).bulletin
    assert all("【时钟非实时】" in text and len(text) <= 70 for text in sms_texts(record, bulletin))
    return json.dumps(summary(record, bulletin, scope="Restricted", district_code=desk.code), ensure_ascii=False)


PRODUCTS: dict[str, Callable[[Drill], str]] = {
    "bulletin text": lambda drill: _first(drill, "bulletins/*/*.txt").decode(),
    "bulletin page": lambda drill: _first(drill, "bulletins/*/*.html").decode(),
    "bulletin PDF": lambda drill: _pdf(_first(drill, "bulletins/*/*.pdf")),
    "CAP": lambda drill: _first(drill, "bulletins/*/*.cap.xml").decode(),
    "channel": _channel,
    "one map": lambda drill: _first(drill, "onemap.html").decode(),
    "story": lambda drill: _first(drill, "index.html").decode(),
    "report Word": lambda drill: _word(_first(drill, "reports/**/*.docx")),
    "report PDF": lambda drill: _pdf(_first(drill, "reports/**/*07-month.pdf")),
    "report page": lambda drill: _first(drill, "reports/**/*07-month.html").decode(),
    "approval": lambda drill: drill.shown,
    "consultation": lambda drill: drill.consulted,
    "answer page": lambda drill: _page(drill, _answer),
    "desk page": lambda drill: _page(drill, _desk),
    "refusal": lambda drill: _page(drill, lambda *_: "/a/none"),
    "call record": lambda drill: record_html(call_record(drill.desk.ledger, _record(drill.desk))),
    "call record PDF": lambda drill: _pdf(
        record_pdf(call_record(drill.desk.ledger, _record(drill.desk), marks=clock_marks()))
    ),
}
ONE_LANGUAGE = {"report Word", "report page"}


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_product_says_that_its_clock_is_not_the_wall_clock(product: str, drill: Drill) -> None:
    said = PRODUCTS[product](drill)
    assert ZH in said
    assert EN in said or product in ONE_LANGUAGE
    if product.endswith(("page", "record")):
        assert said.count(ZH) == 1, "said once, in one place"
