"""The Airflow of a drill, spoken to as a person or a program does: through its API."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Any

import httpx

from risk_models.errors import FloodRiskError
from wuyu.demo import airflow_environment

__all__ = ["AirflowApi", "airflow_variables", "services"]

DAGS = ("warning_cycle", "acknowledgement", "brief", "delivery", "returns", "feed_freshness")
#: Seconds for which a form must have waited: an answer within the first is taken by Airflow for a fault.
FORM_AGE_S = 3.0
_ENDED = {"success", "failed"}


def airflow_variables(home: Path, port: int, database: str) -> dict[str, str]:
    """Return the environment of Airflow as `wuyu up` makes it, at a port and with secrets of its own.

    Parameters
    ----------
    home : Path
        AIRFLOW_HOME.
    port : int
        Of the API server.
    database : str
        URL.
    """
    base = f"http://127.0.0.1:{port}"
    return airflow_environment(home) | {
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": base,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{base}/execution/",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "PYTHONWARNINGS": "ignore",
    }


def services(schedulers: int) -> dict[str, list[str]]:
    """Return the commands of Airflow's services, by name."""
    airflow = str(Path(sys.executable).parent / "airflow")
    found = {"api-server": [airflow, "api-server"], "dag-processor": [airflow, "dag-processor"]}
    found["triggerer"] = [airflow, "triggerer", "--skip-serve-logs"]
    for number in range(1, schedulers + 1):
        found[f"scheduler-{number}"] = [airflow, "scheduler", "--skip-serve-logs"]
    return found


class AirflowApi:
    """Airflow's public API.

    Parameters
    ----------
    port : int
    feeds : list of str
        Feeds of the district, each with a DAG of its own.
    """

    def __init__(self, port: int, feeds: list[str]) -> None:
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60.0)
        self.feeds = [f"feed_{feed}" for feed in feeds]
        self._wanted: list[str] = []
        self._runs: dict[str, str] = {}

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask; None while Airflow or its database is away, or for what is not there.

        Raises
        ------
        FloodRiskError
            If Airflow refuses.
        """
        try:
            answer = self._client.request(method, path, json=body)
        except httpx.HTTPError:
            return None
        if answer.status_code == 401:
            self.sign_in()
        if answer.status_code in (401, 404, 409) or answer.status_code >= 500:
            return None
        if answer.is_error:
            raise FloodRiskError(f"Airflow refused {method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer.json() if answer.content else {}

    def sign_in(self) -> bool:
        """Fetch a token; False while the server is not there."""
        self._client.headers.pop("Authorization", None)
        try:
            answer = self._client.get("/auth/token")
            token = answer.json()["access_token"] if answer.status_code < 300 else ""
        except (httpx.HTTPError, ValueError, KeyError):
            return False
        self._client.headers["Authorization"] = f"Bearer {token}"
        return bool(token)

    def switch_on(self) -> bool:
        """Switch on every DAG of live service; False while one is not there."""
        return all(self.call("PATCH", f"/api/v2/dags/{dag}", {"is_paused": False}) for dag in (*self.feeds, *DAGS))

    def want(self, *dags: str) -> None:
        """Trigger runs as the schedule would have, now or as soon as Airflow can be reached."""
        self._wanted += dags
        self.trigger()

    def trigger(self) -> None:
        """Trigger what is wanted and could not be triggered yet."""
        left = []
        for dag in self._wanted:
            made = self.call("POST", f"/api/v2/dags/{dag}/dagRuns", {"logical_date": None})
            if made is None:
                left.append(dag)
            else:
                self._runs[made["dag_run_id"]] = dag
        self._wanted = left

    def is_quiet(self) -> bool:
        """Return True once every triggered run has ended, and no cycle or approval is at work."""
        self.trigger()
        self._runs = {run: dag for run, dag in self._runs.items() if not self._has_ended(dag, run)}
        return not self._wanted and not self._runs and not self._at_work("warning_cycle")

    def _has_ended(self, dag: str, run: str) -> bool:
        found = self.call("GET", f"/api/v2/dags/{dag}/dagRuns/{run}")
        return found is not None and found["state"] in _ENDED

    def _at_work(self, dag: str) -> bool:
        found = self.call("GET", f"/api/v2/dags/{dag}/dagRuns?state=running&state=queued")
        return found is None or bool(found["dag_runs"])

    def open_forms(self) -> list[str]:
        """Return the addresses of the forms that wait for an officer."""
        found = self.call("GET", "/api/v2/dags/approval/dagRuns?state=running") or {"dag_runs": []}
        runs = [run["dag_run_id"] for run in found["dag_runs"]]
        return [self._form(run) for run in runs if self._waits(run)]

    def sign(self, form: str, *, option: str, officer: str) -> bool:
        """Answer a form; False if it could not be."""
        fields = {"officer": officer, "numbers": "", "note_zh": "", "note_en": "", "why": ""}
        return self.call("PATCH", form, {"chosen_options": [option], "params_input": fields}) is not None

    def _waits(self, run: str) -> bool:
        asking = self.call("GET", f"/api/v2/dags/approval/dagRuns/{run}/taskInstances/ask")
        return bool(asking) and asking["state"] in ("awaiting_input", "deferred")

    @staticmethod
    def _form(run: str) -> str:
        return f"/api/v2/dags/approval/dagRuns/{run}/taskInstances/ask/-1/hitlDetails"
