"""A replay delivers by every way out; a dead one is given up, said, and holds up nobody."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.replays import mails
from tests.replays import now as wall
from tests.wuyu.delivery.desks import ISSUED, KEYS, SECRET, write_district
from tests.wuyu.delivery.http_server import HttpServer
from wuyu.delivery.smtp import SmtpSettings, SmtpTransport
from wuyu.desk import Desk, begin_desk
from wuyu.rain import pull_feeds
from wuyu.replay import hours, replay
from wuyu.sink import local_sink

pytestmark = pytest.mark.xdist_group("storm")

HOURS = hours(ISSUED, ISSUED + timedelta(hours=20))


@pytest.fixture
def drill(storm_district: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("WUYU_ACK_KEYS", KEYS)
    monkeypatch.setenv("WUYU_TEST_SECRET", SECRET)
    (tmp_path / "out" / "drop").mkdir(parents=True)
    desk = begin_desk(write_district(storm_district, tmp_path / "mini"), tmp_path / "out")
    pull_feeds(desk, now=wall())
    yield desk
    desk.ledger.close()


def _pointed_at(desk: Desk, **urls: str) -> Desk:
    old = desk.district.settings
    channels = tuple(one.model_copy(update={"url": urls[one.id]}) if one.id in urls else one for one in old.channels)
    district = dataclasses.replace(desk.district, settings=old.model_copy(update={"channels": channels}))
    return dataclasses.replace(desk, district=district)


def _ends(bodies: list[dict[str, Any]]) -> set[str]:
    return {body["message_id"] for body in bodies if body.get("action") in ("CAN", "EXP")}


def test_every_way_is_emptied_and_the_all_clear_comes_by_each(drill: Desk, tmp_path: Path) -> None:
    with (
        HttpServer() as hub,
        HttpServer() as gateway,
        local_sink(tmp_path / "mailbox") as (host, port),
        SmtpTransport(SmtpSettings(host=host, port=port)) as mail,
    ):
        done = replay(_pointed_at(drill, hub=hub.url, gateway=gateway.url), HOURS, transport=mail, clock=wall)
    ends = {row.message_id for row in drill.ledger.warnings() if row.action in ("CAN", "EXP")}
    assert len(ends) == len(drill.district.towns)
    assert done.given_up == {}
    assert set(drill.ledger.outbox_counts()) == {"sent"}
    assert done.others_sent == sum(row.channel != "mail" for row in drill.ledger.outbox())
    posted = [json.loads(one.body) for one in hub.taken]
    assert _ends(posted) == ends
    assert len(posted) == len({body["message_id"] for body in posted})
    dropped = [json.loads(path.read_bytes()) for path in (drill.out / "drop").glob("*.json")]
    assert _ends(dropped) == ends
    assert {str(one["X-Wuyu-Message"]) for box in mails(tmp_path / "mailbox").values() for one in box} >= ends
    texts = [json.loads(one.body) for one in gateway.taken]
    told = {body["to"] for body in texts}
    released = {body["to"] for body in texts if body["message_id"] in ends}
    assert released == told != set()


def test_a_dead_channel_is_given_up_and_the_others_go_on(
    drill: Desk, faulty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = SmtpTransport(SmtpSettings(host="127.0.0.1", port=faulty.port))
    with HttpServer() as gateway, mail:
        desk = _pointed_at(drill, gateway=gateway.url)
        done = replay(desk, HOURS[:2], transport=mail, clock=wall, patience_s=0.2)
        assert list(done.given_up) == ["webhook:hub"]
        assert "webhook:hub is away" in done.given_up["webhook:hub"]
        assert {row.channel for row in desk.ledger.outbox() if row.state != "sent"} == {"webhook:hub"}
        monkeypatch.delenv("WUYU_TEST_SECRET")
        done = replay(desk, HOURS[:6], transport=mail, clock=wall, patience_s=0.2)
    assert "WUYU_TEST_SECRET is not set" in done.given_up["sms:gateway"]
    assert len(done.cycles) == 6
