"""The steps of periodic reports: drafted, put to consultation, answered, issued or not.

Rows are added and never changed; how a draft stands follows from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from wuyu.ledger.models import Base, LogEntry, ReportIssue, make_append_only
from wuyu.ledger.store import Ledger

__all__ = [
    "CLOSED",
    "DraftStanding",
    "ReportKey",
    "ReportStep",
    "Step",
    "add_issue",
    "add_step",
    "draft_of_revision",
    "issues",
    "open_drafts",
    "standing",
]


class Step(StrEnum):
    """What can happen to a draft."""

    DRAFTED = "drafted"
    OPENED = "opened"
    OPINION = "opinion"
    UNANSWERED = "unanswered"
    ISSUED = "issued"
    SENT_BACK = "sent_back"
    REJECTED = "rejected"


#: After one of these a draft is over.
CLOSED = frozenset({Step.ISSUED, Step.SENT_BACK, Step.REJECTED})


@dataclass(frozen=True)
class ReportKey:
    """Which report: ``period`` is the key of its span, with ``-outlook`` for that edition.

    Examples
    --------
    >>> str(ReportKey("410103", "month", "2021-08-outlook"))
    'month 2021-08-outlook'
    """

    district_code: str
    kind: str
    period: str

    def __str__(self) -> str:
        return f"{self.kind} {self.period}"

    @property
    def arguments(self) -> str:
        """How `wuyu report` is told of it."""
        edition = " --edition outlook" if self.period.endswith("-outlook") else ""
        return f"{self.kind} {self.period.removesuffix('-outlook')}{edition}"

    def fields(self) -> dict[str, str]:
        """Return the columns that name the report."""
        return {"district_code": self.district_code, "kind": self.kind, "period": self.period}


class ReportStep(Base):
    """One step of one draft."""

    __tablename__ = "report_steps"
    __table_args__ = (
        UniqueConstraint("district_code", "kind", "period", "draft", "number"),
        Index(None, "what"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    district_code: Mapped[str]
    kind: Mapped[str]
    period: Mapped[str]
    draft: Mapped[int]  # from 1
    number: Mapped[int]  # of the step in the draft, from 1
    what: Mapped[str]
    who: Mapped[str]
    at: Mapped[datetime]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)


make_append_only(ReportStep)


@dataclass(frozen=True)
class DraftStanding:
    """How the newest draft of a report stands.

    Attributes
    ----------
    key : ReportKey
    draft : int
        Its number; 0 if there is none.
    steps : tuple of ReportStep
        In their order; the first is the drafting.
    """

    key: ReportKey
    draft: int
    steps: tuple[ReportStep, ...]

    @property
    def state(self) -> Step | None:
        """The last step but for opinions; None without a draft."""
        return next((Step(step.what) for step in reversed(self.steps) if step.what != Step.OPINION), None)

    @property
    def is_open(self) -> bool:
        """True if it can still be decided."""
        return self.state is not None and self.state not in CLOSED

    @property
    def due_at(self) -> datetime | None:
        """Until when the consultation waits; None if it was not opened."""
        opened = [step for step in self.steps if step.what == Step.OPENED]
        return datetime.fromisoformat(opened[-1].detail["due_at"]) if opened else None

    def first(self, what: Step) -> ReportStep | None:
        """Return the first step of a sort."""
        return next((step for step in self.steps if step.what == what), None)

    @property
    def opinions(self) -> tuple[ReportStep, ...]:
        """Opinions, the latest of each department and expert."""
        latest = {(step.detail["department"], step.detail["expert"]): step for step in self.opinion_steps}
        return tuple(latest.values())

    @property
    def opinion_steps(self) -> list[ReportStep]:
        """Every opinion in its order, also those that a later one replaced."""
        return [step for step in self.steps if step.what == Step.OPINION]


def standing(source: Ledger | Session, key: ReportKey) -> DraftStanding:
    """Return how the newest draft of a report stands."""
    if isinstance(source, Ledger):
        with source.reading() as session:
            return standing(session, key)
    query = select(ReportStep).filter_by(**key.fields()).order_by(ReportStep.draft, ReportStep.number)
    steps = list(source.scalars(query))
    newest = steps[-1].draft if steps else 0
    return DraftStanding(key, newest, tuple(step for step in steps if step.draft == newest))


def draft_of_revision(ledger: Ledger, key: ReportKey, revision: int) -> DraftStanding | None:
    """Return the steps of the draft that was issued as a revision, or None."""
    query = select(ReportStep).filter_by(**key.fields()).order_by(ReportStep.draft, ReportStep.number)
    with ledger.reading() as session:
        steps = list(session.scalars(query))
    found = (step.draft for step in steps if step.what == Step.ISSUED and step.detail["revision"] == revision)
    draft = next(found, 0)
    return DraftStanding(key, draft, tuple(step for step in steps if step.draft == draft)) if draft else None


def open_drafts(ledger: Ledger, district_code: str) -> list[DraftStanding]:
    """Return every draft that can still be decided, by kind and period."""
    query = select(ReportStep.kind, ReportStep.period).where(ReportStep.district_code == district_code).distinct()
    with ledger.reading() as session:
        keys = [ReportKey(district_code, *row) for row in session.execute(query.order_by("kind", "period"))]
        found = [standing(session, key) for key in keys]
    return [one for one in found if one.is_open]


def add_step(
    session: Session, before: DraftStanding, what: Step, *, who: str, now: datetime, **detail: Any
) -> ReportStep:
    """Add a step to the draft that `before` tells of; a drafting begins the next draft.

    The log gets the same entry. Two processes that add the same step meet in the unique key, and the later one fails.
    """
    is_new = what is Step.DRAFTED
    row = ReportStep(
        **before.key.fields(),
        draft=before.draft + 1 if is_new else before.draft,
        number=1 if is_new else len(before.steps) + 1,
        what=what,
        who=who,
        at=now,
        detail=detail,
    )
    session.add(row)
    facts = before.key.fields() | {"draft": row.draft} | detail
    session.add(LogEntry(at=now, who=who, what=f"report-{what.replace('_', '-')}", detail=facts))
    session.flush()
    return row


def add_issue(
    session: Session, key: ReportKey, *, revision: int, products: dict[str, Any], issued_at: datetime
) -> ReportIssue:
    """Write that a revision was issued; a second one under the same number meets the unique key and fails."""
    row = ReportIssue(**key.fields(), revision=revision, issued_at=issued_at, products=products)
    session.add(row)
    session.flush()
    return row


def issues(
    source: Ledger | Session, district_code: str, key: ReportKey | None = None, *, known_at: datetime | None = None
) -> list[ReportIssue]:
    """Return what was issued, by kind, period and revision.

    Parameters
    ----------
    source : Ledger or Session
    district_code : str
    key : ReportKey, optional
        Only one report.
    known_at : datetime, optional
        Leave out what was issued after this wall time.
    """
    if isinstance(source, Ledger):
        with source.reading() as session:
            return issues(session, district_code, key, known_at=known_at)
    query = select(ReportIssue).where(ReportIssue.district_code == district_code)
    later = select(ReportStep).where(ReportStep.district_code == district_code, ReportStep.what == Step.ISSUED)
    if key is not None:
        query = query.filter_by(kind=key.kind, period=key.period)
        later = later.filter_by(kind=key.kind, period=key.period)
    rows = list(source.scalars(query.order_by(ReportIssue.kind, ReportIssue.period, ReportIssue.revision)))
    if known_at is None:
        return rows
    hidden = {(row.kind, row.period, row.detail["revision"]) for row in source.scalars(later) if row.at > known_at}
    return [row for row in rows if (row.kind, row.period, row.revision) not in hidden]
