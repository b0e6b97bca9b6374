"""Checking CAP messages in three layers: hardened parse, schema, rules."""

from __future__ import annotations

from itertools import chain, islice
from pathlib import Path

from lxml import etree

from risk_models.errors import BadInputError, Finding
from risk_models.warning.cap.places import PLACE_RULES
from risk_models.warning.cap.reader import CapMessage, parse_cap
from risk_models.warning.cap.rules import ALERT_RULES, INFO_RULES

__all__ = ["MAX_FINDINGS", "require_valid_cap", "validate_cap"]

MAX_FINDINGS = 200
"""Most problems that the rules report, so that a hostile file costs bounded time."""


def validate_cap(data: bytes, schema: Path | None = None, *, file: str = "alert.xml") -> list[Finding]:
    """Return every problem of a CAP 1.2 message.

    Parameters
    ----------
    data : bytes
        The message as received or as about to be sent. Nothing in it is fetched or expanded.
    schema : Path or None
        The OASIS schema ``cap12.xsd``; without it the rules still check codes, times and presence.
    file : str
        Name for findings.

    Returns
    -------
    list of Finding
        Empty if all is well. Severity "error" makes a message unfit to send; "warning" deserves a look. Row is the line
        of the XML, column the path of the element.

    Raises
    ------
    OSError
        If the schema cannot be read.

    Examples
    --------
    >>> [str(finding) for finding in validate_cap(b"<alert>")]
    ['alert.xml: the message is not well-formed XML: ... [not-xml]']
    """
    message, findings = parse_cap(data, file=file)
    if message is None:
        return findings
    if schema is not None:
        findings += _check_schema(message, schema)
    found = chain.from_iterable(rule(message) for rule in (*ALERT_RULES, *INFO_RULES, *PLACE_RULES))
    findings += islice(found, MAX_FINDINGS)
    if next(found, None) is not None:
        findings.append(Finding(code="too-many", message=f"more than {MAX_FINDINGS} problems", file=file))
    return findings


def require_valid_cap(data: bytes, schema: Path | None = None, *, file: str = "alert.xml") -> None:
    """Raise if a CAP message has an error; warnings pass.

    Parameters
    ----------
    data : bytes
    schema : Path or None
    file : str

    Raises
    ------
    BadInputError
        Carries all errors.

    Examples
    --------
    >>> require_valid_cap(b"<alert/>", file="a.xml")
    Traceback (most recent call last):
    ...
    BadInputError: CAP message a.xml: 1 problem
      a.xml: the root is no CAP alert (found 'alert'; ...). [not-an-alert]
    """
    errors = [finding for finding in validate_cap(data, schema, file=file) if finding.severity == "error"]
    if errors:
        raise BadInputError(f"CAP message {file}", errors)


def _check_schema(message: CapMessage, path: Path) -> list[Finding]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    schema = etree.XMLSchema(etree.fromstring(path.read_bytes(), parser))
    schema.validate(message.root)
    return [
        Finding(code="schema", message=error.message.rstrip("."), file=message.file, row=error.line)
        for error in schema.error_log
    ]
