"""What may go: everything older than the district keeps it that nothing needs any more, kind by kind."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wuyu.ledger.models import Cycle, FeedFile, FeedState, MessageBody, Outbox, WarningRow
from wuyu.ledger.register import RegisterVersion
from wuyu.ledger.removals import Kept
from wuyu.ledger.types import FileState, OutboxState
from wuyu.register.copies import FOLDER
from wuyu.retention.needed import GAUGES, Needed, needed_by

if TYPE_CHECKING:
    from wuyu.station import Station

__all__ = ["Item", "Plan", "plan_of"]

_STEM = re.compile(r"(\d{8}T\d{4}Z)(?:\.r(\d+))?\.(parquet|geojson)")
_BULLETIN = re.compile(r"(.+\.r\d+)(?:\.draft)?\.(?:html|txt|pdf|cap\.xml|png)")
_REASON: Final = ".reason.txt"
_NOT_OURS: Final = ("airflow", "mailbox")  # of Airflow, and of the mail server of demonstrations
_LOGS: Final = ("logs", "mailbox", "watch")
_OPEN: Final = tuple(str(state) for state in OutboxState if state.is_open)


@dataclass(frozen=True)
class Item:
    """One thing that may go.

    Attributes
    ----------
    kind : Kept
    name : str
        Path relative to the folder of products, or the sha256 of a body.
    size_bytes : int
    since : datetime
        From when its age counts.
    rule : str
        By which it goes.
    row : int or None
        Id of its row, of a feed file.
    """

    kind: Kept
    name: str
    size_bytes: int
    since: datetime
    rule: str
    row: int | None = None


@dataclass
class Plan:
    """What one run may remove.

    Attributes
    ----------
    items : list of Item
        In the order in which they go.
    held : dict of Kept to int
        Things past their time that something needs.
    unknown : dict of Kept to int
        Files that the ledger does not know; they are left alone.
    """

    items: list[Item] = field(default_factory=list)
    held: dict[Kept, int] = field(default_factory=dict)
    unknown: dict[Kept, int] = field(default_factory=dict)

    def of(self, kind: Kept) -> list[Item]:
        """Return the items of one kind."""
        return [item for item in self.items if item.kind is kind]


def plan_of(station: Station, *, now: datetime) -> Plan:
    """Return what may go at `now`; nothing is changed.

    Parameters
    ----------
    station : Station
    now : datetime
        Wall time, aware.
    """
    with station.ledger.reading() as session:
        search = _Search(station, session, now, needed_by(station, session, now=now))
        for look in (search.leftovers, search.raw, search.risk, search.bodies, search.bulletins, search.registers):
            look()
        search.logs()
    return search.plan


@dataclass
class _Search:
    station: Station
    session: Session
    now: datetime
    needed: Needed
    plan: Plan = field(default_factory=Plan)

    def leftovers(self) -> None:
        for path in _parts(self.station.out):
            self._offer(Kept.LEFTOVER, path, self.station.settings.retention.leftover_days, needed=False)

    def raw(self) -> None:
        settings = self.station.settings.retention
        kinds = {row.feed_id: row.kind for row in self.session.scalars(select(FeedState))}
        paths = list(_files(self.station.out / "raw"))
        rows = self._rows({self._raw_name(path) for path in paths})
        for path in paths:
            row = rows.get(self._raw_name(path))
            if row is None:
                self._count(self.plan.unknown, Kept.RAW)
                continue
            is_gauge = row.state == FileState.ACCEPTED and kinds.get(row.feed_id, GAUGES) == GAUGES
            self._offer(
                Kept.RAW,
                path,
                settings.gauge_tables_days if is_gauge else settings.raw_days,
                needed=row.removed_at is None and self.needed.has_raw(row, is_gauge=is_gauge),
                times=(row.arrived_at, row.last_value_at, row.issued_at),
                row=row.id,
            )

    def risk(self) -> None:
        settings, found = self.station.settings.retention, []
        for path in sorted((self.station.out / "risk").glob("*")):
            match = _STEM.fullmatch(path.name)
            if match is None:
                self._count(self.plan.unknown, Kept.RISK)
                continue
            found.append((path, _time(match[1]), int(match[2] or 0), match[3]))
        newest = max((path.name for path, *_, ending in found if ending == "geojson"), default="")
        telling = self._telling({at for _, at, _, ending in found if ending == "geojson"})
        for path, at, revision, ending in found:
            table = self.station.relative(path.with_suffix(".parquet"))
            if ending == "parquet":
                self._offer(Kept.RISK, path, settings.risk_days, needed=self.needed.has_risk(table, at), times=(at,))
            elif (at, revision) in telling:
                days, held = settings.risk_days, self.needed.has_risk(table, at)
                self._offer(Kept.GEOJSON, path, days, needed=held, times=(at,))
            elif path.name != newest:
                self._offer(Kept.GEOJSON, path, settings.geojson_days, needed=False, times=(at,))

    def bodies(self) -> None:
        days = self.station.settings.retention.body_days
        if days is None:
            return
        end = self.now - timedelta(days=days)
        size = func.length(MessageBody.body)
        since = (func.max(Outbox.decided_at), func.max(Outbox.expires_at), func.max(Outbox.sent_at))
        query = select(MessageBody.sha256, func.max(size), *since).join(
            Outbox, Outbox.body_sha256 == MessageBody.sha256
        )
        query = query.where(size > 0).group_by(MessageBody.sha256).order_by(MessageBody.sha256)
        query = query.having(func.max(Outbox.decided_at) <= end)
        for sha256, length, *times in self.session.execute(query):
            at = max(time for time in times if time is not None)
            if at > end:
                continue
            if body_is_needed(self.session, sha256, self.needed.events):
                self._count(self.plan.held, Kept.BODY)
                continue
            self.plan.items.append(Item(Kept.BODY, sha256, length, at, _rule(Kept.BODY, days)))

    def bulletins(self) -> None:
        days = self.station.settings.retention.bulletin_days
        if days is None:
            return
        paths = [path for path in _files(self.station.out / "bulletins") if _BULLETIN.fullmatch(path.name)]
        warnings = self._warnings({_message(path) for path in paths})
        for path in paths:
            row = warnings.get(_message(path))
            if row is None:
                self._count(self.plan.unknown, Kept.BULLETIN)
                continue
            is_open = row.event_key in self.needed.events
            self._offer(Kept.BULLETIN, path, days, needed=is_open, times=(row.issued_at, row.valid_to))

    def registers(self) -> None:
        days = self.station.settings.retention.register_days
        rows = self.session.execute(select(RegisterVersion.digest, RegisterVersion.at).order_by(RegisterVersion.id))
        taken = {row.digest[:24]: row.at for row in rows}
        for path in sorted((self.station.out / FOLDER).glob("*")):
            if not path.is_dir() or path.name.startswith("."):
                continue
            if path.name not in taken:
                self._count(self.plan.unknown, Kept.REGISTER)
                continue
            held = self.needed.has_register(path.name)
            self._offer(Kept.REGISTER, path, days, needed=held, times=(taken[path.name],))

    def logs(self) -> None:
        for folder in _LOGS:
            for path in sorted((self.station.out / folder).glob("*.log*")):
                if path.is_file():
                    self._offer(Kept.LOG, path, self.station.settings.retention.log_days, needed=False)

    def _offer(
        self,
        kind: Kept,
        path: Path,
        days: int | None,
        *,
        needed: bool,
        times: Iterable[datetime | None] = (),
        row: int | None = None,
    ) -> None:
        """Take one path into the plan if its time is over and nothing needs it."""
        written, size = _written(path)
        since = max([written, *(at for at in times if at is not None)])
        if days is None or self.now - since < timedelta(days=days):
            return
        if needed:
            self._count(self.plan.held, kind)
            return
        name = self.station.relative(path)
        self.plan.items.append(Item(kind, name, size, since, _rule(kind, days), row))

    def _count(self, counts: dict[Kept, int], kind: Kept) -> None:
        counts[kind] = counts.get(kind, 0) + 1

    def _raw_name(self, path: Path) -> str:
        """Return the path by which the ledger knows a raw file; why one was refused goes with it."""
        return path.relative_to(self.station.out / "raw").as_posix().removesuffix(_REASON)

    def _rows(self, names: set[str]) -> Mapping[str, FeedFile]:
        """Return the feed files by path: of what lies there, so that what was removed long ago costs nothing."""
        digests = {Path(name).name[:12] for name in names}
        known = self.session.scalars(select(FeedFile).where(FeedFile.removed_at.is_(None)))
        found = {row.raw_path: row for row in known if row.sha256[:12] in digests}
        left = names - set(found)
        for some in _slices(sorted(left)):  # of runs that were killed between their row and the file
            gone = select(FeedFile).where(FeedFile.raw_path.in_(some))
            found |= {row.raw_path: row for row in self.session.scalars(gone)}
        return found

    def _telling(self, times: set[datetime]) -> set[tuple[datetime, int]]:
        """Return time and revision of the cycles that have a level somewhere, or told somebody something."""
        if not times:
            return set()
        query = select(Cycle.valid_at, Cycle.revision, Cycle.summary).where(
            Cycle.district_code == self.station.code, Cycle.valid_at >= min(times), Cycle.valid_at <= max(times)
        )
        return {(row.valid_at, row.revision) for row in self.session.execute(query) if _tells(row.summary)}

    def _warnings(self, names: set[str]) -> dict[str, Any]:
        what = select(WarningRow.message_id, WarningRow.event_key, WarningRow.issued_at, WarningRow.valid_to)
        rows: dict[str, Any] = {}
        for some in _slices(sorted(names)):
            rows |= {row.message_id: row for row in self.session.execute(what.where(WarningRow.message_id.in_(some)))}
        return rows


def body_is_needed(session: Session, sha256: str, events: set[str]) -> bool:
    """Return True if a message with these bytes may still go, or its event is open."""
    rows = session.execute(select(Outbox.state, Outbox.event_key).where(Outbox.body_sha256 == sha256))
    return any(row.state in _OPEN or row.event_key in events for row in rows)


def _tells(summary: Mapping[str, Any]) -> bool:
    counts = summary.get("counts", {})
    return bool(summary.get("records")) or any(counts.get(name) for name in ("blue", "yellow", "orange", "red"))


def _rule(kind: Kept, days: int) -> str:
    return f"{kind} {days} days"


def _message(path: Path) -> str:
    match = _BULLETIN.fullmatch(path.name)
    return "" if match is None else match[1]


def _time(stem: str) -> datetime:
    return datetime.strptime(stem, "%Y%m%dT%H%MZ").replace(tzinfo=UTC)


def _slices(names: list[str]) -> Iterator[list[str]]:
    return (names[begin : begin + 500] for begin in range(0, len(names), 500))


def _files(folder: Path) -> Iterator[Path]:
    """Give the files below a folder, but for what is being written."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


def _parts(out: Path) -> Iterator[Path]:
    """Give what was left half-written below a folder: files and folders ``.*.part``."""
    for place, folders, names in os.walk(out):
        if Path(place) == out:
            folders[:] = [name for name in folders if name not in _NOT_OURS]
        parts = [name for name in (*folders, *names) if name.startswith(".") and name.endswith(".part")]
        folders[:] = sorted(set(folders) - set(parts))
        yield from (Path(place, name) for name in sorted(parts))


def _written(path: Path) -> tuple[datetime, int]:
    """Return when something was written last, and its size; of a folder, those of all that is in it."""
    paths = [path, *path.rglob("*")] if path.is_dir() else [path]
    states = [one.lstat() for one in paths]
    newest = max(state.st_mtime for state in states)
    return datetime.fromtimestamp(newest, UTC), sum(state.st_size for state in states)
