"""Mails that came back, by the digest of their bytes: none is read twice, and nothing is changed afterwards."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from wuyu.ledger.models import Base, make_append_only

__all__ = ["Bounce"]


class Bounce(Base):
    """One mail of the return box, and what it said."""

    __tablename__ = "bounces"
    __table_args__ = (UniqueConstraint("sha256"), Index(None, "outbox_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str]
    at: Mapped[datetime]
    outcome: Mapped[str]
    outbox_id: Mapped[int | None] = mapped_column(ForeignKey("outbox.id"))
    kind: Mapped[str] = mapped_column(default="")  # hard | soft | policy
    status: Mapped[str] = mapped_column(default="")  # e.g. 5.1.1
    text: Mapped[str] = mapped_column(default="")


make_append_only(Bounce)
