"""Settings of everything that leaves: mail, the channels beside it, briefs, and the watcher that notices silence."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, PlainValidator

from risk_models.district.cells import EMAIL
from risk_models.district.files import Record

__all__ = [
    "AnyChannelSettings",
    "BriefSettings",
    "ChannelSettings",
    "Channels",
    "FileChannelSettings",
    "MailSettings",
    "SmimeSettings",
    "SmsChannelSettings",
    "WatchSettings",
    "WebhookChannelSettings",
]

LOOPBACK = ("127.0.0.1", "::1", "localhost")
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")


def _sender(value: str) -> str:
    match = re.fullmatch(r"(?:[^<>@,;\x00-\x1f\x7f]*<([^<>]+)>|([^<>\s]+))", value)
    if match is None or EMAIL.fullmatch(match.group(1) or match.group(2)) is None:
        raise ValueError("must be one e-mail address, with or without a name: 名称 <name@host>")
    return value


def _mailbox(value: str) -> str:
    if EMAIL.fullmatch(value) is None:
        raise ValueError("must be one plain e-mail address")
    return value


def _mail_domain(value: str) -> str:
    if _HOST.fullmatch(value.lower()) is None or len(value) > 200:
        raise ValueError("must be the name of a mail domain; e.g. bounce.duty.example")
    return value.lower()


def _authserv_id(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,198}[A-Za-z0-9])?", value) is None:
        raise ValueError("must be the name that your mail server puts first in Authentication-Results; e.g. mx.duty.cn")
    return value.lower()


def _post_url(value: str) -> str:
    parts = urlsplit(value)
    try:
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        port_is_right = False
    if not parts.hostname or not port_is_right or not value.isascii() or re.search(r"[\s<>\"'?#\x00-\x1f]", value):
        raise ValueError("must be a whole address without query; e.g. https://hub.example/alerts")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError("must begin with https: what is sent there is not for everybody")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must hold no user and no password; name an environment variable in secret_env instead")
    return value


def _drop_path(value: str) -> str:
    if ".." in PurePosixPath(value).parts or not value or re.search(r"[\\\x00-\x1f\x7f]", value):
        raise ValueError("must be the path of a folder without '..': whole, or relative to the folder of products")
    return value


def _inside(value: str) -> str:
    if value.startswith("/") or ".." in PurePosixPath(value).parts or re.search(r'[\\:*?"<>|\x00-\x1f]', value):
        raise ValueError("must be a path relative to the district folder, inside it, with '/' between folders")
    return value


def _each_hour_once(value: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(value)) < len(value):
        raise ValueError("must name every hour once; e.g. [8, 14, 20]")
    return tuple(sorted(value))


Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
EnvName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{2,63}$")]
FilePath = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_inside)]
Phone = Annotated[str, Field(pattern=r"^\+?[0-9]{5,15}$")]
Mailbox = Annotated[str, AfterValidator(_mailbox)]
ScopeName = Literal["Public", "Restricted", "Private"]


class SmimeSettings(Record):
    """With what mail is signed.

    Attributes
    ----------
    certificate : str
        PEM file, below the district folder; certificates of the authorities between may follow in it.
    key_env : str
        Environment variable that holds the path of the private key (PEM, without a passphrase, readable by its owner).
    """

    certificate: FilePath
    key_env: EnvName


class MailSettings(Record):
    """The sender of mail, and whether it is meant.

    Attributes
    ----------
    sender : str
    status : {"Actual", "Exercise", "Test"}
    return_domain : str or None
        Domain whose mail comes back to us: every mail then has a return address of its own, so that a bounce names it.
    smime : SmimeSettings or None
    authserv_id : str or None
        Name by which the mail server of the reply box signs ``Authentication-Results`` (RFC 8601, section 2.5). Only a
        reply that this server found to pass DMARC is proven; without the name none is, and all answers by mail are
        claims.
    language : {"zh", "en"}
        Of mails and PDFs, for towns that ask for none themselves; the kept copy has both.
    """

    sender: Annotated[str, AfterValidator(_sender)] = "duty@wuyu.example"
    status: Literal["Actual", "Exercise", "Test"] = "Exercise"
    return_domain: Annotated[str, AfterValidator(_mail_domain)] | None = None
    smime: SmimeSettings | None = None
    authserv_id: Annotated[str, AfterValidator(_authserv_id)] | None = None
    language: Literal["zh", "en"] = "zh"


class ChannelSettings(Record):
    """What every channel beside mail says of itself.

    Attributes
    ----------
    id : str
        Names the channel; its rows in the outbox bear it.
    exercise : bool
        True for a target that takes exercises and tests, and nothing else; False for one that takes what is meant.
    scopes : tuple of str
        Scopes (as in CAP) that it may see.
    from_level : str
        Level from which it is told; what follows on something it got it always gets.
    areas : tuple of str
        Town codes it is told about; all if none is named.
    """

    id: Id
    exercise: bool = False
    scopes: Annotated[tuple[ScopeName, ...], Field(min_length=1)] = ("Public", "Restricted")
    from_level: Literal["blue", "yellow", "orange", "red"] = "blue"
    areas: tuple[str, ...] = ()


class WebhookChannelSettings(ChannelSettings):
    """An address that takes a signed HTTP POST with the CAP message and a JSON summary.

    Attributes
    ----------
    url : str
    secret_env : str
        Environment variable that holds the secret by which the POST is signed.
    ca_file : str or None
        Certificate authority to trust instead of the public ones, below the district folder.
    total_timeout_s : float
        Limit of one POST [s].
    """

    kind: Literal["webhook"]
    url: Annotated[str, AfterValidator(_post_url)]
    secret_env: EnvName
    ca_file: FilePath | None = None
    total_timeout_s: Annotated[float, Field(gt=0, le=300)] = 30.0


class SmsChannelSettings(ChannelSettings):
    """A gateway that sends short messages, reached like a webhook; one POST for each number.

    Attributes
    ----------
    url, secret_env, ca_file, total_timeout_s
        As of a webhook.
    numbers : tuple of str
        Numbers told beside those of the towns.
    town_phones : bool
        Tell the duty phone of each town.
    """

    kind: Literal["sms"]
    url: Annotated[str, AfterValidator(_post_url)]
    secret_env: EnvName
    ca_file: FilePath | None = None
    total_timeout_s: Annotated[float, Field(gt=0, le=300)] = 30.0
    numbers: tuple[Phone, ...] = ()
    town_phones: bool = True


class FileChannelSettings(ChannelSettings):
    """A folder in which another system picks up files, e.g. 应急指挥综合业务系统.

    Attributes
    ----------
    path : str
        Must be there: it is not made, because it may be the place where a share is mounted.
    """

    kind: Literal["file"]
    path: Annotated[str, AfterValidator(_drop_path)]


class BriefSettings(Record):
    """The district brief: one page on what still stands, while a warning is in force.

    Attributes
    ----------
    hours : tuple of int
        Local hours at which it is sent; none: it is never sent by itself.
    mailboxes : tuple of str
        Who reads it beside the towns under a warning, the duty chain and those to whom towns are escalated.
    needs_officer : bool
        True: it is not sent before an officer puts a name to it. It gives no order, so that none is asked by default.
    """

    hours: Annotated[tuple[Annotated[int, Field(ge=0, le=23)], ...], AfterValidator(_each_hour_once)] = (8, 14, 20)
    mailboxes: tuple[Mailbox, ...] = ()
    needs_officer: bool = False


class _KindName(BaseModel):
    """Only the word by which channels are told apart."""

    kind: Literal["webhook", "file", "sms"]


_CHANNEL_MODELS: dict[str, type[ChannelSettings]] = {
    "webhook": WebhookChannelSettings,
    "file": FileChannelSettings,
    "sms": SmsChannelSettings,
}


def _by_kind(value: Any) -> ChannelSettings:
    """Read a channel by its `kind`; errors are those of the one model meant."""
    if isinstance(value, ChannelSettings):
        return value
    return _CHANNEL_MODELS[_KindName.model_validate(value).kind].model_validate(value)


def _once_each(value: tuple[ChannelSettings, ...]) -> tuple[ChannelSettings, ...]:
    twice = [name for name, count in Counter(channel.id for channel in value).items() if count > 1]
    if twice:
        raise ValueError(f"every id may stand once only; twice: {', '.join(twice)}")
    return value


AnyChannelSettings = Annotated[
    WebhookChannelSettings | FileChannelSettings | SmsChannelSettings, PlainValidator(_by_kind)
]
Channels = Annotated[tuple[AnyChannelSettings, ...], AfterValidator(_once_each)]


class WatchSettings(Record):
    """Who is told when the system falls silent, and when it counts as silent.

    Attributes
    ----------
    mailboxes : tuple of str
        Addresses of the operators.
    max_age_min : int
        Age of the last finished cycle from which an alarm is raised [min].
    overdue_min : int
        Time for which a row of the outbox may stay unsent [min].
    repeat_min : int
        Time after which an alarm that goes on is told again [min].
    heartbeat_hour : int
        Local hour from which the daily sign of life is sent.
    min_free_pct : float
        Free share of a disk below which an alarm is raised [%].
    min_days_left : float
        Days until a disk is full, at its present growth, below which an alarm is raised.
    """

    mailboxes: tuple[Mailbox, ...] = ()
    max_age_min: Annotated[int, Field(ge=5, le=10_080)] = 90
    overdue_min: Annotated[int, Field(ge=1, le=1440)] = 10
    repeat_min: Annotated[int, Field(ge=5, le=1440)] = 60
    heartbeat_hour: Annotated[int, Field(ge=0, le=23)] = 8
    min_free_pct: Annotated[float, Field(ge=0, lt=100)] = 5.0
    min_days_left: Annotated[float, Field(ge=0, le=3650)] = 14.0
