"""The consultation (会商) on a draft: opened, opinions, and a decision by a named chair; silence decides nothing.

Every step is a row of the ledger with who and when. A draft that nobody decides on in time stays a draft: the operator
gets a task, nothing is sent, and the chair can still decide.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from reports.periodic import Consultation, Opinion
from reports.words import plain
from risk_models.errors import ConfigError
from risk_models.outlook.periods import Scope
from wuyu.clock import clock_marks
from wuyu.ledger import ReportKey
from wuyu.ledger.reporting import DraftStanding, Step, add_step, open_drafts, standing
from wuyu.ledger.store import lock_ledger
from wuyu.ledger.tasks import OPERATOR_TASK, open_tasks
from wuyu.progress import Tell, silent
from wuyu.reporting.archive import Archive
from wuyu.reporting.gather import ReportMaterial
from wuyu.reporting.issue import Made, draft_names, issue_report, issued_before, key_of
from wuyu.reporting.making import read_as_of

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = [
    "APPROVED",
    "FIELDS",
    "OPTIONS",
    "add_opinion",
    "answer_consultation",
    "close_consultation",
    "department_of",
    "lapse_consultations",
    "open_consultation",
    "parse_opinion",
    "refuse_draft",
]

ISSUE: Final = "Issue 印发"
SEND_BACK: Final = "Send back 退回修改"
REJECT: Final = "Reject 不予印发"
NO_ANSWER: Final = "No answer yet 暂不答复"
OPTIONS: Final = (ISSUE, SEND_BACK, REJECT, NO_ANSWER)
FIELDS: Final = ("chair", "opinions", "decision", "why")
#: Where the chair says nothing of their own, every report prints the plain approval in its own language.
APPROVED: Final = ""
WHO: Final = "reports"
SHORTEST_S = 5.0
_GENERIC = frozenset({"", "anonymous", "admin", "airflow"})
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~])")


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A consultation that waits for its chair.

    Attributes
    ----------
    draft : int
    due_at : datetime
    timeout_s : float
        Seconds until then.
    subject, body : str
        What the chair is shown; `body` is Markdown.
    """

    draft: int
    due_at: datetime
    timeout_s: float
    subject: str
    body: str


def open_consultation(
    desk: Desk, scope: Scope, *, now: datetime, who: str = WHO, deadline_h: float | None = None
) -> Opened:
    """Open the consultation on the newest draft; opened again it keeps its deadline.

    Parameters
    ----------
    desk : Desk
    scope : Scope
    now : datetime
        Wall time.
    who : str
    deadline_h : float, optional
        Hours until an answer is expected; default: of the settings.

    Raises
    ------
    ConfigError
        If there is no open draft.
    """
    key = key_of(desk, scope)
    hours = desk.settings.reports.consultation_deadline_h if deadline_h is None else deadline_h
    if not (math.isfinite(hours) and hours > 0):
        raise ConfigError(f"the deadline must be a number of hours above 0, got {hours:g}")
    with desk.ledger.writing() as session:
        lock_ledger(session)
        before = _waiting(standing(session, key))
        due_at = before.due_at
        if due_at is None or before.state is Step.UNANSWERED:
            due_at = now + timedelta(hours=hours)
            add_step(session, before, Step.OPENED, who=who, now=now, due_at=due_at.isoformat())
    left_s = max(SHORTEST_S, (due_at - now).total_seconds())
    subject, body = _shown(desk, scope, key, before.draft, due_at)
    return Opened(draft=before.draft, due_at=due_at, timeout_s=left_s, subject=subject, body=body)


