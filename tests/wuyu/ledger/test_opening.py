"""A ledger is opened, never made by the way; whatever is wrong with it is told in one sentence, by every verb."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from risk_models.errors import ConfigError
from tests.replays import ROOT
from tests.wuyu.conftest import AT, _empty_postgres
from wuyu.cli import main
from wuyu.ledger import Ledger, LedgerError, LedgerFaultError, create_ledger, make_ledger, open_ledger
from wuyu.ledger.faults import RUNBOOK
from wuyu.ledger.schema import SCHEMA_VERSION

Harm = Callable[[Path], None]


def _absent(path: Path) -> None:
    path.unlink()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("a letter, not a ledger\n" * 99, encoding="utf-8")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _no_tables(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE a (b)")
        connection.execute("DROP TABLE a")


def _foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE accounts (b)")


def _number(value: str) -> Harm:
    def harm(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("UPDATE ledger_info SET value = ?", [value])
            connection.commit()

    return harm


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flip(path: Path) -> None:
    """Flip every byte of the list of tables."""
    held = bytearray(path.read_bytes())
    held[100:4096] = bytes(byte ^ 0xFF for byte in held[100:4096])
    path.write_bytes(held)


HARMS: dict[str, tuple[Harm, str, str]] = {
    "absent": (_absent, "there is no ledger; check --out", "absent"),
    "empty": (_empty, r"the ledger is empty \(0 bytes\)", "absent"),
    "text": (_text, "this is no SQLite database", "damaged"),
    "folder": (_folder, "this is no file", "absent"),
    "no tables": (
        _no_tables,
        "this database is empty; check --out",
        "absent",
    ),
    "foreign": (_foreign, r"no ledger of wuyu, it holds other tables \(accounts\)", "absent"),
    "older": (_number("1"), f"has schema 1, this program needs {SCHEMA_VERSION}; .* wuyu service upgrade", "upgrade"),
    "newer": (_number("99"), "has schema 99, written by a newer version of wuyu; .* install the newer", "upgrade"),
    "no number": (_number("two"), "does not say its schema", "damaged"),
    "cut": (_cut, "the ledger is damaged", "damaged"),
    "flipped": (_flip, "the ledger is damaged", "damaged"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    create_ledger(tmp_path / "ledger.sqlite").close()
    return tmp_path / "ledger.sqlite"


@pytest.mark.parametrize("name", HARMS)
def test_what_is_wrong_is_said_in_one_sentence(name: str, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    harm, words, section = HARMS[name]
    harm(path)
    before = path.read_bytes() if path.is_file() else None
    sentence = rf"^{re.escape(str(path))}: .*{words}.*docs/runbook\.md, '{RUNBOOK[section]}'"
    with pytest.raises((LedgerError, LedgerFaultError), match=sentence) as caught:
        open_ledger(path)
    assert "\n" not in str(caught.value)
    for verb in (["outbox"], ["cycle", "--at", "2021-07-20T12:00"], ["service", "upgrade"]):
        assert main([*verb, "--out", str(path.parent)]) == 1 or (name, verb[-1]) == ("older", "upgrade")
        said = capsys.readouterr().err
        assert said.startswith("wuyu: ") or verb[-1] == "upgrade"
        assert said.count("\n") <= 1
        if verb[-1] != "upgrade":
            assert (path.read_bytes() if path.is_file() else None) == before


def test_only_a_ledger_error_is_a_config_error() -> None:
    assert issubclass(LedgerError, ConfigError)
    assert not issubclass(LedgerFaultError, ConfigError)


def test_every_section_named_is_in_the_runbook() -> None:
    lines = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8").splitlines()
    assert {f"### {section}" for section in RUNBOOK.values()} <= set(lines)


@pytest.mark.parametrize("name", ["text", "folder", "foreign", "older", "newer", "cut", "flipped"])
def test_init_makes_nothing_where_something_is(name: str, path: Path) -> None:
    HARMS[name][0](path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises((LedgerError, LedgerFaultError)):
        make_ledger(path)
    assert (path.read_bytes() if path.is_file() else None) == before


@pytest.mark.parametrize("name", ["absent", "empty", "no tables"])
def test_init_makes_one_where_there_is_none(name: str, path: Path) -> None:
    HARMS[name][0](path)
    assert make_ledger(path)
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 in (0, 0o044 if name == "no tables" else 0)
    assert not make_ledger(path)


def test_files_of_a_new_ledger_are_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with create_ledger(tmp_path / "ledger.sqlite") as ledger, ledger.reading():
            modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"ledger.sqlite": 0o600, "ledger.sqlite-wal": 0o600, "ledger.sqlite-shm": 0o600}


@pytest.mark.parametrize("folder", ["risk", "bulletins", "reports", "raw"])
@pytest.mark.parametrize("harm", [_absent, _empty])
def test_products_without_their_ledger_are_no_new_beginning(
    folder: str, harm: Harm, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (path.parent / folder / "deep").mkdir(parents=True)
    (path.parent / folder / "deep" / "a.json").write_text("{}", encoding="utf-8")
    harm(path)
    init = ["service", "init", "--ledger-only", "--out", str(path.parent)]
    assert main(init) == 1
    assert re.search(rf"holds products that one knew \({folder}\): .*init --afresh", capsys.readouterr().err)
    assert not path.exists() or path.stat().st_size == 0
    assert main([*init, "--afresh"]) == 0
    open_ledger(path).close()


def test_many_beginnings_at_once_are_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: make_ledger(tmp_path / "ledger.sqlite"), range(8)))
    assert sorted(made) == [False] * 7 + [True]


# Locked, full, out of reach, read-only


HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA locking_mode=EXCLUSIVE")
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


def test_who_locks_the_ledger_is_said(path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with create_quick(path) as engine, pytest.raises(LedgerFaultError, match=rf"locked .* pid {holder.pid} \("):
            engine.connect().exec_driver_sql("SELECT * FROM log")
        assert holder.stdin is not None
        holder.stdin.close()


@contextlib.contextmanager
def create_quick(path: Path) -> Iterator[object]:
    from wuyu.ledger.engines import engine_of, ledger_url

    engine = engine_of(ledger_url(path), patience_s=0.2)
    yield engine
    engine.dispose()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=800k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a file system of 800 kB cannot be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_said_and_leaves_the_ledger_as_it_was(small_disk: Path) -> None:
    path = small_disk / "ledger.sqlite"
    with create_ledger(path) as ledger:
        with pytest.raises(LedgerFaultError, match="the disk is full; make room"):
            _fill(ledger)
        entries = [entry.detail["number"] for entry in ledger.log_entries()]
    assert entries == list(range(len(entries)))


def _fill(ledger: Ledger) -> None:
    for number in range(999):
        ledger.log("filling", who="test", now=AT, text="x" * 20_000, number=number)


def test_a_database_out_of_reach_is_said_without_its_password(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"postgresql://duty:s3cret@127.0.0.1:{free.getsockname()[1]}/wuyu?password=s3cret"
        with pytest.raises(LedgerFaultError) as caught:
            open_ledger(url)
    assert "s3cret" not in str(caught.value)
    assert str(caught.value).startswith("postgresql://duty:***@127.0.0.1:")
    assert "/wuyu: the database is out of reach (" in str(caught.value)
    assert f"'{RUNBOOK['away']}'" in str(caught.value)


@pytest.mark.postgres
def test_a_postgres_database_is_looked_at_the_same_way() -> None:
    url = _empty_postgres()
    with pytest.raises(LedgerError, match=r"this database is empty; check --out"):
        open_ledger(url)
    assert make_ledger(url)
    assert not make_ledger(url)
    with open_ledger(url) as ledger, ledger.engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX ix_outbox_stands_in_for")
    with pytest.raises(LedgerError, match=r"no index on outbox \(stands_in_for\)"):
        open_ledger(url)
    with pytest.raises(LedgerFaultError, match=r"out of reach \(.*does not exist"):
        open_ledger(make_url(url).set(database="nowhere").render_as_string(hide_password=False))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root, to act as another user")
def test_a_ledger_of_another_user_is_said(path: Path) -> None:
    path.parent.chmod(0o755)
    program = (
        "import os, sys, wuyu.ledger.upgrade; from wuyu.cli import main, ack, approval, delivery, district; "
        "from wuyu.cli import operate, products, reports, service, verify; os.seteuid(65534); "
        f"sys.exit(main(['service', 'upgrade', '--out', {str(path.parent)!r}]))"
    )
    for folder in list(path.parents)[:4]:
        if folder != Path("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o055)
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    assert re.search(r"may not be (read or )?written by this user", ran.stderr), ran.stderr
    assert f"'{RUNBOOK['rights']}'" in ran.stderr


def test_the_debug_variable_shows_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WUYU_DEBUG", "1")
    with pytest.raises(LedgerError):
        main(["outbox", "--out", str(tmp_path)])
