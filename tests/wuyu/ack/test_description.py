"""The page holds to its own description, whatever is sent: methods, links, forms, encodings, odd and torn requests."""

from __future__ import annotations

import asyncio
import re
import socket
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import httpx
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.patience import PATIENCE_S
from tests.replays import ROOT
from tests.wuyu.ack.conftest import ISSUED, KEYS, serve
from wuyu.ack.app import create_app
from wuyu.ack.book import Standing
from wuyu.ack.door import DoorLimits
from wuyu.ack.tokens import DESK, LinkUse, sign, sign_form
from wuyu.desk import Desk

DESCRIPTION: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "acknowledgement.openapi.yaml").read_text("utf-8"))
PATHS: dict[str, Any] = DESCRIPTION["paths"]
OPERATIONS = [(path, verb) for path, item in PATHS.items() for verb in item if verb != "parameters"]
FORM = "application/x-www-form-urlencoded"
VERBS = ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PROPFIND", "X"]
TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
NOW = ISSUED + timedelta(minutes=6)


def _resolved(part: dict[str, Any]) -> dict[str, Any]:
    """Return a part of the description, or what it refers to."""
    while "$ref" in part:
        target: Any = DESCRIPTION
        for word in part["$ref"].removeprefix("#/").split("/"):
            target = target[word]
        part = target
    return part


def test_the_description_lists_every_route_and_no_other(desk: Desk) -> None:
    app = create_app(desk.ledger, desk.out, KEYS)
    routes = {(route.path, verb.lower()) for route in app.routes for verb in route.methods or ()}  # type: ignore[attr-defined]
    assert routes == set(OPERATIONS)
    for path, item in PATHS.items():
        named = {_resolved(one)["name"] for one in item.get("parameters", ())}
        assert named == set(re.findall(r"\{(\w+)\}", path))


class Genuine(NamedTuple):
    """Links that are good, by the path they are good for, and forms that belong to them."""

    tokens: dict[str, str]
    message_id: str


def _genuine(asked: Standing, desk: Desk) -> Genuine:
    def link(use: LinkUse, about: str, reader: str) -> str:
        return sign(KEYS, use, about, reader, expires_at=asked.request.expires_at)

    town, message_id = asked.recipients[0], asked.request.message_id
    tokens = {
        "a": link(LinkUse.ACKNOWLEDGE, message_id, town),
        "f": link(LinkUse.FEEDBACK, message_id, town),
        "desk": link(LinkUse.DESK, desk.code, DESK),
    }
    return Genuine(tokens, message_id)


class Sent(NamedTuple):
    """A request, and whether its link is one of ours."""

    path: str
    verb: str
    target: str
    is_genuine: bool
    headers: list[tuple[str, str]]
    body: bytes


