"""How the feeds stand: age against limit, rows, failures; for the desk and, in one line each, for products."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wuyu.feeds.checks import SIGNALS
from wuyu.ledger.models import FeedFile, FeedFinding, FeedPull, FeedState
from wuyu.ledger.store import Ledger
from wuyu.ledger.types import FileState

__all__ = ["FeedLine", "FeedStatus", "StateName", "feed_lines", "finding_words", "reference_time", "status"]

StateName = Literal["fresh", "late", "ahead", "absent"]
_CLOCK_SKEW = timedelta(minutes=5)
_MAX_FINDINGS_TOLD = 4
_FILES_SEEN = 1000

_STATE_WORDS: dict[str, tuple[str, str]] = {
    "fresh": ("及时", "fresh"),
    "late": ("迟到", "late"),
    "ahead": ("时间超前于本次评估", "ahead of this cycle"),
    "archive": ("取自归档", "from an archive"),
    "absent": ("没有可用资料", "nothing usable"),
}
_FINDING_WORDS: dict[str, tuple[str, str]] = {
    "absent-gauge": ("缺站", "gauge absent"),
    "absurd-rain": ("超出记录的雨量", "rain beyond any record"),
    "bad-encoding": ("无法识别的编码", "unreadable encoding"),
    "bad-ensemble": ("预报文件不合规定", "forecast file breaks the rules"),
    "bad-time": ("无法识别的时间", "unreadable time"),
    "clock-ahead": ("时间在到达之后", "stamped after it came"),
    "clock-moved-back": ("时间整体提前", "clock moved back"),
    "decimal-comma": ("小数逗号", "decimal comma"),
    "duplicate-time": ("重复时次", "repeated step"),
    "empty-file": ("空文件", "empty file"),
    "gap": ("缺时次", "steps absent"),
    "header-only": ("只有表头", "header only"),
    "missing-value": ("缺测值", "missing value"),
    "negative-rain": ("负雨量", "negative rain"),
    "no-known-gauge": ("没有登记的雨量站", "no known gauge"),
    "no-rows": ("没有可用的行", "no usable row"),
    "no-time-column": ("没有时间列", "no time column"),
    "not-a-number": ("非数字", "no number"),
    "off-step-time": ("非整点时间", "time off the step"),
    "rain-vanished": ("原有降雨变为0", "rain became zero"),
    "time-backwards": ("时间倒退", "time goes backwards"),
    "time-jump": ("时间跳变", "time jumps"),
    "unfinished-file": ("文件未写完", "unfinished file"),
    "unit-slip": ("单位疑似有误", "unit may be wrong"),
    "unknown-gauge": ("未登记的雨量站", "unknown gauge"),
    "wrong-field-count": ("列数不符", "wrong number of fields"),
}


class FeedLine(NamedTuple):
    """One sentence about one feed in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, kw_only=True)
class FeedStatus:
    """How a feed stands at one moment.

    Of signals, which nobody issues in fair weather, the age is that of the last good look. ``absent``: nothing usable
    ever came (of signals: no good look); ``late``: older than its limit; ``ahead``: the newest value lies in the
    future (a clock is wrong, or a past storm is replayed); ``fresh``: all else. `age_h` is None when absent.

    Attributes
    ----------
    feed_id, kind, state, newest_at, age_h, limit_h, files_accepted, files_rejected
    error : str
        Of the last pull.
    pulled_at : datetime or None
        Time of the last pull.
    last_file : str
        Name of the usable file that came last; `newest_at` may stem from an earlier one.
    last_value_at : datetime or None
        Newest value in it.
    rows_read, rows_rejected : int
        Of that file.
    findings : dict of str to int
        Kind of problem to how often it was found in that file.
    refused : str
        Why the newest file that came was refused; empty if it was not.
    refused_codes : tuple of str
        Kinds of problem of that refused file.
    repeated : int
        Files of the last pull that were old content under a new name.
    consecutive_failures : int
        Pulls in a row, up to the last, that failed.
    from_archive : bool
        True if the last usable file came after the moment asked for: a replay.
    """

    feed_id: str
    kind: str
    state: StateName
    newest_at: datetime | None
    age_h: float | None
    limit_h: float
    files_accepted: int
    files_rejected: int
    error: str
    pulled_at: datetime | None = None
    last_file: str = ""
    last_value_at: datetime | None = None
    rows_read: int = 0
    rows_rejected: int = 0
    findings: dict[str, int] = field(default_factory=dict)
    refused: str = ""
    refused_codes: tuple[str, ...] = ()
    repeated: int = 0
    consecutive_failures: int = 0
    from_archive: bool = False


