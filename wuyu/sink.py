"""A mail server for demonstrations: takes mail on this machine only and lays it into Maildirs, one per recipient.

Run as ``python -m wuyu.sink --maildir DIR --port-file FILE``. A message is on the disk before the server says 250. A
second copy (same Message-ID, same recipient) is not laid in again but noted in ``DIR/duplicates.log``.

With ``--authserv-id`` it says of every mail whether the sender was proven, as the mail server of a district does:
proven is who logged in under the address of From, with the password of ``WUYU_SINK_PASSWORD``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import ipaddress
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from email.parser import BytesHeaderParser
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from risk_models.errors import ConfigError, DispatchError
from risk_models.files import flush_folder, write_whole
from wuyu.messages.guard import is_address

__all__ = ["PASSWORD_VARIABLE", "Maildir", "local_sink", "main", "serve"]

PASSWORD_VARIABLE = "WUYU_SINK_PASSWORD"  # noqa: S105 - the name of a variable
"""Environment variable with the password of everybody who sends mail of their own to the sink."""

_MAX_BYTES = 50_000_000
_BOX_NAME = re.compile(r"[a-z0-9][a-z0-9._+-]*@[a-z0-9.-]+")
_START_S = 15.0


class Maildir:
    """The boxes below one folder: ``<folder>/<address>/{tmp,new,cur}``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def store(self, recipient: str, data: bytes) -> bool:
        r"""Lay `data` into the box of `recipient`, safely on the disk; False if it was there before.

        Parameters
        ----------
        recipient : str
            Address; its lower-case form names the box.
        data : bytes
            The whole message.

        Examples
        --------
        >>> boxes = Maildir(Path(tempfile.mkdtemp()))
        >>> mail = b"Message-ID: <1@erqi.example>\r\n\r\nhello"
        >>> boxes.store("duty@town.example", mail), boxes.store("duty@town.example", mail)
        (True, False)
        """
        box = self.folder / recipient.lower()
        for part in ("tmp", "new", "cur"):
            (box / part).mkdir(parents=True, exist_ok=True)
        headers = BytesHeaderParser().parsebytes(data)
        identifier = str(headers.get("Message-ID", "")).strip() or hashlib.sha256(data).hexdigest()
        digest = hashlib.sha256(identifier.encode()).hexdigest()[:32]
        name = f"{_seconds(headers.get('Date'))}.{digest}.wuyu"
        if any(box.glob(f"[nc][eu][wr]/*.{digest}.wuyu*")) or not _write_new(box, name, data):
            self._note_duplicate(recipient, identifier)
            return False
        return True

    def _note_duplicate(self, recipient: str, identifier: str) -> None:
        with (self.folder / "duplicates.log").open("a", encoding="utf-8") as log:
            log.write(f"{recipient.lower()} {identifier}\n")
            log.flush()
            os.fsync(log.fileno())


def _seconds(date: str | None) -> int:
    """Return the Date header as seconds since 1970, 0 if there is none: names sort by the time of the decision."""
    try:
        return int(parsedate_to_datetime(str(date)).timestamp())
    except (TypeError, ValueError):
        return 0


def _write_new(box: Path, name: str, data: bytes) -> bool:
    """Write aside, flush to the disk, then link into ``new``; False if another process was faster."""
    handle, temporary = tempfile.mkstemp(dir=box / "tmp")
    try:
        if os.geteuid() == 0:  # as any delivery agent: a mail belongs to whom its box belongs
            owner = box.stat()
            os.fchown(handle, owner.st_uid, owner.st_gid)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, box / "new" / name)
        except FileExistsError:
            return False
    finally:
        Path(temporary).unlink()
    flush_folder(box / "new")
    return True


