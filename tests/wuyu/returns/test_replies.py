"""Answers by mail: proven, matched by code and sender; all else is shown or left alone, and no mail does harm."""

# ruff: noqa: F401, F811 - fixtures of another folder come by their names
from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from risk_models.errors import ConfigError, DispatchError
from tests.wuyu.ack.conftest import ISSUED, desk, issued_desk, waiting
from tests.wuyu.returns.imap_server import ImapServer
from tests.wuyu.returns.test_bounces import report
from wuyu.ack.book import Standing, find, standings
from wuyu.desk import Desk
from wuyu.ledger import AckAnswer, AckReply
from wuyu.ledger.acknowledgements import Answer
from wuyu.ledger.store import Ledger
from wuyu.ledger.tasks import open_tasks
from wuyu.returns.mailboxes import ImapMailbox, ImapSettings, MaildirMailbox
from wuyu.returns.replies import BODY_MAX_BYTES, TASKS_MAX, Reply, ReplyOutcome, read_reply, take_replies
from wuyu.station import Station

Mail = Callable[..., bytes]
SERVER = "mx.mini.example"
PASSED = f"{SERVER}; spf=pass; dmarc=pass header.from=mini.example"


@pytest.fixture
def mail(waiting: Standing) -> Mail:
    """Return a reply of the town, with changes."""

    def make(text: str = "", *, sender: str = "", subject: str = "Re: 预警", html: str = "", **headers: str) -> bytes:
        message = EmailMessage()
        message["From"] = sender or f"王值班 <{waiting.recipients[0]}>"
        message["To"] = "duty@mini.example"
        message["Subject"] = subject
        headers = {"Authentication_Results": PASSED} | headers
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


def _take(desk: Station, *mails: bytes | None, authserv_id: str = SERVER) -> list[ReplyOutcome]:
    taken = take_replies(desk, Box(*mails), now=ISSUED, authserv_id=authserv_id)  # type: ignore[arg-type]
    return [one.outcome for one in taken]


def _is_waiting(desk: Desk, waiting: Standing) -> bool:
    found = find(desk.ledger, waiting.request.message_id)
    assert found is not None
    return found.is_open(ISSUED)


def _answers(ledger: Ledger) -> list[AckAnswer]:
    with ledger.reading() as session:
        return list(session.scalars(select(AckAnswer)))


def test_a_reply_with_code_and_sender_is_an_answer(desk: Desk, waiting: Standing, mail: Mail) -> None:
    raw = mail()
    assert _take(desk, raw) == [ReplyOutcome.ANSWERED]
    (answer,) = _answers(desk.ledger)
    assert (answer.recipient, answer.name, answer.answer) == (waiting.recipients[0], "王值班", "received")
    assert (answer.channel, answer.at, answer.request_id) == ("mail", ISSUED, waiting.request.id)
    assert _take(desk, raw) == []  # the same mail again
    assert _take(desk, mail("已收到，谢谢 " + waiting.request.code)) == [ReplyOutcome.REPEATED]
    assert open_tasks(desk.ledger) == []
    assert _take(desk, mail("水已进站，请求支援 " + waiting.request.code)) == [ReplyOutcome.TO_READ]
    assert _take(desk, mail("无法处置：停电 " + waiting.request.code)) == [ReplyOutcome.TO_READ]
    assert len(_answers(desk.ledger)) == 1
    assert len(open_tasks(desk.ledger)) == 2, "what is said after 'received' is heard too"


@pytest.mark.parametrize(
    ("text", "name", "answer"),
    [
        ("收到，{code}，姓名：张三", "张三", Answer.RECEIVED),
        ("{lower} received. Name: Zhang San\n", "Zhang San", Answer.RECEIVED),
        ("无法处置：道路中断 {code}", "王值班", Answer.CANNOT_ACT),
        ("{code} cannot act, no pumps", "王值班", Answer.CANNOT_ACT),
        ("收到 {code}\n\n-----原始邮件-----\n发件人: 值班室 <duty@mini.example>\n", "王值班", Answer.RECEIVED),
        ("OK {code}\n\nOn Tue, 20 Jul 2021, duty wrote:\n", "王值班", Answer.RECEIVED),
    ],
)
def test_people_answer_in_many_ways(
    desk: Desk, waiting: Standing, mail: Mail, text: str, name: str, answer: Answer
) -> None:
    code = waiting.request.code
    assert _take(desk, mail(text.format(code=code, lower=code.lower()))) == [ReplyOutcome.ANSWERED]
    (row,) = _answers(desk.ledger)
    assert (row.name, row.answer) == (name, answer)
    if answer is Answer.CANNOT_ACT:
        assert row.reason


