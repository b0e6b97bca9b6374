"""Water stands now: told at once by every channel, once for each place and step deeper, seen apart from modelled."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_models.levels import Level
from risk_models.observation import Now
from risk_models.plan import Phase, steps_of
from risk_models.risk import read_risk
from tests.wuyu.delivery.desks import ISSUED
from wuyu.cycle import run_cycle
from wuyu.desk import Desk
from wuyu.issuing import water_now
from wuyu.issuing.water_now import AGAIN_AFTER, STEPS_M, ToldNow, tell_water_now
from wuyu.ledger import MessageBody, Outbox

pytestmark = pytest.mark.xdist_group("storm")

HOUR = timedelta(hours=1)


def _table(desk: Desk) -> Any:
    cycle = desk.ledger.last_cycle(desk.code)
    assert cycle is not None
    return read_risk(desk.out / cycle.risk_paths["parquet"])


def _now_rows(desk: Desk) -> list[Outbox]:
    return [row for row in desk.ledger.outbox() if row.purpose == "now"]


def _body(desk: Desk, row: Outbox) -> bytes:
    with desk.ledger.reading() as session:
        kept = session.get(MessageBody, row.body_sha256)
        assert kept is not None
        return kept.body


def test_every_town_with_standing_water_is_told_in_the_same_cycle_by_every_channel(desk: Desk) -> None:
    standing = _table(desk).query("now == 'stands'")
    assert len(standing)
    rows = _now_rows(desk)
    towns = desk.district.towns
    mailed = {row.recipient for row in rows if row.channel == "mail"}
    assert mailed == {str(towns.at[code, "mailbox"]) for code in standing["town_code"]}
    assert {row.channel for row in rows} == {"mail", "webhook:hub", "file:city", "sms:gateway"}
    assert {row.state for row in rows} == {"pending"}  # it waits for no signature
    assert min(row.priority for row in rows) > int(Level.RED)


def test_it_says_where_how_deep_and_that_nobody_has_seen_it(desk: Desk) -> None:
    for row in _now_rows(desk):
        body = _body(desk, row)
        if row.channel == "mail":
            mail = message_from_bytes(body, policy=policy.default)
            text = mail.get_content()
            assert "正在发生" in mail["Subject"]
            assert "演示数据" in text
            assert "模型推算，未经现场核实" in text
            assert "modelled, not seen" in text
            assert "积水超过" in text
        elif row.channel.startswith("sms"):
            (words,) = json.loads(body)["texts"]
            assert "已有积水" in words
            assert len(words) <= 70
        else:
            facts = json.loads(body)
            facts = facts.get("index", facts)
            assert facts["notice"] == "water-now"
            assert all(place["seen"] is False and place["depth_m"] is None for place in facts["places"])


def test_it_tells_nothing_that_is_for_before_the_rain_or_after_the_water(desk: Desk) -> None:
    plans = desk.district.plans
    texts = zip(plans["actions_zh"], plans["actions_en"], plans["phase"], strict=True)
    steps = {step for text in texts for step in steps_of(*text)}
    other = [step for step in steps if step.phases in ((Phase.BEFORE,), (Phase.AFTER,))]
    assert other
    for row in _now_rows(desk):
        body = _body(desk, row)
        mail = message_from_bytes(body, policy=policy.default).get_content() if row.channel == "mail" else ""
        text = mail or body.decode()
        assert not [step for step in other if step.zh in text or step.en in text]


def test_the_same_water_is_told_once(desk: Desk) -> None:
    before = {row.message_id for row in _now_rows(desk)}
    told = _told(desk)
    run_cycle(desk, ISSUED + HOUR, drafts=False)
    after = _told(desk)
    for row in _now_rows(desk):
        if row.message_id in before or row.channel != "webhook:hub":
            continue
        for place in json.loads(_body(desk, row))["places"]:
            assert after.steps[place["id"]] > told.steps.get(place["id"], 0)
    assert {*told.steps} <= {*after.steps}


def _told(desk: Desk) -> ToldNow:
    cycle = desk.ledger.last_cycle(desk.code)
    assert cycle is not None
    return ToldNow.from_dict(cycle.warning_states["told_now"])


State = tuple[Now, int]
histories = st.lists(
    st.tuples(st.sampled_from([Now.STANDS, *Now]), st.integers(0, 5), st.sampled_from([1, 1, 2, 4])),
    min_size=1,
    max_size=20,
)


class _Recorder:
    """Stands for what queues a notice: the history of one place needs no mail server."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.told: list[pd.DataFrame] = []
        monkeypatch.setattr(water_now, "_tell", lambda desk, decision, places, *rest, **more: self.told.append(places))


def _hour(desk: Desk, at: datetime, state: Now, count: int, before: ToldNow) -> ToldNow:
    table = _table(desk).iloc[:1].copy()
    table["now"], table["now_class"] = str(state), count
    table.attrs = {"valid_at": at.isoformat(), "event_key": "E"}
    return tell_water_now(desk, SimpleNamespace(), table, [], before=before, scope="Restricted")  # type: ignore[arg-type]


def test_a_place_is_told_whenever_it_stands_untold_or_deeper_and_never_twice(
    issued_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = _Recorder(monkeypatch)
    depths_m = issued_desk.scorer.whole.thresholds_m

    @given(histories)
    def law(history: list[tuple[Now, int, int]]) -> None:
        before, at, deepest, stood = ToldNow(), ISSUED, 0, None
        for state, count, gap_h in history:
            at += gap_h * HOUR
            recorder.told.clear()
            before = _hour(issued_desk, at, state, count, before)
            step = max(1, sum((depths_m[count - 1] if count else 0.0) >= step_m for step_m in STEPS_M))
            if state == Now.DRY:
                deepest, stood = 0, None
            is_back = stood is not None and at - stood >= AGAIN_AFTER
            expected = state == Now.STANDS and (is_back or step > deepest)
            assert bool(recorder.told) is expected
            if state == Now.STANDS:
                deepest, stood = step if is_back else max(step, deepest), at
            assert ToldNow.from_dict(json.loads(json.dumps(before.to_dict()))) == before

    law()
    dry_between = ToldNow()
    for hours, state in enumerate((Now.STANDS, Now.DRY, Now.STANDS)):
        recorder.told.clear()
        dry_between = _hour(issued_desk, ISSUED + hours * HOUR, state, 2, dry_between)
    assert recorder.told, "seen dry, and under water again"
