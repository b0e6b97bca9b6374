"""Feeds by HTTP against a real server that misbehaves: the answer is always a row in the ledger, soon."""

from __future__ import annotations

import gzip
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from risk_models.district.settings import HttpFeedSettings
from risk_models.errors import ConfigError
from tests.wuyu.feeds.conftest import AT, TABLE, Answer, Take, Web, content, status
from wuyu.feeds import http
from wuyu.feeds.checks import FileFacts, issued_at_from_name
from wuyu.feeds.http import HttpSource
from wuyu.feeds.status import status as feed_status
from wuyu.ledger import Ledger


def feed(url: str, **more: Any) -> HttpFeedSettings:
    values = {"id": "gauges", "kind": "gauge_table", "stale_after_h": 2.0, "source": "http", "url": url}
    return HttpFeedSettings.model_validate(values | {"total_timeout_s": 300.0} | more)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(http, "LONGEST_PAUSE_S", 0.02)
    monkeypatch.setattr(http, "READ_S", 300.0)


def raw(*parts: bytes) -> Answer:
    """Send bytes as they are, and cut the line."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        for part in parts:
            handler.wfile.write(part)
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)

    return answer


def silent(web: Web) -> Answer:
    """Take the request and never answer."""
    return lambda _: web.stop.wait() and None


def dripping(web: Web, part: bytes, *, head: bytes = b"") -> Answer:
    """Send a byte now and then, for ever: no single read ever times out."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(head)
        while not web.stop.wait(0.05):
            handler.wfile.write(part)
            handler.wfile.flush()

    return answer


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nConnection: close\r\n\r\n")
    while True:
        handler.wfile.write(b"2021-07-20 17:00,1.0\n" * 5000)


def test_a_good_answer_is_kept_as_received(web: Web, take_from: Take, tmp_path: Path) -> None:
    result = take_from(feed(web.gives("/data/gauges.csv", content(TABLE))))
    (file,) = result.accepted
    assert (file.name, file.rows_read, file.arrived_at) == ("gauges.csv", 2, AT)
    assert (tmp_path / "raw" / file.raw_path).read_bytes() == TABLE


def test_a_name_may_be_chinese(web: Web, take_from: Take) -> None:
    web.gives("/%E9%9B%A8.csv", content(TABLE))
    (file,) = take_from(feed(f"{web.url}/%%E9%%9B%%A8.csv")).accepted
    assert (file.name, file.raw_path.endswith("-雨.csv")) == ("雨.csv", True)


def test_gzip_is_unpacked_and_the_suffix_comes_from_the_type(web: Web, take_from: Take, tmp_path: Path) -> None:
    (file,) = take_from(feed(web.gives("/gauges", content(gzip.compress(TABLE), Content_Encoding="gzip")))).accepted
    assert file.name == "gauges.csv"
    assert (tmp_path / "raw" / file.raw_path).read_bytes() == TABLE


def test_what_did_not_change_is_not_sent_again(web: Web, take_from: Take, own_ledger: Ledger) -> None:
    url = web.gives("/g.csv", content(TABLE, ETag='"v1"', Last_Modified="Tue, 20 Jul 2021 09:00:00 GMT"), status(304))
    first, second = take_from(feed(url)), take_from(feed(url))
    assert (len(first.accepted), second.accepted, second.error) == (1, (), "")
    headers = web.asked[1][1]
    assert headers["if-none-match"] == '"v1"'
    assert headers["if-modified-since"] == "Tue, 20 Jul 2021 09:00:00 GMT"
    assert feed_status(own_ledger, AT)[0].consecutive_failures == 0


def test_a_broken_answer_is_asked_for_again_in_full(web: Web, take_from: Take, own_ledger: Ledger) -> None:
    url = web.gives("/g.csv", content(b"nothing\n", ETag='"v1"'))
    for _ in range(3):
        take_from(feed(url))
    assert [("if-none-match" in headers) for _, headers in web.asked] == [False, False, False]
    (found,) = feed_status(own_ledger, AT)
    assert (found.consecutive_failures, found.files_rejected, found.state) == (3, 1, "absent")
    web.gives("/g.csv", content(TABLE))
    take_from(feed(url))
    assert feed_status(own_ledger, AT)[0].consecutive_failures == 0


