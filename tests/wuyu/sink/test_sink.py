"""The demonstration mail server: on this machine only, every mail once, on the disk before it says 250."""

from __future__ import annotations

import os
import signal
import smtplib
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from risk_models.errors import DispatchError
from tests.patience import PATIENCE_S, until
from wuyu import sink
from wuyu.sink import Maildir, local_sink, main

MAIL = b"Date: Tue, 20 Jul 2021 09:00:00 +0000\r\nMessage-ID: <1@erqi.example>\r\n\r\n.hello\r\n"


def test_a_mail_is_in_the_box_once_the_server_said_yes(tmp_path: Path) -> None:
    with local_sink(tmp_path) as (host, port), smtplib.SMTP(host, port, "localhost", timeout=PATIENCE_S) as client:
        client.sendmail("a@erqi.example", ["Duty@town.example", "b@town.example"], MAIL)
        boxes = sorted(path.name for path in tmp_path.iterdir() if path.is_dir())
        assert boxes == ["b@town.example", "duty@town.example"]
        (mail,) = (tmp_path / "duty@town.example" / "new").iterdir()
    assert mail.read_bytes() == MAIL
    assert mail.name.startswith("1626771600.")
    assert list((tmp_path / "b@town.example" / "tmp").iterdir()) == []


def test_a_second_copy_is_counted_and_not_laid_in(tmp_path: Path) -> None:
    with local_sink(tmp_path) as (host, port), smtplib.SMTP(host, port, "localhost", timeout=PATIENCE_S) as client:
        for body in (MAIL, b"X-Wuyu-Resend: try 2\r\n" + MAIL):
            client.sendmail("a@erqi.example", ["b@town.example"], body)
    with local_sink(tmp_path) as (host, port), smtplib.SMTP(host, port, "localhost", timeout=PATIENCE_S) as client:
        client.sendmail("a@erqi.example", ["b@town.example"], MAIL)
    assert len(list((tmp_path / "b@town.example" / "new").iterdir())) == 1
    assert (tmp_path / "duplicates.log").read_text() == "b@town.example <1@erqi.example>\n" * 2


def test_a_mail_that_was_read_counts_as_there(tmp_path: Path) -> None:
    boxes = Maildir(tmp_path)
    assert boxes.store("b@town.example", MAIL)
    (mail,) = (tmp_path / "b@town.example" / "new").iterdir()
    mail.rename(tmp_path / "b@town.example" / "cur" / f"{mail.name}:2,S")
    assert not boxes.store("b@town.example", MAIL)


def test_mails_without_id_are_told_apart_by_their_bytes(tmp_path: Path) -> None:
    boxes = Maildir(tmp_path)
    assert [boxes.store("b@town.example", body) for body in (b"\r\none", b"\r\ntwo", b"\r\none")] == [True, True, False]


@pytest.mark.parametrize("address", ["../../x@town.example", "a/b@town.example", "!x@town.example"])
def test_an_address_cannot_name_a_place_outside_the_folder(tmp_path: Path, address: str) -> None:
    with (
        local_sink(tmp_path / "box") as (host, port),
        smtplib.SMTP(host, port, "localhost", timeout=PATIENCE_S) as client,
    ):
        client.ehlo()
        client.mail("a@erqi.example")
        code, _ = client.rcpt(address)
    assert code in (501, 553)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["box", "sink.log"]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1", "mail.example", "::"])
def test_it_does_not_listen_for_other_machines(tmp_path: Path, host: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--maildir", str(tmp_path), "--port-file", str(tmp_path / "port"), "--host", host])
    assert ended.value.code == 2
    assert "listens on this machine only" in capsys.readouterr().err
    assert not (tmp_path / "port").exists()


def test_it_ends_cleanly_on_sigterm(tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    command = [sys.executable, "-m", "wuyu.sink", "--maildir", str(tmp_path / "box"), "--port-file", str(port_file)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        host, port = until("the port", lambda: port_file.exists() and port_file.read_text().split())
        with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
            assert connection.recv(3) == b"220"
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, said) == (0, b"")


def test_it_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, os, signal; from pathlib import Path; from wuyu.sink import local_sink\n"
        "with local_sink(Path(sys.argv[1])) as (host, port):\n"
        "    print(port, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False)
    port = int(done.stdout)
    assert done.returncode == -signal.SIGKILL
    until("the sink to end with the process that started it", lambda: _is_refused(port))


def _is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_sink_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink.sys, "executable", "/bin/false")
    with pytest.raises(DispatchError, match="the mail sink did not start: it said nothing"), local_sink(tmp_path):
        pass


def test_a_full_disk_is_told_to_the_sender(tmp_path: Path) -> None:
    with local_sink(tmp_path) as (host, port), smtplib.SMTP(host, port, "localhost", timeout=PATIENCE_S) as client:
        (tmp_path / "b@town.example").write_text("a file where the box should be")
        with pytest.raises(smtplib.SMTPDataError, match="452"):
            client.sendmail("a@erqi.example", ["b@town.example"], MAIL)


def test_the_folder_is_made(tmp_path: Path) -> None:
    assert Maildir(tmp_path / "deep" / "box").folder.is_dir()
    assert (tmp_path / "deep" / "box").stat().st_uid == os.getuid()
