"""Hand one message to one recipient by SMTP, and say exactly how far the dialogue came.

One recipient per transaction: with several, a server may take some and refuse others, or close the connection after
naming only one, and nobody can tell who got it.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from risk_models.errors import ConfigError
from wuyu.ledger.types import OutboxState
from wuyu.messages.guard import Target

__all__ = ["Outcome", "SmtpSettings", "SmtpStage", "SmtpTransport", "Timeouts", "classify_reply"]

_BLOCK_BYTES = 65536
_AUTH_CODES = frozenset({530, 534, 535, 538})


class SmtpStage(StrEnum):
    """How far the dialogue came: the step that was under way."""

    GUARD = "guard"  # refused by ourselves before any dialogue
    CONNECT = "connect"  # until the greeting
    SESSION = "session"  # EHLO, STARTTLS, AUTH
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    DOT = "dot"  # the final dot is out, the answer is not in
    DONE = "done"
    UNKNOWN = "unknown"  # our own process was interrupted


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one hand-over.

    `is_session_fault` is True if the fault lies with the server or the connection and not with this message: the next
    message would meet it too.
    """

    state: OutboxState
    stage: SmtpStage
    code: int | None
    text: str
    is_session_fault: bool = False


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """Longest wait of each step [s].

    The wait after the final dot is that of RFC 5321 section 4.5.3.2.6: a shorter one makes second copies. The other
    steps are shorter than the RFC asks, because the outbox is meant to talk to a mail server close by.

    References
    ----------
    RFC 5321, section 4.5.3.2. https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.2
    """

    connect_s: float = 10.0
    command_s: float = 30.0
    block_s: float = 180.0
    final_dot_s: float = 600.0

    @property
    def longest_s(self) -> float:
        """Longest time one hand-over of up to ten blocks may take; a lease must be longer."""
        return self.connect_s + 8 * self.command_s + 10 * self.block_s + self.final_dot_s


@dataclass(frozen=True, kw_only=True)
class SmtpSettings:
    """Where the mail server is and how to speak to it. A password is given only over STARTTLS or on this machine."""

    host: str
    port: int = 25
    starttls: bool = False
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str | None = None
    ehlo_name: str = "localhost"
    timeouts: Timeouts = field(default_factory=Timeouts)

    def __post_init__(self) -> None:
        if self.username and not self.starttls and not _is_loopback(self.host):
            raise ConfigError(f"a password for {self.host} must not be sent in the clear: set starttls")


def classify_reply(code: int) -> OutboxState:
    """Return what a refusing reply means: 5xx is for good, all else may be tried again.

    A fault of our own log-in (530, 534, 535, 538) is tried again although it begins with 5: it says nothing of the
    recipient, and the mail goes as soon as the operator mends it.

    Examples
    --------
    >>> [str(classify_reply(code)) for code in (421, 450, 550, 535)]
    ['retry', 'retry', 'failed', 'retry']
    """
    return OutboxState.FAILED if 500 <= code <= 599 and code not in _AUTH_CODES else OutboxState.RETRY


class _RefusedError(Exception):
    """The server answered and the answer was no."""

    def __init__(self, code: int, text: bytes) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text.decode("utf-8", "replace")


def _nothing(_step: str) -> None:
    """Pass a checkpoint by."""


