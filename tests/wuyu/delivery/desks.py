"""A desk with every channel, in exercise, whose bulletins of a storm's peak have been issued."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from pathlib import Path

from tests.factories import STORM_PEAK
from tests.replays import now as wall
from wuyu.approval.approving import approve
from wuyu.cycle import run_cycle
from wuyu.desk import Desk, begin_desk
from wuyu.ledger import Approval
from wuyu.rain import pull_feeds

ISSUED = STORM_PEAK.to_pydatetime() - timedelta(hours=2)
SIGNED = ISSUED + timedelta(minutes=4)
KEYS = "t1:" + "0123456789abcdef" * 4
SECRET = "a secret of enough bytes"
RETURN_DOMAIN = "back.mini.example"

SETTINGS = """
channels:
  - {id: hub, kind: webhook, url: "http://127.0.0.1:1/alerts", secret_env: WUYU_TEST_SECRET, exercise: true}
  - {id: live-hub, kind: webhook, url: "https://hub.example/alerts", secret_env: WUYU_TEST_SECRET}
  - {id: city, kind: file, path: drop, exercise: true}
  - {id: gateway, kind: sms, url: "http://127.0.0.1:1/sms", secret_env: WUYU_TEST_SECRET, exercise: true,
     from_level: orange, numbers: ["+8613800000000"]}
  - {id: public-board, kind: file, path: board, exercise: true, scopes: [Public]}
watch: {mailboxes: [chief@mini.example], max_age_min: 90}
"""


def write_district(source: Path, folder: Path) -> Path:
    """Copy a district and give it channels, a return domain and operators."""
    shutil.copytree(source, folder)
    path = folder / "district.yaml"
    text = path.read_text(encoding="utf-8").replace(
        "status: Exercise}", f"status: Exercise, return_domain: {RETURN_DOMAIN}}}"
    )
    path.write_text(text + SETTINGS, encoding="utf-8")
    return folder


def issue(district: Path, out: Path) -> Desk:
    """Run the cycle and sign what waits; ``WUYU_ACK_KEYS`` must be set."""
    assert os.environ["WUYU_ACK_KEYS"] == KEYS
    (out / "drop").mkdir(parents=True)
    desk = begin_desk(district, out)
    pull_feeds(desk, now=wall())
    run_cycle(desk, ISSUED, drafts=False)
    for row in desk.ledger.warnings(approval=Approval.WAITING):
        approve(desk, row.message_id, officer="值班长 李明", now=SIGNED)
    return desk
