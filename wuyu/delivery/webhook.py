"""Hand one message over by a signed HTTP POST, and say exactly how far it came.

The signature is that of Standard Webhooks [1]_: HMAC-SHA256 over ``<id>.<time>.<body>``. A receiver checks it, refuses
what is older than a few minutes, and takes an id that it has seen before for the same message.

References
----------
.. [1] Standard Webhooks, version 1.0.0. https://www.standardwebhooks.com
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self
from urllib.parse import urlsplit

import httpx

from risk_models.errors import ConfigError
from wuyu.delivery.smtp import Outcome, SmtpStage
from wuyu.ledger.types import OutboxState
from wuyu.messages.guard import Target

__all__ = ["WebhookSettings", "WebhookTransport", "classify_status", "sign", "verify"]

_BLOCK_BYTES = 65536
_ANSWER_BYTES = 2000
_AGAIN = frozenset({408, 425, 429})
_OURS = frozenset({401, 407})  # our secret is wrong: it says nothing of this message
_SECRET_MIN_BYTES = 16


@dataclass(frozen=True, kw_only=True)
class WebhookSettings:
    """Where a webhook is, and how long each step may take [s].

    Attributes
    ----------
    url : str
    secret : bytes
        At least 16 bytes; see `secret_bytes`.
    ca_file : str or None
        Authority to trust instead of the public ones.
    connect_s, write_s, read_s : float
        Longest wait for the connection with its TLS, for a block to leave, and for a piece of the answer.
    total_s : float
        Limit of everything together: a server that answers drop by drop holds nobody up.
    """

    url: str
    secret: bytes = field(repr=False)
    ca_file: str | None = None
    connect_s: float = 10.0
    write_s: float = 10.0
    read_s: float = 20.0
    total_s: float = 30.0


def secret_bytes(text: str) -> bytes:
    """Return the bytes of a secret: those in base64 after ``whsec_``, or the text itself.

    Raises
    ------
    ConfigError
        If it is shorter than 16 bytes.

    Examples
    --------
    >>> secret_bytes("whsec_MDEyMzQ1Njc4OWFiY2RlZg==")
    b'0123456789abcdef'
    """
    try:
        prefix, _, rest = text.partition("whsec_")
        secret = base64.b64decode(rest, validate=True) if rest and not prefix else text.encode()
    except ValueError:
        raise ConfigError("a secret that begins with whsec_ must go on in base64") from None
    if len(secret) < _SECRET_MIN_BYTES:
        raise ConfigError(f"the secret of a webhook must have at least {_SECRET_MIN_BYTES} bytes")
    return secret


def sign(secret: bytes, identifier: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers that prove who sent `body`, and when.

    Examples
    --------
    >>> from datetime import UTC
    >>> headers = sign(b"0123456789abcdef", "E.r0", datetime(2026, 1, 1, tzinfo=UTC), b"{}")
    >>> headers["webhook-timestamp"], headers["webhook-signature"][:9]
    ('1767225600', 'v1,XZEntS')
    """
    seconds = int(at.timestamp())
    mac = hmac.new(secret, f"{identifier}.{seconds}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(mac).decode('ascii')}"
    return {"webhook-id": identifier, "webhook-timestamp": str(seconds), "webhook-signature": signature}


def verify(secret: bytes, headers: dict[str, str], body: bytes, *, now: datetime, tolerance_s: float = 300.0) -> bool:
    """Return True if `body` was signed with `secret` within `tolerance_s` of `now`; for receivers, and as their model.

    Examples
    --------
    >>> from datetime import UTC, timedelta
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> headers = sign(b"0123456789abcdef", "E.r0", at, b"{}")
    >>> [verify(b"0123456789abcdef", headers, body, now=at) for body in (b"{}", b"{ }")]
    [True, False]
    >>> verify(b"0123456789abcdef", headers, b"{}", now=at + timedelta(minutes=6))
    False
    """
    stamp = headers.get("webhook-timestamp", "")
    if re.fullmatch(r"[0-9]{1,12}", stamp) is None or abs(now.timestamp() - int(stamp)) > tolerance_s:
        return False
    mac = hmac.new(secret, f"{headers.get('webhook-id', '')}.{stamp}.".encode() + body, hashlib.sha256).digest()
    expected = f"v1,{base64.b64encode(mac).decode('ascii')}"
    given = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(expected.encode(), one.encode()) for one in given)


def classify_status(status: int) -> OutboxState:
    """Return what an answer means: 2xx accepted, 4xx refused for good, 5xx to be tried again.

    Time-out, "too early" and "too many" (408, 425, 429) ask for another try by their meaning. A refused signature (401,
    407) is a fault of our settings and goes as soon as they are mended. A redirect is never followed: it is refused.

    Examples
    --------
    >>> [str(classify_status(code)) for code in (204, 302, 422, 429, 401, 503)]
    ['sent', 'failed', 'failed', 'retry', 'retry', 'retry']
    """
    if 200 <= status <= 299:
        return OutboxState.SENT
    return OutboxState.RETRY if status >= 500 or status in _AGAIN | _OURS else OutboxState.FAILED