class SmtpTransport:
    """Hands messages over one connection, opened when needed and again after it broke. Use it in a ``with``."""

    channel = "mail"
    target: Target | None = None

    def __init__(self, settings: SmtpSettings) -> None:
        self.settings = settings
        self._client: smtplib.SMTP | None = None
        self._stage = SmtpStage.CONNECT

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def longest_s(self) -> float:
        """Longest time one hand-over may take [s]."""
        return self.settings.timeouts.longest_s

    def close(self) -> None:
        """Say goodbye if the other side still listens; what it answers changes nothing."""
        if self._client is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                self._wait(self.settings.timeouts.connect_s)
                self._client.quit()
            self._drop()

    def send(
        self, sender: str, recipient: str, body: bytes, *, checkpoint: Callable[[str], None] = _nothing
    ) -> Outcome:
        """Hand `body` over for one recipient; never raises for what the network or the server does.

        Parameters
        ----------
        sender, recipient : str
            Envelope addresses.
        body : bytes
            The whole mail.
        checkpoint : callable
            Called with the name of each step reached; for drills.

        Returns
        -------
        Outcome
            ``sent``, ``retry`` (certainly not taken), ``failed`` (refused for good), or ``ambiguous`` (cut or silent
            from the first byte of the body on: it may have been taken).
        """
        is_old_connection = self._client is not None
        outcome = self._try(sender, recipient, body, checkpoint)
        broke_early = outcome.code in (None, 421) and outcome.stage in (SmtpStage.MAIL, SmtpStage.RCPT)
        if is_old_connection and outcome.state == OutboxState.RETRY and broke_early:
            # The server closed the idle connection; nothing of this message was taken, so begin again at once.
            outcome = self._try(sender, recipient, body, checkpoint)
        return outcome

    def _try(self, sender: str, recipient: str, body: bytes, checkpoint: Callable[[str], None]) -> Outcome:
        self._stage = SmtpStage.CONNECT
        try:
            client = self._client if self._client is not None else self._open()
            checkpoint("connected")
            answer = self._hand_over(client, sender, recipient, body, checkpoint)
        except _RefusedError as refusal:
            self._after_refusal(refusal.code)
            in_session = self._stage in (SmtpStage.CONNECT, SmtpStage.SESSION)
            state = OutboxState.RETRY if in_session else classify_reply(refusal.code)
            return self._outcome(state, refusal.code, refusal.text, in_session or refusal.code == 421)
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            cut_in_body = self._stage in (SmtpStage.BODY, SmtpStage.DOT)
            state = OutboxState.AMBIGUOUS if cut_in_body else OutboxState.RETRY
            in_session = self._stage in (SmtpStage.CONNECT, SmtpStage.SESSION)
            code = error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else None
            return self._outcome(state, code, f"{type(error).__name__}: {error}", in_session)
        return Outcome(state=OutboxState.SENT, stage=SmtpStage.DONE, code=250, text=answer)

    def _outcome(self, state: OutboxState, code: int | None, text: str, is_session_fault: bool) -> Outcome:
        return Outcome(state=state, stage=self._stage, code=code, text=text, is_session_fault=is_session_fault)

    def _open(self) -> smtplib.SMTP:
        settings = self.settings
        client = smtplib.SMTP(settings.host, settings.port, settings.ehlo_name, settings.timeouts.connect_s)
        self._client = client
        if client.sock is not None:
            # Body and final dot are sent apart: without this the dot waits 40 ms for the other side's delayed answer.
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stage = SmtpStage.SESSION
        self._wait(settings.timeouts.command_s)
        client.ehlo_or_helo_if_needed()
        if settings.starttls:
            # A server that does not offer it raises here: nothing is ever sent in the clear instead.
            _expect(client.starttls(context=ssl.create_default_context(cafile=settings.ca_file)), 220)
            client.ehlo_or_helo_if_needed()
        if settings.username:
            client.login(settings.username, settings.password)
        return client

    def _hand_over(
        self, client: smtplib.SMTP, sender: str, recipient: str, body: bytes, checkpoint: Callable[[str], None]
    ) -> str:
        self._stage = SmtpStage.MAIL
        self._wait(self.settings.timeouts.command_s)
        _expect(client.mail(sender, [f"size={len(body)}"] if client.has_extn("size") else []), 250)
        checkpoint("mail")
        self._stage = SmtpStage.RCPT
        _expect(client.rcpt(recipient), 250, 251)
        checkpoint("rcpt")
        self._stage = SmtpStage.DATA
        _expect(client.docmd("DATA"), 354)
        self._stage = SmtpStage.BODY
        self._wait(self.settings.timeouts.block_s)
        lines = _as_data(body)
        middle = len(lines) // 2
        _send_blocks(client, lines[:middle])
        checkpoint("body")
        _send_blocks(client, lines[middle:])
        self._stage = SmtpStage.DOT
        client.send(b".\r\n")
        checkpoint("dot")
        self._wait(self.settings.timeouts.final_dot_s)
        answer = _expect(client.getreply(), 250)
        checkpoint("accepted")
        return answer

    def _wait(self, seconds: float) -> None:
        """Set the longest wait of the next step."""
        if self._client is not None and self._client.sock is not None:
            self._client.sock.settimeout(seconds)

    def _after_refusal(self, code: int) -> None:
        """Keep the connection for the next message if the server will; give it up otherwise."""
        if code == 421 or self._client is None or self._stage in (SmtpStage.CONNECT, SmtpStage.SESSION):
            self._drop()
            return
        try:
            self._wait(self.settings.timeouts.command_s)
            self._client.rset()
        except (OSError, smtplib.SMTPException):
            self._drop()

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def _send_blocks(client: smtplib.SMTP, lines: bytes) -> None:
    for start in range(0, len(lines), _BLOCK_BYTES):
        client.send(lines[start : start + _BLOCK_BYTES])


def _expect(reply: tuple[int, bytes], *accepted: int) -> str:
    """Return the text of a reply that is one of `accepted`; raise otherwise, also if the connection was closed."""
    code, text = reply
    if code == -1:
        raise smtplib.SMTPServerDisconnected("the server closed the connection without a readable answer")
    if code not in accepted:
        raise _RefusedError(code, text)
    return text.decode("utf-8", "replace")


def _as_data(body: bytes) -> bytes:
    r"""Return `body` with CRLF line ends, leading dots doubled, and a line end at the end (RFC 5321, 4.5.2).

    Examples
    --------
    >>> _as_data(b"a\n.b\r\n..")
    b'a\r\n..b\r\n...\r\n'
    """
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", body)
    lines = re.sub(rb"(?m)^\.", b"..", lines)
    return lines if lines.endswith(b"\r\n") else lines + b"\r\n"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
