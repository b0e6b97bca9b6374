"""What a report knows of risk, mail and rain: as of its moments, and with what was lost left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import xarray as xr
from sqlalchemy import select, update

from tests.wuyu.reporting.conftest import NOW
from wuyu.desk import Desk, begin_desk
from wuyu.ledger import Bounce, Cycle, Outbox
from wuyu.ledger.outbox import mark_bounced
from wuyu.reporting import tables
from wuyu.reporting.looking_ahead import known_record
from wuyu.reporting.tables import Window, deliveries, risk_rows

pytestmark = pytest.mark.xdist_group("storm")

JULY = Window(
    begin=datetime(2021, 6, 30, 16, tzinfo=UTC), end=datetime(2021, 7, 31, 16, tzinfo=UTC), cut=NOW, known_at=NOW
)


def test_a_lost_risk_table_is_named_and_left_out(desk: Desk) -> None:
    whole = risk_rows(desk, JULY)
    assert whole.lost == ()
    assert list(whole.table) == ["valid_at", "hotspot_id", *tables.RISK_COLUMNS]
    first, second, *_ = desk.ledger.cycles(desk.code)
    (desk.out / first.risk_paths["parquet"]).unlink()
    (desk.out / second.risk_paths["parquet"]).write_bytes(b"torn")
    found = risk_rows(desk, JULY)
    assert found.lost == (first.risk_paths["parquet"], second.risk_paths["parquet"])
    assert (found.cycles, found.digest != whole.digest) == (whole.cycles - 2, True)
    assert found.table["valid_at"].min() > second.valid_at
    assert len(found.table) == len(whole.table) - (whole.table["valid_at"] <= second.valid_at).sum()


def test_a_table_of_an_earlier_release_knows_no_sag(desk: Desk) -> None:
    assert risk_rows(desk, JULY).table["sag_known"].any()
    for cycle in desk.ledger.cycles(desk.code):
        path = desk.out / cycle.risk_paths["parquet"]
        pq.write_table(pq.read_table(path).drop_columns("sag_known"), path)
    found = risk_rows(desk, JULY)
    assert found.lost == ()
    assert found.cycles
    assert not found.table["sag_known"].any()


def test_a_cycle_finished_after_the_draft_is_not_in_it(desk: Desk) -> None:
    known = risk_rows(desk, JULY)
    last = desk.ledger.cycles(desk.code)[-1]
    with desk.ledger.writing() as session:
        session.execute(update(Cycle).where(Cycle.id == last.id).values(finished_at=NOW + timedelta(hours=1)))
    found = risk_rows(desk, JULY)
    assert found.cycles == known.cycles - 1
    assert last.valid_at not in set(found.table["valid_at"])


def test_a_mail_that_came_back_after_the_draft_was_accepted_in_it(desk: Desk) -> None:
    with desk.ledger.writing() as session:
        session.execute(update(Outbox).values(state="sent", sent_at=NOW - timedelta(days=1)))
    before = deliveries(desk, JULY, acknowledged=None)
    assert before.accepted > 0
    with desk.ledger.writing() as session:
        row = session.scalars(select(Outbox).where(Outbox.message_id.in_(_warnings(desk))).order_by(Outbox.id)).first()
        assert row is not None
        assert mark_bounced(session, row, text="no such box")
        session.add(Bounce(sha256="0", at=NOW + timedelta(hours=1), outcome="bounced", outbox_id=row.id))
    assert deliveries(desk, JULY, acknowledged=None) == before
    later = deliveries(desk, replace(JULY, known_at=NOW + timedelta(hours=2)), acknowledged=None)
    assert (later.accepted, later.failed) == (before.accepted - 1, before.failed + 1)


def _warnings(desk: Desk) -> list[str]:
    return [row.message_id for row in desk.ledger.warnings()]


def test_unknown_hours_at_the_end_of_the_record_are_left_to_the_gauges(
    desk: Desk, reporting_district: Path, tmp_path: Path
) -> None:
    with (reporting_district / "district.yaml").open("a", encoding="utf-8") as settings:
        settings.write("rain_record: {path: rain_record.nc, synthetic: true}\n")
    hours = pd.date_range("2021-01-01", "2021-12-31", freq="h")
    rain_mm = np.where(hours < pd.Timestamp("2021-02-01"), 0.0, np.nan)[:, None]
    gauge = str(desk.district.gauges.index[0])
    made = xr.Dataset({"rain_mm": (("time", "gauge"), rain_mm, {"units": "mm"})}, {"time": hours, "gauge": [gauge]})
    made.to_netcdf(reporting_district / "rain_record.nc")
    opened = begin_desk(reporting_district, tmp_path / "out")
    with opened.ledger:
        record = known_record(opened, as_of=datetime(2021, 8, 1, 1, tzinfo=UTC), known_at=NOW).rain_mm
    assert record[gauge].loc["2021-07"].sum() > 0
