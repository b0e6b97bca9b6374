"""A small real IMAP server: one account, one folder, mails in memory; enough of RFC 9051 for a mail program to read."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import threading
from typing import Self


class ImapServer:
    """Serves `mails` on a port of this machine; counts what was done."""

    def __init__(self, mails: list[bytes], *, context: ssl.SSLContext | None = None, starttls: bool = False) -> None:
        self.mails = dict(enumerate(mails, start=101))
        self.seen: set[int] = set()
        self.context = context
        self.starttls = starttls
        self.commands: list[str] = []
        self.refuse = ""
        self.withheld: set[int] = set()
        self.hangs_up_at: set[int] = set()
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        implicit = None if self.starttls else self.context
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=implicit)
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
        ends = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError)
        try:
            with contextlib.suppress(*ends):
                await self._dialogue(reader, writer)
        finally:
            writer.close()

    async def _dialogue(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK here\r\n")
        while line := await reader.readline():
            tag, _, command = line.decode().strip().partition(" ")
            self.commands.append(command)
            if command.upper() == "STARTTLS":
                assert self.context is not None
                writer.write(f"{tag} OK begin\r\n".encode())
                await writer.drain()
                await writer.start_tls(self.context)
                continue
            if "BODY.PEEK" in command and int(command.split()[2]) in self.hangs_up_at:
                return
            lines, done = self._answer(command)
            for part in lines:
                writer.write(part + b"\r\n")
            writer.write(f"{tag} {done} done\r\n".encode())
            await writer.drain()
            if command.upper() == "LOGOUT":
                return

    def _answer(self, command: str) -> tuple[list[bytes], str]:
        words = command.upper().split()
        verb = " ".join(words[:2]) if words[0] == "UID" else words[0]
        if self.refuse == verb:
            return [], "NO not now"
        if verb == "CAPABILITY":
            return [b"* CAPABILITY IMAP4rev1" + (b" STARTTLS" if self.starttls else b"")], "OK"
        if verb == "LOGIN":
            return [], "OK" if '"geheim"' in command else "NO [AUTHENTICATIONFAILED] wrong"
        if verb == "SELECT":
            return [f"* {len(self.mails)} EXISTS".encode(), b"* FLAGS (\\Seen)"], "OK [READ-WRITE] selected"
        if verb == "UID SEARCH":
            new = " ".join(str(uid) for uid in sorted(set(self.mails) - self.seen))
            return [f"* SEARCH {new}".strip().encode()], "OK"
        if verb == "UID FETCH" and int(words[2]) in self.withheld:
            return [], "NO that one is broken"
        if verb == "UID FETCH":
            return self._fetch(int(words[2]), command), "OK"
        if verb == "UID STORE":
            self.seen.add(int(words[2]))
            return [], "OK"
        if verb == "LOGOUT":
            return [b"* BYE"], "OK"
        return [], "BAD unknown"

    def _fetch(self, uid: int, command: str) -> list[bytes]:
        body = self.mails[uid]
        head = f"* {uid - 100} FETCH (UID {uid} ".encode()
        if re.search(r"RFC822\.SIZE", command):
            return [head + f"RFC822.SIZE {len(body)})".encode()]
        return [head + f"BODY[] {{{len(body)}}}\r\n".encode() + body + b")"]
