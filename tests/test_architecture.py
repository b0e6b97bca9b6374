"""The house keeps its walls: what each wing may bring along, what no file may hold, and that every test is run."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: Clients of networks, mail and databases. `socket`, `ssl`, `http` and `sqlite3` are not among them: numpy,
#: pandas and scipy bring those parts of the standard library along without opening anything; `DIRECT` covers them.
FORBIDDEN = (
    "airflow", "smtplib", "imaplib", "poplib", "ftplib", "aiosmtpd", "requests", "httpx", "aiohttp", "urllib3",
    "paramiko", "sqlalchemy", "psycopg", "fastapi", "uvicorn", "boto3", "redis", "wuyu", "reports", "dags",
)  # fmt: skip
DIRECT = {*FORBIDDEN, "socket", "ssl", "http", "sqlite3", "subprocess", "email", "multiprocessing"}
HEAVY_FOR_DAGS = {"numpy", "pandas", "geopandas", "rasterio", "xarray", "risk_models", "reports"}
LIGHT_FOR_DAGS = {"wuyu.schedules"}
CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time"),
          ("time", "time_ns"), ("Timestamp", "now"), ("Timestamp", "utcnow"), ("Timestamp", "today")}  # fmt: skip
DAG_FILES = sorted(path for path in (ROOT / "dags").glob("*.py") if path.stem != "__init__")
UNSAFE = {"eval", "exec", "compile", "__import__"}


def _python_files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _calls(path: Path) -> Iterator[tuple[int, str, str]]:
    """Give every call as (line, name before the last dot, name)."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Attribute):
                owner = function.value
                before = owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "?")
                yield node.lineno, before, function.attr
            elif isinstance(function, ast.Name):
                yield node.lineno, "", function.id


def _imported(path: Path, *, top_level: bool) -> set[str]:
    """Return the first parts of the modules a file imports, without those for type checkers only."""
    nodes = _tree(path).body if top_level else list(ast.walk(_tree(path)))
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def _ours_of(path: Path) -> set[str]:
    """Return the modules of ours that a file imports at its top level."""
    named = [node for node in _tree(path).body if isinstance(node, ast.ImportFrom) and node.module]
    named_whole = [alias.name for node in _tree(path).body if isinstance(node, ast.Import) for alias in node.names]
    found = {*(str(node.module) for node in named), *named_whole}
    return {name for name in found if name.partition(".")[0] == "wuyu"}


def _tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


def _modules_after(statements: str) -> set[str]:
    """Run statements in a fresh process; return the first parts of all modules it holds then."""
    code = f"{statements}\nimport sys\nprint('\\n'.join(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_the_science_brings_no_scheduler_network_mail_or_database() -> None:
    assert not _modules_after("import risk_models") & {*FORBIDDEN, "numpy", "pandas"}
    walk = """
import importlib, pkgutil, risk_models
names = [found.name for found in pkgutil.walk_packages(risk_models.__path__, "risk_models.")]
assert len(names) > 60, len(names)
for name in names:
    importlib.import_module(name)
"""
    assert sorted(_modules_after(walk) & set(FORBIDDEN)) == []


def test_products_bring_no_scheduler_network_mail_or_database() -> None:
    walk = """
import importlib, pkgutil, reports
for found in pkgutil.walk_packages(reports.__path__, "reports."):
    importlib.import_module(found.name)
"""
    assert sorted(_modules_after(walk) & (set(FORBIDDEN) - {"reports"})) == []


def test_science_and_products_import_none_of_it_themselves() -> None:
    own = {"risk_models": {"risk_models"}, "reports": {"risk_models", "reports"}}
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for wing, allowed in own.items()
        for path in _python_files(wing)
        for name in sorted(_imported(path, top_level=False) & (DIRECT - allowed))
    ]
    assert found == []


def test_command_line_starts_light() -> None:
    """`wuyu --help` must not wait for the science."""
    loaded = _modules_after("import wuyu.cli.district, wuyu.cli.operate, wuyu.cli.products, wuyu.cli.service")
    assert sorted(loaded & {"numpy", "pandas", "matplotlib", "airflow", "sqlalchemy"}) == []


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.stem)
def test_dag_files_import_nothing_heavy_at_top_level(path: Path) -> None:
    assert sorted(_imported(path, top_level=True) & HEAVY_FOR_DAGS) == []
    assert _ours_of(path) <= LIGHT_FOR_DAGS


def test_only_dags_imports_airflow() -> None:
    having = [
        path
        for path in _python_files("risk_models", "reports", "wuyu")
        if "airflow" in _imported(path, top_level=False)
    ]
    assert having == []
    assert all(
        "airflow" in _imported(path, top_level=True) for path in _python_files("dags") if path.stem != "__init__"
    )


def test_science_and_products_read_no_clock() -> None:
    read = [
        f"{path.relative_to(ROOT)}:{line} {owner}.{name}"
        for path in _python_files("risk_models", "reports")
        for line, owner, name in _calls(path)
        if (owner, name) in CLOCKS
    ]
    assert read == []