def add_opinion(
    desk: Desk,
    scope: Scope,
    *,
    department: str,
    expert: str,
    opinion: str,
    now: datetime,
    who: str = "",
    draft: int | None = None,
) -> None:
    """Write down what a department says of the draft; a later word of the same expert replaces the earlier.

    Parameters
    ----------
    desk : Desk
    scope : Scope
    department : str
        Id or name of a department of the settings; any name where the settings name none.
    expert : str
        Who speaks.
    opinion : str
        Their words; empty for no objection.
    now : datetime
    who : str
        Who writes it down; default: the expert.
    draft : int, optional
        Only if this is the newest draft.

    Raises
    ------
    ConfigError
        If there is no open draft, the department is not known, or no expert is named.
    """
    named = department_of(desk, department)
    if not plain(expert):
        raise ConfigError("an opinion needs the name of the expert: DEPARTMENT|EXPERT|TEXT")
    said = {"department": named, "expert": plain(expert), "opinion": plain(opinion)}
    with desk.ledger.writing() as session:
        lock_ledger(session)
        before = _waiting(standing(session, key_of(desk, scope)), draft)
        if said not in [step.detail for step in before.opinions]:
            add_step(session, before, Step.OPINION, who=who or plain(expert), now=now, **said)


def close_consultation(
    desk: Desk,
    scope: Scope,
    *,
    chair: str,
    now: datetime,
    draft: int | None = None,
    decision: str = APPROVED,
    account: str = "",
    mail: bool = False,
    gathered: ReportMaterial | None = None,
    tell: Tell = silent,
) -> Made:
    """Issue the draft in the name of the chair, with the record of the consultation.

    Parameters
    ----------
    desk : Desk
    scope : Scope
    chair : str
        Who decides and signs.
    now : datetime
        Wall time.
    draft : int, optional
        Only if this is the newest draft.
    decision : str
        In the words of the chair.
    account : str
        That the chair answered with, for the ledger.
    mail : bool
        True to send it to towns and departments.
    gathered : ReportMaterial, optional
        What the draft stands on, where it is at hand.
    tell : Tell
        Progress.

    Raises
    ------
    ConfigError
        If nobody is named, there is no open draft, or what it stood on has changed.
    """
    before = _waiting(standing(desk.ledger, key_of(desk, scope)), draft)
    record = _record(desk, scope, before, chair=_chair(chair), decision=plain(decision) or APPROVED, now=now)
    return issue_report(
        desk,
        scope,
        record,
        draft=before.draft,
        opinions=len(before.opinion_steps),
        now=now,
        mail=mail,
        account=account,
        gathered=gathered,
        tell=tell,
    )


def refuse_draft(
    desk: Desk,
    scope: Scope,
    *,
    chair: str,
    step: Step,
    why: str,
    now: datetime,
    draft: int | None = None,
    account: str = "",
) -> None:
    """Send a draft back to be made anew, or reject it; nothing leaves.

    Parameters
    ----------
    desk : Desk
    scope : Scope
    chair : str
    step : Step
        `SENT_BACK` or `REJECTED`.
    why : str
    now : datetime
    draft : int, optional
        Only if this is the newest draft.
    account : str
        That the chair answered with, for the ledger.

    Raises
    ------
    ConfigError
        If nobody is named or no reason given, or there is no open draft.
    """
    name = _chair(chair)
    if not plain(why):
        raise ConfigError("a draft that is sent back or rejected needs a reason")
    key = key_of(desk, scope)
    archive = Archive(desk.out, key)
    with archive.locked():
        with desk.ledger.writing() as session:
            lock_ledger(session)
            before = _waiting(standing(session, key), draft)
            facts = {"why": plain(why)} | ({"account": account} if account else {})
            add_step(session, before, step, who=name, now=now, **facts)
        archive.hide(draft_names(scope, before.steps[0].detail["languages"]))


def answer_consultation(
    desk: Desk, scope: Scope, *, draft: int, answer: Mapping[str, Any], now: datetime, mail: bool
) -> Made | None:
    """Do what the chair answered on the page; no answer, or one that cannot be used, decides nothing.

    Parameters
    ----------
    desk : Desk
    scope : Scope
    draft : int
        Number of the draft that was shown.
    answer : mapping
        As Airflow's human-in-the-loop operator gives it.
    now : datetime
    mail : bool

    Returns
    -------
    Made or None
        None if nothing was issued.
    """
    user, (choice,) = answer.get("responded_by_user"), answer["chosen_options"]
    key = key_of(desk, scope)
    if user is None:
        _unanswered(desk, key, now=now, why="nobody answered in time", draft=draft)
        return None
    if choice == ISSUE:
        # The answer may come a second time, from a task that was killed after it had done its work.
        made = issued_before(desk, scope, draft=draft)
        if made is not None:
            return made
    fields = {name: str((answer.get("params_input") or {}).get(name) or "") for name in FIELDS}
    try:
        return _settled(desk, scope, choice, fields, user, draft=draft, now=now, mail=mail)
    except ConfigError as error:
        _unanswered(desk, key, now=now, why=str(error), draft=draft, is_answer=True)
        return None


