"""Make the files of a report: three formats in every language, its statements, and its as-of record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from reports.periodic import ReportInputs, file_stem, periodic_report, write_docx, write_html, write_pdf
from reports.periodic.content import Document, Heading, Paragraph
from reports.words import Lang
from risk_models.verification.statements import statements_to_dicts
from wuyu.progress import Tell, silent
from wuyu.reporting.archive import digests
from wuyu.reporting.earlier import STATEMENTS, period_key, statements_json
from wuyu.reporting.gather import ReportMaterial

__all__ = ["AS_OF", "FORMATS", "LANGS", "conclusions", "inputs_digest", "read_as_of", "write_report_files"]

AS_OF = "as_of.json"
AS_OF_SCHEMA = "wuyu/report-as-of/1"
LANGS: tuple[Lang, ...] = ("zh", "en")
FORMATS = ("docx", "pdf", "html")
_WRITERS = {"docx": write_docx, "pdf": write_pdf, "html": write_html}
_VERSIONS = ("wuyu", "matplotlib", "numpy", "pandas", "python-docx", "typst")


def inputs_digest(gathered: ReportMaterial, langs: Sequence[Lang]) -> str:
    """Return one SHA-256 for what a report says: its inputs and its languages."""
    return hashlib.sha256(f"{gathered.digest} {' '.join(langs)}".encode()).hexdigest()


def write_report_files(
    folder: Path, inputs: ReportInputs, gathered: ReportMaterial, *, langs: Sequence[Lang], tell: Tell = silent
) -> dict[str, list[str]]:
    """Write every file of a report into a folder.

    Parameters
    ----------
    folder : Path
        Empty.
    inputs : ReportInputs
        Those gathered, with stage, revision and consultation.
    gathered : ReportMaterial
    langs : sequence of {"zh", "en"}
    tell : Tell
        Progress.

    Returns
    -------
    dict of str to list of str
        Conclusions by language.
    """
    said: dict[str, list[str]] = {}
    steps = len(langs) * (1 + len(FORMATS))
    for number, lang in enumerate(langs):
        tell(number * (1 + len(FORMATS)) / steps, f"content ({lang})")
        document = periodic_report(inputs, lang)
        said[lang] = conclusions(document)
        for place, ending in enumerate(FORMATS, start=1):
            tell((number * (1 + len(FORMATS)) + place) / steps, f"{ending} ({lang})")
            path = folder / f"{file_stem(inputs.scope, lang)}.{ending}"
            _WRITERS[ending](document, path, template=inputs.templates)
    outlook = inputs.outlook
    kept = [] if outlook is None else statements_to_dicts(outlook.statements)
    (folder / STATEMENTS).write_bytes(statements_json(inputs.scope.coming, kept))
    record = _as_of(inputs, gathered, langs) | {"conclusions": said, "files": digests(folder)}
    text = json.dumps(record, ensure_ascii=False, indent=1, sort_keys=True)
    (folder / AS_OF).write_text(text + "\n", encoding="utf-8")
    tell(1.0, "written")
    return said


def read_as_of(folder: Path) -> dict[str, Any]:
    """Return the as-of record of a folder; empty if there is none, or a file is not what the record says."""
    path = folder / AS_OF
    if not path.is_file():
        return {}
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    found = digests(folder)
    is_whole = all(found.get(name) == digest for name, digest in record["files"].items())
    return record if is_whole else {}


def conclusions(document: Document) -> list[str]:
    """Return the prose of the first section: what the report says, in short."""
    said: list[str] = []
    sections = 0
    for block in document.blocks:
        sections += isinstance(block, Heading) and block.level == 1
        if sections == 1 and isinstance(block, Paragraph):
            said.append(block.text)
    return said


def _as_of(inputs: ReportInputs, gathered: ReportMaterial, langs: Sequence[Lang]) -> dict[str, Any]:
    scope, moments, settings = inputs.scope, gathered.moments, inputs.district.settings
    consultation = None if inputs.consultation is None else _plain(asdict(inputs.consultation))
    return {
        "schema": AS_OF_SCHEMA,
        "district": settings.district.code,
        "kind": scope.span.kind,
        "period": period_key(scope.span, scope.edition),
        "edition": scope.edition,
        "stage": inputs.stage,
        "revision": inputs.revision,
        "languages": list(langs),
        "as_of": _utc(moments.as_of),
        # In an exercise the wall clock is not the time of the report, and stands in the ledger only.
        "known_at": _utc(moments.known_at) if settings.mail.status == "Actual" else None,
        "issued_at": _utc(inputs.issued_at),
        "digest": inputs_digest(gathered, langs),
        "inputs": gathered.hashes,
        "sources": gathered.sources,
        "lost": list(gathered.lost),
        **({"removed": list(gathered.removed)} if gathered.removed else {}),
        "consultation": consultation,
        "versions": {name: version(name) for name in _VERSIONS},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return _utc(value)
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