def test_code_in_subject_or_html_counts(desk: Desk, waiting: Standing, mail: Mail) -> None:
    html = "<style>.a{color:#abcdef}</style><script>FFFFFF</script>"
    html += f"<p>收到</p><div><b>{waiting.request.code}</b></div>"
    assert _take(desk, mail(html=html)) == [ReplyOutcome.ANSWERED]
    other = next(one for one in standings(desk.ledger) if one.request.id != waiting.request.id)
    subject = f"回复：【{other.request.code}】"
    assert _take(desk, mail("好", sender=other.recipients[0], subject=subject)) == [ReplyOutcome.ANSWERED]


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
    assert _take(desk, mail(**headers)) == [ReplyOutcome.AUTOMATIC]
    assert _answers(desk.ledger) == []
    assert [task.detail["outcome"] for task in open_tasks(desk.ledger)] == ["automatic"]


def test_auto_submitted_no_is_a_person(desk: Desk, mail: Mail) -> None:
    assert _take(desk, mail(Auto_Submitted="no")) == [ReplyOutcome.ANSWERED]


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
    assert _take(desk, bounce, looped) == [ReplyOutcome.AUTOMATIC, ReplyOutcome.OWN]
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
    assert _take(desk, *tried) == [wrong, none, wrong, none, none, nobody, nobody, nobody]
    assert _answers(desk.ledger) == []


def test_the_address_may_be_written_in_any_case(desk: Desk, waiting: Standing, mail: Mail) -> None:
    assert _take(desk, mail(sender=waiting.recipients[0].upper())) == [ReplyOutcome.ANSWERED]


def test_an_answer_after_the_end_comes_too_late(desk: Desk, waiting: Standing, mail: Mail) -> None:
    taken = take_replies(desk, Box(mail()), now=waiting.request.expires_at, authserv_id=SERVER)  # type: ignore[arg-type]
    assert [(one.outcome, one.message_id) for one in taken] == [(ReplyOutcome.EXPIRED, waiting.request.message_id)]
    assert open_tasks(desk.ledger) == []
    assert _answers(desk.ledger) == []


@pytest.mark.parametrize(
    ("results", "outcome"),
    [
        ("", ReplyOutcome.CLAIMED),
        (PASSED, ReplyOutcome.ANSWERED),
        (PASSED.upper(), ReplyOutcome.ANSWERED),
        ("mx.mini.example 1; dmarc=pass (p=reject) header.from=mini.example", ReplyOutcome.ANSWERED),
        (PASSED.replace("dmarc=pass", "dmarc=fail"), ReplyOutcome.CLAIMED),
        (PASSED.replace("dmarc=pass", "dmarc=passed"), ReplyOutcome.CLAIMED),
        (PASSED.replace("mx.mini", "mx.evil"), ReplyOutcome.CLAIMED),
        (PASSED.replace("from=mini", "from=evil"), ReplyOutcome.CLAIMED),
        (f"{PASSED}; dmarc=fail", ReplyOutcome.CLAIMED),
        ("mx.evil.example; x=mx.mini.example; dmarc=pass", ReplyOutcome.CLAIMED),
        ('mx.mini.example; spf=fail smtp.mailfrom="a; dmarc=pass"@evil.example', ReplyOutcome.CLAIMED),
        ("mx.mini.example; spf=fail (; dmarc=pass)", ReplyOutcome.CLAIMED),
        ("mx.mini.example; spf=fail (x(; dmarc=pass;)y); dmarc=fail", ReplyOutcome.CLAIMED),
    ],
)
def test_only_what_our_own_server_proved_is_an_answer(
    desk: Desk, waiting: Standing, mail: Mail, results: str, outcome: ReplyOutcome
) -> None:
    raw = mail(Authentication_Results=results)
    assert _take(desk, raw) == [outcome]
    assert _is_waiting(desk, waiting) is (outcome is ReplyOutcome.CLAIMED)


def test_the_topmost_result_counts(desk: Desk, mail: Mail) -> None:
    forged = b"Authentication-Results: mx.mini.example; dmarc=fail\r\n" + mail()
    assert _take(desk, forged) == [ReplyOutcome.CLAIMED]


def test_without_the_name_of_our_server_every_answer_is_a_claim(desk: Desk, waiting: Standing, mail: Mail) -> None:
    assert desk.settings.mail.authserv_id is None
    assert _take(desk, mail(), authserv_id="") == [ReplyOutcome.CLAIMED]
    assert _answers(desk.ledger) == []
    assert _is_waiting(desk, waiting)
    (task,) = open_tasks(desk.ledger)
    assert (task.message_id, task.detail["phone"]) == (waiting.request.message_id, waiting.request.phone)
    assert "says 'received': ask them" in task.detail["task"]


def test_the_settings_name_the_server(desk: Desk, mail: Mail) -> None:
    mail_settings = desk.settings.mail.model_copy(update={"authserv_id": SERVER})
    settings = desk.settings.model_copy(update={"mail": mail_settings})
    station = Station(settings, desk.ledger, desk.root, desk.out)
    assert _take(station, mail(), authserv_id="") == [ReplyOutcome.ANSWERED]


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
    (outcome,) = _take(desk, raw)
    assert outcome is not ReplyOutcome.ANSWERED
    assert _answers(desk.ledger) == []


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([b"", b"From: a@x.example\r\n", b"Content-Type: text/html\r\n"]))
def test_any_bytes_are_read_without_harm(raw: bytes, head: bytes) -> None:
    assert read_reply(head + raw).refused is None or head is not None


