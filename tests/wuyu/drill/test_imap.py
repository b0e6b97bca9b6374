"""The Dovecot of a drill: an answer that the mail server laid down is read through it, once."""

from __future__ import annotations

import os
from email.message import EmailMessage
from pathlib import Path

import pytest

from risk_models.errors import DispatchError
from tests.replays import child_environment
from wuyu.drill.boxes import Boxes
from wuyu.drill.house import House
from wuyu.drill.imap import USER, choose_imap
from wuyu.returns.mailboxes import ImapMailbox, ImapSettings
from wuyu.sink import Maildir

PASSWORD = "geheim"


def _is_open(settings: ImapSettings) -> bool:
    try:
        with ImapMailbox(settings):
            return True
    except DispatchError:
        return False


def test_an_answer_is_read_once_by_imap_and_lies_in_its_place_afterwards(tmp_path: Path) -> None:
    box = tmp_path / "mailbox" / "duty@mini.example"
    box.parent.mkdir()
    server = choose_imap(box, PASSWORD, tmp_path / "imap.log")
    if server is None:
        pytest.skip("Dovecot is not installed")
    try:
        settings = ImapSettings(
            host="127.0.0.1", port=server.port, username=USER, password=PASSWORD, security="none"
        )  # fmt: skip
        with House(tmp_path / "logs", child_environment()) as house:
            house.start("imap", server.command)
            house.wait_for("the mail server", lambda: _is_open(settings))
            message = EmailMessage()
            message["From"], message["Subject"] = "town1@mini.example", "Re: 预警"
            message["X-Wuyu-Message"] = "M.r1"
            message.set_content("收到")
            boxes = Maildir(box.parent)
            assert boxes.store(box.name, b"Message-ID: <0@town.example>\r\n\r\nlost")
            (spoilt,) = (box / "new").iterdir()
            spoilt.chmod(0)  # at which Dovecot hangs up
            if os.geteuid() == 0:
                os.chown(spoilt, 0, 0)
            assert boxes.store(box.name, message.as_bytes())
            with ImapMailbox(settings) as opened:
                found = []
                for key, raw in opened.mails():
                    opened.done(key)
                    found.append(raw)
                assert len(found) == 2
                assert None in found
                raw = next(one for one in found if one is not None)
                assert b"Subject: Re:" in raw
            with ImapMailbox(settings) as opened:
                assert list(opened.mails()) == []
            assert [one.box for one in Boxes(box.parent, "http://127.0.0.1:1").letters()] == [box.name]
    finally:
        server.end()
    assert not box.is_symlink()
    assert len(list((box / "cur").iterdir())) == 2
    assert not server.folder.exists()
