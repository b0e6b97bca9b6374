"""The door of the page: how many may stand in it, and how long each may take to say what they want.

uvicorn limits whole requests only; what is sent half keeps its connection for as long as its sender likes. Here every
connection has a time by which head, body and the reading of the answer must be over, and when the house is full the one
that has kept it waiting longest is cut. Whoever sends a whole request is not in anybody's way.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import resource
import socket
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from risk_models.errors import ConfigError

__all__ = ["LOCAL_PROXIES", "DoorLimits", "fitting", "make_server"]

LOCAL_PROXIES = ("127.0.0.1", "::1")
_HEAD_MAX = 16 * 1024
#: Connections that one turn of the event loop takes; they hold a descriptor before the doorkeeper sees them.
_TAKEN_AT_ONCE = 32
_QUEUE = 1024
_OTHER_FILES = 64
_STOP_S = 5
_TELL_EVERY_S = 60.0
_LOG = logging.getLogger("wuyu.ack")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class DoorLimits:
    """How many connections there may be, and how long each may keep the page waiting.

    Attributes
    ----------
    connections, connections_an_address : int
        Open at a time: in all, and of one address; a proxy that is named has no limit of its own.
    head_s, body_s : float
        Seconds from the opening of a connection to the end of the head, and from there to the end of the body.
    idle_s : float
        Seconds that a connection is kept after an answer.
    read_s : float
        Seconds that an answer may wait for its reader.
    """

    connections: int = 512
    connections_an_address: int = 64
    head_s: float = 10.0
    body_s: float = 20.0
    idle_s: float = 5.0
    read_s: float = 30.0


def fitting(limits: DoorLimits, *, descriptors: int | None = None) -> DoorLimits:
    """Return limits that the process can keep, whose open files are limited too (``ulimit -n``).

    Examples
    --------
    >>> fitting(DoorLimits(), descriptors=1024).connections, fitting(DoorLimits(), descriptors=256).connections
    (480, 96)
    """
    may_open = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if descriptors is None else descriptors
    room = max(1, (may_open - _OTHER_FILES) // 2)
    return limits if may_open < 0 else replace(limits, connections=min(limits.connections, room))


class _Phase(Enum):
    """What a connection is waited for."""

    HEAD = auto()
    BODY = auto()
    ANSWER = auto()  # ours to give
    READER = auto()  # to take what is written
    IDLE = auto()


class _Doorkeeper:
    """Knows every connection, and which of them keep the page waiting, the longest first."""

    def __init__(self, limits: DoorLimits, proxies: Sequence[Network]) -> None:
        self.limits = limits
        self.proxies = proxies
        self.total = 0
        self.count: dict[str, int] = defaultdict(int)
        self.waiting: OrderedDict[_Connection, None] = OrderedDict()
        self.waiting_of: dict[str, OrderedDict[_Connection, None]] = defaultdict(OrderedDict)
        self._cut = 0
        self._told_at = float("-inf")

    def takes(self, newcomer: _Connection) -> None:
        """Count a connection, and make room if it is one too many."""
        address = newcomer.address
        self.total += 1
        self.count[address] += 1
        self.waits(newcomer)
        if self.count[address] > self.limits.connections_an_address and not self._is_proxy(address):
            self.cut(next(iter(self.waiting_of[address])))
        elif self.total > self.limits.connections:
            self.cut(next(iter(self.waiting)))

    def waits(self, connection: _Connection) -> None:
        """Note that from now on a connection keeps us waiting."""
        self.works(connection)
        self.waiting[connection] = None
        self.waiting_of[connection.address][connection] = None

    def works(self, connection: _Connection) -> None:
        """Note that it is our turn."""
        self.waiting.pop(connection, None)
        self.waiting_of[connection.address].pop(connection, None)

    def cut(self, connection: _Connection) -> None:
        """End a connection at once."""
        self.went(connection)
        connection.transport.abort()
        self._cut += 1
        now = connection.loop.time()
        if now >= self._told_at + _TELL_EVERY_S:
            _LOG.warning("%d connections cut: too slow, or too many", self._cut)
            self._told_at, self._cut = now, 0

    def went(self, connection: _Connection) -> None:
        """Forget a connection."""
        if connection.has_gone:
            return
        connection.has_gone = True
        self.works(connection)
        self.total -= 1
        self.count[connection.address] -= 1
        if not self.count[connection.address]:
            del self.count[connection.address], self.waiting_of[connection.address]

    def _is_proxy(self, address: str) -> bool:
        try:
            at = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(at in network for network in self.proxies)


class _Connection(H11Protocol):
    """A connection that must get on."""

    door: _Doorkeeper  # set by the class made for each server

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.address = ""
        self.has_gone = False
        self._phase: _Phase | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_first = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the head."""
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        self.door.takes(self)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave no timer behind."""
        self._disarm()
        self.door.went(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; only a head or a body that is whole moves the time on."""
        if not self.has_gone:
            super().data_received(data)
            self._look()

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the rest of this one."""
        if self.conn.their_state is not h11.SEND_BODY:
            self._phase, self._is_first = None, False
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        """Wait for the reader."""
        super().pause_writing()
        self._look()

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        self._look()

    def _should_upgrade(self) -> bool:
        return False

    def _look(self) -> None:
        """Set the time by which this connection must have got on, if it has entered another phase."""
        phase = self._now_in()
        if self.has_gone or phase is self._phase:
            return
        self._phase = phase
        self._disarm()
        limits = self.door.limits
        seconds = {
            _Phase.HEAD: limits.head_s,
            _Phase.BODY: limits.body_s,
            _Phase.IDLE: limits.idle_s,
            _Phase.READER: limits.read_s,
        }.get(phase)
        if seconds is None:
            self.door.works(self)
            return
        self.door.waits(self)
        self._timer = self.loop.call_later(seconds, self._time_is_up)

    def _now_in(self) -> _Phase:
        if self.transport.is_closing() or self.flow.write_paused:
            return _Phase.READER
        if self.conn.their_state is h11.SEND_BODY:
            return _Phase.BODY
        if self.conn.their_state is not h11.IDLE:
            return _Phase.ANSWER
        return _Phase.HEAD if self._is_first or self.conn.trailing_data[0] else _Phase.IDLE

    def _time_is_up(self) -> None:
        if self._phase is _Phase.IDLE and self.transport.get_write_buffer_size():
            self._phase = _Phase.READER
            self._timer = self.loop.call_later(self.door.limits.read_s, self._time_is_up)
            return
        self.door.cut(self)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Server(uvicorn.Server):
    """A server that takes few connections at a time from a long queue."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then lengthen the queue: it and what is taken at once are one number to asyncio."""
        await super().startup(sockets)
        for server in self.servers:
            for one in server.sockets:
                with socket.socket(fileno=os.dup(one.fileno())) as listener:
                    listener.listen(_QUEUE)