#: The file that may read the time of the machine. Elapsed time (`time.monotonic`) and the ages of files are no clock.
THE_CLOCK = "wuyu/clock.py"
OTHER_CLOCKS = {
    ("time", "localtime"), ("time", "gmtime"), ("time", "ctime"), ("time", "strftime"), ("utils", "formatdate"),
    ("utils", "make_msgid"), ("utils", "localtime"), ("", "formatdate"), ("", "make_msgid"), ("", "localtime"),
}  # fmt: skip


def _clocks_read(path: Path) -> list[str]:
    """Return where a file reads a clock, or hands one on without calling it."""
    found = []
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, "attr", "?")
            named = {(owner, node.attr)}
        elif isinstance(node, ast.ImportFrom):
            named = {((node.module or "").rpartition(".")[2], alias.name) for alias in node.names}
        else:
            continue
        found += [f"{path.name}:{node.lineno} {a}.{b}" for a, b in named & (CLOCKS | OTHER_CLOCKS)]
    return found


def test_only_the_clock_reads_the_time_of_the_machine() -> None:
    paths = {path.relative_to(ROOT).as_posix(): path for path in _python_files("wuyu", "dags")}
    assert len(_clocks_read(paths.pop(THE_CLOCK))) == 1
    assert {name: read for name, path in paths.items() if (read := _clocks_read(path))} == {}


@pytest.mark.parametrize(
    "line",
    ["x = datetime.now(UTC)", "f(clock=datetime.utcnow)", "datetime.date.today()", "from time import time",
     "time.time()", "from email.utils import formatdate", "pd.Timestamp.now()"],
)  # fmt: skip
def test_a_clock_is_seen_however_it_is_read(line: str, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(f"{line}\n", encoding="utf-8")
    assert _clocks_read(path) != []


def test_nothing_unsafe_is_loaded_or_run() -> None:
    found = []
    for path in _python_files("risk_models", "reports", "wuyu", "dags", "data"):
        found += [
            f"{path}: {name}" for name in _imported(path, top_level=False) & {"pickle", "dill", "shelve", "marshal"}
        ]
        for line, owner, name in _calls(path):
            is_yaml = owner == "yaml" and name in ("load", "load_all", "unsafe_load", "full_load")
            if (
                is_yaml
                or (not owner and name in UNSAFE)
                or (owner == "np" and name == "load" and "allow_pickle=True" in path.read_text())
            ):
                found.append(f"{path}:{line} {owner}.{name}")
    assert found == []


def test_the_page_of_the_house_names_every_room_of_operations_on_its_floor() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract.get("containers") == ["wuyu"]]
    held = [{room.strip() for room in layer.split("|")} for layer in reversed(layers)]
    told: dict[int, set[str]] = defaultdict(set)
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("## The floors of `wuyu/`")[2]
    for floor, room in re.findall(r"^\| (\d+) \| `(\w+)` \| \S", page.partition("\n## ")[0], re.M):
        told[int(floor)].add(room)
    assert [told[floor] for floor in range(1, max(told) + 1)] == held


def test_random_numbers_come_from_a_generator_handed_in() -> None:
    legacy = [
        f"{path.relative_to(ROOT)}:{line} np.random.{name}"
        for path in _python_files("risk_models", "reports")
        for line, owner, name in _calls(path)
        if owner == "random" and name not in ("default_rng", "Generator", "SeedSequence")
    ]
    assert legacy == []


def test_every_test_is_collected(request: pytest.FixtureRequest) -> None:
    """A file, class or second function of the same name that pytest passes by would be a test that never fails."""
    missed = []
    for path in _python_files("tests"):
        names = [
            node.name
            for scope in [_tree(path), *(node for node in _tree(path).body if isinstance(node, ast.ClassDef))]
            for node in scope.body
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        ]
        if names and not path.name.startswith("test_"):
            missed.append(f"{path.name}: tests in a file of another name")
        missed += [f"{path.name}: {name} twice" for name in sorted({n for n in names if names.count(n) > 1})]
        for node in _tree(path).body:
            is_hidden = isinstance(node, ast.ClassDef) and not node.name.startswith("Test")
            if is_hidden and any(getattr(item, "name", "").startswith("test_") for item in node.body):
                missed.append(f"{path.name}: class {node.name} hides its tests")
    assert missed == []
    if request.config.args and not any(
        "::" in argument or argument.endswith(".py") for argument in request.config.args
    ):
        collected = {item.path for item in request.session.items}
        if len(collected) > 40:
            with_tests = {
                path for path in _python_files("tests") if re.search(r"^\s*def test_", path.read_text(), re.M)
            }
            assert with_tests <= collected


