"""The watcher: raises an alarm when the system falls silent. It shares no process with Airflow, and asks nothing of it.

Run it from another scheduler (systemd, cron), or with its own loop, and on another machine if there is one. It reads
the ledger and sends its mail itself. Its own silence shows in the daily sign of life that does not come.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from risk_models.errors import ConfigError
from risk_models.files import write_whole
from risk_models.warning.authority import Authority
from wuyu.feeds.status import status
from wuyu.ledger.authority import standing_at
from wuyu.ledger.faults import LedgerError, LedgerFaultError, runbook
from wuyu.ledger.models import Outbox
from wuyu.ledger.opening import open_ledger
from wuyu.ledger.register import standing_of_district
from wuyu.ledger.store import Ledger
from wuyu.ledger.tasks import open_tasks
from wuyu.ledger.types import Approval, OutboxState
from wuyu.ledger.upgrade import damage
from wuyu.messages.guard import may_send
from wuyu.messages.letters import Sender, letter
from wuyu.messages.mail import Mail, MailContent
from wuyu.messages.purpose import Purpose, message_id
from wuyu.register.notice import notice_of

if TYPE_CHECKING:
    from risk_models.district.outgoing import WatchSettings
    from risk_models.district.settings import DistrictSettings
    from wuyu.clock import ProcessClock
    from wuyu.delivery.smtp import Outcome

__all__ = [
    "Post",
    "Problem",
    "WatchLook",
    "airflow_problem",
    "last_check",
    "look",
    "problems_of",
    "tell",
    "write_alarm",
]

_UNSENT = (OutboxState.PENDING, OutboxState.CLAIMED, OutboxState.RETRY, OutboxState.AMBIGUOUS)
_FEED_FAILURES = 3
_HEALTH_S = 10.0
_CHECK_EVERY = timedelta(days=1)
_COUNTED = timedelta(days=7)
_AHEAD_MIN = 61  # a cycle may carry the hour that is running


class Post(Protocol):
    """Hands one mail over, e.g. `SmtpTransport.send`."""

    def __call__(self, sender: str, recipient: str, body: bytes) -> Outcome:
        """Say what became of it."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: its kind, by which it is known again, and a sentence in both languages."""

    kind: str
    zh: str
    en: str


@dataclass
class WatchLook:
    """What one look found, and which mails went out.

    Attributes
    ----------
    problems : list of Problem
    facts : list of str
        How things stand, for the sign of life.
    mails : list of str
        Kinds of mail sent: alarm, all-well, heartbeat.
    unsent : list of str
        What could not be sent, and why.
    checked_at : datetime or None
        When the files of the ledger were last found whole.
    """

    problems: list[Problem] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)
    unsent: list[str] = field(default_factory=list)
    checked_at: datetime | None = None


def last_check(out: Path) -> datetime | None:
    """Return when the files of the ledger were last found whole; None if that was never, or cannot be read."""
    said = _read_state(out / "watch")["checked_at"]
    return datetime.fromisoformat(said) if said else None


def look(
    settings: DistrictSettings, ledger_at: str | Path, *, now: datetime, checked_at: datetime | None = None
) -> WatchLook:
    """Look into the ledger; one that cannot be read is a problem, not an error.

    Parameters
    ----------
    settings : DistrictSettings
    ledger_at : str or Path
    now : datetime
        Wall time, aware.
    checked_at : datetime, optional
        When its files were last found whole, from `last_check`; that is looked at again after a day.
    """
    if isinstance(ledger_at, Path) and not ledger_at.is_file():
        absent = Problem("ledger", f"找不到台账{ledger_at.name}", f"there is no ledger {ledger_at.name}")
        return WatchLook(problems=[absent])
    try:
        with open_ledger(ledger_at) as ledger:
            found = problems_of(ledger, settings.district.code, settings.watch, now=now)
            found += _register(ledger, settings)
            report = WatchLook(problems=found, facts=_facts(ledger, settings, now), checked_at=checked_at)
            _check_files(report, ledger, now)
            return report
    except (LedgerError, LedgerFaultError) as error:
        unusable = Problem("ledger", f"台账无法读取：{error}", f"the ledger cannot be read: {error}")
        return WatchLook(problems=[unusable])
    except Exception as error:  # a ledger that makes the look itself break is no reason to be silent
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        return WatchLook(problems=[Problem("ledger", f"台账无法读取（{said}）", f"the ledger cannot be read: {said}")])


