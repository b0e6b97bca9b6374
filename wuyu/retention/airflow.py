"""Airflow's own tables and log files: cleaned by its own command, as far as it has one.

Within a task Airflow hides its database from whoever runs there. ``WUYU_AIRFLOW_DATABASE`` may say where it is; without
it the configuration file does.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from risk_models.errors import FloodRiskError

__all__ = ["DATABASE_VARIABLE", "clean_airflow", "old_logs"]

DATABASE_VARIABLE: Final = "WUYU_AIRFLOW_DATABASE"
_CONNECTION: Final = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
_HIDDEN: Final = (_CONNECTION, "AIRFLOW__CORE__SQL_ALCHEMY_CONN")
_HIDING: Final = "airflow-db-not-allowed"
_PATIENCE_S: Final = 1500


def clean_airflow(variables: Mapping[str, str], *, days: int, now: datetime, dry: bool = False) -> str:
    """Remove runs and tasks older than some days from Airflow's database, and log files not written to since.

    Parameters
    ----------
    variables : mapping of str to str
        Environment that says which Airflow.
    days : int
    now : datetime
        Wall time, aware.
    dry : bool
        Only say what would go.

    Returns
    -------
    str
        What was done, in one line.

    Raises
    ------
    FloodRiskError
        If Airflow's command fails; with what it said.
    """
    environment, end = _open(variables), now - timedelta(days=days)
    command = ["db", "clean", "--clean-before-timestamp", end.isoformat(), "--skip-archive", "--yes"]
    _airflow([*command, *(["--dry-run"] if dry else [])], environment)
    folder = Path(_airflow(["config", "get-value", "logging", "base_log_folder"], environment).splitlines()[-1].strip())
    size = count = 0
    for path in list(old_logs(folder, end)):
        size, count = size + path.stat().st_size, count + 1
        if not dry:
            path.unlink(missing_ok=True)
    if not dry:
        _remove_empty(folder)
    word = "would go" if dry else "removed"
    return f"airflow: runs and tasks before {end:%Y-%m-%d}, {count} log files ({size / 1e6:.1f} MB) {word}"


def old_logs(folder: Path, end: datetime) -> Iterator[Path]:
    """Give the log files of tasks, triggers and DAG files that were not written to since a time."""
    for place, _, names in os.walk(folder):
        for name in sorted(names):
            path = Path(place, name)
            if ".log" in name and not path.is_symlink() and path.stat().st_mtime < end.timestamp():
                yield path


def _remove_empty(folder: Path) -> None:
    for place, _, _ in os.walk(folder, topdown=False):
        if Path(place) != folder and not any(Path(place).iterdir()):
            Path(place).rmdir()


def _open(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which Airflow's command finds its database."""
    environment = dict(variables)
    if variables.get(DATABASE_VARIABLE):
        return environment | {_CONNECTION: variables[DATABASE_VARIABLE]}
    for name in _HIDDEN:
        if environment.get(name, "").startswith(_HIDING):
            del environment[name]
    return environment


def _airflow(arguments: list[str], environment: Mapping[str, str]) -> str:
    program = str(Path(sys.executable).parent / "airflow")
    ran = subprocess.run(  # noqa: S603 - our own program, our own arguments
        [program, *arguments], env=dict(environment), capture_output=True, text=True, check=False, timeout=_PATIENCE_S
    )
    if ran.returncode:
        said = " ".join((ran.stderr or ran.stdout).split())[-400:]
        raise FloodRiskError(f"`airflow {' '.join(arguments[:2])}` ended with status {ran.returncode}: {said}")
    return ran.stdout
