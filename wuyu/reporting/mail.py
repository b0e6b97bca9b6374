"""An issued report on its way to town offices and departments, through the outbox like everything that leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from reports.words import plain
from risk_models.outlook.periods import Scope
from wuyu.ledger import ReportKey
from wuyu.messages.letters import letter
from wuyu.messages.mail import Attachment, Mail, MailContent
from wuyu.messages.purpose import Purpose, message_id

if TYPE_CHECKING:
    from wuyu.desk import Desk
    from wuyu.ledger import Decision

__all__ = ["KEEP_TRYING", "LATE", "is_backfill", "message_id_of", "queue_report", "report_recipients"]

#: How long a report that cannot be handed over is tried.
KEEP_TRYING = timedelta(days=7)
#: How long after its scheduled hour a report still goes out; later it is a backfill, for the archive only.
LATE = timedelta(days=62)
_MIMES = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}


@dataclass(frozen=True, kw_only=True)
class _Words:
    """What every mail of one issue says."""

    subject: str
    text: str


def is_backfill(scope: Scope, *, now: datetime) -> bool:
    """Return True if a report comes so late that nobody should be mailed it.

    Parameters
    ----------
    scope : Scope
    now : datetime
        Wall time.
    """
    today = now.astimezone(scope.issued_at.tzinfo).date()
    return now > scope.issued_at + LATE or (scope.edition == "outlook" and today > scope.span.last_day)


def message_id_of(key: ReportKey, revision: int) -> str:
    """Return the message that an issue is.

    Examples
    --------
    >>> message_id_of(ReportKey("410103", "month", "2021-07"), 1)
    '410103-report-month-2021-07.r1'
    """
    return message_id(Purpose.REPORT, f"{key.district_code}-report-{key.kind}-{key.period}.r{revision}")


def report_recipients(desk: Desk) -> list[str]:
    """Return the mailboxes of every town office and every department that is consulted, each once."""
    towns = [str(box) for box in desk.district.towns["mailbox"] if str(box)]
    departments = [one.mailbox for one in desk.settings.reports.departments if one.mailbox]
    return list(dict.fromkeys([*towns, *departments]))


def queue_report(
    desk: Desk,
    decision: Decision,
    key: ReportKey,
    scope: Scope,
    *,
    revision: int,
    files: Mapping[str, Path],
    chair: str,
) -> int:
    """Put an issue into the outbox for everyone it is for, as part of the decision to issue it.

    Parameters
    ----------
    desk : Desk
    decision : Decision
    key : ReportKey
    scope : Scope
    revision : int
    files : mapping of str to Path
        Documents by name; PDF and Word are attached.
    chair : str
        Who issued it.

    Returns
    -------
    int
        Number of rows; those the guard refuses have failed at once and say why.
    """
    words = _words(desk, scope, revision=revision, chair=chair)
    attachments = tuple(
        Attachment(filename=name, content=path.read_bytes(), mime=_MIMES[path.suffix[1:]])
        for name, path in files.items()
        if path.suffix[1:] in _MIMES
    )
    content = MailContent(subject=words.subject, text=words.text, attachments=attachments)
    mails = [_mail(desk, decision, key, recipient, content, revision) for recipient in report_recipients(desk)]
    for mail in mails:
        decision.queue(mail, expires_at=decision.now + KEEP_TRYING)
    return len(mails)


def _mail(desk: Desk, decision: Decision, key: ReportKey, recipient: str, content: MailContent, revision: int) -> Mail:
    issue = message_id_of(key, revision)
    return letter(
        desk.sender,
        Purpose.REPORT,
        content,
        message_id=issue,
        about=issue,
        recipient=recipient,
        decided_at=decision.now,
        labels={"Report": f"{key.kind} {key.period}", "Revision": str(revision)},
    )


def _words(desk: Desk, scope: Scope, *, revision: int, chair: str) -> _Words:
    identity = desk.settings.district
    names = {lang: plain(getattr(identity.name, lang)) for lang in ("zh", "en")}
    bureau = {lang: plain(getattr(identity.bureau, lang)) for lang in ("zh", "en")}
    is_outlook = scope.edition == "outlook"
    what_zh = "内涝风险展望报告" if is_outlook else "内涝风险分析报告"
    what_en = "flood-risk outlook" if is_outlook else "flood-risk report"
    zh = f"{names['zh']}{plain(scope.span.name_zh)}{what_zh}"
    en = f"{names['en']}: {what_en}, {plain(scope.span.name_en)}"
    again = (f"（第{revision}次修订）", f" (revision {revision})") if revision else ("", "")
    mark = "【演示数据】" if identity.demonstration else ""
    lines = [
        f"现将《{zh}》{again[0]}发给你们，请结合实际落实防范措施。",
        *(["本件替代此前印发的同名报告。"] if revision else []),
        *(["本件依据演示数据，不得用于实际决策。"] if identity.demonstration else []),
        f"签发：{chair}",
        bureau["zh"],
        "",
        f"Attached: {en}{again[1]}.",
        *(["It replaces what was issued under this title before."] if revision else []),
        *(["Made from demonstration data; not for real decisions."] if identity.demonstration else []),
        f"Signed by: {chair}",
        bureau["en"],
    ]
    return _Words(subject=f"{mark}{zh}{again[0]} {en}{again[1]}", text="\n".join(lines) + "\n")