def _check_files(report: WatchLook, ledger: Ledger, now: datetime) -> None:
    """Have the database check its files once a day, and at every look while they are damaged."""
    if report.checked_at is not None and timedelta(0) <= now - report.checked_at < _CHECK_EVERY:
        return
    with ledger.engine.connect() as connection:
        faults = damage(connection)
    report.checked_at = None if faults else now
    if faults:
        zh, en = "台账文件损坏，请停用并从备份恢复", "the ledger is damaged, restore it from a copy"
        said = f"{en}: {faults[0]} {runbook('damaged')}"
        report.problems.insert(0, Problem("ledger", f"{zh}（{faults[0]}）", said))


def problems_of(ledger: Ledger, district_code: str, limits: WatchSettings, *, now: datetime) -> list[Problem]:
    """Return everything that is wrong, the gravest first.

    Parameters
    ----------
    ledger : Ledger
    district_code : str
    limits : WatchSettings
    now : datetime
        Wall time, aware.
    """
    checks = (
        _silence(ledger, district_code, limits, now),
        _unsent(ledger, limits, now),
        _failed(ledger, now),
        _undecided(ledger, now),
        _feeds(ledger, now),
        _tasks(ledger),
    )
    return [problem for problem in checks if problem is not None]


def _silence(ledger: Ledger, district_code: str, limits: WatchSettings, now: datetime) -> Problem | None:
    last = ledger.last_cycle(district_code)
    if last is None:
        return Problem("silence", "尚无完成的预警评估", "no warning cycle has ever finished")
    age_min = (now - last.valid_at).total_seconds() / 60
    if age_min < -_AHEAD_MIN:
        # No cycle can be decided before one that has been: as long as this stands there is none.
        return Problem(
            "silence",
            f"最近一次评估的时间在{-age_min:.0f}分钟之后：时钟有误，此后的评估无法进行",
            f"the last finished cycle lies {-age_min:.0f} min ahead: a clock is wrong, and no cycle can follow",
        )
    if age_min <= limits.max_age_min:
        return None
    return Problem(
        "silence",
        f"最近一次完成的评估距今{age_min:.0f}分钟（限{limits.max_age_min}分钟）",
        f"the last finished cycle is {age_min:.0f} min old (limit {limits.max_age_min} min)",
    )


def _unsent(ledger: Ledger, limits: WatchSettings, now: datetime) -> Problem | None:
    due = now - timedelta(minutes=limits.overdue_min)
    query = (
        select(Outbox.channel, func.count(), func.max(Outbox.last_error))
        .where(Outbox.state.in_(_UNSENT), Outbox.not_before <= due, Outbox.expires_at > now)
        .group_by(Outbox.channel)
        .order_by(Outbox.channel)
    )
    with ledger.reading() as session:
        rows = list(session.execute(query))
    if not rows:
        return None
    total = sum(row[1] for row in rows)
    where = ", ".join(f"{channel} {count}" + (f" ({error})" if error else "") for channel, count, error in rows)
    return Problem(
        "outbox",
        f"{total}条预警信息超过{limits.overdue_min}分钟仍未送出：{where}",
        f"{total} messages are unsent for more than {limits.overdue_min} min: {where}",
    )


def _failed(ledger: Ledger, now: datetime) -> Problem | None:
    query = select(Outbox.recipient).where(Outbox.state == OutboxState.FAILED, Outbox.expires_at > now)
    with ledger.reading() as session:
        recipients = sorted(set(session.scalars(query)))
    if not recipients:
        return None
    some = ", ".join(recipients[:5]) + (" ..." if len(recipients) > 5 else "")
    return Problem(
        "failed",
        f"有效预警未能送达{len(recipients)}个对象：{some}",
        f"a warning in force could not be delivered to {len(recipients)}: {some}",
    )


def _undecided(ledger: Ledger, now: datetime) -> Problem | None:
    with ledger.reading() as session:
        standing = standing_at(session, now)
    open_ones = {(one.warning_id, one.revision) for one, state in standing if state is Authority.WAITING}
    rows = [
        row for row in ledger.warnings(approval=Approval.WAITING) if (row.warning_id, row.revision) in open_ones
    ]  # fmt: skip
    late = [row for row in rows if row.approval_due_at is not None and row.approval_due_at < now]
    if not late:
        return None
    names = ", ".join(row.message_id for row in late[:5])
    return Problem(
        "approval",
        f"{len(late)}条预警超过时限仍待签发：{names}",
        f"{len(late)} warnings wait for an officer beyond their deadline: {names}",
    )


def _feeds(ledger: Ledger, now: datetime) -> Problem | None:
    late = [
        f"{one.feed_id} {one.state}" + (f" {one.age_h:.1f} h" if one.age_h is not None else "")
        for one in status(ledger, now)
        if one.state in ("late", "absent") or one.consecutive_failures >= _FEED_FAILURES
    ]
    if not late:
        return None
    listed = ", ".join(late)
    return Problem("feeds", f"数据源迟到或中断：{listed}", f"feeds are late or fail: {listed}")


