"""The mailbox that a verb reads: on this disk or on a mail server."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wuyu.returns.mailboxes import ImapMailbox, MaildirMailbox

__all__ = ["add_mailbox", "opened_mailbox"]


def add_mailbox(parser: argparse.ArgumentParser, *, on_disk: str) -> None:
    """Add --maildir, or --imap-host with what belongs to it."""
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--maildir", type=Path, metavar="DIR", help=on_disk)
    where.add_argument("--imap-host", metavar="HOST", help="mail server; its password stands in $WUYU_IMAP_PASSWORD")
    parser.add_argument("--imap-port", type=int, default=993)
    parser.add_argument("--imap-user", default="")
    parser.add_argument("--imap-folder", default="INBOX")
    parser.add_argument("--imap-security", choices=("ssl", "starttls", "none"), default="ssl")
    parser.add_argument("--imap-ca", type=Path, metavar="FILE", help="authority to trust instead of the public ones")


@contextmanager
def opened_mailbox(arguments: argparse.Namespace) -> Iterator[MaildirMailbox | ImapMailbox]:
    """Open the mailbox that the arguments name."""
    from wuyu.returns.mailboxes import ImapMailbox, ImapSettings, MaildirMailbox, password_from_environment

    if arguments.maildir is not None:
        yield MaildirMailbox(arguments.maildir)
        return
    settings = ImapSettings(
        host=arguments.imap_host,
        port=arguments.imap_port,
        username=arguments.imap_user,
        password=password_from_environment(),
        folder=arguments.imap_folder,
        security=arguments.imap_security,
        ca_file=arguments.imap_ca,
    )
    with ImapMailbox(settings) as mailbox:
        yield mailbox