def status(ledger: Ledger, now: datetime) -> list[FeedStatus]:
    """Return how every feed that was ever pulled stands at `now`, by id.

    Only what reaches up to `now` counts: of a table that goes on into the future the age is 0, of forecasts the newest
    issue not after `now` is taken.
    """
    with ledger.reading() as session:
        states = list(session.scalars(select(FeedState).order_by(FeedState.feed_id)))
        return [_status(session, state, now) for state in states]


def reference_time(file: FeedFile, now: datetime) -> datetime | None:
    """Return the time by which the age of a file is told at `now`: issue of a forecast, else its newest value.

    None if the file holds nothing up to `now`.
    """
    if file.issued_at is not None:
        return file.issued_at if file.issued_at <= now else None
    if file.last_value_at is None or (file.first_value_at is not None and file.first_value_at > now):
        return None
    return min(file.last_value_at, now)


def feed_lines(statuses: Iterable[FeedStatus]) -> list[FeedLine]:
    """Say each feed in one sentence, for a product.

    Parameters
    ----------
    statuses : iterable of FeedStatus

    Returns
    -------
    list of FeedLine
        Pairs (zh, en).

    Examples
    --------
    >>> late = FeedStatus(feed_id="gauges", kind="gauge_table", state="late", newest_at=None, age_h=3.0, limit_h=2.0,
    ...     files_accepted=1, files_rejected=0, error="", rows_read=120, rows_rejected=3, findings={"negative-rain": 2})
    >>> for words in feed_lines([late])[0]:
    ...     print(words)
    数据源gauges：迟到，最新资料距今3.0小时（限2小时）；读入120行、剔除3行；负雨量2处。
    Feed gauges: late, newest data 3.0 h old (limit 2 h); 120 rows read, 3 rejected; negative rain: 2.
    """
    return [_line(one) for one in statuses]


def finding_words(code: str) -> tuple[str, str]:
    """Return a kind of problem in Chinese and English words; an unknown one as it is.

    Examples
    --------
    >>> finding_words("header-only")
    ('只有表头', 'header only')
    """
    return _FINDING_WORDS.get(code, (code, code.replace("-", " ")))


def _line(one: FeedStatus) -> FeedLine:
    state = _STATE_WORDS["archive" if one.state == "ahead" and one.from_archive else one.state]
    zh, en = [f"数据源{one.feed_id}：{state[0]}"], [f"Feed {one.feed_id}: {state[1]}"]
    if one.age_h is not None:
        zh[0] += f"，最新资料距今{one.age_h:.1f}小时（限{one.limit_h:g}小时）"
        en[0] += f", newest data {one.age_h:.1f} h old (limit {one.limit_h:g} h)"
        zh.append(f"读入{one.rows_read}行、剔除{one.rows_rejected}行")
        en.append(f"{one.rows_read} rows read, {one.rows_rejected} rejected")
    ranked = sorted(one.findings.items(), key=lambda item: (-item[1], item[0]))
    for code, count in ranked[:_MAX_FINDINGS_TOLD]:
        zh.append(f"{finding_words(code)[0]}{count}处")
        en.append(f"{finding_words(code)[1]}: {count}")
    if one.refused:
        why = [finding_words(code) for code in one.refused_codes[:2]]
        zh.append("最新文件未采用" + (f"（{'、'.join(words[0] for words in why)}）" if why else ""))
        en.append("newest file refused" + (f" ({', '.join(words[1] for words in why)})" if why else ""))
    if one.repeated:
        zh.append(f"{one.repeated}个文件是改名的旧文件")
        en.append(f"{one.repeated} old under a new name")
    if one.consecutive_failures:
        zh.append(f"连续{one.consecutive_failures}次未取到")
        en.append(f"failed {one.consecutive_failures} times in a row")
    return FeedLine("；".join(zh) + "。", "; ".join(en) + ".")


