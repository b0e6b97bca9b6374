"""What retention has removed: what, when, how large, under which rule. What is named here is neither lost nor missing.

The row is written before the file goes. A file of this name that is there all the same is one that a killed run had
no time for, or that was written anew from what was kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sqlalchemy import UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from risk_models.errors import ConfigError
from wuyu.ledger.models import Base, make_append_only

if TYPE_CHECKING:
    from wuyu.ledger.store import Ledger

__all__ = ["BODY_REMOVED", "Kept", "Removal", "removals_of", "require_kept"]

BODY_REMOVED: Final = "its text was removed by retention"
"""Why a message cannot be sent any more."""

_AT_ONCE: Final = 500  # names in one query: SQLite takes no more than some thousand


class Kept(StrEnum):
    """What retention keeps for a time, kind by kind."""

    RAW = "raw"
    """A feed file as received, and why it was refused; named by its path."""
    RISK = "risk"
    """The risk table of a cycle; named by its path."""
    GEOJSON = "geojson"
    """The same for maps; named by its path."""
    BODY = "body"
    """The bytes of a message; named by their sha256."""
    BULLETIN = "bulletin"
    """A file of a bulletin, or of the draft of one; named by its path."""
    REGISTER = "register"
    """A version of the register; named by its folder."""
    LOG = "log"
    """A log file of ours that nobody writes any more; named by its path."""
    LEFTOVER = "leftover"
    """What a killed run left half-written; named by its path."""


class Removal(Base):
    """One thing that retention removed; paths are relative to the folder of products, times of the wall clock."""

    __tablename__ = "removals"
    __table_args__ = (UniqueConstraint("kind", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    size_bytes: Mapped[int]
    at: Mapped[datetime]
    rule: Mapped[str]


make_append_only(Removal)


def removals_of(session: Session, kind: Kept, names: Iterable[str]) -> dict[str, Removal]:
    """Return those of some names that retention removed."""
    found: dict[str, Removal] = {}
    listed = list(names)
    for begin in range(0, len(listed), _AT_ONCE):
        some = listed[begin : begin + _AT_ONCE]
        query = select(Removal).where(Removal.kind == kind, Removal.name.in_(some))
        found |= {row.name: row for row in session.scalars(query)}
    return found


def require_kept(ledger: Ledger, path: str) -> None:
    """Check that retention has not removed a risk table; one that was lost otherwise is for its reader to say.

    Raises
    ------
    ConfigError
        Says when it was removed, and under which rule.
    """
    with ledger.reading() as session:
        removal = removals_of(session, Kept.RISK, [path]).get(path)
    if removal is not None:
        raise ConfigError(f"{path} was removed by retention on {removal.at:%Y-%m-%d} (rule: {removal.rule})")
