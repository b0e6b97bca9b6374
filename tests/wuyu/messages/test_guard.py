"""Test, exercise and draft never leave as real: every status, scope and kind of address."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wuyu.messages.guard import SCOPES, STATUSES, Target, address_domain, is_address, may_send

REAL, EXAMPLE = "duty@town.gov.cn", "duty@town.example"


@pytest.mark.parametrize(("status", "scope"), list(product(STATUSES, SCOPES)))
def test_only_actual_reaches_a_real_address(status: str, scope: str) -> None:
    assert may_send(status, scope, REAL).allowed is (status == "Actual")
    assert may_send(status, scope, REAL, demonstration=True).allowed is False
    assert may_send(status, scope, EXAMPLE).allowed is (status != "Draft")


@pytest.mark.parametrize("status", ["actual", "ACTUAL", "Actual ", "", "Live", "Exercise\n"])
def test_a_status_that_is_not_understood_is_refused(status: str) -> None:
    verdict = may_send(status, "Public", EXAMPLE)
    assert not verdict.allowed
    assert "is none of Actual, Exercise" in verdict.reason


def test_a_scope_that_is_not_understood_is_refused() -> None:
    assert "scope 'public' is none of" in may_send("Actual", "public", EXAMPLE).reason


@pytest.mark.parametrize(
    "address",
    ["a@example.com", "a@town.example.com", "a@notexample", "a@town.examplE.cn", "a@example.org", "example@town.cn"],
)
def test_names_that_only_look_like_example_are_real(address: str) -> None:
    assert not may_send("Exercise", "Public", address).allowed


@pytest.mark.parametrize(
    "address",
    ["", "a", "a@", "@t.example", "a@t.example,b@t.example", "a@t.example b@t.example", "a@x@t.example",
     "<a@t.example>", "A <a@t.example>", "a@t.example\r\nBcc: b@t.cn", "a@t.example\x00", "a\x00@t.example",
     "a@t..example", "a@-t.example", "a..b@t.example", ".a@t.example", "甲@t.example", "a@镇.example", "a@t.example.",
     "a@[127.0.0.1]", '"a b"@t.example', f"{'a' * 65}@t.example", f"a@{'b.' * 130}example", "a@t.example\n"],
)  # fmt: skip
def test_what_is_not_one_plain_address_is_refused(address: str) -> None:
    assert not is_address(address)
    assert "not exactly one mail address" in may_send("Actual", "Public", address).reason


@settings(deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40), st.sampled_from(STATUSES[1:]))
def test_no_text_takes_an_exercise_to_a_real_place(text: str, status: str) -> None:
    verdict = may_send(status, "Public", text + "@town.gov.cn")
    assert not verdict.allowed


@settings(deadline=None)
@given(st.emails())
def test_what_is_allowed_has_exactly_one_at_sign_and_no_control_character(address: str) -> None:
    if may_send("Actual", "Public", address).allowed:
        assert address.count("@") == 1
        assert address.isascii()
        assert address.isprintable()
        assert address_domain(address) == address.split("@")[1].lower()


TARGETS = {
    f"{kind}:{'drill' if exercise else 'live'}": Target(f"{kind}:x", exercise=exercise, scopes=("Public", "Restricted"))
    for kind in ("webhook", "file", "sms")
    for exercise in (True, False)
}
PATHS = ["mail:live", "mail:drill", *TARGETS]


@pytest.mark.parametrize(("status", "scope", "path"), list(product(STATUSES, SCOPES, PATHS)))
def test_every_combination_of_status_scope_and_path(status: str, scope: str, path: str) -> None:
    """What is live is reached by Actual alone, never with demonstration data; a drill never by what is meant."""
    is_live = path.endswith("live")
    if path.startswith("mail"):
        recipient, target = (REAL if is_live else EXAMPLE), None
        expected = status == "Actual" if is_live else status != "Draft"
    else:
        recipient, target = "x", TARGETS[path]
        expected = scope != "Private" and (status == "Actual" if is_live else status not in ("Actual", "Draft"))
    assert may_send(status, scope, recipient, target=target).allowed is expected
    if is_live:
        assert not may_send(status, scope, recipient, demonstration=True, target=target).allowed
    elif status != "Actual":
        assert may_send(status, scope, recipient, demonstration=True, target=target).allowed is expected


@given(st.text(max_size=12), st.text(max_size=12), st.booleans(), st.booleans())
def test_a_live_target_never_takes_anything_but_actual(status: str, scope: str, demo: bool, exercise: bool) -> None:
    target = Target("webhook:x", exercise=exercise, scopes=SCOPES)
    if may_send(status, scope, "x", demonstration=demo, target=target).allowed:
        assert (status == "Actual") is not exercise
        assert not (demo and status == "Actual")
