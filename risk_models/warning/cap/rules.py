"""Rules for CAP messages beyond the schema, each a small function from message to findings.

The schema accepts most alerts that are unfit to publish: an end before the start, an update that updates nothing, an
open polygon. These rules look for such; their codes are stable.

References
----------
OASIS Common Alerting Protocol 1.2 (2010). The choice of rules follows the validators of the open library
google/cap-library and, for one area per alert, the MET Norway profile.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import urlsplit

from lxml import etree

from risk_models.errors import Finding
from risk_models.warning.cap.reader import DANGER_FROM, DANGER_TO, CapMessage, read_time

__all__ = ["ALERT_RULES", "ENUMERATIONS", "HEADLINE_CHARACTERS", "INFO_RULES", "MAX_VALIDITY_DAYS"]

Rule = Callable[[CapMessage], Iterator[Finding]]

HEADLINE_CHARACTERS = 140
MAX_VALIDITY_DAYS = 7
"""Longest validity of a flood warning that is believed [days]."""

ENUMERATIONS: dict[str, tuple[str, ...]] = {
    "status": ("Actual", "Exercise", "System", "Test", "Draft"),
    "msgType": ("Alert", "Update", "Cancel", "Ack", "Error"),
    "scope": ("Public", "Restricted", "Private"),
    "category": (
        *("Geo", "Met", "Safety", "Security", "Rescue", "Fire"),
        *("Health", "Env", "Transport", "Infra", "CBRNE", "Other"),
    ),
    "urgency": ("Immediate", "Expected", "Future", "Past", "Unknown"),
    "severity": ("Extreme", "Severe", "Moderate", "Minor", "Unknown"),
    "certainty": ("Observed", "Likely", "Possible", "Unlikely", "Unknown"),
}
_REFERRING = ("Update", "Cancel", "Ack", "Error")
_SAME_IN_ALL = ("onset", "effective", "expires", "urgency", "severity", "certainty", "category", "responseType")
_BAD_ID = re.compile(r"[\s,<&]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII)
_MARKUP = re.compile(r"</?[A-Za-z][^>]*>|&(?:[A-Za-z]+|#\d+|#x[0-9A-Fa-f]+);")
_SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"


def check_identity(message: CapMessage) -> Iterator[Finding]:
    """Identifier and sender: present, without space, comma, "<" and "&"."""
    for name in ("identifier", "sender"):
        value = message.text(message.root, name)
        if not value or _BAD_ID.search(value):
            text = f"the {name} is missing or has a character that breaks references"
            accepted = "text without space, comma, '<' and '&'"
            yield message.finding(f"bad-{name}", text, message.root, name, value=value, accepted=accepted)


def check_sent(message: CapMessage) -> Iterator[Finding]:
    """Time of sending: a real time with a numeric offset."""
    value = message.text(message.root, "sent")
    if read_time(value) is None:
        yield _bad_time(message, message.root, "sent", value)


def check_codes(message: CapMessage) -> Iterator[Finding]:
    """Status, type and scope: known values, of which Draft is never sent and Test is no live traffic."""
    for name in ("status", "msgType", "scope"):
        yield from _check_enumeration(message, message.root, name)
    status = message.text(message.root, "status")
    if status == "Draft":
        yield message.finding("draft", "a draft must not be sent", message.root, "status", value=status)
    if status == "Test":
        text = "test traffic on a live channel; it must never reach the public"
        yield message.finding("test-traffic", text, message.root, "status", value=status, severity="warning")


def check_restriction(message: CapMessage) -> Iterator[Finding]:
    """A restriction with scope Restricted, and only with it; addresses with scope Private."""
    scope = message.text(message.root, "scope")
    has_restriction = any(message.texts(message.root, "restriction"))
    if scope == "Restricted" and not has_restriction:
        text = "a Restricted message must say to whom it is restricted"
        yield message.finding("restriction-missing", text, message.root, "restriction")
    if scope != "Restricted" and message.children(message.root, "restriction"):
        text = f"a restriction has no place in scope {scope}"
        yield message.finding("restriction-unexpected", text, message.root, "restriction", accepted="scope Restricted")
    if scope == "Private" and not any(message.texts(message.root, "addresses")):
        text = "a Private message must name its addresses"
        yield message.finding("addresses-missing", text, message.root, "addresses")


def check_note(message: CapMessage) -> Iterator[Finding]:
    """An exercise is named, and an error explained, in the note."""
    status, kind = message.text(message.root, "status"), message.text(message.root, "msgType")
    if (status == "Exercise" or kind == "Error") and not message.text(message.root, "note"):
        what = "the exercise" if status == "Exercise" else "the error"
        text = f"the note should name {what}"
        yield message.finding("note-missing", text, message.root, "note", severity="warning")


def check_references(message: CapMessage) -> Iterator[Finding]:
    """References: present where needed, well-formed triples, not to itself and not to the future."""
    kind = message.text(message.root, "msgType")
    triples = message.text(message.root, "references").split()
    if kind in _REFERRING and not triples:
        text = f"{kind} must refer to every message it concerns that has not expired"
        yield message.finding("references-missing", text, message.root, "references")
    elif message.children(message.root, "references") and not triples:
        yield message.finding("references-empty", "references are empty", message.root, "references")
    for triple, times in Counter(triples).items():
        if times > 1:
            yield message.finding("references-twice", "referred to twice", message.root, "references", value=triple)
        yield from _check_reference(message, triple)


def _check_reference(message: CapMessage, triple: str) -> Iterator[Finding]:
    parts = triple.split(",")
    at = read_time(parts[2]) if len(parts) == 3 and all(parts) else None
    if at is None:
        text, accepted = "a reference is no triple of sender, identifier and time", "sender,identifier,sent"
        yield message.finding("bad-reference", text, message.root, "references", value=triple, accepted=accepted)
        return
    sent = read_time(message.text(message.root, "sent"))
    if parts[1] == message.text(message.root, "identifier"):
        yield message.finding(
            "self-reference", "the message refers to itself", message.root, "references", value=triple
        )
    elif sent is not None and at > sent:
        text = "a reference is later than the message"
        yield message.finding("future-reference", text, message.root, "references", value=triple)


def check_infos(message: CapMessage) -> Iterator[Finding]:
    """At least one info block; one language once; the same codes and times in all languages."""
    infos = message.infos
    if not infos:
        yield message.finding("no-info", "the message has no info block", message.root, "info")
    languages = Counter(message.text(info, "language") for info in infos)
    for language, times in languages.items():
        if times > 1:
            text = "more than one info block in one language"
            yield message.finding("language-twice", text, message.root, "info", value=language, severity="warning")
    for name in _SAME_IN_ALL:
        values = {tuple(message.texts(info, name)) for info in infos}
        if len(values) > 1:
            found = " / ".join(sorted(",".join(value) or "none" for value in values))
            text = f"{name} differs between info blocks"
            yield message.finding("info-differs", text, infos[-1], name, value=found)
    if len({tuple(message.pairs(info, "eventCode")) for info in infos}) > 1:
        yield message.finding("info-differs", "eventCode differs between info blocks", infos[-1], "eventCode")
    yield from _check_same_text(message)


def _check_same_text(message: CapMessage) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for info in message.infos:
        text, language = message.text(info, "description"), message.text(info, "language")
        if text and text in seen and seen[text] != language:
            problem = f"the same description stands under {seen[text] or 'no language'} and {language or 'no language'}"
            yield message.finding("same-text", problem, info, "description")
        seen.setdefault(text, language)


def check_markup(message: CapMessage) -> Iterator[Finding]:
    """No HTML tag and no entity in any text."""
    for element in message.elements():
        found = _MARKUP.search(element.text or "")
        if found:
            text = "markup in a text that must be plain"
            yield message.finding("markup", text, element, value=found.group(), accepted="plain text")


def check_signature(message: CapMessage) -> Iterator[Finding]:
    """A signature is reported, since it is not checked here."""
    if message.root.find(_SIGNATURE) is not None:
        text = "the message is signed; the signature was not checked"
        yield message.finding("signature-unchecked", text, message.root, severity="warning")


def check_info_codes(message: CapMessage) -> Iterator[Finding]:
    """Language, category, event, urgency, severity, certainty: present and known; names and values not empty."""
    for info in message.infos:
        language = message.text(info, "language")
        if _LANGUAGE.fullmatch(language) is None:
            text = "the language tag is missing or none"
            yield message.finding("bad-language", text, info, "language", value=language, accepted="e.g. zh-CN")
        for name in ("category", "urgency", "severity", "certainty"):
            yield from _check_enumeration(message, info, name)
        if not message.text(info, "event"):
            yield message.finding("event-missing", "the event is missing", info, "event")
        for parent, name in [(info, "eventCode"), (info, "parameter")] + [
            (area, "geocode") for area in message.children(info, "area")
        ]:
            if any(not all(pair) for pair in message.pairs(parent, name)):
                yield message.finding("empty-value", f"a {name} has an empty name or value", parent, name)


def check_times(message: CapMessage) -> Iterator[Finding]:
    """An end after sending, effect and onset, and not too far off."""
    sent = read_time(message.text(message.root, "sent"))
    for info in message.infos:
        times = {}
        for name in ("effective", "onset", "expires"):
            value = message.text(info, name)
            times[name] = read_time(value)
            if message.children(info, name) and times[name] is None:
                yield _bad_time(message, info, name, value)
        expires = times["expires"]
        if not message.children(info, "expires"):
            text = "without an end the warning would stand for ever"
            yield message.finding("expires-missing", text, info, "expires")
        if expires is None:
            continue
        for name, start in (("sent", sent), ("effective", times["effective"]), ("onset", times["onset"])):
            if start is not None and expires <= start:
                text = f"the warning ends before {name} {start.isoformat()}"
                yield message.finding("expires-early", text, info, "expires", value=expires.isoformat())
        if sent is not None and expires - sent > timedelta(days=MAX_VALIDITY_DAYS):
            accepted = f"up to {MAX_VALIDITY_DAYS} days after sent"
            text = "the end is too far off"
            yield message.finding("expires-late", text, info, "expires", value=expires.isoformat(), accepted=accepted)


def check_hazard(message: CapMessage) -> Iterator[Finding]:
    """Urgency, certainty, response and onset do not contradict each other."""
    sent = read_time(message.text(message.root, "sent"))
    for info in message.infos:
        urgency, certainty = message.text(info, "urgency"), message.text(info, "certainty")
        onset = read_time(message.text(info, "onset"))
        if "AllClear" in message.texts(info, "responseType") and urgency != "Past":
            text, accepted = "an all-clear of what is not over", "urgency Past"
            yield message.finding("clear-not-past", text, info, "urgency", value=urgency, accepted=accepted)
        if urgency == "Immediate" and not message.children(info, "onset"):
            text = "nobody can act at once on what comes at a time that is not told"
            yield message.finding("immediate-untimed", text, info, "onset", severity="warning")
        is_ahead = sent is not None and onset is not None and onset > sent
        if is_ahead and (urgency == "Past" or certainty == "Observed"):
            text, accepted = "what is past or seen begins after the message was sent", "an onset up to sent"
            yield message.finding("onset-ahead", text, info, "onset", accepted=accepted)


def check_window(message: CapMessage) -> Iterator[Finding]:
    """The most dangerous window has two ends, in order, and the message holds until it is over."""
    for info in message.infos:
        told = dict(message.pairs(info, "parameter"))
        names = [name for name in (DANGER_FROM, DANGER_TO) if name in told]
        begin, end = (read_time(told.get(name, "")) for name in (DANGER_FROM, DANGER_TO))
        if names and (begin is None or end is None or begin > end):
            text, accepted = "the most dangerous window is none", f"{DANGER_FROM} up to {DANGER_TO}"
            yield message.finding("bad-window", text, info, "parameter", accepted=accepted)
        expires = read_time(message.text(info, "expires"))
        if end is not None and expires is not None and end > expires:
            text = "the message ends before its most dangerous window does"
            yield message.finding("window-uncovered", text, info, "expires", severity="warning")


def check_texts(message: CapMessage) -> Iterator[Finding]:
    """Headline, description and instruction: present, short enough, not copies of each other."""
    for info in message.infos:
        headline, description, instruction = (
            message.text(info, name) for name in ("headline", "description", "instruction")
        )
        if not headline:
            yield message.finding("headline-missing", "the headline is missing", info, "headline")
        if len(headline) > HEADLINE_CHARACTERS:
            text, accepted = f"the headline has {len(headline)} characters", f"up to {HEADLINE_CHARACTERS}"
            yield message.finding("headline-long", text, info, "headline", accepted=accepted)
        if not description:
            yield message.finding("description-missing", "the description is missing or empty", info, "description")
        elif description == headline:
            yield message.finding("text-repeated", "the description repeats the headline", info, "description")
        if instruction and instruction == description:
            yield message.finding("text-repeated", "the instruction repeats the description", info, "instruction")


def check_web(message: CapMessage) -> Iterator[Finding]:
    """Web addresses are absolute."""
    for info in message.infos:
        for value in message.texts(info, "web"):
            if not _is_absolute(value):
                text, accepted = "the web address is not absolute", "https://..."
                yield message.finding("web-relative", text, info, "web", value=value, accepted=accepted)


def _is_absolute(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _check_enumeration(message: CapMessage, parent: etree._Element, name: str) -> Iterator[Finding]:
    for value in message.texts(parent, name) or [""]:
        if value not in ENUMERATIONS[name]:
            accepted = ", ".join(ENUMERATIONS[name])
            text = f"{name} is unknown" if value else f"{name} is missing"
            yield message.finding("bad-code", text, parent, name, value=value, accepted=accepted)


def _bad_time(message: CapMessage, parent: etree._Element, name: str, value: str) -> Finding:
    text, accepted = f"{name} is no time with a numeric offset", "YYYY-MM-DDThh:mm:ss+hh:mm"
    return message.finding("bad-time", text, parent, name, value=value, accepted=accepted)


ALERT_RULES: tuple[Rule, ...] = (
    check_identity,
    check_sent,
    check_codes,
    check_restriction,
    check_note,
    check_references,
    check_infos,
    check_markup,
    check_signature,
)
INFO_RULES: tuple[Rule, ...] = (
    check_info_codes,
    check_times,
    check_hazard,
    check_window,
    check_texts,
    check_web,
)