def lapse_consultations(desk: Desk, *, now: datetime) -> list[ReportKey]:
    """Note every consultation whose time is over, and give the operator a task for each; the draft stays.

    Parameters
    ----------
    desk : Desk
    now : datetime
        Wall time.
    """
    overdue = [
        one.key
        for one in open_drafts(desk.ledger, desk.code)
        if one.state is Step.OPENED and one.due_at is not None and one.due_at <= now
    ]
    for key in overdue:
        _unanswered(desk, key, now=now, why="nobody answered in time")
    return overdue


def parse_opinion(text: str) -> tuple[str, str, str]:
    """Return department, expert and opinion of one line.

    Examples
    --------
    >>> parse_opinion("water|张工|加密巡查")
    ('water', '张工', '加密巡查')

    Raises
    ------
    ConfigError
        If it does not read DEPARTMENT|EXPERT|TEXT.
    """
    parts = [part.strip() for part in re.split(r"[|｜]", text, maxsplit=2)]
    if len(parts) != 3 or not all(parts[:2]):
        raise ConfigError(f"an opinion must read DEPARTMENT|EXPERT|TEXT, got '{text}'")
    return parts[0], parts[1], parts[2]


def _settled(
    desk: Desk,
    scope: Scope,
    choice: str,
    fields: Mapping[str, str],
    user: Mapping[str, Any],
    *,
    draft: int,
    now: datetime,
    mail: bool,
) -> Made | None:
    """Keep the opinions that a person wrote down, and do what they chose."""
    if choice not in OPTIONS:
        raise ConfigError(f"'{choice}' is no answer; accepted: {', '.join(OPTIONS)}")
    opinions = [parse_opinion(line) for line in fields["opinions"].splitlines() if line.strip()]
    account = _personal(user, "id")
    chair = fields["chair"].strip() or _personal(user, "name") or account
    if opinions or choice != NO_ANSWER:
        chair = _chair(chair)
    for department, expert, opinion in opinions:
        add_opinion(desk, scope, department=department, expert=expert, opinion=opinion, now=now, who=chair, draft=draft)
    if choice == NO_ANSWER:
        _unanswered(desk, key_of(desk, scope), now=now, why="put off", draft=draft)
        return None
    if choice in (SEND_BACK, REJECT):
        step = Step.SENT_BACK if choice == SEND_BACK else Step.REJECTED
        refuse_draft(desk, scope, chair=chair, step=step, why=fields["why"], now=now, draft=draft, account=account)
        return None
    decision = fields["decision"] or APPROVED
    return close_consultation(
        desk, scope, chair=chair, draft=draft, decision=decision, account=account, mail=mail, now=now
    )


def _waiting(before: DraftStanding, draft: int | None = None) -> DraftStanding:
    if draft not in (None, before.draft):
        raise ConfigError(f"{before.key}: draft {draft} is not the newest; that is draft {before.draft}")
    if not before.is_open:
        state = "none was made" if before.state is None else f"the newest, {before.draft}, is {before.state}"
        raise ConfigError(
            f"{before.key}: there is no open draft ({state}); write one with `wuyu report {before.key.arguments}`"
        )
    return before


def _chair(name: str) -> str:
    if not plain(name):
        raise ConfigError("a consultation needs the name of its chair")
    return plain(name)


def department_of(desk: Desk, given: str) -> str:
    """Return the id of a department by its id or name; a name as it is where the settings name no department.

    Raises
    ------
    ConfigError
        If the settings name departments, and not this one.
    """
    known = desk.settings.reports.departments
    for one in known:
        if given in (one.id, one.name.zh, one.name.en):
            return one.id
    if known or not plain(given):
        listed = ", ".join(f"{one.id} ({one.name.zh})" for one in known) or "any name"
        raise ConfigError(f"no department is called '{given}'; accepted: {listed}")
    return plain(given)


