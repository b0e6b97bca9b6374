"""Ledgers of every earlier release come forward whole: once, twice, killed at any step, while others hold them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import make_url

from tests.replays import ROOT, child_environment
from tests.wuyu.conftest import _empty_postgres
from tests.wuyu.ledger.corpora import (
    RELEASES,
    Rows,
    columns_of,
    load_postgres,
    postgres_rows,
    rows_of,
    schema_of,
    unpack,
)
from wuyu.ledger import LedgerError, LedgerFaultError, OutboxState, create_ledger, make_ledger, open_ledger
from wuyu.ledger.models import APPEND_ONLY, NOT_REPLACED, UNCHANGED, Base
from wuyu.ledger.schema import SCHEMA_VERSION
from wuyu.ledger.tasks import open_tasks
from wuyu.ledger.upgrade import STEPS, take_steps, upgrade_ledger

HERE = Path(__file__).resolve().parent
COPY = f"ledger.before-{SCHEMA_VERSION}.sqlite"


def test_the_corpus_holds_what_an_upgrade_could_lose() -> None:
    """Or the tests below would compare nothing."""
    assert len(RELEASES) >= 9
    for release in RELEASES:
        assert (HERE / "corpus" / f"{release}.sqlite.gz").stat().st_size < 40_000


def test_every_release_left_every_kind_of_row(tmp_path: Path) -> None:
    path = unpack("220769a", tmp_path)
    rows = rows_of(path)
    assert [table for table, found in rows.items() if not found] == []
    with closing(sqlite3.connect(path)) as connection:
        states = {state for (state,) in connection.execute("SELECT state FROM outbox")}
    assert states == {"sent", "failed", "retry", "ambiguous", "claimed", "pending", "held", "withdrawn"}


# The steps and the models


def test_the_newest_step_is_the_number_of_the_models() -> None:
    numbers = sorted(path.name[1:5] for path in (STEPS / "versions").glob("m*.py"))
    assert numbers == [f"{number:04d}" for number in range(1, int(SCHEMA_VERSION) + 1)]


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_steps_and_models_make_the_same(kind: str, tmp_path: Path) -> None:
    outlines = []
    for name in ("steps", "models"):
        url = f"sqlite:///{tmp_path / name}.sqlite"
        if kind == "postgres":
            url = str(make_url(_empty_postgres()).set(drivername="postgresql+psycopg").render_as_string(False))
        if name == "models":
            make_ledger(url)
        else:
            _by_steps(url)
        outlines.append(_outline(url))
    assert outlines[0] == outlines[1]
    assert len(outlines[0]["tables"]) == len(Base.metadata.tables)


def _by_steps(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        take_steps(connection, 0, int(SCHEMA_VERSION))
    engine.dispose()


def _outline(url: str) -> dict[str, object]:
    """Return tables, constraints and triggers, whatever their order."""
    engine = create_engine(url)
    seen, tables = inspect(engine), {}
    for table in seen.get_table_names():
        columns = {one["name"]: (str(one["type"]), one["nullable"], one["default"]) for one in seen.get_columns(table)}
        unique = sorted((str(one["name"]), one["column_names"]) for one in seen.get_unique_constraints(table))
        indexes = sorted((str(one["name"]), one["column_names"], one["unique"]) for one in seen.get_indexes(table))
        points = sorted(
            (str(one["name"]), one["constrained_columns"], one["referred_table"], one["referred_columns"])
            for one in seen.get_foreign_keys(table)
        )
        tables[table] = (columns, seen.get_pk_constraint(table), unique, indexes, points)
    triggers = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
        "postgresql": "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname",
    }[engine.dialect.name]
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.exec_driver_sql(triggers)]
    engine.dispose()
    return {"tables": tables, "triggers": found}


# Every release


@pytest.mark.parametrize("release", RELEASES)
def test_every_release_comes_forward_with_every_row(release: str, tmp_path: Path) -> None:
    path = unpack(release, tmp_path)
    columns, before = columns_of(path), rows_of(path)
    with pytest.raises(LedgerError, match=r"has schema 1, this program needs \d+; .* wuyu service upgrade"):
        open_ledger(path)
    done = upgrade_ledger(path)
    assert (done.found, done.reached, done.copy) == ("1", SCHEMA_VERSION, tmp_path / COPY)
    assert rows_of(path, columns) == before == rows_of(tmp_path / COPY)
    assert (schema_of(path), schema_of(tmp_path / COPY)) == (SCHEMA_VERSION, "1")
    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {
        "ledger.sqlite": 0o600,
        COPY: 0o600,
    }
    with open_ledger(path) as ledger:
        assert ledger.outbox_counts()["claimed"] >= 1
        assert len(ledger.warnings()) == len(before["warnings"])
        if release not in ("aa675d0", "7d1829d", "f15f834"):
            assert [task.detail["task"] for task in open_tasks(ledger)][-1] == "mend the address"


@pytest.mark.parametrize("release", RELEASES)
def test_a_second_upgrade_changes_no_byte(release: str, tmp_path: Path) -> None:
    path = unpack(release, tmp_path)
    upgrade_ledger(path)
    held = path.read_bytes(), (tmp_path / COPY).stat().st_mtime_ns
    again = upgrade_ledger(path)
    assert (again.changed, again.copy) == (False, None)
    assert (path.read_bytes(), (tmp_path / COPY).stat().st_mtime_ns) == held


@pytest.mark.postgres
@pytest.mark.parametrize("release", RELEASES)
def test_every_release_comes_forward_in_postgres(release: str, tmp_path: Path) -> None:
    url, source = _empty_postgres(), unpack(release, tmp_path)
    load_postgres(source, url)
    columns = columns_of(source)
    before = postgres_rows(url, columns)
    assert {table: len(rows) for table, rows in before.items()} == {
        table: len(rows) for table, rows in rows_of(source).items()
    }
    with pytest.raises(LedgerError, match="has schema 1"):
        open_ledger(url)
    done = upgrade_ledger(url, folder=tmp_path)
    assert postgres_rows(url, columns) == before
    assert done.copy is not None
    listed = subprocess.run(["pg_restore", "--list", done.copy], capture_output=True, text=True, check=True).stdout
    assert "TABLE DATA public outbox" in listed
    assert stat.S_IMODE(done.copy.stat().st_mode) == 0o600
    assert not upgrade_ledger(url, folder=tmp_path).changed
    with open_ledger(url) as ledger:
        assert ledger.outbox_counts()["claimed"] >= 1


@pytest.mark.postgres
def test_postgres_without_pg_dump_is_refused_unless_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = _empty_postgres()
    load_postgres(unpack("220769a", tmp_path), url)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LedgerError, match=r"pg_dump is not on PATH; install it .* say --no-copy"):
        upgrade_ledger(url, folder=tmp_path)
    with pytest.raises(LedgerError, match="has schema 1"):
        open_ledger(url)
    assert upgrade_ledger(url, copy=False).changed
    open_ledger(url).close()


# Killed


@pytest.mark.parametrize(("release", "every"), [("aa675d0", 1), ("220769a", 5), ("8ed29fb+220769a", 7)])
def test_killed_at_any_step_it_is_as_before_or_as_after(release: str, every: int, tmp_path: Path) -> None:
    path = unpack(release, tmp_path)
    columns, before = columns_of(path), rows_of(path)
    (tmp_path / "left").mkdir()
    program = [sys.executable, str(HERE / "killed_upgrade.py"), str(path), str(every), str(tmp_path / "left")]
    ran = subprocess.run(program, env=child_environment(), cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    ends = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [end["died"] for end in ends] == [True] * (len(ends) - 1) + [False]
    assert len(ends) * every > 40
    seen = [_require_sound(Path(end["folder"]), columns, before) for end in ends]
    assert seen == sorted(seen)
    assert set(seen) == {"1", SCHEMA_VERSION}


def _require_sound(folder: Path, columns: dict[str, list[str]], before: Rows) -> str:
    """Check what a killed upgrade left, and that the next one comes through; returns the number found."""
    path = folder / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    left, found = rows_of(path), schema_of(path)
    if found == "1":
        assert left == before
    else:
        open_ledger(path).close()
        assert schema_of(folder / COPY) == "1"
    if (folder / COPY).exists():
        assert rows_of(folder / COPY) == before
    upgrade_ledger(path)
    assert rows_of(path, columns) == before
    assert {file.name for file in folder.iterdir()} <= {"ledger.sqlite", COPY}
    open_ledger(path).close()
    return found


@pytest.mark.postgres
def test_killed_in_postgres_it_is_as_before_or_as_after(tmp_path: Path) -> None:
    source = unpack("aa675d0", tmp_path)
    columns, died, fatal, seen = columns_of(source), True, 1, []
    while died:
        url = _empty_postgres()
        load_postgres(source, url)
        before = postgres_rows(url, columns)
        program = "import sys; from pathlib import Path; from tests.wuyu.ledger.killed_upgrade import killed_at; "
        program += "sys.exit(9 if killed_at(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])) else 0)"
        command = [sys.executable, "-c", program, url, str(tmp_path), str(fatal)]
        ran = subprocess.run(command, env=child_environment(), cwd=ROOT, capture_output=True, text=True, check=False)
        assert ran.returncode in (0, 9), ran.stderr
        died = ran.returncode == 9
        assert postgres_rows(url, columns) == before
        seen.append(_number(url))
        upgrade_ledger(url, copy=False)
        assert postgres_rows(url, columns) == before
        open_ledger(url).close()
        fatal += 9
    assert seen == sorted(seen)
    assert set(seen) == {"1", SCHEMA_VERSION}


def _number(url: str) -> str:
    (((_, found),),) = postgres_rows(url, {"ledger_info": ["key", "value"]}).values()
    return str(found)


# Others at work


HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE outbox SET lease_owner = 'relay-9' WHERE state = 'claimed'")
print("held", flush=True)
sys.stdin.read()
connection.execute("COMMIT")
"""


