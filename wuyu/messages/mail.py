"""Build one mail to one recipient as bytes: the same arguments give the same bytes, always."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, parseaddr
from html.parser import HTMLParser
from typing import Any

from risk_models.errors import DispatchError
from wuyu.messages.guard import SCOPES, STATUSES, address_domain, is_address
from wuyu.messages.parcel import Parcel, mail_message_id
from wuyu.messages.purpose import Purpose

__all__ = [
    "Attachment",
    "InlineImage",
    "Mail",
    "MailContent",
    "MailHead",
    "build_mail",
    "mail_message_id",
    "unsafe_html",
]

_STATUS_TAGS = {
    "Exercise": ("演练", "EXERCISE"),
    "System": ("系统", "SYSTEM"),
    "Test": ("测试", "TEST"),
    "Draft": ("草稿", "DRAFT"),
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_BIDI = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,100}")
_FILE_NAME = re.compile(r"[^/\\\x00-\x1f\x7f]{1,120}")
_ACTIVE_TAGS = frozenset(
    {"script", "iframe", "frame", "object", "embed", "form", "base", "link", "svg", "video", "audio"}
)
_URL_ATTRIBUTES = frozenset({"src", "background", "poster", "srcset", "data"})


@dataclass(frozen=True, kw_only=True)
class InlineImage:
    """A PNG shown inside the HTML as ``<img src="cid:NAME">``."""

    cid: str
    content: bytes
    filename: str


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A file attached to the mail; `mime` is its media type, e.g. ``application/pdf``."""

    filename: str
    content: bytes
    mime: str


@dataclass(frozen=True, kw_only=True)
class MailContent:
    """What the mail says. `text` must be complete without `html`."""

    subject: str
    text: str
    html: str = ""
    images: tuple[InlineImage, ...] = ()
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MailHead:
    """Who says it to whom, when and in earnest or not.

    Attributes
    ----------
    message_id : str
        Of the mail.
    purpose : Purpose
        What it is for.
    about : str
        Message id of the warning revision, or of the issue of a report, that it is about.
    sender : str
        ``name <address>`` or an address.
    recipient : str
        One address.
    decided_at : datetime
        Time of the decision, aware; becomes the Date header.
    status, scope : str
        As in CAP 1.2.
    channel : str
        The way out.
    demonstration : bool
        True if the district's data are demonstration data.
    labels : mapping
        Further facts, each written as header ``X-Wuyu-<key>``; plain ASCII.
    return_path : str
        Envelope sender, to which bounces go; the sender's own address if empty.
    """

    message_id: str
    purpose: Purpose
    about: str
    sender: str
    recipient: str
    decided_at: datetime
    status: str
    scope: str = "Public"
    channel: str = "mail"
    demonstration: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    return_path: str = ""


@dataclass(frozen=True, kw_only=True)
class Mail(Parcel):
    """A mail ready to be queued. `html_left_out` says why the HTML part was dropped, if it was."""

    html_left_out: str = ""


