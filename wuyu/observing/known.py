"""All that was seen at places, as it was known at a time: files of feeds, answers of towns, entries at the desk.

A file counts when it came, an answer when it was given, an entry when it was made; in a replay from an archive a file
counts as if each row had come at its own time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from sqlalchemy import select

from risk_models.observation import no_observations, observed_now, read_observations
from risk_models.observation.reader import COLUMNS
from risk_models.observation.sight import STANDING_M
from risk_models.observation.trust import doubted
from wuyu.feeds.checks import OBSERVATIONS
from wuyu.feeds.select import SelectedFile, tables_of_span
from wuyu.feeds.status import FeedLine
from wuyu.ledger import AckRequest, FloodReport, Sighting
from wuyu.ledger.acknowledgements import Seen

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = ["LOOK_BACK", "SEEN", "KnownSights", "floods_seen", "known_sights"]

LOOK_BACK: Final = timedelta(hours=96)
"""What was seen earlier says nothing of now by itself; whether water stood then, each cycle hands to the next."""

SEEN: Final = "seen:"
"""Begins the keys of what was seen among the inputs of a cycle."""


@dataclass(frozen=True)
class KnownSights:
    """What was seen, as known at a time.

    Attributes
    ----------
    table : DataFrame
        Columns as `risk_models.observation.reader.COLUMNS`.
    inputs : dict of str to str
        What it stands on, for the digest of a cycle: ``seen:<feed>`` to the sha256 of a file, ``seen:by-hand`` to that
        of all entries.
    lines : tuple of FeedLine
        What had to be passed over.
    """

    table: pd.DataFrame
    inputs: dict[str, str]
    lines: tuple[FeedLine, ...]

    def now(self, desk: Desk, valid_at: datetime) -> pd.DataFrame:
        """Return what it says of every place at a time, see `risk_models.observation.observed_now`."""
        sources = desk.standards.observation_sources(desk.settings.standards.observation_sources)
        zone = desk.settings.district.timezone
        return observed_now(self.table, at=pd.Timestamp(valid_at), sources=sources, timezone=zone)


def known_sights(desk: Desk, valid_at: datetime, *, known_at: datetime | None = None) -> KnownSights:
    """Return what was seen up to a time.

    Parameters
    ----------
    desk : Desk
    valid_at : datetime
        Timezone-aware; what was seen later is left out.
    known_at : datetime, optional
        What came by then counts. None for a replay from an archive.

    Returns
    -------
    KnownSights
    """
    parts: list[pd.DataFrame] = []
    inputs: dict[str, str] = {}
    lines: list[FeedLine] = []
    for feed in desk.settings.feeds:
        if feed.kind != OBSERVATIONS:
            continue
        delay = timedelta(minutes=feed.availability_delay_min)
        files = tables_of_span(
            desk.ledger, feed.id, raw_dir=desk.raw_dir, begin=valid_at - LOOK_BACK, end=valid_at, known_at=known_at
        )
        for number, file in enumerate(reversed(files), start=1):  # the last that came says the last word
            table = _read(desk, file, lines)
            if table is None:
                continue
            until = file.known_until(valid_at, delay, known_at=known_at)
            parts.append(table[table["seen_at"] <= pd.Timestamp(until)])
            inputs[f"{SEEN}{feed.id}#{number}"] = file.sha256
    by_hand = _by_hand(desk, valid_at, known_at)
    if len(by_hand):
        inputs[f"{SEEN}by-hand"] = hashlib.sha256(by_hand.to_json(date_format="iso").encode()).hexdigest()
    every = pd.concat([no_observations(), *parts, by_hand], ignore_index=True)
    recent = every[every["seen_at"] > pd.Timestamp(valid_at - LOOK_BACK)]
    return KnownSights(recent.reset_index(drop=True), inputs, tuple(lines))


def floods_seen(desk: Desk) -> pd.DataFrame:
    """Return every sight of water on record, of feeds and of entries at the desk; the answers of towns stand elsewhere.

    Parameters
    ----------
    desk : Desk

    Returns
    -------
    DataFrame
        hotspot_id, seen_at (UTC), depth_m [m] (NaN if nobody measured), by_hand; by time. What cannot be trusted, and
        less than `STANDING_M`, is left out.
    """
    parts: list[pd.DataFrame] = []
    first, last = (datetime(year, 1, 1, tzinfo=UTC) for year in (1900, 2200))
    for feed in desk.settings.feeds:
        if feed.kind == OBSERVATIONS:
            files = tables_of_span(desk.ledger, feed.id, raw_dir=desk.raw_dir, begin=first, end=last)
            parts += [table for file in reversed(files) if (table := _read(desk, file, [])) is not None]
    with desk.ledger.reading() as session:
        entries = session.scalars(select(Sighting).filter_by(district_code=desk.code).order_by(Sighting.id))
        by_hand = [_row(f"desk-{one.id}", one, one.source, one.by, one.remark) for one in entries]
    table = pd.concat([no_observations(), *parts], ignore_index=True).assign(by_hand=False)
    table = table.drop_duplicates(["source", "observation_id"], keep="last")
    every = pd.concat([table, pd.DataFrame(by_hand, columns=list(COLUMNS)).assign(by_hand=True)], ignore_index=True)
    every["seen_at"] = pd.to_datetime(every["seen_at"], utc=True)
    trusted = every[doubted(every, at=pd.Timestamp(last)) == ""]
    wet = trusted[(trusted["seen"] == "flooded") & ~(trusted["depth_m"].astype(float) < STANDING_M)]
    found = wet[["hotspot_id", "seen_at", "depth_m", "by_hand"]].sort_values(["seen_at", "hotspot_id"], kind="stable")
    return found.astype({"depth_m": float, "by_hand": bool}).reset_index(drop=True)


def _read(desk: Desk, file: SelectedFile, lines: list[FeedLine]) -> pd.DataFrame | None:
    """Read a file again; None, with a note, if it cannot be read any more: that must not stop a cycle."""
    places = {str(name) for name in desk.district.hotspots.index}
    try:
        return read_observations(file.path, timezone=desk.settings.district.timezone, hotspot_ids=places)[0]
    except Exception as error:
        lines.append(
            FeedLine(
                f"数据源{file.feed_id}：已接收的文件{file.name}无法读取，已跳过。",
                f"Feed {file.feed_id}: {file.name} cannot be read any more ({type(error).__name__}); passed over.",
            )
        )
        return None


def _by_hand(desk: Desk, valid_at: datetime, known_at: datetime | None) -> pd.DataFrame:
    """Return the entries of the desk and the reports of towns: the domain time of both is that of the cycle."""
    begin, until = valid_at - LOOK_BACK, known_at or valid_at
    entries = select(Sighting).where(
        Sighting.district_code == desk.code,
        Sighting.seen_at > begin,
        Sighting.seen_at <= valid_at,
        Sighting.entered_at <= until,
    )
    reports = (
        select(FloodReport)
        .join(AckRequest, AckRequest.id == FloodReport.request_id)
        .where(AckRequest.district_code == desk.code, FloodReport.seen != Seen.UNCHECKED)
        .where(FloodReport.seen_at > begin, FloodReport.seen_at <= valid_at, FloodReport.reported_at <= until)
    )
    rows: list[dict[str, Any]] = []
    with desk.ledger.reading() as session:
        for one in session.scalars(entries.order_by(Sighting.id)):
            rows.append(_row(f"desk-{one.id}", one, one.source, one.by, one.remark))
        for report in session.scalars(reports.order_by(FloodReport.id)):
            rows.append(_row(f"town-{report.id}", report, "town", report.reported_by, ""))
    places = set(desk.district.hotspots.index.astype(str))
    table = pd.DataFrame([row for row in rows if row["hotspot_id"] in places], columns=list(no_observations().columns))
    return table.astype(no_observations().dtypes.to_dict())


def _row(name: str, one: Any, source: str, by: str, remark: str) -> dict[str, Any]:
    depth_m = float("nan") if one.depth_m is None else float(one.depth_m)
    return {
        "observation_id": name,
        "hotspot_id": one.hotspot_id,
        "seen_at": pd.Timestamp(one.seen_at),
        "source": source,
        "seen": str(one.seen),
        "depth_m": depth_m,
        "confidence": 1.0,
        "by": by,
        "remark": remark,
    }
