"""Hardened reading of CAP files: nothing is fetched, expanded or read without limit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from risk_models.errors import Finding, Severity

__all__ = ["CAP_NAMESPACE", "MAX_BYTES", "CapMessage", "parse_cap", "read_time"]

CAP_NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
MAX_BYTES = 1_000_000
"""Most bytes of a message that are looked at."""
_FAMILY = "urn:oasis:names:tc:emergency:cap:"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", re.ASCII)


@dataclass(frozen=True)
class CapMessage:
    """A parsed message with short access to its parts.

    Attributes
    ----------
    root : Element
        The ``alert`` element.
    file : str
        Name for findings.
    """

    root: etree._Element
    file: str

    @property
    def infos(self) -> list[etree._Element]:
        """All ``info`` blocks."""
        return self.children(self.root, "info")

    def children(self, parent: etree._Element, name: str) -> list[etree._Element]:
        """Return the child elements of a name, in the namespace of the message."""
        return list(parent.findall(f"{{{etree.QName(self.root).namespace}}}{name}"))

    def texts(self, parent: etree._Element, name: str) -> list[str]:
        """Return the stripped texts of the child elements of a name."""
        return [(child.text or "").strip() for child in self.children(parent, name)]

    def text(self, parent: etree._Element, name: str) -> str:
        """Return the stripped text of the first child of a name; empty if there is none."""
        return next(iter(self.texts(parent, name)), "")

    def pairs(self, parent: etree._Element, name: str) -> list[tuple[str, str]]:
        """Return (valueName, value) of the children of a name."""
        return [(self.text(child, "valueName"), self.text(child, "value")) for child in self.children(parent, name)]

    def path(self, element: etree._Element, name: str = "") -> str:
        """Return where an element is, e.g. ``info[2]/area[1]``."""
        steps = []
        while element is not self.root:
            local = etree.QName(element).localname
            parent = element.getparent()
            same = self.children(parent, local)
            steps.append(f"{local}[{same.index(element) + 1}]" if element in same else local)
            element = parent
        return "/".join([*reversed(steps), *([name] if name else [])]) or "alert"

    def finding(
        self,
        code: str,
        message: str,
        parent: etree._Element,
        name: str = "",
        *,
        value: str | None = None,
        accepted: str = "",
        fix: str = "",
        severity: Severity = "error",
    ) -> Finding:
        """Return a finding about the child `name` of an element, or the element itself."""
        found = self.children(parent, name) if name else []
        line = (found[0] if found else parent).sourceline
        return Finding(
            code=code,
            message=message,
            file=self.file,
            row=int(line) if line else None,
            column=self.path(parent, name),
            value=value,
            accepted=accepted,
            fix=fix,
            severity=severity,
        )

    def elements(self) -> Iterator[etree._Element]:
        """Yield every element, comments and instructions left out."""
        return (element for element in self.root.iter() if isinstance(element.tag, str))


def parse_cap(data: bytes, *, file: str = "alert.xml") -> tuple[CapMessage | None, list[Finding]]:
    """Parse a CAP message without network, entities, document type or unlimited size.

    Parameters
    ----------
    data : bytes
    file : str
        Name for findings.

    Returns
    -------
    CapMessage or None
        None if the data cannot be used at all.
    list of Finding

    Examples
    --------
    >>> message, findings = parse_cap(b'<!DOCTYPE alert [<!ENTITY a "b">]><alert/>')
    >>> message is None, findings[0].code
    (True, 'doctype')
    """
    if len(data) > MAX_BYTES:
        text = f"the message has {len(data)} bytes"
        return None, [Finding(code="too-large", message=text, file=file, accepted=f"up to {MAX_BYTES} bytes")]
    if b"<!DOCTYPE" in data.upper():
        return None, [_doctype(file)]
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        return None, [Finding(code="not-xml", message=f"the message is not well-formed XML: {error}", file=file)]
    # The text search above cannot see a document type in UTF-16 or UTF-32.
    if root.getroottree().docinfo.internalDTD is not None:
        return None, [_doctype(file)]
    return _check_root(root, file)


def _doctype(file: str) -> Finding:
    return Finding(
        code="doctype",
        message="the message declares a document type, which can hold entities",
        file=file,
        accepted="XML without DOCTYPE",
        fix="remove the declaration",
    )


def _check_root(root: etree._Element, file: str) -> tuple[CapMessage | None, list[Finding]]:
    """Refuse what is no alert; report an alert of another CAP version, which can still be checked."""
    name = etree.QName(root)
    accepted = f"alert in namespace {CAP_NAMESPACE}"
    if name.localname != "alert" or not (name.namespace or "").startswith(_FAMILY):
        problem = Finding(
            code="not-an-alert", message="the root is no CAP alert", file=file, value=str(root.tag), accepted=accepted
        )
        return None, [problem]
    message = CapMessage(root, file)
    if name.namespace == CAP_NAMESPACE:
        return message, []
    text = "the message is of another CAP version"
    return message, [message.finding("wrong-version", text, root, value=name.namespace, accepted=accepted)]


def read_time(text: str) -> datetime | None:
    """Return a CAP time, or None if it is not ``YYYY-MM-DDThh:mm:ss+hh:mm`` or no real time.

    Parameters
    ----------
    text : str

    Returns
    -------
    datetime or None
        Timezone-aware.

    Examples
    --------
    >>> read_time("2021-07-20T16:00:00+08:00").isoformat()
    '2021-07-20T16:00:00+08:00'
    >>> read_time("2021-07-20T08:00:00Z") is read_time("2021-02-30T08:00:00+08:00") is None
    True
    """
    if _TIME.fullmatch(text) is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
