"""Feeds by SFTP from a real server on this machine."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
from pydantic import ValidationError

from risk_models.district.settings import SftpFeedSettings
from tests.wuyu.feeds.conftest import TABLE, Take
from wuyu.feeds.status import status
from wuyu.ledger import Ledger

SECRET = "s3cret"


class _Gate(paramiko.ServerInterface):
    """Lets one user in, by password or by key."""

    def __init__(self, key: paramiko.PKey) -> None:
        self.key = key

    def check_auth_password(self, username: str, password: str) -> int:
        right = (username, password) == ("feeds", SECRET)
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.AUTH_SUCCESSFUL if key == self.key else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def get_allowed_auths(self, username: str) -> str:
        return "password,publickey"


class _Disk(paramiko.SFTPServerInterface):
    """Shows one folder, read only; counts what is opened and lies about sizes if told to."""

    root = Path()
    opened: list[str] = []  # noqa: RUF012 - one server at a time
    claimed: dict[str, int] = {}  # noqa: RUF012

    def _facts(self, path: Path) -> paramiko.SFTPAttributes:
        facts = paramiko.SFTPAttributes.from_stat(path.lstat(), path.name)
        facts.st_size = self.claimed.get(path.name, facts.st_size)
        return facts

    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes]:
        return [self._facts(item) for item in sorted((self.root / path.lstrip("/")).iterdir())]

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        place = self.root / path.lstrip("/")
        return self._facts(place) if place.exists() else paramiko.SFTP_NO_SUCH_FILE

    lstat = stat

    def open(self, path: str, flags: int, attr: Any) -> Any:
        place = self.root / path.lstrip("/")
        self.opened.append(place.name)
        if place.name == "forbidden.csv":
            return paramiko.SFTP_PERMISSION_DENIED
        handle = paramiko.SFTPHandle(flags)
        handle.readfile = place.open("rb")  # type: ignore[attr-defined]
        return handle


class Server:
    """An SFTP server and the files that a client needs to trust it."""

    def __init__(self, folder: Path, district: Path) -> None:
        self.folder, self.district = folder, district
        self.host_key, self.user_key = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lines: list[paramiko.Transport] = []
        _Disk.root, _Disk.opened, _Disk.claimed = folder, [], {}
        self.trust(self.host_key)
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def trust(self, key: paramiko.PKey) -> None:
        words = f"[127.0.0.1]:{self.port} {key.get_name()} {key.get_base64()}\n"
        (self.district / "known_hosts").write_text(words)

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            line = paramiko.Transport(plain)
            line.add_server_key(self.host_key)
            line.set_subsystem_handler("sftp", paramiko.SFTPServer, _Disk)
            self.lines.append(line)
            try:
                line.start_server(server=_Gate(self.user_key))
            except (paramiko.SSHException, EOFError, OSError):  # a client that went away
                continue

    def stop(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for line in self.lines:
            line.close()
        self.thread.join()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("GAUGE_PASSWORD", SECRET)
    (tmp_path / "remote" / "out").mkdir(parents=True)
    (tmp_path / "district").mkdir()
    server = Server(tmp_path / "remote", tmp_path / "district")
    yield server
    server.stop()


def feed(server: Server, **more: Any) -> SftpFeedSettings:
    values = {
        "id": "gauges", "kind": "gauge_table", "stale_after_h": 2.0, "source": "sftp", "host": "127.0.0.1",
        "port": server.port, "username": "feeds", "path": "/out", "known_hosts": "known_hosts",
        "password_env": "GAUGE_PASSWORD", "total_timeout_s": 10.0,
    }  # fmt: skip
    return SftpFeedSettings.model_validate(values | more)


def put(server: Server, name: str, data: bytes, at: int = 1_600_000_000) -> None:
    path = server.folder / "out" / name
    path.write_bytes(data)
    os.utime(path, (at, at))


def test_new_files_are_fetched_once(server: Server, take_from: Take, tmp_path: Path) -> None:
    put(server, "a.csv", TABLE)
    (file,) = take_from(feed(server)).accepted
    assert (tmp_path / "raw" / file.raw_path).read_bytes() == TABLE
    put(server, "b.csv", TABLE.replace(b"201.9", b"12.0"))
    assert [file.name for file in take_from(feed(server)).accepted] == ["b.csv"]
    put(server, "b.csv", TABLE.replace(b"201.9", b"13.0"), at=1_600_000_060)
    assert [file.name for file in take_from(feed(server)).accepted] == ["b.csv"]
    assert _Disk.opened == ["a.csv", "b.csv", "b.csv"]


def test_only_finished_plain_files_of_the_pattern(server: Server, take_from: Take) -> None:
    for name in ("a.csv", "b.csv.part", ".c.csv", "d.txt"):
        put(server, name, TABLE)
    (server.folder / "out" / "folder.csv").mkdir()
    (server.folder / "out" / "link.csv").symlink_to("/etc/passwd")
    assert [file.name for file in take_from(feed(server, pattern="*.csv")).accepted] == ["a.csv"]
    assert _Disk.opened == ["a.csv"]


def test_one_file_can_be_a_feed(server: Server, take_from: Take) -> None:
    put(server, "a.csv", TABLE)
    assert len(take_from(feed(server, path="/out/a.csv")).accepted) == 1


def test_a_file_that_cannot_be_read_stops_no_other(server: Server, take_from: Take, own_ledger: Ledger) -> None:
    put(server, "forbidden.csv", TABLE)
    put(server, "z.csv", TABLE)
    result = take_from(feed(server))
    assert [file.name for file in result.accepted] == ["z.csv"]
    assert result.error.startswith("forbidden.csv: PermissionError")
    assert status(own_ledger, result.accepted[0].arrived_at)[0].consecutive_failures == 1


def test_a_broken_file_is_put_aside_and_fetched_again(server: Server, take_from: Take) -> None:
    put(server, "a.csv", b"nothing\n")
    assert len(take_from(feed(server)).rejected) == 1
    assert take_from(feed(server)).rejected == ()
    assert _Disk.opened == ["a.csv", "a.csv"]


@pytest.mark.parametrize("lie", [None, 10])
def test_a_large_file_is_not_taken(server: Server, take_from: Take, lie: int | None) -> None:
    put(server, "big.csv", TABLE + b"2021-07-20 18:00,0.0\n" * 100_000)
    _Disk.claimed = {} if lie is None else {"big.csv": lie}
    result = take_from(feed(server, max_mb=1))
    assert result.accepted == ()
    if lie is None:
        assert "larger than 1000000 bytes" in str(result.rejected[0].error)
        assert _Disk.opened == []


def test_a_server_with_another_key_is_not_spoken_to(server: Server, take_from: Take) -> None:
    put(server, "a.csv", TABLE)
    server.trust(paramiko.ECDSAKey.generate())
    assert "another host key" in take_from(feed(server)).error
    (server.district / "known_hosts").write_text("")
    assert "not found in known_hosts" in take_from(feed(server)).error
    (server.district / "known_hosts").unlink()
    assert "known_hosts known_hosts is not there" in take_from(feed(server)).error
    assert _Disk.opened == []


def test_a_wrong_password_is_an_error_that_does_not_name_it(
    server: Server, take_from: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAUGE_PASSWORD", "wr0ng")
    error = take_from(feed(server)).error
    assert "refuses the user feeds" in error
    assert "wr0ng" not in error
    monkeypatch.delenv("GAUGE_PASSWORD")
    assert take_from(feed(server)).error == "feed gauges: the environment variable GAUGE_PASSWORD is not set"


def test_a_key_opens_too(server: Server, take_from: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(server, "a.csv", TABLE)
    server.user_key.write_private_key_file(str(tmp_path / "key"))
    monkeypatch.setenv("GAUGE_KEY_FILE", str(tmp_path / "key"))
    assert len(take_from(feed(server, password_env=None, key_env="GAUGE_KEY_FILE")).accepted) == 1
    monkeypatch.setenv("GAUGE_KEY_FILE", str(tmp_path / "absent"))
    assert "FileNotFoundError" in take_from(feed(server, password_env=None, key_env="GAUGE_KEY_FILE")).error


def test_a_folder_that_is_not_there_is_an_error(server: Server, take_from: Take) -> None:
    assert "sftp://127.0.0.1" in take_from(feed(server, path="/absent")).error


def test_nobody_there_is_an_error(server: Server, take_from: Take) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert "sftp://" in take_from(feed(server, port=unused.getsockname()[1])).error


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"password_env": None}, "either password_env or key_env"),
        ({"key_env": "A_KEY"}, "either password_env or key_env"),
        ({"password": "x"}, "Extra inputs"),
        ({"host": "-oProxyCommand=x"}, "host"),
        ({"known_hosts": "../known_hosts"}, "inside"),
    ],
)
def test_unsafe_settings_are_refused(server: Server, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        feed(server, **changes)
