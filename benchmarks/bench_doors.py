"""Light verbs: what it costs to list, and to find nothing due, beside a process that only opens the ledger.

Each is a process of its own over the same ledger: mail of a storm, warnings that wait for an officer, bulletins that
wait for an answer, tasks. Processor time and peak memory of the child, median of `RUNS`, taken in turns with the peer.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.rows import Row
from risk_models.levels import Level
from risk_models.warning.records import Action, WarningRecord
from wuyu.approval.basis import BASIS
from wuyu.ledger import AckRequest, Decision, open_ledger
from wuyu.ledger.contacts import keep_contacts
from wuyu.ledger.tasks import OPERATOR_TASK
from wuyu.messages.mail import Attachment, MailContent, MailHead, build_mail
from wuyu.messages.purpose import Purpose

ROOT = Path(__file__).resolve().parent.parent
DISTRICT, CODE = ROOT / "data" / "erqi", "410103"
AT = datetime(2021, 7, 20, 9, tzinfo=UTC)
TOWNS, HOURS, TASKS, BULLETIN_BYTES = 18, 12, 20, 90_000
RUNS, MOST = 5, 2.5
OPEN = "import sys\nfrom wuyu.ledger import open_ledger\nopen_ledger(sys.argv[1]).close()"
# Started by a small process: the peak of a child begins with the memory of whoever starts it.
MEASURE = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(child.pid, 0)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""
VERBS = {
    "wuyu outbox": ["outbox"],
    "wuyu tasks": ["tasks"],
    "wuyu approve, list": ["approve"],
    "wuyu ack list": ["ack", "list", "--at", (AT + timedelta(minutes=5)).isoformat()],
    "wuyu dispatch, nothing due": ["dispatch", "--smtp-port", "1"],
}


class Cost(NamedTuple):
    """What a child used: processor time [s] and peak memory [MiB]."""

    cpu_s: float
    peak_mib: float


def run() -> Iterator[Row]:
    """Compare each verb with opening the ledger alone, in time and in memory."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        _fill(out / "ledger.sqlite")
        opening = [sys.executable, "-c", OPEN, str(out / "ledger.sqlite")]
        place = ["--district", str(DISTRICT), "--out", str(out)]
        _cost(opening)
        for name, words in VERBS.items():
            command = [sys.executable, "-m", "wuyu", *words, *place]
            pairs = [(_cost(command), _cost(opening)) for _ in range(RUNS)]
            for unit, index in (("s", 0), ("MiB", 1)):
                ours, peer = (statistics.median(pair[side][index] for pair in pairs) for side in (0, 1))
                yield Row(
                    job=f"{name}, {'processor time' if unit == 's' else 'peak memory'}",
                    ours_s=ours,
                    peer="open_ledger alone",
                    peer_s=peer,
                    most=MOST,
                    unit=unit,
                )


def _cost(command: list[str]) -> Cost:
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    measured = subprocess.run(
        [sys.executable, "-c", MEASURE, *command], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    if measured.returncode:
        raise RuntimeError(f"{command} ended with {measured.returncode}: {measured.stderr[-500:]}")
    cpu_s, peak_kib = measured.stdout.split()
    return Cost(float(cpu_s), float(peak_kib) / 1024)


def _fill(path: Path) -> None:
    """Write what a storm leaves: every town has a warning each hour, its mail, and in the last hour waits twice."""
    with open_ledger(path) as ledger, ledger.decide(now=AT) as decision:
        towns = {f"{CODE}{number:03d}": _town(number) for number in range(1, TOWNS + 1)}
        keep_contacts(decision.session, CODE, towns, at=AT)
        for hour in range(HOURS):
            for code in towns:
                _warn(decision, code, hour)
        for number in range(TASKS):
            decision.log(OPERATOR_TASK, task="call the town", recipient=f"town{number}@erqi.example")


def _town(number: int) -> dict[str, str | None]:
    facts = {"town_name": f"街道{number}", "town_name_en": f"Town {number}", "duty_phone": f"000-{number:04d}"}
    return {**facts, "mailbox": f"town{number}@erqi.example", "second_contact": None}


def _warn(decision: Decision, code: str, hour: int) -> None:
    """Write one revision: it waits for an officer in the last hour, was mailed and not answered in the others."""
    at, is_last = AT - timedelta(hours=HOURS - 1 - hour), hour == HOURS - 1
    record = WarningRecord(
        event_key=f"{CODE}-20210719T1200Z", warning_id=f"{CODE}-20210719T1200Z-{code}", revision=hour,
        action=Action.UPG if is_last else Action.EXT, area_code=code, level=Level.RED if is_last else Level.ORANGE,
        previous_level=Level.ORANGE, issued_at=at, valid_from=at, valid_to=at + timedelta(hours=6),
        hotspot_ids=("EQ-001",), signal=Level.ORANGE, reason_zh="积水", reason_en="ponding",
    )  # fmt: skip
    decision.warn(record, approval_due_at=at + timedelta(minutes=10) if is_last else None)
    about = {"event_key": record.event_key, "message_id": record.message_id}
    if is_last:
        decision.log(BASIS, **about, **_basis())
        return
    pdf = Attachment(filename="bulletin.pdf", content=os.urandom(BULLETIN_BYTES), mime="application/pdf")
    head = MailHead(
        message_id=record.message_id, purpose=Purpose.BULLETIN, about=record.message_id, sender="duty@erqi.example",
        recipient=f"{code}@erqi.example", decided_at=at, status="Exercise",
    )  # fmt: skip
    mail = build_mail(MailContent(subject="橙色预警", text="积水\n", attachments=(pdf,)), head)
    decision.queue(mail, expires_at=record.valid_to, event_key=record.event_key)
    decision.session.add(_request(record, at))


def _basis() -> dict[str, Any]:
    rain = dict.fromkeys(("obs_1h_mm", "obs_3h_mm", "obs_24h_mm", "fc_3h_mm_p50", "fc_3h_mm_p90"), 80.0)
    spot = {"hotspot_id": "EQ-001", "hotspot_name": "隧道", "hotspot_name_en": "tunnel", "level": int(Level.RED)}
    spot |= {"depth_p50_m": 0.8, "depth_p90_m": 1.2, "p_50cm": 0.9, "first_15cm_at": AT.isoformat()}
    sources = {"observed_until": AT.isoformat(), "ladder_step": 1, "ladder_zh": "实况", "ladder_en": "observed"}
    return {"hotspots": [spot], "rain": rain, "sources": sources}


def _request(record: WarningRecord, at: datetime) -> AckRequest:
    return AckRequest(
        message_id=record.message_id, district_code=CODE, event_key=record.event_key, warning_id=record.warning_id,
        revision=record.revision, area_code=record.area_code, level=int(record.level), is_end=False, code="ABC123",
        asked_at=at, due_at=at + timedelta(minutes=10), step_min=5, expires_at=record.valid_to + timedelta(hours=12),
        feedback_until=record.valid_to, phone="000-1", content={"zh": {"headline": "橙色预警", "text": "x" * 9000}},
    )  # fmt: skip
