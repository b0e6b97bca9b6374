"""Feed files by HTTP(S): bounded in time and size, tried again on trouble, asked for only if they changed.

The address comes from reviewed settings and holds no secret; header values come from the environment and are never
written anywhere. The server's certificate is always checked, and a redirect stays on the host that was named.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import ssl
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

from risk_models.district.settings import HttpFeedSettings
from risk_models.errors import ConfigError
from wuyu.feeds.source import Arrival, FetchError, safe_name

__all__ = ["HttpSource", "issue_times"]

TRIES = 3
CONNECT_S, READ_S = 10.0, 20.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 20.0
MAX_REDIRECTS = 3
_AGAIN = (429, 500, 502, 503, 504)
_ABSENT = (404, 410)
_SUFFIXES = {"text/csv": ".csv", "application/json": ".json", "application/x-netcdf": ".nc"}
_NEVER = ("text/html", "application/xhtml+xml", "application/pdf", "image/", "audio/", "video/")
_TEXTUAL = ("text/", "application/json", "application/xml")
_TEXT_KINDS = ("gauge_table", "observations", "open_meteo", "signals")

Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class _Answer:
    """What a server said; `body` is None if it was too large or not read."""

    status: int
    headers: httpx.Headers
    body: bytes | None = None
    problem: str = ""
    is_too_large: bool = False


class HttpSource:
    """Files behind one address, or behind one address per issue time.

    Parameters
    ----------
    feed : HttpFeedSettings
    district_root : Path
        `ca_file` lies below it.
    now : datetime
        Issues after ``now - availability_delay_min`` are not asked for.
    marks : mapping of str to str
        Address to its ETag and Last-Modified, as the last look left them.
    environ : mapping of str to str, optional
        Where the values of secret headers are.
    pause : callable, optional
        Waits between tries [s].

    Raises
    ------
    ConfigError
        If a header's variable is not set, or `ca_file` cannot be read.
    """

    def __init__(
        self,
        feed: HttpFeedSettings,
        district_root: Path,
        *,
        now: datetime,
        marks: Mapping[str, str],
        environ: Mapping[str, str] | None = None,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self.feed, self.now, self.pause = feed, now, pause
        self.limit_bytes = feed.max_mb * 1_000_000
        self.secrets = _secret_headers(feed, os.environ if environ is None else environ)
        self.verify = _trust(feed, district_root)
        self.marks = dict(marks)

    def fetch(self, since: datetime) -> Iterator[Arrival]:
        """Give what changed; see `Source.fetch`."""
        if self.feed.issue_step_h is None:
            url = self.feed.url.replace("%%", "%")
            self.marks = {url: self.marks[url]} if url in self.marks else {}
            arrival = self._get(url)
            if arrival is not None:
                yield arrival
            return
        yield from self._fetch_issues(since)

    def _fetch_issues(self, since: datetime) -> Iterator[Arrival]:
        """Ask for every issue that has not been taken yet, oldest first; one that is not there yet is no error."""
        times = issue_times(self.feed, since=since, now=self.now)
        urls = [at.astimezone(UTC).strftime(self.feed.url) for at in times]
        self.marks = {url: self.marks[url] for url in urls if url in self.marks}
        had_some, problems = bool(self.marks), []
        for url in [url for url in urls if url not in self.marks]:
            try:
                arrival = self._get(url, absent_is_error=False)
            except FetchError as error:
                problems.append(str(error))
                continue
            if arrival is not None:
                had_some = True
                yield arrival
        if not had_some and not problems:
            problems.append(f"feed {self.feed.id}: none of {len(urls)} issues is there, the last at {_where(urls[-1])}")
        if problems:
            raise FetchError("; ".join(problems))

    def _get(self, url: str, *, absent_is_error: bool = True) -> Arrival | None:
        """Return what an address gives, or None if it did not change (or is absent, where that is no error)."""
        answer = asyncio.run(self._in_time(url))
        if answer.status == httpx.codes.NOT_MODIFIED:
            return None
        if answer.status in _ABSENT and not absent_is_error:
            return None
        if answer.status != httpx.codes.OK:
            raise FetchError(f"{_where(url)} answered {answer.status}")
        name = self._name(url, answer.headers)
        self.marks[url] = _mark(answer.headers)
        if answer.body is None or answer.is_too_large:
            size = (
                int(answer.headers.get("content-length", "0"))
                if answer.headers.get("content-length", "").isdigit()
                else 0
            )
            identity = f"{url} {self.marks[url]} {size}"
            return Arrival.too_large(name, identity, size_bytes=size, limit_bytes=self.limit_bytes, mark=url)
        problem = answer.problem or _wrong_type(self.feed.kind, answer.headers.get("content-type", ""))
        return Arrival.of(name, answer.body, problem=f"{name}: {problem}" if problem else "", mark=url)

    async def _in_time(self, url: str) -> _Answer:
        total_s = self.feed.total_timeout_s
        timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
        try:
            async with (
                asyncio.timeout(total_s),
                # No proxy, no .netrc, no certificate file from the environment: only what the settings say.
                httpx.AsyncClient(
                    verify=self.verify, timeout=timeout, trust_env=False, follow_redirects=False
                ) as client,
            ):
                return await self._try(client, url)
        except TimeoutError:
            raise FetchError(f"{_where(url)} gave no whole answer within {total_s:g} s") from None

    async def _try(self, client: httpx.AsyncClient, url: str) -> _Answer:
        """Ask up to three times while the network or the server is in trouble."""
        problem, wait_s = "", 0.0
        for number in range(TRIES):
            if number:
                await self.pause(wait_s)
            wait_s = min(FIRST_PAUSE_S * 2**number, LONGEST_PAUSE_S) * random.uniform(0.5, 1.5)
            try:
                answer = await self._ask(client, url)
            except httpx.TransportError as error:
                problem = f"{type(error).__name__}: {error}".rstrip(": ")[:200]
                continue
            except httpx.InvalidURL as error:
                raise FetchError(f"{_where(url)}: {error}") from None
            if answer.status not in _AGAIN:
                return answer
            problem = f"answered {answer.status}"
            wait_s = min(max(wait_s, _retry_after(answer.headers)), LONGEST_PAUSE_S)
        raise FetchError(f"{_where(url)} failed {TRIES} times, last: {problem}")

    async def _ask(self, client: httpx.AsyncClient, url: str) -> _Answer:
        """Ask once, following redirects on the same host."""
        headers = {
            "accept-encoding": "gzip",
            "user-agent": "wuyu-feeds",
            **self.secrets,
            **_conditions(self.marks.get(url)),
        }
        target = httpx.URL(url)
        for _ in range(MAX_REDIRECTS + 1):
            async with client.stream("GET", target, headers=headers) as response:
                if not response.has_redirect_location:
                    return await self._read(response)
                target = _same_host(target, response.headers["location"])
        raise FetchError(f"{_where(url)} redirects more than {MAX_REDIRECTS} times")

    async def _read(self, response: httpx.Response) -> _Answer:
        if response.status_code != httpx.codes.OK:
            return _Answer(response.status_code, response.headers)
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "", "gzip", "x-gzip"):
            return _Answer(200, response.headers, b"", f"came packed as {encoding[:20]}; accepted: gzip or unpacked")
        declared = response.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self.limit_bytes:
            return _Answer(200, response.headers, is_too_large=True)
        body = _Body(is_packed="gzip" in encoding, limit_bytes=self.limit_bytes)
        async for chunk in response.aiter_raw():
            if not body.add(chunk):
                break
        if body.is_too_large:
            return _Answer(200, response.headers, is_too_large=True)
        return _Answer(200, response.headers, bytes(body.data), body.problem())

    def _name(self, url: str, headers: httpx.Headers) -> str:
        name = safe_name(unquote(urlsplit(url).path.rsplit("/", 1)[-1]), self.feed.id)
        kind = headers.get("content-type", "").split(";")[0].strip().lower()
        return name if Path(name).suffix else name + _SUFFIXES.get(kind, "")


class _Body:
    """Gathers an answer, unpacking as it comes, and stops at the limit whatever was promised."""

    def __init__(self, *, is_packed: bool, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.data = bytearray()
        self.received = 0
        self.is_too_large = False
        self.is_broken = False
        self.unpacker = zlib.decompressobj(wbits=31) if is_packed else None

    def add(self, chunk: bytes) -> bool:
        """Take a chunk; False if nothing more is wanted."""
        self.received += len(chunk)
        if self.unpacker is None:
            self.data += chunk
        else:
            room = self.limit_bytes + 1 - len(self.data)
            try:
                self.data += self.unpacker.decompress(chunk, room)
            except zlib.error:
                self.is_broken = True
        self.is_too_large = len(self.data) > self.limit_bytes or self.received > self.limit_bytes
        return not (self.is_too_large or self.is_broken)

    def problem(self) -> str:
        """Return what is wrong with the packing; empty if nothing is."""
        if self.unpacker is None:
            return ""
        if self.is_broken or self.unpacker.unused_data:
            return "its gzip packing is broken"
        return "" if self.unpacker.eof else "its gzip packing ends too early; a part is missing"


def issue_times(feed: HttpFeedSettings, *, since: datetime, now: datetime) -> list[datetime]:
    """Return the issue times from `since` on that can be had at `now`, oldest first.

    Issues fall on every `issue_step_h` hours of a UTC day, from midnight.

    Examples
    --------
    >>> feed = HttpFeedSettings(id="e", kind="ensemble_netcdf", stale_after_h=9, source="http", issue_step_h=6,
    ...     url="https://data.example/ens_%Y%m%d%H.nc", availability_delay_min=240)
    >>> night, morning = datetime(2021, 7, 19, 23, tzinfo=UTC), datetime(2021, 7, 20, 10, tzinfo=UTC)
    >>> [at.hour for at in issue_times(feed, since=night, now=morning)]
    [0, 6]
    """
    step_h = feed.issue_step_h or 24
    latest = (now - timedelta(minutes=feed.availability_delay_min)).astimezone(UTC)
    day = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    times = []
    while day <= latest:
        times += [day + timedelta(hours=hour) for hour in range(0, 24, step_h)]
        day += timedelta(days=1)
    return [at for at in times if since <= at <= latest]


def _secret_headers(feed: HttpFeedSettings, environ: Mapping[str, str]) -> dict[str, str]:
    absent = [variable for variable in feed.header_env.values() if not environ.get(variable)]
    if absent:
        raise ConfigError(f"feed {feed.id}: the environment variable {absent[0]} is not set")
    headers = {name: environ[variable] for name, variable in feed.header_env.items()}
    if any(not value.isascii() or not value.isprintable() for value in headers.values()):
        raise ConfigError(f"feed {feed.id}: the value of a secret header must be printable ASCII on one line")
    return headers


def _trust(feed: HttpFeedSettings, district_root: Path) -> ssl.SSLContext | bool:
    """Return whom to trust: the one authority of the settings, or the public ones and those of this machine."""
    if urlsplit(feed.url).scheme != "https":
        return True
    try:
        if feed.ca_file is not None:
            return ssl.create_default_context(cafile=district_root / feed.ca_file)
    except (OSError, ssl.SSLError):
        raise ConfigError(f"feed {feed.id}: ca_file {feed.ca_file} is no readable certificate") from None
    context = httpx.create_ssl_context(verify=True, trust_env=False)
    context.load_default_certs()
    return context


def _where(url: str) -> str:
    """Name an address for people: without its query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _same_host(origin: httpx.URL, location: str) -> httpx.URL:
    """Return where a redirect leads.

    Raises
    ------
    FetchError
        If it leaves the host or port, gives up TLS, or brings a user along.
    """
    try:
        target = origin.join(location)
    except httpx.InvalidURL:
        raise FetchError(f"{_where(str(origin))} redirects to no address") from None
    stays = (target.host, target.port) == (origin.host, origin.port) and target.scheme in (origin.scheme, "https")
    if not stays or target.userinfo:
        raise FetchError(f"{_where(str(origin))} redirects to {target.scheme}://{target.host}; not followed")
    return target


def _conditions(mark: str | None) -> dict[str, str]:
    known = json.loads(mark) if mark else {}
    names = {"etag": "if-none-match", "modified": "if-modified-since"}
    return {names[key]: value for key, value in known.items() if key in names}


def _mark(headers: httpx.Headers) -> str:
    found = {"etag": headers.get("etag", ""), "modified": headers.get("last-modified", "")}
    return json.dumps({key: value for key, value in found.items() if value})


def _retry_after(headers: httpx.Headers) -> float:
    text = headers.get("retry-after", "")
    return float(text) if text.isdigit() and len(text) < 6 else 0.0


def _wrong_type(kind: str, content_type: str) -> str:
    """Return why a content type cannot be that of a file of this kind.

    Examples
    --------
    >>> _wrong_type("gauge_table", "text/html; charset=utf-8"), _wrong_type("gauge_table", "text/csv")
    ('came as text/html', '')
    """
    name = content_type.split(";")[0].strip().lower()
    refused = _NEVER + (() if kind in _TEXT_KINDS else _TEXTUAL)
    return f"came as {name}" if name.startswith(refused) else ""
