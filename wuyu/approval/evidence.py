"""What an officer must see to decide, on one screen: what, where, why, how deep, on which rain, to whom, until when."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import pandas as pd

from reports.words import ACTION_WORDS, depth_pair, level_name, millimetres, moment, plain, probability, short_moment
from risk_models.levels import Level
from risk_models.risk import read_risk
from wuyu.approval.book import Waiting, needs_second
from wuyu.approval.overview import COLUMNS, LEGEND, overview_row
from wuyu.clock import clock_marks
from wuyu.delivery.channels import MAIL, channel_name, channels_in_use
from wuyu.ledger.holders import holders
from wuyu.messages.letters import RESTRICTED

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = ["Evidence", "evidence"]

DETAILED_MAX: Final = 4
"""Warnings whose details the page shows in full."""
HOTSPOTS_MAX: Final = 4
"""Hotspots told of each town; the draft bulletin has them all."""

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


def evidence(desk: Desk, items: Sequence[Waiting], *, now: datetime) -> Evidence:
    """Return what an officer is shown about waiting warnings.

    Parameters
    ----------
    desk : Desk
    items : sequence of Waiting
        Not empty.
    now : datetime

    Returns
    -------
    Evidence
        Chinese first, English second.
    """
    tables: dict[datetime, pd.DataFrame] = {}
    for item in items:
        at = item.record.issued_at
        if at not in tables:
            cycle = desk.ledger.cycle(desk.code, at)
            tables[at] = pd.DataFrame() if cycle is None else read_risk(desk.out / cycle.risk_paths["parquet"])
    lines = tuple(
        (_headline(desk, number, item), tuple(_lines(desk, item, tables[item.record.issued_at])))
        for number, item in enumerate(items, start=1)
    )
    zone = desk.district.settings.district.timezone
    basis = tuple(line for at in sorted(tables) for line in _basis(tables[at], zone))
    rows = tuple(
        overview_row(desk, number, item, tables[item.record.issued_at]) for number, item in enumerate(items, start=1)
    )
    return Evidence(_subject(desk, items, now), tuple(_head(desk, items, now)), basis, rows, lines)


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(_escape(cell) for cell in row)} |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])


def _escape(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)


def _subject(desk: Desk, items: Sequence[Waiting], now: datetime) -> str:
    zone = desk.district.settings.district.timezone
    levels = [level for level in (Level.RED, Level.ORANGE, Level.YELLOW, Level.BLUE) if _count(items, level)]
    zh = "、".join(f"{level.zh}{_count(items, level)}" for level in levels)
    en = ", ".join(f"{_count(items, level)} {level.en.lower()}" for level in levels)
    due = short_moment(_due(items, now), "zh", zone)
    name = plain(desk.district.settings.district.name.zh)
    return f"【请签发 Approve】{name} {zh}（{en}），{due}前 by {short_moment(_due(items, now), 'en', zone)}"


def _count(items: Sequence[Waiting], level: Level) -> int:
    return sum(item.record.level is level for item in items)


def _due(items: Sequence[Waiting], now: datetime) -> datetime:
    """Return the earliest deadline ahead; if none is, the earliest."""
    return min((item.due_at for item in items if item.due_at > now), default=min(item.due_at for item in items))


def _head(desk: Desk, items: Sequence[Waiting], now: datetime) -> list[str]:
    settings = desk.district.settings
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


def _headline(desk: Desk, number: int, item: Waiting) -> str:
    record = item.record
    town = desk.district.towns.loc[record.area_code]
    action = ACTION_WORDS[record.action]
    before = f"{level_name(record.previous_level, 'zh')}→" if record.previous_level.is_warning else ""
    return (
        f"{number}. {plain(town['town_name'])} {plain(town['town_name_en'])}: {action.zh} {before}"
        f"{level_name(record.level, 'zh')} {action.en} {record.level.en}"
    )


def _lines(desk: Desk, item: Waiting, table: pd.DataFrame) -> list[str]:
    """Return the evidence for one warning."""
    record, zone = item.record, desk.district.settings.district.timezone
    lines = [
        f"依据 Why: {plain(record.reason_zh)} {plain(record.reason_en)}",
        f"有效至 Valid to: {moment(record.valid_to, 'zh', zone)} / {moment(record.valid_to, 'en', zone)}",
    ]
    lines += _hotspots(record.hotspot_ids, table, zone)
    lines += _rain(table, record.area_code, record.signal)
    if record.unconfirmed:
        lines.append("未经核实：雨量未通过邻站或强度检查 Unconfirmed: rain failed a neighbour or rate check")
    lines.append(f"收件 Recipients: {_recipients(desk, item)}")
    draft = desk.out / "bulletins" / record.area_code / f"{record.message_id}.draft.pdf"
    if draft.exists():
        lines.append(f"草稿 Draft: {desk.relative(draft)}")
    for signature in item.signatures:
        lines.append(f"已签 Signed: {plain(signature.officer)} {short_moment(signature.at, 'zh', zone)}")
    if needs_second(desk, record.level):
        lines.append("须两人签发 Two different officers must sign")
    return [*lines, f"消息编号 Message: {record.message_id}"]


def _recipients(desk: Desk, item: Waiting) -> str:
    """Say who gets it: the town's mailbox, those who hold an earlier revision, and the other channels in use."""
    mailbox = str(desk.district.towns.at[item.record.area_code, "mailbox"])
    with desk.ledger.reading() as session:
        boxes = list(dict.fromkeys([mailbox, *holders(session, item.record, MAIL)]))
    status = desk.district.settings.mail.status
    others = [channel_name(one) for one in channels_in_use(desk, status=status, scope=RESTRICTED)]
    ways = f"；其他渠道 other channels: {', '.join(others)}" if others else ""
    return f"{len(boxes)} ({plain(', '.join(boxes))}){ways}"


