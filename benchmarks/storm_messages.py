"""What the bundled storm sends in ten-minute steps: messages by kind and hour, and how many a town gets.

``python -m benchmarks.storm_messages [FOLDER]`` plays 19 July 8 h to 22 July 8 h local, a cycle every ten minutes, the
rain cut as in `benchmarks.ten_minutes`, every warning signed five minutes after it was decided; patrols and answers of
the towns are those of the bundled district. Prints the table of docs/methods.md and, of 16 to 18 h on the 20th, how
long each town waited for the message that water stands. Stopped and started again with the same folder it goes on.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from benchmarks.ten_minutes import marks, write_district
from risk_models.observation import Now
from risk_models.risk import read_risk
from wuyu.approval.approving import approve
from wuyu.cycle import run_cycle
from wuyu.desk import Desk, begin_desk
from wuyu.ledger import Approval, CycleState
from wuyu.progress import progress
from wuyu.rain import pull_feeds

BEGIN, END = datetime(2021, 7, 19, 0, tzinfo=UTC), datetime(2021, 7, 22, 0, tzinfo=UTC)
STEP_MIN = 10
SIGNED_AFTER = timedelta(minutes=5)
WORST = datetime(2021, 7, 20, 8, tzinfo=UTC), datetime(2021, 7, 20, 10, tzinfo=UTC)
"""16 to 18 h local: the hour of 201.9 mm and the one after."""


def play(desk: Desk) -> None:
    """Run every cycle that has not been run, and sign what waits."""
    times = marks(BEGIN, END, STEP_MIN)
    with progress("storm") as tell:
        for number, at in enumerate(times, start=1):
            done = desk.ledger.cycle(desk.code, at)
            if done is None or done.state != CycleState.DONE:
                run_cycle(desk, at, drafts=False)
            for row in desk.ledger.warnings(approval=Approval.WAITING):
                approve(desk, row.message_id, officer="值班长", now=row.issued_at + SIGNED_AFTER)
            tell(number / len(times), f"{at.astimezone(desk.timezone):%m-%d %H:%M}")


def by_hour(desk: Desk) -> pd.DataFrame:
    """Return messages by kind for each local hour that sent any."""
    rows = [
        {"at": row.issued_at, "kind": str(row.action)} for row in desk.ledger.warnings() if str(row.action) != "CON"
    ]
    mails = [row for row in desk.ledger.outbox() if row.purpose == "now" and row.channel == "mail"]
    rows += [{"at": row.decided_at, "kind": "now"} for row in mails]
    table = pd.DataFrame(rows)
    local = pd.to_datetime(table["at"], utc=True).dt.tz_convert(desk.timezone)
    return pd.crosstab(local.dt.strftime("%d %Hh"), table["kind"])


def a_town(desk: Desk) -> Counter[str]:
    """Return how many bulletins each town got, the message that water stands left out."""
    return Counter(row.area_code for row in desk.ledger.warnings() if str(row.action) != "CON")


def waits_min(desk: Desk) -> pd.Series:
    """Return for each town where water came to stand in the worst hours how long it waited to be told, min."""
    told: dict[str, list[datetime]] = {}
    boxes = desk.district.towns["mailbox"].astype(str).to_dict()
    for row in desk.ledger.outbox():
        if row.purpose == "now" and row.channel == "mail":
            told.setdefault(row.recipient, []).append(row.decided_at)
    found: dict[str, float] = {}
    for at in marks(*WORST, STEP_MIN):
        cycle = desk.ledger.cycle(desk.code, at)
        if cycle is None:
            continue
        table = read_risk(desk.out / cycle.risk_paths["parquet"])
        for town in sorted(set(table.loc[table["now"] == str(Now.STANDS), "town_code"])):
            if town not in found:
                after = [when for when in told.get(boxes[town], []) if when <= at]
                later = [when for when in told.get(boxes[town], []) if when > at]
                found[town] = 0.0 if after else (min(later) - at) / timedelta(minutes=1) if later else float("nan")
    return pd.Series(found, name="minutes until told")


def main(folder: Path) -> None:
    """Play the storm and print what it sent."""
    district = folder / "district"
    if not district.is_dir():
        write_district(district, step_min=STEP_MIN)
    desk = begin_desk(district, folder / "out")
    pull_feeds(desk, now=datetime.now(UTC))
    play(desk)
    table = by_hour(desk)
    print(table.to_string())
    print(table.sum().to_dict())
    print("bulletins a town:", sorted(a_town(desk).values()))
    print(waits_min(desk).describe().to_string())
    desk.ledger.close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