def test_what_a_mail_says_is_text(desk: Desk, waiting: Standing, mail: Mail) -> None:
    text = f"无法处置 {waiting.request.code} 姓名：<img src=x onerror=alert(1)>\u202e\x07\n" + "长" * 5000
    assert _take(desk, mail(text)) == [ReplyOutcome.ANSWERED]
    (answer,) = _answers(desk.ledger)
    assert len(answer.name) <= 40
    assert len(answer.reason) <= 300
    assert not set("\u202e\x07\n") & set(answer.name + answer.reason)


def test_a_huge_mail_is_passed_over(desk: Desk, mail: Mail) -> None:
    assert _take(desk, None, mail() + b"x" * BODY_MAX_BYTES) == [ReplyOutcome.TOO_LARGE, ReplyOutcome.TOO_LARGE]


def test_a_flood_of_mail_is_taken_in_parts(desk: Desk, mail: Mail) -> None:
    box = Box(*[mail(f"hello {number}") for number in range(5)])
    assert len(take_replies(desk, box, now=ISSUED, limit=3)) == 3  # type: ignore[arg-type]
    assert box.ended == ["0", "1", "2"]


# One mail never blocks another


class Breaking(Box):
    """A box whose mails cannot all be marked as read."""

    def done(self, key: str) -> None:
        if key == "0":
            raise DispatchError("not now")
        super().done(key)


def test_a_mail_that_breaks_the_reader_keeps_no_other_from_being_read(
    desk: Desk, waiting: Standing, mail: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    import wuyu.returns.replies as module

    def read_or_break(raw: bytes, **options: Any) -> Reply:
        if b"breaks" in raw:
            raise ZeroDivisionError("a fault of ours")
        return read_reply(raw, **options)

    monkeypatch.setattr(module, "read_reply", read_or_break)
    assert _take(desk, mail("breaks"), mail()) == [ReplyOutcome.FAILED, ReplyOutcome.ANSWERED]
    (task,) = open_tasks(desk.ledger)
    assert "the mail 0 broke our reader (ZeroDivisionError: a fault of ours)" in task.detail["task"]
    assert _take(desk, mail("breaks")) == [], "it is set aside, not tried for ever"
    assert not _is_waiting(desk, waiting)


def test_a_mail_that_cannot_be_marked_keeps_no_other_from_being_read(desk: Desk, waiting: Standing, mail: Mail) -> None:
    box = Breaking(mail("hello"), mail())
    for _ in range(2):
        with pytest.raises(DispatchError, match="cannot be marked as read: not now"):
            take_replies(desk, box, now=ISSUED, authserv_id=SERVER)  # type: ignore[arg-type]
    assert box.ended == ["1", "1"]
    assert not _is_waiting(desk, waiting)
    assert len(open_tasks(desk.ledger)) == 1


def test_a_flood_of_forgeries_raises_few_tasks(desk: Desk, waiting: Standing, mail: Mail) -> None:
    _take(desk, *[mail(f"help {number}", Authentication_Results="") for number in range(TASKS_MAX + 5)])
    assert len(open_tasks(desk.ledger)) == TASKS_MAX
    assert _take(desk, mail()) == [ReplyOutcome.ANSWERED]


def test_bounces_that_come_to_the_reply_box_are_bounces(desk: Desk, waiting: Standing) -> None:
    row = next(one for one in desk.ledger.outbox() if one.message_id == waiting.request.message_id)
    raw = report("duty@mini.example", original=row.mail_message_id, recipient=row.recipient)
    strange = b"From: MAILER-DAEMON@old.example\r\n\r\nHi. This is qmail.\r\n"
    assert _take(desk, raw, strange) == [ReplyOutcome.BOUNCE, ReplyOutcome.AUTOMATIC]
    said = [task.detail["task"] for task in open_tasks(desk.ledger)]
    assert said[0].startswith("the address is wrong")
    assert said[1].startswith("a mail system wrote in no form that we can read")


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
    taken = take_replies(desk, box, now=ISSUED, authserv_id=SERVER)
    assert [one.outcome for one in taken] == [ReplyOutcome.ANSWERED, ReplyOutcome.TOO_LARGE]
    assert sorted(path.name for path in new.iterdir()) == ["3.c", "4.d"]
    assert sorted(path.name for path in (tmp_path / "box" / "cur").iterdir()) == ["1.a:2,S", "2.b:2,S"]
    assert take_replies(desk, box, now=ISSUED) == []
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
                taken = take_replies(desk, box, now=ISSUED, authserv_id=SERVER)
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
            taken = take_replies(desk, box, now=ISSUED, authserv_id=SERVER)
        assert [one.outcome for one in taken] == [ReplyOutcome.ANSWERED]


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
