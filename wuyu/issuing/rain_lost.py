"""Rain is lost: everyone who holds a warning in force is told, once for each loss, that the level now is unknown."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from risk_models.levels import Level
from wuyu.delivery.channels import MAIL, channel_name
from wuyu.issuing.notice import Notice, queue_notice
from wuyu.ledger.holders import holders
from wuyu.ledger.models import Cycle, Outbox, WarningRow
from wuyu.ledger.overtaking import OPEN_STATES, notice_ids, withdraw
from wuyu.ledger.tasks import OPERATOR_TASK
from wuyu.ledger.types import CycleState, OutboxState
from wuyu.messages.purpose import Purpose, message_id

if TYPE_CHECKING:
    from risk_models.warning.records import WarningRecord
    from wuyu.desk import Desk
    from wuyu.ledger import Decision

__all__ = ["LOST_STEP", "tell_rain_lost"]

LOST_STEP: Final = 5
"""Step of the ladder of rain sources from which the rain of the last hours is unknown; one more, and there is none."""
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


def tell_rain_lost(
    desk: Desk, decision: Decision, records: Iterable[WarningRecord], *, told: Collection[str], scope: str
) -> list[Outbox]:
    """Queue one notice for each warning in force to everyone who was sent it; calling it again adds nothing.

    One loss lasts from the first cycle without rain to the next cycle with rain, and is told once. A bulletin issued
    meanwhile tells it too.

    Parameters
    ----------
    desk : Desk
    decision : Decision
        The open transaction of the cycle.
    records : iterable of WarningRecord
        The warnings in force, as they stand.
    told : collection of str
        Warnings whose holders get a bulletin in this cycle: it says so itself.
    scope : str
        As in CAP.

    Returns
    -------
    list of Outbox
        Rows queued now.
    """
    rows: list[Outbox] = []
    known_at = _known_until(desk, decision)
    for record in records:
        before = notice_ids(decision.session, record.warning_id)
        if record.warning_id not in told and not _is_told(decision, record, before, known_at):
            rows += _tell(desk, decision, record, scope, before)
    if rows:
        event_key = rows[0].event_key
        task = "rain data are lost while warnings are in force: watch on site, restore a feed"
        decision.log(OPERATOR_TASK, event_key=event_key, task=task, notices=len(rows))
    return rows


def _known_until(desk: Desk, decision: Decision) -> datetime:
    """Return when the last cycle that had rain was decided."""
    query = select(Cycle.finished_at).where(Cycle.district_code == desk.code, Cycle.state == CycleState.DONE)
    query = query.where(Cycle.finished_at < decision.now, Cycle.ladder_step < LOST_STEP)
    newest_first = query.order_by(Cycle.valid_at.desc(), Cycle.revision.desc())
    return decision.session.scalars(newest_first.limit(1)).first() or _NEVER


def _is_told(decision: Decision, record: WarningRecord, before: Sequence[str], known_at: datetime) -> bool:
    """Return True if a notice has told of the loss after `known_at`, or a bulletin issued since."""
    notice = select(Outbox.id).where(Outbox.message_id.in_(before[-1:]), Outbox.decided_at > known_at)
    issued = (WarningRow.warning_id == record.warning_id) & (WarningRow.issued_at > known_at)
    bulletin = select(Outbox.id).join(WarningRow, WarningRow.message_id == Outbox.message_id)
    bulletin = bulletin.where(issued, Outbox.state.not_in((OutboxState.HELD, OutboxState.WITHDRAWN)))
    return any(decision.session.scalars(query.limit(1)).first() is not None for query in (notice, bulletin))


def _tell(desk: Desk, decision: Decision, record: WarningRecord, scope: str, before: Sequence[str]) -> list[Outbox]:
    notice = _notice(desk, decision, record, len(before) + 1)
    upcoming = replace(record, revision=record.revision + 1)  # what was sent up to now
    rows = queue_notice(
        desk,
        decision,
        notice,
        mailboxes=holders(decision.session, upcoming, MAIL),
        readers=lambda channel: holders(decision.session, upcoming, channel_name(channel)),
        scope=scope,
    )
    _withdraw_before(decision, before, notice.message_id)
    return rows


def _withdraw_before(decision: Decision, before: Sequence[str], by: str) -> None:
    """Withdraw what has not left of the notices of earlier losses: the new one says the same of a later hour."""
    query = select(Outbox).where(Outbox.message_id.in_(before), Outbox.state.in_(OPEN_STATES))
    for row in decision.session.scalars(query).all():
        withdraw(decision.session, row, f"overtaken by {by}", at=decision.now)


def _notice(desk: Desk, decision: Decision, record: WarningRecord, number: int) -> Notice:
    towns, district = desk.district.towns, desk.settings.district
    is_town = record.area_code in towns.index
    place_zh = str(towns.at[record.area_code, "town_name"]) if is_town else district.name.zh
    place_en = str(towns.at[record.area_code, "town_name_en"]) if is_town else district.name.en
    until, at = (f"{when.astimezone(desk.timezone):%Y-%m-%d %H:%M}" for when in (record.valid_to, decision.now))
    return Notice(
        purpose=Purpose.RAIN_LOST,
        message_id=message_id(Purpose.RAIN_LOST, record.warning_id, number),
        about=record.message_id,
        event_key=record.event_key,
        place=place_zh,
        subject=f"【雨情中断】{place_zh}：当前风险未知，{record.level.zh}预警仍有效 {at}",
        zh=f"{at}起雨情资料中断，{place_zh}当前风险等级未知（不等于无风险）。"
        f"{record.level.zh}暴雨内涝预警仍然有效，至{until}。请继续执行原预警措施，加强现场巡查，以现场情况为准；"
        f"雨情恢复后随下一期通报说明。\n{district.bureau.zh}",
        en=f"Rain data have been lost since {at}: the level of risk at {place_en} is now unknown, which "
        f"does not mean none. The {record.level.en.lower()} warning stands until {until}. Keep its measures up, "
        f"patrol, and trust what you see on site. The next bulletin will say when data are back.\n{district.bureau.en}",
        short=f"雨情资料中断，当前风险未知；{record.level.zh}预警仍有效，请加强现场巡查",
        facts={
            "warning_id": record.warning_id,
            "area": {"code": record.area_code},
            "level": {"code": str(Level.UNKNOWN), "number": int(Level.UNKNOWN)},
            "standing_level": {"code": str(record.level), "number": int(record.level)},
            "valid_to": record.valid_to.astimezone(desk.timezone).isoformat(),
        },
        labels={"Level": str(Level.UNKNOWN), "Notice": "rain-lost", "Event": record.event_key},
        expires_at=record.valid_to,
        priority=int(record.level),
    )
