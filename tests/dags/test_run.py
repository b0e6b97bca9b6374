"""Real Airflow on SQLite: feeds are taken over, one cycle runs, and its mail reaches the sink."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.factories import add_mini_storm, write_mini_district
from tests.replays import ROOT, child_environment, mails
from wuyu.demo import airflow_environment
from wuyu.ledger import Ledger, make_ledger, open_ledger
from wuyu.service import environment
from wuyu.sink import local_sink

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.xdist_group("dags")]

AIRFLOW = Path(sys.executable).with_name("airflow")


class Airflow:
    """An Airflow of its own: home, database, desk and sink in one temporary folder."""

    def __init__(self, folder: Path, district: Path, host: str, port: int) -> None:
        self.out = folder / "out"
        self.variables = child_environment(
            **airflow_environment(folder / "airflow"),
            **environment(district=district, out=self.out, smtp_host=host, smtp_port=port),
            AIRFLOW__LOGGING__LOGGING_LEVEL="ERROR",
        )
        self.variables.pop("PYTHONDONTWRITEBYTECODE", None)  # brought back by the environment of Airflow
        make_ledger(self.out / "ledger.sqlite")
        self._run("db", "migrate")

    def test(self, dag_id: str, **conf: str) -> None:
        self._run("dags", "test", dag_id, "--conf", json.dumps(conf))

    def ledger(self) -> Ledger:
        return open_ledger(self.out / "ledger.sqlite")

    def _run(self, *arguments: str) -> None:
        ran = subprocess.run(
            [str(AIRFLOW), *arguments], cwd=ROOT, env=self.variables, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{ran.stdout[-3000:]}\n{ran.stderr[-3000:]}"


@pytest.fixture(scope="module")
def begin() -> pd.Timestamp:
    """The hour now: a warning of the past is over, and its mail is not sent any more."""
    return pd.Timestamp.now("UTC").floor("h")


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory, begin: pd.Timestamp) -> Iterator[Airflow]:
    folder = tmp_path_factory.mktemp("run")
    district = add_mini_storm(write_mini_district(folder / "mini"), begin=begin, known_until=begin)
    settings = district / "district.yaml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("valid_h: 3,", "valid_h: 3, approval_from: red,"), encoding="utf-8")
    with local_sink(folder / "out" / "mailbox") as (host, port):
        yield Airflow(folder, district, host, port)


def test_feeds_then_cycle_then_mail(airflow: Airflow, begin: pd.Timestamp) -> None:
    airflow.test("feeds")
    with airflow.ledger() as ledger:
        assert ledger.outbox() == []
    raw = {path.parent.name for path in (airflow.out / "raw").rglob("*") if path.is_file()}
    assert raw == {"gauges", "ensemble"}

    airflow.test("feed_gauges")  # nothing new: skipped, and no second file
    airflow.test("feed_freshness")
    with airflow.ledger() as ledger:
        assert ledger.outbox() == []
    assert len([path for path in (airflow.out / "raw" / "gauges").iterdir() if path.is_file()]) == 1

    airflow.test("warning_cycle", at=f"{begin.tz_convert('Asia/Shanghai'):%Y-%m-%dT%H:%M}")
    with airflow.ledger() as ledger:
        assert [cycle.valid_at for cycle in ledger.cycles("410199")] == [begin.to_pydatetime()]
        assert {(row.action, row.approval_state) for row in ledger.warnings()} == {("NEW", "not_needed")}
        assert ledger.outbox_counts() == {"sent": 3}
    received = mails(airflow.out / "mailbox")
    assert {box: len(box_mails) for box, box_mails in received.items()} == {
        f"town{n}@mini.example": 1 for n in (1, 2, 3)
    }
    assert len(list((airflow.out / "bulletins").glob("*/*.cap.xml"))) == 3
