"""The fault table: what the server does, what it keeps, and what we write down."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

from risk_models.errors import ConfigError
from tests.wuyu.delivery.conftest import PATIENT
from wuyu.delivery.smtp import SmtpSettings, SmtpStage, SmtpTransport, Timeouts
from wuyu.messages.mail import Mail

MakeMail = Callable[..., Mail]

TABLE = [
    # fault, state, stage, code, the server keeps it
    ("", "sent", "done", 250, True),
    ("rcpt 450", "retry", "rcpt", 450, False),
    ("rcpt 550", "failed", "rcpt", 550, False),
    ("rcpt 421", "retry", "rcpt", 421, False),
    ("mail 451", "retry", "mail", 451, False),
    ("data 554", "failed", "data", 554, False),
    ("dot 452", "retry", "dot", 452, False),
    ("dot 554", "failed", "dot", 554, False),
    ("greeting 421", "retry", "connect", 421, False),
    ("greeting 554", "retry", "connect", 554, False),
    ("no greeting", "retry", "connect", None, False),
    ("silent", "retry", "connect", None, False),
    ("cut in body", "ambiguous", "dot|body", None, False),
    ("accepted, then cut", "ambiguous", "dot", None, True),
    ("accepted, silent", "ambiguous", "dot", None, True),
    ("cut at quit", "sent", "done", 250, True),
]

#: Short only where the server never says another word: then no machine is too slow for it.
IMPATIENT = {"silent": {"connect_s": 0.3}, "accepted, silent": {"final_dot_s": 0.3}}


@pytest.mark.parametrize(("fault", "state", "stage", "code", "kept"), TABLE, ids=[row[0] or "fine" for row in TABLE])
def test_each_fault_is_written_down_as_what_it_is(
    faulty: Any, make_mail: MakeMail, fault: str, state: str, stage: str, code: int, kept: bool
) -> None:
    faulty.fault = fault
    mail = make_mail()
    timeouts = replace(PATIENT, **IMPATIENT.get(fault, {}))
    with SmtpTransport(SmtpSettings(host="127.0.0.1", port=faulty.port, timeouts=timeouts)) as transport:
        outcome = transport.send(mail.sender, mail.recipient, mail.body)
    assert (outcome.state, outcome.code) == (state, code)
    assert outcome.stage in stage.split("|")
    assert faulty.received(mail.recipient) == ([mail.mail_message_id] if kept else [])
    assert outcome.text


def test_no_server_at_all_is_a_retry(make_mail: MakeMail) -> None:
    mail = make_mail()
    with SmtpTransport(SmtpSettings(host="127.0.0.1", port=1, timeouts=Timeouts(connect_s=1))) as transport:
        outcome = transport.send(mail.sender, mail.recipient, mail.body)
    assert (outcome.state, outcome.stage, outcome.is_session_fault) == ("retry", SmtpStage.CONNECT, True)


def test_the_bytes_arrive_with_leading_dots(faulty: Any, transport: SmtpTransport) -> None:
    body = b"Message-ID: <a@b>\n\n.\n..two\n.end"
    assert transport.send("a@erqi.example", "b@t.example", body).state == "sent"
    (received,) = faulty.bodies
    assert received == b"Message-ID: <a@b>\r\n\r\n..\r\n...two\r\n..end\r\n.\r\n"


def test_many_messages_go_over_one_connection(faulty: Any, transport: SmtpTransport, make_mail: MakeMail) -> None:
    for number in range(5):
        faulty.fault = "rcpt 550" if number == 2 else ""
        mail = make_mail(f"t{number}@town.example")
        transport.send(mail.sender, mail.recipient, mail.body)
    assert faulty.connections == 1
    assert len(faulty.taken) == 4


def test_a_connection_closed_while_idle_costs_nothing(
    faulty: Any, transport: SmtpTransport, make_mail: MakeMail
) -> None:
    faulty.fault = "cut after 250"
    states = []
    for number in range(3):
        mail = make_mail(f"t{number}@town.example")
        states.append(transport.send(mail.sender, mail.recipient, mail.body).state)
    assert states == ["sent", "sent", "sent"]
    assert len(faulty.taken) == 3
    assert faulty.connections == 3


def test_the_steps_are_reached_in_order(faulty: Any, transport: SmtpTransport, make_mail: MakeMail) -> None:
    steps: list[str] = []
    mail = make_mail()
    transport.send(mail.sender, mail.recipient, mail.body, checkpoint=steps.append)
    assert steps == ["connected", "mail", "rcpt", "body", "dot", "accepted"]


def test_a_password_is_never_sent_in_the_clear_to_another_machine() -> None:
    with pytest.raises(ConfigError, match=r"mail\.town\.example must not be sent in the clear"):
        SmtpSettings(host="mail.town.example", username="duty", password="x")


def test_a_password_does_not_show() -> None:
    assert "geheim" not in repr(SmtpSettings(host="localhost", username="duty", password="geheim"))


def test_a_server_without_starttls_gets_nothing(faulty: Any, make_mail: MakeMail) -> None:
    mail = make_mail()
    settings = SmtpSettings(host="127.0.0.1", port=faulty.port, starttls=True, timeouts=Timeouts(command_s=1))
    with SmtpTransport(settings) as transport:
        outcome = transport.send(mail.sender, mail.recipient, mail.body)
    assert (outcome.state, outcome.stage) == ("retry", SmtpStage.SESSION)
    assert faulty.taken == []


class _Box:
    """Keeps what an aiosmtpd server took, and whether it came over TLS with a log-in."""

    def __init__(self) -> None:
        self.taken: list[tuple[list[str], bool, bool]] = []

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Envelope) -> str:
        self.taken.append((envelope.rcpt_tos, session.ssl is not None, bool(session.authenticated)))
        return "250 taken"


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[_Box, int, str]]:
    """A server that wants STARTTLS and a log-in; its box, port and certificate authority."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    def check(server: SMTP, session: Any, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        fits = isinstance(data, LoginPassword) and (data.login, data.password) == (b"duty", b"right")
        return AuthResult(success=fits, handled=False)

    box = _Box()
    loop = asyncio.new_event_loop()
    controller = Controller(
        box, hostname="127.0.0.1", port=0, tls_context=context, require_starttls=True, auth_required=True,
        authenticator=check, loop=loop,
    )  # fmt: skip
    thread = threading.Thread(target=loop.run_forever)
    server = loop.run_until_complete(loop.create_server(controller.factory, "127.0.0.1", 0))
    thread.start()
    yield box, server.sockets[0].getsockname()[1], str(tmp_path / "ca.pem")

    async def finish() -> None:
        server.close()
        await server.wait_closed()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await asyncio.sleep(0.05)  # let the connections close

    asyncio.run_coroutine_threadsafe(finish(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


@pytest.mark.parametrize(
    ("password", "state", "stage", "taken"),
    [
        ("right", "sent", SmtpStage.DONE, [(["duty@town.example"], True, True)]),
        ("wrong", "retry", SmtpStage.SESSION, []),
    ],
)
def test_starttls_and_log_in(
    guarded: tuple[_Box, int, str], make_mail: MakeMail, password: str, state: str, stage: SmtpStage, taken: list[Any]
) -> None:
    box, port, ca_file = guarded
    mail = make_mail()
    settings = SmtpSettings(
        host="localhost", port=port, starttls=True, username="duty", password=password, ca_file=ca_file
    )
    with SmtpTransport(settings) as transport:
        outcome = transport.send(mail.sender, mail.recipient, mail.body)
    assert (outcome.state, outcome.stage) == (state, stage)
    assert box.taken == taken


def test_a_certificate_nobody_vouches_for_gets_nothing(guarded: tuple[_Box, int, str], make_mail: MakeMail) -> None:
    box, port, _ = guarded
    mail = make_mail()
    with SmtpTransport(SmtpSettings(host="localhost", port=port, starttls=True)) as transport:
        outcome = transport.send(mail.sender, mail.recipient, mail.body)
    assert (outcome.state, outcome.stage, box.taken) == ("retry", SmtpStage.SESSION, [])
    assert "CERTIFICATE_VERIFY_FAILED" in outcome.text