def test_every_test_can_fail() -> None:
    """A test asserts, expects an error, or calls a function of the tests that does."""
    functions = [
        (path, node, ast.get_source_segment(source, node) or "")
        for path in _python_files("tests")
        for source in [path.read_text(encoding="utf-8")]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    fails = re.compile(r"\bassert\b|pytest\.raises|pytest\.warns|\.assert_\w+\(|\b(?:assert|check)_\w+\(")
    helpers = {node.name for _, node, text in functions if not node.name.startswith("test_") and fails.search(text)}
    idle = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path, node, text in functions
        if node.name.startswith("test_") and not fails.search(text)
        if not helpers & set(re.findall(r"\b(\w+)\(", text))
    ]
    assert idle == []


def test_tracked_files_hold_no_machine_paths_and_no_hosts_of_registries() -> None:
    here = Path(__file__).name
    # This machine's own folders, and what the folders of people and the hosts of registries look like anywhere.
    own = b"|".join(re.escape(str(folder).encode()) for folder in (ROOT, Path.home()) if folder.name)
    words = re.compile(own + rb"|/home/[a-z]+/|pypi\.org|pythonhosted\.org|index-url\s*=?\s*http")
    found = []
    for path in _tracked_files():
        if path.name != here and path.is_file() and path.suffix not in (".tif", ".nc", ".png", ".ttf"):
            match = words.search(path.read_bytes())
            if match:
                found.append(f"{path.relative_to(ROOT)}: {match[0].decode()}")
    assert found == []


def test_tracked_files_are_small() -> None:
    sizes = {path: path.stat().st_size for path in _tracked_files() if path.is_file()}
    assert sum(size for path, size in sizes.items() if path.is_relative_to(ROOT / "data")) < 15_000_000
    assert max(sizes.values()) < 5_000_000


TIMERS = {"perf_counter", "perf_counter_ns", "process_time", "process_time_ns", "monotonic", "monotonic_ns",
          "thread_time", "thread_time_ns", "time", "time_ns", "getrusage", "times"}  # fmt: skip
TIMER_MODULES = {"time", "resource", "os"}


def _reads_a_timer(node: ast.AST, timers: set[str]) -> bool:
    """Return True if an expression calls a timer, by the name of its module or by its own."""
    calls = [item.func for item in ast.walk(node) if isinstance(item, ast.Call)]
    by_module = (
        item.attr in TIMERS and isinstance(item.value, ast.Name) and item.value.id in TIMER_MODULES
        for item in calls if isinstance(item, ast.Attribute)
    )  # fmt: skip
    return any(by_module) or any(isinstance(item, ast.Name) and item.id in timers for item in calls)


def _asserted_times(tree: ast.Module) -> list[int]:
    """Return the lines of the assertions that hang on what a timer gave, also through names bound to it before."""
    timers = {
        alias.asname or alias.name
        for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module in TIMER_MODULES
        for alias in node.names if alias.name in TIMERS
    }  # fmt: skip
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    within = {inner for function in functions for inner in ast.walk(function)}
    found, shared = _timed_asserts([node for node in ast.walk(tree) if node not in within], set(), timers)
    for function in functions:
        found += _timed_asserts(list(ast.walk(function)), shared, timers)[0]
    return sorted(set(found))


def _timed_asserts(nodes: list[ast.AST], known: set[str], timers: set[str]) -> tuple[list[int], set[str]]:
    """Return the lines of the assertions among some nodes that hang on a time, and the names bound to one."""
    names, before = set(known), -1

    def is_timed(node: ast.AST) -> bool:
        used = {item.id for item in ast.walk(node) if isinstance(item, ast.Name)}
        return bool(used & names) or _reads_a_timer(node, timers)

    bindings = [node for node in nodes if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr)]
    while len(names) > before:  # until no further name is bound to a time
        before = len(names)
        for node in bindings:
            if node.value is not None and is_timed(node.value):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                bound = (item for target in targets for item in ast.walk(target))
                names |= {item.id for item in bound if isinstance(item, ast.Name)}
    return [node.lineno for node in nodes if isinstance(node, ast.Assert) and is_timed(node.test)], names


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("begun = time.monotonic()\nassert time.monotonic() - begun < 2", [2]),
        ("from time import perf_counter as now\na = now()\nspent = now() - a\nassert spent < 1", [4]),
        ("def test():\n    a = time.process_time()\n    if b := time.process_time() - a:\n        assert b < 3", [4]),
        ("begun = time.time()\ndef test():\n    spent = time.time() - begun\n    assert spent < 3", [4]),
        ("give_up = time.monotonic() + 9\nwhile time.monotonic() < give_up:\n    assert work()", []),
        ("def one():\n    spent = time.time()\n\ndef two(spent):\n    assert spent == 3", []),
        ("assert clock.time() == 3\nassert row.time(9)", []),
    ],
)  # fmt: skip
def test_an_asserted_time_is_seen(code: str, lines: list[int]) -> None:
    assert _asserted_times(ast.parse(code)) == lines


def test_no_test_asserts_a_time() -> None:
    """A busy machine must make a test slow, never red: work is counted (`tests.work`), events are waited for."""
    found = {str(path.relative_to(ROOT)): _asserted_times(_tree(path)) for path in _python_files("tests")}
    assert {path: lines for path, lines in found.items() if lines} == {}
