"""The mail as bytes: structure, determinism, and what may not get into it."""

from __future__ import annotations

import email
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.errors import DispatchError
from wuyu.messages.mail import (
    Attachment,
    InlineImage,
    Mail,
    MailContent,
    MailHead,
    build_mail,
    mail_message_id,
    unsafe_html,
)
from wuyu.messages.purpose import Purpose

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
FULL = MailContent(
    subject="红色暴雨内涝预警：建中街 07-20 17:00",
    text="京广路隧道\n.句点开头\nFrom 开头\n",
    html='<p>京广路隧道</p><img src="cid:map" alt="图">',
    images=(InlineImage(cid="map", content=PNG, filename="map.png"),),
    attachments=(
        Attachment(filename="通报.pdf", content=b"%PDF-1.7", mime="application/pdf"),
        Attachment(filename="alert.cap.xml", content=b"<alert/>", mime="application/cap+xml"),
    ),
)
HEAD = MailHead(
    message_id="E-410103001.r0",
    purpose=Purpose.BULLETIN,
    about="E-410103001.r0",
    sender="二七区防汛值班室 <duty@erqi.example>",
    recipient="duty@town.example",
    decided_at=datetime(2021, 7, 20, 9, tzinfo=UTC),
    status="Actual",
    labels={"Level": "red", "Event": "E"},
)


def _parse(mail: Mail) -> EmailMessage:
    parsed = email.message_from_bytes(mail.body, policy=SMTP)
    assert isinstance(parsed, EmailMessage)
    return parsed


def _head(**changes: object) -> MailHead:
    values = {name: getattr(HEAD, name) for name in MailHead.__dataclass_fields__}
    return MailHead(**(values | changes))


def test_the_mail_has_text_html_image_and_attachments_in_their_places() -> None:
    types = [part.get_content_type() for part in _parse(build_mail(FULL, HEAD)).walk()]
    assert types == [
        "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
        "application/pdf", "application/cap+xml",
    ]  # fmt: skip


def test_the_parts_come_back_as_they_were() -> None:
    parsed = _parse(build_mail(FULL, HEAD))
    parts = {part.get_content_type(): part for part in parsed.walk() if not part.is_multipart()}
    assert parts["text/plain"].get_content().replace("\r\n", "\n") == FULL.text
    assert parts["image/png"].get_content() == PNG
    assert (parts["image/png"]["Content-ID"], parts["image/png"].get_content_disposition()) == ("<map>", "inline")
    assert parts["application/pdf"].get_filename() == "通报.pdf"
    assert parts["application/cap+xml"].get_content() == b"<alert/>"


def test_the_headers_say_who_when_and_that_a_machine_wrote() -> None:
    parsed = _parse(build_mail(FULL, HEAD))
    assert parsed["Subject"] == FULL.subject
    assert parsed["From"].addresses[0].display_name == "二七区防汛值班室"
    assert [address.addr_spec for address in parsed["To"].addresses] == ["duty@town.example"]
    assert parsed["Date"] == "Tue, 20 Jul 2021 09:00:00 +0000"
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert {name: parsed[f"X-Wuyu-{name}"] for name in ("Message", "Status", "Level", "Event")} == {
        "Message": "E-410103001.r0", "Status": "Actual", "Level": "red", "Event": "E",
    }  # fmt: skip


def test_the_bytes_are_ascii_lines_ending_in_crlf() -> None:
    body = build_mail(FULL, HEAD).body
    assert body.isascii()
    assert b"\n" not in body.replace(b"\r\n", b"")
    assert max(len(line) for line in body.split(b"\r\n")) <= 998


def test_the_same_mail_is_the_same_bytes_in_another_process() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from test_mail import *; print(build_mail(FULL, HEAD).sha256)"
    )
    folder = os.path.dirname(__file__)  # noqa: PTH120 - plain text for the other process
    runs = {
        subprocess.run(
            [sys.executable, "-c", program, folder], capture_output=True, text=True, check=True,
            env=os.environ | {"PYTHONHASHSEED": seed, "TZ": zone},
        ).stdout.strip()
        for seed, zone in (("1", "UTC"), ("2", "Asia/Shanghai"))
    }  # fmt: skip
    assert runs == {build_mail(FULL, HEAD).sha256}