def _values(schema: dict[str, Any], form: str) -> st.SearchStrategy[str]:
    """Return values of a field, in the description or beside it."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"]) | TEXT
    return st.just(form) | TEXT


@st.composite
def _bodies(draw: st.DrawFn, path: str, form: str) -> bytes:
    content = PATHS[path].get("post", {}).get("requestBody", {}).get("content", {})
    schema = _resolved(content[FORM]["schema"]) if content else {"properties": {}}
    fields = {name: _values(one, form) for name, one in schema["properties"].items()}
    fields["form"] = st.just(form) | st.just(form) | TEXT
    for name, one in schema.get("patternProperties", {}).items():
        fields[f"{name.removeprefix('^')}H001"] = _values(one, "12")
    given = draw(st.fixed_dictionaries(fields) | st.fixed_dictionaries({}, optional=fields))
    encoded = urlencode(given).encode()
    return draw(
        st.just(encoded) | st.just(encoded) | st.binary(max_size=80).map(encoded.__add__) | st.binary(max_size=99)
    )


HEADERS = st.lists(
    st.sampled_from(
        [
            ("host", "evil.example"),
            ("host", ""),
            ("host", "127.0.0.1:80, evil.example"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-origin"),
            ("origin", "null"),
            ("content-length", "-1"),
            ("content-length", "9" * 30),
            ("content-length", "0x10"),
            ("transfer-encoding", "chunked, gzip"),
            ("x-http-method-override", "POST"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-for", "198.51.100.1"),
            ("x-original-url", "/health"),
            ("range", "bytes=0-0"),
            ("if-none-match", "*"),
            ("accept", "application/json"),
            ("accept-encoding", "gzip;q=x"),
            ("cookie", "\xff=\x80"),
            ("expect", "100-continue"),
            ("connection", "upgrade"),
        ]
    ),
    max_size=3,
)
TYPES = st.sampled_from(
    [FORM, FORM, f"{FORM}; charset=utf-16", "multipart/form-data; boundary=x", "text/plain", "\xe9", ""]
)


@st.composite
def requests(draw: st.DrawFn, genuine: Genuine) -> Sent:
    """Draw a request: of the description, or beside it."""
    path, verb = draw(st.sampled_from(OPERATIONS))
    good = genuine.tokens.get(path.split("/")[1], "")
    form = sign_form(KEYS, good, expires_at=datetime.now(UTC) + timedelta(minutes=5)) if good else ""
    cut = st.integers(0, max(0, len(good) - 1))
    others = st.sampled_from([one for one in genuine.tokens.values() if one != good])
    bad = TEXT | others | cut.map(lambda at: good[:at] + ("A" if good[at : at + 1] != "A" else "B") + good[at + 1 :])
    token = draw(st.just(good) | bad)
    message_id = draw(st.just(genuine.message_id) | st.just(genuine.message_id) | TEXT)
    target = path.replace("{token}", quote(token, safe="")).replace("{message_id}", quote(message_id, safe=""))
    target += draw(st.sampled_from(["", "", "", "", "/", "//", "?x=1", "/../x", "%00"]))
    verb = draw(st.just(verb.upper()) | st.just(verb.upper()) | st.sampled_from(VERBS))
    headers = [("content-type", draw(TYPES)), *draw(HEADERS)]
    return Sent(path, verb, target, token == good or "{token}" not in path, headers, draw(_bodies(path, form)))


class Page:
    """The page, asked without a network."""

    def __init__(self, desk: Desk) -> None:
        self.app = create_app(
            desk.ledger, desk.out, KEYS, clock=lambda: NOW, requests_a_minute=10**9, bad_links_a_minute=10**9
        )
        self.seen = sqlite3.connect(str(desk.ledger.engine.url.database))
        self.runner = asyncio.Runner()

    def ask(self, sent: Sent) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                headers = [(name.encode(), value.encode("latin-1")) for name, value in sent.headers]
                return await client.request(sent.verb, sent.target, headers=headers, content=sent.body)

        return self.runner.run(ask())

    def version(self) -> int:
        """Return a number that is another whenever anybody has written to the ledger."""
        number: int = self.seen.execute("PRAGMA data_version").fetchone()[0]
        return number


@pytest.fixture
def page(desk: Desk) -> Iterator[Page]:
    page = Page(desk)
    yield page
    page.runner.close()
    page.seen.close()


def _is_described(sent: Sent, answer: httpx.Response) -> None:
    """Hold an answer to the description."""
    kind = answer.headers.get("content-type", "").partition(";")[0]
    item = PATHS[sent.path].get(sent.verb.lower())
    if answer.status_code in (404, 405) and (item is None or str(answer.status_code) not in item["responses"]):
        assert kind == "text/html"
        if answer.status_code == 405:
            allowed = answer.headers["allow"].split(", ")
            assert sent.verb not in allowed
            assert {one.lower() for one in allowed} == PATHS[sent.path].keys() - {"parameters"} or item is not None
        return
    if answer.status_code == 400 and kind == "text/plain":
        assert answer.text == "Invalid host header" or sent.verb == "HEAD"
        return
    assert item is not None
    told = _resolved(item["responses"][str(answer.status_code)])
    assert kind in told.get("content", {"": None})
    for name, header in told.get("headers", {}).items():
        assert re.search(header["schema"].get("pattern", ""), answer.headers[name])


def test_nothing_that_is_sent_gets_more_than_is_described(page: Page, waiting: Standing, desk: Desk) -> None:
    statuses: set[int] = set()

    @given(sent=requests(_genuine(waiting, desk)))
    @settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def holds(sent: Sent) -> None:
        before = page.version()
        answer = page.ask(sent)
        statuses.add(answer.status_code)
        assert answer.status_code < 500
        _is_described(sent, answer)
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        if not sent.is_genuine:
            assert answer.status_code >= 400
        if sent.verb != "POST" or answer.status_code != 303:
            assert page.version() == before

    holds()
    assert {200, 303, 400, 403, 404, 405, 415} <= statuses


def test_a_second_answer_is_told_as_described(page: Page, waiting: Standing, desk: Desk) -> None:
    token = _genuine(waiting, desk).tokens["a"]
    form = sign_form(KEYS, token, expires_at=datetime.now(UTC) + timedelta(minutes=5))
    body = urlencode({"form": form, "answer": "received", "name": "王值班"}).encode()
    sent = Sent("/a/{token}", "POST", f"/a/{token}", True, [("content-type", FORM)], body)
    answers = [page.ask(sent), page.ask(sent)]
    assert [answer.status_code for answer in answers] == [303, 409]
    for answer in answers:
        _is_described(sent, answer)


LINES = st.sampled_from(
    [
        b"GET /health HTTP/1.1",
        b"GET /health HTTP/1.0",
        b"GET http://evil.example/health HTTP/1.1",
        b"GET //evil.example/%2e%2e HTTP/1.1",
        b"GET /a/\xff HTTP/1.1",
        b"GET /a/x HTTP/9.9",
        b"POST /a/x HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"PRI * HTTP/2.0",
        b"GET",
        b"",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ]
)
FIELDS = st.sampled_from(
    [
        b"Host: 127.0.0.1",
        b"Host: evil.example",
        b"Host : 127.0.0.1",
        b" folded",
        b"Content-Length: 5",
        b"Content-Length: 6",
        b"Content-Length: +5",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: identity, chunked",
        b"Content-Type: application/x-www-form-urlencoded",
        b"Upgrade: websocket\r\nConnection: upgrade",
        b"Expect: 100-continue",
        b"Connection: close",
        b"X: " + b"y" * 20_000,
        b"\x00: z",
        b"Accept: \xff\x00",
        b"\r\nGET /health HTTP/1.1\r\nHost: 127.0.0.1",
    ]
)
TAILS = st.sampled_from(
    [b"", b"name=", b"5\r\nname=\r\n0\r\n\r\n", b"ZZ\r\n", b"0\r\n\r\nGET /health HTTP/1.1\r\n\r\n"]
)


def _told(port: int, raw: bytes) -> bytes:
    """Send bytes, and return all that comes until the page ends it."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as one:
        try:
            one.sendall(raw)
            while chunk := one.recv(65536):
                said += chunk
        except ConnectionError:
            return said
    return said