@pytest.mark.parametrize("code", [500, 502, 503, 504, 429])
def test_a_server_in_trouble_is_asked_again(web: Web, take_from: Take, code: int) -> None:
    result = take_from(feed(web.gives("/g.csv", status(code, Retry_After="1"), status(code), content(TABLE))))
    assert (len(result.accepted), len(web.asked)) == (1, 3)


def test_a_server_that_stays_in_trouble_is_an_error(web: Web, take_from: Take) -> None:
    result = take_from(feed(web.gives("/g.csv", status(500))))
    assert "/g.csv failed 3 times, last: answered 500" in result.error
    assert len(web.asked) == 3


@pytest.mark.parametrize("code", [204, 301, 401, 403, 404, 410])
def test_other_statuses_are_errors_at_once(web: Web, take_from: Take, code: int) -> None:
    assert f"answered {code}" in take_from(feed(web.gives("/g.csv", status(code)))).error
    assert len(web.asked) == 1


def test_a_cut_answer_is_never_taken_for_a_whole_one(web: Web, take_from: Take) -> None:
    result = take_from(feed(web.gives("/g.csv", content(TABLE[:40], length=len(TABLE)))))
    assert (result.accepted, result.rejected) == ((), ())
    assert "failed 3 times" in result.error
    result = take_from(feed(web.gives("/g.csv", content(TABLE[:40], length=len(TABLE)), content(TABLE))))
    assert len(result.accepted) == 1


@pytest.mark.parametrize(
    "answer",
    [raw(b""), raw(b"HTTP/1.1 2"), raw(b"\x00\x01\x02garbage\r\n\r\n"), raw(b"SSH-2.0-x\r\n")],
    ids=["hung up", "cut head", "garbage", "not http"],
)
def test_a_server_that_speaks_no_sense_is_an_error(web: Web, take_from: Take, answer: Answer) -> None:
    assert "failed 3 times" in take_from(feed(web.gives("/g.csv", answer))).error


def test_a_server_that_says_nothing_is_an_error(web: Web, take_from: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "READ_S", 0.3)
    result = take_from(feed(web.gives("/g.csv", silent(web))))
    assert "failed 3 times" in result.error
    assert len(web.asked) == 3


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX-A: ", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["head", "body"])
def test_a_slow_answer_ends_at_the_limit(web: Web, take_from: Take, head: bytes) -> None:
    result = take_from(feed(web.gives("/g.csv", dripping(web, b"1", head=head)), total_timeout_s=0.6))
    assert "no whole answer within 0.6 s" in result.error


def test_nobody_there_is_an_error(take_from: Take) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    assert "ConnectError" in take_from(feed(f"http://127.0.0.1:{port}/g.csv")).error


def test_an_endless_answer_stops_at_the_size(web: Web, take_from: Take, tmp_path: Path) -> None:
    result = take_from(feed(web.gives("/g.csv", endless), max_mb=1))
    (bad,) = result.rejected
    assert "larger than 1000000 bytes" in str(bad.error)
    assert sum(path.stat().st_size for path in (tmp_path / "raw").rglob("*")) < 20_000


def test_a_size_that_is_announced_is_not_read(web: Web, take_from: Take) -> None:
    (bad,) = take_from(feed(web.gives("/g.csv", content(b"1", length=3_000_000_000)), max_mb=1)).rejected
    assert (bad.size_bytes, "larger than" in str(bad.error)) == (3_000_000_000, True)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (gzip.compress(b"0.0,0.0\n" * 2_000_000), "larger than 1000000 bytes"),
        (gzip.compress(TABLE)[:-12], "packing ends too early"),
        (gzip.compress(TABLE) + b"more", "packing is broken"),
        (TABLE, "packing is broken"),
        (b"", "packing ends too early"),
    ],
    ids=["bomb", "truncated", "trailing", "not packed", "empty"],
)
def test_bad_gzip_is_put_aside(web: Web, take_from: Take, data: bytes, words: str) -> None:
    result = take_from(feed(web.gives("/g.csv", content(data, Content_Encoding="gzip")), max_mb=1))
    (bad,) = result.rejected
    assert words in str(bad.error)
    assert bad.raw_path.startswith("rejected/gauges/")


