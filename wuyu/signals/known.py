"""The signals of the weather office as they were known at a time: files of feeds, and entries at the desk.

They are told beside the levels and change none.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from risk_models.errors import Finding
from risk_models.levels import Level
from risk_models.warning.issued import (
    Ground,
    IssuedSignal,
    StandingSignals,
    WeatherNotice,
    read_notices,
    standing_signals,
)
from risk_models.warning.issued.standing import ENDLESS, title_of
from wuyu.feeds.checks import SIGNALS
from wuyu.feeds.select import SelectedFile, tables_of_span
from wuyu.feeds.status import FeedLine
from wuyu.ledger import FeedFile, FileState
from wuyu.signals.by_hand import entered_notices

if TYPE_CHECKING:
    from risk_models.risk import RiskTable
    from wuyu.desk import Desk

__all__ = ["SIGNAL", "KnownSignals", "known_signals"]

SIGNAL: Final = "signal:"
"""Begins the keys of signals among the inputs of a cycle."""

_LOOK_BACK: Final = ENDLESS + timedelta(days=1)
_MOST_FILES: Final = 500
_TOLD: Final = timedelta(days=1)
"""How long a file that was refused, or that holds a row nobody understands, is named."""
_MOST_TOLD: Final = 3


@dataclass(frozen=True)
class KnownSignals:
    """Signals as known at a time.

    Attributes
    ----------
    signals : tuple of IssuedSignal
        Those that stand, the gravest rainstorm first.
    inputs : dict of str to str
        What they stand on, for the digest of a cycle: ``signal:<feed>`` to the sha256 of a file, ``signal:by-hand`` to
        that of the entries.
    lines : tuple of FeedLine
        What is not understood or does not fit.
    """

    signals: tuple[IssuedSignal, ...]
    inputs: dict[str, str]
    lines: tuple[FeedLine, ...]

    def kept(self) -> list[dict[str, Any]]:
        """Return the signals as a risk table keeps them for all that is made from it."""
        return [signal.to_dict() for signal in self.signals]

    def beside(self, risk_table: RiskTable) -> list[FeedLine]:
        """Name every grave signal in whose towns no level is a warning: one of the two may be wrong."""
        towns = risk_table["town_code"].astype(str)
        return [
            _contrast(signal)
            for signal in self.signals
            if signal.notice.is_rainstorm
            and signal.notice.level >= Level.ORANGE
            and not (risk_table.loc[towns.isin(signal.towns), "level"] >= int(Level.BLUE)).any()
        ]


@dataclass
class _Gathered:
    """What the feeds and the desk say, in the order in which it came."""

    notices: list[WeatherNotice] = field(default_factory=list)
    source: dict[str, tuple[str, str]] = field(default_factory=dict)  # of a notice: feed and sha256
    newest: dict[str, str] = field(default_factory=dict)
    lines: list[FeedLine] = field(default_factory=list)


def known_signals(desk: Desk, valid_at: datetime, *, known_at: datetime | None = None) -> KnownSignals:
    """Return the signals that stand in the district.

    Parameters
    ----------
    desk : Desk
    valid_at : datetime
        Time of the cycle, timezone-aware.
    known_at : datetime, optional
        In live service the time now: what came, and what was issued, by then counts. None for a replay from an
        archive, in which each notice counts as if it had come at its own time.

    Returns
    -------
    KnownSignals
    """
    at = known_at or valid_at
    found = _Gathered()
    for feed in desk.settings.feeds:
        if feed.kind == SIGNALS:
            delay = timedelta(minutes=feed.availability_delay_min)
            _gather(found, desk, feed.id, valid_at=valid_at, delay=delay, known_at=known_at)
    by_hand = entered_notices(desk.ledger, desk.code, since=at - _LOOK_BACK, until=at)
    standing = _standing(desk, [*found.notices, *by_hand], at)
    lines = [*found.lines, *(FeedLine(note.zh, note.en) for note in standing.notes)]
    return KnownSignals(standing.signals, _inputs(found, standing, by_hand), tuple(dict.fromkeys(lines)))


def _standing(desk: Desk, notices: list[WeatherNotice], at: datetime) -> StandingSignals:
    names = {str(code): str(name) for code, name in desk.district.towns["town_name"].items()}
    return standing_signals(notices, at=at, ground=Ground.of(desk.settings, names))


def _gather(
    found: _Gathered, desk: Desk, feed_id: str, *, valid_at: datetime, delay: timedelta, known_at: datetime | None
) -> None:
    """Add what the files of a feed say; the last that came says the last word."""
    at = known_at or valid_at
    files = tables_of_span(
        desk.ledger, feed_id, raw_dir=desk.raw_dir, begin=at - _LOOK_BACK, end=at + _TOLD, known_at=known_at
    )
    if len(files) > _MOST_FILES:
        found.lines.append(_too_many(feed_id, len(files)))
    for file in reversed(files[:_MOST_FILES]):
        until = at if file.arrived_at <= at else valid_at - delay
        is_new = file is files[0] or file.arrived_at > at - _TOLD
        for notice in _read(found, desk, file, is_new=is_new):
            if notice.issued_at <= until:
                found.notices.append(notice)
                found.source[notice.notice_id] = (feed_id, file.sha256)
            elif known_at is not None and is_new:
                found.lines.append(_ahead(file, notice))
        found.newest[feed_id] = file.sha256
    if known_at is not None:
        found.lines += _refused(desk, feed_id, known_at)


def _read(found: _Gathered, desk: Desk, file: SelectedFile, *, is_new: bool) -> list[WeatherNotice]:
    """Read a file again; one that cannot be read any more is named: that must not stop a cycle."""
    try:
        notices, reading = read_notices(file.path, timezone=desk.settings.district.timezone)
    except Exception as error:
        found.lines.append(
            FeedLine(
                f"数据源{file.feed_id}：已接收的文件{file.name}无法读取，其中的预警信号未计入。",
                f"Feed {file.feed_id}: {file.name} cannot be read any more ({type(error).__name__}); its signals do "
                "not count.",
            )
        )
        return []
    if is_new and reading.encoding != "CAP":
        found.lines += [_not_understood(file, finding) for finding in reading.findings[:_MOST_TOLD]]
    return notices


def _inputs(found: _Gathered, standing: StandingSignals, by_hand: list[WeatherNotice]) -> dict[str, str]:
    """Return what the signals stand on: the newest file of each feed, and those that hold what stands."""
    used = dict.fromkeys(found.newest.items())
    used |= dict.fromkeys(
        found.source[signal.notice.notice_id] for signal in standing.signals if signal.notice.notice_id in found.source
    )
    inputs: dict[str, str] = {}
    for number, (feed_id, sha256) in enumerate(sorted(used), start=1):
        inputs[f"{SIGNAL}{feed_id}#{number}"] = sha256
    if by_hand:
        told = json.dumps([notice.to_dict() for notice in by_hand], sort_keys=True)
        inputs[f"{SIGNAL}by-hand"] = hashlib.sha256(told.encode()).hexdigest()
    return inputs


def _refused(desk: Desk, feed_id: str, at: datetime) -> list[FeedLine]:
    """Name the files of the last day that were refused: each may hold a signal that is shown nowhere."""
    query = select(FeedFile.name).where(
        FeedFile.feed_id == feed_id,
        FeedFile.state == FileState.REJECTED,
        FeedFile.arrived_at > at - _TOLD,
        FeedFile.arrived_at <= at,
    )
    with desk.ledger.reading() as session:
        names = list(session.scalars(query.order_by(FeedFile.id.desc()).limit(_MOST_TOLD)))
    return [
        FeedLine(
            f"数据源{feed_id}：文件{name}未采用，其中可能有未列出的预警信号。",
            f"Feed {feed_id}: {name} was refused; it may hold a signal that is not shown.",
        )
        for name in names
    ]


def _not_understood(file: SelectedFile, finding: Finding) -> FeedLine:
    where_zh = f"第{finding.row}行“{finding.column}”的值“{finding.value}”"
    return FeedLine(
        f"数据源{file.feed_id}：{file.name}{where_zh}未能理解，可能有未列出的预警信号。",
        f"Feed {file.feed_id}: {file.name}, row {finding.row}, {finding.column}: '{finding.value}' is not understood; "
        "there may be a signal that is not shown.",
    )


def _ahead(file: SelectedFile, notice: WeatherNotice) -> FeedLine:
    zh, en = title_of(notice)
    return FeedLine(
        f"数据源{file.feed_id}：{zh}的发布时间在当前时间之后，届时计入，请核对时钟。",
        f"Feed {file.feed_id}: the {en} is issued after now; it counts from then on, check the clocks.",
    )


def _too_many(feed_id: str, count: int) -> FeedLine:
    return FeedLine(
        f"数据源{feed_id}：{_LOOK_BACK.days}天内有{count}个文件，只读最新{_MOST_FILES}个，可能有未列出的预警信号。",
        f"Feed {feed_id}: {count} files in {_LOOK_BACK.days} days, the newest {_MOST_FILES} are read; there may be a "
        "signal that is not shown.",
    )


def _contrast(signal: IssuedSignal) -> FeedLine:
    zh, en = title_of(signal.notice)
    return FeedLine(
        f"{signal.notice.office}{zh}生效，而本系统在该区域未算得蓝色及以上等级，请人工研判。",
        f"The {en} of {signal.notice.office} is in force, and no level computed there is blue or above: please judge.",
    )