def test_torn_and_odd_requests_are_refused_or_cut(desk: Desk) -> None:
    app = create_app(desk.ledger, desk.out, KEYS, requests_a_minute=10**9, bad_links_a_minute=10**9)
    short = DoorLimits(head_s=0.05, body_s=0.05, idle_s=0.05, read_s=5)
    with serve(app, short) as url, sqlite3.connect(str(desk.ledger.engine.url.database)) as seen:
        version: Callable[[], Any] = lambda: seen.execute("PRAGMA data_version").fetchone()  # noqa: E731
        before = version()

        @given(line=LINES, fields=st.lists(FIELDS, max_size=4), tail=TAILS, ends=st.booleans())
        @settings(max_examples=150, deadline=None)
        def holds(line: bytes, fields: list[bytes], tail: bytes, ends: bool) -> None:
            said = _told(int(url.rpartition(":")[2]), b"\r\n".join([line, *fields]) + b"\r\n" * (1 + ends) + tail)
            assert said == b"" or re.match(rb"HTTP/1\.1 (100|[234]\d\d) ", said), said
            assert not re.search(rb"HTTP/1\.1 5\d\d ", said)
            assert b"evil.example" not in said

        holds()
        assert version() == before
        assert httpx.get(f"{url}/health").text == "ok\n"
    seen.close()
