"""The verbs of acknowledgement, run as a duty officer runs them."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.patience import PATIENCE_S, until
from tests.replays import child_environment
from tests.wuyu.ack.conftest import KEYS
from wuyu.ack.codes import reply_code
from wuyu.cli import main
from wuyu.desk import Desk

Run = Callable[..., str]


@pytest.fixture
def place(issued_desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A copy of the desk on disk, as arguments."""
    shutil.copytree(issued_desk.out, tmp_path / "out")
    monkeypatch.setenv("WUYU_ACK_KEYS", "t1:" + "0123456789abcdef" * 4)
    return ["--district", str(issued_desk.district.root), "--out", str(tmp_path / "out")]


@pytest.fixture
def run(place: list[str], capsys: pytest.CaptureFixture[str]) -> Run:
    def call(verb: str, *more: str, status: int = 0) -> str:
        assert main(["ack", verb, *place, *more]) == status
        printed = capsys.readouterr()
        return printed.out + (printed.err if status else "")

    return call


def test_list_escalate_and_record_follow_an_event(run: Run, tmp_path: Path) -> None:
    listed = run("list", "--at", "2021-07-20T14:10")
    assert "3 bulletins wait for an answer" in listed
    assert "LATE" not in listed
    assert "LATE" in run("list", "--at", "2021-07-20T14:40")
    steps = json.loads(run("escalate", "--at", "2021-07-20T14:20", "--json"))
    assert {step["kind"] for step in steps} == {"second_contact", "phone"}
    assert "0 steps taken" in run("escalate", "--at", "2021-07-20T14:20")
    rows = json.loads(run("list", "--all", "--json"))
    assert [len(row["steps"]) for row in rows].count(3) == 2
    html, pdf = json.loads(run("record", "--json"))
    assert Path(pdf).read_bytes().startswith(b"%PDF")
    assert "叫应记录" in Path(html).read_text(encoding="utf-8")
    assert Path(pdf).is_relative_to(tmp_path)


def test_replies_are_taken_from_a_maildir(run: Run, tmp_path: Path) -> None:
    (row, *_) = json.loads(run("list", "--all", "--json"))
    new = tmp_path / "box" / "new"
    new.mkdir(parents=True)
    sender = row["steps"][0]["recipient"]
    code = reply_code(KEYS, row["message_id"], sender)
    mail = f"From: {sender}\r\nSubject: Re\r\n\r\n{code} name: Wang\r\n"
    (new / "1").write_bytes(mail.encode())
    told = run("replies", "--maildir", str(tmp_path / "box"), "--at", "2021-07-20T14:10")
    assert f"claimed: {row['message_id']} (a task: wuyu tasks)" in told
    assert f"claimed: received by {sender} (not proven)" in run("list", "--at", "2021-07-20T14:11")
    assert "3 bulletins wait for an answer" in run("list", "--at", "2021-07-20T14:11")
    (new / "2").write_bytes(f"Authentication-Results: mx.mini.example; dmarc=pass\r\n{mail}".encode())
    proven = ("--maildir", str(tmp_path / "box"), "--authserv-id", "mx.mini.example")
    assert f"answered: {row['message_id']}" in run("replies", *proven, "--at", "2021-07-20T14:10")
    assert "2 bulletins wait for an answer" in run("list", "--at", "2021-07-20T14:11")


def test_wrong_use_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "'noon' is no time; accepted" in run("list", "--at", "noon", status=2)
    assert "no bulletin of event 'X'" in run("record", "X", status=2)
    monkeypatch.delenv("WUYU_IMAP_PASSWORD", raising=False)
    assert "WUYU_IMAP_PASSWORD is not set" in run("replies", "--imap-host", "mail.mini.example", status=2)


def test_serve_prints_a_link_for_the_desk_that_works(place: list[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "wuyu", "ack", "serve", *place, "--port", str(port), "--at", "2021-07-20T14:08"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=child_environment(PYTHONUNBUFFERED="1")
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "towns answer at https://duty.mini.example/ack" in line
            path = line.strip().rpartition(": ")[2].removeprefix("https://duty.mini.example/ack")
            page = _patiently(f"http://127.0.0.1:{port}{path}")
        finally:
            process.terminate()
            _, errors = process.communicate(timeout=PATIENCE_S)
    assert page.status_code == 200
    assert "还有" in page.text
    assert path not in errors


def _patiently(url: str) -> httpx.Response:
    def page() -> httpx.Response | None:
        try:
            return httpx.get(url, timeout=PATIENCE_S)
        except httpx.ConnectError:
            return None

    found = until("the page", page)
    assert found is not None
    return found