def _hotspots(hotspot_ids: Sequence[str], table: pd.DataFrame, zone: str) -> list[str]:
    """Return one line for each of the worst hotspots."""
    known = [hotspot_id for hotspot_id in hotspot_ids if hotspot_id in table.index]
    lines = []
    for hotspot_id in known[:HOTSPOTS_MAX]:
        row = table.loc[hotspot_id].to_dict()
        depths = depth_pair(row["depth_p50_m"], row["depth_p90_m"], "en")
        first = short_moment(row["first_15cm_at"], "zh", zone) if pd.notna(row["first_15cm_at"]) else "—"
        lines.append(
            f"{hotspot_id} {plain(row['hotspot_name'])} {plain(row['hotspot_name_en'])} "
            f"[{Level(int(row['level'])).zh}] 积水 depth p50/p90 {depths}"
            f"，>50 cm {probability(row['p_50cm'], 'en')}，首次超15厘米 first above 15 cm {first}"
        )
    if len(hotspot_ids) > HOTSPOTS_MAX:
        lines.append(f"另有{len(hotspot_ids) - HOTSPOTS_MAX}处 and {len(hotspot_ids) - HOTSPOTS_MAX} more hotspots")
    return lines


def _rain(table: pd.DataFrame, area_code: str, signal: Level) -> list[str]:
    """Return the rain of a town, fallen and expected: the most of its hotspots."""
    if table.empty:
        return ["风险表缺失 The risk table is missing"]
    rows = table[table["town_code"] == area_code]
    fallen = " / ".join(millimetres(rows[f"obs_{hours}h_mm"].max(), "en", unit=False) for hours in (1, 3, 24))
    coming = " / ".join(millimetres(rows[f"fc_3h_mm_{q}"].max(), "en", unit=False) for q in ("p50", "p90"))
    return [
        f"实况雨量 Fallen 1/3/24 h: {fallen} mm；预报最大3小时 Expected 3 h p50/p90: {coming} mm；"
        f"信号 Signal: {level_name(signal, 'zh')}"
    ]


def _basis(table: pd.DataFrame, zone: str) -> list[str]:
    """Return how old the rain of a cycle is, and what stood in for it."""
    if table.empty:
        return []
    attrs = table.attrs
    until = attrs.get("observed_until")
    lines = [
        f"雨情截至 Rain up to: {moment(pd.Timestamp(until), 'zh', zone) if until else '未知 unknown'}；"
        f"数据阶梯 Data step {attrs['ladder_step']}: {plain(attrs['ladder_zh'])} {plain(attrs['ladder_en'])}",
    ]
    feeds = [plain(line) for line in str(attrs.get("feeds_zh", "")).splitlines()]
    return lines + ([f"雨情来源 Feeds: {'；'.join(feeds)}"] if feeds else [])
