"""An officer's decision on several warnings at once: each is settled on its own, and none holds up another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from reports.words import Text
from risk_models.errors import ConfigError
from wuyu.approval.approving import SignedWarning, publish, sign_warning
from wuyu.approval.book import NO_NOTE

if TYPE_CHECKING:
    from wuyu.desk import Desk
    from wuyu.issuing.bulletins import Bulletins
    from wuyu.station import Station

__all__ = ["Settlement", "settle"]


@dataclass(frozen=True)
class Settlement:
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
    station: Station,
    verdicts: Mapping[str, bool],
    *,
    officer: str,
    now: datetime,
    account: str = "",
    note: Text = NO_NOTE,
    why: str = "",
    open_desk: Callable[[], Desk],
) -> list[Settlement]:
    """Approve or refuse waiting warnings in an officer's name.

    Doing it again changes nothing: what has been decided or replaced meanwhile is left as it is, with the reason.

    Parameters
    ----------
    station : Station
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
    open_desk : callable
        Opens the desk that draws bulletins; asked once, and only if one is to be issued.

    Returns
    -------
    list of Settlement
        In the order of `verdicts`.

    Raises
    ------
    ConfigError
        If no officer is named.
    """
    if not officer.strip():
        raise ConfigError("an approval needs the name of an officer")
    issuer = _Issuer(open_desk)
    outcomes = []
    for message_id, approved in verdicts.items():
        try:
            if approved:
                signed = sign_warning(station, message_id, officer=officer, now=now, note=note, account=account)
                told = None if signed is None else issuer.publish(signed)
                outcomes.append(Settlement(message_id, "signed" if told is None else "approved", tuple(told or ())))
            else:
                station.ledger.refuse(message_id, officer=officer, now=now, why=why)
                outcomes.append(Settlement(message_id, "refused"))
        except ConfigError as error:
            outcomes.append(Settlement(message_id, "unchanged", why=str(error)))
    return outcomes


class _Issuer:
    """Issues what is signed; the desk and what it draws with are there from the first bulletin on."""

    def __init__(self, open_desk: Callable[[], Desk]) -> None:
        self._open_desk = open_desk

    def publish(self, signed: SignedWarning) -> list[str]:
        """Issue one bulletin; returns its recipients."""
        return publish(self._desk, signed, bulletins=self._bulletins)

    @cached_property
    def _desk(self) -> Desk:
        return self._open_desk()

    @cached_property
    def _bulletins(self) -> Bulletins:
        from wuyu.issuing.bulletins import Bulletins

        return Bulletins(self._desk)