@contextmanager
def _held(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that is in the midst of writing into the ledger."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            if process.stdin is not None and not process.stdin.closed:
                process.stdin.close()


def test_a_ledger_that_is_held_is_not_touched_and_who_holds_it_is_said(tmp_path: Path) -> None:
    path = unpack("220769a", tmp_path)
    with _held(path) as holder:
        said = rf"^{re.escape(str(path))}: the ledger is locked and was not let go in time; "
        said += rf"it is open in: pid {holder.pid} \("
        with pytest.raises(LedgerFaultError, match=said):
            upgrade_ledger(path, patience_s=0.2)
        assert schema_of(path) == "1"
        assert not (tmp_path / COPY).exists()
    upgrade_ledger(path)
    open_ledger(path).close()


def test_an_upgrade_waits_for_who_writes_and_keeps_what_was_written(tmp_path: Path) -> None:
    path = unpack("220769a", tmp_path)
    with ThreadPoolExecutor(1) as pool, _held(path) as holder:
        waiting = pool.submit(upgrade_ledger, path, patience_s=300.0)
        assert holder.stdin is not None
        holder.stdin.close()
        assert waiting.result(300).changed
    for file in (path, tmp_path / COPY):
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("SELECT DISTINCT lease_owner FROM outbox WHERE state = 'claimed'").fetchall() == [
                ("relay-9",)
            ]


def test_a_relay_of_the_old_release_that_is_connected_goes_on(tmp_path: Path) -> None:
    path = unpack("220769a", tmp_path)
    with closing(sqlite3.connect(path)) as relay:
        before = relay.execute("SELECT id, state, lease_owner FROM outbox ORDER BY id").fetchall()
        upgrade_ledger(path)
        assert relay.execute("SELECT id, state, lease_owner FROM outbox ORDER BY id").fetchall() == before
        relay.execute("UPDATE outbox SET state = 'sent' WHERE state = 'claimed'")
        relay.commit()
    with open_ledger(path) as ledger:
        assert ledger.outbox(states=[OutboxState.CLAIMED]) == []


def test_two_upgrades_at_once_are_one(tmp_path: Path) -> None:
    path = unpack("aa675d0", tmp_path)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: upgrade_ledger(path), range(4)))
    assert sorted(one.changed for one in done) == [False, False, False, True]
    open_ledger(path).close()


