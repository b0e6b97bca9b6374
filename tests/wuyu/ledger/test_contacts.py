"""Contacts in the ledger: as the register has them, changed when it changes, kept when a town has left."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.wuyu.conftest import AT
from wuyu.ledger import Ledger
from wuyu.ledger.contacts import CONTACTS_CHANGED, differs, keep_contacts, town_contacts

HOUR = timedelta(hours=1)
TOWN = {
    "town_name": "一里街道", "town_name_en": "Mini Town 1", "mailbox": "a@t.example", "second_contact": None,
    "duty_phone": "000-1",
}  # fmt: skip


def _changes(ledger: Ledger) -> list[list[str]]:
    return [entry.detail["areas"] for entry in ledger.log_entries() if entry.what == CONTACTS_CHANGED]


@pytest.fixture
def known(ledger: Ledger) -> Ledger:
    with ledger.writing() as session:
        keep_contacts(session, "410199", {"1": TOWN, "2": TOWN | {"second_contact": "b@t.example"}}, at=AT)
    return ledger


def test_the_first_reading_is_no_change_and_the_second_does_nothing(known: Ledger) -> None:
    with known.writing() as session:
        same = keep_contacts(
            session, "410199", {"1": TOWN, "2": TOWN | {"second_contact": "b@t.example"}}, at=AT + HOUR
        )
        assert {row.at for row in same.values()} == {AT}
        assert same["2"].second_contact == "b@t.example"
    assert _changes(known) == []


@pytest.mark.parametrize(
    "change", [{"mailbox": "new@t.example"}, {"second_contact": "c@t.example"}, {"duty_phone": "0"}]
)
def test_what_changed_is_written_and_logged(known: Ledger, change: dict[str, str]) -> None:
    with known.writing() as session:
        found = keep_contacts(
            session, "410199", {"1": TOWN | change, "2": TOWN | {"second_contact": "b@t.example"}}, at=AT + HOUR
        )
        assert {getattr(found["1"], name) for name in change} == set(change.values())
        assert (found["1"].at, found["2"].at) == (AT + HOUR, AT)
    assert _changes(known) == [["1"]]


def test_a_town_that_left_is_kept_with_a_mark_and_may_come_back(known: Ledger) -> None:
    with known.writing() as session:
        left = keep_contacts(session, "410199", {"1": TOWN}, at=AT + HOUR)["2"]
        assert (left.has_left, left.left_at, left.second_contact) == (True, AT + HOUR, "b@t.example")
        assert differs(town_contacts(session, "410199"), {"1": TOWN}) == []
        back = keep_contacts(session, "410199", {"1": TOWN, "2": TOWN}, at=AT + 2 * HOUR)["2"]
        assert (back.has_left, back.second_contact) == (False, None)
    assert _changes(known) == [["2"], ["2"]]


def test_districts_in_one_ledger_do_not_mix(known: Ledger) -> None:
    with known.writing() as session:
        keep_contacts(session, "410103", {"1": TOWN | {"mailbox": "other@t.example"}}, at=AT)
        assert town_contacts(session, "410199")["1"].mailbox == "a@t.example"
        assert not town_contacts(session, "410199")["2"].has_left
