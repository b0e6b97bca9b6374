"""What goes out beside mail, as bytes: a JSON summary with the CAP message, a bundle of files, a short message.

The same bulletin gives the same bytes. Field names are a promise to the receivers; a change of meaning changes the
name of the schema.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from reports.words import ACTION_WORDS, LANGUAGES, Text
from risk_models.levels import Level

if TYPE_CHECKING:
    from reports.bulletin import Bulletin
    from risk_models.warning.records import WarningRecord

__all__ = [
    "FILES_SCHEMA",
    "SMS_SCHEMA",
    "SMS_UNITS",
    "SUMMARY_SCHEMA",
    "as_bytes",
    "bundle_of",
    "file_bundle",
    "notice_texts",
    "sms_body",
    "sms_texts",
    "summary",
    "with_cap",
]

SUMMARY_SCHEMA: Final = "wuyu-alert-1"
FILES_SCHEMA: Final = "wuyu-files-1"
SMS_SCHEMA: Final = "wuyu-sms-1"
SMS_UNITS: Final = 70
"""Characters of one short message that holds Chinese (UCS-2)."""

_MIMES: Final = {"cap.xml": "application/cap+xml", "pdf": "application/pdf"}
_STATUS_ZH: Final = {"Exercise": "演练", "System": "系统", "Test": "测试", "Draft": "草稿"}
_ENDED: Final = "解除"


def summary(record: WarningRecord, bulletin: Bulletin, *, scope: str, district_code: str) -> dict[str, Any]:
    """Return the essentials of a bulletin as plain data.

    Parameters
    ----------
    record : WarningRecord
    bulletin : Bulletin
        Issued of it.
    scope : str
        As in CAP.
    district_code : str
    """
    zone = ZoneInfo(bulletin.zone)
    times = {name: getattr(record, name) for name in ("issued_at", "valid_from", "valid_to")}
    return {
        "schema": SUMMARY_SCHEMA,
        "message_id": record.message_id,
        "event_key": record.event_key,
        "warning_id": record.warning_id,
        "revision": record.revision,
        "action": str(record.action),
        "supersedes": record.supersedes,
        "status": bulletin.status,
        "scope": scope,
        "demonstration": bulletin.demonstration,
        **({"marks": [_both(mark) for mark in bulletin.marks]} if bulletin.marks else {}),
        "district": {"code": district_code, "name": _both(bulletin.district)},
        "area": {"code": record.area_code, "name": _both(bulletin.area)},
        "level": _level(record.level),
        "previous_level": _level(record.previous_level),
        **{name: at.astimezone(zone).isoformat() for name, at in times.items()},
        "headline": _both(bulletin.headline),
        "reason": _both(bulletin.reason),
        "issuer": _both(bulletin.issuer),
        "reply_code": bulletin.code,
        "unconfirmed": record.unconfirmed,
        "degraded": record.degraded,
        "hotspots": [
            {"id": line.hotspot_id, "name": _both(line.name), "level": str(line.level)} for line in bulletin.hotspots
        ],
    }


def as_bytes(value: Mapping[str, Any]) -> bytes:
    """Return plain data as JSON in UTF-8, keys in the order given.

    Examples
    --------
    >>> as_bytes({"zh": "预警"}).decode()
    '{"zh": "预警"}'
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


def with_cap(facts: Mapping[str, Any], cap: bytes) -> bytes:
    """Return a summary as bytes, with the CAP message in it."""
    found = {"media_type": _MIMES["cap.xml"], "sha256": hashlib.sha256(cap).hexdigest(), "content": cap.decode()}
    return as_bytes({**facts, "cap": found})


def file_bundle(facts: Mapping[str, Any], paths: Mapping[str, Path]) -> bytes:
    """Return the CAP message, the PDF and their index as one bundle for `FileDropTransport`.

    Parameters
    ----------
    facts : mapping
        From `summary`; becomes the index, together with name, digest and size of each file.
    paths : mapping of str to Path
        Files of the bulletin by kind.
    """
    return bundle_of(facts, {kind: (path.name, path.read_bytes()) for kind, path in paths.items() if kind in _MIMES})


