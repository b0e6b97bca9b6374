"""Kill -9 at every step that webhook and file drop have: nothing lost, and a copy is known by its id."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.wuyu.delivery.http_server import HttpServer
from tests.wuyu.delivery.killed_channel import AT, SECRET, way_to
from wuyu.delivery.relay import deliver
from wuyu.delivery.webhook import verify
from wuyu.ledger import open_ledger

SCRIPT = Path(__file__).with_name("killed_channel.py")
WEBHOOK_STEPS = ["begin", "decided", "claimed", "connected", "body", "accepted", "recorded"]
MAY_REPEAT = {"body", "accepted"}
"""The whole message is out, and its acceptance is not noted."""
FILE_STEPS = ["begin", "decided", "claimed", "connected", "half", "body", "accepted", "recorded"]


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as running:
        yield running


def _kill_and_restart(ledger: str | Path, channel: str, place: str, step: str) -> str:
    """Run until killed, then deliver what is left in this process; returns the name of the messages."""
    name = f"{step}-{'pg' if isinstance(ledger, str) else 'lite'}"
    command = [sys.executable, str(SCRIPT), str(ledger), channel, place, name]
    assert subprocess.run([*command, step], check=False, capture_output=True).returncode == -signal.SIGKILL
    if step == "begin":
        with open_ledger(ledger) as opened:
            assert opened.outbox() == []
        assert subprocess.run([*command, "never"], check=False, capture_output=True).returncode == 0
    with open_ledger(ledger) as opened:
        deliver(opened, way_to(channel, place), clock=lambda: datetime.now(UTC), now=AT)
        assert opened.outbox_counts() == {"sent": 2}
        assert deliver(opened, way_to(channel, place), clock=lambda: datetime.now(UTC), now=AT).counts == {}
    return name


@pytest.mark.parametrize("step", WEBHOOK_STEPS)
def test_webhook(server: HttpServer, ledger_url: str | Path, step: str) -> None:
    name = _kill_and_restart(ledger_url, "webhook:hub", str(server.port), step)
    keys = Counter(one.headers["idempotency-key"] for one in server.taken)
    assert set(keys) == {f"E-{name}-1.r0", f"E-{name}-2.r0"}
    assert keys[f"E-{name}-1.r0"] <= (2 if step in MAY_REPEAT else 1)
    assert keys[f"E-{name}-2.r0"] == 1
    for one in server.taken:
        assert one.headers["idempotency-key"] == one.headers["webhook-id"] == json.loads(one.body)["message_id"]
        assert verify(SECRET, one.headers, one.body, now=datetime.now(UTC))
    assert len({one.body for one in server.taken}) == 2, "a copy has the same bytes"


@pytest.mark.parametrize("step", FILE_STEPS)
def test_file_drop(ledger_url: str | Path, tmp_path: Path, step: str) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    name = _kill_and_restart(ledger_url, "file:city", str(folder), step)
    kinds = ("cap.xml", "json")
    found = sorted(path.name for path in folder.iterdir())
    assert found == [f"E-{name}-{number}.r0.{kind}" for number in (1, 2) for kind in kinds], "nothing half is left"
    for path in folder.glob("*.json"):
        (one,) = json.loads(path.read_bytes())["files"]
        assert hashlib.sha256((folder / one["name"]).read_bytes()).hexdigest() == one["sha256"]


def test_what_a_reader_sees_at_the_moment_of_the_kill(tmp_path: Path) -> None:
    """No index without its files, and no file under its name that is not whole."""
    for step in FILE_STEPS[4:]:
        folder = tmp_path / step
        folder.mkdir()
        command = [sys.executable, str(SCRIPT), str(tmp_path / f"{step}.sqlite"), "file:city", str(folder), step, step]
        assert subprocess.run(command, check=False, capture_output=True).returncode == -signal.SIGKILL
        seen = {path.name: path.stat().st_size for path in folder.iterdir() if not path.name.startswith(".")}
        whole = {"half": 0, "body": 1, "accepted": 2, "recorded": 2}[step]
        assert len(seen) == whole, (step, seen)
        assert all(size == 40_000 for name, size in seen.items() if name.endswith("cap.xml"))
