"""Upgrade a ledger and kill the process at every step; run by test_migrations.py, alone: it forks.

    python killed_upgrade.py LEDGER EVERY FOLDER

A step is a statement to the database, or a file made, renamed, removed or given another mode. For each, the ledger is
put back as it was, upgraded by a child that kills itself there, and what it left is handed to the test by a line of
JSON. Ends when a child comes through.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from wuyu.ledger.upgrade import upgrade_ledger

_FILES = {"os.rename", "os.remove", "os.chmod", "sqlite3.connect", "open"}


class _Counter:
    def __init__(self, fatal: int) -> None:
        self.left, self.armed = fatal, True

    def step(self, *_: Any, **__: Any) -> None:
        if not self.armed:
            return
        self.left -= 1
        if self.left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name in _FILES and (name != "open" or "ledger." in Path(str(arguments[0])).name):
            self.step()


def _child(ledger: str, folder: Path, fatal: int) -> None:
    counter = _Counter(fatal)
    event.listen(Engine, "before_cursor_execute", counter.step)
    event.listen(Engine, "commit", counter.step)
    sys.addaudithook(counter.audit)
    upgrade_ledger(ledger if "://" in ledger else Path(ledger), folder=folder)
    counter.armed = False


def killed_at(ledger: str, folder: Path, fatal: int) -> bool:
    """Upgrade in a child that dies at a step; returns False if it came through."""
    pid = os.fork()
    if pid == 0:
        try:
            _child(ledger, folder, fatal)
            os._exit(0)
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            os._exit(3)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"step {fatal}: the child failed by itself"
    return os.WIFSIGNALED(status)


def main() -> None:
    ledger, every, folder = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    fatal, died = 1, True
    while died:
        left = folder / f"{fatal:03d}"
        left.mkdir()
        shutil.copy(ledger, left / "ledger.sqlite")
        died = killed_at(str(left / "ledger.sqlite"), left, fatal)
        sys.stdout.write(json.dumps({"folder": str(left), "died": died}) + "\n")
        fatal += every


if __name__ == "__main__":
    main()