def make_server(
    app: Any,
    *,
    host: str,
    port: int,
    limits: DoorLimits | None = None,
    proxies: Sequence[str] = LOCAL_PROXIES,
) -> uvicorn.Server:
    """Return a server with a door; ``run`` serves until SIGTERM or SIGINT.

    Parameters
    ----------
    app : ASGI application
    host, port : str, int
        Where to listen; port 0 takes a free one.
    limits : DoorLimits, optional
        By default `DoorLimits`, made to fit the open files that the process may have.
    proxies : sequence of str
        Addresses or networks whose ``X-Forwarded-For`` is believed.

    Raises
    ------
    ConfigError
        If a proxy is no address.
    """
    door = _Doorkeeper(limits or fitting(DoorLimits()), [_network(one) for one in proxies])
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=type("Connection", (_Connection,), {"door": door}),
        loop="asyncio",  # its transports can be cut at once, and how many it takes in a turn is known
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=False,  # the links in it would let its readers answer for the towns
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        backlog=_TAKEN_AT_ONCE,
        timeout_keep_alive=3600,  # the door has its own
        timeout_graceful_shutdown=_STOP_S,
        h11_max_incomplete_event_size=_HEAD_MAX,
    )
    return _Server(config)


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        accepted = "an address or a network, e.g. 127.0.0.1 or 10.0.0.0/8"
        raise ConfigError(f"the proxy '{text}' is no address; accepted: {accepted}; or none") from None
