"""The database of a drill: a PostgreSQL server of its own where its programs are installed, else SQLite."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Protocol

from risk_models.errors import ConfigError, FloodRiskError
from wuyu.drill.house import free_port

__all__ = ["Database", "FilesDatabase", "ServerDatabase", "choose_database"]

_USER = "postgres"
_PROGRAMS = ("postgres", "initdb", "pg_ctl", "createdb")


class Database(Protocol):
    """Where ledger and Airflow keep what they know."""

    told: str
    can_restart: bool
    ledger: str
    airflow: str

    def start(self) -> None:
        """Start it."""

    def stop(self) -> None:
        """Stop it at once, as a fault would."""

    def end(self) -> None:
        """Stop it for good and take its files away."""


class FilesDatabase:
    """SQLite: two files.

    Parameters
    ----------
    out : Path
        Folder of the products.
    home : Path
        Of Airflow.
    """

    told = "SQLite"
    can_restart = False

    def __init__(self, out: Path, home: Path) -> None:
        self.ledger = f"sqlite:///{out / 'ledger.sqlite'}"
        self.airflow = f"sqlite:///{home / 'airflow.db'}"

    def start(self) -> None:
        """Do nothing: there is no server."""

    def stop(self) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""


class ServerDatabase:
    """A PostgreSQL server on a free port of this machine, its files in a temporary folder.

    It refuses to run as root; root lets the user ``postgres`` run it.

    Parameters
    ----------
    programs : Path
        Folder of ``initdb`` and ``pg_ctl``.
    """

    can_restart = True

    def __init__(self, programs: Path) -> None:
        self.programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="wuyu-drill-"))
        self.port = free_port()
        version = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True)  # noqa: S603
        self.told = f"PostgreSQL {version.stdout.split()[2]}"
        self.ledger = f"postgresql+psycopg://wuyu@127.0.0.1:{self.port}/ledger"
        self.airflow = f"postgresql+psycopg2://wuyu@127.0.0.1:{self.port}/airflow"

    def make(self) -> None:
        """Make the cluster and its two databases."""
        if os.geteuid() == 0:
            shutil.chown(self.folder, _USER)
        self._run("initdb", "-D", f"{self.folder}/data", "-U", "wuyu", "--auth=trust", "--no-sync", "-E", "UTF8")
        self.start()
        for name in ("ledger", "airflow"):
            self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "wuyu", name)

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        self._ctl("start", "-w", "-l", f"{self.folder}/log", "-o", options)

    def stop(self) -> None:
        """Stop it at once: whoever is connected is cut off, what was not committed is lost."""
        self._ctl("stop", "-m", "immediate")

    def end(self) -> None:
        """Stop it for good and take its files away."""
        if (self.folder / "data" / "postmaster.pid").exists():
            self._ctl("stop", "-m", "fast")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _ctl(self, *words: str) -> None:
        self._run("pg_ctl", "-D", f"{self.folder}/data", *words)

    def _run(self, program: str, *words: str) -> None:
        user = _USER if os.geteuid() == 0 else None
        ran = subprocess.run(  # noqa: S603 - programs of the system, our own words
            [self.programs / program, *words],
            user=user,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if ran.returncode:
            raise FloodRiskError(f"{program} ended with status {ran.returncode}: {ran.stderr[-500:]}")


def choose_database(kind: str, out: Path, home: Path) -> Database:
    """Return the database of a drill.

    Parameters
    ----------
    kind : {"auto", "postgres", "sqlite"}
        ``auto`` takes PostgreSQL where its programs are installed.
    out, home : Path
        Of the products and of Airflow.

    Raises
    ------
    ConfigError
        If PostgreSQL is asked for and not there.
    """
    programs = None if kind == "sqlite" else _programs()
    if kind == "postgres" and programs is None:
        raise ConfigError("PostgreSQL is not installed here (looked in PATH and /usr/lib/postgresql)")
    if programs is None:
        return FilesDatabase(out, home)
    server = ServerDatabase(programs)
    try:
        server.make()
    except BaseException:
        server.end()
        raise
    return server


def _programs() -> Path | None:
    """Return where the programs of PostgreSQL are, if this user can run them."""
    found = shutil.which("initdb")
    places = [
        *([Path(found).parent] if found else []),
        *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True),
    ]
    if os.geteuid() == 0 and _USER not in {user.pw_name for user in pwd.getpwall()}:
        return None
    return next((place for place in places if all((place / name).exists() for name in _PROGRAMS)), None)