def _tasks(ledger: Ledger) -> Problem | None:
    tasks = open_tasks(ledger)
    if not tasks:
        return None
    newest = str(tasks[-1].detail.get("task", ""))
    return Problem(
        "tasks",
        f"{len(tasks)}项值班任务待处理（wuyu tasks）：{newest}",
        f"{len(tasks)} tasks wait for an operator (wuyu tasks): {newest}",
    )


def _register(ledger: Ledger, settings: DistrictSettings) -> list[Problem]:
    standing = standing_of_district(ledger, settings.district.code)
    notice = None if standing is None else notice_of(standing, ZoneInfo(settings.district.timezone))
    return [] if notice is None else [Problem("register", notice.text.zh, notice.text.en)]


def airflow_problem(url: str) -> Problem | None:
    """Ask Airflow's own health page, e.g. ``http://127.0.0.1:8080/api/v2/monitor/health``; None if all is well."""
    import httpx

    try:
        answer = httpx.get(url, timeout=_HEALTH_S, trust_env=False, follow_redirects=False)
        parts: dict[str, Any] = answer.raise_for_status().json()
        # A part that was never started says null; one that says nothing, or a word we do not know, is not well.
        sick = [name for name, part in sorted(parts.items()) if part.get("status", "unknown") not in ("healthy", None)]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, AttributeError) as error:
        return Problem("airflow", f"Airflow无应答（{type(error).__name__}）", f"Airflow does not answer: {error}")
    if not sick:
        return None
    return Problem(
        "airflow", f"Airflow部件异常：{', '.join(sick)}", f"parts of Airflow are not healthy: {', '.join(sick)}"
    )


def _facts(ledger: Ledger, settings: DistrictSettings, now: datetime) -> list[str]:
    zone = ZoneInfo(settings.district.timezone)
    last = ledger.last_cycle(settings.district.code)
    at = "-" if last is None else f"{last.valid_at.astimezone(zone):%Y-%m-%d %H:%M}"
    with ledger.reading() as session:
        standing = standing_at(session, now)
    in_force = {one.warning_id for one, state in standing if state.is_in_force}
    waiting = {one.warning_id for one, state in standing if state is Authority.WAITING}
    recent = ledger.outbox_counts(since=now - _COUNTED)
    counts = ", ".join(f"{state} {count}" for state, count in recent.items()) or "0"
    feeds = ", ".join(f"{one.feed_id} {one.state}" for one in status(ledger, now)) or "-"
    return [
        f"最近评估 / last cycle: {at}",
        f"生效预警 / warnings in force: {len(in_force)}",
        f"待签发预警 / warnings that wait for a signature: {len(waiting)}",
        f"发件箱（近{_COUNTED.days}日） / outbox, {_COUNTED.days} days: {counts}",
        f"数据源 / feeds: {feeds}",
    ]


def tell(
    settings: DistrictSettings,
    report: WatchLook,
    out: Path,
    *,
    root: Path,
    post: Post,
    now: datetime,
    clock: ProcessClock | None = None,
) -> WatchLook:
    """Write the alarm file and send what must be told now; an alarm is not repeated at every look."""
    folder = out / "watch"
    state, limits = _read_state(folder), settings.watch
    local = now.astimezone(ZoneInfo(settings.district.timezone))
    write_alarm(report, out, local)
    kinds = sorted({problem.kind for problem in report.problems})
    told_at = datetime.fromisoformat(state["told_at"]) if state["told_at"] else None
    is_new = bool(set(kinds) - set(state["kinds"]))
    is_again = told_at is not None and now - told_at >= timedelta(minutes=limits.repeat_min)
    send = _Letters(settings, Sender.of(settings, root=root, out=out, clock=clock), report, post, local, now)
    if kinds and (is_new or is_again or told_at is None) and send("alarm"):
        state |= {"kinds": kinds, "told_at": now.isoformat()}
    elif not kinds and state["kinds"] and send("all-well"):
        state |= {"kinds": [], "told_at": ""}
    elif kinds:
        state["kinds"] = [kind for kind in state["kinds"] if kind in kinds]
    today = f"{local:%Y-%m-%d}"
    if local.hour >= limits.heartbeat_hour and state["heartbeat_on"] != today and send("heartbeat"):
        state["heartbeat_on"] = today
    state["checked_at"] = report.checked_at.isoformat() if report.checked_at else ""
    with contextlib.suppress(OSError):  # then it is told once more at the next look
        write_whole(folder / "state.json", json.dumps(state, indent=1) + "\n")
    return report


