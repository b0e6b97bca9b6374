"""Answers by mail: matched by code and sender; everything else is left alone, and nothing in a mail does harm."""

# ruff: noqa: F401, F811 - fixtures of another folder come by their names
from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from risk_models.errors import ConfigError, DispatchError
from tests.wuyu.ack.conftest import ISSUED, desk, issued_desk, waiting
from tests.wuyu.returns.imap_server import ImapServer
from wuyu.ack.book import Standing, find, standings
from wuyu.desk import Desk
from wuyu.ledger import AckAnswer, AckReply
from wuyu.ledger.acknowledgements import Answer
from wuyu.ledger.store import Ledger
from wuyu.returns.mailboxes import ImapMailbox, ImapSettings, MaildirMailbox
from wuyu.returns.replies import BODY_MAX_BYTES, ReplyOutcome, read_reply, take_replies

Mail = Callable[..., bytes]
CODE = "B9F2F2"


@pytest.fixture
def mail(waiting: Standing) -> Mail:
    """Return a reply of the town, with changes."""

    def make(text: str = "", *, sender: str = "", subject: str = "Re: 预警", html: str = "", **headers: str) -> bytes:
        message = EmailMessage()
        message["From"] = sender or f"王值班 <{waiting.recipients[0]}>"
        message["To"] = "duty@mini.example"
        message["Subject"] = subject
        for name, value in headers.items():
            message[name.replace("_", "-")] = value
        if text or not html:
            message.set_content(text or f"收到 {waiting.request.code}\n")
        if html:
            message.add_alternative(html, subtype="html") if text else message.set_content(html, subtype="html")
        return message.as_bytes()

    return make


class Box:
    """Mails in memory."""

    def __init__(self, *mails: bytes | None) -> None:
        self.all = dict(enumerate(mails))
        self.ended: list[str] = []

    def mails(self) -> list[tuple[str, bytes | None]]:  # type: ignore[override]
        return [(str(key), raw) for key, raw in self.all.items()]

    def done(self, key: str) -> None:
        self.ended.append(key)


def _take(ledger: Ledger, *mails: bytes | None, **options: str) -> list[ReplyOutcome]:
    return [one.outcome for one in take_replies(ledger, Box(*mails), now=ISSUED, **options)]  # type: ignore[arg-type]


def _answers(ledger: Ledger) -> list[AckAnswer]:
    with ledger.reading() as session:
        return list(session.scalars(select(AckAnswer)))


def test_a_reply_with_code_and_sender_is_an_answer(desk: Desk, waiting: Standing, mail: Mail) -> None:
    raw = mail()
    assert _take(desk.ledger, raw) == [ReplyOutcome.ANSWERED]
    (answer,) = _answers(desk.ledger)
    assert (answer.recipient, answer.name, answer.answer) == (waiting.recipients[0], "王值班", "received")
    assert (answer.channel, answer.at, answer.request_id) == ("mail", ISSUED, waiting.request.id)
    assert _take(desk.ledger, raw) == []  # the same mail again
    assert _take(desk.ledger, mail("又收到一次 " + waiting.request.code)) == [ReplyOutcome.REPEATED]
    assert len(_answers(desk.ledger)) == 1


@pytest.mark.parametrize(
    ("text", "name", "answer"),
    [
        ("收到，{code}，姓名：张三", "张三", Answer.RECEIVED),
        ("{lower} received. Name: Zhang San\n", "Zhang San", Answer.RECEIVED),
        ("无法处置：道路中断 {code}", "王值班", Answer.CANNOT_ACT),
        ("{code} cannot act, no pumps", "王值班", Answer.CANNOT_ACT),
        ("收到\n\n> 叫应码 {code}：无法处置的请说明\n", "王值班", Answer.RECEIVED),
        ("收到\n\n-----原始邮件-----\n发件人: duty\n叫应码 {code} 无法处置\n", "王值班", Answer.RECEIVED),
        ("OK\n\nOn Tue, 20 Jul 2021, duty wrote:\n> {code}\n", "王值班", Answer.RECEIVED),
    ],
)
def test_people_answer_in_many_ways(
    desk: Desk, waiting: Standing, mail: Mail, text: str, name: str, answer: Answer
) -> None:
    code = waiting.request.code
    assert _take(desk.ledger, mail(text.format(code=code, lower=code.lower()))) == [ReplyOutcome.ANSWERED]
    (row,) = _answers(desk.ledger)
    assert (row.name, row.answer) == (name, answer)
    if answer is Answer.CANNOT_ACT:
        assert row.reason


