"""Apply retention and kill the process at every step; run by test_retention.py, alone: it forks.

    python killed_retention.py DISTRICT OUT NOW FOLDER

A step is a commit, or a file or folder removed, renamed or flushed. For each, the folder is put back as it was, and a
child applies retention and kills itself there; then it is applied again, and what came of both goes to the test as a
line of JSON. Ends when a child comes through.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, select

from wuyu.ledger import FeedFile, MessageBody, Removal
from wuyu.retention import removing
from wuyu.station import Station, open_station

_STEPS = {"os.remove", "os.rename", "os.rmdir", "shutil.rmtree"}


def state_of(station: Station) -> dict[str, Any]:
    """Return the files, what the ledger says of removals, and which bodies are empty."""
    files = sorted(path.relative_to(station.out).as_posix() for path in station.out.rglob("*") if path.is_file())
    with station.ledger.reading() as session:
        removals = sorted((row.kind, row.name, row.rule) for row in session.scalars(select(Removal)))
        bodies = sorted(row.sha256 for row in session.scalars(select(MessageBody)) if not row.body)
        gone = sorted(row.raw_path for row in session.scalars(select(FeedFile)) if row.removed_at)
    ours = [name for name in files if not name.startswith(("ledger.sqlite", "cache/", "."))]
    return {"files": ours, "removals": removals, "bodies": bodies, "gone": gone}


def _die_at(fatal: int) -> None:
    left = [fatal]

    def step(*_: Any) -> None:
        left[0] -= 1
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "commit", step)
    sys.addaudithook(lambda name, _: step() if name in _STEPS else None)


def apply(district: Path, out: Path, now: datetime) -> dict[str, Any]:
    """Apply retention to the end; returns what is left."""
    station = open_station(district, out)
    removing.apply_retention(station, now=now, after_a_gap=True)
    left = state_of(station)
    station.ledger.close()
    return left


def main() -> None:
    district, out, now, folder = Path(sys.argv[1]), Path(sys.argv[2]), datetime.fromisoformat(sys.argv[3]), sys.argv[4]
    removing._AT_ONCE = 5
    fatal, died = 0, True
    while died:
        fatal += 1
        copy = Path(folder) / "out"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(out, copy)
        pid = os.fork()
        if pid == 0:
            _die_at(fatal)
            try:
                apply(district, copy, now)
                os._exit(0)
            except BaseException as error:
                sys.stderr.write(f"{error!r}\n")
                os._exit(3)
        _, status = os.waitpid(pid, 0)
        died = os.WIFSIGNALED(status)
        assert died or os.WEXITSTATUS(status) == 0, f"step {fatal}: the child failed by itself"
        station = open_station(district, copy)
        left = state_of(station)
        station.ledger.close()
        sys.stdout.write(json.dumps({"died": died, "left": left, "end": apply(district, copy, now)}) + "\n")


if __name__ == "__main__":
    main()
