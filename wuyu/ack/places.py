"""The places of a town where water stands or nobody has looked since, and what it said of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from risk_models.observation.state import Now
from wuyu.ack.book import flood_reports
from wuyu.ledger.sightings import Sighting

if TYPE_CHECKING:
    from wuyu.ledger.acknowledgements import AckRequest
    from wuyu.ledger.store import Ledger

__all__ = ["OpenPlace", "Said", "open_places", "said_of"]


@dataclass(frozen=True)
class OpenPlace:
    """A place of which the town is asked how it is now.

    Attributes
    ----------
    id, zh, en : str
        Hotspot and its names.
    state : Now
    since : datetime or None
        Since when water stands, or stood.
    """

    id: str
    zh: str
    en: str
    state: Now
    since: datetime | None


@dataclass(frozen=True)
class Said:
    """The last word of a town on a place: ``depth_m`` [m], None where nobody guessed."""

    seen: str
    depth_m: float | None
    seen_at: datetime | None
    by: str


def open_places(ledger: Ledger, asked: AckRequest) -> list[OpenPlace]:
    """Return the places of the town of a request that stand or are unchecked, standing ones first."""
    cycle = ledger.last_cycle(asked.district_code)
    rows = {} if cycle is None else cycle.summary.get("open_places", {})
    found = [_place(row) for row in rows.get(asked.area_code, [])]
    return sorted(found, key=lambda place: (place.state != Now.STANDS, place.id))


def _place(row: dict[str, Any]) -> OpenPlace:
    since = datetime.fromisoformat(row["since"]) if row["since"] else None
    return OpenPlace(row["id"], row["zh"], row["en"], Now(row["now"]), since)


def said_of(ledger: Ledger, asked: AckRequest, recipient: str) -> dict[str, Said]:
    """Return the last word of a recipient on each place, said at this request."""
    reports = flood_reports(ledger, asked.id, recipient)
    said = {name: Said(row.seen, row.depth_m, row.seen_at, row.reported_by) for name, row in reports.items()}
    return said | {row.hotspot_id: Said(row.seen, row.depth_m, row.seen_at, row.by) for row in _later(ledger, asked)}


def _later(ledger: Ledger, asked: AckRequest) -> Iterable[Sighting]:
    query = select(Sighting).where(
        Sighting.district_code == asked.district_code, Sighting.remark == asked.message_id, Sighting.source == "town"
    )
    with ledger.reading() as session:
        return list(session.scalars(query.order_by(Sighting.id)))