def test_code_in_subject_or_html_counts(desk: Desk, waiting: Standing, mail: Mail) -> None:
    html = "<style>.a{color:#abcdef}</style><p>收到</p><script>FFFFFF</script>"
    html += f"<blockquote>{waiting.request.code}</blockquote>"
    assert _take(desk.ledger, mail(html=html)) == [ReplyOutcome.ANSWERED]
    other = next(one for one in standings(desk.ledger) if one.request.id != waiting.request.id)
    subject = f"回复：【{other.request.code}】"
    assert _take(desk.ledger, mail("好", sender=other.recipients[0], subject=subject)) == [ReplyOutcome.ANSWERED]


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "auto-generated (rejected)"},
        {"Return_Path": "<>"},
        {"Precedence": "bulk"},
        {"Precedence": "auto_reply"},
        {"List_Id": "<all.mini.example>"},
        {"X_Autoreply": "yes"},
        {"X_Failed_Recipients": "a@b.example"},
        {"subject": "自动回复：我在休假"},
        {"subject": "Automatic reply: warning"},
        {"subject": "Undelivered Mail Returned to Sender"},
        {"sender": "MAILER-DAEMON@mini.example"},
        {"sender": "Mail <postmaster@mini.example>"},
    ],
)
def test_machines_do_not_answer(desk: Desk, mail: Mail, headers: dict[str, str]) -> None:
    assert _take(desk.ledger, mail(**headers)) == [ReplyOutcome.AUTOMATIC]
    assert _answers(desk.ledger) == []


def test_auto_submitted_no_is_a_person(desk: Desk, mail: Mail) -> None:
    assert _take(desk.ledger, mail(Auto_Submitted="no")) == [ReplyOutcome.ANSWERED]


def test_a_bounce_and_our_own_mail_are_no_answers(desk: Desk, waiting: Standing) -> None:
    bounce = (
        b"From: x@mini.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        b"--b\r\n\r\n" + waiting.request.code.encode() + b"\r\n--b--\r\n"
    )
    with desk.ledger.reading() as session:
        from wuyu.ledger import Outbox

        ours = session.scalars(select(Outbox)).first()
        assert ours is not None
        looped = ours.content.body
    assert _take(desk.ledger, bounce, looped) == [ReplyOutcome.AUTOMATIC, ReplyOutcome.OWN]
    assert _answers(desk.ledger) == []


def test_only_those_who_were_told_may_answer(desk: Desk, waiting: Standing, mail: Mail) -> None:
    other = next(one for one in standings(desk.ledger) if one.request.id != waiting.request.id)
    tried = [
        mail(sender="stranger@elsewhere.example"),
        mail(sender=other.recipients[0]),
        mail(sender=f'"{waiting.recipients[0]}" <stranger@elsewhere.example>'),
        mail("收到 0A0A0A"),
        mail("收到"),
        b"From: a@x.example, b@x.example\r\n\r\n" + waiting.request.code.encode(),
        b"From: " + waiting.recipients[0].encode() + b"\r\nFrom: b@x.example\r\n\r\n" + waiting.request.code.encode(),
        b"Subject: no sender\r\n\r\n" + waiting.request.code.encode(),
    ]
    wrong, none, nobody = ReplyOutcome.WRONG_SENDER, ReplyOutcome.NO_CODE, ReplyOutcome.NO_SENDER
    assert _take(desk.ledger, *tried) == [wrong, wrong, wrong, none, none, nobody, nobody, nobody]
    assert _answers(desk.ledger) == []


def test_the_address_may_be_written_in_any_case(desk: Desk, waiting: Standing, mail: Mail) -> None:
    assert _take(desk.ledger, mail(sender=waiting.recipients[0].upper())) == [ReplyOutcome.ANSWERED]


def test_an_answer_after_the_end_comes_too_late(desk: Desk, waiting: Standing, mail: Mail) -> None:
    taken = take_replies(desk.ledger, Box(mail()), now=waiting.request.expires_at)  # type: ignore[arg-type]
    assert [(one.outcome, one.message_id) for one in taken] == [(ReplyOutcome.EXPIRED, waiting.request.message_id)]
    assert _answers(desk.ledger) == []


PASSED = "mx.mini.example; spf=pass; dmarc=pass header.from=mini.example"


