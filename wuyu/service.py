"""Where things are: the desk and its ledger as the environment describes them, for DAG tasks and for verbs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from risk_models.errors import ConfigError

if TYPE_CHECKING:
    from wuyu.delivery.smtp import SmtpTransport
    from wuyu.desk import Desk
    from wuyu.returns.mailboxes import ImapMailbox, MaildirMailbox
    from wuyu.station import Station

__all__ = [
    "desk_from_environment",
    "environment",
    "has_mailbox",
    "mailbox_from_environment",
    "station_from_environment",
    "transport_from_environment",
]


def environment(*, district: Path, out: Path, smtp_host: str = "", smtp_port: int = 0) -> dict[str, str]:
    """Return the variables that describe a desk to a child process.

    Examples
    --------
    >>> sorted(environment(district=Path("data/erqi"), out=Path("out")))
    ['WUYU_DISTRICT', 'WUYU_OUT', 'WUYU_SMTP_HOST', 'WUYU_SMTP_PORT']
    """
    return {
        "WUYU_DISTRICT": str(district.resolve()),
        "WUYU_OUT": str(out.resolve()),
        "WUYU_SMTP_HOST": smtp_host,
        "WUYU_SMTP_PORT": str(smtp_port),
    }


def desk_from_environment() -> Desk:
    """Open the desk of ``WUYU_DISTRICT`` and ``WUYU_OUT``; a process opens it once.

    Raises
    ------
    ConfigError
        If a variable is not set.
    """
    return _open(_variable("WUYU_DISTRICT"), _variable("WUYU_OUT"))


def station_from_environment() -> Station:
    """Open the station of ``WUYU_DISTRICT`` and ``WUYU_OUT``; a process opens it once.

    Raises
    ------
    ConfigError
        If a variable is not set.
    """
    return _open_station(_variable("WUYU_DISTRICT"), _variable("WUYU_OUT"))


@lru_cache(maxsize=1)
def _open_station(district: str, out: str) -> Station:
    from wuyu.station import open_station

    return open_station(Path(district), Path(out))


@lru_cache(maxsize=1)
def _open(district: str, out: str) -> Desk:
    from wuyu.desk import open_desk

    return open_desk(Path(district), Path(out))


def transport_from_environment() -> SmtpTransport:
    """Return the way to the mail server of ``WUYU_SMTP_HOST`` and its kin; the password never stands in a file.

    Raises
    ------
    ConfigError
        If the host is not set.
    """
    from wuyu.delivery.smtp import SmtpSettings, SmtpTransport

    return SmtpTransport(
        SmtpSettings(
            host=_variable("WUYU_SMTP_HOST"),
            port=int(os.environ.get("WUYU_SMTP_PORT") or 25),
            starttls=os.environ.get("WUYU_SMTP_STARTTLS", "") == "1",
            username=os.environ.get("WUYU_SMTP_USER", ""),
            password=os.environ.get("WUYU_SMTP_PASSWORD", ""),
        )
    )


def has_mailbox(kind: str) -> bool:
    """Return True if the environment names a mailbox of this kind, ``REPLY`` or ``BOUNCE``."""
    return any(os.environ.get(f"WUYU_{kind}_{where}") for where in ("MAILDIR", "IMAP_HOST"))


@contextmanager
def mailbox_from_environment(kind: str) -> Iterator[MaildirMailbox | ImapMailbox]:
    """Open the mailbox of ``WUYU_<kind>_MAILDIR``, or of ``WUYU_<kind>_IMAP_HOST`` and its kin.

    Parameters
    ----------
    kind : str
        ``REPLY`` or ``BOUNCE``.

    Raises
    ------
    ConfigError
        If none is named, or the password (``WUYU_IMAP_PASSWORD``) is missing.
    DispatchError
        If it cannot be opened.
    """
    from wuyu.returns.mailboxes import ImapMailbox, ImapSettings, MaildirMailbox, password_from_environment

    prefix = f"WUYU_{kind}_"
    folder = os.environ.get(f"{prefix}MAILDIR", "")
    if folder:
        yield MaildirMailbox(Path(folder))
        return
    security, authority = os.environ.get(f"{prefix}IMAP_SECURITY") or "ssl", os.environ.get(f"{prefix}IMAP_CA", "")
    if security not in ("ssl", "starttls", "none"):
        raise ConfigError(f"{prefix}IMAP_SECURITY is {security!r}; accepted: ssl, starttls, none (this machine only)")
    settings = ImapSettings(
        host=_variable(f"{prefix}IMAP_HOST"),
        port=int(os.environ.get(f"{prefix}IMAP_PORT") or 993),
        username=os.environ.get(f"{prefix}IMAP_USER", ""),
        password=password_from_environment(),
        folder=os.environ.get(f"{prefix}IMAP_FOLDER") or "INBOX",
        security=security,  # type: ignore[arg-type]
        ca_file=Path(authority) if authority else None,
    )
    with ImapMailbox(settings) as mailbox:
        yield mailbox


def _variable(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise ConfigError(f"the environment variable {name} is not set; `wuyu up` and `wuyu demo` set it")
    return value
