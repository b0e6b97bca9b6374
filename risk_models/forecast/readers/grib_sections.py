"""GRIB2 messages taken apart by their section lengths, before any decoder sees them.

References
----------
WMO Manual on Codes, No. 306, Volume I.2, FM 92 GRIB edition 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from risk_models.errors import refuse
from risk_models.forecast.readers.field import MAX_VALUES

__all__ = ["GribField", "split_fields"]

MAX_FIELDS = 20_000


@dataclass(frozen=True)
class GribField:
    """One field as a message of its own.

    Attributes
    ----------
    message : bytes
        A whole GRIB2 message with one field.
    discipline, category, number : int
        What the field is (code tables 0.0, 4.1, 4.2).
    template : int
        Product definition template (code table 4.0).
    """

    message: bytes
    discipline: int
    category: int
    number: int
    template: int


def split_fields(data: bytes, file: str) -> Iterator[GribField]:
    """Give every field of a GRIB2 file as a message of its own.

    Parameters
    ----------
    data : bytes
        One or more messages; bytes between them are passed over.
    file : str
        Name, for messages.

    Yields
    ------
    GribField

    Raises
    ------
    BadInputError
        If no message is there, or a length, an edition, a size or the end mark is wrong.

    Examples
    --------
    >>> list(split_fields(b"<html>", "a.grib2"))
    Traceback (most recent call last):
    ...
    BadInputError: a.grib2: 1 problem
      a.grib2: is no GRIB file. [bad-grib]
    """
    place = data.find(b"GRIB")
    if place < 0:
        refuse(file, "bad-grib", "is no GRIB file")
    count = 0
    while place >= 0:
        message = _message(data, place, file)
        for field in _fields(message, file):
            count += 1
            if count > MAX_FIELDS:
                refuse(file, "bad-grib", "too many fields", accepted=f"at most {MAX_FIELDS}")
            yield field
        place = data.find(b"GRIB", place + len(message))


def _message(data: bytes, place: int, file: str) -> bytes:
    head = data[place : place + 16]
    if len(head) < 16:
        refuse(file, "bad-grib", "the file is cut within a message", fix="fetch it again")
    if head[7] != 2:
        refuse(file, "bad-grib", "wrong edition", value=head[7], accepted="GRIB edition 2")
    length = int.from_bytes(head[8:16], "big")
    if not 16 < length <= len(data) - place:
        rest = f"claims {length} bytes, {len(data) - place} are there"
        refuse(file, "bad-grib", "the file is cut within a message", value=rest, fix="fetch it again")
    message = data[place : place + length]
    if not message.endswith(b"7777"):
        refuse(file, "bad-grib", "a message has no end mark 7777", fix="fetch it again")
    return message


def _fields(message: bytes, file: str) -> Iterator[GribField]:
    """Rebuild a message per section 7: the sections that stand before it, each in its newest form."""
    current: dict[int, bytes] = {}
    place, end = 16, len(message) - 4
    while place < end:
        length = int.from_bytes(message[place : place + 4], "big")
        if length < 5 or place + length > end:
            refuse(file, "bad-grib", "a section is longer than its message", value=length, fix="fetch it again")
        number = message[place + 4]
        current[number] = message[place : place + length]
        place += length
        if number == 7:
            yield _field(message, current, file)


def _field(message: bytes, current: dict[int, bytes], file: str) -> GribField:
    lacking = [number for number in (1, 3, 4, 5, 6, 7) if number not in current]
    if lacking or len(current[3]) < 14 or len(current[4]) < 11 or len(current[5]) < 11:
        refuse(file, "bad-grib", "sections are missing or too short", value=lacking, fix="fetch it again")
    points = int.from_bytes(current[3][6:10], "big")
    packed = int.from_bytes(current[5][5:9], "big")
    if not 0 < points <= MAX_VALUES or packed > points:
        refuse(file, "bad-grib", "size out of bounds", value=f"{points} points", accepted=f"1 to {MAX_VALUES}")
    body = b"".join(current[number] for number in sorted(current))
    total = 16 + len(body) + 4
    product = current[4]
    return GribField(
        message=message[:8] + total.to_bytes(8, "big") + body + b"7777",
        discipline=message[6],
        category=product[9],
        number=product[10],
        template=int.from_bytes(product[7:9], "big"),
    )
