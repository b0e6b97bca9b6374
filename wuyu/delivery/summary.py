"""What goes out beside mail, as bytes: a JSON summary with the CAP message, a bundle of files, a short message.

The same bulletin gives the same bytes. Field names are a promise to the receivers; a change of meaning changes the
name of the schema.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from reports.words import LANGUAGES, Text
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
    files = []
    for kind, mime in _MIMES.items():
        if kind in paths:
            data = paths[kind].read_bytes()
            digest = hashlib.sha256(data).hexdigest()
            content = base64.b64encode(data).decode("ascii")
            entry = {"name": paths[kind].name, "media_type": mime, "sha256": digest, "bytes": len(data)}
            files.append({**entry, "content": content})
    index = {**facts, "files": [{key: one[key] for key in one if key != "content"} for one in files]}
    bundle = {"schema": FILES_SCHEMA, "message_id": facts["message_id"], "index": index, "files": files}
    return as_bytes(bundle)


def sms_texts(record: WarningRecord, bulletin: Bulletin) -> tuple[str, ...]:
    """Return one or two short messages of at most 70 characters each.

    The first is complete alone: level, town, until when, reply code. The second names the worst places. Both say that
    it is an exercise if it is one.

    Parameters
    ----------
    record : WarningRecord
    bulletin : Bulletin
    """
    mark = "".join(f"【{word}】" for word in _marks(bulletin))
    place, code = bulletin.area["zh"], f"叫应码{bulletin.code}"
    zone = ZoneInfo(bulletin.zone)
    if record.action.is_end:
        ended = "" if record.level is Level.UNKNOWN else record.level.zh
        first = _fitted(mark, place, f"{ended}暴雨内涝预警{_ENDED}（{_clock(record.issued_at, zone)}）。{code}")
        return (first,)
    until = f"{record.level.zh}暴雨内涝预警，有效至{_clock(record.valid_to, zone)}。{code}，收到请回复"
    first = _fitted(mark, place, until)
    names = [line.name["zh"] for line in bulletin.hotspots]
    second = _list_of(f"{mark}{_cut(place, 12)}重点：", names, f"。{code}")
    return (first, second) if names else (first,)


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


def _clock(at: Any, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local.month}月{local.day}日{local:%H:%M}"


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
