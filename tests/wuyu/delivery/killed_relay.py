"""A desk that decides and delivers, and kills itself at the step named: ``killed_relay.py LEDGER PORT NAME STEP``."""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime, timedelta

from wuyu.delivery.relay import deliver
from wuyu.delivery.smtp import SmtpSettings, SmtpTransport
from wuyu.ledger import Ledger, create_ledger
from wuyu.messages.mail import MailContent, MailHead, build_mail
from wuyu.messages.purpose import Purpose

AT = datetime(2021, 7, 20, 9, tzinfo=UTC)


def decide(ledger: Ledger, name: str, checkpoint: object = None) -> None:
    """Decide two mails; the second shows that the queue goes on after a restart."""
    with ledger.decide(now=AT) as decision:
        for number in (1, 2):
            head = MailHead(
                message_id=f"E-{name}.r0", purpose=Purpose.BULLETIN, about=f"E-{name}.r0",
                sender="duty@erqi.example", recipient=f"{name}-{number}@town.example",
                decided_at=AT, status="Exercise",
            )  # fmt: skip
            content = MailContent(subject="红色预警", text="立即转移\n" * 5000)
            decision.queue(build_mail(content, head), expires_at=AT + timedelta(hours=6))
        if callable(checkpoint):
            checkpoint("begin")


def main() -> None:
    path, port, name, kill_at = sys.argv[1:]

    def checkpoint(step: str) -> None:
        if step == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    with create_ledger(path) as ledger, SmtpTransport(SmtpSettings(host="127.0.0.1", port=int(port))) as transport:
        decide(ledger, name, checkpoint)
        checkpoint("decided")
        deliver(ledger, transport, clock=lambda: datetime.now(UTC), now=AT, checkpoint=checkpoint)


if __name__ == "__main__":
    main()
