"""A web server that takes POSTs and misbehaves on order."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Self


@dataclass
class Taken:
    """One POST as it came."""

    headers: dict[str, str]
    body: bytes


@dataclass
class HttpServer:
    """Answers by `fault`: a status code, or the name of a way to break off."""

    fault: str = "204"
    taken: list[Taken] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/alerts"

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._ready.wait(300)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(300)
        assert not self._thread.is_alive()

    def hang_up(self) -> None:
        """Cut the connections on which nothing more would come."""
        self._loop.call_soon_threadsafe(self._silence_ends.set)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop, self._silence_ends = asyncio.Event(), asyncio.Event()
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, limit=2**22)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await asyncio.sleep(0.02)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[1:]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        if self.fault == "cut in body":
            await reader.read(100)
            writer.transport.abort()
            return
        if self.fault == "early 413":
            writer.write(b"HTTP/1.1 413 too large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            await writer.drain()
            await reader.read()  # until the client has had enough
            return
        self.taken.append(Taken(headers, await reader.readexactly(int(headers["content-length"]))))
        if self.fault == "cut after body":
            writer.transport.abort()
        elif self.fault == "silent after body":
            await self._silence_ends.wait()
            writer.transport.abort()
            return
        elif self.fault == "drop by drop":
            for letter in chain(b"HTTP/1.1 200 OK\r\nx-long: ", repeat(b"a"[0])):
                writer.write(bytes([letter]))
                await writer.drain()
                await asyncio.sleep(0.1)
        elif self.fault == "garbage":
            writer.write(b"\x00\x01 not http\r\n\r\n")
        elif self.fault == "endless answer":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n" + b"x" * 100_000)
            await writer.drain()
            await self._silence_ends.wait()
        else:
            location = b"location: http://127.0.0.1:1/\r\n" if self.fault.startswith("3") else b""
            answer = b"because\r\n\x1b[31m"
            size = 0 if self.fault == "204" else len(answer)
            head = f"HTTP/1.1 {self.fault} x\r\ncontent-length: {size}\r\nconnection: close\r\n".encode()
            writer.write(head + location + b"\r\n" + (b"" if self.fault == "204" else answer))
        await writer.drain()
