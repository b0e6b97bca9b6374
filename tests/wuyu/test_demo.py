"""`wuyu demo`: the storm through Airflow with real mail; killed half-way and started again, nothing is sent twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from risk_models.warning.records import Action
from tests.patience import until
from tests.replays import ROOT, beside_now, child_environment, mails, raw_mails
from wuyu.demo import airflow_environment
from wuyu.ledger import open_ledger

FOLDERS = {"bulletins", "reports", "rehearsal", "risk", "mailbox", "raw"}
FILES = {"index.html", "onemap.html", "ledger.sqlite"}


def _start(district: Path, out: Path, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "wuyu", "demo", "--district", str(district), "--out", str(out)]
    with log.open("ab") as stream:
        return subprocess.Popen(command, cwd=ROOT, env=child_environment(), stdout=stream, stderr=stream)


def _sent(ledger: Path) -> int:
    if not ledger.exists() or not ledger.stat().st_size:  # not made yet, or being made
        return 0
    with open_ledger(ledger) as opened:
        return opened.outbox_counts().get("sent", 0)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.airflow
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_killed_half_way_and_started_again(storm_district: Path, tmp_path: Path) -> None:
    out, log = tmp_path / "demo", tmp_path / "log"
    first = _start(storm_district, out, log)
    until("nine mails", lambda: _sent(out / "ledger.sqlite") >= 9 or first.poll() is not None)
    children = _children(first.pid)
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL, log.read_text()
    assert len(children) == 2  # Airflow and the sink
    until("the children to end with their parent", lambda: not any(map(_is_running, children)))
    before = sum(map(len, raw_mails(out / "mailbox").values()))
    assert before >= 9

    assert _start(storm_district, out, log).wait() == 0, log.read_text()[-4000:]
    assert {path.name for path in out.iterdir()} >= FOLDERS | FILES
    with open_ledger(out / "ledger.sqlite") as ledger:
        records = [row.to_record() for row in ledger.warnings()]
        assert len(ledger.cycles("410199")) == 105
        counts, told_now = ledger.outbox_counts(), len(ledger.outbox()) - len(beside_now(ledger))
    assert counts == {"sent": sum(record.action.is_mailed for record in records) + told_now}
    assert told_now
    boxes = mails(out / "mailbox")
    assert sum(map(len, boxes.values())) == counts["sent"] > before
    for box, received in boxes.items():
        assert set(Counter(str(mail["Message-ID"]) for mail in received).values()) == {1}, box
        assert str(received[-1]["X-Wuyu-Action"]) in (Action.CAN, Action.EXP)
    text = log.read_text(encoding="utf-8")
    assert "演示数据" in text
    assert f"{counts['sent']} 封邮件" in text


def test_airflow_lives_in_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql+psycopg2://duty@127.0.0.1/airflow")
    variables = airflow_environment(tmp_path / "airflow")
    assert variables["AIRFLOW_HOME"] == str(tmp_path / "airflow")
    assert Path(variables["AIRFLOW__CORE__DAGS_FOLDER"]) == ROOT / "dags"
    assert variables["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert variables["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert variables["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith("postgresql")
    assert variables["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
