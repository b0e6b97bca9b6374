"""A web server that does what it is told, however wrong, and the pull of a feed."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from risk_models.district.settings import FeedSettings
from wuyu.feeds.checks import file_check
from wuyu.feeds.intake import PullResult, pull
from wuyu.ledger import Ledger, create_ledger

AT = datetime(2021, 7, 20, 9, tzinfo=UTC)
TABLE = b"time_end,57083\n2021-07-20 16:00,12.5\n2021-07-20 17:00,201.9\n"

Answer = Callable[[BaseHTTPRequestHandler], None]


class Web:
    """A server on this machine.

    Attributes
    ----------
    answers : dict of str to list of Answer
        By path; the last of a list is given for ever.
    asked : list of (path, headers)
    """

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 300

            def do_GET(self) -> None:
                web.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                answers = web.answers.get(self.path, [status(404)])
                self.close_connection = True
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the client had enough
                    (answers.pop(0) if len(answers) > 1 else answers[0])(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.stop = threading.Event()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def gives(self, path: str, *answers: Answer) -> str:
        """Answer a path in this way; returns its address."""
        self.answers[path] = list(answers)
        return self.url + path


def status(code: int, **headers: str) -> Answer:
    """Answer with a bare status."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def content(data: bytes, *, length: int | None = None, **headers: str) -> Answer:
    """Answer with data, promising `length` bytes of it (all by default)."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for name, value in ({"Content_Type": "text/csv"} | headers).items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(data) if length is None else length))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    thread = threading.Thread(target=web.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield web
    web.stop.set()
    web.server.shutdown()
    web.server.server_close()
    thread.join()


@pytest.fixture
def own_ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger in SQLite, for tests that are not about the database."""
    with create_ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


Take = Callable[..., PullResult]


@pytest.fixture
def take_from(own_ledger: Ledger, tmp_path: Path) -> Take:
    """Pull a feed given by its settings; bytes are kept in ``raw``."""

    def take(feed: FeedSettings, *, now: datetime = AT, **more: Any) -> PullResult:
        check = more.pop("check", None) or file_check(feed.kind, timezone="Asia/Shanghai")
        (tmp_path / "district").mkdir(exist_ok=True)
        return pull(
            feed, tmp_path / "district", now=now, raw_dir=tmp_path / "raw", ledger=own_ledger, check=check, **more
        )

    return take