class _Handler:
    """What aiosmtpd calls."""

    def __init__(self, boxes: Maildir, authserv_id: str) -> None:
        self.boxes = boxes
        self.authserv_id = authserv_id

    async def handle_RCPT(  # noqa: N802 - the name aiosmtpd looks for
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if not is_address(address) or not _BOX_NAME.fullmatch(address.lower()):
            return "553 5.1.3 not an address this server keeps a box for"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content or b""
        data = content if isinstance(content, bytes) else content.encode()
        if self.authserv_id:
            data = _with_result(data, self.authserv_id, session.auth_data)
        try:
            for recipient in envelope.rcpt_tos:
                self.boxes.store(recipient, data)
        except OSError as error:
            return f"452 4.3.1 cannot store the message: {error.strerror}"
        return "250 2.0.0 stored"


def _with_result(data: bytes, authserv_id: str, login: object) -> bytes:
    """Write on top whether the sender was proven; what came under our name was never ours and is taken away."""
    head, gap, body = data.partition(b"\r\n\r\n")
    ours = re.compile(
        rb"(?im)^Authentication-Results:[ \t]*" + re.escape(authserv_id.encode()) + rb"\b.*(\r\n[ \t].*)*\r\n"
    )
    sender = parseaddr(str(BytesHeaderParser().parsebytes(data).get("From", "")))[1].lower()
    verdict = "pass" if sender and login == sender else "fail"
    result = f"Authentication-Results: {authserv_id}; dmarc={verdict} header.from={sender.rpartition('@')[2] or 'none'}"
    return result.encode() + b"\r\n" + ours.sub(b"", head + b"\r\n")[:-2] + gap + body


def _authenticator(password: str) -> Callable[..., AuthResult]:
    """Return what lets in everybody who knows the password, under the name they give."""

    def check(
        _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: LoginPassword
    ) -> AuthResult:
        is_known = bool(password) and secrets.compare_digest(given.password, password.encode())
        return AuthResult(success=is_known, handled=False, auth_data=given.login.decode("ascii", "replace").lower())

    return check


def _check_loopback(host: str) -> None:
    """Refuse to listen for other machines: the sink takes mail from anybody for anybody."""
    try:
        is_local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_local = False
    if not is_local:
        raise ConfigError(f"the sink listens on this machine only (127.0.0.1 or ::1), not on {host!r}")


async def serve(
    maildir: Path,
    port_file: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    parent: int = 0,
    authserv_id: str = "",
) -> None:
    """Take mail until SIGTERM or SIGINT, or until the process `parent` is no longer our parent.

    Parameters
    ----------
    maildir : Path
        Folder of the boxes.
    port_file : Path
        Written with ``host port`` as soon as the server listens.
    host : str
        Of this machine only.
    port : int
        0 takes any free one.
    parent : int
        Process number, or 0 to stay whoever the parent is.
    authserv_id : str
        Name under which the sink says whether a sender was proven; without one it says nothing.

    Raises
    ------
    ConfigError
        If `host` can be reached from other machines.
    """
    _check_loopback(host)
    handler = _Handler(Maildir(maildir), authserv_id)
    options: dict[str, Any] = {"data_size_limit": _MAX_BYTES, "hostname": "sink.example"}
    if authserv_id:  # on this machine only, so a password may go without encryption
        password = os.environ.get(PASSWORD_VARIABLE, "")
        options |= {"authenticator": _authenticator(password), "auth_require_tls": False}
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    server = await loop.create_server(lambda: SMTP(handler, loop=loop, **options), host, port)
    async with server:
        _write_port(port_file, server.sockets[0].getsockname())
        while not ended.is_set() and (not parent or os.getppid() == parent):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), timeout=0.5)


def _write_port(port_file: Path, address: tuple[str, int]) -> None:
    write_whole(port_file, f"{address[0]} {address[1]}\n")


@contextlib.contextmanager
def local_sink(maildir: Path) -> Iterator[tuple[str, int]]:
    """Run the sink as a process of its own; gives its (host, port) and stops it at the end.

    Parameters
    ----------
    maildir : Path
        Folder of the boxes; the sink's own messages go to ``sink.log`` in it.

    Raises
    ------
    DispatchError
        If it does not listen within 15 s; the text holds what it said.
    """
    maildir.mkdir(parents=True, exist_ok=True)
    log_path = maildir / "sink.log"
    with tempfile.TemporaryDirectory() as folder, log_path.open("wb") as log:
        port_file = Path(folder) / "port"
        command = [sys.executable, "-m", "wuyu.sink", "--maildir", str(maildir), "--port-file", str(port_file)]
        process = subprocess.Popen(  # noqa: S603 - our own module, our own arguments
            [*command, "--parent", str(os.getpid())], stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
        try:
            yield _wait_for(process, port_file, log_path)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(process: subprocess.Popen[bytes], port_file: Path, log_path: Path) -> tuple[str, int]:
    """Return the address once the sink accepts connections."""
    give_up_at = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < give_up_at:
        if port_file.exists():
            host, port = port_file.read_text(encoding="ascii").split()
            with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
                return host, int(port)
        time.sleep(0.02)
    said = log_path.read_text(encoding="utf-8", errors="replace").strip()
    raise DispatchError(f"the mail sink did not start: {said or 'it said nothing'}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sink; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m wuyu.sink", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--maildir", type=Path, required=True, metavar="DIR")
    parser.add_argument("--port-file", type=Path, required=True, metavar="FILE")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--parent", type=int, default=0, help="end when this process is no longer the parent")
    parser.add_argument("--authserv-id", default="", metavar="NAME", help="say under this name who was proven")
    given = parser.parse_args(arguments)
    where = {"host": given.host, "port": given.port, "parent": given.parent, "authserv_id": given.authserv_id}
    try:
        asyncio.run(serve(given.maildir, given.port_file, **where))
    except (ConfigError, OSError) as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
