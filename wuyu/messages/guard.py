"""The one question asked before anything leaves (may this go to this address?), answered in one place."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["SCOPES", "STATUSES", "Target", "Verdict", "address_domain", "is_address", "may_send"]

STATUSES = ("Actual", "Exercise", "System", "Test", "Draft")
SCOPES = ("Public", "Restricted", "Private")

_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"{_LOCAL}@(?:{_LABEL}\.)*[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?")


class Target(NamedTuple):
    """A place outside mail, as the district's settings describe it.

    Attributes
    ----------
    channel : str
        Way by which it is reached, ``kind:id``.
    exercise : bool
        True if it takes exercises and tests, and nothing else.
    scopes : tuple of str
        Scopes that it may see.
    """

    channel: str
    exercise: bool
    scopes: tuple[str, ...]


class Verdict(NamedTuple):
    """Whether a message may leave, and if not, why."""

    allowed: bool
    reason: str


def is_address(text: str) -> bool:
    r"""Return True if `text` is exactly one plain address: no name, no comma, no space, no control character.

    Examples
    --------
    >>> is_address("duty@town.example"), is_address("a@x.example, b@x.example"), is_address("a@x.example\nBcc: b@c.d")
    (True, False, False)
    """
    return len(text) <= 254 and len(text.partition("@")[0]) <= 64 and _ADDRESS.fullmatch(text) is not None


def address_domain(address: str) -> str:
    """Return the domain of `address` in lower case.

    Examples
    --------
    >>> address_domain("duty@Erqi.Example")
    'erqi.example'
    """
    return address.rpartition("@")[2].lower()


def may_send(
    status: str, scope: str, recipient: str, *, demonstration: bool = False, target: Target | None = None
) -> Verdict:
    """Say whether a message may leave for `recipient`; every path out asks this function and no other.

    A real warning (``Actual``) may go to any one well-formed address, but never out of a demonstration district. An
    exercise, a test or a system message may go only to addresses that cannot exist: those under ``.example`` [1]_. A
    draft goes nowhere. What is not understood is refused.

    A target outside mail takes either what is meant or exercises, never both, and only scopes it may see.

    Parameters
    ----------
    status, scope : str
        Of the message, in the words of CAP 1.2.
    recipient : str
        One mail address; with a `target`, whom it names there.
    demonstration : bool
        True if the district's data are marked as demonstration data.
    target : Target or None
        Where it goes, if not by mail.

    Returns
    -------
    Verdict
        ``allowed`` and the reason.

    References
    ----------
    .. [1] RFC 2606, Reserved Top Level DNS Names, section 2. https://www.rfc-editor.org/rfc/rfc2606

    Examples
    --------
    >>> may_send("Actual", "Public", "duty@town.gov.cn").allowed
    True
    >>> may_send("Exercise", "Public", "duty@town.gov.cn")
    Verdict(allowed=False, reason='Exercise may go to addresses under .example only, not to duty@town.gov.cn')
    >>> may_send("Exercise", "Public", "duty@town.example").allowed
    True
    >>> may_send("Exercise", "Public", "hub", target=Target("webhook:hub", exercise=False, scopes=("Public",)))
    Verdict(allowed=False, reason='webhook:hub takes only what is meant, not Exercise')
    """
    if status not in STATUSES:
        return Verdict(False, f"status {status!r} is none of {', '.join(STATUSES)}")
    if scope not in SCOPES:
        return Verdict(False, f"scope {scope!r} is none of {', '.join(SCOPES)}")
    if status == "Draft":
        return Verdict(False, "a draft goes nowhere")
    if target is not None:
        return _may_reach(status, scope, target, demonstration=demonstration)
    if not is_address(recipient):
        return Verdict(False, f"{recipient!r} is not exactly one mail address")
    domain = address_domain(recipient)
    cannot_exist = domain == "example" or domain.endswith(".example")
    if status == "Actual" and demonstration and not cannot_exist:
        return Verdict(False, f"demonstration data never go to a real address, here {recipient}")
    if status != "Actual" and not cannot_exist:
        return Verdict(False, f"{status} may go to addresses under .example only, not to {recipient}")
    return Verdict(True, f"{status} to {domain}")


def _may_reach(status: str, scope: str, target: Target, *, demonstration: bool) -> Verdict:
    if scope not in target.scopes:
        return Verdict(False, f"{target.channel} may not see {scope}, only {', '.join(target.scopes)}")
    if status == "Actual" and demonstration:
        return Verdict(False, f"demonstration data never go out as Actual, here to {target.channel}")
    if status == "Actual" and target.exercise:
        return Verdict(False, f"{target.channel} takes exercises only, not Actual")
    if status != "Actual" and not target.exercise:
        return Verdict(False, f"{target.channel} takes only what is meant, not {status}")
    return Verdict(True, f"{status} to {target.channel}")
