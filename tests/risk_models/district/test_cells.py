"""Cells: parsed one by one, strictly."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from risk_models.district.cells import CellError, parse_cell
from risk_models.district.contracts import TABLES

DEPTH = TABLES["history"].column("depth_m")
PEOPLE = TABLES["teams"].column("people")
NAME = TABLES["teams"].column("team_name")
CODE = TABLES["communities"].column("community_code")
MAILBOX = TABLES["towns"].column("mailbox")
TRUTH = TABLES["facilities"].column("below_ground")
STATUS = TABLES["shelters"].column("status")
REVISED = TABLES["plans"].column("revised_on")
PHASE = TABLES["plans"].column("phase")
START = TABLES["history"].column("started_at")


@pytest.mark.parametrize(
    "text", ["inf", "-inf", "nan", "NaN", "0x10", "1_000", "1,5", "１２", "12 m", "=1+1", "--1", "."]
)
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(CellError, match="not a plain decimal number"):
        parse_cell(text, DEPTH)


@pytest.mark.parametrize("cell", ["1e309", float("inf"), float("nan"), 10**400])
def test_what_is_not_finite_is_refused(cell: object) -> None:
    with pytest.raises(CellError, match="not finite"):
        parse_cell(cell, DEPTH)


@given(st.floats(0, 50, allow_nan=False))
def test_a_number_survives_being_written(number: float) -> None:
    assert parse_cell(repr(number), DEPTH) == number
    assert parse_cell(number, DEPTH) == number


@given(st.text(max_size=40))
@example("0\x1f")
def test_any_text_gives_a_value_or_a_cell_error(text: str) -> None:
    for column in (DEPTH, PEOPLE, NAME, CODE, MAILBOX, TRUTH, STATUS, REVISED, PHASE, START):
        try:
            value = parse_cell(text, column)
        except CellError:
            continue
        assert value is not None


@pytest.mark.parametrize(("cell", "code"), [("-0.1", "out-of-range"), ("51", "out-of-range"), (True, "not-a-number")])
def test_number_limits(cell: object, code: str) -> None:
    with pytest.raises(CellError) as caught:
        parse_cell(cell, DEPTH)
    assert caught.value.code == code


def test_whole_numbers() -> None:
    assert parse_cell("12", PEOPLE) == 12
    assert parse_cell(12.0, PEOPLE) == 12
    with pytest.raises(CellError, match="not whole"):
        parse_cell("12.5", PEOPLE)
    with pytest.raises(CellError, match="out of range"):
        parse_cell("0", PEOPLE)


def test_text_that_looks_like_a_formula_or_a_number_stays_text() -> None:
    assert parse_cell("=HYPERLINK(1)", NAME) == "=HYPERLINK(1)"
    assert parse_cell("007", NAME) == "007"
    assert parse_cell("010103001", CODE) == "010103001"
    assert parse_cell(410103001.0, CODE) == "410103001"


@pytest.mark.parametrize(
    ("cell", "column", "code"),
    [
        ("a\r\nBcc: b", NAME, "control-character"),
        ("\u202egnp.exe", NAME, "control-character"),
        ("#REF!", NAME, "sheet-error"),
        ("x" * 5000, NAME, "text-too-long"),
        ("4.10103E+11", CODE, "lost-digits"),
        ("../x", CODE, "bad-id"),
        ("a b", CODE, "bad-id"),
        ("a@x.example, b@x.example", MAILBOX, "bad-address"),
        ("a@x", MAILBOX, "bad-address"),
        ("maybe", TRUTH, "not-a-boolean"),
        ("opne", STATUS, "not-a-choice"),
        ("2021-02-30", REVISED, "not-a-date"),
        ("20 July 2021", REVISED, "not-a-date"),
        (datetime(2021, 7, 20, 5), REVISED, "not-a-date"),  # noqa: DTZ001
        ("2021-07-20T17:00:00", START, "missing-offset"),
        ("2021-07-20", START, "not-a-time"),
        ("2021-07-20T25:00:00+08:00", START, "impossible-time"),
        ("1021-07-20T17:00:00+08:00", START, "impossible-time"),
        ("0001-01-01T00:00:00+08:00", START, "impossible-time"),
    ],
)
def test_what_does_not_fit_its_column_is_refused(cell: object, column, code: str) -> None:
    with pytest.raises(CellError) as caught:
        parse_cell(cell, column)
    assert caught.value.code == code


@pytest.mark.parametrize(("cell", "truth"), [("true", True), ("FALSE", False), ("是", True), (0, False), (1.0, True)])
def test_truth_values(cell: object, truth: bool) -> None:
    assert parse_cell(cell, TRUTH) is truth


def test_dates_and_times() -> None:
    assert parse_cell("2021-07-20", REVISED) == date(2021, 7, 20)
    assert parse_cell(datetime(2021, 7, 20), REVISED) == date(2021, 7, 20)  # noqa: DTZ001
    moment = parse_cell("2021-07-20T17:00:00+08:00", START)
    assert moment == datetime(2021, 7, 20, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cell", "phases"),
    [
        ("雨前", "before"),
        ("雨前;雨中；积水; 退水后", "before;during;standing;after"),
        ("Before ; DURING/standing;雨后;", "before;during/standing;after;"),
        ("未知;unknown;;雨中／积水", "unknown;unknown;;during/standing"),
    ],
)
def test_phases_are_read_in_both_languages(cell: str, phases: str) -> None:
    assert parse_cell(cell, PHASE) == phases


@pytest.mark.parametrize("cell", ["雨前;下雨", "before,during", "during;standin", "雨前/rain"])
def test_a_phase_of_another_word_is_refused(cell: str) -> None:
    with pytest.raises(CellError, match="is not among the choices"):
        parse_cell(cell, PHASE)