def test_other_packing_is_put_aside(web: Web, take_from: Take) -> None:
    (bad,) = take_from(feed(web.gives("/g.csv", content(TABLE, Content_Encoding="br")))).rejected
    assert "came packed as br" in str(bad.error)


@pytest.mark.parametrize(
    ("data", "mime", "words"),
    [
        (b"<!DOCTYPE html><title>Log in</title>", "text/csv", "is a web page"),
        (TABLE, "text/html; charset=utf-8", "came as text/html"),
        (b"\x89PNG\r\n\x1a\n", "application/octet-stream", "binary file"),
        (b"", "text/csv", "empty"),
    ],
)
def test_content_of_another_kind_is_put_aside(web: Web, take_from: Take, data: bytes, mime: str, words: str) -> None:
    (bad,) = take_from(feed(web.gives("/g.csv", content(data, Content_Type=mime)))).rejected
    assert words in str(bad.error)


def test_a_forecast_is_known_by_its_first_bytes(web: Web, take_from: Take) -> None:
    as_text = feed(web.gives("/e.nc", content(TABLE)), kind="ensemble_netcdf")
    assert "came as text/csv" in str(take_from(as_text).rejected[0].error)
    as_bytes = feed(
        web.gives("/f.nc", content(b"GRIB....", Content_Type="application/x-netcdf")), kind="ensemble_netcdf"
    )
    assert "does not begin like" in str(take_from(as_bytes).rejected[0].error)


def test_a_redirect_on_the_same_host_is_followed(web: Web, take_from: Take) -> None:
    web.gives("/new.csv", content(TABLE))
    result = take_from(feed(web.gives("/old.csv", status(302, Location="/new.csv"))))
    assert len(result.accepted) == 1


@pytest.mark.parametrize(
    "location",
    ["http://localhost:{port}/g.csv", "http://127.0.0.1:1/g.csv", "https://evil.example/", "file:///etc/passwd",
     "http://u:p@127.0.0.1:{port}/new.csv", "//evil.example/g.csv"],
)  # fmt: skip
def test_a_redirect_elsewhere_is_not_followed(
    web: Web, take_from: Take, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAUGE_KEY", "Bearer s3cret")
    where = location.format(port=web.server.server_address[1])
    url = web.gives("/g.csv", status(307, Location=where))
    result = take_from(feed(url, header_env={"Authorization": "GAUGE_KEY"}))
    assert "not followed" in result.error
    assert [path for path, _ in web.asked] == ["/g.csv"]


def test_a_redirect_in_a_circle_ends(web: Web, take_from: Take) -> None:
    result = take_from(feed(web.gives("/g.csv", status(302, Location="/g.csv"))))
    assert "redirects more than 3 times" in result.error
    assert len(web.asked) == 4


def test_a_secret_is_sent_and_never_told(
    web: Web, take_from: Take, own_ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("GAUGE_KEY", "Bearer s3cret")
    caplog.set_level(logging.DEBUG)
    secret = {"Authorization": "GAUGE_KEY"}
    take_from(feed(web.gives("/g.csv", content(TABLE)), header_env=secret))
    result = take_from(feed(web.gives("/g.csv?x=1", status(500)), header_env=secret))
    assert {headers["authorization"] for _, headers in web.asked} == {"Bearer s3cret"}
    rows = [entry.detail for entry in own_ledger.log_entries()]
    assert "s3cret" not in f"{result} {rows} {feed_status(own_ledger, AT)}"
    # httpcore's own debug log shows what it sends; ours is at INFO.
    assert "s3cret" not in "".join(record.getMessage() for record in caplog.records if record.levelno >= logging.INFO)


def test_a_secret_that_is_not_set_stops_the_feed_only(web: Web, take_from: Take) -> None:
    result = take_from(feed(web.gives("/g.csv", content(TABLE)), header_env={"X-Key": "NO_SUCH_KEY"}))
    assert result.error == "feed gauges: the environment variable NO_SUCH_KEY is not set"
    assert web.asked == []


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "钥匙", "a\0b"])
def test_a_secret_cannot_bring_a_header_along(web: Web, tmp_path: Path, value: str) -> None:
    settings = feed(f"{web.url}/g.csv", header_env={"X-Key": "GAUGE_KEY"})
    with pytest.raises(ConfigError, match="printable ASCII"):
        HttpSource(settings, tmp_path, now=AT, marks={}, environ={"GAUGE_KEY": value})