def bundle_of(facts: Mapping[str, Any], contents: Mapping[str, tuple[str, bytes]]) -> bytes:
    """Return files and their index as one bundle for `FileDropTransport`.

    Parameters
    ----------
    facts : mapping
        Becomes the index, together with name, digest and size of each file; with ``message_id``.
    contents : mapping of str to (str, bytes)
        Name and content by kind: ``cap.xml``, ``pdf``.
    """
    files = []
    for kind, mime in _MIMES.items():
        if kind in contents:
            name, data = contents[kind]
            digest = hashlib.sha256(data).hexdigest()
            content = base64.b64encode(data).decode("ascii")
            entry = {"name": name, "media_type": mime, "sha256": digest, "bytes": len(data)}
            files.append({**entry, "content": content})
    index = {**facts, "files": [{key: one[key] for key in one if key != "content"} for one in files]}
    bundle = {"schema": FILES_SCHEMA, "message_id": facts["message_id"], "index": index, "files": files}
    return as_bytes(bundle)


def sms_texts(record: WarningRecord, bulletin: Bulletin) -> tuple[str, ...]:
    """Return one or two short messages of at most 70 characters each.

    They say the five facts of every product in their order: where water stands, level, kind and place; the most
    dangerous window and the validity; what is done first; whom to answer with which code until when; when the next
    message comes. If there is room for all, the first message holds them and the second names the worst places; else
    the second begins with whom to answer. Both say that it is an exercise if it is one.

    Parameters
    ----------
    record : WarningRecord
    bulletin : Bulletin
    """
    mark, zone = "".join(f"【{word}】" for word in _marks(bulletin)), ZoneInfo(bulletin.zone)
    place = bulletin.area["zh"].removeprefix(bulletin.district["zh"]) or bulletin.area["zh"]
    head, answer = _head(record, bulletin, zone), _answer(record, bulletin, zone)
    names = [line.name["zh"] for line in bulletin.hotspots]
    room = SMS_UNITS - _units(mark + head.before + head.after + answer)
    order = _first_order(bulletin)
    if room >= _units(place) + min(_units(order), _ORDER_UNITS):
        first = mark + head.before + place + head.after + _cut(order, room - _units(place)) + answer
        if record.action.is_end or not names:
            return (first,)
        return first, _list_of(f"{mark}{_cut(place, 12)}重点：", names, "。")
    left = max(2, min(_units(place), SMS_UNITS - _units(mark + head.before + head.after) - _ORDER_UNITS))
    first = mark + head.before + _cut(place, left) + head.after
    second = _fitted(mark, place, f"：{answer.removeprefix('。')}")
    return first + _cut(order, SMS_UNITS - _units(first)), second


@dataclass(frozen=True)
class _Head:
    """What stands before and after the name of the place."""

    before: str
    after: str


_ORDER_UNITS: Final = 8
"""Least room for what is done first."""


def _head(record: WarningRecord, bulletin: Bulletin, zone: ZoneInfo) -> _Head:
    """Say where water stands, level and kind; then the most dangerous window and the validity."""
    level = "" if record.level is Level.UNKNOWN else record.level.zh
    if record.action.is_end:
        return _Head(f"{_ENDED}{level}预警", f"（{_hour(record.issued_at, zone)}）。")
    wet = bulletin.standing
    many = f"等{len(wet)}处" if len(wet) > 1 else ""
    now = f"{_cut(wet[0].name['zh'], _NAME_UNITS)}{many}已积水！" if wet else ""
    kind = f"{level or '等级未知'}{ACTION_WORDS[bulletin.action]['zh']} "
    end = _hour(bulletin.valid_to, zone)
    if bulletin.danger is None:
        return _Head(now + kind, f"：最险时段未知，效至{end}。")
    begin, danger_end = (at.astimezone(zone) for at in bulletin.danger)
    until = f"{danger_end:%-H}时" if begin.date() == danger_end.date() else _hour(danger_end, zone)
    return _Head(now + kind, f"：{_hour(begin, zone)}至{until}最险，效至{end}。")


