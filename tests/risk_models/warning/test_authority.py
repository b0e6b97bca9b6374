"""The state of a warning: only what is signed is in force, and nothing that is not understood counts as a signature."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from risk_models.levels import Level
from risk_models.warning.authority import Authority, Revision, authority_of, last_fact, revisions_of, states_at
from risk_models.warning.records import Action

AT = datetime(2021, 7, 20, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def revision(number: int = 0, **changes: Any) -> Revision:
    given: dict[str, Any] = {
        "warning_id": "E-A",
        "revision": number,
        "action": Action.UPG if number else Action.NEW,
        "area_code": "A",
        "level": Level.RED,
        "issued_at": AT + number * HOUR,
        "valid_to": AT + (6 + number) * HOUR,
    }
    return Revision(**(given | changes))


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({}, Authority.WAITING),
        ({"signed_at": AT + HOUR}, Authority.WAITING),
        ({"signed_at": AT}, Authority.SIGNED),
        ({"signed_at": AT, "is_sent": True}, Authority.SENT),
        ({"signed_at": AT, "is_sent": True, "answered_at": AT}, Authority.ANSWERED),
        ({"signed_at": AT, "is_sent": True, "answered_at": AT + HOUR}, Authority.SENT),
        ({"refused_at": AT}, Authority.REFUSED),
        ({"is_sent": True, "answered_at": AT}, Authority.WAITING),  # what nobody signed waits, whatever became of it
        ({"action": Action.CON, "signed_at": AT}, Authority.PROPOSED),
        ({"action": Action.CAN, "signed_at": AT}, Authority.OVER),
        ({"action": Action.CAN}, Authority.WAITING),
        ({"signed_at": AT, "valid_to": AT}, Authority.OVER),
    ],
)
def test_the_state_of_a_revision_follows_from_what_is_known(facts: dict[str, Any], state: Authority) -> None:
    assert authority_of(revision(**facts), [], at=AT) is state


def test_only_what_is_signed_takes_the_place_of_what_is_in_force() -> None:
    old, new = revision(0, signed_at=AT, level=Level.ORANGE), revision(1)
    later = AT + HOUR
    assert [state for _, state in states_at([old, new], later)] == [Authority.SIGNED, Authority.WAITING]
    refused = revision(1, refused_at=later)
    assert [state for _, state in states_at([old, refused], later)] == [Authority.SIGNED, Authority.REFUSED]
    signed = revision(1, signed_at=later)
    assert [state for _, state in states_at([old, signed], later)] == [Authority.OVER, Authority.SIGNED]
    assert [state for _, state in states_at([old, signed], AT)] == [Authority.SIGNED]  # the second is not decided yet


def test_what_waits_gives_way_to_whatever_was_decided_after_it() -> None:
    first, second = revision(0), revision(1)
    assert [state for _, state in states_at([first, second], AT + HOUR)] == [Authority.OVER, Authority.WAITING]


def test_a_warning_that_takes_the_place_of_another_ends_it() -> None:
    old = revision(0, signed_at=AT)
    new = revision(1, warning_id="E-A-2", revision=0, supersedes="E-A.r0", signed_at=AT + HOUR)
    other = revision(1, warning_id="E-B", area_code="B", supersedes=None, signed_at=AT + HOUR)
    states = [state for _, state in states_at([old, new, other], AT + HOUR)]
    assert states == [Authority.OVER, Authority.SIGNED, Authority.SIGNED]


def test_a_table_must_say_who_stands_behind_its_rows() -> None:
    row = {"warning_id": "E-A", "revision": 0, "action": "NEW", "area_code": "A", "level": 4}
    table = pd.DataFrame([row | {"issued_at": pd.Timestamp(AT), "valid_to": pd.Timestamp(AT + HOUR)}])
    with pytest.raises(KeyError, match="signed_at, refused_at, is_sent, answered_at"):
        revisions_of(table)
    whole = table.assign(signed_at=pd.NaT, refused_at=None, is_sent=False, answered_at=float("nan"))
    (one,) = revisions_of(whole)
    assert (one.signed_at, one.refused_at, one.answered_at, one.supersedes) == (None, None, None, None)
    assert authority_of(one, [], at=AT) is Authority.WAITING


def test_the_newest_fact_is_that_of_any_revision() -> None:
    assert last_fact([revision(0, signed_at=AT + HOUR / 4)], at=AT) == AT + HOUR / 4
    assert last_fact([], at=AT) == AT
