"""What people saw at places and entered by hand: rows are added and never changed, one corrects another by its time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from wuyu.ledger.models import Base, make_append_only

__all__ = ["Sighting"]


class Sighting(Base):
    """One place that somebody saw, as entered at a duty desk."""

    __tablename__ = "sightings"
    __table_args__ = (Index(None, "district_code", "seen_at"), Index(None, "district_code", "entered_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    district_code: Mapped[str]
    hotspot_id: Mapped[str]
    seen_at: Mapped[datetime]
    entered_at: Mapped[datetime]
    source: Mapped[str]
    seen: Mapped[str]
    depth_m: Mapped[float | None]
    by: Mapped[str]
    remark: Mapped[str]


make_append_only(Sighting)
