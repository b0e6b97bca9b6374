"""What every source of feed files does: bring bytes, and say plainly what it could not bring."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from risk_models.errors import FloodRiskError

__all__ = ["Arrival", "Feed", "FetchError", "Source", "is_unfinished", "safe_name"]

_UNFINISHED = (".part", ".tmp", ".partial", ".crdownload", ".filepart")
_MAX_NAME = 120


class FetchError(FloodRiskError):
    """A source could not bring what was asked; its text names no secret and may be logged."""


class Feed(Protocol):
    """What every feed of the district's settings has."""

    @property
    def id(self) -> str:
        """Name of the feed."""

    @property
    def kind(self) -> str:
        """Kind of file it brings."""

    @property
    def stale_after_h(self) -> float:
        """Age from which it counts as late [h]."""


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One file as it came.

    Attributes
    ----------
    name : str
    data : bytes or None
        None if it was too large to be taken.
    sha256 : str
        Of the bytes; where there are none, of what is known of the file, so that the next look knows it again.
    size_bytes : int
        Of the whole file, as far as it is known.
    problem : str
        Why it cannot be used, known before any reader saw it; empty otherwise.
    mark : str
        Key of the source's mark for this file: dropped if the file turns out broken, so that it is fetched again.
    """

    name: str
    data: bytes | None
    sha256: str
    size_bytes: int
    problem: str = ""
    mark: str = ""

    @classmethod
    def of(cls, name: str, data: bytes, *, problem: str = "", mark: str = "") -> Arrival:
        """Return the arrival of `data`.

        Examples
        --------
        >>> Arrival.of("g.csv", b"abc").sha256[:12], Arrival.of("g.csv", b"abc").size_bytes
        ('ba7816bf8f01', 3)
        """
        digest = hashlib.sha256(data).hexdigest()
        return cls(name=name, data=data, sha256=digest, size_bytes=len(data), problem=problem, mark=mark)

    @classmethod
    def too_large(cls, name: str, identity: str, *, size_bytes: int, limit_bytes: int, mark: str = "") -> Arrival:
        """Return the arrival of a file that was not taken, told apart by `identity`."""
        return cls(
            name=name,
            data=None,
            sha256=hashlib.sha256(identity.encode()).hexdigest(),
            size_bytes=size_bytes,
            problem=f"{name}: larger than {limit_bytes} bytes; it was not taken over",
            mark=mark,
        )


class Source(Protocol):
    """Where files come from.

    Attributes
    ----------
    marks : dict of str to str
        What the next look must know (an ETag, a size and time), as it stands when `fetch` has ended.
    """

    marks: dict[str, str]

    def fetch(self, since: datetime) -> Iterator[Arrival]:
        """Give every file there is, one by one.

        Parameters
        ----------
        since : datetime
            Nothing before it is needed.

        Raises
        ------
        FetchError
            After the last file, with everything that could not be brought.
        """


def is_unfinished(name: str) -> bool:
    """Return True for a file that is hidden or still being written.

    Examples
    --------
    >>> is_unfinished("g.csv.part"), is_unfinished(".g.csv"), is_unfinished("g.csv")
    (True, True, False)
    """
    return name.startswith(".") or Path(name).suffix.lower() in _UNFINISHED


def safe_name(name: str, default: str) -> str:
    """Return a name fit for a file of ours: letters of any script, digits, dot, dash and underscore.

    Examples
    --------
    >>> safe_name("../雨量 站.csv", "feed"), safe_name("..", "feed")
    ('_雨量_站.csv', 'feed')
    """
    clean = re.sub(r"[^\w.-]+", "_", name).lstrip(".")
    return clean[-_MAX_NAME:] if re.search(r"\w", clean) else default
