"""The page as a process of its own, which follows the register: a new address is served without being started again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wuyu.ack.app import LOCAL_HOSTS, create_app
from wuyu.clock import Clock
from wuyu.keys import Keys
from wuyu.register.in_force import settings_taken

if TYPE_CHECKING:
    from wuyu.ack.gate import Gate, Page
    from wuyu.station import Station

__all__ = ["FollowingPage", "PageAddress"]

_LOOK_EVERY_S = 10.0
_LOG = logging.getLogger("wuyu.ack")


@dataclass(frozen=True)
class PageAddress:
    """What the page goes by of the register.

    Attributes
    ----------
    district_code : str
    base_url : str or None
        Where towns reach it.
    """

    district_code: str
    base_url: str | None

    @property
    def https(self) -> bool:
        """True if towns reach the page over https."""
        return (self.base_url or "").startswith("https")

    def hosts(self, listening: str, more: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the names under which the page may be asked for.

        Examples
        --------
        >>> PageAddress("410103", "https://duty.erqi.example/ack").hosts("10.0.0.5", ["page"])
        ('duty.erqi.example', '10.0.0.5', 'page', '127.0.0.1', 'localhost', '[::1]')
        """
        public = urlsplit(self.base_url or "").hostname
        bound = f"[{listening}]" if ":" in listening else listening
        return tuple(dict.fromkeys([*([public] if public else []), bound, *more, *LOCAL_HOSTS]))


class FollowingPage:
    """An ASGI application that is made anew when the register that is in force gives the page another address.

    The register is the newest that was taken into use by whoever decides; this process reads no table and takes none.
    While it cannot be read the page stays as it is.

    Parameters
    ----------
    station : Station
    listening : str
        Address at which the page listens.
    keys : Keys
    clock : callable
        Time of the domain.
    more_hosts : sequence of str
        Further names under which the page may be asked for.
    moved : callable
        Called with the address at the beginning, and whenever it is another.
    more : callable, optional
        Gives further pages; it is given what returns the station with the settings in force.
    """

    def __init__(
        self,
        station: Station,
        listening: str,
        keys: Keys,
        *,
        clock: Clock,
        more_hosts: Sequence[str] = (),
        moved: Callable[[PageAddress], None],
        more: Callable[[Callable[[], Station]], Callable[[Gate], Iterable[Page]]] | None = None,
    ) -> None:
        self.station = station
        further = None if more is None else more(lambda: self.station)
        self._options: dict[str, Any] = {"keys": keys, "clock": clock, "more": further}
        self._listening, self._more_hosts = listening, more_hosts
        self._moved = moved
        self._look_at = 0.0
        settings = station.settings
        self._move(PageAddress(settings.district.code, settings.acknowledgement.base_url))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _LOOK_EVERY_S
            await asyncio.to_thread(self.look)
        await self._app(scope, receive, send)

    def look(self) -> None:
        """Follow the register, if it has moved."""
        try:
            settings = settings_taken(Path(self.station.root), self.station.out, self.station.ledger)
        except Exception as error:  # whatever is wrong with it, answers must be taken
            _LOG.error("the register cannot be read (%s); the page goes on as it was", type(error).__name__)
            return
        if settings is None:
            return
        self.station = replace(self.station, settings=settings)
        at = PageAddress(settings.district.code, settings.acknowledgement.base_url)
        if at != self.address:
            self._move(at)

    def _move(self, at: PageAddress) -> None:
        hosts = at.hosts(self._listening, self._more_hosts)
        self._app = create_app(self.station.ledger, self.station.out, https=at.https, hosts=hosts, **self._options)
        self.address = at
        self._look_at = time.monotonic() + _LOOK_EVERY_S
        self._moved(at)
