"""What a person saw, entered at the desk: it counts in the next cycle, and nobody can change it afterwards."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from risk_models.errors import ConfigError
from risk_models.observation.reader import DEEPEST_M, NOT_DRY_M, SIGHTS, SOURCES
from wuyu.ledger import LogEntry, Sighting

if TYPE_CHECKING:
    from wuyu.station import Station

__all__ = ["enter"]

_AHEAD: Final = timedelta(minutes=5)
_OLDEST: Final = timedelta(hours=96)


def enter(
    station: Station,
    hotspot_ids: Sequence[str],
    *,
    known: Collection[str],
    seen: str,
    by: str,
    now: datetime,
    source: str = "field",
    seen_at: datetime | None = None,
    depth_m: float | None = None,
    remark: str = "",
) -> list[int]:
    """Write down what was seen at places.

    Parameters
    ----------
    station : Station
    hotspot_ids : sequence of str
    known : collection of str
        Ids of the register.
    seen : str
        flooded, dry or cannot_see.
    by : str
        Who saw it, or who says so.
    now : datetime
    source : str
        Of `risk_models.observation.reader.SOURCES`.
    seen_at : datetime, optional
        When; default now.
    depth_m : float, optional
    remark : str

    Returns
    -------
    list of int
        Numbers of the entries.

    Raises
    ------
    ConfigError
        If a place is not known, the sight is not understood or contradicts itself, nobody stands behind it, or its time
        lies ahead or too far back. Nothing is written then.
    """
    at = seen_at or now
    absent = [name for name in hotspot_ids if name not in known]
    problems = [
        (not hotspot_ids, "name at least one place"),
        (bool(absent), f"no place of the register: {', '.join(absent)}"),
        (seen not in SIGHTS, f"{seen!r} is nothing that can be seen; accepted: {', '.join(SIGHTS)}"),
        (source not in SOURCES, f"{source!r} is no source; accepted: {', '.join(SOURCES)}"),
        (not by.strip(), "say who saw it"),
        (at > now + _AHEAD, f"{at.isoformat()} lies ahead of now"),
        (at < now - _OLDEST, f"{at.isoformat()} is more than {_OLDEST.days} days ago: it says nothing of now"),
        (depth_m is not None and not 0.0 <= depth_m <= DEEPEST_M, f"depth_m must be 0 to {DEEPEST_M:g} m"),
        (seen == "dry" and (depth_m or 0.0) > NOT_DRY_M, f"dry, and {depth_m} m deep"),
    ]
    for is_wrong, message in problems:
        if is_wrong:
            raise ConfigError(message)
    with station.ledger.writing() as session:
        rows = [
            Sighting(
                district_code=station.code,
                hotspot_id=name,
                seen_at=at,
                entered_at=now,
                source=source,
                seen=seen,
                depth_m=depth_m,
                by=by.strip(),
                remark=remark,
            )
            for name in dict.fromkeys(hotspot_ids)
        ]
        session.add_all(rows)
        session.flush()
        detail = {"places": [row.hotspot_id for row in rows], "seen": seen, "seen_at": at.isoformat(), "source": source}
        session.add(LogEntry(at=now, who=by.strip(), what="sighting", detail=detail))
        return [row.id for row in rows]
