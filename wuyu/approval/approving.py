"""An officer signs one warning: its bulletin is made anew with the signature, and goes out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict

from risk_models.errors import ConfigError
from wuyu.approval.book import NO_NOTE, successor
from wuyu.approval.signing import countersign
from wuyu.ledger import Approval

if TYPE_CHECKING:
    from reports.words import Text
    from risk_models.levels import Level
    from risk_models.warning.records import WarningRecord
    from wuyu.approval.book import Signature
    from wuyu.desk import Desk
    from wuyu.issuing.bulletins import Bulletins, CycleFacts
    from wuyu.ledger import Cycle, WarningRow
    from wuyu.station import Station

__all__ = ["SignedWarning", "approve", "begin_approved", "publish", "sign_warning"]


@dataclass(frozen=True)
class SignedWarning:
    """A warning that has all its signatures and is not out yet.

    Attributes
    ----------
    record : WarningRecord
    cycle : Cycle
        That decided it.
    signatures : tuple of Signature
        The last one is that of `officer`.
    officer, account : str
        Who signed last, and by which account, if known.
    at : datetime
    """

    record: WarningRecord
    cycle: Cycle
    signatures: tuple[Signature, ...]
    officer: str
    account: str
    at: datetime


def approve(
    desk: Desk,
    message_id: str,
    *,
    officer: str,
    now: datetime,
    bulletins: Bulletins | None = None,
    note: Text = NO_NOTE,
    account: str = "",
) -> list[str]:
    """Sign a waiting warning in an officer's name: its bulletin is issued and its mail goes out.

    Where the district asks for a second person, the first signature is kept and nothing is issued yet.

    Parameters
    ----------
    desk : Desk
    message_id : str
    officer : str
        Who decides; not empty.
    now : datetime
        When, timezone-aware.
    bulletins : Bulletins, optional
    note : Text
        What the officer adds to the bulletin; the last of two signatures overrules the first.
    account : str
        By which the officer was signed in, if known.

    Returns
    -------
    list of str
        Recipients; empty if a second person must sign.

    Raises
    ------
    ConfigError
        As `sign_warning`.
    """
    sign = sign_warning(desk, message_id, officer=officer, now=now, note=note, account=account)
    return [] if sign is None else publish(desk, sign, bulletins=bulletins)


def sign_warning(
    station: Station, message_id: str, *, officer: str, now: datetime, note: Text = NO_NOTE, account: str = ""
) -> SignedWarning | None:
    """Take an officer's signature under a waiting warning; None if it was the first of two, which is kept.

    Parameters
    ----------
    station : Station
    message_id, officer, now, note, account
        As in `approve`.

    Returns
    -------
    SignedWarning or None
        To be issued with `publish`.

    Raises
    ------
    ConfigError
        If there is no such warning, it does not wait, a later revision has come, no officer is named, or the second
        signature is by the first person.
    """
    if not officer.strip():
        raise ConfigError("an approval needs the name of an officer")
    row = station.ledger.warning(message_id)
    if row is None or row.approval_state != Approval.WAITING:
        state = "not in the ledger" if row is None else row.approval_state
        raise ConfigError(f"warning {message_id} does not wait for an approval: it is {state}")
    record = row.to_record()
    newest = successor(station.ledger, row)
    if newest is not None:
        raise ConfigError(f"warning {message_id} is out of date: {newest.message_id} ({newest.action}) came after it")
    cycle = station.ledger.cycle_of(message_id)
    if cycle is None:
        raise ConfigError(f"the cycle of {message_id} at {record.issued_at.isoformat()} is not in the ledger")
    signatures = countersign(station, row, officer=officer, account=account, note=note, now=now)
    return None if signatures is None else SignedWarning(record, cycle, signatures, officer, account, now)


def publish(desk: Desk, sign: SignedWarning, *, bulletins: Bulletins | None = None) -> list[str]:
    """Make the bulletin of a signed warning anew, with the signatures, and queue it; returns the recipients.

    Parameters
    ----------
    desk : Desk
    sign : SignedWarning
    bulletins : Bulletins, optional

    Raises
    ------
    ConfigError
        If the warning was decided meanwhile.
    """
    from reports.bulletin import SignOff
    from wuyu.issuing.bulletins import Bulletins
    from wuyu.issuing.issue import issue

    record, maker = sign.record, bulletins or Bulletins(desk)
    said = next((one.note for one in reversed(sign.signatures) if one.note), NO_NOTE)
    names = "、".join(one.officer for one in sign.signatures)
    sign_off = SignOff(officer=names, decided_at=sign.at, note=said)
    files = maker.write(record, sign_off=sign_off, **_basis(desk, maker, record, sign.cycle))
    with desk.ledger.decide(now=sign.at, who=sign.officer) as decision:
        detail = {"account": sign.account, "note_zh": said.zh, "note_en": said.en}
        decision.settle_approval(record.message_id, Approval.APPROVED, signed_by=names, **detail)
        recipients = issue(desk, decision, maker, record, files)
    maker.remove_draft(record)
    return recipients


def begin_approved(desk: Desk, row: WarningRow, *, officer: str, now: datetime, bulletins: Bulletins) -> None:
    """Begin to draw the bulletin that `approve` issues if this officer signs alone at `now`; nothing is decided yet.

    Parameters
    ----------
    desk : Desk
    row : WarningRow
        A warning that waits; one that has a successor is left alone.
    officer, now, bulletins
        As `approve` will be given them.
    """
    from reports.bulletin import SignOff

    record = row.to_record()
    cycle = desk.ledger.cycle_of(record.message_id)
    if cycle is not None and successor(desk.ledger, row) is None:
        sign_off = SignOff(officer=officer, decided_at=now, note=NO_NOTE)
        bulletins.begin(record, sign_off=sign_off, **_basis(desk, bulletins, record, cycle))


class _Basis(TypedDict):
    facts: CycleFacts
    earlier: list[WarningRecord]
    levels: dict[str, Level]


def _basis(desk: Desk, maker: Bulletins, record: WarningRecord, cycle: Cycle) -> _Basis:
    """Return what a bulletin stands on beside its signature."""
    from wuyu.issuing.issue import earlier_revisions, states_of

    return {
        "facts": maker.facts(cycle.risk_paths["parquet"]),
        "earlier": earlier_revisions(desk.ledger, record),
        "levels": {state.area_code: state.record.level for state in states_of(cycle) if state.is_open},
    }
