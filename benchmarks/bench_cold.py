"""The whole product beside its own past: commands in processes of their own, against the commit before the quick doors.

Both run with this Python and these libraries. "Cold" is a new process on a computer that is set up: byte code and
kernels are there, and so is what the hour before kept in ``cache/`` of the folder of products; nothing else is. Rows
but the last are processor time (user and system, of the process and of all its children), which a busy computer
disturbs less than wall time; the two take turns. The older commit is checked out into a temporary folder; where the
history is not there (a shallow clone, an archive), the rows are left out and this is said.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.rows import Row

ROOT = Path(__file__).resolve().parent.parent
BEFORE = "b44cbbd"
PEAK = "2021-07-20T17:00"
CYCLE_MOST, DRAFTS_MOST, DEMO_MOST = 0.3, 0.5, 0.25  # ours / before
REPEATS = 3

_DRAFTS = """
import os, sys
from pathlib import Path
from wuyu.desk import open_desk
try:
    from wuyu.issuing.bulletins import Bulletins
except ImportError:
    from wuyu.bulletins import Bulletins
desk = open_desk(Path(sys.argv[1]), Path(sys.argv[2]))
records = [row.to_record() for row in desk.ledger.warnings()]
levels = {record.area_code: record.level for record in records}
path = desk.ledger.last_cycle(desk.code).risk_paths["parquet"]
maker = Bulletins(desk)
def spent():
    return sum(os.times()[:4])
begun = spent()
facts = maker.facts(path)
if hasattr(maker, "studio"):
    maker.studio.open()
    for record in records:
        maker.begin(record, facts, earlier=[], sign_off=None, levels=levels)
for record in records:
    maker.write(record, facts, earlier=[], sign_off=None, levels=levels)
if hasattr(maker, "studio"):
    maker.studio.close()  # before its children have ended, nothing counts what they used
print(len(records), spent() - begun)
"""


def run() -> Iterator[Row]:
    """Time a cold cycle, the drafts of the storm's worst hour, and the demonstration."""
    with _older() as older, tempfile.TemporaryDirectory() as folder:
        if older is None:
            print(f"cold: commit {BEFORE} is not in this clone's history; nothing to compare with", file=sys.stderr)
            return
        places = {root: Path(folder) / name for name, root in (("ours", ROOT), ("peer", older))}
        for root, out in places.items():
            _prepare(root, out / "warm")
        yield _cold_cycle(places)
        yield _drafts(places)
        yield _demonstration(places)


def _cold_cycle(places: dict[Path, Path]) -> Row:
    took: dict[Path, list[float]] = {root: [] for root in places}
    for number in range(REPEATS):
        for root, out in places.items():
            copy = out / f"cycle-{number}"
            subprocess.run(["cp", "-r", str(out / "warm"), str(copy)], check=True)
            took[root].append(_processor_s(root, "-m", "wuyu", "cycle", "--at", PEAK, "--out", str(copy)))
    ours, peer = (sorted(took[root])[REPEATS // 2] for root in places)
    note = "processor time with children, medians; the hour after 18 towns were warned: 2 bulletins"
    job = f"wuyu cycle --at {PEAK}, cold"
    return Row(job=job, ours_s=ours, peer=BEFORE, peer_s=peer, most=CYCLE_MOST, note=note)


def _drafts(places: dict[Path, Path]) -> Row:
    took: dict[Path, list[float]] = {root: [] for root in places}
    count = ""
    for _ in range(REPEATS):
        for root, out in places.items():
            said = _run(root, "-c", _DRAFTS, str(ROOT / "data" / "erqi"), str(out / "warm"))
            count, seconds = said.split()[-2:]
            took[root].append(float(seconds))
    ours, peer = (sorted(took[root])[REPEATS // 2] for root in places)
    note = "processor time with children, medians; district open, Matplotlib and fonts not yet loaded"
    job = f"{count} drafts of the hour before"
    return Row(job=job, ours_s=ours, peer=BEFORE, peer_s=peer, most=DRAFTS_MOST, note=note)


def _demonstration(places: dict[Path, Path]) -> Row:
    took = []
    for root, out in places.items():
        begun = time.perf_counter()
        _run(root, "-m", "wuyu", "demo", "--out", str(out / "demo"))
        took.append(time.perf_counter() - begun)
    note = f"wall time on {os.cpu_count()} cores, one run each"
    return Row(job="wuyu demo", ours_s=took[0], peer=BEFORE, peer_s=took[1], most=DEMO_MOST, note=note)


def _prepare(root: Path, out: Path) -> None:
    """Compile, as set-up does, and run the hour before, which derives and keeps what later processes find."""
    _run(root, "-m", "compileall", "-q", "risk_models", "reports", "wuyu")
    if root == ROOT:
        _run(root, "-m", "wuyu", "service", "init", "--ledger-only", "--out", str(out))
    _run(root, "-m", "wuyu", "cycle", "--at", "2021-07-20T16:00", "--out", str(out))


def _processor_s(root: Path, *arguments: str) -> float:
    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = spent()
    _run(root, *arguments)
    return spent() - before


def _run(root: Path, *arguments: str) -> str:
    """Run Python on one of the two checkouts; returns what it printed."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, *arguments],
        env=kept | {"PYTHONPATH": str(root), "WUYU_DISTRICT": str(root / "data" / "erqi")},
        cwd=root,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments[:4])} in {root}: status {done.returncode}: {done.stderr[-800:]}")
    return done.stdout


@contextmanager
def _older() -> Iterator[Path | None]:
    """Give the older commit, checked out beside; None where the history is not there."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / BEFORE
        added = _git("worktree", "add", "--detach", str(place), BEFORE)
        try:
            yield place if added else None
        finally:
            if added:
                _git("worktree", "remove", "--force", str(place))


def _git(*arguments: str) -> bool:
    try:
        return not subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False).returncode
    except FileNotFoundError:
        return False
