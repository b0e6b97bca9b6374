"""What an officer must see to decide, on one screen: what, where, why, how deep, on which rain, to whom, until when."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from reports.issued import issued_lines, issued_signals
from reports.words import ACTION_WORDS, level_name, millimetres, moment, plain, probability, short_moment
from risk_models.levels import Level
from risk_models.risk.depth_words import depth_words, sag_is_known
from wuyu.approval.basis import HOTSPOTS_MAX, bases
from wuyu.approval.book import Waiting, needs_second
from wuyu.approval.overview import COLUMNS, LEGEND, overview_row, summary
from wuyu.clock import clock_marks
from wuyu.delivery.channels import MAIL, channel_name, channels_in_use
from wuyu.ledger.holders import holders
from wuyu.messages.letters import RESTRICTED
from wuyu.station import contacts_of

if TYPE_CHECKING:
    from risk_models.district.settings import DistrictSettings
    from wuyu.ledger import TownContact
    from wuyu.station import Station

__all__ = ["Evidence", "evidence"]

DETAILED_MAX: Final = 4
"""Warnings whose details the page shows in full."""

_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+\-!|~.])")


@dataclass(frozen=True)
class Evidence:
    """The evidence for some waiting warnings.

    Attributes
    ----------
    subject : str
        One line.
    lines : tuple of (str, tuple of str)
        For each warning, numbered from 1 in the order given: its headline, and what supports it, the reason first.
    head : tuple of str
        What holds for all of them.
    basis : tuple of str
        On which rain they stand.
    rows : tuple of tuple of str
        One line of the overview for each, see `wuyu.approval.overview`.
    """

    subject: str
    head: tuple[str, ...]
    basis: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def text(self) -> str:
        """As plain text."""
        parts = ["\n".join([*self.head, *self.basis])]
        parts += ["\n".join([headline, *(f"  {line}" for line in lines)]) for headline, lines in self.lines]
        return "\n\n".join(parts) + "\n"

    @property
    def markdown(self) -> str:
        """As Markdown, every name escaped: all warnings in one table that fits a screen, then the details.

        Of many warnings the page gives the reasons only, so that the form below them is near; mail and drafts have all.
        """
        count = None if len(self.lines) <= DETAILED_MAX else 1
        parts = [" · ".join(f"**{_escape(line)}**" for line in self.head), _table((COLUMNS, *self.rows))]
        parts.append("\n".join(f"- {_escape(line)}" for line in (LEGEND, *self.basis)))
        parts += [
            "\n".join([f"#### {_escape(headline)}", "", *(f"- {_escape(line)}" for line in lines[:count])])
            for headline, lines in self.lines
        ]
        return "\n\n".join(parts) + "\n"


def evidence(station: Station, items: Sequence[Waiting], *, now: datetime) -> Evidence:
    """Return what an officer is shown about waiting warnings.

    Parameters
    ----------
    station : Station
    items : sequence of Waiting
        Not empty.
    now : datetime

    Returns
    -------
    Evidence
        Chinese first, English second.
    """
    settings, zone = station.settings, station.settings.district.timezone
    towns = contacts_of(station)
    found = list(zip(items, bases(station, list(items)), strict=True))
    lines = tuple(
        (
            _headline(number, item, towns.get(item.record.area_code)),
            tuple(_lines(station, item, towns.get(item.record.area_code), basis)),
        )
        for number, (item, basis) in enumerate(found, start=1)
    )
    of_hour = {item.record.issued_at: basis for item, basis in reversed(found)}
    sources = tuple(line for at in sorted(of_hour) for line in _sources(of_hour[at], at, zone))
    rows = tuple(
        overview_row(number, item, towns.get(item.record.area_code), basis)
        for number, (item, basis) in enumerate(found, start=1)
    )
    return Evidence(_subject(settings, items, now), tuple(_head(settings, items, now)), sources, rows, lines)


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(_escape(cell) for cell in row)} |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])


def _escape(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)


def _subject(settings: DistrictSettings, items: Sequence[Waiting], now: datetime) -> str:
    zone = settings.district.timezone
    waits = summary(items)
    due = short_moment(_due(items, now), "zh", zone)
    name = plain(settings.district.name.zh)
    return f"【请签发 Approve】{name} {waits.zh}（{waits.en}），{due}前 by {short_moment(_due(items, now), 'en', zone)}"


def _due(items: Sequence[Waiting], now: datetime) -> datetime:
    """Return the earliest deadline ahead; if none is, the earliest."""
    return min((item.due_at for item in items if item.due_at > now), default=min(item.due_at for item in items))


def _head(settings: DistrictSettings, items: Sequence[Waiting], now: datetime) -> list[str]:
    zone = settings.district.timezone
    due = _due(items, now)
    lines = [f"请于{moment(due, 'zh', zone)}前决定 Please decide by {moment(due, 'en', zone)}"]
    if settings.district.demonstration:
        lines.append("演示数据 Demonstration data")
    lines += [f"{zh} {en}" for zh, en in clock_marks()]
    if settings.mail.status != "Actual":
        lines.append(f"演练或测试，非真实预警 {settings.mail.status}: not a real warning")
    called = {call.number: call for item in items for call in item.calls}
    for call in called.values():
        at = short_moment(call.at, "zh", zone)
        lines.append(
            f"已叫 Called: {plain(call.name)} {call.phone} {at}（第{call.number + 1}次 call {call.number + 1}）"
        )
    for remark in sorted({item.remark for item in items if item.remark}):
        lines.append(f"上次答复不能采用 The last answer could not be used: {plain(remark)}")
    return lines


def _headline(number: int, item: Waiting, town: TownContact | None) -> str:
    record = item.record
    zh, en = (town.town_name, town.town_name_en) if town else (record.area_code, "")
    action = ACTION_WORDS[record.action]
    before = f"{level_name(record.previous_level, 'zh')}→" if record.previous_level.is_warning else ""
    return (
        f"{number}. {f'{plain(zh)} {plain(en)}'.strip()}: {action.zh} {before}"
        f"{level_name(record.level, 'zh')} {action.en} {record.level.en}"
    )


def _lines(station: Station, item: Waiting, town: TownContact | None, basis: Mapping[str, Any]) -> list[str]:
    """Return the evidence for one warning."""
    record, zone = item.record, station.settings.district.timezone
    lines = [
        f"依据 Why: {plain(record.reason_zh)} {plain(record.reason_en)}",
        f"有效至 Valid to: {moment(record.valid_to, 'zh', zone)} / {moment(record.valid_to, 'en', zone)}",
    ]
    lines += _hotspots(len(record.hotspot_ids), basis, zone)
    lines += _rain(basis, record.signal)
    if record.unconfirmed:
        lines.append("未经核实：雨量未通过邻站或强度检查 Unconfirmed: rain failed a neighbour or rate check")
    lines.append(f"收件 Recipients: {_recipients(station, item, town)}")
    draft = station.out / "bulletins" / record.area_code / f"{record.message_id}.draft.pdf"
    if draft.exists():
        lines.append(f"草稿 Draft: {station.relative(draft)}")
    for signature in item.signatures:
        lines.append(f"已签 Signed: {plain(signature.officer)} {short_moment(signature.at, 'zh', zone)}")
    if needs_second(station.settings, record.level):
        lines.append("须两人签发 Two different officers must sign")
    return [*lines, f"消息编号 Message: {record.message_id}"]


def _recipients(station: Station, item: Waiting, town: TownContact | None) -> str:
    """Say who gets it: the town's mailbox, those who hold an earlier revision, and the other channels in use."""
    today = [town.mailbox] if town and not town.has_left else []
    with station.ledger.reading() as session:
        boxes = list(dict.fromkeys([*today, *holders(session, item.record, MAIL)]))
    status = station.settings.mail.status
    others = [channel_name(one) for one in channels_in_use(station.settings, status=status, scope=RESTRICTED)]
    ways = f"；其他渠道 other channels: {', '.join(others)}" if others else ""
    return f"{len(boxes)} ({plain(', '.join(boxes))}){ways}"


