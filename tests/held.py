"""A district in earnest whose cycle before the peak holds back two red warnings and an orange one."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

from tests.factories import STORM_PEAK
from tests.replays import now
from wuyu.cycle import run_cycle
from wuyu.desk import begin_desk
from wuyu.rain import pull_feeds

HELD_AT: datetime = STORM_PEAK.to_pydatetime() - timedelta(hours=2)
CHAIN = (
    "duty_chain: [{name: 李明, phone: 0371-66660001, mailbox: liming@mini.example}, {name: 王芳, phone: 0371-66660002}]"
)


def with_warning(district: Path, folder: Path, warning: str) -> Path:
    """Copy a district folder and add to its settings of warnings."""
    shutil.copytree(district, folder)
    path = folder / "district.yaml"
    text = path.read_text(encoding="utf-8")
    assert "valid_h: 3," in text
    path.write_text(text.replace("valid_h: 3,", f"valid_h: 3, {warning},"), encoding="utf-8")
    return folder


def hold(district: Path, folder: Path) -> Path:
    """Run the cycle in a folder that gets the district, ``mini``, and the products, ``out``."""
    desk = begin_desk(with_warning(district, folder / "mini", CHAIN), folder / "out")
    pull_feeds(desk, now=now())
    run_cycle(desk, HELD_AT)
    desk.ledger.close()
    return folder
