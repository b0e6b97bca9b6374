"""Which reports the calendar asks for: those whose hour has come and that were not yet put to consultation."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from risk_models.outlook.periods import Edition, Kind, Scope, parse_span, scope_of
from wuyu.ledger.models import FeedPull, LogEntry
from wuyu.ledger.reporting import Step, issues, standing
from wuyu.ledger.store import lock_ledger
from wuyu.ledger.tasks import OPERATOR_TASK
from wuyu.reporting.issue import key_of

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = ["GRACE", "note_missed_reports", "reports_due"]

#: Kinds and editions that the calendar asks for, as `dags/periodic_reports.py` schedules them.
SCHEDULED: tuple[tuple[Kind, Edition], ...] = tuple(
    (kind, edition)
    for kind in ("month", "quarter", "flood-season", "year", "period")
    for edition in ("review", "outlook")
)
#: How long after its hour the calendar still asks for a report: the desk may have been down on that day.
GRACE = timedelta(days=7)


def reports_due(desk: Desk, kind: Kind, edition: Edition, *, now: datetime) -> list[str]:
    """Return the keys of the reports of one kind and edition that are due, the earliest first.

    Parameters
    ----------
    desk : Desk
    kind : {"month", "quarter", "flood-season", "year", "period"}
    edition : {"review", "outlook"}
    now : datetime
        Wall time.

    Returns
    -------
    list of str
        Due: its hour came within the last 7 days, and it is neither issued nor in consultation.
    """
    scopes = [_scope(desk, kind, key, edition) for key in _near(desk, kind, now)]
    due = [one for one in scopes if one.issued_at <= now < one.issued_at + GRACE and _is_untouched(desk, one)]
    return [one.span.key for one in sorted(due, key=lambda one: (one.issued_at, one.span.key))]


def note_missed_reports(desk: Desk, *, now: datetime) -> list[str]:
    """Make a task of every report that was missed for longer than its grace; each becomes one once.

    What the calendar asked for before the desk first looked into a feed was never missed.

    Parameters
    ----------
    desk : Desk
    now : datetime
        Wall time.

    Returns
    -------
    list of str
        Kind and period of the reports that became a task now.
    """
    with desk.ledger.reading() as session:
        began = session.scalars(select(FeedPull.at).order_by(FeedPull.id).limit(1)).one_or_none()
    if began is None:
        return []
    scopes = [_scope(desk, kind, key, edition) for kind, edition in SCHEDULED for key in _near(desk, kind, now)]
    missed = [one for one in scopes if began <= one.issued_at <= now - GRACE and _is_untouched(desk, one)]
    missed.sort(key=lambda one: (one.issued_at, one.span.kind, one.span.key))
    return [str(key_of(desk, one)) for one in missed if _note(desk, one, now)]


def _note(desk: Desk, scope: Scope, now: datetime) -> bool:
    """Write the task of a missed report; False if it was written before, settled or not."""
    key = key_of(desk, scope)
    name = f"{desk.code}-report-{key.kind}-{key.period}.missed"
    since = scope.issued_at.astimezone(desk.timezone)
    with desk.ledger.writing() as session:
        lock_ledger(session)
        known = select(LogEntry.id).where(LogEntry.message_id == name, LogEntry.what == OPERATOR_TASK)
        if session.scalars(known.limit(1)).first() is not None:
            return False
        task = (
            f"the report {key} was due on {since:%Y-%m-%d} and nobody was asked about it: wuyu report {key.arguments}"
        )
        detail = {"task": task, "kind": key.kind, "period": key.period}
        session.add(LogEntry(at=now, who="reports", what=OPERATOR_TASK, message_id=name, detail=detail))
    return True


def _scope(desk: Desk, kind: Kind, key: str, edition: Edition) -> Scope:
    settings = desk.settings
    return scope_of(parse_span(kind, key, settings), edition, settings)


def _near(desk: Desk, kind: Kind, now: datetime) -> list[str]:
    """Return the keys of the spans around a moment."""
    year = now.astimezone(desk.timezone).year
    years = (year - 1, year, year + 1)
    match kind:
        case "month":
            return [f"{one}-{month:02d}" for one in years for month in range(1, 13)]
        case "quarter":
            return [f"{one}-Q{quarter}" for one in years for quarter in range(1, 5)]
        case "period":
            return [item.id for item in desk.settings.important_periods]
        case _:
            return [str(one) for one in years]


def _is_untouched(desk: Desk, scope: Scope) -> bool:
    key = key_of(desk, scope)
    state = standing(desk.ledger, key).state
    return not issues(desk.ledger, desk.code, key) and state in (None, Step.DRAFTED)
