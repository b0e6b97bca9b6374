"""One pass over every way out at once: what is dead or slow holds up nothing but itself."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from risk_models.errors import ConfigError
from wuyu.clock import Clock
from wuyu.delivery.channels import MAIL, channel_name, channel_transport
from wuyu.delivery.relay import DeliveryCount, Transport, deliver_together
from wuyu.ledger.outbox import claimed_rows, due_ids, expire

if TYPE_CHECKING:
    from wuyu.ledger import Ledger
    from wuyu.station import Station

__all__ = ["MAIL", "Opener", "dispatch", "dispatch_all", "ways"]

Opener = Callable[[], AbstractContextManager[Transport]]


def ways(station: Station, mail: Opener, *, clock: Clock) -> dict[str, Opener]:
    """Return every way out of a district by its name, mail first.

    Parameters
    ----------
    station : Station
    mail : callable
        Opens the way to the mail server.
    clock : callable
        Wall time.
    """
    names = [channel_name(channel) for channel in station.settings.channels]
    return {MAIL: mail} | {name: partial(channel_transport, station, name, clock=clock) for name in names}


def dispatch(
    ledger: Ledger, way: str, opener: Opener, *, clock: Clock, relays: int = 1, now: datetime | None = None
) -> DeliveryCount:
    """Hand over what is due by one way; a way that cannot be opened is reported, and its rows stay due.

    A way by which nothing is due is not opened.

    Parameters
    ----------
    ledger : Ledger
    way : str
        Its name in the outbox.
    opener : callable
        Opens the way.
    clock : callable
        Wall time.
    relays : int
        How many work side by side, each with a connection of its own.
    now : datetime or None
        As in `deliver`.
    """
    domain_now = clock() if now is None else now
    has_work = due_ids(ledger, channel=way, now=domain_now, wall=clock()) or claimed_rows(ledger, channel=way)
    if not has_work:
        return DeliveryCount(expired=expire(ledger, now=domain_now))
    try:
        return deliver_together(ledger, opener, relays=relays, clock=clock, now=now)
    except ConfigError as error:
        return DeliveryCount(stopped=str(error))


def dispatch_all(
    ledger: Ledger, openers: dict[str, Opener], *, clock: Clock, relays: int = 1, now: datetime | None = None
) -> dict[str, DeliveryCount]:
    """Hand over what is due by every way, all ways side by side.

    Parameters
    ----------
    ledger : Ledger
    openers : dict of str to callable
        From `ways`.
    clock : callable
        Wall time.
    relays : int
        How many for mail; every other channel has one.
    now : datetime or None
        As in `deliver`.

    Returns
    -------
    dict of str to DeliveryCount
        By way, in the order given.
    """
    with ThreadPoolExecutor(len(openers), thread_name_prefix="way") as pool:
        running = {
            name: pool.submit(
                dispatch, ledger, name, opener, clock=clock, relays=relays if name == MAIL else 1, now=now
            )
            for name, opener in openers.items()
        }
    return {way: done.result() for way, done in running.items()}
