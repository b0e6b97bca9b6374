"""Who is told by which channel, what each is sent, and that all of it arrives."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.district.settingsfile import read_settings
from risk_models.errors import ConfigError
from risk_models.levels import Level
from risk_models.warning.records import Action
from tests.wuyu.delivery.desks import ISSUED, SECRET, SIGNED, write_district
from tests.wuyu.delivery.http_server import HttpServer
from wuyu.approval.approving import approve
from wuyu.cycle import run_cycle
from wuyu.delivery import summary as said
from wuyu.delivery.channels import channel_transport, channels_in_use, recipients_of
from wuyu.delivery.dispatch import dispatch_all, ways
from wuyu.delivery.smtp import SmtpSettings, SmtpTransport
from wuyu.delivery.webhook import verify
from wuyu.desk import Desk
from wuyu.ledger import Approval, MessageBody, Outbox
from wuyu.ledger.tasks import open_tasks
from wuyu.messages.purpose import Purpose

pytestmark = pytest.mark.xdist_group("storm")

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _bulletins(desk: Desk) -> list[Outbox]:
    return [row for row in desk.ledger.outbox() if row.purpose == Purpose.BULLETIN]


def _rows(desk: Desk, channel: str) -> list[Outbox]:
    return [row for row in _bulletins(desk) if row.channel == channel]


def _all_rows(desk: Desk, channel: str) -> list[Outbox]:
    return [row for row in desk.ledger.outbox() if row.channel == channel]


def _body(desk: Desk, row: Outbox) -> dict[str, Any]:
    with desk.ledger.reading() as session:
        kept = session.get(MessageBody, row.body_sha256)
        assert kept is not None
        found: dict[str, Any] = json.loads(kept.body)
        return found


def _pointed_at(desk: Desk, **urls: str) -> Desk:
    """Return the desk with channels that lead to real servers."""
    old = desk.district.settings
    channels = tuple(
        channel.model_copy(update={"url": urls[channel.id]}) if channel.id in urls else channel
        for channel in old.channels
    )
    district = dataclasses.replace(desk.district, settings=old.model_copy(update={"channels": channels}))
    return dataclasses.replace(desk, district=district)


def test_every_channel_has_its_own_rows(desk: Desk) -> None:
    towns = len(desk.ledger.warnings())
    orange = sum(row.level >= Level.ORANGE for row in desk.ledger.warnings())
    counts = Counter(row.channel for row in _bulletins(desk))
    assert counts == {
        "mail": towns, "webhook:hub": towns, "file:city": towns, "sms:gateway": 2 * orange,
    }  # fmt: skip
    assert "webhook:live-hub" not in counts, "an exercise goes to no live target"
    assert "file:public-board" not in counts, "a restricted bulletin goes to no public board"
    assert {row.state for row in desk.ledger.outbox()} == {"pending"}


def test_the_webhook_carries_the_essentials_and_the_cap_message(desk: Desk) -> None:
    for row in _rows(desk, "webhook:hub"):
        body = _body(desk, row)
        warning = desk.ledger.warning(row.message_id)
        assert warning is not None
        assert (body["schema"], body["message_id"], body["level"]["number"]) == (
            "wuyu-alert-1", row.message_id, warning.level,
        )  # fmt: skip
        assert (body["status"], body["demonstration"]) == ("Exercise", True)
        assert datetime.fromisoformat(body["valid_to"]) == warning.valid_to
        cap = body["cap"]["content"]
        assert hashlib.sha256(cap.encode()).hexdigest() == body["cap"]["sha256"]
        assert "<status>Exercise</status>" in cap


def test_the_short_messages_are_short_and_complete(desk: Desk) -> None:
    rows = _rows(desk, "sms:gateway")
    assert {row.recipient for row in rows} >= {"+8613800000000", "00000000001"}
    for row in rows:
        body = _body(desk, row)
        warning = desk.ledger.warning(row.message_id)
        assert warning is not None
        until = warning.valid_to.astimezone(desk.timezone)
        first, told = body["texts"][0], "".join(body["texts"])
        assert 1 <= len(body["texts"]) <= 2
        for text in body["texts"]:
            assert len(text) <= 70
            assert text.startswith("【演练】【演示数据】")
        assert Level(warning.level).zh in first
        if not warning.to_record().action.is_end:
            hour = f"{until.day}日{until.hour}时" if until.minute == 0 else f"{until.day}日{until:%H:%M}"
            assert f"效至{hour}" in first
            assert f"{hour}再报" in told
        assert re.search(r"报[0-9A-Z]{6,}", told), "the code by which it is answered"
        assert body["to"] == row.recipient
    assert len({_body(desk, row)["id"] for row in rows}) == len(rows), "each number has an id of its own"


def test_same_bulletin_same_bytes(desk: Desk, issued_desk: Desk) -> None:
    digests = {(row.message_id, row.channel, row.recipient): row.body_sha256 for row in desk.ledger.outbox()}
    assert len(digests) == len(desk.ledger.outbox())
    files = [_body(desk, row)["files"] for row in _rows(desk, "file:city")]
    for bundle in files:
        for one in bundle:
            path = next(issued_desk.out.glob(f"bulletins/*/{one['name']}"))
            assert base64.b64decode(one["content"]) == path.read_bytes()


def test_all_of_it_arrives(desk: Desk, faulty: Any, clock: Any) -> None:
    mail = SmtpSettings(host="127.0.0.1", port=faulty.port)
    with HttpServer() as hub, HttpServer() as gateway:
        pointed = _pointed_at(desk, hub=hub.url, gateway=gateway.url)
        openers = ways(pointed, lambda: SmtpTransport(mail), clock=lambda: NOW)
        assert list(openers) == [
            "mail", "webhook:hub", "webhook:live-hub", "file:city", "sms:gateway", "file:public-board",
        ]  # fmt: skip
        reports = dispatch_all(pointed.ledger, openers, clock=clock, now=SIGNED, relays=2)
        assert {name: one.stopped for name, one in reports.items() if one.stopped} == {}
        assert set(pointed.ledger.outbox_counts()) == {"sent"}
        for taken in (*hub.taken, *gateway.taken):
            assert verify(SECRET.encode(), taken.headers, taken.body, now=NOW)
        assert len(hub.taken) == len(_all_rows(desk, "webhook:hub"))
        assert len(gateway.taken) == len(_all_rows(desk, "sms:gateway"))
    dropped = sorted(path.name for path in (desk.out / "drop").iterdir())
    bulletins = {row.id for row in _rows(desk, "file:city")}
    kinds = {
        row: ("cap.xml", "json", "pdf") if row.id in bulletins else ("cap.xml", "json")
        for row in _all_rows(desk, "file:city")
    }
    assert {row.purpose for row in kinds if row.id not in bulletins} == {"now"}
    assert dropped == sorted(f"{row.message_id}.{kind}" for row, told in kinds.items() for kind in told)
    assert len(faulty.taken) == len(_all_rows(desk, "mail"))


def test_a_cycle_run_again_queues_nothing_twice(desk: Desk) -> None:
    before = len(desk.ledger.outbox())
    run_cycle(desk, ISSUED, drafts=False)
    assert len(desk.ledger.outbox()) == before


def test_what_follows_goes_to_everyone_who_was_told(desk: Desk) -> None:
    """Below its level a gateway is not told of a new warning, but it is told how one ends that it knows."""
    gateway = next(channel for channel in desk.district.settings.channels if channel.id == "gateway")
    warned = max(desk.ledger.warnings(), key=lambda row: row.level)
    numbers = [row.recipient for row in _rows(desk, "sms:gateway") if row.message_id == warned.message_id]
    calm = {"revision": warned.revision + 1, "previous_level": Level(warned.level)}
    with desk.ledger.decide(now=SIGNED) as decision:
        for action, level in ((Action.DNG, Level.BLUE), (Action.CAN, Level(warned.level))):
            record = dataclasses.replace(warned.to_record(), action=action, level=level, **calm)
            assert recipients_of(desk, decision, gateway, record) == numbers
            renamed = gateway.model_copy(update={"numbers": (), "town_phones": False})
            assert recipients_of(desk, decision, renamed, record) == numbers, "also those who have left since"
        new = dataclasses.replace(warned.to_record(), warning_id="other", level=Level.BLUE)
        assert recipients_of(desk, decision, gateway, new) == []
        elsewhere = gateway.model_copy(update={"areas": ("410199999",)})
        assert recipients_of(desk, decision, elsewhere, dataclasses.replace(new, level=Level.RED)) == []


def test_a_channel_without_its_secret_stops_alone(desk: Desk, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WUYU_TEST_SECRET")
    openers = ways(desk, lambda: SmtpTransport.__new__(SmtpTransport), clock=clock)
    openers.pop("mail")
    reports = dispatch_all(desk.ledger, openers, clock=clock, now=SIGNED)
    assert "the environment variable WUYU_TEST_SECRET is not set" in reports["webhook:hub"].stopped
    assert reports["file:city"].counts == {"sent": len(_all_rows(desk, "file:city"))}
    assert {row.state for row in _rows(desk, "webhook:hub")} == {"pending"}
    with pytest.raises(ConfigError, match="no channel 'webhook:none'; it has: webhook:hub, "):
        channel_transport(desk, "webhook:none", clock=clock)


@settings(deadline=None, max_examples=60)
@given(
    place=st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x2A6DF, blacklist_categories=["Cs"]), min_size=1),
    names=st.lists(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1, max_size=40)),
    words=st.text(max_size=30),
)
def test_no_name_makes_a_short_message_long(place: str, names: list[str], words: str) -> None:
    for text in (
        said._fitted("【演练】【演示数据】", place, "橙色暴雨内涝预警，有效至12月31日23:59。叫应码ABCDEF，收到请回复"),
        *([said._list_of(f"【演练】{said._cut(place, 12)}重点：", names, "。叫应码ABCDEF")] if names else []),
        *said.notice_texts({"演练": True}, place, words),
    ):
        assert said._units(text) <= 70
        assert text.startswith("【演练】")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{id: a, kind: webhook, url: "http://hub.cn/", secret_env: WUYU_S}', "must begin with https"),
        ('{id: a, kind: webhook, url: "https://u:p@hub.cn/", secret_env: WUYU_S}', "must hold no user and no password"),
        ('{id: a, kind: webhook, url: "https://hub.cn/?token=1", secret_env: WUYU_S}', "a whole address without query"),
        ('{id: a, kind: webhook, url: "https://hub.cn/"}', "the key is missing"),
        ('{id: a, kind: fax, path: x}', "the value is not accepted"),
        ('{id: a, kind: file, path: ../x}', "without '..'"),
        ('{id: a, kind: file, path: x, scope: [Public]}', "the key is unknown; nearest: scopes"),
        ('{id: a, kind: file, path: x, scopes: []}', "at least 1"),
        ('{id: A, kind: file, path: x}', "string should match pattern"),
        ('{id: a, kind: file, path: x}\n  - {id: a, kind: file, path: y}', "every id may stand once only; twice: a"),
        ('{id: a, kind: sms, url: "https://hub.cn/", secret_env: WUYU_S, numbers: ["12"]}', "should match pattern"),
    ],
)  # fmt: skip
def test_wrong_settings_are_named(storm_district: Path, tmp_path: Path, line: str, words: str) -> None:
    folder = write_district(storm_district, tmp_path / "mini")
    path = folder / "district.yaml"
    text = path.read_text(encoding="utf-8").split("\nchannels:")[0]
    path.write_text(f"{text}\nchannels:\n  - {line}\n", encoding="utf-8")
    assert words in "\n".join(str(finding) for finding in read_settings(folder).findings).replace("String", "string")


def test_a_message_of_a_live_district_never_reaches_a_drill(desk: Desk) -> None:
    """The same warnings in earnest would go to the live hub alone."""
    assert [one.id for one in channels_in_use(desk.settings, status="Actual", scope="Restricted")] == ["live-hub"]
    assert [one.id for one in channels_in_use(desk.settings, status="Test", scope="Public")] == [
        "hub", "city", "gateway", "public-board",
    ]  # fmt: skip


def test_a_channel_that_is_gone_becomes_a_task(desk: Desk) -> None:
    """What told of a warning must tell how it ends; if the settings know it no more, only people can."""
    old = desk.district.settings
    kept = tuple(one for one in old.channels if one.id != "hub")
    fewer = dataclasses.replace(desk.district, settings=old.model_copy(update={"channels": kept}))
    moved = dataclasses.replace(desk, district=fewer)
    warned = desk.ledger.warnings()[0]
    for hours in range(1, 24):
        run_cycle(moved, ISSUED + timedelta(hours=hours), drafts=False)
        for row in desk.ledger.warnings(approval=Approval.WAITING):
            approve(moved, row.message_id, officer="李明", now=row.issued_at)
    ends = [row for row in desk.ledger.warnings() if row.warning_id == warned.warning_id and row.action == "CAN"]
    tasks = {task.message_id: task.detail for task in open_tasks(desk.ledger)}
    assert ends
    assert tasks[ends[0].message_id]["channels"] == ["webhook:hub"]
    assert "tell its readers by hand" in tasks[ends[0].message_id]["task"]
    told = {row.channel for row in desk.ledger.outbox() if row.message_id == ends[0].message_id}
    assert {"mail", "file:city"} <= told
    assert "webhook:hub" not in told
