"""Bulletins drawn side by side: the same bytes as one after the other, the same errors, and no process left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import until
from tests.replays import child_environment

# In processes of their own: a process that has drawn a PDF before does not fork (and these tests' process may have).
_CYCLE = """
import multiprocessing, os, sys
from datetime import UTC, datetime
from pathlib import Path
from tests.factories import STORM_PEAK
from wuyu.cycle import run_cycle
from wuyu.desk import begin_desk
from wuyu.issuing.bulletins import Bulletins
from wuyu.issuing.drawing import Studio
from wuyu.rain import pull_feeds
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:int(sys.argv[3])])
opened = []
was_opened = Studio.open
Studio.open = lambda studio: opened.append(was_opened(studio)) or opened[-1]
desk = begin_desk(Path(sys.argv[1]), Path(sys.argv[2]))
pull_feeds(desk, now=datetime.now(UTC))
maker = Bulletins(desk) if sys.argv[4] == "kept" else None
result = run_cycle(desk, STORM_PEAK.to_pydatetime(), bulletins=maker)
if maker is not None:
    maker.studio.close()
print(len(result.records), opened, "typst" in sys.modules, len(multiprocessing.active_children()))
"""
_ERROR = """
import sys
from pathlib import Path
from risk_models.district import load_district
from wuyu.issuing.drawing import Drawing, Studio
class Torn:
    hotspots = ()
drawing = Drawing(bulletin=Torn(), spots=None, town="999", levels={}, cap=None, folder=Path("."), stem="a")
with Studio(load_district(Path(sys.argv[1]))) as studio:
    if sys.argv[2] == "2":
        assert studio.open()
    try:
        studio.begin(drawing)()
    except Exception as error:
        print(type(error).__name__, error)
"""
_DAEMON = """
import multiprocessing, sys
from pathlib import Path
from risk_models.district import load_district
from wuyu.issuing.drawing import Studio
def tell(district):
    with Studio(district) as studio:
        print(studio.open(), flush=True)
district = load_district(Path(sys.argv[1]))
worker = multiprocessing.get_context("fork").Process(target=tell, args=(district,), daemon=True)
worker.start()
worker.join()
print(worker.exitcode)
"""
_KILLED = """
import sys, time
from pathlib import Path
from risk_models.district import load_district
from wuyu.issuing.drawing import Studio
studio = Studio(load_district(Path(sys.argv[1])))
assert studio.open()
for begun in [studio._pool.submit(time.sleep, 0.01) for _ in range(4)]:
    begun.result()
print(*studio._pool._processes, flush=True)
time.sleep(600)
"""


def _python(program: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=child_environment(),
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _bulletins(out: Path) -> dict[str, bytes]:
    files = sorted((out / "bulletins").rglob("*"))
    return {str(path.relative_to(out)): path.read_bytes() for path in files if path.is_file()}


needs_two_cores = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2,
    reason="drawing side by side needs Linux and two cores",
)


@needs_two_cores
def test_side_by_side_gives_the_same_files_and_leaves_no_process(storm_district: Path, tmp_path: Path) -> None:
    one = _python(_CYCLE, storm_district, tmp_path / "one", 1, "kept")
    two = _python(_CYCLE, storm_district, tmp_path / "two", 2, "kept")
    count = one.split()[0]
    assert one == f"{count} [False] True 0"
    assert two == f"{count} [True] False 0"  # nothing was drawn in the parent
    assert _bulletins(tmp_path / "two") == _bulletins(tmp_path / "one")
    assert len(_bulletins(tmp_path / "two")) >= 8
    assert not list((tmp_path / "two").rglob("*.part"))


@needs_two_cores
def test_a_cycle_alone_starts_no_process_for_a_few(storm_district: Path, tmp_path: Path) -> None:
    alone = _python(_CYCLE, storm_district, tmp_path / "alone", 2, "alone")
    assert alone.split(maxsplit=1)[1] == "[] True 0"
    assert 1 < int(alone.split()[0]) <= 3


@needs_two_cores
def test_an_error_beside_is_the_error_here(storm_district: Path) -> None:
    alone = _python(_ERROR, storm_district, 1)
    assert alone.startswith("KeyError")
    assert "town '999' is not a town" in alone
    assert _python(_ERROR, storm_district, 2) == alone


@needs_two_cores
def test_a_worker_that_may_have_no_children_draws_alone(storm_district: Path) -> None:
    assert _python(_DAEMON, storm_district).split() == ["False", "0"]


@needs_two_cores
def test_killed_parent_takes_its_children_along(storm_district: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(storm_district)], env=child_environment(), stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        children = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(children) == 2
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    until("the children to end with their parent", lambda: not any(_lives(pid) for pid in children))


def _lives(pid: int) -> bool:
    """A zombie that nobody has collected yet is dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