def test_the_message_id_depends_on_its_four_parts_and_nothing_else() -> None:
    first = build_mail(FULL, HEAD).mail_message_id
    assert (
        build_mail(MailContent(subject="x", text="y"), _head(decided_at=HEAD.decided_at + timedelta(1))).mail_message_id
        == first
    )
    others = {
        build_mail(FULL, _head(**change)).mail_message_id
        for change in (
            {"message_id": "E-410103001.r1"},
            {"recipient": "b@town.example"},
            {"channel": "mail2"},
            {"sender": "duty@other.example"},
        )
    }
    assert len(others | {first}) == 5
    assert mail_message_id("a", "b", "c", "d") != mail_message_id("a", "bc", "", "d")


@pytest.mark.parametrize(
    "bad", ["a\r\nBcc: x@y.cn", "a\nb", "a\rb", "a\x00b", "a\x0bb", "a\x1bb", "a\u2028b", "a\x85b"]
)
@pytest.mark.parametrize("place", ["subject", "sender", "recipient", "message_id", "label", "file"])
def test_no_control_character_gets_into_a_header(place: str, bad: str) -> None:
    content, head = FULL, HEAD
    if place == "subject":
        content = MailContent(subject=bad, text="t")
    elif place == "sender":
        head = _head(sender=f"{bad} <duty@erqi.example>")
    elif place == "label":
        head = _head(labels={"Level": bad})
    elif place == "file":
        content = MailContent(subject="s", text="t", attachments=(Attachment(filename=bad, content=b"", mime="a/b"),))
        if bad in ("a\u2028b", "a\x85b"):
            assert b"\xe2\x80\xa8" not in build_mail(content, head).body
            return
    else:
        head = _head(**{place: bad})
    with pytest.raises(DispatchError, match=r"control character|exactly one address|bare file name"):
        build_mail(content, head)


@pytest.mark.parametrize(
    "sender",
    ["a@x.example, b@x.example", "A <a@x.example>, B <b@x.example>", "nobody", "", "a@x.example <b@x.example>"],
)
def test_a_sender_is_one_address(sender: str) -> None:
    with pytest.raises(DispatchError, match="sender must be one address"):
        build_mail(FULL, _head(sender=sender))


@pytest.mark.parametrize("recipient", ["a@x.example, b@x.example", "A <a@x.example>", ""])
def test_a_recipient_is_one_address(recipient: str) -> None:
    with pytest.raises(DispatchError, match="exactly one address"):
        build_mail(FULL, _head(recipient=recipient))


@pytest.mark.parametrize("name", ["../a.pdf", "a/b.pdf", "a\\b.pdf", "", "x" * 121])
def test_an_attachment_name_is_a_bare_file_name(name: str) -> None:
    content = MailContent(subject="s", text="t", attachments=(Attachment(filename=name, content=b"", mime="a/b"),))
    with pytest.raises(DispatchError, match="bare file name"):
        build_mail(content, HEAD)


@pytest.mark.parametrize("change", [{"status": "Live"}, {"scope": "All"}])
def test_an_unknown_status_or_scope_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(DispatchError, match="accepted"):
        build_mail(FULL, _head(**change))


@pytest.mark.parametrize("labels", [{"Le vel": "red"}, {"Level: x": "red"}, {"": "red"}, {"Level": "红"}])
def test_a_label_is_plain(labels: dict[str, str]) -> None:
    with pytest.raises(DispatchError, match="plain name and a plain ASCII value"):
        build_mail(FULL, _head(labels=labels))


