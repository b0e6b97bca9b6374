"""Put a bulletin into the outbox: for the town, for everyone who holds its warning, by every channel."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from risk_models.warning.records import Action, WarningRecord
from risk_models.warning.states import WarningState
from wuyu.ack.ask import ask
from wuyu.delivery.channels import MAIL, queue_channels
from wuyu.ledger.authority import revision_of
from wuyu.ledger.holders import holders
from wuyu.messages.letters import RESTRICTED

if TYPE_CHECKING:
    from wuyu.desk import Desk
    from wuyu.issuing.bulletins import BulletinFiles, Bulletins
    from wuyu.ledger import Cycle, Decision, Ledger, WarningRow

__all__ = ["ALL_CLEAR_H", "earlier_revisions", "issue", "states_of"]

ALL_CLEAR_H = 12
"""Hours for which an all-clear is worth sending."""


def issue(desk: Desk, decision: Decision, maker: Bulletins, record: WarningRecord, files: BulletinFiles) -> list[str]:
    """Register a bulletin and queue its mails, within the caller's transaction.

    It goes to the town's mailbox of today and to everyone who holds the warning: an all-clear reaches whoever was told,
    though the mailbox has changed since or the warning came by escalation.

    Parameters
    ----------
    desk : Desk
    decision : Decision
        The open transaction.
    maker : Bulletins
    record : WarningRecord
        Decided, and signed where that is needed.
    files : BulletinFiles
        As `Bulletins.write` wrote them.

    Returns
    -------
    list of str
        Addresses that are told by mail.
    """
    decision.bulletin(record.message_id, record.area_code, maker.products(files))
    mailbox = str(desk.district.towns.at[record.area_code, "mailbox"])
    recipients = list(dict.fromkeys([mailbox, *holders(decision.session, record, MAIL)]))
    keep_h = ALL_CLEAR_H if record.action.is_end else 0
    expires_at = max(record.valid_to, record.issued_at + timedelta(hours=keep_h))
    mails = [
        decision.queue(mail, expires_at=expires_at, priority=int(record.level), event_key=record.event_key)
        for mail in maker.mails(record, files, recipients)
    ]
    ask(desk, decision, record, files.bulletin, mails)
    queue_channels(
        desk, decision, record, bulletin=files.bulletin, paths=files.paths, scope=RESTRICTED, expires_at=expires_at
    )
    return recipients


def earlier_revisions(
    ledger: Ledger, record: WarningRecord, rows: Iterable[WarningRow] | None = None
) -> list[WarningRecord]:
    """Return the issued revisions of the same warning before this one, oldest first; what waits reached nobody.

    Where an end has none, because what it ends was never signed, those of the warning whose place that one took: its
    readers still hold it.

    Parameters
    ----------
    ledger : Ledger
    record : WarningRecord
    rows : iterable of WarningRow, optional
        Every revision of that warning, if the caller has them already.
    """
    given = ledger.warnings(warning_id=record.warning_id) if rows is None else rows
    mine = [row for row in given if row.warning_id == record.warning_id and row.revision < record.revision]
    seen = {record.warning_id}
    while record.action.is_end and mine and not _issued(mine):
        superseded = None if mine[0].supersedes is None else ledger.warning(mine[0].supersedes)
        if superseded is None or superseded.warning_id in seen:
            return []
        seen.add(superseded.warning_id)
        mine = ledger.warnings(warning_id=superseded.warning_id)
    return _issued(mine)


def _issued(rows: list[WarningRow]) -> list[WarningRecord]:
    signed = [row for row in rows if revision_of(row).signed_at is not None]
    return [row.to_record() for row in signed if Action(row.action).is_mailed]


def states_of(cycle: Cycle | None) -> list[WarningState]:
    """Return what a cycle left of every area for the next one; nothing if there was none."""
    return [] if cycle is None else [WarningState.from_dict(item) for item in cycle.warning_states["states"]]
