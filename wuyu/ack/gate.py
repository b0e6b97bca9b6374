"""Who may come in: limits of one client, links that prove who holds them, forms that were made here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import NamedTuple, NoReturn

from fastapi import Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from wuyu.ack.tokens import LinkUse, Token, sign_form, verify_form
from wuyu.ack.web import RateLimit
from wuyu.clock import Clock, wall_clock
from wuyu.keys import Keys

__all__ = ["Gate", "Page"]

_FORM_MIN = 120


class Page(NamedTuple):
    """One page of the site: its path, what it shows, and what its form does, if it has one."""

    path: str
    show: Callable[[Request], Response]
    take: Callable[[Request, dict[str, str]], Response] | None = None


class Gate:
    """What every page asks before it shows or takes anything.

    Parameters
    ----------
    keys : Keys
    clock : callable
        Time of the domain.
    limits : tuple of RateLimit
        Of requests, and of bad links.
    """

    def __init__(self, keys: Keys, clock: Clock, limits: tuple[RateLimit, RateLimit]) -> None:
        self.keys = keys
        self.clock = clock
        self.requests, self.bad_links = limits

    def limit(self, request: Request) -> str:
        """Count a request and return whose it is."""
        client = request.client.host if request.client else "?"
        if not self.requests.allows(client):
            raise HTTPException(429)
        return client

    def refuse(self, client: str) -> NoReturn:
        """Refuse a link; the answer is the same for every kind of wrong, so that nothing can be found out by trying."""
        raise HTTPException(403 if self.bad_links.allows(client) else 429)

    def owner(self, request: Request, text: str, owners: Iterable[str], use: LinkUse) -> tuple[Token, str]:
        """Return a link and whose it is, of those who may hold one."""
        client = self.limit(request)
        token = Token.parse(text)
        owner = None if token is None else token.recipient_of(owners, use, self.keys)
        if token is None or owner is None:
            self.refuse(client)
        if token.has_expired(self.clock()):
            raise HTTPException(410)
        return token, owner

    def check_form(self, text: str, fields: dict[str, str]) -> None:
        """Refuse a form that was not made for `text`."""
        # Wall time: a form is fresh or stale for the person who fills it in, whatever hour is played.
        if not verify_form(self.keys, text, fields.get("form", ""), now=wall_clock()):
            raise HTTPException(403)

    def form(self, text: str) -> str:
        """Return what a form must carry to be taken for `text`."""
        return sign_form(self.keys, text, expires_at=wall_clock() + timedelta(minutes=_FORM_MIN))