@pytest.mark.parametrize("cid", ["", "a b", "a>b", "图"])
def test_a_content_id_is_plain(cid: str) -> None:
    content = MailContent(subject="s", text="t", html="<p>", images=(InlineImage(cid=cid, content=PNG, filename="m"),))
    with pytest.raises(DispatchError, match="content id must be"):
        build_mail(content, HEAD)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(DispatchError, match="must have a time zone"):
        build_mail(FULL, _head(decided_at=datetime(2021, 7, 20)))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("status", "start"),
    [
        ("Actual", "红色"),
        ("Exercise", "【演练 EXERCISE】红色"),
        ("Test", "【测试 TEST】红色"),
        ("System", "【系统 SYSTEM】红色"),
    ],
)
def test_the_subject_says_when_it_is_not_in_earnest(status: str, start: str) -> None:
    assert build_mail(FULL, _head(status=status)).subject.startswith(start)


def test_a_subject_that_says_so_already_is_left_alone() -> None:
    content = MailContent(subject="[演练] 红色预警", text="t")
    assert build_mail(content, _head(status="Exercise")).subject == "[演练] 红色预警"


def test_text_turners_are_taken_out_of_subject_and_names() -> None:
    mail = build_mail(MailContent(subject="预警\u202e级\u2066", text="t"), _head(sender="室\u202e <duty@erqi.example>"))
    assert mail.subject == "预警级"
    assert _parse(mail)["From"].addresses[0].display_name == "室"


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("<script>x</script>", "<script>"),
        ("<SCRIPT src=//a>", "<script>"),
        ('<p onmouseover="x()">', "onmouseover"),
        ('<img src="http://far/p.png">', "src of <img>"),
        ('<img src="//far/p.png">', "src of <img>"),
        ('<a href="java\nscript:x()">', "href of <a>"),
        ('<div style="background:url(http://far)">', "style of <div>"),
        ('<iframe srcdoc="x">', "<iframe>"),
        ('<img src="data:image/png;base64,AA">', "src of <img>"),
        ("<link rel=stylesheet href=x>", "<link>"),
    ],
)
def test_active_and_remote_html_is_left_out_and_the_text_still_goes(html: str, found: str) -> None:
    mail = build_mail(MailContent(subject="s", text="立即转移", html=html), HEAD)
    assert found in mail.html_left_out
    assert [part.get_content_type() for part in _parse(mail).walk()] == ["text/plain"]
    assert "立即转移" in _parse(mail).get_content()


@pytest.mark.parametrize(
    "html", ["<p>&lt;script&gt;</p>", '<a href="https://erqi.example/x">x</a>', "<style>p{}</style>"]
)
def test_plain_html_passes(html: str) -> None:
    assert unsafe_html(html) == ""


@settings(deadline=None)
@given(
    st.text(
        alphabet=st.one_of(
            st.sampled_from("红色暴雨预警 -:[]，=?"),
            st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cf"]),
        ),
        min_size=1,
        max_size=120,
    ).map(str.strip)
)
def test_any_subject_comes_back_as_it_was(subject: str) -> None:
    mail = build_mail(MailContent(subject=subject, text="t"), HEAD)
    assert _parse(mail)["Subject"] == subject


@settings(deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_no_subject_makes_a_second_header(subject: str) -> None:
    try:
        mail = build_mail(MailContent(subject=subject, text="t"), HEAD)
    except DispatchError:
        return
    parsed = _parse(mail)
    assert sorted(set(parsed.keys())) == sorted(parsed.keys())
    assert "Bcc" not in parsed


def test_the_date_is_the_same_instant_in_any_zone() -> None:
    local = HEAD.decided_at.astimezone(timezone(timedelta(hours=8)))
    assert _parse(build_mail(FULL, _head(decided_at=local)))["Date"].datetime == HEAD.decided_at


def test_a_mail_without_html_is_plain(make_mail: Callable[..., Mail]) -> None:
    mail = make_mail(content=MailContent(subject="s", text="t"))
    assert _parse(mail).get_content_type() == "text/plain"
    assert len(mail.sha256) == 64
