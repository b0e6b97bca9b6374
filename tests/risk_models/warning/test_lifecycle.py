"""The table of transitions, all of it, and the coherence of two revisions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from risk_models.levels import Level
from risk_models.warning.lifecycle import TRANSITIONS, check_revision, check_transition
from risk_models.warning.records import Action, WarningRecord

START = datetime(2021, 7, 19, 12, tzinfo=UTC)
# Rows: action before; columns: NEW UPG EXT CON DNG CAN EXP. Written out, so that the table is not tested by itself.
EXPECTED = {
    None: "x......",
    Action.NEW: ".xxxxxx",
    Action.UPG: ".xxxxxx",
    Action.EXT: ".xxxxxx",
    Action.CON: ".xxxxxx",
    Action.DNG: ".xxxxxx",
    Action.CAN: ".......",
    Action.EXP: ".......",
}


@pytest.mark.parametrize(("before", "after"), list(product([None, *Action], Action)))
def test_table(before, after):
    is_legal = EXPECTED[before][list(Action).index(after)] == "x"
    assert (after in TRANSITIONS[before]) == is_legal
    if is_legal:
        check_transition(before, after)
    else:
        with pytest.raises(ValueError, match=f"{after} may not follow"):
            check_transition(before, after)


def test_table_covers_every_action_and_cannot_be_changed():
    assert set(TRANSITIONS) == {None, *Action}
    with pytest.raises(TypeError):
        TRANSITIONS[Action.CAN] = frozenset(Action)


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (None, Action.CAN, "CAN may not follow nothing; accepted: NEW"),
        (Action.UPG, Action.NEW, "NEW may not follow UPG; accepted: CAN, CON, DNG, EXP, EXT, UPG"),
        (Action.EXP, Action.CON, "the warning has ended; open a new warning"),
    ],
)
def test_text_says_what_is_accepted(before, after, text):
    with pytest.raises(ValueError, match=text):
        check_transition(before, after)


@pytest.fixture
def opened():
    return WarningRecord(
        event_key="E",
        warning_id="E-1",
        revision=0,
        action=Action.NEW,
        area_code="1",
        level=Level.ORANGE,
        previous_level=Level.NONE,
        issued_at=START,
        valid_from=START,
        valid_to=START + timedelta(hours=6),
    )


def follow(record, **changes):
    values = {
        "revision": record.revision + 1,
        "action": Action.UPG,
        "level": Level.RED,
        "previous_level": record.level,
        "issued_at": record.issued_at + timedelta(hours=1),
        "supersedes": record.message_id,
    }
    return replace(record, **values | changes)


def test_lawful_revisions_pass(opened):
    check_revision(None, opened)
    check_revision(opened, follow(opened))
    check_revision(opened, follow(opened, action=Action.DNG, level=Level.BLUE))
    for action in (Action.CON, Action.EXT, Action.CAN, Action.EXP):
        check_revision(opened, follow(opened, action=action, level=Level.ORANGE))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"warning_id": "E-2"}, "warning_id is E-2, expected E-1"),
        ({"event_key": "F"}, "event_key is F, expected E"),
        ({"area_code": "2"}, "area_code is 2, expected 1"),
        ({"revision": 3}, "revision is 3, expected 1"),
        ({"previous_level": Level.BLUE}, "previous_level is blue, expected orange"),
        ({"supersedes": None}, r"supersedes is None, expected E-1\.r0"),
        ({"issued_at": START}, "is not after"),
        ({"level": Level.YELLOW}, "UPG from orange to yellow contradicts itself"),
        ({"action": Action.DNG}, "DNG from orange to red contradicts itself"),
        ({"action": Action.CON}, "CON from orange to red contradicts itself"),
        ({"action": Action.CAN, "level": Level.NONE}, "none is no warning level"),
    ],
)
def test_unlawful_revisions_are_named(opened, changes, text):
    with pytest.raises(ValueError, match=text):
        check_revision(opened, follow(opened, **changes))


def test_a_new_warning_starts_at_revision_0(opened):
    with pytest.raises(ValueError, match="revision is 2, expected 0"):
        check_revision(None, replace(opened, revision=2))