class _MailPolicy(EmailPolicy):
    """The policy for SMTP, but for the folding of Subject: the library's loses spaces in long Chinese subjects."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        """Return one header as bytes, folded."""
        return _fold_subject(str(value)) if name == "Subject" else super().fold_binary(name, value)


_POLICY = _MailPolicy(linesep="\r\n", max_line_length=78)


def _fold_subject(subject: str) -> bytes:
    """Return the Subject header; what is not short plain ASCII becomes words of at most 42 bytes in base64 [1]_.

    White space between encoded words is not shown, so every space of the subject is inside a word.

    References
    ----------
    .. [1] RFC 2047, sections 2 and 6.2. https://www.rfc-editor.org/rfc/rfc2047
    """
    if subject.isascii() and len(subject) <= 60 and "=?" not in subject:
        return f"Subject: {subject}\r\n".encode("ascii")
    words, word = [], b""
    for character in subject.encode("utf-8", "replace").decode():
        more = character.encode()
        if len(word) + len(more) > 42:
            words.append(word)
            word = b""
        word += more
    encoded = [b"=?utf-8?b?" + base64.b64encode(part) + b"?=" for part in (*words, word)]
    return b"Subject: " + b"\r\n ".join(encoded) + b"\r\n"


class _ActiveContent(HTMLParser):
    """Collects what has no place in a mail."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _ACTIVE_TAGS:
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            url = re.sub(r"[\s\x00]", "", value or "").lower()
            if name.startswith("on"):
                self.found.append(f"{name} on <{tag}>")
            elif name in _URL_ATTRIBUTES and not url.startswith("cid:"):
                self.found.append(f"{name} of <{tag}> outside the mail")
            elif url.startswith(("javascript:", "vbscript:", "data:text")) or (name == "style" and "url(" in url):
                self.found.append(f"{name} of <{tag}>")


def unsafe_html(html: str) -> str:
    """Return what in `html` has no place in a mail (scripts, handlers, remote images), or an empty string.

    Examples
    --------
    >>> unsafe_html('<p>&lt;script&gt; is only text here <img src="cid:map"></p>')
    ''
    >>> unsafe_html('<p onclick="x()"><img src="http://far.away/pixel.png"></p>')
    'onclick on <p>, src of <img> outside the mail'
    """
    parser = _ActiveContent()
    parser.feed(html)
    parser.close()
    return ", ".join(parser.found)


def build_mail(content: MailContent, head: MailHead) -> Mail:
    """Return the mail as bytes, one recipient, with HTML, images and attachments.

    The structure is mixed(alternative(text, related(html, images)), attachments). A subject that does not say that the
    message is an exercise or a test is made to say so. HTML that holds scripts, handlers or remote images is left out
    (the text part is complete), so that a spoilt name can neither attack the reader nor stop the warning.

    Parameters
    ----------
    content : MailContent
    head : MailHead

    Returns
    -------
    Mail

    Raises
    ------
    DispatchError
        If a header would hold a line break, NUL or other control character, an address field does not hold exactly
        one address, `decided_at` has no time zone, or a status or scope is unknown. The text names the field.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> head = MailHead(message_id="E-410103001.r0", purpose=Purpose.BULLETIN, about="E-410103001.r0",
    ...                 sender="值班室 <duty@erqi.example>", recipient="a@t.example",
    ...                 decided_at=datetime(2021, 7, 20, 9, tzinfo=UTC), status="Exercise")
    >>> mail = build_mail(MailContent(subject="红色预警", text="立即转移"), head)
    >>> mail.subject
    '【演练 EXERCISE】红色预警'
    """
    sender = _sender(head.sender)
    _check_head(head)
    subject = _subject(content.subject, head.status)
    identifier = mail_message_id(head.message_id, head.channel, head.recipient, address_domain(sender.addr_spec))
    message = EmailMessage(policy=_POLICY)
    _write_headers(message, head, sender, subject, identifier)
    left_out = unsafe_html(content.html)
    _write_parts(message, content, with_html=bool(content.html) and not left_out)
    _fix_boundaries(message, identifier)
    return Mail(
        message_id=head.message_id,
        purpose=head.purpose,
        about=head.about,
        channel=head.channel,
        sender=head.return_path or sender.addr_spec,
        recipient=head.recipient,
        subject=subject,
        status=head.status,
        scope=head.scope,
        demonstration=head.demonstration,
        decided_at=head.decided_at,
        mail_message_id=identifier,
        body=message.as_bytes(),
        html_left_out=left_out,
    )


def _sender(text: str) -> Address:
    """Return the sender; the display name may be in any script."""
    _refuse_control("sender", text)
    name, address = parseaddr(text)
    if not is_address(address) or "," in text or text.count("@") != 1:
        raise DispatchError(f"sender must be one address, 'name <address>' or 'address', got {text!r}")
    return Address(display_name=_BIDI.sub("", name), addr_spec=address)