@pytest.mark.parametrize(
    ("results", "outcome"),
    [
        (None, ReplyOutcome.UNPROVEN),
        (PASSED, ReplyOutcome.ANSWERED),
        (PASSED.replace("dmarc=pass", "dmarc=fail"), ReplyOutcome.UNPROVEN),
        (PASSED.replace("mx.mini", "mx.evil"), ReplyOutcome.UNPROVEN),
        ("mx.evil.example; x=mx.mini.example; dmarc=pass", ReplyOutcome.UNPROVEN),
    ],
)
def test_a_server_that_proves_senders_can_be_insisted_on(
    desk: Desk, mail: Mail, results: str | None, outcome: ReplyOutcome
) -> None:
    headers = {} if results is None else {"Authentication_Results": results}
    assert _take(desk.ledger, mail(**headers), authserv_id="mx.mini.example") == [outcome]


HOSTILE = [
    b"",
    b"\x00\xff" * 1000,
    b"From: " + b"(" * 5000 + b"\r\n\r\nx",
    b"From: =?utf-8?b?" + b"A" * 4000 + b"?= <a@x.example>\r\n\r\nx",
    b"From: =?zlib?b?eJw=?= <a@x.example>\r\nSubject: =?rot13?q?x?=\r\n\r\nx",
    b"From: a@x.example\r\nContent-Type: text/plain; charset=zlib\r\n\r\nB9F2F2",
    b'From: a@x.example\r\nContent-Type: text/plain; charset="utf-8\r\n\r\nB9F2F2',
    b"From: a@x.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 3000,
    b"From: a@x.example\r\n"
    + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(400)),
    b"From: a@x.example\r\n" + b"X: y\r\n" * 20000 + b"\r\nB9F2F2",
    b"From: a@x.example\r\nContent-Transfer-Encoding: base64\r\n\r\n@@@@",
    b"From: a@x.example\r\nContent-Type: text/html\r\n\r\n" + b"<blockquote>" * 20000,
    b"From: a@x.example\r\nSubject: " + b"On " + b"a" * 100_000 + b"\r\n\r\n" + "在".encode() * 100_000,
]


@pytest.mark.parametrize("raw", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_mail_is_harmless(desk: Desk, raw: bytes) -> None:
    (outcome,) = _take(desk.ledger, raw)
    assert outcome is not ReplyOutcome.ANSWERED
    assert _answers(desk.ledger) == []


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([b"", b"From: a@x.example\r\n", b"Content-Type: text/html\r\n"]))
def test_any_bytes_are_read_without_harm(raw: bytes, head: bytes) -> None:
    assert read_reply(head + raw).refused is None or head is not None


def test_what_a_mail_says_is_text(desk: Desk, waiting: Standing, mail: Mail) -> None:
    text = f"无法处置 {waiting.request.code} 姓名：<img src=x onerror=alert(1)>\u202e\x07\n" + "长" * 5000
    assert _take(desk.ledger, mail(text)) == [ReplyOutcome.ANSWERED]
    (answer,) = _answers(desk.ledger)
    assert len(answer.name) <= 40
    assert len(answer.reason) <= 300
    assert not set("\u202e\x07\n") & set(answer.name + answer.reason)


def test_a_huge_mail_is_passed_over(desk: Desk, mail: Mail) -> None:
    assert _take(desk.ledger, None, mail() + b"x" * BODY_MAX_BYTES) == [ReplyOutcome.TOO_LARGE, ReplyOutcome.TOO_LARGE]


def test_a_flood_of_mail_is_taken_in_parts(desk: Desk, mail: Mail) -> None:
    box = Box(*[mail(f"hello {number}") for number in range(5)])
    assert len(take_replies(desk.ledger, box, now=ISSUED, limit=3)) == 3  # type: ignore[arg-type]
    assert box.ended == ["0", "1", "2"]


# Mailboxes


def test_a_maildir_is_read_once(desk: Desk, mail: Mail, tmp_path: Path) -> None:
    new = tmp_path / "box" / "new"
    new.mkdir(parents=True)
    (new / "1.a").write_bytes(mail())
    (new / "2.b").write_bytes(b"x" * (BODY_MAX_BYTES + 5))
    (tmp_path / "secret").write_bytes(mail())
    (new / "3.c").symlink_to(tmp_path / "secret")
    (new / "4.d").mkdir()
    box = MaildirMailbox(tmp_path / "box")
    taken = take_replies(desk.ledger, box, now=ISSUED)
    assert [one.outcome for one in taken] == [ReplyOutcome.ANSWERED, ReplyOutcome.TOO_LARGE]
    assert sorted(path.name for path in new.iterdir()) == ["3.c", "4.d"]
    assert sorted(path.name for path in (tmp_path / "box" / "cur").iterdir()) == ["1.a:2,S", "2.b:2,S"]
    assert take_replies(desk.ledger, box, now=ISSUED) == []
    with pytest.raises(ConfigError, match="is no Maildir"):
        MaildirMailbox(tmp_path)


