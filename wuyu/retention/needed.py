"""What must stay whatever its age: all that an open warning, a message on its way, a bulletin or a report stands on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from risk_models.errors import ConfigError
from wuyu.ledger.acknowledgements import AckRequest
from wuyu.ledger.models import BulletinRow, Cycle, FeedFile, FeedState, Outbox, ReportIssue, WarningRow
from wuyu.ledger.register import RegisterState, RegisterVersion
from wuyu.ledger.removals import Kept, removals_of
from wuyu.ledger.reporting import DraftStanding, ReportKey, Step, open_drafts
from wuyu.ledger.types import Approval, OutboxState

if TYPE_CHECKING:
    from wuyu.station import Station

__all__ = ["KeptSpan", "Needed", "needed_by"]

#: How long after its last cycle an event still counts as open: a second storm within it carries it on.
EVENT_OPEN: Final = timedelta(days=31)
#: How far back an outlook reads the gauge tables, as `wuyu.reporting.looking_ahead` does.
OUTLOOK_REACH: Final = timedelta(days=3 * 366)
_A_YEAR: Final = timedelta(days=366)
_NEWEST: Final = 5  # accepted files of each feed that stay, however old: the feed may be dead for long
_OPEN_STATES: Final = tuple(str(state) for state in OutboxState if state.is_open)
GAUGES: Final = "gauge_table"


@dataclass(frozen=True)
class KeptSpan:
    """What a report looked back on: risk tables of times in (begin, end], gauge tables from `reach` to `end`."""

    reach: datetime
    begin: datetime
    end: datetime

    def has_time(self, at: datetime) -> bool:
        """Return True if a risk table of this time may have been read."""
        return self.begin < at <= self.end

    def meets(self, first: datetime | None, last: datetime | None) -> bool:
        """Return True if a table with these values may have been read; of one whose times nobody knows, it may."""
        return first is None or last is None or (first <= self.end and last > self.reach)


@dataclass
class Needed:
    """What must stay.

    Attributes
    ----------
    events : set of str
        Open: of a warning in force or waiting, of a message on its way, of an answer that may still come.
    raw : set of (str, str)
        Feed and sha256 of files that cycles of kept bulletins and open warnings stood on.
    newest : set of int
        Ids of the newest usable files of each feed.
    risk : set of str
        Paths of risk tables.
    spans : list of KeptSpan
        Of issued reports and open drafts.
    registers : set of str
        Digests.
    all_registers : str
        Why every version of the register must stay; empty if it need not.
    """

    events: set[str] = field(default_factory=set)
    raw: set[tuple[str, str]] = field(default_factory=set)
    newest: set[int] = field(default_factory=set)
    risk: set[str] = field(default_factory=set)
    spans: list[KeptSpan] = field(default_factory=list)
    registers: set[str] = field(default_factory=set)
    all_registers: str = ""

    def has_raw(self, file: FeedFile, *, is_gauge: bool) -> bool:
        """Return True if the bytes of a feed file must stay."""
        if file.id in self.newest or (file.feed_id, file.sha256) in self.raw:
            return True
        return is_gauge and any(span.meets(file.first_value_at, file.last_value_at) for span in self.spans)

    def has_risk(self, path: str, valid_at: datetime) -> bool:
        """Return True if a risk table must stay."""
        return path in self.risk or any(span.has_time(valid_at) for span in self.spans)

    def has_register(self, folder: str) -> bool:
        """Return True if a version of the register must stay; its folder is named by the beginning of its digest."""
        return bool(self.all_registers) or any(digest.startswith(folder) for digest in self.registers)


def needed_by(station: Station, session: Session, *, now: datetime) -> Needed:
    """Return what must stay at `now`.

    Parameters
    ----------
    station : Station
    session : Session
        All of it is read in one transaction.
    now : datetime
        Wall time, aware.
    """
    return _Search(station, session, now).all()


@dataclass
class _Search:
    station: Station
    session: Session
    now: datetime
    found: Needed = field(default_factory=Needed)

    def all(self) -> Needed:
        self.found.events |= self._open_events()
        self._of_warnings()
        self._of_reports()
        self._of_cycles_to_come()
        self._of_registers_in_force()
        return self.found

    def _open_events(self) -> set[str]:
        now = self.now
        queries = (
            select(WarningRow.event_key).where(WarningRow.valid_to > now - EVENT_OPEN),
            select(WarningRow.event_key).where(WarningRow.issued_at > now - EVENT_OPEN),
            select(WarningRow.event_key).where(WarningRow.approval_state == Approval.WAITING),
            select(Outbox.event_key).where(Outbox.state.in_(_OPEN_STATES)),
            # A message need not name its event: what it is about does.
            select(WarningRow.event_key)
            .join(Outbox, Outbox.about == WarningRow.message_id)
            .where(Outbox.state.in_(_OPEN_STATES)),
            select(AckRequest.event_key).where(or_(AckRequest.expires_at > now, AckRequest.feedback_until > now)),
            select(Cycle.event_key).where(Cycle.valid_at > now - EVENT_OPEN),
        )
        last = self.station.ledger.last_cycle(self.station.code)
        stated = [] if last is None else [last.event_key, *_stated(last.warning_states)]
        return {key for query in queries for key in self.session.scalars(query) if key} | {key for key in stated if key}

    def _of_warnings(self) -> None:
        """Keep what the cycles of kept bulletins and of open events stood on."""
        bulletins = select(WarningRow.message_id, WarningRow.cycle_id, BulletinRow.products)
        bulletins = bulletins.join(BulletinRow, BulletinRow.message_id == WarningRow.message_id)
        rows = list(self.session.execute(bulletins))
        names = [product["path"] for row in rows for product in row.products.values()]
        gone = removals_of(self.session, Kept.BULLETIN, names)
        kept = {row.cycle_id for row in rows if any(one["path"] not in gone for one in row.products.values())}
        is_open = select(WarningRow.cycle_id).where(WarningRow.event_key.in_(self.found.events))
        kept |= set(self.session.scalars(is_open))
        for cycle in self._cycles(kept - {None}):
            self._of_cycle(cycle)

    def _cycles(self, ids: Iterable[int]) -> Iterable[Any]:
        listed = sorted(ids)
        what = select(Cycle.id, Cycle.inputs, Cycle.risk_paths, Cycle.summary)
        for begin in range(0, len(listed), 500):
            yield from self.session.execute(what.where(Cycle.id.in_(listed[begin : begin + 500])))

    def _of_cycle(self, cycle: Any) -> None:
        feeds = ((name.partition("#")[0].rpartition(":")[2], sha256) for name, sha256 in cycle.inputs.items())
        self.found.raw |= set(feeds)
        self.found.risk |= set(cycle.risk_paths.values())
        digest = cycle.summary.get("district")
        if digest is None:
            self.found.all_registers = "a bulletin that is kept does not say on which version of the register it stands"
        else:
            self.found.registers.add(digest)

    def _of_reports(self) -> None:
        for row in self.session.scalars(select(ReportIssue).order_by(ReportIssue.id)):
            key = ReportKey(row.district_code, row.kind, row.period)
            record = _record(self.station.out, row.products)
            self._of_report(key, record, row.issued_at)
        for draft in open_drafts(self.station.ledger, self.station.code):
            folder = self.station.out / "reports" / draft.key.kind / draft.key.period / "draft"
            self._of_report(draft.key, _read(folder / "as_of.json"), _drafted_at(draft))

    def _of_report(self, key: ReportKey, record: dict[str, Any], at: datetime) -> None:
        self.found.spans += self._spans(key, at)
        for name, sha256 in record.get("sources", {}).items():
            self.found.raw.add((name.partition("/")[0], sha256))
        digest = record.get("inputs", {}).get("district")
        if digest is None:
            self.found.all_registers = f"nobody can read on which version of the register report {key} stands"
        else:
            self.found.registers.add(digest)

    def _spans(self, key: ReportKey, at: datetime) -> list[KeptSpan]:
        """Return what a report looked back on; more than that if the settings know its period no more."""
        from risk_models.outlook.periods import parse_span, scope_of

        settings, edition = self.station.settings, "outlook" if key.period.endswith("-outlook") else "review"
        try:
            span = parse_span(key.kind, key.period.removesuffix("-outlook"), settings)  # type: ignore[arg-type]
            scope = scope_of(span, edition, settings)  # type: ignore[arg-type]
        except ConfigError:
            return [KeptSpan(at - OUTLOOK_REACH - _A_YEAR, at - 2 * _A_YEAR, at + _A_YEAR)]
        begin, end = (scope.reviewed or scope.span).bounds(settings.district.timezone)
        reach = min(begin - timedelta(days=2), scope.issued_at - OUTLOOK_REACH)
        return [KeptSpan(reach, begin, max(end, scope.issued_at))]

    def _of_cycles_to_come(self) -> None:
        """Keep what the next cycle may look at, should every feed be dead for longer than anything is kept."""
        for feed_id in self.session.scalars(select(FeedState.feed_id)):
            query = select(FeedFile.id).where(FeedFile.feed_id == feed_id, FeedFile.removed_at.is_(None))
            query = query.where(FeedFile.state == "accepted").order_by(FeedFile.id.desc()).limit(_NEWEST)
            self.found.newest |= set(self.session.scalars(query))
        last = self.station.ledger.last_cycle(self.station.code)
        if last is not None:
            self.found.risk |= set(last.risk_paths.values())

    def _of_registers_in_force(self) -> None:
        query = select(RegisterVersion.folder, RegisterVersion.digest).order_by(RegisterVersion.id)
        taken = self.session.execute(query.where(RegisterVersion.state == RegisterState.TAKEN))
        self.found.registers |= set({row.folder: row.digest for row in taken}.values())


def _stated(states: dict[str, Any]) -> list[str]:
    """Return the events of the warnings that the next cycle must know."""
    listed: Sequence[Any] = states.get("states", ()) if isinstance(states, dict) else ()
    return [str(one.get("record", {}).get("event_key", "")) for one in listed]


def _drafted_at(draft: DraftStanding) -> datetime:
    step = draft.first(Step.DRAFTED)
    return draft.steps[0].at if step is None else step.at


def _record(out: Path, products: dict[str, Any]) -> dict[str, Any]:
    """Return the as-of record of an issue; empty if it was lost."""
    product = products.get("as_of.json")
    return {} if product is None else _read(out / product["path"])


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
