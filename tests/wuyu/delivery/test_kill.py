"""Kill -9 at every step, start again: nothing lost, and a second copy only after the final dot."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from wuyu.delivery.relay import deliver
from wuyu.delivery.smtp import SmtpSettings, SmtpTransport
from wuyu.ledger import create_ledger, open_ledger

SCRIPT = Path(__file__).with_name("killed_relay.py")
AT = datetime(2021, 7, 20, 9, tzinfo=UTC)
STEPS = ["begin", "decided", "claimed", "connected", "mail", "rcpt", "body", "dot", "accepted", "recorded"]
MAY_REPEAT = {"dot", "accepted"}


def _run(ledger: str | Path, port: int, name: str, step: str) -> int:
    command = [sys.executable, str(SCRIPT), str(ledger), str(port), name, step]
    return subprocess.run(command, check=False, capture_output=True, timeout=PATIENCE_S).returncode


def _copies(folder: Path, recipient: str) -> tuple[int, int]:
    """Mails in the box, and copies that the sink got beyond the first."""
    log = folder / "duplicates.log"
    noted = log.read_text().splitlines() if log.exists() else []
    return len(list((folder / recipient / "new").glob("*"))), sum(line.startswith(f"{recipient} ") for line in noted)


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_nothing_is_lost(sink: tuple[Path, str, int], ledger_url: str | Path, step: str) -> None:
    folder, host, port = sink
    path, name = ledger_url, f"{step}-{'pg' if isinstance(ledger_url, str) else 'lite'}"
    assert _run(path, port, name, step) == -signal.SIGKILL
    if step == "begin":  # killed inside the decision: nothing was decided, so the cycle decides again
        with open_ledger(path) as ledger:
            assert ledger.outbox() == []
        assert _run(path, port, name, "never") == 0
    with open_ledger(path) as ledger, SmtpTransport(SmtpSettings(host=host, port=port)) as transport:
        deliver(ledger, transport, clock=lambda: datetime.now(UTC), now=AT)
        assert ledger.outbox_counts() == {"sent": 2}
        again = deliver(ledger, transport, clock=lambda: datetime.now(UTC), now=AT)
        assert again.counts == {}
    first, second = _copies(folder, f"{name}-1@town.example"), _copies(folder, f"{name}-2@town.example")
    assert first[0] == second[0] == 1
    assert first[1] <= (1 if step in MAY_REPEAT else 0)
    assert second[1] == 0


def test_eight_relays_of_eight_processes_send_each_mail_once(
    sink: tuple[Path, str, int], ledger_url: str | Path
) -> None:
    folder, _, port = sink
    path = ledger_url
    create_ledger(path).close()
    command = [sys.executable, str(SCRIPT), str(path), str(port)]
    kind = "pg" if isinstance(path, str) else "lite"
    names = [f"{kind}-relay-{number}" for number in range(8)]
    relays = [subprocess.Popen([*command, name, "never"]) for name in names]
    assert [relay.wait(PATIENCE_S) for relay in relays] == [0] * 8
    with open_ledger(path) as ledger:
        assert ledger.outbox_counts() == {"sent": 16}
        assert [row.attempts for row in ledger.outbox()] == [1] * 16
    for name in names:
        assert _copies(folder, f"{name}-1@town.example") == _copies(folder, f"{name}-2@town.example") == (1, 0)