def _settings(server: ImapServer, **changes: object) -> ImapSettings:
    values: dict[str, object] = {
        "host": "127.0.0.1",
        "port": server.port,
        "username": "duty",
        "password": "geheim",
        "security": "none",
        "timeout_s": 10,
    }
    return ImapSettings(**(values | changes))  # type: ignore[arg-type]


def test_replies_are_read_over_imap_and_marked_as_seen(desk: Desk, waiting: Standing, mail: Mail) -> None:
    big = mail("x" * 10) + b"y" * (BODY_MAX_BYTES + 10)
    with ImapServer([mail("nothing here"), mail(), big]) as server:
        for expected in ([ReplyOutcome.NO_CODE, ReplyOutcome.ANSWERED, ReplyOutcome.TOO_LARGE], []):
            with ImapMailbox(_settings(server)) as box:
                taken = take_replies(desk.ledger, box, now=ISSUED)
            assert [one.outcome for one in taken] == expected
        assert server.seen == {101, 102, 103}
        fetched = [command for command in server.commands if "BODY.PEEK" in command]
        assert len(fetched) == 2
        assert server.commands[-1].upper() == "LOGOUT"
    answered = find(desk.ledger, waiting.request.message_id)
    assert answered is not None
    assert answered.received is not None
    with desk.ledger.reading() as session:
        assert len(list(session.scalars(select(AckReply)))) == 3


@pytest.mark.parametrize("security", ["ssl", "starttls"])
def test_imap_is_encrypted_and_the_server_proven(desk: Desk, mail: Mail, tmp_path: Path, security: str) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    for name, ca in (("ours.pem", authority), ("theirs.pem", stranger)):
        ca.cert_pem.write_to_path(str(tmp_path / name))
    with ImapServer([mail()], context=context, starttls=security == "starttls") as server:
        with (
            pytest.raises(DispatchError, match=r"cannot open the mailbox at 127\.0\.0\.1: .*certificate"),
            ImapMailbox(_settings(server, security=security, ca_file=tmp_path / "theirs.pem")),
        ):
            pass
        assert not any("geheim" in command for command in server.commands)
        with ImapMailbox(_settings(server, security=security, ca_file=tmp_path / "ours.pem")) as box:
            assert [one.outcome for one in take_replies(desk.ledger, box, now=ISSUED)] == [ReplyOutcome.ANSWERED]


def test_imap_faults_are_told_without_the_password(mail: Mail) -> None:
    with ImapServer([mail()]) as server:
        with (
            pytest.raises(DispatchError, match="AUTHENTICATIONFAILED") as error,
            ImapMailbox(_settings(server, password="falsch")),
        ):
            pass
        assert "falsch" not in str(error.value)
        server.refuse = "UID SEARCH"
        with ImapMailbox(_settings(server)) as box, pytest.raises(DispatchError, match="refused SEARCH"):
            list(box.mails())
        server.refuse = "SELECT"
        with pytest.raises(DispatchError, match="cannot open"), ImapMailbox(_settings(server)):
            pass
    with pytest.raises(DispatchError, match="cannot open"), ImapMailbox(_settings(server)):
        pass
    assert "geheim" not in repr(_settings(server))


def test_imap_in_the_clear_is_for_this_machine_only() -> None:
    with pytest.raises(ConfigError, match="must be encrypted"):
        ImapMailbox(ImapSettings(host="mail.mini.example", username="a", password="b", security="none"))
    with pytest.raises(ConfigError, match="holds a character"):
        ImapMailbox(ImapSettings(host="mail.mini.example", username="a", password="b", folder='IN"BOX\r\nA1 LOGOUT'))


def test_no_environment_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    from wuyu.returns.mailboxes import password_from_environment

    monkeypatch.delenv("WUYU_IMAP_PASSWORD", raising=False)
    with pytest.raises(ConfigError, match="WUYU_IMAP_PASSWORD is not set"):
        password_from_environment()
    monkeypatch.setenv("WUYU_IMAP_PASSWORD", "geheim")
    assert password_from_environment() == os.environ["WUYU_IMAP_PASSWORD"]
