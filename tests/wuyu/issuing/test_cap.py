"""CAP as it leaves: the orders of the first screen, and a message of its own where water stands now."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from shapely.geometry import Point

from risk_models.risk import read_risk
from risk_models.warning.cap.areas import CapArea
from risk_models.warning.cap.build import CapText
from risk_models.warning.cap.check import validate_cap
from risk_models.warning.cap.reader import ToldWarning, parse_cap, read_warning
from tests.wuyu.delivery.desks import ISSUED
from wuyu.desk import Desk
from wuyu.issuing.cap import standing_cap
from wuyu.ledger import MessageBody, Outbox
from wuyu.ledger.tasks import OPERATOR_TASK

pytestmark = pytest.mark.xdist_group("storm")

_NAMED = {"message_id": "E-410199001.now1", "event_key": "E", "number": 1, "scope": "Restricted"}


def _table(desk: Desk) -> Any:
    cycle = desk.ledger.last_cycle(desk.code)
    assert cycle is not None
    return read_risk(desk.out / cycle.risk_paths["parquet"])


def _read(data: bytes) -> ToldWarning:
    message, findings = parse_cap(data)
    assert message is not None, findings
    return read_warning(message)


def _body(desk: Desk, row: Outbox) -> Any:
    with desk.ledger.reading() as session:
        kept = session.get(MessageBody, row.body_sha256)
        assert kept is not None
        return json.loads(kept.body)


def _now(desk: Desk, channel: str) -> list[Outbox]:
    return [row for row in desk.ledger.outbox() if row.purpose == "now" and row.channel == channel]


def test_the_instruction_is_what_the_first_screen_asks_line_by_line(issued_desk: Desk) -> None:
    found = sorted((issued_desk.out / "bulletins").rglob("*.cap.xml"))
    assert len(found) == len(issued_desk.ledger.warnings())
    for path in found:
        told = _read(path.read_bytes())
        page = path.with_name(path.name.replace(".cap.xml", ".txt")).read_text(encoding="utf-8")
        first = page.partition("\n\n")[0].splitlines()
        asked = [line.split(" | ") for line in first if line[:1].isdigit()]
        ordered = [line for line in told.instructions[0].splitlines() if line[:1].isdigit()]
        assert asked
        assert ordered == [f"{line[0]} [{' · '.join(line[1:])}]" for line in asked]
        for kind in ("已有积水", "最危险时段", "有效至", "下次通报"):
            assert [line for line in first if line.startswith(kind)] == [
                line for line in first if line.startswith(kind) and line in told.instructions[0]
            ]


def test_a_bulletin_has_an_event_of_its_own_and_its_places_in_their_town(issued_desk: Desk, shared_data: Path) -> None:
    towns, table = issued_desk.district.towns, _table(issued_desk)
    for row in issued_desk.ledger.warnings():
        path = issued_desk.out / "bulletins" / row.area_code / f"{row.message_id}.cap.xml"
        assert validate_cap(path.read_bytes(), shared_data / "cap" / "cap12.xsd") == []
        told, record = _read(path.read_bytes()), row.to_record()
        assert (told.events, told.event_code) == (("内涝", "Waterlogging"), "11A02")
        assert {place.hotspot_id for place in told.places} >= set(record.hotspot_ids)
        outline = CapArea.from_towns(towns, row.area_code).outline
        for place in told.places:
            assert place.circle is not None
            assert outline.distance(Point(place.circle[1], place.circle[0])) < 0.002
            assert place.names == (
                table.at[place.hotspot_id, "hotspot_name"],
                table.at[place.hotspot_id, "hotspot_name_en"],
            )


def test_water_that_stands_now_goes_to_webhook_and_folder_as_cap(issued_desk: Desk, shared_data: Path) -> None:
    hooks, drops = _now(issued_desk, "webhook:hub"), _now(issued_desk, "file:city")
    assert len(hooks) == len(drops) > 0
    for hook, drop in zip(hooks, drops, strict=True):
        told, bundle = _body(issued_desk, hook), _body(issued_desk, drop)
        (one,) = bundle["files"]
        data = base64.b64decode(one["content"])
        assert one["name"] == f"{drop.message_id}.cap.xml"
        assert bundle["index"]["files"] == [{key: one[key] for key in one if key != "content"}]
        assert one["sha256"] == hashlib.sha256(data).hexdigest() == told["cap"]["sha256"]
        assert told["cap"]["content"].encode() == data
        assert validate_cap(data, shared_data / "cap" / "cap12.xsd") == []
        back = _read(data)
        assert (back.kind, back.response, back.urgency) == ("Alert", "Execute", "Immediate")
        assert back.certainty == "Likely"  # nobody has seen it
        assert [place.hotspot_id for place in back.places] == [place["id"] for place in told["places"]]
        mail = told["text"]["zh"]
        orders = [line.partition("：")[2].rstrip("。") for line in back.instructions[0].splitlines()[:-1]]
        assert orders
        assert all(order in mail for order in orders)


def test_what_somebody_sees_is_observed_and_a_name_that_cap_refuses_stops_nothing(issued_desk: Desk) -> None:
    tasks: list[dict[str, Any]] = []
    decision = SimpleNamespace(now=ISSUED, log=lambda kind, **facts: tasks.append({"kind": kind} | facts))
    rows = _table(issued_desk).query("now == 'stands'").iloc[:1].copy()
    rows["now_by"] = "巡查"
    text = CapText(headline="水", description="已有积水", instruction="立即封闭", contact="值班室")
    texts = (text, CapText(headline="Water", description="It stands", instruction="Close", contact="Office"))
    given = {**_NAMED, "depth_m": 0.5, "expires_at": ISSUED.replace(hour=23)}
    data = standing_cap(issued_desk, decision, rows, texts, **given)  # type: ignore[arg-type]
    assert data is not None
    assert _read(data).certainty == "Observed"
    assert not tasks

    broken = (CapText(headline="", description="已有积水", instruction="立即封闭", contact="值班室"), texts[1])
    assert standing_cap(issued_desk, decision, rows, broken, **given) is None  # type: ignore[arg-type]
    assert tasks[0]["kind"] == OPERATOR_TASK
    assert "headline-missing" in tasks[0]["task"]
