"""Draft a report, and issue it: whole folders, numbered revisions, one transaction for the decision.

A draft stands on what was known when it was made. Issuing it makes it again at the same moments, with the record of its
consultation; if that is no longer the same (a table was lost or changed), nothing is issued. The folder is written
first, the ledger second, the copies last: a run that was killed in between is put right by the next one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.periodic import Consultation, file_stem
from reports.words import Lang
from risk_models.errors import ConfigError
from risk_models.outlook.periods import Edition, Kind, Scope, parse_span, scope_of
from wuyu.ledger import ReportIssue, ReportKey
from wuyu.ledger.reporting import DraftStanding, Step, add_issue, add_step, draft_of_revision, issues, standing
from wuyu.ledger.store import lock_ledger
from wuyu.progress import Tell, silent
from wuyu.reporting.archive import Archive, digests
from wuyu.reporting.earlier import period_key
from wuyu.reporting.gather import ReportMaterial, gather
from wuyu.reporting.mail import is_backfill, queue_report
from wuyu.reporting.making import FORMATS, LANGS, inputs_digest, read_as_of, write_report_files
from wuyu.reporting.moments import Moments, moments_of

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = [
    "Made",
    "draft_names",
    "draft_report",
    "issue_report",
    "issued_before",
    "key_of",
    "rebuild",
    "scope_for",
]


@dataclass(frozen=True, kw_only=True)
class Made:
    """A report as it lies in the archive.

    Attributes
    ----------
    key : ReportKey
    state : str
        ``draft``, ``issued``, or ``unchanged``: issued before from the same inputs, and nothing was made.
    revision : int
        Its number, or the number it would be issued under.
    draft : int
        Number of the draft.
    folder : Path
    paths : tuple of Path
        Copies of its documents in ``reports/``.
    mails : int
        Rows put into the outbox.
    gathered : ReportMaterial or None
        What a draft stands on, to issue it without gathering it again.
    """

    key: ReportKey
    state: str
    revision: int
    draft: int
    folder: Path
    paths: tuple[Path, ...]
    mails: int = 0
    gathered: ReportMaterial | None = field(default=None, repr=False, compare=False)


def scope_for(desk: Desk, kind: Kind, key: str, edition: Edition) -> Scope:
    """Return what a report covers in this district.

    Raises
    ------
    ConfigError
        If the key is not in form, or the district has no such important period.
    """
    settings = desk.settings
    return scope_of(parse_span(kind, key, settings), edition, settings)


def key_of(desk: Desk, scope: Scope) -> ReportKey:
    """Return the name of a report in the ledger and in the archive."""
    return ReportKey(desk.code, scope.span.kind, period_key(scope.span, scope.edition))


def draft_report(
    desk: Desk,
    scope: Scope,
    *,
    now: datetime,
    langs: Sequence[Lang] = LANGS,
    who: str = "reports",
    again: bool = False,
    files: bool = True,
    tell: Tell = silent,
) -> Made:
    """Write the draft of a report; drafted again from the same inputs it is the same draft.

    Parameters
    ----------
    desk : Desk
    scope : Scope
    now : datetime
        Wall time: what came in later is not in it.
    langs : sequence of {"zh", "en"}
    who : str
        Who drafts, for the log.
    again : bool
        True to draft even what was issued from the same inputs, for another consultation.
    files : bool
        False to write no documents, for a draft that is issued in the same breath.
    tell : Tell
        Progress.

    Returns
    -------
    Made
        In state ``unchanged`` if the newest issue was made from the same inputs.

    Raises
    ------
    ConfigError
        If the span to be reviewed is not over.
    """
    moments = moments_of(scope, known_at=now, timezone=desk.settings.district.timezone)
    key = key_of(desk, scope)
    archive = Archive(desk.out, key)
    with archive.locked():
        gathered = gather(desk, scope, moments, tell=_part(tell, 0.0, 0.5))
        digest = inputs_digest(gathered, langs)
        issued = issues(desk.ledger, desk.code, key)
        if issued and not again and _issued_digest(archive, issued[-1]) == digest:
            if not standing(desk.ledger, key).is_open:
                archive.hide(draft_names(scope, langs))
            return _shown(archive, key, issued[-1], langs, scope, state="unchanged", draft=0)
        before = standing(desk.ledger, key)
        is_same = before.is_open and before.steps[0].detail["digest"] == digest
        if files and not (is_same and read_as_of(archive.draft).get("digest") == digest):
            with archive.writing(archive.draft) as folder:
                inputs = replace(gathered.inputs, revision=len(issued))
                write_report_files(folder, inputs, gathered, langs=langs, tell=_part(tell, 0.5, 1.0))
        number = before.draft
        if not is_same:
            with desk.ledger.writing() as session:
                lock_ledger(session)
                facts: dict[str, Any] = {"digest": digest, "known_at": now.isoformat()}
                facts |= {"languages": list(langs), "revision": len(issued)}
                number = add_step(session, standing(session, key), Step.DRAFTED, who=who, now=now, **facts).draft
        paths = archive.show(archive.draft, draft_names(scope, langs)) if files else []
        return Made(
            key=key,
            state="draft",
            revision=len(issued),
            draft=number,
            folder=archive.draft,
            paths=tuple(paths),
            gathered=gathered,
        )


def issue_report(
    desk: Desk,
    scope: Scope,
    consultation: Consultation,
    *,
    draft: int,
    now: datetime,
    mail: bool,
    opinions: int = 0,
    account: str = "",
    gathered: ReportMaterial | None = None,
    tell: Tell = silent,
) -> Made:
    """Issue the draft that was consulted on, as the next revision, and mail it if it is to be mailed.

    Parameters
    ----------
    desk : Desk
    scope : Scope
    consultation : Consultation
        Its record, printed in the report; the chair signs.
    draft : int
        Number of the draft.
    now : datetime
        Wall time of the decision.
    mail : bool
        True to put it into the outbox for towns and departments; a backfill is never mailed.
    opinions : int
        Steps of opinions that the record stands on.
    account : str
        That the chair answered with, for the ledger.
    gathered : ReportMaterial, optional
        What the draft stands on, where it is at hand; else it is gathered again at the moments of the draft.
    tell : Tell
        Progress.

    Returns
    -------
    Made

    Raises
    ------
    ConfigError
        If the draft is over or another took its place, the inputs of the draft cannot be had again, or an opinion came
        in that the record does not have.
    """
    key = key_of(desk, scope)
    archive = Archive(desk.out, key)
    with archive.locked():
        before = _open_draft(standing(desk.ledger, key), draft)
        facts = before.steps[0].detail
        langs, revision = list(facts["languages"]), len(issues(desk.ledger, desk.code, key))
        if gathered is None:
            moments = Moments(as_of=scope.issued_at, known_at=datetime.fromisoformat(facts["known_at"]))
            gathered = gather(desk, scope, moments, tell=_part(tell, 0.0, 0.5))
        if inputs_digest(gathered, langs) != facts["digest"]:
            raise ConfigError(
                f"{key}: what draft {draft} stood on has changed or was lost; draft it again and consult on that"
            )
        issued_at = _issued_at(desk, scope, now)
        inputs = replace(
            gathered.inputs, stage="issued", revision=revision, issued_at=issued_at, consultation=consultation
        )
        folder = archive.revision(revision)
        # A folder without its row in the ledger is of a run that was killed: what it held was never issued.
        with archive.writing(folder) as aside:
            write_report_files(aside, inputs, gathered, langs=langs, tell=_part(tell, 0.5, 1.0))
        mails = 0
        with desk.ledger.decide(now=now, who=consultation.chair) as decision:
            lock_ledger(decision.session)
            again = _open_draft(standing(decision.session, key), draft)
            if len(again.opinion_steps) != opinions:
                raise ConfigError(f"{key}: an opinion on draft {draft} came in while it was being issued; decide again")
            products = {name: _product(desk, folder / name, sha256) for name, sha256 in digests(folder).items()}
            add_issue(decision.session, key, revision=revision, products=products, issued_at=issued_at)
            if mail and not is_backfill(scope, now=now):
                files = {name: folder / name for name in _names(scope, langs[:1])}
                mails = queue_report(
                    desk, decision, key, scope, revision=revision, files=files, chair=consultation.chair
                )
            said = {"digest": facts["digest"], "consultation": consultation_digest(consultation)}
            said |= {"revision": revision, "mails": mails} | ({"account": account} if account else {})
            add_step(decision.session, again, Step.ISSUED, who=consultation.chair, now=now, **said)
        archive.hide(draft_names(scope, langs))
        issued = issues(desk.ledger, desk.code, key)[-1]
        return replace(_shown(archive, key, issued, langs, scope, state="issued", draft=draft), mails=mails)


def issued_before(desk: Desk, scope: Scope, *, draft: int) -> Made | None:
    """Return the issue that a draft became, its copies brought up to date; None if it was not issued.

    Parameters
    ----------
    desk : Desk
    scope : Scope
    draft : int
        Number of the draft.
    """
    key = key_of(desk, scope)
    archive = Archive(desk.out, key)
    with archive.locked():
        found = standing(desk.ledger, key)
        step = found.first(Step.ISSUED)
        if found.draft != draft or step is None:
            return None
        issued = next(row for row in issues(desk.ledger, desk.code, key) if row.revision == step.detail["revision"])
        langs = found.steps[0].detail["languages"]
        archive.hide(draft_names(scope, langs))
        made = _shown(archive, key, issued, langs, scope, state="issued", draft=draft)
        return replace(made, mails=step.detail["mails"])


def rebuild(desk: Desk, scope: Scope, revision: int, folder: Path, *, tell: Tell = silent) -> dict[str, str]:
    """Make an issued revision again, at its recorded moments, into another folder.

    Parameters
    ----------
    desk : Desk
    scope : Scope
    revision : int
    folder : Path
        Empty, or not there.
    tell : Tell
        Progress.

    Returns
    -------
    dict of str to str
        Name to sha256 of every file; the same as of the issue, whatever came in since.

    Raises
    ------
    ConfigError
        If there is no such revision.
    """
    key = key_of(desk, scope)
    record, issued = (
        read_as_of(Archive(desk.out, key).revision(revision)),
        draft_of_revision(desk.ledger, key, revision),
    )
    if not record or issued is None:
        raise ConfigError(f"archive and ledger hold no whole revision {revision} of {key}")
    moments = Moments(
        as_of=datetime.fromisoformat(record["as_of"]).astimezone(scope.issued_at.tzinfo),
        known_at=datetime.fromisoformat(issued.steps[0].detail["known_at"]),
    )
    gathered = gather(desk, scope, moments, tell=tell)
    inputs = replace(
        gathered.inputs,
        stage=record["stage"],
        revision=revision,
        issued_at=datetime.fromisoformat(record["issued_at"]).astimezone(scope.issued_at.tzinfo),
        consultation=consultation_of(record["consultation"]),
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_report_files(folder, inputs, gathered, langs=record["languages"])
    return digests(folder)


def consultation_of(record: dict[str, Any]) -> Consultation:
    """Return a consultation from its as-of record."""
    from reports.periodic import Opinion

    opinions = tuple(Opinion(**{**one, "at": datetime.fromisoformat(one["at"])}) for one in record["opinions"])
    times = {name: datetime.fromisoformat(record[name]) for name in ("opened_at", "closed_at")}
    return Consultation(**{**record, **times, "opinions": opinions})


def consultation_digest(consultation: Consultation) -> str:
    """Return one SHA-256 for what was said in a consultation and by whom; when does not count."""
    said = [[one.department, one.expert, one.opinion] for one in consultation.opinions]
    whole = json.dumps([consultation.chair, consultation.decision, said], ensure_ascii=False)
    return hashlib.sha256(whole.encode()).hexdigest()


def _open_draft(before: DraftStanding, draft: int) -> DraftStanding:
    if before.draft != draft:
        raise ConfigError(f"{before.key}: draft {draft} is not the newest; that is draft {before.draft}")
    if not before.is_open:
        raise ConfigError(f"{before.key}: draft {draft} is over: {before.state}")
    return before


def _issued_at(desk: Desk, scope: Scope, now: datetime) -> datetime:
    """Return the moment of issue that is printed: the scheduled hour in an exercise, else not before it is so."""
    if desk.settings.mail.status != "Actual":
        return scope.issued_at
    return max(scope.issued_at, now.astimezone(scope.issued_at.tzinfo).replace(microsecond=0))


def _issued_digest(archive: Archive, issue: ReportIssue) -> str:
    return str(read_as_of(archive.revision(issue.revision)).get("digest", ""))


def _shown(
    archive: Archive,
    key: ReportKey,
    issue: ReportIssue,
    langs: Sequence[Lang],
    scope: Scope,
    *,
    state: str,
    draft: int,
) -> Made:
    """Return an issue, its copies brought up to date."""
    folder = archive.revision(issue.revision)
    paths = archive.show(folder, {name: name for name in _names(scope, langs)})
    return Made(key=key, state=state, revision=issue.revision, draft=draft, folder=folder, paths=tuple(paths))


def _names(scope: Scope, langs: Sequence[Lang]) -> list[str]:
    return [f"{file_stem(scope, lang)}.{ending}" for lang in langs for ending in FORMATS]


def draft_names(scope: Scope, langs: Sequence[Lang]) -> dict[str, str]:
    """Return the names of the documents of a draft: in the archive, and where people look."""
    stems = {lang: file_stem(scope, lang) for lang in langs}
    return {f"{stem}.{ending}": f"{stem}.draft.{ending}" for stem in stems.values() for ending in FORMATS}


def _product(desk: Desk, path: Path, sha256: str) -> dict[str, str]:
    return {"path": desk.relative(path), "sha256": sha256}


def _part(tell: Tell, begin: float, end: float) -> Tell:
    """Return a progress that fills a part of another."""
    return lambda fraction, text: tell(begin + (end - begin) * fraction, text)
