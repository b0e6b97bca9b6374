"""The short message: the five facts in their order, in at most 70 characters each, whatever the names."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.bulletin import Bulletin
from risk_models.levels import Level
from risk_models.warning.records import Action
from tests.reports.conftest import make_district, make_record, make_risk
from wuyu.delivery.summary import SMS_UNITS, sms_texts

RECORD = make_record(make_risk(make_district()))
PHONE = "电037100001998报"
NAMES = st.text("路口隧道Ab1𠀀", min_size=1, max_size=200)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@pytest.fixture(scope="module")
def wet(make_sample) -> Bulletin:
    return make_sample(wet=("EQ-001", "EQ-002"))


def test_five_facts_in_their_order(wet):
    told = "".join(sms_texts(RECORD, replace(wet, status="Actual", demonstration=False)))
    facts = ["京广路隧道北口等2处已积水！", "红色升级 淮河路街道", "20日18时至21时最险，效至20日22时", "立即双向封闭"]
    facts += [f"{PHONE}{wet.code}，16:10前", "20日22时再报"]
    places = [told.index(fact) for fact in facts]
    assert places == sorted(places)


def test_an_all_clear_is_one_message_and_says_what_stays_closed(make_sample):
    ended = make_sample(action=Action.CAN, hotspot_ids=("EQ-001",), signal=Level.NONE)
    record = replace(RECORD, action=Action.CAN)
    (text,) = sms_texts(record, replace(ended, status="Actual", demonstration=False))
    assert re.match("解除红色预警淮河路街道（20日16时）。隧道、下穿通道和地下空间确认退水后方可开放", text)
    assert f"{PHONE}{ended.code}" in text


@settings(max_examples=300)
@given(NAMES, NAMES, st.sampled_from(["Actual", "Exercise", "Test"]), st.booleans(), st.booleans())
def test_law_no_message_is_longer_than_its_characters_and_no_fact_is_lost(wet, town, hotspot, status, demo, stands):
    name = replace(wet.area, zh=town)
    orders = tuple(replace(order, name=replace(order.name, zh=hotspot)) for order in wet.orders)
    standing = (replace(wet.standing[0], name=replace(name, zh=hotspot)),) if stands else ()
    said = replace(wet, area=name, orders=orders, standing=standing, status=status, demonstration=demo)
    texts = sms_texts(RECORD, said)
    assert 1 <= len(texts) <= 2
    assert max(map(_units, texts)) <= SMS_UNITS
    told = "".join(texts)
    for fact in ("红色升级", "20日18时至21时最险", "效至20日22时", f"{PHONE}{wet.code}", "16:10前", "20日22时再报"):
        assert fact in told
    assert ("已积水！" in told) is stands
    assert all(text.startswith("【演练】") for text in texts) or status != "Exercise"
