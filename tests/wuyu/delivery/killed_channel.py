"""A desk that decides and delivers by one channel, and kills itself at the step named.

``killed_channel.py LEDGER CHANNEL PLACE NAME STEP``: PLACE is the port of a web server, or a folder. The step ``half``
is the moment at which a file lies aside, written but not yet under its name.
"""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from wuyu.delivery.filedrop import FileDropTransport
from wuyu.delivery.relay import Transport, deliver
from wuyu.delivery.summary import FILES_SCHEMA, as_bytes
from wuyu.delivery.webhook import WebhookSettings, WebhookTransport
from wuyu.ledger import Ledger, create_ledger
from wuyu.messages.guard import Target
from wuyu.messages.parcel import Parcel, mail_message_id
from wuyu.messages.purpose import Purpose

AT = datetime(2021, 7, 20, 9, tzinfo=UTC)
SECRET = b"0123456789abcdef"


def way_to(channel: str, place: str) -> Transport:
    """Open the channel at its place."""
    target = Target(channel, exercise=True, scopes=("Restricted",))
    if channel.startswith("file:"):
        return FileDropTransport(target, Path(place))
    settings = WebhookSettings(url=f"http://127.0.0.1:{place}/alerts", secret=SECRET)
    return WebhookTransport(target, settings, clock=lambda: datetime.now(UTC))


def decide(ledger: Ledger, channel: str, name: str, checkpoint: Callable[[str], None]) -> None:
    """Decide two messages; the second shows that the queue goes on after a restart."""
    target = Target(channel, exercise=True, scopes=("Restricted",))
    with ledger.decide(now=AT) as decision:
        for number in (1, 2):
            message_id = f"E-{name}-{number}.r0"
            parcel = Parcel(
                message_id=message_id, purpose=Purpose.BULLETIN, about=message_id, channel=channel,
                sender="duty@erqi.example", recipient=channel.partition(":")[2],
                subject="红色预警", status="Exercise", scope="Restricted", demonstration=True, decided_at=AT,
                mail_message_id=mail_message_id(message_id, channel, "x", "erqi.example"), target=target,
                body=_bundle(message_id) if channel.startswith("file:") else _post(message_id),
            )  # fmt: skip
            decision.queue(parcel, expires_at=AT + timedelta(hours=6))
        checkpoint("begin")


def _post(message_id: str) -> bytes:
    return as_bytes({"message_id": message_id, "fill": "x" * 200_000})


def _bundle(message_id: str) -> bytes:
    data = b"<alert/>" * 5000
    one = {"name": f"{message_id}.cap.xml", "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    index = {"message_id": message_id, "files": [one]}
    files = [{**one, "content": base64.b64encode(data).decode()}]
    return as_bytes({"schema": FILES_SCHEMA, "message_id": message_id, "index": index, "files": files})


def main() -> None:
    path, channel, place, name, kill_at = sys.argv[1:]

    def kill(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def checkpoint(step: str) -> None:
        if step == kill_at:
            kill()

    with create_ledger(path) as ledger:
        decide(ledger, channel, name, checkpoint)
        checkpoint("decided")
        if kill_at == "half":
            os.fsync = kill  # type: ignore[assignment]
        way = way_to(channel, place)
        deliver(ledger, way, clock=lambda: datetime.now(UTC), now=AT, checkpoint=checkpoint)


if __name__ == "__main__":
    main()
