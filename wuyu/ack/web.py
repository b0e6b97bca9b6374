"""What every answer of the page goes through: security headers, limits, and errors that tell nobody anything."""

from __future__ import annotations

import base64
import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from typing import Any

__all__ = ["BODY_MAX", "RateLimit", "SafeAnswers", "security_headers"]

BODY_MAX = 64 * 1024

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]

_LOG = logging.getLogger("wuyu.ack")
_CLIENTS_MAX = 10_000


class RateLimit:
    """Allows each client so many requests a minute, a burst of a quarter of them at once; forgets the idle.

    Examples
    --------
    >>> limit = RateLimit(8, clock=lambda: 0.0)
    >>> [limit.allows("a"), limit.allows("a"), limit.allows("a"), limit.allows("b")]
    [True, True, False, True]
    """

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second = per_minute / 60.0
        self.burst = max(1.0, per_minute / 4.0)
        self.clock = clock
        self._lock = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, client: str) -> bool:
        """Count a request; False if it is one too many."""
        with self._lock:
            return self._count(client, self.clock())

    def _count(self, client: str, now: float) -> bool:
        left, at = self._left.pop(client, (self.burst, now))
        left = min(self.burst, left + (now - at) * self.per_second)
        allowed = left >= 1.0
        self._left[client] = (left - 1.0 if allowed else left, now)
        while len(self._left) > _CLIENTS_MAX:
            self._left.popitem(last=False)
        return allowed


def security_headers(style: str, *, https: bool) -> list[tuple[bytes, bytes]]:
    """Return the headers of every page: nothing may run, nothing may be loaded, nobody may frame, keep or refer to it.

    Parameters
    ----------
    style : str
        The one style sheet, allowed by its digest.
    https : bool
        True if the page is served over https.
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'"
    headers = {
        "content-security-policy": f"{policy}; frame-ancestors 'none'",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "x-robots-tag": "noindex, nofollow",
    }
    if https:
        headers["strict-transport-security"] = "max-age=31536000"
    return [(name.encode(), value.encode()) for name, value in headers.items()]


class SafeAnswers:
    """Puts the headers on every answer, and turns an unforeseen error into a plain page.

    The error is logged by its type and place only: what a person typed, a link or an address never reach the log.

    Parameters
    ----------
    app : callable
        The ASGI application inside.
    headers : list of tuple of bytes
    failed : bytes
        The plain page for an error.
    """

    def __init__(self, app: Any, *, headers: list[tuple[bytes, bytes]], failed: bytes) -> None:
        self.app = app
        self.headers = headers
        self.failed = failed

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_safely(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                given = [pair for pair in message.get("headers", []) if pair[0].lower() != b"cache-control"]
                message["headers"] = [*given, *self.headers]
            await send(message)

        try:
            await self.app(scope, receive, send_safely)
        except Exception as error:
            _LOG.error("%s at %s", type(error).__name__, _place(error))
            if not started:
                html = [(b"content-type", b"text/html; charset=utf-8")]
                await send_safely({"type": "http.response.start", "status": 500, "headers": html})
                await send({"type": "http.response.body", "body": self.failed})


def _place(error: BaseException) -> str:
    """Return file and line of the innermost frame of ours."""
    place, frame = "?", error.__traceback__
    while frame is not None:
        file = frame.tb_frame.f_code.co_filename
        if "wuyu" in file and "site-packages" not in file:
            place = f"{file.rpartition('/')[2]}:{frame.tb_lineno}"
        frame = frame.tb_next
    return place
