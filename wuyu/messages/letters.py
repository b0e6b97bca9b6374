"""Every mail of the district is written here: sender, status, scope, marks, return address and signature in one place.

Whoever has something to say brings the words, and says what the mail is for, what it is about and whom it is for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wuyu.clock import process_clock
from wuyu.messages.mail import Mail, MailContent, MailHead, build_mail
from wuyu.messages.purpose import Purpose, purpose_of
from wuyu.messages.verp import return_path

if TYPE_CHECKING:
    from risk_models.district.outgoing import SmimeSettings
    from risk_models.district.settings import DistrictSettings
    from wuyu.clock import ProcessClock

__all__ = ["RESTRICTED", "Sender", "letter"]

RESTRICTED: Final = "Restricted"
"""Scope of all that goes to town offices, departments and officers, in the words of CAP."""

_SCOPES: Final = {Purpose.WATCH: "Private"}
_MARK_ZH: Final = "演示数据"
_MARK: Final = "演示数据，非真实情况。Demonstration data, not for real decisions.\n\n"


@dataclass(frozen=True, kw_only=True)
class Sender:
    """From whom letters come, and in earnest or not.

    Attributes
    ----------
    address : str
        ``name <address>`` or an address.
    status : str
        As in CAP.
    demonstration : bool
        True if the district's data are demonstration data; then every letter says so.
    marks : tuple of (str, str)
        What else every letter says of itself, Chinese and English, e.g. that the clock is not the wall clock.
    return_domain : str or None
        Takes what comes back; without it bounces go to the sender.
    smime : SmimeSettings or None
        How letters are signed, if they are.
    root, out : Path
        District folder (certificates) and folder of the products (keys).
    """

    address: str
    status: str
    demonstration: bool
    marks: tuple[tuple[str, str], ...] = ()
    return_domain: str | None
    smime: SmimeSettings | None
    root: Path
    out: Path

    @classmethod
    def of(cls, settings: DistrictSettings, *, root: Path, out: Path, clock: ProcessClock | None = None) -> Sender:
        """Return the sender that a district's settings describe, and the clock it goes by (default: the process's)."""
        told = process_clock() if clock is None else clock
        return cls(
            address=settings.mail.sender,
            status=settings.mail.status,
            demonstration=settings.district.demonstration,
            marks=() if told.is_wall else (told.told,),
            return_domain=settings.mail.return_domain,
            smime=settings.mail.smime,
            root=root,
            out=out,
        )

    @property
    def plain(self) -> Sender:
        """The same without return address and signature: when keys cannot be read and silence would be worse."""
        return replace(self, return_domain=None, smime=None)


def letter(
    sender: Sender,
    purpose: Purpose,
    content: MailContent,
    *,
    message_id: str,
    about: str,
    recipient: str,
    decided_at: datetime,
    labels: Mapping[str, str],
) -> Mail:
    """Return one mail to one recipient; the same arguments give the same bytes.

    Parameters
    ----------
    sender : Sender
    purpose : Purpose
    content : MailContent
        The words. Demonstration data and other marks are named in them, here if they are not yet.
    message_id : str
        From `wuyu.messages.purpose.message_id`.
    about : str
        Message id of the warning revision, or of the issue of a report, that it is about.
    recipient : str
        One address.
    decided_at : datetime
        Aware.
    labels : mapping
        Further facts for the headers.

    Returns
    -------
    Mail

    Raises
    ------
    UnknownPurposeError
        If `purpose` is none.
    ConfigError
        If it is to be signed and cannot be: then it is not sent either.
    DispatchError
        As `build_mail`.
    """
    head = MailHead(
        message_id=message_id,
        purpose=purpose_of(purpose),
        about=about,
        sender=sender.address,
        recipient=recipient,
        decided_at=decided_at,
        status=sender.status,
        scope=_SCOPES.get(purpose, RESTRICTED),
        demonstration=sender.demonstration,
        labels=labels,
        return_path=return_path(sender.out, sender.return_domain, message_id, recipient),
    )
    mail = build_mail(_marked(content, sender), head)
    if sender.smime is None:
        return mail
    from wuyu.messages.smime import signed

    return signed(mail, sender.smime, sender.root)


def _marked(content: MailContent, sender: Sender) -> MailContent:
    """Name demonstration data and other marks in the text, unless it does so itself."""
    head = "".join(f"{zh}\n{en}\n\n" for zh, en in sender.marks if zh not in content.text)
    if sender.demonstration and _MARK_ZH not in content.text:
        head += _MARK
    return replace(content, text=head + content.text) if head else content
