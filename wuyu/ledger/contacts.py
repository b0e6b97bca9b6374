"""Whom to turn to in each town, as the district's register had it: what escalates need not open the register again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from wuyu.ledger.models import Base, LogEntry

__all__ = ["CONTACTS_CHANGED", "TownContact", "differs", "keep_contacts", "town_contacts"]

CONTACTS_CHANGED = "contacts-changed"
"""What the log calls a change of the register; the first reading of a district is none."""

TownFacts = Mapping[str, str | None]


class TownContact(Base):
    """One town of one district; a town that has left the register keeps its row, with the time at which it was missed.

    Times are of the wall clock.
    """

    __tablename__ = "contacts"
    __table_args__ = (UniqueConstraint("district_code", "area_code"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    district_code: Mapped[str]
    area_code: Mapped[str]
    town_name: Mapped[str]
    town_name_en: Mapped[str]
    mailbox: Mapped[str]
    second_contact: Mapped[str | None]
    duty_phone: Mapped[str]
    at: Mapped[datetime]  # when it was last found changed
    left_at: Mapped[datetime | None]

    @property
    def has_left(self) -> bool:
        """True if the register knows the town no more."""
        return self.left_at is not None


def town_contacts(session: Session, district_code: str) -> dict[str, TownContact]:
    """Return the towns of a district by their codes, those that have left included."""
    query = select(TownContact).where(TownContact.district_code == district_code).order_by(TownContact.area_code)
    return {row.area_code: row for row in session.scalars(query)}


def differs(known: Mapping[str, TownContact], towns: Mapping[str, TownFacts]) -> list[str]:
    """Return the codes of the towns that the ledger has otherwise than the register.

    Parameters
    ----------
    known : mapping of str to TownContact
    towns : mapping of str to mapping
        Code to ``town_name``, ``town_name_en``, ``mailbox``, ``second_contact`` (or None) and ``duty_phone``.
    """
    left = [code for code, row in known.items() if code not in towns and not row.has_left]
    return left + [code for code, facts in towns.items() if not _is_same(known.get(code), facts)]


def keep_contacts(
    session: Session, district_code: str, towns: Mapping[str, TownFacts], *, at: datetime
) -> dict[str, TownContact]:
    """Bring the contacts of a district up to date, within the caller's transaction; returns them by town.

    Parameters
    ----------
    session : Session
    district_code : str
    towns : mapping of str to mapping
        As in `differs`.
    at : datetime
        Wall time.
    """
    known = town_contacts(session, district_code)
    changed = differs(known, towns)
    if known and changed:
        session.add(LogEntry(at=at, who="register", what=CONTACTS_CHANGED, detail={"areas": changed}))
    for code in changed:
        row = known.setdefault(code, TownContact(district_code=district_code, area_code=code))
        facts = towns.get(code)
        for name, value in (facts or {}).items():
            setattr(row, name, value)
        row.at, row.left_at = at, at if facts is None else None
        session.add(row)
    session.flush()
    return known


def _is_same(row: TownContact | None, facts: TownFacts) -> bool:
    return row is not None and not row.has_left and all(getattr(row, name) == value for name, value in facts.items())