_NAME_UNITS: Final = 9


def _first_order(bulletin: Bulletin) -> str:
    """Say what is done first, and who does it."""
    if not bulletin.orders:
        return ""
    order = bulletin.orders[0]
    many = f"等{order.more + 1}处" if order.more else ""
    name = f"{_cut(order.name['zh'], _NAME_UNITS)}{many}" if order.name else ""
    told = f"{name}{order.clauses[0]['zh'].rstrip('。')}"
    return f"{told}（{order.unit['zh']}）"


def _answer(record: WarningRecord, bulletin: Bulletin, zone: ZoneInfo) -> str:
    """Say whom to answer, with which code and until when, and when the next message comes."""
    phone = "".join(character for character in bulletin.office_phone if character.isdigit())
    how = f"。电{phone}报{bulletin.code}" if phone else f"。回复报{bulletin.code}"
    by = "" if bulletin.answer_by is None else f"，{bulletin.answer_by.astimezone(zone):%H:%M}前"
    return how + by + ("" if record.action.is_end else f"。{_hour(bulletin.valid_to, zone)}再报")


def _hour(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local.day}日{local:%H:%M}" if local.minute else f"{local.day}日{local.hour}时"


def notice_texts(marks: Mapping[str, bool], place: str, words: str) -> tuple[str, ...]:
    """Return a notice of one sentence as a short message.

    Examples
    --------
    >>> notice_texts({"演练": True, "演示数据": False}, "建中街街道", "雨情资料中断，风险未知")
    ('【演练】建中街街道雨情资料中断，风险未知',)
    """
    mark = "".join(f"【{word}】" for word, holds in marks.items() if holds)
    return (_fitted(mark, place, words),)


def sms_body(texts: tuple[str, ...], *, message_id: str, to: str, status: str) -> bytes:
    """Return what the gateway is sent for one number; ``id`` is of this message to this number."""
    identifier = f"{message_id}:{hashlib.sha256(to.encode()).hexdigest()[:12]}"
    facts = {"schema": SMS_SCHEMA, "id": identifier, "message_id": message_id, "status": status, "to": to}
    return as_bytes({**facts, "texts": list(texts)})


def _both(text: Text) -> dict[str, str]:
    return {lang: text[lang] for lang in LANGUAGES}


def _level(level: Level) -> dict[str, Any]:
    return {"code": str(level), "number": int(level), "zh": level.zh, "en": level.en}


def _marks(bulletin: Bulletin) -> list[str]:
    status = "" if bulletin.status == "Actual" else _STATUS_ZH[bulletin.status]
    further = [mark.zh.partition("：")[0] for mark in bulletin.marks]
    return ([status] if status else []) + (["演示数据"] if bulletin.demonstration else []) + further


def _units(text: str) -> int:
    """Return the length of a short message: UTF-16 units, of which rare characters take two."""
    return len(text.encode("utf-16-le")) // 2


def _cut(text: str, units: int) -> str:
    """Return `text` shortened to `units`, with a sign that something is missing."""
    if _units(text) <= units:
        return text
    while text and _units(text) > units - 1:
        text = text[:-1]
    return f"{text}…"


def _fitted(mark: str, place: str, rest: str) -> str:
    """Return the whole within one message; only the name of the place may be shortened."""
    return mark + _cut(place, max(2, SMS_UNITS - _units(mark) - _units(rest))) + rest


def _list_of(head: str, names: list[str], tail: str) -> str:
    """Return as many names as fit, and how many there are if some do not."""
    kept: list[str] = []
    for name in names:
        more = f"等{len(names)}处" if len(kept) + 1 < len(names) else ""
        if _units(head + "、".join([*kept, name]) + more + tail) > SMS_UNITS:
            break
        kept.append(name)
    if not kept:
        return head + _cut(names[0], SMS_UNITS - _units(head) - _units(tail)) + tail
    return head + "、".join(kept) + (f"等{len(names)}处" if len(kept) < len(names) else "") + tail
