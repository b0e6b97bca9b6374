"""Where replies lie: a Maildir on disk, or a folder on an IMAP server."""

from __future__ import annotations

import imaplib
import os
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from risk_models.errors import ConfigError, DispatchError
from wuyu.returns.boxes import BODY_MAX_BYTES

__all__ = [
    "ImapMailbox",
    "ImapSettings",
    "MaildirMailbox",
    "has_mailbox",
    "mailbox_from_environment",
    "password_from_environment",
]

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")


class _RefusedError(DispatchError):
    """The server answered, and would not do what it was asked for one mail."""


class _CutOffError(DispatchError):
    """The connection ended."""


class MaildirMailbox:
    """New mails of a Maildir; one that was dealt with moves from ``new`` to ``cur``.

    Parameters
    ----------
    folder : Path
        Holds ``new`` and ``cur``.

    Raises
    ------
    ConfigError
        If `folder` is no Maildir.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / "new").is_dir():
            raise ConfigError(f"{folder} is no Maildir: it holds no folder 'new'")
        self.folder = folder

    def mails(self) -> Iterator[tuple[str, bytes | None]]:
        """Give (file name, raw bytes) of each new mail, oldest name first; links and folders are passed over.

        A file that cannot be opened has no bytes: it keeps nobody from reading those behind it.
        """
        for path in sorted((self.folder / "new").iterdir()):
            if path.is_symlink() or not path.is_file():
                continue
            try:
                with path.open("rb") as stream:
                    raw = stream.read(BODY_MAX_BYTES + 1)
            except FileNotFoundError:
                continue  # another process was faster
            except OSError:
                raw = None
            yield path.name, raw if raw is not None and len(raw) <= BODY_MAX_BYTES else None

    def done(self, key: str) -> None:
        """Move a mail to ``cur``, marked as seen."""
        target = self.folder / "cur"
        target.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):  # another process was faster
            (self.folder / "new" / key).replace(target / f"{key}:2,S")


@dataclass(frozen=True, kw_only=True)
class ImapSettings:
    """Where the mailbox is and how it is reached.

    Attributes
    ----------
    host, port, username, folder
    password : str
        From the environment, never from a file of the project.
    security : {"ssl", "starttls", "none"}
        None is for this machine only.
    ca_file : Path or None
        Authority to trust instead of the public ones.
    timeout_s : float
    """

    host: str
    username: str
    password: str = field(repr=False)
    port: int = 993
    folder: str = "INBOX"
    security: Literal["ssl", "starttls", "none"] = "ssl"
    ca_file: Path | None = None
    timeout_s: float = 30.0


class ImapMailbox:
    """Unseen mails of a folder on an IMAP server [1]_; one that was dealt with is marked as seen.

    Use it in a ``with``.

    References
    ----------
    .. [1] RFC 9051. https://www.rfc-editor.org/rfc/rfc9051
    """

    def __init__(self, settings: ImapSettings) -> None:
        if settings.security == "none" and settings.host not in _LOOPBACK:
            raise ConfigError(f"IMAP to {settings.host} must be encrypted: use ssl or starttls")
        if re.search(r'[\x00-\x1f\x7f"\\]', settings.folder):
            raise ConfigError(f"IMAP folder {settings.folder!r} holds a character that no folder name has")
        self.settings = settings
        self._imap: imaplib.IMAP4 | None = None

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _open(self) -> None:
        try:
            self._imap = self._connect()
        except (imaplib.IMAP4.error, OSError) as error:
            raise DispatchError(f"cannot open the mailbox at {self.settings.host}: {_said(error)}") from None

    def _close(self) -> None:
        if self._imap is not None:
            with suppress(imaplib.IMAP4.error, OSError):
                self._imap.logout()
            with suppress(imaplib.IMAP4.error, OSError):
                self._imap.shutdown()  # where the server hung up, or it stays open
            self._imap = None

    def mails(self) -> Iterator[tuple[str, bytes | None]]:
        """Give (UID, raw bytes) of each unseen mail; a large one is not fetched."""
        for uid in self._do("SEARCH", "UNSEEN")[0].split():
            found = self._mail(uid.decode("ascii"))
            if found is not None:
                yield found

    def _mail(self, key: str) -> tuple[str, bytes | None] | None:
        """Return one mail; None if it is gone. A server may refuse one mail, or break at it and hang up."""
        for _ in range(2):
            try:
                return self._fetched(key)
            except _RefusedError:
                break
            except _CutOffError:
                self._close()
                self._open()  # else the mails behind it would never be read
        return f"{self.settings.host} {key} refused", None

    def _fetched(self, key: str) -> tuple[str, bytes | None] | None:
        size = _SIZE.search(_joined(self._do("FETCH", key, "(RFC822.SIZE)")))
        if size is None:
            return None
        if int(size[1]) > BODY_MAX_BYTES:
            return f"{self.settings.host} {key} {size[1].decode()}", None
        parts = self._do("FETCH", key, "(BODY.PEEK[])")
        raw = next((part[1] for part in parts if isinstance(part, tuple)), None)
        return None if raw is None else (key, raw)

    def done(self, key: str) -> None:
        """Mark a mail as seen."""
        uid = key.split()[1] if " " in key else key
        self._do("STORE", uid, "+FLAGS.SILENT", r"(\Seen)")

    def _connect(self) -> imaplib.IMAP4:
        settings = self.settings
        host, port, timeout = settings.host, settings.port, settings.timeout_s
        context = ssl.create_default_context(cafile=None if settings.ca_file is None else str(settings.ca_file))
        imap: imaplib.IMAP4
        if settings.security == "ssl":
            imap = imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=timeout)
        else:
            imap = imaplib.IMAP4(host, port, timeout=timeout)
        try:
            if settings.security == "starttls":
                imap.starttls(context)
            imap.login(settings.username, settings.password)
            status, data = imap.select(f'"{settings.folder}"')
            if status != "OK":
                raise imaplib.IMAP4.error(_joined(data).decode("utf-8", "replace"))
        except BaseException:
            with suppress(imaplib.IMAP4.error, OSError):
                imap.shutdown()
            raise
        return imap

    def _do(self, command: str, *arguments: str) -> list[Any]:
        if self._imap is None:
            raise DispatchError("the mailbox is not open; use it in a with block")
        try:
            status, data = self._imap.uid(command, *arguments)
        except (imaplib.IMAP4.error, OSError) as error:
            raise _CutOffError(f"the mailbox at {self.settings.host} failed at {command}: {_said(error)}") from None
        if status != "OK":
            raise _RefusedError(f"the mailbox at {self.settings.host} refused {command}")
        return [part for part in data if part is not None] or [b""]


def password_from_environment() -> str:
    """Return the password of the mailbox: ``WUYU_IMAP_PASSWORD``.

    Raises
    ------
    ConfigError
        If it is not set.
    """
    password = os.environ.get("WUYU_IMAP_PASSWORD", "")
    if not password:
        raise ConfigError("the environment variable WUYU_IMAP_PASSWORD is not set")
    return password


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
    prefix = f"WUYU_{kind}_"
    if not has_mailbox(kind):
        raise ConfigError(f"no mailbox is named: set {prefix}MAILDIR or {prefix}IMAP_HOST")
    folder = os.environ.get(f"{prefix}MAILDIR", "")
    if folder:
        yield MaildirMailbox(Path(folder))
        return
    security, authority = os.environ.get(f"{prefix}IMAP_SECURITY") or "ssl", os.environ.get(f"{prefix}IMAP_CA", "")
    if security not in ("ssl", "starttls", "none"):
        raise ConfigError(f"{prefix}IMAP_SECURITY is {security!r}; accepted: ssl, starttls, none (this machine only)")
    settings = ImapSettings(
        host=os.environ[f"{prefix}IMAP_HOST"],
        port=int(os.environ.get(f"{prefix}IMAP_PORT") or 993),
        username=os.environ.get(f"{prefix}IMAP_USER", ""),
        password=password_from_environment(),
        folder=os.environ.get(f"{prefix}IMAP_FOLDER") or "INBOX",
        security=security,  # type: ignore[arg-type]
        ca_file=Path(authority) if authority else None,
    )
    with ImapMailbox(settings) as mailbox:
        yield mailbox


def _joined(parts: list[Any]) -> bytes:
    return b" ".join(part if isinstance(part, bytes) else b" ".join(part) for part in parts if part is not None)


def _said(error: BaseException) -> str:
    """Return what went wrong, without what we sent."""
    text = str(error) or type(error).__name__
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text)[:200]