def _personal(user: Mapping[str, Any], field: str) -> str:
    """Return the name or id of the account that answered; an account that anybody may use names nobody."""
    value = str(user.get(field) or "").strip()
    return "" if value.casefold() in _GENERIC else value


def _record(
    desk: Desk, scope: Scope, before: DraftStanding, *, chair: str, decision: str, now: datetime
) -> Consultation:
    """Return the record as it is printed; in an exercise every moment is the scheduled hour of the report."""
    is_actual = desk.settings.mail.status == "Actual"

    def moment(at: datetime) -> datetime:
        return (at if is_actual else scope.issued_at).astimezone(scope.issued_at.tzinfo).replace(microsecond=0)

    opened = before.first(Step.OPENED) or before.steps[0]
    return Consultation(
        chair=chair,
        opened_at=moment(opened.at),
        closed_at=moment(now),
        decision=decision,
        opinions=tuple(Opinion(**step.detail, at=moment(step.at)) for step in before.opinions),
    )


def _unanswered(
    desk: Desk, key: ReportKey, *, now: datetime, why: str, draft: int | None = None, is_answer: bool = False
) -> None:
    """Leave the draft as it is and give the operator a task, once for each reason.

    Silence on a draft (None: the newest) that another has replaced says nothing; an answer to it must not be lost.
    """
    with desk.ledger.decide(now=now, who=WHO) as decision:
        lock_ledger(decision.session)
        before = standing(decision.session, key)
        number = before.draft if draft is None else draft
        last = before.steps[-1] if before.steps else None
        if last is None or not before.is_open:
            return
        if number == before.draft:
            if before.state is Step.UNANSWERED and (not is_answer or last.detail.get("why") == why):
                return
            add_step(decision.session, before, Step.UNANSWERED, who=WHO, now=now, why=why)
        elif not is_answer:
            return
        task = (
            f"report {key}: draft {number} was not decided ({why}); nothing was sent. "
            f"Decide with: wuyu report consult {key.arguments}"
        )
        if task not in [one.detail["task"] for one in open_tasks(desk.ledger)]:
            decision.log(OPERATOR_TASK, task=task, kind=key.kind, period=key.period, draft=number)


def _shown(desk: Desk, scope: Scope, key: ReportKey, draft: int, due_at: datetime) -> tuple[str, str]:
    """Return subject and body of the page on which the chair answers."""
    folder = Archive(desk.out, key).draft
    record = read_as_of(folder)
    settings = desk.settings
    name = settings.district.name
    due = due_at.astimezone(desk.timezone)
    lines = [
        f"**{_safe(name.zh)} {_safe(scope.span.name_zh)} / {_safe(name.en)}, {_safe(scope.span.name_en)}**",
        f"第{draft}稿，请于{due:%Y-%m-%d %H:%M}前会商 / draft {draft}, answer by {due:%Y-%m-%d %H:%M}",
    ]
    if settings.district.demonstration:
        lines.append("演示数据 / demonstration data")
    lines += [f"{zh} / {en}" for zh, en in clock_marks()]
    for lang, title in (("zh", "主要结论"), ("en", "Conclusions")):
        said = record.get("conclusions", {}).get(lang, [])
        lines += [f"**{title}**", *(f"- {_safe(text)}" for text in said)] if said else []
    files = [f"- `{desk.relative(folder)}/{one}`" for one in sorted(record.get("files", {}))]
    departments = [f"- {one.id}: {_safe(one.name.zh)} {_safe(one.name.en)}" for one in settings.reports.departments]
    lines += ["**文件 Files**", *files, "**部门 Departments**", *departments]
    return plain(f"【会商 Consult】{name.zh}{scope.span.name_zh} {scope.span.name_en}"), "\n\n".join(lines)


def _safe(text: str) -> str:
    """Return text that no Markdown can hide in."""
    return _MARKDOWN.sub(r"\\\1", plain(text))
