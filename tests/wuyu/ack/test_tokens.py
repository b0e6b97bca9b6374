"""A link is good for one purpose, one message, one recipient, until one moment, under a key we hold."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_models.errors import ConfigError
from wuyu.ack.tokens import DESK, LinkUse, Token, sign, sign_form, verify_form
from wuyu.keys import Keys, load_keys

AT = datetime(2021, 7, 20, 9, tzinfo=UTC)
OLD = Keys.parse("k1:" + "a" * 32, source="test")
NEW = Keys.parse("# changed in July\nk2:" + "b" * 32 + "\nk1:" + "a" * 32, source="test")
IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", fullmatch=True)
ADDRESSES = st.from_regex(r"[a-z]{1,12}@[a-z]{1,12}\.example", fullmatch=True)


def _token(text: str) -> Token:
    token = Token.parse(text)
    assert token is not None
    return token


@given(IDS, ADDRESSES, ADDRESSES, st.sampled_from(LinkUse), st.sampled_from(LinkUse), st.integers(0, 10**9))
def test_a_link_is_good_for_what_was_signed_only(
    message_id: str, mine: str, yours: str, purpose: LinkUse, other: LinkUse, seconds: int
) -> None:
    expires_at = AT + timedelta(seconds=seconds)
    token = _token(sign(OLD, purpose, message_id, mine, expires_at=expires_at))
    assert (token.message_id, token.expires_at) == (message_id, expires_at)
    assert token.is_for(mine, purpose, OLD)
    assert token.is_for(yours, purpose, OLD) == (yours == mine)
    assert token.is_for(mine, other, OLD) == (other is purpose)
    assert token.has_expired(expires_at)
    assert not token.has_expired(expires_at - timedelta(seconds=1))


@given(IDS, st.data())
def test_no_character_of_a_link_can_be_changed(message_id: str, data: st.DataObject) -> None:
    text = sign(OLD, LinkUse.ACKNOWLEDGE, message_id, "a@t.example", expires_at=AT)
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from("0123456789abcdefghijklmnopqrstuvwxyzABCDEFZ.-_~"))
    forged = text[:place] + letter + text[place + 1 :]
    token = Token.parse(forged)
    if forged != text and token is not None:
        assert not token.is_for("a@t.example", LinkUse.ACKNOWLEDGE, OLD)


@given(st.text(max_size=300))
def test_anything_may_be_offered_as_a_link(text: str) -> None:
    token = Token.parse(text)
    assert token is None or not token.is_for("a@t.example", LinkUse.ACKNOWLEDGE, OLD)


def test_a_link_shows_nobody(at: datetime) -> None:
    text = sign(OLD, LinkUse.ACKNOWLEDGE, "E-1.r0", "wang.duty@t.example", expires_at=at)
    assert "wang" not in text
    assert "example" not in text
    assert "secrets" not in repr(OLD)
    assert "aaaa" not in repr(OLD)


def test_fields_cannot_run_into_one_another() -> None:
    one = sign(OLD, LinkUse.ACKNOWLEDGE, "E.r1", "1@t.example", expires_at=AT)
    two = sign(OLD, LinkUse.ACKNOWLEDGE, "E.r", "11@t.example", expires_at=AT)
    assert one.rpartition(".")[2] != two.rpartition(".")[2]


def test_keys_are_changed_without_a_gap() -> None:
    before = sign(OLD, LinkUse.ACKNOWLEDGE, "E.r0", "a@t.example", expires_at=AT)
    after = sign(NEW, LinkUse.ACKNOWLEDGE, "E.r0", "a@t.example", expires_at=AT)
    assert (before[:3], after[:3]) == ("k1.", "k2.")
    assert _token(before).is_for("a@t.example", LinkUse.ACKNOWLEDGE, NEW)
    assert not _token(after).is_for("a@t.example", LinkUse.ACKNOWLEDGE, OLD)
    retired = Keys.parse("k2:" + "b" * 32, source="test")
    assert not _token(before).is_for("a@t.example", LinkUse.ACKNOWLEDGE, retired)
    renamed = before.replace("k1.", "k2.", 1)
    assert not _token(renamed).is_for("a@t.example", LinkUse.ACKNOWLEDGE, NEW)


def test_a_form_belongs_to_its_page_and_goes_stale() -> None:
    form = sign_form(OLD, "page-a", expires_at=AT)
    before = AT - timedelta(seconds=1)
    assert verify_form(OLD, "page-a", form, now=before)
    assert verify_form(NEW, "page-a", form, now=before)
    assert not verify_form(OLD, "page-b", form, now=before)
    assert not verify_form(OLD, "page-a", form, now=AT)
    for bad in ("", "k1", "k1..", "k9" + form[2:], form[:-1], form.replace("k1.", "k1.f", 1), "k1.60f6.é"):
        assert not verify_form(OLD, "page-a", bad, now=before)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no key"),
        ("# only a comment", "holds no key"),
        ("k1:short", "k1: the secret has 5 characters, at least 32"),
        ("key one:" + "a" * 32, "id must be 1-8 letters or digits"),
        ("k1:" + "a" * 32 + ",k1:" + "b" * 32, "key 2: .*each id once"),
    ],
)
def test_bad_keys_are_refused_without_showing_them(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as error:
        Keys.parse(text, source="WUYU_ACK_KEYS")
    assert "aaaa" not in str(error.value)
    assert "short" not in str(error.value)


def test_keys_come_from_the_environment_a_file_or_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WUYU_ACK_KEYS", raising=False)
    monkeypatch.delenv("WUYU_ACK_KEY_FILE", raising=False)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: load_keys(tmp_path / "out"), range(8)))
    assert len({keys.secrets["k1"] for keys in made}) == 1
    assert stat.S_IMODE((tmp_path / "out" / "ack.keys").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["ack.keys"]
    file = tmp_path / "keys"
    file.write_text("f1:" + "c" * 40)
    file.chmod(0o600)
    monkeypatch.setenv("WUYU_ACK_KEY_FILE", str(file))
    assert load_keys(tmp_path).signing_id == "f1"
    file.chmod(0o644)
    with pytest.raises(ConfigError, match=r"others may read the key file .*chmod 600"):
        load_keys(tmp_path)
    monkeypatch.setenv("WUYU_ACK_KEYS", "e1:" + "d" * 40)
    assert load_keys(tmp_path).signing_id == "e1"


def test_a_named_key_file_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WUYU_ACK_KEYS", raising=False)
    monkeypatch.setenv("WUYU_ACK_KEY_FILE", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="cannot read the key file"):
        load_keys(tmp_path)


def test_the_desk_has_a_name_of_its_own() -> None:
    token = _token(sign(OLD, LinkUse.DESK, "410103", DESK, expires_at=AT))
    assert token.is_for(DESK, LinkUse.DESK, OLD)
    assert not token.is_for(DESK, LinkUse.ACKNOWLEDGE, OLD)