def test_proxies_and_netrc_of_the_environment_are_not_used(
    web: Web, take_from: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login u password p\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert len(take_from(feed(web.gives("/g.csv", content(TABLE)))).accepted) == 1
    assert "authorization" not in web.asked[0][1]


@contextmanager
def tls_server(authority: trustme.CA) -> Iterator[str]:
    """Serve the table by TLS on this machine."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with plain:
                try:
                    with context.wrap_socket(plain, server_side=True) as line:
                        line.recv(4096)
                        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(TABLE), TABLE))
                except OSError:
                    continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/g.csv"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_a_certificate_is_always_checked(take_from: Take, tmp_path: Path) -> None:
    authority = trustme.CA()
    (tmp_path / "district").mkdir()
    authority.cert_pem.write_to_path(str(tmp_path / "district" / "ca.pem"))
    with tls_server(authority) as url:
        assert "CERTIFICATE_VERIFY_FAILED" in take_from(feed(url)).error
        assert len(take_from(feed(url, ca_file="ca.pem")).accepted) == 1
    assert "is no readable certificate" in take_from(feed(url, ca_file="absent.pem")).error


def test_issues_are_asked_for_as_they_come(web: Web, take_from: Take, own_ledger: Ledger) -> None:
    def check(path: Path) -> FileFacts:
        issued_at = issued_at_from_name(path.name)
        return FileFacts(issued_at=issued_at, first_value_at=issued_at, last_value_at=issued_at)

    settings = feed(
        f"{web.url}/e/%Y%m%d/ens_%Y%m%dT%HZ.nc?x=%%41", issue_step_h=3, lookback_h=6, availability_delay_min=60,
        kind="ensemble_netcdf",
    )  # fmt: skip
    magic = b"\x89HDF\r\n\x1a\n"
    path = "/e/20210720/ens_20210720T{:02}Z.nc?x=%41".format
    web.gives(path(3), content(magic + b"3", Content_Type="application/x-netcdf"))
    first = take_from(settings, check=check)
    assert [file.name for file in first.accepted] == ["ens_20210720T03Z.nc"]
    assert first.error == ""
    assert [asked for asked, _ in web.asked] == [path(3), path(6)]
    web.gives(path(6), content(magic + b"6", Content_Type="application/x-netcdf"))
    second = take_from(settings, check=check, now=AT + timedelta(minutes=10))
    assert [file.name for file in second.accepted] == ["ens_20210720T06Z.nc"]
    assert [asked for asked, _ in web.asked[2:]] == [path(6)]


def test_no_issue_at_all_is_an_error(web: Web, take_from: Take) -> None:
    settings = feed(f"{web.url}/ens_%H.nc", issue_step_h=6, lookback_h=12, kind="ensemble_netcdf")
    assert "none of 2 issues is there" in take_from(settings).error


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": "ftp://h/x"}, "http or https"),
        ({"url": "https://u:p@h/x"}, "no user and no password"),
        ({"url": "https://h/x?api_key=1"}, "no key or token"),
        ({"url": "https://h/x?a=1&token=2"}, "no key or token"),
        ({"url": "https://h/%41"}, "time fields"),
        ({"url": "https://h:99999/x"}, "whole address"),
        ({"url": "https://h/x y"}, "whole address"),
        ({"url": "https://h/%Y.csv"}, "issue_step_h is needed"),
        ({"url": "https://h/x", "issue_step_h": 3}, "issue_step_h is needed"),
        ({"url": "http://h/x", "header_env": {"X-Key": "A_KEY"}}, "needs an https address"),
        ({"url": "https://h/x", "header_env": {"X Key": "A_KEY"}}, "header_env"),
        ({"url": "https://h/x", "ca_file": "/etc/ca.pem"}, "inside"),
    ],
)
def test_settings_that_are_unsafe_or_make_no_sense_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        feed(**changes)
