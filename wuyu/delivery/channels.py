"""The channels beside mail: who is told what, and how each is reached."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from risk_models.district.outgoing import (
    ChannelSettings,
    FileChannelSettings,
    SmsChannelSettings,
    WebhookChannelSettings,
)
from risk_models.errors import ConfigError
from risk_models.levels import Level
from wuyu.delivery.filedrop import FileDropTransport
from wuyu.delivery.summary import file_bundle, sms_body, sms_texts, summary, with_cap
from wuyu.ledger.holders import holder_channels, holders
from wuyu.ledger.models import Outbox
from wuyu.ledger.tasks import OPERATOR_TASK
from wuyu.messages.guard import Target, address_domain
from wuyu.messages.parcel import Parcel, mail_message_id
from wuyu.messages.purpose import Purpose

if TYPE_CHECKING:
    from reports.bulletin import Bulletin
    from risk_models.district.settings import DistrictSettings
    from risk_models.warning.records import WarningRecord
    from wuyu.delivery.relay import Transport
    from wuyu.desk import Desk
    from wuyu.ledger import Decision
    from wuyu.station import Station

__all__ = [
    "MAIL",
    "channel_name",
    "channel_transport",
    "channels_in_use",
    "phone_number",
    "queue_channels",
    "readers_of",
    "recipients_of",
    "target_of",
]

MAIL: Final = "mail"
"""Name of the way that needs no setting."""


def channel_name(channel: ChannelSettings) -> str:
    """Return the name under which the outbox keeps rows of a channel.

    Examples
    --------
    >>> channel_name(FileChannelSettings(id="city", kind="file", path="/srv/in"))
    'file:city'
    """
    kind: str = getattr(channel, "kind")  # noqa: B009 - each kind declares its own
    return f"{kind}:{channel.id}"


def target_of(channel: ChannelSettings) -> Target:
    """Return a channel as the guard judges it."""
    return Target(channel_name(channel), channel.exercise, channel.scopes)


def channels_in_use(settings: DistrictSettings, *, status: str, scope: str) -> list[ChannelSettings]:
    """Return the channels that take messages of this status and scope; rows for the others would only fail."""
    return [
        channel for channel in settings.channels if channel.exercise == (status != "Actual") and scope in channel.scopes
    ]


def queue_channels(
    desk: Desk,
    decision: Decision,
    record: WarningRecord,
    *,
    bulletin: Bulletin,
    paths: Mapping[str, Path],
    scope: str,
    expires_at: datetime,
) -> list[Outbox]:
    """Queue a bulletin for every channel that must have it, within the caller's transaction.

    Parameters
    ----------
    desk : Desk
    decision : Decision
    record : WarningRecord
    bulletin : Bulletin
    paths : mapping of str to Path
        Files of the bulletin by kind.
    scope : str
        As in CAP.
    expires_at : datetime

    Returns
    -------
    list of Outbox
    """
    facts = summary(record, bulletin, scope=scope, district_code=desk.code)
    _task_for_lost(desk, decision, record, status=bulletin.status, scope=scope)
    rows = []
    for channel in channels_in_use(desk.settings, status=bulletin.status, scope=scope):
        for recipient in recipients_of(desk, decision, channel, record):
            body = _body(channel, record, bulletin, recipient=recipient, facts=facts, paths=paths)
            parcel = make_parcel(
                desk.settings,
                channel,
                recipient,
                body,
                message_id=record.message_id,
                purpose=Purpose.BULLETIN,
                about=record.message_id,
                subject=bulletin.headline["zh"],
                scope=scope,
                decided_at=record.issued_at,
            )
            row = decision.queue(parcel, expires_at=expires_at, priority=int(record.level), event_key=record.event_key)
            rows.append(row)
    return rows


def make_parcel(
    settings: DistrictSettings,
    channel: ChannelSettings,
    recipient: str,
    body: bytes,
    *,
    message_id: str,
    purpose: Purpose,
    about: str,
    subject: str,
    scope: str,
    decided_at: datetime,
) -> Parcel:
    """Return one message to one recipient of a channel."""
    name = channel_name(channel)
    sender = settings.cap.sender
    domain = address_domain(sender) or "wuyu.example"
    return Parcel(
        message_id=message_id,
        purpose=purpose,
        about=about,
        channel=name,
        sender=sender,
        recipient=recipient,
        subject=subject,
        status=settings.mail.status,
        scope=scope,
        demonstration=settings.district.demonstration,
        decided_at=decided_at,
        mail_message_id=mail_message_id(message_id, name, recipient, domain),
        body=body,
        target=target_of(channel),
    )


def recipients_of(desk: Desk, decision: Decision, channel: ChannelSettings, record: WarningRecord) -> list[str]:
    """Return whom a channel tells of a revision: those it is for, and everyone who holds an earlier one."""
    before = holders(decision.session, record, channel_name(channel))
    is_for_it = not channel.areas or record.area_code in channel.areas
    level = max(record.level, Level.YELLOW) if record.level is Level.UNKNOWN else record.level
    is_grave = not record.action.is_end and level >= Level.from_name(channel.from_level)
    new = readers_of(desk, channel, record.area_code) if is_for_it and is_grave else []
    return list(dict.fromkeys([*new, *before]))


def _task_for_lost(desk: Desk, decision: Decision, record: WarningRecord, *, status: str, scope: str) -> None:
    """Raise a task if a channel that told of a warning is there no more: only people can tell its readers now."""
    there = {MAIL, *(channel_name(channel) for channel in channels_in_use(desk.settings, status=status, scope=scope))}
    gone = [name for name in holder_channels(decision.session, record) if name not in there]
    if gone:
        task = f"{', '.join(gone)} told of this warning and can no longer be reached: tell its readers by hand"
        about = {"event_key": record.event_key, "message_id": record.message_id}
        decision.log(OPERATOR_TASK, **about, task=task, channels=gone, action=str(record.action))


def readers_of(desk: Desk, channel: ChannelSettings, area_code: str) -> list[str]:
    """Return whom a channel names for an area: itself, or the numbers that it sends short messages to."""
    if not isinstance(channel, SmsChannelSettings):
        return [channel.id]
    numbers = list(channel.numbers)
    towns = desk.district.towns
    if channel.town_phones and area_code in towns.index:
        phone = phone_number(str(towns.at[area_code, "duty_phone"]))
        numbers = ([phone] if phone else []) + numbers
    return list(dict.fromkeys(numbers))


def phone_number(text: str) -> str | None:
    """Return a number as a gateway of short messages wants it, or None if `text` is none.

    Examples
    --------
    >>> phone_number("0371-6880 0001"), phone_number("+86 138 0000 0000"), phone_number("ask the porter")
    ('037168800001', '+8613800000000', None)
    """
    number = re.sub(r"[ ()-]", "", text)
    return number if re.fullmatch(r"\+?[0-9]{5,15}", number) else None


def _body(
    channel: ChannelSettings,
    record: WarningRecord,
    bulletin: Bulletin,
    *,
    recipient: str,
    facts: Mapping[str, Any],
    paths: Mapping[str, Path],
) -> bytes:
    if isinstance(channel, SmsChannelSettings):
        texts = sms_texts(record, bulletin)
        return sms_body(texts, message_id=record.message_id, to=recipient, status=bulletin.status)
    if isinstance(channel, FileChannelSettings):
        return file_bundle(facts, paths)
    return with_cap(facts, paths["cap.xml"].read_bytes())


def channel_transport(
    station: Station, name: str, *, clock: Callable[[], datetime], environ: Mapping[str, str] = os.environ
) -> AbstractContextManager[Transport]:
    """Open the way out of one channel.

    Parameters
    ----------
    station : Station
    name : str
        From `channel_name`.
    clock : callable
        Wall time.
    environ : mapping
        Holds the secrets.

    Raises
    ------
    ConfigError
        If the district has no such channel, or its secret is not set.
    """
    known = {channel_name(channel): channel for channel in station.settings.channels}
    channel = known.get(name)
    if isinstance(channel, FileChannelSettings):
        return FileDropTransport(target_of(channel), station.out / channel.path)
    if not isinstance(channel, WebhookChannelSettings | SmsChannelSettings):
        raise ConfigError(f"the district has no channel '{name}'; it has: {', '.join(known) or 'none'}")
    from wuyu.delivery.sms import SmsTransport
    from wuyu.delivery.webhook import WebhookSettings, WebhookTransport, secret_bytes

    secret = environ.get(channel.secret_env, "")
    if not secret:
        raise ConfigError(f"channel {name}: the environment variable {channel.secret_env} is not set")
    settings = WebhookSettings(
        url=channel.url,
        secret=secret_bytes(secret),
        ca_file=None if channel.ca_file is None else str(station.root / channel.ca_file),
        total_s=channel.total_timeout_s,
        read_s=channel.total_timeout_s,
    )
    way = SmsTransport if isinstance(channel, SmsChannelSettings) else WebhookTransport
    return way(target_of(channel), settings, clock=clock)