def _hotspots(count: int, basis: Mapping[str, Any], zone: str) -> list[str]:
    """Return one line for each of the worst hotspots."""
    lines = []
    for row in basis.get("hotspots", ()):
        depths = f"{'p50/p90 ' if sag_is_known(row) else ''}{depth_words(row)[1]}"
        first = short_moment(_moment(row["first_15cm_at"]), "zh", zone)
        lines.append(
            f"{row['hotspot_id']} {plain(row['hotspot_name'])} {plain(row['hotspot_name_en'])} "
            f"[{Level(row['level']).zh}] 积水 depth {depths}"
            f"，>50 cm {probability(row['p_50cm'], 'en')}，首次超15厘米 first above 15 cm {first}"
        )
    if count > HOTSPOTS_MAX:
        lines.append(f"另有{count - HOTSPOTS_MAX}处 and {count - HOTSPOTS_MAX} more hotspots")
    return lines


def _rain(basis: Mapping[str, Any], signal: Level) -> list[str]:
    """Return the rain of a town, fallen and expected: the most of its hotspots."""
    if not basis:
        return ["风险表缺失 The risk table is missing"]
    rain = basis["rain"]
    fallen = " / ".join(millimetres(rain[f"obs_{hours}h_mm"], "en", unit=False) for hours in (1, 3, 24))
    coming = " / ".join(millimetres(rain[f"fc_3h_mm_{q}"], "en", unit=False) for q in ("p50", "p90"))
    return [
        f"实况雨量 Fallen 1/3/24 h: {fallen} mm；预报最大3小时 Expected 3 h p50/p90: {coming} mm；"
        f"本系统对照信号标准（非气象部门发布） Rain beside the signals, computed here: {level_name(signal, 'zh')}"
    ]


def _sources(basis: Mapping[str, Any], at: datetime, zone: str) -> list[str]:
    """Return how old the rain of a cycle is, what stood in for it, and what the weather office issued."""
    if not basis:
        return []
    said = basis["sources"]
    until = said.get("observed_until")
    lines = [
        f"雨情截至 Rain up to: {moment(_moment(until), 'zh', zone) if until else '未知 unknown'}；"
        f"数据阶梯 Data step {said['ladder_step']}: {plain(said['ladder_zh'])} {plain(said['ladder_en'])}",
    ]
    feeds = [plain(line) for line in str(said.get("feeds_zh", "")).splitlines()]
    lines += [f"雨情来源 Feeds: {'；'.join(feeds)}"] if feeds else []
    return lines + (_issued(said, at, zone) if "issued_signals" in said else [])


def _issued(said: Mapping[str, Any], at: datetime, zone: str) -> list[str]:
    told = issued_lines(issued_signals(said), at=at, zone=zone, towns={})
    return [f"气象部门信号 Weather office: {line.zh} {line.en}" for line in told]


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
