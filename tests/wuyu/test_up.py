"""`wuyu up` with all its parts: where it listens, where mail goes, and what comes back when it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.factories import write_mini_district
from tests.patience import PATIENCE_S, until
from tests.replays import ROOT, child_environment
from wuyu.cli import main

PARTS = {"scheduler", "dag-processor", "triggerer", "api-server", "page"}


class Up:
    """A service that was started by the verb."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.web_port, self.ack_port = _free_port(), _free_port()
        self.log = folder / "up.log"
        command = [sys.executable, "-m", "wuyu", "up", "--district", str(folder / "mini"), "--out", str(folder / "out")]
        command += ["--web-port", str(self.web_port), "--ack-port", str(self.ack_port)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def part(self, name: str) -> int | None:
        """Return the process that was started for a part."""
        words = r"ack serve" if name == "page" else f"airflow {name.replace('-', '[-_]')}"  # it renames itself
        for pid in _children(self.process.pid):
            if re.search(words, _words(pid)):
                return pid
        return None

    def is_well(self, port: int, path: str) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _all_below(pid: int) -> list[int]:
    return [one for child in _children(pid) for one in (child, *_all_below(child))]


def _words(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def _listening(pids: list[int]) -> set[str]:
    """Return the addresses (hexadecimal, as the kernel prints them) at which any of the processes listens."""
    inodes = set()
    for pid in pids:
        for handle in Path(f"/proc/{pid}/fd").iterdir():
            if match := re.fullmatch(r"socket:\[(\d+)\]", str(handle.readlink())):
                inodes.add(match[1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and columns[9] in inodes:
                found.add(columns[1].partition(":")[0])
    return found


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """A service whose environment names a relay that must not be used."""
    write_mini_district(tmp_path / "mini")
    up = Up(tmp_path, child_environment(WUYU_SMTP_HOST="relay.invalid", WUYU_SMTP_PASSWORD="secret"))
    try:
        yield up
    finally:
        left = _all_below(up.process.pid) if up.process.poll() is None else []
        up.process.send_signal(signal.SIGTERM)
        assert up.process.wait(PATIENCE_S) == 0
        until("the end of all", lambda: not any(_is_alive(pid) for pid in left))


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.airflow
@pytest.mark.slow
@pytest.mark.xdist_group("dags")
def test_all_listen_on_this_machine_and_none_is_gone_for_good(up: Up) -> None:
    until("Airflow", lambda: up.is_well(up.web_port, "/api/v2/version"), every_s=1, log=up.said)
    until("the page", lambda: up.is_well(up.ack_port, "/health"), log=up.said)
    ran = until("all parts", lambda: {name for name in PARTS if up.part(name)} == PARTS, log=up.said)
    assert ran
    assert f"mail goes to a local mailbox, {up.log.parent / 'out' / 'mailbox'}, and nowhere else" in up.said()
    assert "WUYU_SMTP_HOST=relay.invalid is not used without --real-mail" in up.said()
    environments = [Path(f"/proc/{up.part(name)}/environ").read_bytes().split(b"\0") for name in ("scheduler", "page")]
    assert all(b"WUYU_SMTP_HOST=127.0.0.1" in one for one in environments)
    assert not any(b"secret" in word for one in environments for word in one)

    page = up.part("page")
    assert page is not None
    os.kill(page, signal.SIGKILL)
    until("another page", lambda: up.part("page") not in (None, page), log=up.said)
    until("the page again", lambda: up.is_well(up.ack_port, "/health"), log=up.said)
    assert "acknowledgement page ended with status -9; started again in 1 s" in up.said()

    loopback = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}
    assert _listening(_all_below(up.process.pid)) <= loopback
    assert up.said().count("ended with status") == 1, up.said()


def test_real_mail_needs_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("WUYU_SMTP_HOST", raising=False)
    assert main(["up", "--real-mail", "--out", str(tmp_path)]) == 2
    assert "--real-mail sends by the server that WUYU_SMTP_HOST names, and it names none" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
