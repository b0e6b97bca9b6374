"""Feed files by SFTP, from a server whose host key is known beforehand."""

from __future__ import annotations

import fnmatch
import os
import posixpath
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import paramiko  # type: ignore[import-untyped]

from risk_models.district.settings import SftpFeedSettings
from risk_models.errors import ConfigError
from wuyu.feeds.source import Arrival, FetchError, is_unfinished

__all__ = ["SftpSource"]

CONNECT_S, READ_S = 10.0, 20.0
MAX_LISTED, MAX_FILES = 20_000, 500
CHUNK = 32_768


class SftpSource:
    """One file, or the plain files of one folder, on an SFTP server.

    A file is fetched if its size or time differs from what the last look saw. No agent and no key of this user's home
    is tried, and a server with another host key is not spoken to.

    Parameters
    ----------
    feed : SftpFeedSettings
    district_root : Path
        `known_hosts` lies below it.
    marks : mapping of str to str
        File name to size and time, as the last look left them.
    environ : mapping of str to str, optional
        Where the password, or the path of the key, is.

    Raises
    ------
    ConfigError
        If the secret's variable is not set, or `known_hosts` cannot be read.
    """

    def __init__(
        self,
        feed: SftpFeedSettings,
        district_root: Path,
        *,
        marks: Mapping[str, str],
        environ: Mapping[str, str] | None = None,
    ) -> None:
        variable = feed.password_env or feed.key_env or ""
        self.secret = (os.environ if environ is None else environ).get(variable, "")
        if not self.secret:
            raise ConfigError(f"feed {feed.id}: the environment variable {variable} is not set")
        self.hosts = district_root / feed.known_hosts
        if not self.hosts.is_file():
            raise ConfigError(f"feed {feed.id}: known_hosts {feed.known_hosts} is not there")
        self.feed, self.limit_bytes = feed, feed.max_mb * 1_000_000
        self.marks = dict(marks)
        self.deadline = 0.0

    def fetch(self, since: datetime) -> Iterator[Arrival]:  # noqa: ARG002 - what is new is told by size and time
        """Give what changed; see `Source.fetch`."""
        self.deadline = time.monotonic() + self.feed.total_timeout_s
        problems: list[str] = []
        try:
            with self._connected() as client:
                yield from self._fetch(client, problems)
        except paramiko.BadHostKeyException:
            problems.append(f"{self._where} shows another host key than known_hosts; not spoken to")
        except paramiko.AuthenticationException:
            problems.append(f"{self._where} refuses the user {self.feed.username}")
        except (paramiko.SSHException, OSError, EOFError) as error:
            problems.append(f"{self._where}: {type(error).__name__}: {error}"[:300])
        if problems:
            raise FetchError("; ".join(problems))

    @property
    def _where(self) -> str:
        return f"sftp://{self.feed.host}:{self.feed.port}{posixpath.join('/', self.feed.path)}"

    @contextmanager
    def _connected(self) -> Iterator[paramiko.SFTPClient]:
        with paramiko.SSHClient() as client:
            client.load_host_keys(str(self.hosts))
            client.set_missing_host_key_policy(paramiko.RejectPolicy())
            client.connect(
                self.feed.host,
                self.feed.port,
                self.feed.username,
                password=self.secret if self.feed.password_env else None,
                key_filename=self.secret if self.feed.key_env else None,
                timeout=CONNECT_S,
                banner_timeout=CONNECT_S,
                auth_timeout=CONNECT_S,
                channel_timeout=CONNECT_S,
                allow_agent=False,
                look_for_keys=False,
            )
            with client.open_sftp() as files:
                files.get_channel().settimeout(READ_S)
                yield files

    def _fetch(self, client: paramiko.SFTPClient, problems: list[str]) -> Iterator[Arrival]:
        folder, found = self._list(client)
        old, self.marks = self.marks, {}
        for name, (size, modified) in found:
            mark = f"{size} {modified}"
            if old.get(name) == mark:
                self.marks[name] = mark
                continue
            try:
                arrival = self._arrival(client, posixpath.join(folder, name), name, size, mark)
            except OSError as error:  # gone or forbidden: the others may still come
                problems.append(f"{name}: {type(error).__name__}: {error}"[:300])
                continue
            self.marks[name] = mark
            yield arrival

    def _list(self, client: paramiko.SFTPClient) -> tuple[str, list[tuple[str, tuple[int, int]]]]:
        """Return the folder and its newest plain files with size and time, oldest first."""
        facts = client.stat(self.feed.path)
        if stat.S_ISREG(facts.st_mode or 0):
            folder, name = posixpath.split(self.feed.path)
            return folder, [(name, (int(facts.st_size or 0), int(facts.st_mtime or 0)))]
        found = []
        for number, item in enumerate(client.listdir_iter(self.feed.path)):
            self._check_time()
            if number >= MAX_LISTED:
                raise OSError(f"more than {MAX_LISTED} files in the folder")
            # listdir gives the link itself, so a link is no plain file here.
            if stat.S_ISREG(item.st_mode or 0) and self._is_wanted(item.filename):
                found.append((item.filename, (int(item.st_size or 0), int(item.st_mtime or 0))))
        return self.feed.path, sorted(found, key=lambda one: (one[1][1], one[0]))[-MAX_FILES:]

    def _is_wanted(self, name: str) -> bool:
        return fnmatch.fnmatchcase(name, self.feed.pattern) and not is_unfinished(name) and "/" not in name

    def _arrival(self, client: paramiko.SFTPClient, path: str, name: str, size: int, mark: str) -> Arrival:
        data = bytearray()
        if size <= self.limit_bytes:
            with client.open(path, "rb") as remote:
                remote.prefetch(size, max_concurrent_requests=16)
                while len(data) <= self.limit_bytes and (chunk := remote.read(CHUNK)):
                    self._check_time()
                    data += chunk
        if max(size, len(data)) > self.limit_bytes:
            identity = f"{self._where} {name} {mark}"
            return Arrival.too_large(
                name, identity, size_bytes=max(size, len(data)), limit_bytes=self.limit_bytes, mark=name
            )
        return Arrival.of(name, bytes(data), mark=name)

    def _check_time(self) -> None:
        if time.monotonic() > self.deadline:
            raise FetchError(f"{self._where} did not end within {self.feed.total_timeout_s:g} s")
