"""A power cut after any write: no row of the ledger points at a file that is absent, empty or torn.

The work is done by the command line under strace. The trace is played on a model of a disk that keeps nothing by
itself: the bytes of a file are safe from its fsync on, a name (a rename, a link, a new folder) from the fsync of its
folder on. Before the first byte that names a product is written to the ledger, the product must be safe by that model,
and must stay so.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.factories import STORM_PEAK
from tests.replays import ROOT, child_environment
from wuyu.ledger.places import make_ledger_of

PEAK = f"{STORM_PEAK.tz_convert('Asia/Shanghai'):%Y-%m-%dT%H:%M}"
_CALLS = (
    "openat,open,creat,write,pwrite64,writev,pwritev,ftruncate,truncate,rename,renameat,renameat2,link,linkat,fsync,"
    "fdatasync,mkdir,mkdirat"
)
_FD = re.compile(r"^(?P<call>\w+)\((?P<fd>\d+)<(?P<path>[^>]*)>")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"(?:\.\.\.)?')


@dataclass
class Disk:
    """What would be left after a power cut now."""

    dirty: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    unnamed: dict[str, set[str]] = field(default_factory=dict)  # folder -> names in it that are not on the disk yet

    def write(self, path: str) -> None:
        self.dirty.add(path)

    def flush(self, path: str) -> None:
        self.dirty.discard(path)
        self.unnamed.pop(path, None)

    def name(self, path: str) -> None:
        self.made.add(path)
        folder, _, name = path.rpartition("/")
        self.unnamed.setdefault(folder, set()).add(name)

    def rename(self, old: str, new: str) -> None:
        if old in self.dirty:
            self.dirty.discard(old)
            self.dirty.add(new)
        else:
            self.dirty.discard(new)
        for place in (self.dirty, self.made):
            for path in [path for path in place if path.startswith(f"{old}/")]:
                place.discard(path)
                place.add(new + path.removeprefix(old))
        for folder in [folder for folder in self.unnamed if folder == old or folder.startswith(f"{old}/")]:
            self.unnamed[new + folder.removeprefix(old)] = self.unnamed.pop(folder)
        self.name(new)

    def why_unsafe(self, path: str) -> str:
        """Say what of a file would be lost; empty if nothing."""
        if path not in self.made:
            return "it is not there yet"
        if path in self.dirty:
            return "its bytes are not on the disk"
        while "/" in path.strip("/"):
            folder, _, name = path.rpartition("/")
            if name in self.unnamed.get(folder, ()):
                return f"the name {path} is not on the disk"
            path = folder
        return ""


def _lines(trace: Path) -> Iterator[str]:
    """Give every finished call of every thread, without its number."""
    unfinished: dict[str, str] = {}
    for line in trace.read_text(encoding="utf-8", errors="replace").splitlines():
        thread, _, rest = line.partition(" ")
        rest = rest.strip()
        if rest.endswith("<unfinished ...>"):
            unfinished[thread] = rest.removesuffix("<unfinished ...>")
        elif rest.startswith("<..."):
            yield unfinished.pop(thread, "") + rest.partition("resumed>")[2]
        else:
            yield rest


def play(trace: Path, out: Path, ledger: Path, products: Mapping[str, str]) -> tuple[dict[str, str], int]:
    """Play a trace; returns what was unsafe when the ledger first named it or later, and how many were named.

    Parameters
    ----------
    trace : Path
        Of strace with ``-f -y``.
    out : Path
        Folder of the products.
    ledger : Path
    products : mapping of str to str
        Paths relative to `out`, with the text by which the ledger names each.
    """
    disk, wal = Disk(), f"{ledger}-wal"
    waiting, named, unsafe = set(products), set(), {}
    for line in _lines(trace):
        if line.partition(" = ")[2].startswith("-1") or " = -1 " in line:
            continue
        match = _FD.match(line)
        if match and match["call"] in ("write", "pwrite64", "writev", "pwritev", "ftruncate"):
            if match["path"] == wal:
                for product in [one for one in waiting if products[one] in line]:
                    waiting.discard(product)
                    named.add(product)
                    if why := disk.why_unsafe(str(out / product)):
                        unsafe[product] = why
            else:
                disk.write(match["path"])
        elif match and match["call"] in ("fsync", "fdatasync"):
            disk.flush(match["path"])
        elif line.startswith(("open", "creat")):
            if "O_CREAT" in line or "O_TRUNC" in line:
                opened = line.rpartition("<")[2].rstrip(">").partition(">")[0]
                disk.name(opened)
                if "O_TRUNC" in line:
                    disk.write(opened)
        elif line.startswith(("rename", "link")):
            old, new = (str(out / text) for text in _QUOTED.findall(line)[:2])
            disk.rename(old, new) if line.startswith("rename") else disk.name(new)
        elif line.startswith("mkdir"):
            disk.name(str(out / _QUOTED.findall(line)[0]))
        for product in named:
            if product not in unsafe and str(out / product) in disk.dirty:
                unsafe[product] = "it was written to after the ledger named it"
    return unsafe, len(named)


def _products(ledger: Path) -> dict[str, str]:
    """Return every file that the ledger names, relative to the folder of products, and how it names it."""
    queries = {
        "": ("SELECT products FROM bulletins", "SELECT risk_paths FROM cycles", "SELECT products FROM report_issues"),
        "raw/": ("SELECT raw_path FROM feed_files",),
    }
    with contextlib.closing(sqlite3.connect(ledger)) as connection:
        return {
            folder + path: path
            for folder, some in queries.items()
            for query in some
            for (text,) in connection.execute(query)
            for path in re.findall(r"[\w./-]+/[\w.-]+\.[a-z.]+", str(text))
        }


@pytest.fixture(scope="module")
def can_trace() -> str:
    strace = shutil.which("strace")
    if strace is None or subprocess.run([strace, "-o", "/dev/null", "true"], check=False).returncode:
        pytest.skip("strace is not installed, or may not trace here: the order of writes cannot be seen")
    return strace


def _traced(strace: str, trace: Path, *verb: object) -> None:
    command = [strace, "-f", "-y", "--seccomp-bpf", "-s", "1000000", "-e", f"trace={_CALLS}", "-o", str(trace)]
    command += [sys.executable, "-m", "wuyu", *map(str, verb)]
    ran = subprocess.run(command, env=child_environment(), cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.slow
def test_no_row_points_at_a_file_that_a_power_cut_would_take(
    can_trace: str, storm_district: Path, tmp_path: Path
) -> None:
    """Feeds taken over, a cycle with drafts, a signature, and an issued report, in the order of life."""
    out = (tmp_path / "out").resolve()
    ledger = out / "ledger.sqlite"
    make_ledger_of(out)
    place = ["--district", storm_district, "--out", out]
    seen: dict[str, str] = {}
    verbs = {
        "feeds": ["feeds", "pull", *place],
        "cycle": ["cycle", *place, "--at", PEAK],
        "approve": [],
        "report": ["report", "month", *place, "2021-07", "--issue", "--chair", "王主任"],
    }
    for name, verb in verbs.items():
        trace = tmp_path / f"{name}.trace"
        if name == "approve":
            query = "SELECT message_id FROM warnings WHERE approval_state = 'waiting' LIMIT 1"
            with contextlib.closing(sqlite3.connect(ledger)) as connection:
                (waiting,) = connection.execute(query).fetchone()
            verb = ["approve", *place, waiting, "--officer", "李明"]
        _traced(can_trace, trace, *verb)
        new = {path: text for path, text in _products(ledger).items() if path not in seen}
        seen |= new
        assert new, f"{name} made nothing"
        assert all((out / product).stat().st_size for product in new)
        unsafe, count = play(trace, out, ledger, new)
        assert unsafe == {}, name
        assert count == len(new), f"{name}: the trace names {count} of {len(new)} files"


def test_the_model_finds_what_was_not_flushed(can_trace: str, tmp_path: Path) -> None:
    """The same check over a writer that forgets one flush at a time: each is found."""
    program = (
        "import os, sys, pathlib\n"
        "from risk_models import files\n"
        "forget, out = sys.argv[1], pathlib.Path(sys.argv[2])\n"
        "if forget == 'bytes': files._flush = lambda path: None\n"
        "if forget == 'name': files.flush_folder = lambda folder: None\n"
        "(out / 'l-wal').touch()\n"
        "if forget == 'order': (out / 'l-wal').write_text('risk/a.txt')\n"
        "files.write_whole(out / 'risk' / 'a.txt', 'x')\n"
        "if forget != 'order': (out / 'l-wal').write_text('risk/a.txt')\n"
        "if forget == 'later': (out / 'risk' / 'a.txt').write_text('y')\n"
    )
    for forget, found in (
        ("nothing", ""), ("bytes", "its bytes"), ("name", "the name"), ("order", "not there yet"),
        ("later", "after the ledger named it"),
    ):  # fmt: skip
        out = (tmp_path / forget).resolve()
        out.mkdir()
        trace = tmp_path / f"{forget}.trace"
        command = [can_trace, "-f", "-y", "-s", "1000000", "-e", f"trace={_CALLS}", "-o", str(trace)]
        command += [sys.executable, "-c", program, forget, str(out)]
        subprocess.run(command, check=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
        unsafe, count = play(trace, out, out / "l", {"risk/a.txt": "risk/a.txt"})
        assert count == 1
        assert found in unsafe.get("risk/a.txt", ""), forget
        assert bool(unsafe) is bool(found), forget
