"""Work in a process beside: done once, left to the caller where it failed, and ended with whoever began it.

The products of a replay are written so; they are the same on one core.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import until
from tests.replays import StormRun, child_environment, products

needs_two_cores = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="work beside needs Linux and two cores"
)

# In a process of its own: the tests of PDFs load the compiler, after which nothing is forked.
_WORK = """
import os, sys
from pathlib import Path
from wuyu.beside import beside
{before}
note = Path(sys.argv[1])
def work():
    {work}
with beside(work) as done:
    told = done(), done()
print(*told, note.exists() and int(note.read_text()) != os.getpid())
"""
_WRITE = "note.write_text(str(os.getpid()))"
_KILLED = """
import os, sys, time
from pathlib import Path
from wuyu.beside import beside
def work():
    Path(sys.argv[1]).write_text(str(os.getpid()))
    time.sleep(600)
with beside(work):
    {meanwhile}
"""

# Says how many connections the writer of the report was handed, and whether it was this process.
_PRODUCTS = """
import os, sys
from wuyu import jobs
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[1])])
here, write = os.getpid(), jobs.report_month
def report_month(month):
    pool = jobs.desk_from_environment().ledger.engine.pool
    print(pool.checkedin() + pool.checkedout(), os.getpid() == here, flush=True)
    return write(month)
jobs.report_month = report_month
jobs.write_products("2021-07")
"""


def _python(program: str, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(
        command, env=child_environment(**more), check=False, capture_output=True, text=True, timeout=600
    )


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@needs_two_cores
def test_what_is_done_beside_is_done_in_another_process(tmp_path: Path) -> None:
    done = _python(_WORK.format(before="", work=_WRITE), tmp_path / "note")
    assert done.stdout.split() == ["True", "True", "True"], done.stderr


@needs_two_cores
@pytest.mark.parametrize("end", ["raise ValueError", "sys.exit(3)", "os.kill(os.getpid(), 9)"])
def test_what_failed_beside_is_left_to_the_caller(end: str, tmp_path: Path) -> None:
    done = _python(_WORK.format(before="", work=end), tmp_path / "note")
    assert done.stdout.split() == ["False", "False", "False"], done.stderr


@pytest.mark.parametrize("before", ["os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])", "import typst"])
@pytest.mark.skipif(sys.platform != "linux", reason="cores are counted by affinity")
def test_where_no_process_can_be_forked_it_is_left_to_the_caller(before: str, tmp_path: Path) -> None:
    done = _python(_WORK.format(before=before, work=_WRITE), tmp_path / "note")
    assert done.stdout.split() == ["False", "False", "False"], done.stderr


@needs_two_cores
def test_an_error_meanwhile_ends_the_work_beside(tmp_path: Path) -> None:
    note = tmp_path / "note"
    meanwhile = "while not Path(sys.argv[1]).exists(): time.sleep(0.01)\n    1 / 0"
    done = _python(_KILLED.format(meanwhile=meanwhile), note)
    assert "ZeroDivisionError" in done.stderr
    until("the work beside to end", lambda: note.read_text() != "" and not _lives(int(note.read_text())))


@needs_two_cores
def test_a_killed_parent_takes_the_work_along(tmp_path: Path) -> None:
    note = tmp_path / "note"
    command = [sys.executable, "-c", _KILLED.format(meanwhile="time.sleep(600)"), str(note)]
    with subprocess.Popen(command, env=child_environment()) as parent:
        until("the work beside to begin", lambda: note.exists() and note.read_text() != "")
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    until("the work beside to end with its parent", lambda: not _lives(int(note.read_text())))


@needs_two_cores
@pytest.mark.xdist_group("storm")
def test_products_are_the_same_on_one_core_and_two(storm_run: StormRun, tmp_path: Path) -> None:
    told = []
    for cores in (1, 2):
        out = tmp_path / str(cores)
        shutil.copytree(storm_run.desk.out, out, ignore=shutil.ignore_patterns("mailbox"))
        for path in (out / "onemap.html", out / "index.html", out / "rehearsal" / "design_storms.csv"):
            path.unlink()
        shutil.rmtree(out / "reports")
        done = _python(_PRODUCTS, cores, WUYU_DISTRICT=str(storm_run.desk.root), WUYU_OUT=str(out))
        assert done.returncode == 0, done.stderr
        told.append(done.stdout.split())
    # In a process of its own the report begins without a connection that is another process's too.
    assert told[1] == ["0", "False"]
    assert told[0][1] == "True"
    one, two = (products(tmp_path / str(cores)) for cores in (1, 2))
    assert one == two
    assert {"onemap.html", "index.html", "rehearsal/design_storms.csv"} < set(two)
    assert any(name.endswith(".pdf") for name in two if name.startswith("reports/"))
    page = (tmp_path / "2" / "index.html").read_text(encoding="utf-8")
    assert "reports/" in page
