"""The demonstration, embedded: a local mail sink, Airflow on SQLite, the storm replay through it, and where to look."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from risk_models.errors import ConfigError, FloodRiskError
from wuyu.beside import cores, end_with_parent
from wuyu.clock import CLOCK_VARIABLE, clock_from
from wuyu.ledger.places import make_ledger_of
from wuyu.register.in_force import settings_without_ledger
from wuyu.retention.airflow import DATABASE_VARIABLE
from wuyu.service import environment
from wuyu.sink import local_sink
from wuyu.together import Program, run_together

__all__ = ["airflow_environment", "has_live_pool", "honest", "prepare_airflow", "run_demo", "run_service"]

DAGS = Path(__file__).resolve().parent.parent / "dags"
WEB_PORT, ACK_PORT = 8080, 8090
LIVE_POOL = "live_delivery"  # as in `dags/delivery.py`
LIVE_SLOTS = 4


def airflow_environment(home: Path) -> dict[str, str]:
    """Return the environment of an embedded Airflow: its own home, SQLite, our DAGs, local executor, quiet log.

    A database that the caller named (``AIRFLOW__DATABASE__SQL_ALCHEMY_CONN``) is kept.

    Parameters
    ----------
    home : Path
        AIRFLOW_HOME; made if absent.
    """
    home.mkdir(parents=True, exist_ok=True)
    binaries = str(Path(sys.executable).parent)
    ours = {
        "AIRFLOW_HOME": str(home.resolve()),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(WEB_PORT),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        # After 5 s a busy server would be asked again for a task that it has begun, and refuse it.
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        # What a killed scheduler leaves as "running" is begun anew after a minute, not after the five of Airflow's own.
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
        # One thread a process: several processes share the cores.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PATH": os.pathsep.join([binaries, os.environ.get("PATH", "")]),
    }
    return {**os.environ, **ours}


def run_demo(district: Path, out: Path) -> float:
    """Replay the bundled storm through Airflow; run it again after a stop and it goes on.

    Parameters
    ----------
    district : Path
    out : Path
        Folder of the products; Airflow's own files go to ``airflow/`` in it.

    Returns
    -------
    float
        Seconds it took.

    Raises
    ------
    FloodRiskError
        If Airflow's run failed.
    LedgerError
        If `out` holds products without a ledger, or a ledger of another version.
    """
    begun = time.monotonic()
    make_ledger_of(out)
    variables = airflow_environment(out / "airflow") | {
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "AIRFLOW__LOGGING__FAB_LOGGING_LEVEL": "ERROR",
        "PYTHONWARNINGS": "ignore",
    }
    _tell("1/3 preparing Airflow (SQLite), starting the mail sink")
    with local_sink(out / "mailbox") as (host, port):
        variables |= environment(district=district, out=out, smtp_host=host, smtp_port=port)
        variables = honest(variables, district, out)
        with _deriving(variables):
            _airflow(["db", "migrate"], variables, quiet=True)
        _tell("2/3 replaying the storm through Airflow")
        _airflow(["dags", "test", "storm_replay"], variables)
    _tell("3/3 done")
    return time.monotonic() - begun


def run_service(
    district: Path, out: Path, *, web_port: int = WEB_PORT, ack_port: int = ACK_PORT, real_mail: bool = False
) -> int:
    """Run Airflow with its web page, and the acknowledgement page, on this machine until stopped.

    Each part is a process of its own; one that ends is started again. All listen on this machine only.

    Parameters
    ----------
    district, out : Path
    web_port, ack_port : int
        Where Airflow's web page and the acknowledgement page listen.
    real_mail : bool
        True to send mail by the server that ``WUYU_SMTP_HOST`` names; else it goes to a local mailbox, whatever is set.

    Returns
    -------
    int
        Exit status.

    Raises
    ------
    ConfigError
        If mail is to be sent and no server is named.
    """
    relay = {name: value for name, value in os.environ.items() if name.startswith("WUYU_SMTP_")}
    if real_mail and not relay.get("WUYU_SMTP_HOST"):
        raise ConfigError("--real-mail sends by the server that WUYU_SMTP_HOST names, and it names none")
    make_ledger_of(out)
    variables = {name: value for name, value in airflow_environment(out / "airflow").items() if name not in relay}
    with local_sink(out / "mailbox") as (host, port):
        variables |= environment(district=district, out=out, smtp_host=host, smtp_port=port)
        variables = honest(variables, district, out) | {
            "AIRFLOW__API__PORT": str(web_port),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{web_port}/execution/",
        }
        # In a task Airflow hides its database; the DAG `retention` cleans it.
        variables.setdefault(DATABASE_VARIABLE, variables.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", ""))
        if real_mail:
            variables |= {"WUYU_SMTP_PORT": "25"} | relay
        _tell_where_mail_goes(variables, out, relay.get("WUYU_SMTP_HOST", ""), real=real_mail)
        for channel in settings_without_ledger(district, out).channels:
            _tell(f"the channel '{channel.id}' of district.yaml sends as it is set there")
        _tell(f"Airflow comes up at http://127.0.0.1:{web_port} (Ctrl-C stops it); products: {out}")
        prepare_airflow(variables)
        stopped = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stopped.set())
        run_together(_parts(district, out, ack_port), variables, tell=_tell, stopped=stopped)
    return 0


def _tell_where_mail_goes(variables: Mapping[str, str], out: Path, relay: str, *, real: bool) -> None:
    if real:
        _tell(f"mail is SENT, by {variables['WUYU_SMTP_HOST']}:{variables['WUYU_SMTP_PORT']}")
        return
    unused = f"; WUYU_SMTP_HOST={relay} is not used without --real-mail" if relay else ""
    _tell(f"mail goes to a local mailbox, {out / 'mailbox'}, and nowhere else{unused}")


def _parts(district: Path, out: Path, ack_port: int) -> list[Program]:
    """Return the programs of a service on one machine; no part serves log files, which lie here for all."""
    words = {
        "scheduler": ["scheduler", "--skip-serve-logs"],
        "dag-processor": ["dag-processor"],
        "triggerer": ["triggerer", "--skip-serve-logs"],
        "api-server": ["api-server"],
    }
    place = ["--district", str(district.absolute()), "--out", str(out.resolve())]
    page = [sys.executable, "-m", "wuyu", "ack", "serve", *place, "--port", str(ack_port)]
    return [
        *(Program(name, [_binary(), *command]) for name, command in words.items()),
        Program("acknowledgement page", page),
    ]


def prepare_airflow(variables: Mapping[str, str]) -> None:
    """Bring Airflow's database up to date and make the pool of live delivery; doing it again changes nothing.

    Without that pool the tasks of ``dags/delivery.py`` would wait for ever, and nothing but mail would leave.

    Parameters
    ----------
    variables : mapping
        Environment that says which Airflow; from `airflow_environment`, or that of an installation of its own.
    """
    _airflow(["db", "migrate"], variables, quiet=True)
    if not has_live_pool(variables):  # an operator may have given it another size
        _airflow(["pools", "set", LIVE_POOL, str(LIVE_SLOTS), "live warnings only"], variables, quiet=True)


def has_live_pool(variables: Mapping[str, str]) -> bool:
    """Return True if Airflow has the pool of live delivery.

    Raises
    ------
    FloodRiskError
        If Airflow's pools cannot be listed, e.g. because its database was never made.
    """
    pools = json.loads(_airflow(["pools", "list", "--output", "json"], variables, quiet=True).splitlines()[-1])
    return any(one["pool"] == LIVE_POOL for one in pools)


def honest(variables: Mapping[str, str], district: Path, out: Path) -> dict[str, str]:
    """Return the variables for child processes: a drill clock is for districts whose mail is not ``Actual``.

    Raises
    ------
    BadInputError
        If the settings of the district cannot be read and a clock is set: then nobody knows whether it may be.
    """
    words = variables.get(CLOCK_VARIABLE, "")
    if clock_from(words).is_wall:
        return dict(variables)
    if settings_without_ledger(district, out).mail.status != "Actual":
        _tell(f"{CLOCK_VARIABLE}={words}: {clock_from(words).told[1]}; every product says so")
        return dict(variables)
    _tell(f"{CLOCK_VARIABLE} is not passed on: mail.status is Actual, so everything goes by the wall clock")
    return {name: value for name, value in variables.items() if name != CLOCK_VARIABLE}


_DERIVE = "from wuyu.service import desk_from_environment; desk_from_environment().scorer.contour"


@contextlib.contextmanager
def _deriving(variables: Mapping[str, str]) -> Iterator[None]:
    """Derive meanwhile, on a second core, what the replay will read from the cache; what fails here fails there."""
    if cores() < 2:
        yield
        return
    process = subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-c", _DERIVE],
        env=variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=end_with_parent,
    )
    try:
        yield
        process.wait()
    finally:
        process.kill()
        process.wait()


def _airflow(arguments: list[str], variables: Mapping[str, str], *, quiet: bool = False) -> str:
    output = subprocess.PIPE if quiet else None
    done = subprocess.run(  # noqa: S603 - our own program, our own arguments
        [_binary(), *arguments],
        env=variables,
        stdout=output,
        stderr=subprocess.STDOUT if quiet else None,
        check=False,
        text=True,
        preexec_fn=end_with_parent,
    )
    if done.returncode:
        said = f"\n{(done.stdout or '')[-4000:]}" if quiet else ""
        raise FloodRiskError(f"`airflow {' '.join(arguments)}` ended with status {done.returncode}{said}")
    return done.stdout or ""


def _binary() -> str:
    return str(Path(sys.executable).parent / "airflow")


def _tell(text: str) -> None:
    sys.stderr.write(f"wuyu: {text}\n")
    sys.stderr.flush()
