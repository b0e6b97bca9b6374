"""Draft, consult and issue in one go: by hand after a meeting, and in an exercise, which signs for itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from reports.periodic import Consultation, Opinion
from reports.words import Lang, plain
from risk_models.outlook.periods import Edition, Kind, Scope
from wuyu.ledger.reporting import Step, standing
from wuyu.progress import Tell, silent
from wuyu.reporting.consult import APPROVED, add_opinion, close_consultation, department_of, open_consultation
from wuyu.reporting.issue import Made, consultation_digest, draft_report, key_of, scope_for
from wuyu.reporting.making import LANGS

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = ["EXERCISE_CHAIR", "report_at_once", "write_report"]

#: Chairs the consultation of an exercise; real reports always wait for a person.
EXERCISE_CHAIR: Final = "演练席（自动签发） / exercise desk (automatic)"


def report_at_once(
    desk: Desk,
    scope: Scope,
    *,
    chair: str,
    now: datetime,
    opinions: Sequence[tuple[str, str, str]] = (),
    langs: Sequence[Lang] = LANGS,
    mail: bool = False,
    tell: Tell = silent,
) -> Made:
    """Draft a report, write the consultation down and issue it.

    The same inputs, chair and opinions again are the same issue, and nothing is made.

    Parameters
    ----------
    desk : Desk
    scope : Scope
    chair : str
        Who decided and signs.
    now : datetime
        Wall time.
    opinions : sequence of tuple of str
        Department, expert and opinion.
    langs : sequence of {"zh", "en"}
    mail : bool
        True to send it to towns and departments.
    tell : Tell
        Progress.

    Raises
    ------
    ConfigError
        As `draft_report`, `add_opinion` and `close_consultation`.
    """
    # A later word of the same expert replaces the earlier, as in the ledger.
    latest = {(department_of(desk, one), plain(expert)): plain(opinion) for one, expert, opinion in opinions}
    said = [(department, expert, opinion) for (department, expert), opinion in latest.items()]
    first: Tell = lambda fraction, text: tell(0.5 * fraction, text)  # noqa: E731 - a half of the whole
    second: Tell = lambda fraction, text: tell(0.5 + 0.5 * fraction, text)  # noqa: E731
    made = draft_report(desk, scope, now=now, langs=langs, who=chair, files=False, tell=first)
    if made.state == "unchanged":
        if _last_consultation(desk, scope) == _digest(chair, said):
            return made
        made = draft_report(desk, scope, now=now, langs=langs, who=chair, again=True, files=False, tell=first)
    open_consultation(desk, scope, now=now, who=chair)
    for department, expert, opinion in said:
        add_opinion(desk, scope, department=department, expert=expert, opinion=opinion, now=now, who=chair)
    return close_consultation(
        desk, scope, chair=chair, draft=made.draft, now=now, mail=mail, gathered=made.gathered, tell=second
    )


def write_report(
    desk: Desk,
    kind: Kind,
    key: str,
    *,
    now: datetime,
    edition: Edition = "review",
    langs: Sequence[Lang] = LANGS,
    tell: Tell = silent,
) -> Made:
    """Write a report without asking anybody: in an exercise it is issued, in earnest it stays a draft.

    Parameters
    ----------
    desk : Desk
    kind : {"month", "quarter", "flood-season", "year", "period"}
    key : str
        Of the span, e.g. ``2021-07``.
    now : datetime
        Wall time.
    edition : {"review", "outlook"}
    langs : sequence of {"zh", "en"}
    tell : Tell
        Progress.
    """
    scope = scope_for(desk, kind, key, edition)
    if desk.settings.mail.status == "Actual":
        return draft_report(desk, scope, now=now, langs=langs, tell=tell)
    return report_at_once(desk, scope, chair=EXERCISE_CHAIR, now=now, langs=langs, tell=tell)


def _last_consultation(desk: Desk, scope: Scope) -> str:
    issued = standing(desk.ledger, key_of(desk, scope)).first(Step.ISSUED)
    return "" if issued is None else str(issued.detail["consultation"])


def _digest(chair: str, said: Sequence[tuple[str, str, str]]) -> str:
    at = datetime.min.replace(tzinfo=UTC)
    opinions = tuple(
        Opinion(department=department, expert=expert, opinion=opinion, at=at) for department, expert, opinion in said
    )
    return consultation_digest(
        Consultation(chair=plain(chair), opened_at=at, closed_at=at, decision=APPROVED, opinions=opinions)
    )
