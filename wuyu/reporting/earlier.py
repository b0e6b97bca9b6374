"""The statements of the last report on a span: where they are kept, and what became of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from risk_models.outlook.periods import Edition, Span, scope_of
from wuyu.ledger import ReportIssue, ReportKey
from wuyu.ledger.reporting import issues

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = ["STATEMENTS", "STATEMENTS_SCHEMA", "Earlier", "earlier_statements", "period_key", "statements_json"]

STATEMENTS = "statements.json"
STATEMENTS_SCHEMA = "wuyu/report-statements/1"


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """What was said of a span before.

    Attributes
    ----------
    issue : ReportIssue
        The report that said it.
    statements : list of dict
        As kept.
    sha256 : str
        Of the file.
    """

    issue: ReportIssue
    statements: list[dict[str, Any]]
    sha256: str


def period_key(span: Span, edition: Edition) -> str:
    """Return the name under which a report is kept: the key of its span, and its edition if it is an outlook."""
    return span.key + ("-outlook" if edition == "outlook" else "")


def statements_json(span: Span | None, statements: Sequence[dict[str, Any]]) -> bytes:
    """Return the statements of a report as they are kept for the next one.

    Parameters
    ----------
    span : Span or None
        What they speak of.
    statements : sequence of dict
        From `statements_to_dicts`.
    """
    about = None if span is None else {"kind": span.kind, "key": span.key}
    kept = {"schema": STATEMENTS_SCHEMA, "span": about, "statements": list(statements)}
    return (json.dumps(kept, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def earlier_statements(desk: Desk, span: Span, *, issued_by: datetime, known_at: datetime) -> Earlier | None:
    """Return the newest statements on a span that were issued by a moment.

    The outlook edition of the span comes first: it was written before the span opened. Else the review of the span
    before is taken, which looks ahead to this one.

    Parameters
    ----------
    desk : Desk
    span : Span
    issued_by : datetime
        Of the report's own time.
    known_at : datetime
        Wall time: what was issued later is left out.

    Returns
    -------
    Earlier or None
        None if no earlier report speaks of the span.
    """
    settings = desk.settings
    before = scope_of(span, "outlook", settings).reviewed
    names = [period_key(span, "outlook")] + ([period_key(before, "review")] if before else [])
    for name in names:
        found = issues(desk.ledger, desk.code, ReportKey(desk.code, span.kind, name), known_at=known_at)
        for issue in reversed([row for row in found if row.issued_at <= issued_by]):
            earlier = _read(desk.out, issue, span)
            if earlier is not None:
                return earlier
    return None


def _read(out: Path, issue: ReportIssue, span: Span) -> Earlier | None:
    """Return the statements of one issue; None if it has none on the span, or its file was lost or changed."""
    product = issue.products.get(STATEMENTS)
    if product is None or not (out / product["path"]).is_file():
        return None
    data = (out / product["path"]).read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    kept = json.loads(data) if digest == product["sha256"] else {}
    if kept.get("span") != {"kind": span.kind, "key": span.key}:
        return None
    return Earlier(issue=issue, statements=kept["statements"], sha256=digest)
