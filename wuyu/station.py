"""The station: settings, ledger and folders, opened in a moment; enough to deliver, escalate, list, read and watch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from reports.words import Text
from wuyu.clock import clock_marks, require_honest_clock, time_now
from wuyu.ledger.contacts import TownContact, differs, keep_contacts, town_contacts
from wuyu.ledger.opening import open_ledger
from wuyu.ledger.places import ledger_of
from wuyu.ledger.store import Ledger, lock_ledger
from wuyu.messages.letters import Sender
from wuyu.register.in_force import district_in_force, settings_in_force

if TYPE_CHECKING:
    from risk_models.district import District
    from risk_models.district.settings import DistrictSettings
    from wuyu.register.notice import RegisterNotice

__all__ = [
    "Station",
    "contacts_of",
    "open_station",
    "register_of",
    "update_contacts",
]

_FACTS = ("town_name", "town_name_en", "mailbox", "duty_phone")


@dataclass(frozen=True)
class Station:
    """The settings of a district, its ledger and the folder of its products.

    Attributes
    ----------
    settings : DistrictSettings
    ledger : Ledger
    root : Path
        District folder.
    out : Path
        Folder under which every product is written.
    notice : RegisterNotice or None
        What is said while another register is in force than that of the folder, or no copy of it could be kept.
    """

    settings: DistrictSettings
    ledger: Ledger
    root: Path
    out: Path
    notice: RegisterNotice | None = None

    @property
    def code(self) -> str:
        """Code of the district."""
        return self.settings.district.code

    @cached_property
    def timezone(self) -> ZoneInfo:
        """Local time zone, for products."""
        return ZoneInfo(self.settings.district.timezone)

    @cached_property
    def sender(self) -> Sender:
        """From whom letters come."""
        return Sender.of(self.settings, root=self.root, out=self.out)

    @cached_property
    def marks(self) -> tuple[Text, ...]:
        """What every product says beside the mark of demonstration data: that the clock is not the wall clock."""
        return tuple(Text(zh, en) for zh, en in clock_marks())

    @property
    def notices(self) -> tuple[Text, ...]:
        """What warnings and maps say: the marks, and that the register in force is not that of the folder."""
        return self.marks if self.notice is None or not self.notice.is_old else (*self.marks, self.notice.text)

    def relative(self, path: Path) -> str:
        """Return a product's path relative to `out`, as the ledger keeps it."""
        return path.resolve().relative_to(self.out.resolve()).as_posix()


def open_station(district: Path, out: Path) -> Station:
    """Open the ledger of a district and read its settings in force; a table is read only if the settings are new.

    Parameters
    ----------
    district : Path
        District folder.
    out : Path
        Folder of the products.

    Returns
    -------
    Station

    Raises
    ------
    BadInputError
        With every problem of the settings, if no register was ever good.
    LedgerError
        If there is no ledger, or it is not one of this version.
    ConfigError
        If it works in earnest and the clock is not the wall clock.
    """
    ledger = open_ledger(ledger_of(out))
    try:
        settings, notice = settings_in_force(district, out, ledger, now=time_now())
        require_honest_clock(settings)
    except BaseException:
        ledger.close()
        raise
    return Station(settings, ledger, Path(district), out, notice)


def register_of(district: District) -> dict[str, dict[str, str | None]]:
    """Return whom the register names in each town, as `wuyu.ledger.contacts` keeps it."""
    towns: dict[str, dict[str, str | None]] = {}
    for code, row in district.towns.to_dict("index").items():
        towns[str(code)] = {"second_contact": _address(row["second_contact"])}
        towns[str(code)] |= {name: str(row[name]) for name in _FACTS}
    return towns


def update_contacts(station: Station, district: District) -> dict[str, TownContact]:
    """Bring the contacts in the ledger up to date, if the register has changed; returns them by town code."""
    towns = register_of(district)
    with station.ledger.reading() as session:
        known = town_contacts(session, station.code)
    if not differs(known, towns):
        return known
    with station.ledger.writing() as session:
        lock_ledger(session)
        return keep_contacts(session, station.code, towns, at=time_now())


def contacts_of(station: Station) -> dict[str, TownContact]:
    """Return whom to turn to in each town, by town code.

    A ledger that has none yet, because nothing has been decided since contacts are kept, gets them from the register:
    nobody may be passed over for that.

    Raises
    ------
    BadInputError
        If it has none and the district cannot be read.
    """
    with station.ledger.reading() as session:
        known = town_contacts(session, station.code)
    if known:
        return known
    district, _ = district_in_force(station.root, station.out, station.ledger, now=time_now())
    return update_contacts(station, district)


def _address(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
