"""A mail server that misbehaves on order, and a well-behaved one as a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import shutil
import threading
from collections.abc import Callable, Iterator
from email.parser import BytesHeaderParser
from pathlib import Path

import pytest

from tests.wuyu.delivery.desks import KEYS, SECRET, issue, write_district
from wuyu.delivery.smtp import SmtpSettings, SmtpTransport, Timeouts
from wuyu.desk import Desk
from wuyu.ledger import open_ledger
from wuyu.sink import local_sink

PATIENT = Timeouts(connect_s=300, command_s=300, block_s=300, final_dot_s=300)


class FaultyServer:
    """Speaks SMTP and breaks off in the way named by `fault`, for every recipient or for those in `only_for`."""

    def __init__(self) -> None:
        self.fault = ""
        self.only_for: frozenset[str] = frozenset()
        self.taken: list[tuple[str, str]] = []  # (recipient, Message-ID) of what the server keeps
        self.bodies: list[bytes] = []
        self.connections = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> FaultyServer:
        self._thread.start()
        assert self._ready.wait(300)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(300)
        assert not self._thread.is_alive()

    def received(self, recipient: str) -> list[str]:
        return [identifier for to, identifier in self.taken if to == recipient]

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, limit=2**22)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await asyncio.sleep(0.02)  # let the connections close

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._dialogue(reader, writer)
        finally:
            writer.close()

    async def _dialogue(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(line: str) -> None:
            writer.write(line.encode() + b"\r\n")
            await writer.drain()

        if self.fault == "no greeting":
            return
        if self.fault == "silent":
            await self._stop.wait()
        await say({"greeting 421": "421 busy", "greeting 554": "554 go away"}.get(self.fault, "220 here"))
        recipient = ""
        while line := await reader.readline():
            words = line.decode().strip().upper()
            fault = self.fault if not self.only_for or recipient in self.only_for else ""
            if words.startswith("MAIL"):
                await say("451 later" if self.fault == "mail 451" else "250 ok")
            elif words.startswith("RCPT"):
                recipient = line.decode().split("<")[1].split(">")[0]
                fault = self.fault if not self.only_for or recipient in self.only_for else ""
                await say(
                    {"rcpt 450": "450 later", "rcpt 550": "550 5.1.1 no such box", "rcpt 421": "421 closing"}.get(
                        fault, "250 ok"
                    )
                )
                if fault == "rcpt 421":
                    return
            elif words == "DATA":
                if fault == "data 554":
                    await say("554 no")
                    continue
                await say("354 go on")
                if fault == "cut in body":
                    await reader.read(20)
                    writer.transport.abort()
                    return
                if await self._body(reader, recipient, fault, say):
                    return
            elif words == "QUIT":
                if self.fault != "cut at quit":
                    await say("221 bye")
                return
            else:
                await say("250 ok")

    async def _body(
        self, reader: asyncio.StreamReader, recipient: str, fault: str, say: Callable[[str], object]
    ) -> bool:
        """Read a body and answer; True if the connection ends here."""
        body = await reader.readuntil(b"\r\n.\r\n")
        refusal = {"dot 452": "452 full", "dot 554": "554 5.7.1 policy"}.get(fault)
        if refusal is None:
            self.taken.append((recipient, str(BytesHeaderParser().parsebytes(body)["Message-ID"])))
            self.bodies.append(body)
        if fault == "accepted, then cut":
            return True
        if fault == "accepted, silent":
            await self._stop.wait()
        await say(refusal or "250 taken")  # type: ignore[misc]
        return fault == "cut after 250"


@pytest.fixture
def faulty() -> Iterator[FaultyServer]:
    with FaultyServer() as server:
        yield server


@pytest.fixture
def transport(faulty: FaultyServer) -> Iterator[SmtpTransport]:
    with SmtpTransport(SmtpSettings(host="127.0.0.1", port=faulty.port, timeouts=PATIENT)) as opened:
        yield opened


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, int]]:
    """A running sink: its folder, host and port."""
    folder = tmp_path_factory.mktemp("mailbox")
    with local_sink(folder) as (host, port):
        yield folder, host, port


@pytest.fixture(scope="session")
def issued_desk(storm_district: Path, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk with every channel whose bulletins have been issued; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("channels")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WUYU_ACK_KEYS", KEYS)
        desk = issue(write_district(storm_district, folder / "mini"), folder / "out")
    desk.ledger.close()
    return desk


@pytest.fixture
def desk(issued_desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The same desk with products and a ledger of its own."""
    monkeypatch.setenv("WUYU_ACK_KEYS", KEYS)
    monkeypatch.setenv("WUYU_TEST_SECRET", SECRET)
    out = tmp_path / "out"
    shutil.copytree(issued_desk.out, out)
    with open_ledger(out / "ledger.sqlite") as ledger:
        yield dataclasses.replace(issued_desk, ledger=ledger, out=out)
