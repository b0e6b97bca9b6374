"""Change each line that holds a promise of the README, and see that the tests named for it fail.

``python -m tests.mutations`` works on a copy of the tree in a temporary folder; the checkout is never changed. Each
row is printed when it is done, and kept beside the copy, so that a run that was stopped goes on where it was: a row
is tried anew only if its file or one of its tests has changed. ``--promise TEXT`` takes the promises that hold a text,
``--list`` says what would be tried, ``--table`` prints the page ``docs/promises.md``. The exit status is 1 if a mutant
survives, or a test named for it passes.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import contextlib
import hashlib
import importlib
import json
import multiprocessing
import os
import pkgutil
import py_compile
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.mutants import MUTANTS, Mutant

__all__ = ["check", "main", "page", "promises"]

ROOT = Path(__file__).resolve().parent.parent
HEADING = "## Promises, and the test that holds each"
#: From the bottom up: a wing imports itself and those before it, so that those before a changed one stay loaded.
WINGS = ("risk_models", "reports", "wuyu", "dags", "data", "tests", "benchmarks")
KEPT_LOADED = WINGS[:2]
PATIENCE_S = 900.0


def promises(readme: str) -> list[tuple[str, list[str]]]:
    """Return the promises of a README and the test files named for each."""
    table = readme.partition(HEADING)[2].partition("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    return [(first, [part.strip("`") for part in tests.split(", ")]) for first, tests in cells[1:]]


def check(root: Path = ROOT) -> list[str]:
    """Return what is wrong with the table: a line that is gone or not alone, a test that is not there."""
    wrong = []
    for mutant in MUTANTS:
        count = (root / mutant.file).read_text(encoding="utf-8").count(mutant.line)
        if count != 1:
            wrong.append(f"{mutant.file}: {mutant.line!r} stands there {count} times, not once")
        wrong += [f"there is no test {test}" for test in mutant.tests if not _is_there(root, test)]
        wrong += [] if mutant.tests else [f"{mutant.file}: no test is named for {mutant.line!r}"]
    return wrong


def _is_there(root: Path, test: str) -> bool:
    path, _, name = test.partition("::")
    if not (root / path).is_file():
        return False
    tree = ast.parse((root / path).read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name == name for node in tree.body)


def page(root: Path = ROOT) -> str:
    """Return the page that says for each promise where it is held and which tests fail when that is changed."""
    lines = [
        "# Promises, where they are held, and what fails when that is changed",
        "",
        "Made by `python -m tests.mutations --table`; `python -m tests.mutations` changes each line in a copy of the",
        "tree and sees that the tests beside it fail. The promises are those of [README.md](../README.md).",
    ]
    for promise, _ in promises((root / "README.md").read_text(encoding="utf-8")):
        rows = [mutant for mutant in MUTANTS if mutant.promise == promise]
        lines += ["", f"## {promise[0].upper()}{promise[1:]}", "", "| line | changed to | fails |", "|---|---|---|"]
        for mutant in rows:
            tests = "<br>".join(f"`{test.partition('::')[2]}` in `{test.partition('::')[0]}`" for test in mutant.tests)
            lines.append(f"| `{mutant.file}`: {_code(mutant.line)} | {_code(mutant.changed)} | {tests} |")
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    shown = " ⏎ ".join(part.strip() for part in text.strip().splitlines()).replace("|", "\\|")
    if not shown:
        return "(left out)"
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`"


# Trying one


@contextlib.contextmanager
def _changed(copy: Path, mutant: Mutant | None) -> Iterator[None]:
    """Change one line of the copy while the block lasts."""
    if mutant is None:
        yield
        return
    path = copy / mutant.file
    before, stat = path.read_text(encoding="utf-8"), path.stat()
    path.write_text(before.replace(mutant.line, mutant.changed), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(before, encoding="utf-8")
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # compiled kernels go by it


class _Outcomes:
    """What became of each test of a run, by its name without parameters."""

    def __init__(self) -> None:
        self.seen: dict[str, str] = {}

    def pytest_configure(self) -> None:
        """Take the first example that fails, and look for no smaller one."""
        from hypothesis import Phase, settings

        settings.register_profile("first", settings.default, phases=(Phase.explicit, Phase.generate))
        settings.load_profile("first")

    def pytest_runtest_logreport(self, report: Any) -> None:
        name = report.nodeid.partition("[")[0]
        if report.failed:
            self.seen[name] = "failed"
        elif report.when == "call" and report.passed:
            self.seen.setdefault(name, "passed")


def _run(copy: str, anew: tuple[str, ...], tests: tuple[str, ...], connection: Any) -> None:
    """Run tests on the copy in this process, with some wings loaded anew, and tell what became of them."""
    import pytest

    with Path(copy, "output.txt").open("w") as sink:
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
    os.chdir(copy)
    os.environ |= {"PYTHONPATH": copy, "PYTHONDONTWRITEBYTECODE": "1", "CI": "1"}
    os.environ.pop("WUYU_TEST_POSTGRES", None)
    for name in [name for name in sys.modules if name.partition(".")[0] in anew]:
        del sys.modules[name]
    outcomes = _Outcomes()
    arguments = [
        "-q",
        "-n",
        "0",
        "-m",
        "not postgres",
        "-p",
        "no:cacheprovider",
        f"--maxfail={1 if len(tests) == 1 else 20}",
        *tests,
    ]
    pytest.main(arguments, plugins=[outcomes])
    connection.send(outcomes.seen)


def _outcomes(copy: Path, wing: str, tests: tuple[str, ...], *, patience_s: float = PATIENCE_S) -> dict[str, str]:
    """Run tests in a process of their own, after a change in one wing; one that never ends has failed."""
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe(duplex=False)
    process = fork.Process(target=_run, args=(str(copy), WINGS[WINGS.index(wing) :], tests, there))
    process.start()
    there.close()
    found: dict[str, str] = {}
    if here.poll(patience_s):
        with contextlib.suppress(EOFError):
            found = here.recv()
    else:
        found = dict.fromkeys(tests, "never ended")
    process.kill()
    process.join()
    return {test: found.get(test, "not run") for test in tests}


def _load(tree: Path) -> None:
    """Load the lower wings from the copy, once for all the processes that try one mutant each.

    Byte code is kept for this copy only and goes by the digest of its source, so that no change is overlooked.
    """
    for wing in ("wuyu", "tests"):
        compileall.compile_dir(tree / wing, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
    sys.dont_write_bytecode = True
    sys.path[:] = [str(tree), *(path for path in sys.path if path not in ("", str(ROOT)))]
    for wing in KEPT_LOADED:
        package = importlib.import_module(wing)
        for found in pkgutil.walk_packages(package.__path__, f"{wing}."):
            importlib.import_module(found.name)


def _key(root: Path, mutant: Mutant | None, tests: Iterable[str]) -> str:
    """Name a result after all that it stands on, so far as that can be told at a glance."""
    names = [*sorted({test.partition("::")[0] for test in tests}), *([mutant.file] if mutant else [])]
    parts = [*tests, *(mutant or ()), *((root / name).read_text(encoding="utf-8") for name in names)]
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def _copy(root: Path, target: Path) -> None:
    """Copy the tree without version control, environments and byte code; compiled kernels come along."""
    ignore = shutil.ignore_patterns(".git", ".venv", "out", "*.pyc", ".*_cache", ".hypothesis", "*.egg-info")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(root, target, ignore=ignore)


class _Results:
    """Results of this and of earlier runs, in a small file."""

    def __init__(self, work: Path) -> None:
        self.tree, self._path = work / "tree", work / "results.json"
        self._kept: dict[str, dict[str, str]] = json.loads(self._path.read_text()) if self._path.is_file() else {}

    def _keep(self, key: str, outcomes: dict[str, str]) -> dict[str, str]:
        self._kept[key] = outcomes
        self._path.write_text(json.dumps(self._kept, indent=1))
        return outcomes

    def of(self, mutant: Mutant) -> dict[str, str]:
        """Return what becomes of the tests of a mutant."""
        key = _key(ROOT, mutant, mutant.tests)
        if key in self._kept:
            return self._kept[key]
        with _changed(self.tree, mutant):
            return self._keep(key, _outcomes(self.tree, mutant.file.partition("/")[0], mutant.tests))

    def unchanged(self, tests: Iterable[str]) -> dict[str, str]:
        """Return what becomes of tests on the tree as it is, those of one file in one go."""
        keys = {test: _key(ROOT, None, (test,)) for test in dict.fromkeys(tests)}
        files: dict[str, list[str]] = {}
        for test, key in keys.items():
            if self._kept.get(key) != {test: "passed"}:
                files.setdefault(test.partition("::")[0], []).append(test)
        for number, (file, group) in enumerate(files.items(), start=1):
            print(f"unchanged {number}/{len(files)}: {file}", flush=True)
            for test, state in _outcomes(self.tree, "wuyu", tuple(group), patience_s=3 * PATIENCE_S).items():
                self._keep(keys[test], {test: state})
        return {test: self._kept[key][test] for test, key in keys.items()}


def _verdict(mutant: Mutant, results: _Results, unchanged: dict[str, str]) -> tuple[bool, str]:
    """Return whether a mutant is found, and how."""
    unsound = [f"{test}: {unchanged[test]} unchanged" for test in mutant.tests if unchanged[test] != "passed"]
    if unsound:
        return False, f"NO TEST: {'; '.join(unsound)}"
    found = results.of(mutant)
    missed = [test for test, state in found.items() if state not in ("failed", "never ended")]
    if missed:
        return False, f"SURVIVES: {'; '.join(f'{test} {found[test]}' for test in missed)}"
    return True, f"found by {', '.join(test.partition('::')[2] for test in mutant.tests)}"


def main(arguments: list[str] | None = None) -> int:
    """Run the script; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("--promise", default="", metavar="TEXT", help="only promises that hold this text")
    parser.add_argument("--list", action="store_true", help="say what would be tried")
    parser.add_argument("--table", action="store_true", help="print docs/promises.md")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "wuyu-mutations")
    chosen = parser.parse_args(arguments)
    wrong = check()
    if wrong:
        print("\n".join(wrong))
        return 1
    if chosen.table:
        print(page(), end="")
        return 0
    mutants = [mutant for mutant in MUTANTS if chosen.promise in mutant.promise]
    if chosen.list:
        for mutant in mutants:
            print(f"{mutant.promise}: {mutant.file}: {_code(mutant.line)} -> {_code(mutant.changed)}")
        return 0
    return _try_all(mutants, chosen.work)


def _try_all(mutants: list[Mutant], work: Path) -> int:
    work.mkdir(parents=True, exist_ok=True)
    _copy(ROOT, work / "tree")
    _load(work / "tree")
    results = _Results(work)
    unchanged = results.unchanged(test for mutant in mutants for test in mutant.tests)
    survived = 0
    for number, mutant in enumerate(mutants, start=1):
        begun = time.monotonic()
        is_found, how = _verdict(mutant, results, unchanged)
        survived += not is_found
        took = time.monotonic() - begun
        print(f"[{number}/{len(mutants)}] {took:4.0f} s  {mutant.file}: {_code(mutant.changed)}\n    {how}", flush=True)
    print(f"{len(mutants) - survived} of {len(mutants)} found")
    return 1 if survived else 0


if __name__ == "__main__":
    raise SystemExit(main())
