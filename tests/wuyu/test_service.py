"""What an Airflow of its own needs: its pool, made by a verb, and a clear word where it is missing."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from risk_models.errors import DispatchError
from tests.replays import ROOT, child_environment
from tests.wuyu.conftest import AT
from wuyu import jobs
from wuyu.ledger import Ledger, create_ledger
from wuyu.ledger.outbox import untried


def _wuyu(home: Path, *words: str) -> tuple[int, str]:
    environment = child_environment(AIRFLOW_HOME=str(home), AIRFLOW__CORE__LOAD_EXAMPLES="False")
    command = [sys.executable, "-m", "wuyu", "service", *words, "--out", str(home.parent / "out")]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.airflow
@pytest.mark.slow
def test_the_pool_is_made_by_a_verb_and_its_absence_is_said(tmp_path: Path) -> None:
    home = tmp_path / "airflow"
    home.mkdir()
    environment = child_environment(AIRFLOW_HOME=str(home), AIRFLOW__CORE__LOAD_EXAMPLES="False")
    airflow = [str(Path(sys.executable).parent / "airflow")]
    subprocess.run([*airflow, "db", "migrate"], env=environment, capture_output=True, check=True)
    status, said = _wuyu(home, "check")
    assert "there is no ledger" in said
    assert (status, "make it with: wuyu service init" in said) == (1, True)
    assert _wuyu(home, "init")[0] == 0
    subprocess.run(
        [*airflow, "pools", "set", "live_delivery", "9", "more"], env=environment, capture_output=True, check=True
    )
    assert _wuyu(home, "init")[0] == 0, "again"
    status, said = _wuyu(home, "check")
    assert (status, said.splitlines()[-1]) == (0, "Airflow has the pool 'live_delivery'")
    assert said.splitlines()[0].endswith("ledger.sqlite: the ledger is good")
    listed = subprocess.run([*airflow, "pools", "list"], env=environment, capture_output=True, text=True, check=True)
    assert " 9 " in listed.stdout, "the size that an operator chose stays"


def test_what_nobody_tries_is_said_with_what_to_look_at(
    tmp_path: Path, queue: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    with create_ledger(tmp_path / "ledger.sqlite") as ledger:
        queue(ledger, "a@t.example", "b@t.example")  # type: ignore[operator]

        class Station:
            timezone = AT.tzinfo

        Station.ledger = ledger  # type: ignore[attr-defined]
        monkeypatch.setattr(jobs, "station_from_environment", lambda: Station)
        monkeypatch.setattr(jobs, "time_now", lambda: AT + timedelta(minutes=4))
        jobs.require_delivery()
        monkeypatch.setattr(jobs, "time_now", lambda: AT + timedelta(minutes=6))
        with pytest.raises(DispatchError, match=r"\(mail: 2 since 07-20 09:00\).*pool 'live_delivery'.*service init"):
            jobs.require_delivery()


def test_what_was_tried_is_late_but_not_forgotten(ledger: Ledger, queue: object) -> None:
    queue(ledger, "a@t.example", "b@t.example")  # type: ignore[operator]
    with ledger.writing() as session:
        session.merge(ledger.outbox()[0]).attempts = 1
    assert untried(ledger, due_before=AT, now=AT) == [("mail", 1, AT)]
    assert untried(ledger, due_before=AT, now=AT + timedelta(hours=7)) == []
