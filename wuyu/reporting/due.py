"""Which reports the calendar asks for: those whose hour has come and that were not yet put to consultation."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from risk_models.outlook.periods import Edition, Kind, Scope, parse_span, scope_of
from wuyu.ledger.reporting import Step, issues, standing
from wuyu.reporting.issue import key_of

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = ["GRACE", "reports_due"]

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
