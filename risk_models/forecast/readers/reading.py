"""What a reader says about a file, and the guards every reader of files shares."""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from risk_models.errors import BadInputError, Finding

__all__ = ["FileReading", "gunzip", "read_bytes", "shorten"]

MAX_PER_CODE = 50


@dataclass(frozen=True, kw_only=True)
class FileReading:
    """What was read from one file.

    Attributes
    ----------
    file : str
        File name.
    sha256 : str
        Of the bytes as received.
    encoding : str
        Text encoding, or the binary format.
    rows_read, rows_rejected : int
        Rows of data in the file, and those of them that could not be used at all.
    values_missing, values_failed : int
        Values marked missing (9) and failed (4) in the result.
    first_value_at, last_value_at : datetime or None
        First and last step with any usable value, UTC.
    findings : tuple of Finding
        Everything that was not as it should be; long lists of one kind are cut with a count.
    """

    file: str
    sha256: str
    encoding: str
    rows_read: int
    rows_rejected: int
    values_missing: int
    values_failed: int
    first_value_at: datetime | None
    last_value_at: datetime | None
    findings: tuple[Finding, ...]


def read_bytes(path: Path, *, limit_bytes: int) -> tuple[bytes, str]:
    """Return the bytes of a file of bounded size and their sha256.

    Raises
    ------
    BadInputError
        If the file is absent, not a plain file, empty, or larger than the limit.
    """

    def refuse(code: str, message: str, fix: str, value: str | None = None) -> BadInputError:
        return BadInputError(path.name, [Finding(code=code, message=message, file=path.name, value=value, fix=fix)])

    if not path.is_file():
        raise refuse("missing-file", "no such file", "check the feed and its path")
    with path.open("rb") as stream:
        data = stream.read(limit_bytes + 1)
    if not data:
        raise refuse("empty-file", "the file is empty", "fetch it again")
    if len(data) > limit_bytes:
        raise refuse("file-too-large", f"the file is larger than {limit_bytes} bytes", "split it by period")
    return data, hashlib.sha256(data).hexdigest()


def gunzip(data: bytes, *, file: str, limit_bytes: int) -> bytes:
    """Return gzip content of bounded size; bytes that are not gzip come back as they are.

    Raises
    ------
    BadInputError
        If the stream is broken or cut, or holds more than the limit.

    Examples
    --------
    >>> import gzip
    >>> gunzip(gzip.compress(b"rain"), file="a.gz", limit_bytes=4), gunzip(b"rain", file="a", limit_bytes=4)
    (b'rain', b'rain')
    """
    if not data.startswith(b"\x1f\x8b"):
        return data

    def refuse(code: str, message: str, fix: str) -> BadInputError:
        return BadInputError(file, [Finding(code=code, message=message, file=file, fix=fix)])

    content = b""
    while data:
        stream = zlib.decompressobj(wbits=31)
        try:
            content += stream.decompress(data, limit_bytes + 1 - len(content))
        except zlib.error:
            raise refuse("bad-gzip", "the gzip stream is broken", "fetch it again") from None
        if len(content) > limit_bytes:
            raise refuse("file-too-large", f"the content is larger than {limit_bytes} bytes", "split it by period")
        if not stream.eof:
            raise refuse("bad-gzip", "the gzip stream is cut", "fetch it again")
        data = stream.unused_data.lstrip(b"\0")
    return content


def shorten(findings: Iterable[Finding], file: str) -> tuple[Finding, ...]:
    """Keep the first findings of every kind and say how many more there were.

    Examples
    --------
    >>> many = [Finding(code="negative-rain", message="rain is negative", file="g.csv", row=n) for n in range(60)]
    >>> len(shorten(many, "g.csv")), shorten(many, "g.csv")[-1].message
    (51, '10 more findings of this kind')
    """
    seen: Counter[str] = Counter()
    kept = []
    for finding in findings:
        seen[finding.code] += 1
        if seen[finding.code] <= MAX_PER_CODE:
            kept.append(finding)
    rest = [(code, count - MAX_PER_CODE) for code, count in seen.items() if count > MAX_PER_CODE]
    more = [
        Finding(code=code, message=f"{count} more findings of this kind", file=file, severity="warning")
        for code, count in rest
    ]
    return (*kept, *more)
