"""One signature or two: whether the second person has come."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from reports.words import Text
from risk_models.errors import ConfigError
from risk_models.levels import Level
from wuyu.approval.book import SIGNED, Signature, needs_second, same_person, signatures, steps
from wuyu.ledger import Approval
from wuyu.ledger.models import WarningRow

if TYPE_CHECKING:
    from wuyu.station import Station

__all__ = ["countersign"]


def countersign(
    station: Station, row: WarningRow, *, officer: str, account: str, note: Text, now: datetime
) -> tuple[Signature, ...] | None:
    """Return who signs together with an officer, or keep a first signature until a second person comes.

    Parameters
    ----------
    station : Station
    row : WarningRow
        The warning, waiting.
    officer, account : str
        Who signs now, and by which account, if known.
    note : Text
        What the officer adds to the bulletin.
    now : datetime

    Returns
    -------
    tuple of Signature, or None
        All signatures, this one last: the bulletin may be issued. None: this was the first of two, it is kept.

    Raises
    ------
    ConfigError
        If the same person signs twice, or the warning has been decided meanwhile.
    """
    mine = Signature(officer, account, now, note)
    if not needs_second(station.settings, Level(row.level)):
        return (mine,)
    with station.ledger.decide(now=now, who=officer) as decision:
        locked = select(WarningRow).where(WarningRow.message_id == row.message_id).with_for_update()
        state = decision.session.scalars(locked).one().approval_state
        if state != Approval.WAITING:
            raise ConfigError(f"warning {row.message_id} does not wait for an approval: it is {state}")
        before = signatures(steps(decision.session, row.message_id, SIGNED, event_key=row.event_key))
        if any(same_person(one, officer, account) for one in before):
            raise ConfigError(
                f"{officer} has signed {row.message_id} already: a {Level(row.level)} warning needs a second officer"
            )
        if before:
            return (*before, mine)
        decision.log(
            SIGNED,
            event_key=row.event_key,
            message_id=row.message_id,
            account=account,
            note_zh=note.zh,
            note_en=note.en,
        )
    return None
