"""What a form may hold: read strictly, cleaned, and refused in words that say what to do."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from wuyu.ack.book import Observation
from wuyu.ledger.acknowledgements import Answer, Seen

__all__ = ["FormError", "GivenAnswer", "clean", "read_answer", "read_floods", "read_form"]

NAME_MAX, REASON_MAX, FIELDS_MAX = 40, 300, 600
_DEPTH_MAX_CM = 2000
_SEEN_EARLIER = timedelta(hours=72)
_CLOCK_SLACK = timedelta(minutes=5)


class FormError(ValueError):
    """A form that cannot be taken; the text says why in both languages."""


@dataclass(frozen=True)
class GivenAnswer:
    """An answer as the form gives it, cleaned."""

    answer: Answer
    name: str
    reason: str


def clean(text: str, longest: int) -> str:
    r"""Return one line without control, format or bidi characters, cut to `longest` characters.

    Examples
    --------
    >>> clean("  王\u202e值班\r\nBcc: a@b ", 40)
    '王值班 Bcc: a@b'
    """
    kept = (char for char in " ".join(text.split()) if unicodedata.category(char) not in {"Cc", "Cf", "Co", "Cs", "Cn"})
    return " ".join("".join(kept).split())[:longest].strip()


def read_form(body: bytes) -> dict[str, str]:
    """Read a posted form; a field that stands twice is refused.

    Raises
    ------
    FormError
        If it is no form, or has too many fields.
    """
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    except (ValueError, UnicodeDecodeError):
        raise FormError("表单无法读取。 The form cannot be read.") from None
    if any(len(values) > 1 for values in fields.values()):
        raise FormError("表单有重复项。 A field of the form stands twice.")
    return {name: values[0] for name, values in fields.items()}


def read_answer(fields: Mapping[str, str]) -> GivenAnswer:
    """Return the answer that a form gives.

    Raises
    ------
    FormError
        If the name, or the reason of "cannot act", is missing.
    """
    name = _name(fields)
    reason = clean(fields.get("reason", ""), REASON_MAX)
    try:
        answer = Answer(fields.get("answer", ""))
    except ValueError:
        raise FormError("请选择“已收到”或“无法处置”。 Choose 'received' or 'cannot act'.") from None
    if answer is Answer.CANNOT_ACT and not reason:
        raise FormError("请写明无法处置的原因。 Write why you cannot act.")
    return GivenAnswer(answer, name, reason)


def read_floods(
    fields: Mapping[str, str],
    hotspots: Iterable[str],
    *,
    zone: str,
    asked_at: datetime,
    now: datetime,
    all_dry: Iterable[str] = (),
) -> tuple[str, list[Observation]]:
    """Return who reports, and what was seen at each hotspot that the form names.

    Parameters
    ----------
    fields : mapping
        For each hotspot ``seen-ID``, ``depth-ID`` [cm] and ``at-ID`` (local time).
    hotspots : iterable of str
        Ids that may be reported on; others in the form are passed over.
    zone : str
        Local time zone.
    asked_at, now : datetime
        What was seen lies between three days before the bulletin and now.
    all_dry : iterable of str
        Places that the one press ``all=dry`` speaks of, seen now.

    Raises
    ------
    FormError
        Naming the hotspot.
    """
    name = _name(fields)
    found = []
    if fields.get("all") == Seen.DRY:
        return name, _all_dry(fields, all_dry, now)
    for hotspot in hotspots:
        if f"seen-{hotspot}" in fields:
            found.append(_observation(fields, hotspot, zone, (asked_at - _SEEN_EARLIER, now + _CLOCK_SLACK)))
    return name, found


def _all_dry(fields: Mapping[str, str], places: Iterable[str], now: datetime) -> list[Observation]:
    """Return that each place was seen dry this minute; one that is marked flooded in the same form contradicts it."""
    places = list(places)
    wet = [place for place in places if fields.get(f"seen-{place}") == Seen.FLOODED]
    if wet or not places:
        named = "、".join(wet) or "—"
        raise FormError(f"{named}：已选“积水”，请逐处提交。 Marked as flooded: send the places one by one.")
    return [Observation(place, Seen.DRY, 0.0, now.replace(second=0, microsecond=0)) for place in places]


def _name(fields: Mapping[str, str]) -> str:
    name = clean(fields.get("name", ""), NAME_MAX)
    if not name:
        raise FormError("请填写姓名。 Write your name.")
    return name


def _observation(fields: Mapping[str, str], hotspot: str, zone: str, span: tuple[datetime, datetime]) -> Observation:
    try:
        seen = Seen(fields[f"seen-{hotspot}"])
    except ValueError:
        raise FormError(
            f"{hotspot}：请选择积水、未积水或未核查。 Choose flooded, not flooded or not checked."
        ) from None
    if seen is Seen.UNCHECKED:
        return Observation(hotspot, seen)
    depth_m = _depth(fields.get(f"depth-{hotspot}", ""), hotspot) if seen is Seen.FLOODED else 0.0
    return Observation(hotspot, seen, depth_m, _seen_at(fields.get(f"at-{hotspot}", ""), hotspot, zone, span))


def _depth(text: str, hotspot: str) -> float | None:
    """Return a depth [m] from whole centimetres; an empty field is no guess."""
    digits = text.strip()
    if not digits:
        return None
    if re.fullmatch(r"[0-9]{1,4}", digits) is None or not 0 < int(digits) <= _DEPTH_MAX_CM:
        raise FormError(f"{hotspot}：水深请填1至{_DEPTH_MAX_CM}的整数（厘米）。 Depth: whole centimetres from 1.")
    return int(digits) / 100.0


def _seen_at(text: str, hotspot: str, zone: str, span: tuple[datetime, datetime]) -> datetime:
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?", text.strip()) is None:
            raise ValueError("no local time")
        at = datetime.fromisoformat(text.strip()).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except ValueError:
        raise FormError(f"{hotspot}：请填写核查时间。 Write the time at which it was seen.") from None
    if not span[0] <= at <= span[1]:
        raise FormError(f"{hotspot}：核查时间不在本次预警期间。 That time is outside this warning.")
    return at