class _Progress:
    """One POST, and how far it has come."""

    def __init__(self, identifier: str, body: bytes, checkpoint: Callable[[str], None]) -> None:
        self.identifier = identifier
        self.stage = SmtpStage.CONNECT
        self.body = body
        self.checkpoint = checkpoint

    async def blocks(self) -> AsyncIterator[bytes]:
        """Give the body; asked for only when the connection stands."""
        self.checkpoint("connected")
        self.stage = SmtpStage.BODY
        for start in range(0, len(self.body), _BLOCK_BYTES):
            yield self.body[start : start + _BLOCK_BYTES]
        self.checkpoint("body")
        self.stage = SmtpStage.DOT


def _nothing(_step: str) -> None:
    """Pass a checkpoint by."""


class WebhookTransport:
    """Posts messages to one address.

    Parameters
    ----------
    target : Target
    settings : WebhookSettings
    clock : callable
        Wall time, for the signature.
    """

    def __init__(self, target: Target, settings: WebhookSettings, *, clock: Callable[[], datetime]) -> None:
        self.channel = target.channel
        self.target: Target | None = target
        self.settings = settings
        self.clock = clock
        self._verify = _trust(settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    @property
    def longest_s(self) -> float:
        """Longest time one hand-over may take [s]."""
        return self.settings.total_s + 5

    def send(
        self,
        sender: str,  # noqa: ARG002 - the signature says who sends
        recipient: str,  # noqa: ARG002 - the body says for whom
        body: bytes,
        *,
        checkpoint: Callable[[str], None] = _nothing,
    ) -> Outcome:
        """Post `body`; never raises for what the network or the server does.

        Parameters
        ----------
        sender, recipient : str
            Of the row.
        body : bytes
            JSON with ``id`` or ``message_id``, by which the receiver knows a copy.
        checkpoint : callable
            Called with the name of each step reached; for drills.

        Returns
        -------
        Outcome
            ``sent``, ``retry`` (certainly not taken), ``failed`` (refused for good), or ``ambiguous`` (cut or silent
            from the first byte of the body on: it may have been taken; the id lets the receiver see that).
        """
        try:
            progress = _Progress(_identifier(body), body, checkpoint)
        except (ValueError, KeyError, TypeError):
            return Outcome(state=OutboxState.FAILED, stage=SmtpStage.GUARD, code=None, text="the body names no message")
        try:
            status, text = asyncio.run(self._in_time(progress))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ssl.SSLError) as error:
            began = progress.stage is not SmtpStage.CONNECT
            state = OutboxState.AMBIGUOUS if began else OutboxState.RETRY
            said = f"{type(error).__name__}: {error}".rstrip(": ")[:300]
            # A silent server would be silent for every further message too.
            return Outcome(state=state, stage=progress.stage, code=None, text=said, is_session_fault=True)
        state = classify_status(status)
        if state is OutboxState.SENT:
            checkpoint("accepted")
        stage = SmtpStage.DONE if state is OutboxState.SENT else progress.stage
        fault = state is OutboxState.RETRY and status not in _AGAIN - {429}
        return Outcome(state=state, stage=stage, code=status, text=text, is_session_fault=fault)

    async def _in_time(self, progress: _Progress) -> tuple[int, str]:
        settings = self.settings
        timeout = httpx.Timeout(settings.read_s, connect=settings.connect_s, write=settings.write_s)
        try:
            async with (
                asyncio.timeout(settings.total_s),
                # No proxy, no .netrc from the environment: only what the settings say.
                httpx.AsyncClient(verify=self._verify, timeout=timeout, trust_env=False) as client,
            ):
                return await self._post(client, progress)
        except TimeoutError:
            raise httpx.ReadTimeout(f"no whole answer within {settings.total_s:g} s") from None

    async def _post(self, client: httpx.AsyncClient, progress: _Progress) -> tuple[int, str]:
        body, identifier = progress.body, progress.identifier
        headers = {
            "content-type": "application/json; charset=utf-8",
            "content-length": str(len(body)),
            "user-agent": "wuyu",
            "idempotency-key": identifier,
            **sign(self.settings.secret, identifier, self.clock(), body),
        }
        url = self.settings.url
        async with client.stream("POST", url, headers=headers, content=progress.blocks()) as response:
            answer = bytearray()
            async for chunk in response.aiter_raw():
                answer += chunk
                if len(answer) > _ANSWER_BYTES:
                    break
            return response.status_code, _said(url, response.status_code, bytes(answer))


def _identifier(body: bytes) -> str:
    """Return what names the message: its own ``id``, or that of its warning."""
    facts = json.loads(body)
    if not isinstance(facts, dict):
        raise TypeError("the body is no object")
    identifier = str(facts.get("id") or facts["message_id"])
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,200}", identifier) is None:
        raise ValueError(identifier)
    return identifier


def _said(url: str, status: int, answer: bytes) -> str:
    parts = urlsplit(url)
    words = re.sub(r"[\x00-\x1f\x7f\u2028\u2029]+", " ", answer[:_ANSWER_BYTES].decode("utf-8", "replace")).strip()
    return f"{parts.hostname} answered {status} {words[:200]}".rstrip()


def _trust(settings: WebhookSettings) -> ssl.SSLContext | bool:
    if urlsplit(settings.url).scheme != "https":
        return True
    try:
        if settings.ca_file is not None:
            return ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError):
        raise ConfigError(f"{settings.ca_file} is no readable certificate") from None
    context = httpx.create_ssl_context(verify=True, trust_env=False)
    context.load_default_certs()
    return context
