"""The door of the page: slow and silent senders are cut, many or few, and a real answer gets through."""

from __future__ import annotations

import asyncio
import resource
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from risk_models.errors import ConfigError
from tests.patience import PATIENCE_S, until
from tests.replays import child_environment
from tests.wuyu.ack.conftest import KEYS, serve
from wuyu.ack.book import standings
from wuyu.ack.door import DoorLimits, make_server
from wuyu.ack.links import Links
from wuyu.desk import Desk
from wuyu.ledger import open_ledger

FormOf = Callable[[str], str]
FOR_EVER = DoorLimits(head_s=3600, body_s=3600, idle_s=3600, read_s=3600)
HALF_HEAD = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
HALF_BODY = b"POST /a/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900\r\n\r\nname="
WHOLE = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def plain(scope: Any, receive: Any, send: Any) -> None:
    """Read the body, then answer."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


def _open(port: int, sent: bytes, address: str = "127.0.0.1") -> socket.socket:
    one = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S, source_address=(address, 0))
    one.sendall(sent)
    return one


def _is_cut(one: socket.socket) -> bool:
    """Wait for an end of the connection without an answer."""
    try:
        return one.recv(1) == b""
    except ConnectionResetError:
        return True


def _many(count: int) -> Iterator[str]:
    return (f"127.0.{number // 250}.{number % 250 + 1}" for number in range(250, 250 + count))


@contextmanager
def _held(port: int, addresses: Iterator[str], kinds: tuple[bytes, ...]) -> Iterator[list[socket.socket]]:
    """Hold one half-sent request open from each of the addresses."""
    with ExitStack() as stack:
        yield [stack.enter_context(_open(port, kinds[i % len(kinds)], at)) for i, at in enumerate(addresses)]


@pytest.mark.parametrize("sent", [b"", HALF_HEAD, HALF_BODY], ids=["silent", "half a head", "half a body"])
def test_who_does_not_get_on_is_cut(sent: bytes) -> None:
    with serve(plain, DoorLimits(head_s=0.2, body_s=0.2)) as url, _open(_port(url), sent) as slow:
        assert _is_cut(slow)
        assert httpx.get(url).text == "ok"


@pytest.mark.parametrize("sent", [HALF_HEAD, HALF_BODY], ids=["head", "body"])
def test_a_byte_now_and_then_does_not_help(sent: bytes) -> None:
    with serve(plain, DoorLimits(head_s=0.5, body_s=0.5)) as url, _open(_port(url), sent) as slow:

        def ends() -> bool:
            try:
                slow.sendall(b"x")
            except OSError:
                return True
            return False

        until("the cut", ends, every_s=0.05)
        assert ends(), "and it stays cut"


def test_a_connection_is_kept_after_an_answer_but_not_for_long() -> None:
    with serve(plain, DoorLimits(idle_s=0.2)) as url, _open(_port(url), WHOLE) as idle:
        answer = b""
        while chunk := idle.recv(1000):
            answer += chunk
        assert answer.endswith(b"ok")
    with serve(plain, FOR_EVER) as url, httpx.Client() as client:
        assert [client.get(url).text for _ in range(3)] == ["ok"] * 3


def test_an_answer_that_nobody_reads_is_not_kept() -> None:
    async def endless(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(400):
            await send({"type": "http.response.body", "body": b"." * 100_000, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    server = serve(endless, DoorLimits(read_s=0.2))
    with server as url, _open(_port(url), WHOLE):
        until("the request", lambda: server.server.server_state.tasks)
        until("the cut", lambda: not server.server.server_state.connections)


def test_the_oldest_that_waits_makes_room_when_the_house_is_full() -> None:
    limits = DoorLimits(connections=40, head_s=3600, body_s=3600)
    with serve(plain, limits, proxies=()) as url, _held(_port(url), _many(100), (HALF_HEAD,)) as slow:
        assert httpx.get(url).text == "ok"
        assert all(_is_cut(one) for one in slow[:60])
        slow[-2].sendall(b"\r\n\r\n")
        assert slow[-2].recv(12) == b"HTTP/1.1 200"


def test_one_address_cannot_fill_the_house() -> None:
    limits = DoorLimits(connections=100, connections_an_address=5, head_s=3600, body_s=3600)
    with serve(plain, limits, proxies=()) as url, ExitStack() as stack:
        other = stack.enter_context(_open(_port(url), HALF_HEAD, "127.0.0.9"))
        slow = [stack.enter_context(_open(_port(url), HALF_HEAD, "127.0.0.2")) for _ in range(8)]
        assert all(_is_cut(one) for one in slow[:3])
        for one in (other, *slow[3:]):
            one.sendall(b"\r\n\r\n")
            assert one.recv(12) == b"HTTP/1.1 200"


def test_a_proxy_that_is_named_speaks_for_many() -> None:
    limits = DoorLimits(connections=100, connections_an_address=5, head_s=3600)
    with serve(plain, limits, proxies=["127.0.0.0/29"]) as url, ExitStack() as stack:
        slow = [stack.enter_context(_open(_port(url), HALF_HEAD, "127.0.0.2")) for _ in range(8)]
        for one in slow:
            one.sendall(b"\r\n\r\n")
            assert one.recv(12) == b"HTTP/1.1 200"


def test_only_a_proxy_that_is_named_says_who_asks() -> None:
    async def who(scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["client"][0].encode()})

    said = {"x-forwarded-for": "198.51.100.7, 203.0.113.9"}
    with serve(who) as url:
        assert httpx.get(url, headers=said).text == "203.0.113.9"
    for proxies in ((), ["10.0.0.1"]):
        with serve(who, proxies=proxies) as url:
            assert httpx.get(url, headers=said).text == "127.0.0.1"
    with pytest.raises(ConfigError, match=r"the proxy 'nginx' is no address; accepted: .*10\.0\.0\.0/8"):
        make_server(who, host="127.0.0.1", port=0, proxies=["nginx"])


def test_a_request_that_is_being_worked_at_is_never_cut() -> None:
    go_on = asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/waits":
            loops.append(asyncio.get_running_loop())
            await go_on.wait()
        await plain(scope, receive, send)

    with serve(waits, DoorLimits(connections=4, head_s=0.2, idle_s=0.2), proxies=()) as url:
        worked_at = _open(_port(url), WHOLE.replace(b"/health", b"/waits"))
        until("the request", lambda: loops)
        with _held(_port(url), _many(20), (b"", HALF_HEAD)) as slow, worked_at:
            assert all(_is_cut(one) for one in slow)
            loops[0].call_soon_threadsafe(go_on.set)
            assert worked_at.recv(12) == b"HTTP/1.1 200"


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def page(issued_desk: Desk, tmp_path: Path) -> Iterator[str]:
    """The page as a process that may open 1,024 files."""
    shutil.copytree(issued_desk.out, tmp_path / "out")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "wuyu", "ack", "serve", "--district", str(issued_desk.district.root)]
    command += ["--out", str(tmp_path / "out"), "--port", str(port), "--at", "2021-07-20T14:08", "--proxy", "none"]
    few = "import os, resource; resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024)); "
    keys = "t1:" + "0123456789abcdef" * 4
    with subprocess.Popen(
        [sys.executable, "-c", f"{few} os.execv({command[0]!r}, {command!r})"],
        stdout=subprocess.PIPE,
        text=True,
        env=child_environment(PYTHONUNBUFFERED="1", WUYU_ACK_KEYS=keys),
    ) as process:
        try:
            assert process.stdout is not None
            assert "towns answer at" in process.stdout.readline()
            until("the page", lambda: _listens(port))
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_S)


@pytest.fixture
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(4096, hard if hard > 0 else 4096)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_1100_slow_sockets_keep_no_answer_out(page: str, tmp_path: Path, form_of: FormOf) -> None:
    with open_ledger(tmp_path / "out" / "ledger.sqlite") as ledger:
        towns = standings(ledger)
    attacks = (iter(["127.0.0.1"] * 1100), _many(1100))
    for town, addresses in zip(towns, attacks, strict=False):
        link = Links(page, KEYS).acknowledge(
            town.request.message_id, town.recipients[0], expires_at=town.request.expires_at
        )
        with _held(_port(page), addresses, (b"", HALF_HEAD, HALF_BODY)), httpx.Client(timeout=PATIENCE_S) as client:
            form = form_of(client.get(link).text)
            taken = client.post(link, data={"form": form, "name": "王值班", "answer": "received"})
        assert taken.status_code == 303
    with open_ledger(tmp_path / "out" / "ledger.sqlite") as ledger:
        assert sum(one.received is not None for one in standings(ledger)) == 2
