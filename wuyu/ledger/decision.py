"""What may be written in one decision: warnings, their bulletins, their mail, and the end of the cycle."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from risk_models.errors import ConfigError, FloodRiskError
from risk_models.warning.records import Action, WarningRecord
from wuyu.ledger.models import BulletinRow, Cycle, LogEntry, MessageBody, Outbox, WarningRow
from wuyu.ledger.overtaking import withdraw_calls, withdraw_older
from wuyu.ledger.removals import BODY_REMOVED
from wuyu.ledger.types import Approval, CycleState, OutboxState
from wuyu.messages.guard import may_send
from wuyu.messages.purpose import purpose_of

if TYPE_CHECKING:
    from wuyu.messages.parcel import Parcel

__all__ = ["Decision", "LedgerConflictError"]


class LedgerConflictError(FloodRiskError):
    """Something else was already written under the same key; what was written first stands."""


class Decision:
    """An open transaction of the ledger; given by `Ledger.decide`.

    Writing the same thing twice changes nothing. An exception inside the ``with`` undoes all of it.

    Attributes
    ----------
    already_done : bool
        True if another copy of this cycle has finished meanwhile: leave without writing.
    """

    def __init__(self, session: Session, *, now: datetime, who: str, cycle: Cycle | None) -> None:
        self.session = session
        self.now = now
        self.who = who
        self.cycle = cycle
        self.already_done = cycle is not None and cycle.state == CycleState.DONE

    def log(self, what: str, *, event_key: str | None = None, message_id: str | None = None, **detail: Any) -> None:
        """Add an entry to the log, as part of the decision."""
        entry = LogEntry(
            at=self.now, who=self.who, what=what, event_key=event_key, message_id=message_id, detail=detail
        )
        self.session.add(entry)

    def warn(self, record: WarningRecord, *, approval_due_at: datetime | None = None) -> WarningRow:
        """Write one warning revision.

        Parameters
        ----------
        record : WarningRecord
        approval_due_at : datetime or None
            If given, the warning waits for an officer until then, and its mail is held; if None, it may go by itself.

        Raises
        ------
        LedgerConflictError
            If another record stands under the same `message_id`.
        """
        found = self._warning(record.message_id)
        if found is not None:
            if found.to_record() != record:
                raise LedgerConflictError(f"warning {record.message_id} was decided before, with other content")
            return found
        row = WarningRow.of(record)
        row.cycle_id = None if self.cycle is None else self.cycle.id
        row.approval_state = Approval.NOT_NEEDED if approval_due_at is None else Approval.WAITING
        row.approval_due_at = approval_due_at
        self.session.add(row)
        self.log(
            "warning-decided",
            event_key=record.event_key,
            message_id=record.message_id,
            action=str(record.action),
            area_code=record.area_code,
            level=str(record.level),
            approval=str(row.approval_state),
        )
        self.session.flush()
        return row

    def require_unsigned(self, message_ids: Collection[str]) -> None:
        """Make sure that warnings found waiting before were not issued since, and keep officers from signing them now.

        What a cycle tells, and whom, depends on what was issued; a signature in between would make it wrong.

        Raises
        ------
        LedgerConflictError
            If an officer has signed one of them; run the cycle again.
        """
        query = select(WarningRow).where(WarningRow.message_id.in_(message_ids)).order_by(WarningRow.id)
        rows = self.session.scalars(query.with_for_update().execution_options(populate_existing=True))
        signed = [row.message_id for row in rows if row.approval_state == Approval.APPROVED]
        if signed:
            raise LedgerConflictError(f"{', '.join(signed)} was signed by an officer meanwhile: run the cycle again")

    def bulletin(self, message_id: str, town_code: str, products: Mapping[str, Mapping[str, str]]) -> BulletinRow:
        """Write which files were made of a revision.

        Parameters
        ----------
        message_id : str
            Of a warning already written.
        town_code : str
        products : mapping
            Kind (html, txt, pdf, cap, png) -> ``{"path": relative path, "sha256": ...}``.

        Raises
        ------
        LedgerConflictError
            If other files stand for the same revision.
        """
        plain = {kind: dict(product) for kind, product in sorted(products.items())}
        found = self.session.scalars(select(BulletinRow).where(BulletinRow.message_id == message_id)).one_or_none()
        if found is not None:
            if found.products != plain:
                raise LedgerConflictError(f"bulletin {message_id} was made before, with other files")
            return found
        row = BulletinRow(message_id=message_id, town_code=town_code, products=plain)
        self.session.add(row)
        self.session.flush()
        return row

    def queue(
        self,
        mail: Parcel,
        *,
        expires_at: datetime,
        priority: int = 0,
        event_key: str | None = None,
        stands_in_for: Outbox | None = None,
    ) -> Outbox:
        """Put a mail into the outbox; at the end of the decision it is certain to be tried until it expires.

        The row is held if its warning waits for an approval, or until the row it stands in for has failed. A mail that
        may not leave (`may_send`) gets a row too, failed with the reason, and does not disturb the others. A row that
        is already there is returned as it is: the bytes first decided are the ones sent. What it overtakes is
        withdrawn, see `wuyu.ledger.overtaking`.

        Parameters
        ----------
        mail : Parcel
            From `build_mail`, or for another channel.
        expires_at : datetime
            After it the mail is of no use and is not sent.
        priority : int
            The level; of rows due together the gravest goes first.
        event_key : str or None
            For the log.
        stands_in_for : Outbox or None
            The row of the first contact, if this is the mail to the second.

        Raises
        ------
        UnknownPurposeError
            If the mail is for nothing that this program knows.
        """
        key = {"message_id": mail.message_id, "channel": mail.channel, "recipient": mail.recipient}
        found = self.session.scalars(select(Outbox).filter_by(**key)).one_or_none()
        if found is not None:
            return found
        held = self.session.get(MessageBody, mail.sha256)
        if held is None:
            self.session.add(MessageBody(sha256=mail.sha256, body=mail.body))
        elif not held.body:  # retention had removed it, and it is wanted again
            held.body = mail.body
        self.session.flush()
        verdict = may_send(
            mail.status, mail.scope, mail.recipient, demonstration=mail.demonstration, target=mail.target
        )
        state = self._first_state(mail, stands_in_for) if verdict.allowed else OutboxState.FAILED
        row = Outbox(
            **key,
            purpose=purpose_of(mail.purpose),
            about=mail.about,
            sender=mail.sender,
            subject=mail.subject,
            status=mail.status,
            scope=mail.scope,
            demonstration=mail.demonstration,
            mail_message_id=mail.mail_message_id,
            body_sha256=mail.sha256,
            event_key=event_key,
            priority=priority,
            decided_at=mail.decided_at,
            not_before=mail.decided_at,
            expires_at=expires_at,
            state=state,
            stands_in_for=None if stands_in_for is None else stands_in_for.id,
            last_error=None if verdict.allowed else verdict.reason,
        )
        self.session.add(row)
        if not verdict.allowed:
            detail = {"recipient": mail.recipient, "reason": verdict.reason}
            self.log("mail-refused", event_key=event_key, message_id=mail.message_id, **detail)
        self.session.flush()
        if state == OutboxState.PENDING:
            withdraw_older(self.session, row, at=self.now)
        return row

    def finish_cycle(
        self,
        *,
        inputs: Mapping[str, str],
        risk_paths: Mapping[str, str],
        ladder_step: int,
        summary: Mapping[str, Any],
        warning_states: Mapping[str, Any],
        event_key: str | None = None,
    ) -> None:
        """Mark the cycle done, with what it stood on, what it found, and what the next one must know.

        Raises
        ------
        LedgerConflictError
            If the decision belongs to no cycle, or the cycle is done already.
        """
        if self.cycle is None or self.already_done:
            raise LedgerConflictError("there is no open cycle to finish in this decision")
        self.cycle.state = CycleState.DONE
        self.cycle.inputs = dict(inputs)
        self.cycle.risk_paths = dict(risk_paths)
        self.cycle.ladder_step = ladder_step
        self.cycle.summary = dict(summary)
        self.cycle.warning_states = dict(warning_states)
        self.cycle.event_key = event_key
        self.cycle.finished_at = self.now
        self.log("cycle-done", event_key=event_key, valid_at=self.cycle.valid_at.isoformat(), ladder_step=ladder_step)
        self.session.flush()

    def settle_approval(
        self, message_id: str, outcome: Approval, *, why: str = "", signed_by: str = "", **detail: Any
    ) -> int:
        """Approve, refuse or let lapse a waiting warning; see `Ledger.approve` and `Ledger.refuse`.

        `signed_by` names all who signed, if more than the one who acts now; further details go into the log.
        """
        query = select(WarningRow).where(WarningRow.message_id == message_id).with_for_update()
        warning = self.session.scalars(query).one_or_none()
        if warning is None:
            raise ConfigError(f"there is no warning {message_id!r} in the ledger")
        if warning.approval_state != Approval.WAITING:
            raise ConfigError(f"warning {message_id} does not wait for an approval: it is {warning.approval_state}")
        if outcome == Approval.APPROVED:
            self._require_newest(warning)
        warning.approval_state = outcome
        if outcome != Approval.LAPSED:
            warning.approved_by, warning.approved_at = signed_by or self.who, self.now
        held = select(Outbox).where(Outbox.message_id == message_id, Outbox.state == OutboxState.HELD)
        rows = [row for row in self.session.scalars(held) if outcome != Approval.APPROVED or not self._is_reserve(row)]
        for row in rows:
            row.state = OutboxState.PENDING if outcome == Approval.APPROVED else OutboxState.WITHDRAWN
            row.not_before = max(row.not_before, self.now) if outcome == Approval.APPROVED else row.not_before
            row.last_error = None if outcome == Approval.APPROVED else f"{outcome} by {self.who}: {why}"
            if outcome == Approval.APPROVED:
                withdraw_older(self.session, row, at=self.now)
        self.session.flush()  # what still waits is asked of the database
        withdraw_calls(self.session, message_id, f"not needed: {outcome} by {self.who}", at=self.now)
        detail |= {"mails": len(rows)} | ({"why": why} if why else {})
        self.log(f"warning-{outcome}", event_key=warning.event_key, message_id=message_id, **detail)
        return len(rows)

    def requeue(self, outbox_id: int) -> None:
        """Put a failed row back; see `Ledger.requeue`."""
        row = self.session.scalars(select(Outbox).where(Outbox.id == outbox_id).with_for_update()).one_or_none()
        if row is None or row.state != OutboxState.FAILED:
            raise ConfigError(f"outbox row {outbox_id} is {'absent' if row is None else row.state}, not failed")
        if not row.content.body:
            raise ConfigError(f"outbox row {outbox_id} cannot be sent again: {BODY_REMOVED}")
        row.state, row.retry_at = OutboxState.PENDING, None
        self.log("mail-requeued", event_key=row.event_key, message_id=row.message_id, recipient=row.recipient)

    def _warning(self, message_id: str) -> WarningRow | None:
        return self.session.scalars(select(WarningRow).where(WarningRow.message_id == message_id)).one_or_none()

    def _require_newest(self, warning: WarningRow) -> None:
        """Raise if a cycle has decided a later revision: what it said, it said without this one."""
        later = select(WarningRow.message_id).where(
            WarningRow.warning_id == warning.warning_id,
            WarningRow.revision > warning.revision,
            WarningRow.action != str(Action.CON),
        )
        newest = self.session.scalars(later.order_by(WarningRow.revision.desc()).limit(1)).first()
        if newest is not None:
            raise ConfigError(f"warning {warning.message_id} is out of date: {newest} came after it")

    def _first_state(self, mail: Parcel, stands_in_for: Outbox | None) -> OutboxState:
        warning = self._warning(mail.message_id)
        if warning is not None and warning.approval_state == Approval.REFUSED:
            return OutboxState.WITHDRAWN
        waits = warning is not None and warning.approval_state == Approval.WAITING
        is_reserve = stands_in_for is not None and stands_in_for.state != OutboxState.FAILED
        return OutboxState.HELD if waits or is_reserve else OutboxState.PENDING

    def _is_reserve(self, row: Outbox) -> bool:
        """Return True if the row waits for the failure of another that has not failed."""
        first = None if row.stands_in_for is None else self.session.get(Outbox, row.stands_in_for)
        return first is not None and first.state != OutboxState.FAILED
