"""The district brief: made of what the ledger knows at an hour, and sent once to everyone it is for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from reports.brief import (
    DistrictBrief,
    ToldState,
    WarningInForce,
    brief_html,
    brief_pdf,
    brief_subject,
    brief_text,
    build_brief,
)
from reports.words import DEMONSTRATION, LANGUAGES, STATUS_BANNERS, Lang, Text, short_moment
from risk_models.errors import ConfigError
from risk_models.files import write_whole
from risk_models.risk import read_risk
from wuyu.feeds.status import feed_lines, status
from wuyu.issuing.brief_due import BRIEF_QUEUED, BRIEF_WAITS, LATE, in_force, is_noted, next_slot, number_of
from wuyu.issuing.rain_lost import LOST_STEP
from wuyu.ledger.models import LogEntry
from wuyu.ledger.store import lock_ledger
from wuyu.ledger.tasks import OPERATOR_TASK
from wuyu.messages.letters import letter
from wuyu.messages.mail import Attachment, MailContent
from wuyu.messages.purpose import Purpose

if TYPE_CHECKING:
    from pathlib import Path

    from wuyu.desk import Desk
    from wuyu.ledger import Cycle, Decision, Outbox

__all__ = ["brief_of", "send_brief", "write_brief"]

_LATE_FEEDS: Final = 3
_LOST: Final = Text(
    "雨情资料中断：当前风险等级未知（不等于无风险），以现场情况为准。",
    "Rain data are lost: the level of risk is unknown now, which does not mean none. Trust what is seen on site.",
)


def brief_of(desk: Desk, slot: datetime, *, at: datetime, officer: str = "") -> DistrictBrief:
    """Return the brief of an hour as known at a time; the same ledger, hour and time give the same brief.

    Parameters
    ----------
    desk : Desk
    slot : datetime
        The hour it is of, aware.
    at : datetime
        What was decided and seen by then counts.
    officer : str
        Who puts a name to it.

    Returns
    -------
    DistrictBrief

    Raises
    ------
    ConfigError
        If no cycle has been decided by then, or its risk table is kept no more.
    """
    cycle = desk.ledger.last_cycle(desk.code, until=at)
    path = None if cycle is None else desk.out / cycle.risk_paths["parquet"]
    if cycle is None or path is None or not path.is_file():
        raise ConfigError(f"no risk table of {at.isoformat()} or before: run `wuyu cycle`, or name a later time (--at)")
    identity, settings = desk.settings.district, desk.settings
    is_lost = (cycle.ladder_step or 0) >= LOST_STEP
    return build_brief(
        read_risk(path),
        [WarningInForce(one.area_code, one.level, one.valid_to) for one, _ in in_force(desk, at)],
        towns=desk.district.towns,
        hotspots=desk.district.hotspots,
        orders=desk.standards.now_orders(settings.standards.now_orders),
        before=_told_before(desk, slot),
        slot=slot,
        zone=str(desk.timezone),
        number=number_of(desk.code, slot),
        district=Text(identity.name.zh, identity.name.en),
        bureau=Text(identity.bureau.zh, identity.bureau.en),
        phone=settings.warning.phone_told,
        marks=_marks(desk),
        cautions=_cautions(desk, cycle, at, is_lost=is_lost),
        is_rain_known=not is_lost,
        next_at=next_slot(settings.brief.hours, desk.timezone, max(slot, at)),
        officer=officer,
    )


def _told_before(desk: Desk, slot: datetime) -> ToldState | None:
    """Return what the last brief before an hour told."""
    mine = f"{Purpose.BRIEF}-{desk.code}-"
    query = select(LogEntry).where(
        LogEntry.what == BRIEF_QUEUED,
        LogEntry.message_id.startswith(mine, autoescape=True),
        LogEntry.message_id < number_of(desk.code, slot),
    )
    with desk.ledger.reading() as session:
        entry = session.scalars(query.order_by(LogEntry.message_id.desc()).limit(1)).first()
    return None if entry is None else ToldState.from_dict(entry.detail["told"])


def _marks(desk: Desk) -> list[Text]:
    marks = [STATUS_BANNERS.get(desk.settings.mail.status, Text("", ""))]
    marks += [DEMONSTRATION] if desk.settings.district.demonstration else []
    return [mark for mark in (*marks, *desk.notices) if mark]


def _cautions(desk: Desk, cycle: Cycle, at: datetime, *, is_lost: bool) -> list[Text]:
    """Say what is lost or late: rain, the assessment itself, feeds."""
    lines = [_LOST] if is_lost else []
    if at - cycle.valid_at > timedelta(minutes=desk.settings.watch.max_age_min):
        zone = str(desk.timezone)
        last = [short_moment(cycle.valid_at, lang, zone) for lang in LANGUAGES]
        zh = f"研判中断：最近一次研判为{last[0]}，此后情况未知，以现场情况为准。"
        lines.append(
            Text(zh, f"No assessment since {last[1]}: what came after is unknown. Trust what is seen on site.")
        )
    late = [one for one in status(desk.ledger, at) if one.state in ("late", "absent")]
    return lines + [Text(line.zh, line.en) for line in feed_lines(late[:_LATE_FEEDS])]


def write_brief(desk: Desk, brief: DistrictBrief) -> list[Path]:
    """Write every form of a brief into the folder of products; the same brief gives the same bytes.

    Parameters
    ----------
    desk : Desk
    brief : DistrictBrief

    Returns
    -------
    list of Path
    """
    folder = desk.out / "briefs"
    written = []
    for lang in LANGUAGES:
        forms = {
            "txt": brief_text(brief, lang).encode(),
            "html": brief_html(brief, lang).encode(),
            "pdf": brief_pdf(brief, lang),
        }
        written += [write_whole(folder / f"{brief.number}.{lang}.{kind}", data) for kind, data in forms.items()]
    return written


def send_brief(desk: Desk, slot: datetime, *, now: datetime, officer: str = "") -> list[Outbox]:
    """Queue the brief of an hour for everyone it is for, once; nothing without a warning in force.

    Where the district asks for an officer's name and there is none, an operator is asked for one instead, once.

    Parameters
    ----------
    desk : Desk
    slot : datetime
        From `wuyu.issuing.brief_due.due_slot`.
    now : datetime
    officer : str

    Returns
    -------
    list of Outbox
        Rows queued now.

    Raises
    ------
    ConfigError
        As `brief_of`.
    """
    if not in_force(desk, now):
        return []
    brief = brief_of(desk, slot, at=now, officer=officer)
    waits = desk.settings.brief.needs_officer and not officer
    mails = [] if waits else _contents(desk, brief)
    with desk.ledger.decide(now=now, who=officer or "brief") as decision:
        lock_ledger(decision.session)
        if is_noted(decision.session, BRIEF_QUEUED, brief.number):
            return []
        if waits:
            _ask_for_name(decision, brief)
            return []
        rows = [_queue(desk, decision, brief, recipient, content) for recipient, content in mails]
        decision.log(
            BRIEF_QUEUED,
            event_key=brief.told.event_key,
            message_id=brief.number,
            told=brief.told.to_dict(),
            readers=len(rows),
        )
        return rows


def _ask_for_name(decision: Decision, brief: DistrictBrief) -> None:
    if is_noted(decision.session, BRIEF_WAITS, brief.number):
        return
    decision.log(BRIEF_WAITS, event_key=brief.told.event_key, message_id=brief.number)
    task = "a district brief waits for an officer's name: wuyu brief send --officer NAME"
    decision.log(OPERATOR_TASK, event_key=brief.told.event_key, message_id=brief.number, task=task)


def _readers(desk: Desk, town_codes: Sequence[str]) -> dict[str, Lang]:
    """Return who reads a brief, with the language of each: the towns that are warned, then the duty roles."""
    settings, towns = desk.settings, desk.district.towns
    readers: dict[str, Lang] = {}
    for code in town_codes:
        if code in towns.index:
            asked = towns.at[code, "language"] if "language" in towns.columns else None
            readers.setdefault(str(towns.at[code, "mailbox"]), asked if asked in LANGUAGES else settings.mail.language)
    roles = [one.mailbox for one in (*settings.warning.duty_chain, *settings.acknowledgement.upward)]
    for mailbox in (*roles, *settings.brief.mailboxes):
        if mailbox:
            readers.setdefault(mailbox, settings.mail.language)
    return readers


def _contents(desk: Desk, brief: DistrictBrief) -> list[tuple[str, MailContent]]:
    readers = _readers(desk, sorted(brief.told.levels))
    made = {lang: _content(brief, lang) for lang in sorted(set(readers.values()))}
    return [(recipient, made[lang]) for recipient, lang in readers.items()]


def _content(brief: DistrictBrief, lang: Lang) -> MailContent:
    pdf = Attachment(filename=f"{brief.number}.pdf", content=brief_pdf(brief, lang), mime="application/pdf")
    text, html = brief_text(brief, lang), brief_html(brief, lang)
    return MailContent(subject=brief_subject(brief), text=text, html=html, attachments=(pdf,))


def _queue(desk: Desk, decision: Decision, brief: DistrictBrief, recipient: str, content: MailContent) -> Outbox:
    mail = letter(
        desk.sender,
        Purpose.BRIEF,
        content,
        message_id=brief.number,
        about=brief.number,
        recipient=recipient,
        decided_at=decision.now,
        labels={"Notice": "brief", "Event": brief.told.event_key},
    )
    return decision.queue(mail, expires_at=_expires_at(desk, decision), event_key=brief.told.event_key)


def _expires_at(desk: Desk, decision: Decision) -> datetime:
    """Return until when a brief is worth reading: the next one takes its place."""
    upcoming = next_slot(desk.settings.brief.hours, desk.timezone, decision.now)
    return upcoming or decision.now + 6 * LATE
