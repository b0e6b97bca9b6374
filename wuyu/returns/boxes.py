"""Go through a mailbox so that no single mail keeps those behind it from being read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from risk_models.errors import DispatchError
from wuyu.ledger.faults import LedgerFaultError

__all__ = ["BODY_MAX_BYTES", "MailSource", "go_through"]

#: A mail beyond this is not read; an answer is some lines.
BODY_MAX_BYTES = 2 * 2**20

Taken = TypeVar("Taken")


class MailSource(Protocol):
    """A mailbox: gives raw mails one by one, and is told when one was dealt with."""

    def mails(self) -> Iterator[tuple[str, bytes | None]]:
        """Give (key, raw bytes) of each new mail; None for one that is too large or cannot be opened."""

    def done(self, key: str) -> None:
        """Mark a mail as dealt with."""


def go_through(
    source: MailSource,
    *,
    limit: int,
    was_seen: Callable[[str], bool],
    take: Callable[[bytes | None, str], Taken],
    broke: Callable[[str, str, Exception], Taken],
) -> list[Taken]:
    """Take each mail that was not seen before; one at which our reader breaks is set aside and the next is read.

    Parameters
    ----------
    source : MailSource
    limit : int
        At most so many new mails: a flood of mail does not keep the desk from anything else.
    was_seen : callable
        Tells of a digest whether that mail was taken before.
    take : callable
        Takes the raw bytes, None if there are none to read, and their digest.
    broke : callable
        Takes key, digest and error of a mail at which `take` broke.

    Returns
    -------
    list
        What `take` or `broke` said of each new mail.

    Raises
    ------
    LedgerFaultError
        If the ledger cannot be written: then nothing more is taken, and nothing is marked as dealt with.
    DispatchError
        After all others were read, if a mail cannot be marked as dealt with; at once, if the mailbox is gone.
    """
    taken: list[Taken] = []
    stuck: Exception | None = None
    for key, raw in source.mails():
        if len(taken) >= limit:
            break
        digest = hashlib.sha256(raw if raw is not None else key.encode()).hexdigest()
        if not was_seen(digest):
            taken.append(_taken(take, broke, key, raw, digest))
        try:
            source.done(key)
        except (DispatchError, OSError) as error:
            stuck = error
    if stuck is not None:
        raise DispatchError(f"a mail was read but cannot be marked as read: {stuck}")
    return taken


def _taken(
    take: Callable[[bytes | None, str], Taken],
    broke: Callable[[str, str, Exception], Taken],
    key: str,
    raw: bytes | None,
    digest: str,
) -> Taken:
    try:
        return take(raw, digest)
    except LedgerFaultError:
        raise
    except Exception as error:  # whatever it is, the mails behind it must be read
        return broke(key, digest, error)
