"""Workers of their own in a drill: Airflow's CeleryExecutor, with a Redis of the drill's own."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path

from risk_models.errors import ConfigError
from wuyu.drill.house import free_port

__all__ = ["Broker"]

#: Tasks that one worker runs at a time.
_TASKS = 8


class Broker:
    """A Redis on a free port of this machine that keeps nothing on the disk, and workers that ask it for tasks.

    Parameters
    ----------
    workers : int
    database : str
        URL of Airflow's own database, in which Celery keeps what became of a task.

    Raises
    ------
    ConfigError
        If Redis or Airflow's Celery provider is not installed.
    """

    def __init__(self, workers: int, database: str) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise ConfigError("--workers needs redis-server, which is not installed here")
        if importlib.util.find_spec("airflow.providers.celery") is None:
            raise ConfigError("--workers needs the packages of requirements/celery.txt, which are not installed here")
        self.workers, self.database = workers, database
        self.folder = Path(tempfile.mkdtemp(prefix="wuyu-broker-"))
        self.port = free_port()
        where = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        self.command = [program, *where, "--save", "", "--appendonly", "no"]

    def variables(self) -> dict[str, str]:
        """Return what tells Airflow of it."""
        return {
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CELERY__BROKER_URL": f"redis://127.0.0.1:{self.port}/0",
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{self.database}",
        }

    def services(self) -> dict[str, list[str]]:
        """Return the commands of the workers, by name."""
        airflow = [str(Path(sys.executable).parent / "airflow"), "celery", "worker", "--skip-serve-logs"]
        names = [f"worker-{number}" for number in range(1, self.workers + 1)]
        return {
            name: [*airflow, "--concurrency", str(_TASKS), "--celery-hostname", f"{name}@drill", "--without-mingle"]
            for name in names
        }

    def end(self) -> None:
        """Take its folder away."""
        shutil.rmtree(self.folder, ignore_errors=True)