class _Letters:
    """Sends one mail to every operator, and writes down what became of it."""

    def __init__(
        self,
        settings: DistrictSettings,
        sender: Sender,
        report: WatchLook,
        post: Post,
        local: datetime,
        now: datetime,
    ) -> None:
        self.settings, self.sender, self.report, self.post = settings, sender, report, post
        self.local, self.now = local, now

    def __call__(self, kind: str) -> bool:
        """Return True if at least one operator was told."""
        mailboxes = self.settings.watch.mailboxes
        told = [self._to(kind, mailbox) for mailbox in mailboxes]
        if not mailboxes:
            self.report.unsent.append(f"{kind}: the district names no one in watch.mailboxes")
        if any(told):
            self.report.mails.append(kind)
        return any(told)

    def _to(self, kind: str, mailbox: str) -> bool:
        settings = self.settings
        verdict = may_send(settings.mail.status, "Private", mailbox, demonstration=settings.district.demonstration)
        if not verdict.allowed:
            self.report.unsent.append(f"{kind}: {verdict.reason}")
            return False
        mail = self._letter(kind, mailbox)
        outcome = self.post(mail.sender, mailbox, mail.body)
        if outcome.state is not OutboxState.SENT:
            self.report.unsent.append(f"{kind} to {mailbox}: {outcome.stage}: {outcome.text}")
        return outcome.state is OutboxState.SENT

    def _letter(self, kind: str, mailbox: str) -> Mail:
        """Write one mail; an alarm that cannot be signed goes out unsigned, and the report of the look says so."""
        name = message_id(Purpose.WATCH, f"{self.settings.district.code}-{kind}-{self.now:%Y%m%dT%H%M%SZ}")
        write = partial(
            letter,
            purpose=Purpose.WATCH,
            content=MailContent(subject=self._subject(kind), text=self._text(kind)),
            message_id=name,
            about=name,
            recipient=mailbox,
            decided_at=self.now,
            labels={"Watch": kind},
        )
        try:
            return write(self.sender)
        except (ConfigError, OSError) as error:
            self.report.unsent.append(f"{kind}: signature and return address: {error}")
            return write(self.sender.plain)

    def _subject(self, kind: str) -> str:
        name = self.settings.district.name.zh
        words = {
            "alarm": f"【值班告警】{name}预警系统异常：{len(self.report.problems)}项",
            "all-well": f"【告警解除】{name}预警系统恢复正常",
            "heartbeat": f"【每日自检】{name}预警系统{'有异常' if self.report.problems else '运行正常'}",
        }
        return f"{words[kind]} {self.local:%Y-%m-%d %H:%M}"

    def _text(self, kind: str) -> str:
        problems = self.report.problems
        lines = [f"- {problem.zh}" for problem in problems] or ["- 未发现异常。"]
        lines += ["", *(f"- {problem.en}." for problem in problems)]
        lines += [] if problems else ["- Nothing is wrong."]
        after = {
            "alarm": "请立即检查；在恢复之前，以人工值守和电话为准。\n"
            "Look at once; until it is well again rely on people and telephones.",
            "all-well": "此前告警的各项已恢复。\nEverything that was wrong is well again.",
            "heartbeat": "每日一次；未收到本邮件即表示监视程序本身已停。\n"
            "Sent once a day: if it does not come, the watcher itself has stopped.",
        }
        return "\n".join([*lines, "", *self.report.facts, "", after[kind], ""])


def _read_state(folder: Path) -> dict[str, Any]:
    fresh: dict[str, Any] = {"kinds": [], "told_at": "", "heartbeat_on": "", "checked_at": ""}
    try:
        found = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        found.setdefault("checked_at", "")  # a watcher of an earlier release did not check
        for key in ("told_at", "checked_at"):
            datetime.fromisoformat(found[key] or "2000-01-01T00:00:00+00:00")
        return fresh | {key: found[key] for key in fresh if isinstance(found[key], type(fresh[key]))}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return fresh  # told once too often rather than once too seldom


def write_alarm(report: WatchLook, out: Path, local: datetime) -> None:
    """Write ``<out>/watch/ALARM.txt``, or remove it if nothing is wrong; a full disk is one problem more."""
    path = out / "watch" / "ALARM.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_or_remove(path, report, local)
    except OSError as error:
        zh, en = "监视程序无法写入文件夹", "the watcher cannot write its folder"
        report.problems.append(Problem("disk", f"{zh}（{error.strerror}）", f"{en}: {error.strerror}"))


def _write_or_remove(path: Path, report: WatchLook, local: datetime) -> None:
    if not report.problems:
        path.unlink(missing_ok=True)
        return
    lines: Sequence[str] = [
        f"{local:%Y-%m-%d %H:%M %z}",
        *(f"{one.kind}: {one.zh} / {one.en}" for one in report.problems),
    ]
    write_whole(path, "\n".join(lines) + "\n")