def _status(session: Session, state: FeedState, now: datetime) -> FeedStatus:
    newest_first = select(FeedFile).where(FeedFile.feed_id == state.feed_id).order_by(FeedFile.id.desc())
    everything = list(session.scalars(newest_first.limit(_FILES_SEEN)))[::-1]
    files = [file for file in everything if file.state == FileState.ACCEPTED]
    dated = {file.id: at for file in files if (at := reference_time(file, now)) is not None}
    newest_at = max(dated.values(), default=None)
    newest = next((file for file in reversed(files) if file.id in dated), None)
    age_h = None if newest_at is None else (now - newest_at).total_seconds() / 3600
    refused = everything[-1] if everything and everything[-1].state == FileState.REJECTED else None
    last, failures = _last_pull(session, state.feed_id)
    if state.kind == SIGNALS:
        looked_at = _last_good_look(session, state.feed_id)
        newest_at = None if looked_at is None else min(looked_at, now)
        age_h = None if newest_at is None else (now - newest_at).total_seconds() / 3600
    return FeedStatus(
        feed_id=state.feed_id,
        kind=state.kind,
        state=_state_name(age_h, state.stale_after_h, is_ahead=_is_ahead(files, now)),
        newest_at=newest_at,
        age_h=age_h,
        limit_h=state.stale_after_h,
        files_accepted=state.files_accepted,
        files_rejected=state.files_rejected,
        error=state.error or "",
        pulled_at=state.pulled_at,
        last_file="" if newest is None else newest.name,
        last_value_at=None if newest is None else newest.last_value_at,
        rows_read=0 if newest is None else newest.rows_read,
        rows_rejected=0 if newest is None else newest.rows_rejected,
        findings={} if newest is None else _findings(session, newest),
        refused="" if refused is None else refused.error or "",
        refused_codes=() if refused is None else tuple(_findings(session, refused)),
        repeated=0 if last is None else last.repeated,
        consecutive_failures=failures,
        from_archive=newest is not None and newest.arrived_at > now,
    )


def _is_ahead(files: Sequence[FeedFile], now: datetime) -> bool:
    times = (file.issued_at or file.last_value_at for file in files)
    return any(at is not None and at > now + _CLOCK_SKEW for at in times)


def _state_name(age_h: float | None, limit_h: float, *, is_ahead: bool) -> StateName:
    if age_h is None:
        return "absent"
    if age_h > limit_h:
        return "late"
    return "ahead" if is_ahead else "fresh"


def _last_pull(session: Session, feed_id: str) -> tuple[FeedPull | None, int]:
    """Return the last look into a feed, and how many up to it failed in a row."""
    mine = FeedPull.feed_id == feed_id
    last = session.scalars(select(FeedPull).where(mine).order_by(FeedPull.id.desc()).limit(1)).one_or_none()
    good = select(func.max(FeedPull.id)).where(mine, FeedPull.ok.is_(True)).scalar_subquery()
    failed = select(func.count()).where(mine, FeedPull.id > func.coalesce(good, 0))
    return last, session.scalars(failed).one()


def _last_good_look(session: Session, feed_id: str) -> datetime | None:
    """Return when a feed was last looked into without trouble."""
    good = select(FeedPull.at).where(FeedPull.feed_id == feed_id, FeedPull.ok.is_(True))
    return session.scalars(good.order_by(FeedPull.id.desc()).limit(1)).one_or_none()


def _findings(session: Session, file: FeedFile) -> dict[str, int]:
    rows = session.scalars(select(FeedFinding).where(FeedFinding.file_id == file.id).order_by(FeedFinding.code))
    return {row.code: row.count for row in rows}
