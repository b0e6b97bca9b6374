"""An officer's decision on several warnings at once: each is settled on its own, and none holds up another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from reports.words import Text
from risk_models.errors import ConfigError
from wuyu.approval.book import NO_NOTE
from wuyu.ledger import Approval

if TYPE_CHECKING:
    from wuyu.desk import Desk
    from wuyu.issuing.bulletins import Bulletins

__all__ = ["Outcome", "settle"]


@dataclass(frozen=True)
class Outcome:
    """What became of one warning.

    Attributes
    ----------
    message_id : str
    state : str
        ``approved``; ``signed`` (a second person must sign); ``refused``; ``unchanged`` (nothing was done).
    recipients : tuple of str
        Who is told now.
    why : str
        Why nothing was done.
    """

    message_id: str
    state: str
    recipients: tuple[str, ...] = ()
    why: str = ""


def settle(
    desk: Desk,
    verdicts: Mapping[str, bool],
    *,
    officer: str,
    now: datetime,
    account: str = "",
    note: Text = NO_NOTE,
    why: str = "",
    bulletins: Bulletins | None = None,
) -> list[Outcome]:
    """Approve or refuse waiting warnings in an officer's name.

    Doing it again changes nothing: what has been decided or replaced meanwhile is left as it is, with the reason.

    Parameters
    ----------
    desk : Desk
    verdicts : mapping of str to bool
        Message id to True (approve) or False (refuse).
    officer : str
        Who decides; not empty.
    now : datetime
        Aware.
    account : str
        Account by which the officer was signed in, if known; a second person must have another one.
    note : Text
        What the officer adds to every bulletin approved; see `wuyu.approval.book.clean_note`.
    why : str
        Reason of a refusal.
    bulletins : Bulletins, optional

    Returns
    -------
    list of Outcome
        In the order of `verdicts`.

    Raises
    ------
    ConfigError
        If no officer is named.
    """
    from wuyu.approval.approving import approve  # drawing comes along with it: only when somebody signs
    from wuyu.issuing.bulletins import Bulletins

    if not officer.strip():
        raise ConfigError("an approval needs the name of an officer")
    maker = bulletins or Bulletins(desk)
    outcomes = []
    for message_id, approved in verdicts.items():
        try:
            if approved:
                told = approve(desk, message_id, officer=officer, now=now, bulletins=maker, note=note, account=account)
                outcomes.append(Outcome(message_id, *_result(desk, message_id, told)))
            else:
                desk.ledger.refuse(message_id, officer=officer, now=now, why=why)
                outcomes.append(Outcome(message_id, "refused"))
        except ConfigError as error:
            outcomes.append(Outcome(message_id, "unchanged", why=str(error)))
    return outcomes


def _result(desk: Desk, message_id: str, told: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    row = desk.ledger.warning(message_id)
    is_out = row is not None and row.approval_state == Approval.APPROVED
    return ("approved", tuple(told)) if is_out else ("signed", ())