@pytest.mark.postgres
def test_a_postgres_ledger_that_is_held_is_not_touched(tmp_path: Path) -> None:
    url = _empty_postgres()
    load_postgres(unpack("220769a", tmp_path), url)
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as holder:
        pid = holder.exec_driver_sql("SELECT pg_backend_pid(), pg_advisory_xact_lock(5193)").scalar()
        with pytest.raises(LedgerFaultError, match=rf"the ledger is locked .*held by backend {pid}\b"):
            upgrade_ledger(url, folder=tmp_path, patience_s=0.2)
    engine.dispose()
    assert upgrade_ledger(url, folder=tmp_path).changed


# What the number promises but is not there


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("DROP INDEX ix_outbox_stands_in_for", r"not complete: no index on outbox \(stands_in_for\)"),
        ("DROP TRIGGER log_append_only_INSERT", "not complete: no guard log_append_only_INSERT"),
    ],
)
def test_an_index_or_guard_that_is_gone_is_named_and_made_again(harm: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    create_ledger(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(harm)
    with pytest.raises(LedgerError, match=rf"{said}; mend it with: wuyu service upgrade \(docs/runbook.md, "):
        open_ledger(path)
    done = upgrade_ledger(path)
    assert len(done.mended) == 1
    assert done.changed
    assert done.copy is None
    open_ledger(path).close()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("ALTER TABLE outbox DROP COLUMN smtp_stage", r"no column outbox\.smtp_stage"),
        ("ALTER TABLE outbox ADD COLUMN colour TEXT", r"an unknown column outbox\.colour"),
        ("DROP TABLE report_steps", r"no column report_steps\.\w+"),
    ],
)
def test_a_column_that_is_gone_is_named_and_stops_everything(harm: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    create_ledger(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(harm)
    before = path.read_bytes()
    for look in (open_ledger, upgrade_ledger):
        with pytest.raises(LedgerError, match=rf"are not those of schema {SCHEMA_VERSION}: {said}.* from a copy"):
            look(path)
    assert path.read_bytes() == before


def test_an_old_ledger_that_lacks_a_column_is_left_as_it_is(tmp_path: Path) -> None:
    path = unpack("220769a", tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE outbox DROP COLUMN smtp_stage")
    before = rows_of(path)
    with pytest.raises(LedgerError, match=r"no column outbox\.smtp_stage"):
        upgrade_ledger(path)
    assert (schema_of(path), rows_of(path)) == ("1", before)


def test_an_index_of_an_administrator_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    create_ledger(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE INDEX mine ON outbox (recipient)")
    with open_ledger(path) as ledger:
        assert ledger.outbox() == []


def test_a_damaged_ledger_is_not_upgraded(tmp_path: Path) -> None:
    path = unpack("220769a", tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'outbox'").fetchone()
    harmed = bytearray(path.read_bytes())
    harmed[(page - 1) * size : (page - 1) * size + 200] = os.urandom(200)
    path.write_bytes(harmed)
    with pytest.raises(LedgerFaultError, match=r"the ledger is damaged .*docs/runbook.md"):
        upgrade_ledger(path)
    assert path.read_bytes() == harmed


# What a message is for


WARNING = "410103-20210719T1200Z-410103001"


def _add_messages(path: Path, *message_ids: str) -> None:
    """Copy a row of the outbox under other ids, as releases of schema 1 wrote them."""
    with closing(sqlite3.connect(path)) as connection:
        names = [row[1] for row in connection.execute('PRAGMA table_info("outbox")') if row[1] != "id"]
        shown = ", ".join("?" if name == "message_id" else name for name in names)
        for message_id in message_ids:
            query = f"INSERT INTO outbox ({', '.join(names)}) SELECT {shown} FROM outbox ORDER BY id LIMIT 1"
            connection.execute(query, (message_id,))
        connection.commit()


@pytest.mark.parametrize("release", RELEASES)
def test_every_message_of_every_release_gets_its_purpose(release: str, tmp_path: Path) -> None:
    path = unpack(release, tmp_path)
    added = {
        f"{WARNING}.r0.second_contact": ("second_contact", f"{WARNING}.r0"),
        f"{WARNING}.r0.upward": ("upward", f"{WARNING}.r0"),
        f"{WARNING}.r0.call0": ("call", f"{WARNING}.r0"),
        f"{WARNING}.r0.call12": ("call", f"{WARNING}.r0"),
        f"{WARNING}.rain-lost": ("rain_lost", f"{WARNING}.r0"),
        f"{WARNING}.rain-lost2": ("rain_lost", f"{WARNING}.r0"),
        "410103-report-month-2021-07.r0": ("report", "410103-report-month-2021-07.r0"),
    }
    _add_messages(path, *added)
    upgrade_ledger(path)
    with open_ledger(path) as ledger:
        found = {row.message_id: (row.purpose, row.about) for row in ledger.outbox()}
        warned = {row.message_id for row in ledger.warnings()}
    assert {name: found.pop(name) for name in added} == added
    assert found == {name: ("bulletin", name) for name in found}
    assert found.keys() <= warned


@pytest.mark.parametrize("strange", ["E-1.r0", f"{WARNING}.r9.upward", "unknown.rain-lost", f"{WARNING}.r0.all-clear"])
def test_a_message_that_nobody_can_place_stops_the_upgrade(strange: str, tmp_path: Path) -> None:
    path = unpack("220769a", tmp_path)
    _add_messages(path, strange)
    before = rows_of(path)
    with pytest.raises(LedgerError, match=f"what message {re.escape(repr(strange))} of the outbox is for"):
        upgrade_ledger(path)
    assert (schema_of(path), rows_of(path)) == ("1", before)


# Rows that never change


@pytest.mark.parametrize("made", ["new", "upgraded"])
@pytest.mark.parametrize("table", sorted(APPEND_ONLY))
def test_a_row_that_never_changes_cannot_be_replaced(table: str, made: str, tmp_path: Path) -> None:
    path = unpack("220769a", tmp_path)
    upgrade_ledger(path)
    with closing(sqlite3.connect(path)) as connection:  # no release of the corpus removed or saw anything
        connection.execute("INSERT INTO removals VALUES (1, 'raw', 'raw/a', 9, '2026-01-01 00:00:00', '92 days')")
        at = "2026-01-01 00:00:00"
        row = (1, "410103", "EQ-001", at, at, "field", "dry", None, "王某", "")
        connection.execute(f"INSERT INTO sightings VALUES ({', '.join('?' * len(row))})", row)
        said = (1, "410103", None, at, "城管局", "泵车已到位", "王某", "李某")
        connection.execute(f"INSERT INTO consultations VALUES ({', '.join('?' * len(said))})", said)
        step = (1, "410103", None, at, "start", "Ⅲ", "张某", "commander", "会商意见", "Ⅱ")
        connection.execute(f"INSERT INTO response_steps VALUES ({', '.join('?' * len(step))})", step)
        connection.commit()
    if made == "new":
        columns, rows = columns_of(path), rows_of(path)
        path.unlink()
        make_ledger(path)
        _fill(path, columns, rows)
    columns = columns_of(path)[table]
    before = rows_of(path)[table]
    others = ", ".join(name for name in columns if name != "id")
    with closing(sqlite3.connect(path)) as connection:
        for what in (", ".join(columns), others) if len(APPEND_ONLY[table]) > 1 else (", ".join(columns),):
            with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
                connection.execute(f"INSERT OR REPLACE INTO {table} ({what}) SELECT {what} FROM {table} LIMIT 1")
        connection.rollback()
    assert rows_of(path)[table] == before


@pytest.mark.parametrize("made", ["new", "upgraded"])
@pytest.mark.parametrize("table", sorted(NOT_REPLACED))
def test_a_row_that_may_go_by_rule_cannot_be_replaced(table: str, made: str, tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    if made == "new":
        make_ledger(path)
    else:
        path = unpack("220769a", tmp_path)
        upgrade_ledger(path)
    names = [column.name for column in Base.metadata.tables[table].columns]
    row = ["1" if column.type.python_type is int else "x" for column in Base.metadata.tables[table].columns]
    marks = f"({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"DELETE FROM {table}")
        connection.execute(f"INSERT INTO {table} {marks}", row)
        for key in NOT_REPLACED[table]:
            other = [value if name in key else "7" for name, value in zip(names, row, strict=True)]
            with pytest.raises(sqlite3.IntegrityError, match=f"rows of {table} are not replaced"):
                connection.execute(f"INSERT OR REPLACE INTO {table} {marks}", other)
        change = f"UPDATE {table} SET {names[-1]} = {names[-1]}"
        if table in UNCHANGED:
            with pytest.raises(sqlite3.IntegrityError, match=f"rows of {table} never change"):
                connection.execute(change)
        else:
            connection.execute(change)


def _fill(path: Path, columns: dict[str, list[str]], rows: Rows) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for table, found in rows.items():
            marks = ", ".join("?" * len(columns[table]))
            connection.executemany(f"INSERT INTO {table} ({', '.join(columns[table])}) VALUES ({marks})", found)
        connection.commit()


# The verb


def _wuyu(out: Path, *words: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "wuyu", "service", *words, "--out", str(out)]
    environment = child_environment()
    environment.pop("WUYU_LEDGER", None)
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in ran.stderr
    return ran.returncode, ran.stdout + ran.stderr


def test_the_way_of_an_operator(tmp_path: Path) -> None:
    path = unpack("aa675d0", tmp_path)
    status, said = _wuyu(tmp_path, "init", "--ledger-only")
    assert (status, "bring it forward with: wuyu service upgrade" in said) == (1, True)
    assert schema_of(path) == "1"
    status, said = _wuyu(tmp_path, "upgrade")
    assert (status, said) == (0, f"{path}: schema 1 -> {SCHEMA_VERSION}\n  as it was: {tmp_path / COPY}\n")
    assert _wuyu(tmp_path, "upgrade") == (
        0, f"{path}: the ledger has schema {SCHEMA_VERSION} already; nothing was changed in it\n"
    )  # fmt: skip
    assert _wuyu(tmp_path, "init", "--ledger-only") == (0, f"{path}: the ledger is good; nothing was changed in it\n")
    path.chmod(0o644)
    status, said = _wuyu(tmp_path, "check", "--ledger-only")
    assert (status, "others may read ledger.sqlite" in said) == (1, True)
    assert _wuyu(tmp_path, "init", "--ledger-only")[0] == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert _wuyu(tmp_path, "check", "--ledger-only") == (0, f"{path}: the ledger is good\n")


def test_the_copy_gives_the_old_ledger_back(tmp_path: Path) -> None:
    path = unpack("220769a", tmp_path)
    before = rows_of(path)
    upgrade_ledger(path)
    shutil.copy(tmp_path / COPY, path)
    assert rows_of(path) == before
    assert upgrade_ledger(path).changed


def test_a_signal_ends_a_wait(tmp_path: Path) -> None:
    path = unpack("220769a", tmp_path)
    with _held(path):
        program = (
            f"from wuyu.ledger.upgrade import upgrade_ledger; print('go', flush=True); upgrade_ledger({str(path)!r})"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program], env=child_environment(), cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "go\n"
            process.send_signal(signal.SIGKILL)
    assert schema_of(path) == "1"
