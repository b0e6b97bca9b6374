"""Run the command line, and die by SIGKILL when so many mails have been accepted: ``killed_replay.py COUNT ARGS``."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from wuyu.cli import main
from wuyu.delivery.smtp import Outcome, SmtpTransport

send = SmtpTransport.send
left = 0


def send_or_die(transport: SmtpTransport, *given: Any, **named: Any) -> Outcome:
    """Die before the mail that would be one too many."""
    global left
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return send(transport, *given, **named)


if __name__ == "__main__":
    left = int(sys.argv.pop(1))
    SmtpTransport.send = send_or_die  # type: ignore[method-assign]
    sys.exit(main())