def _check_head(head: MailHead) -> None:
    if not is_address(head.recipient):
        raise DispatchError(f"recipient must be exactly one address without a name, got {head.recipient!r}")
    if head.return_path and not is_address(head.return_path):
        raise DispatchError(f"return path must be exactly one address, got {head.return_path!r}")
    if head.decided_at.tzinfo is None:
        raise DispatchError(f"decided_at must have a time zone, got {head.decided_at.isoformat()}")
    if head.status not in STATUSES or head.scope not in SCOPES:
        raise DispatchError(f"status {head.status!r}, scope {head.scope!r}: accepted {STATUSES} and {SCOPES}")
    for name, value in {"message_id": head.message_id, "channel": head.channel, **head.labels}.items():
        _refuse_control(name, value)
        if not _TOKEN.fullmatch(name.replace("_", "-")) or not value.isascii():
            raise DispatchError(f"header {name!r} must have a plain name and a plain ASCII value, got {value!r}")


def _refuse_control(field_name: str, text: str) -> None:
    found = _CONTROL.search(text)
    if found:
        raise DispatchError(f"{field_name} holds the control character {found.group()!r} at {found.start()}: {text!r}")


def _subject(text: str, status: str) -> str:
    """Return the subject without invisible turners of text, saying that it is not in earnest if it is not."""
    _refuse_control("subject", text)
    subject = _BIDI.sub("", text).strip()
    if status == "Actual":
        return subject
    zh, en = _STATUS_TAGS[status]
    return subject if zh in subject or en in subject.upper() else f"【{zh} {en}】{subject}"


def _write_headers(message: EmailMessage, head: MailHead, sender: Address, subject: str, identifier: str) -> None:
    message["From"] = sender
    message["To"] = Address(addr_spec=head.recipient)
    message["Subject"] = subject
    message["Date"] = format_datetime(head.decided_at)
    message["Message-ID"] = identifier
    message["Auto-Submitted"] = "auto-generated"
    message["X-Wuyu-Message"] = head.message_id
    message["X-Wuyu-Status"] = head.status
    for name, value in sorted(head.labels.items()):
        message[f"X-Wuyu-{name}"] = value


def _write_parts(message: EmailMessage, content: MailContent, *, with_html: bool) -> None:
    message.set_content(content.text, cte="base64")
    if with_html:
        message.add_alternative(content.html, subtype="html", cte="base64")
        _write_images(message, content.images)
    for attachment in content.attachments:
        maintype, _, subtype = attachment.mime.partition("/")
        filename = _file_name(attachment.filename)
        message.add_attachment(attachment.content, maintype=maintype, subtype=subtype, filename=filename)


def _write_images(message: EmailMessage, images: tuple[InlineImage, ...]) -> None:
    _text_part, html_part = message.iter_parts()
    for image in images:
        if not _TOKEN.fullmatch(image.cid):
            raise DispatchError(f"content id must be letters, digits, dot, dash or underscore, got {image.cid!r}")
        html_part.add_related(
            image.content,
            maintype="image",
            subtype="png",
            cid=f"<{image.cid}>",
            filename=_file_name(image.filename),
            disposition="inline",
        )


def _file_name(text: str) -> str:
    if not _FILE_NAME.fullmatch(text):
        raise DispatchError(f"attachment name must be a bare file name, got {text!r}")
    return _BIDI.sub("", text)


def _fix_boundaries(message: EmailMessage, identifier: str) -> None:
    """Replace random boundaries by ones made from the Message-ID; base64 bodies can never hold ``=_``."""
    digest = hashlib.sha256(identifier.encode()).hexdigest()[:24]
    for number, part in enumerate(message.walk()):
        if part.is_multipart():
            part.set_boundary(f"=_wuyu_{digest}_{number}")
