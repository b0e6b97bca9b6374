"""One warning cycle when new rain has come in: score, decide, write bulletins, dispatch.

Each task is a transaction and may run twice: a cycle that is done stays as it is, a mail sent is not sent again.
Warnings from the district's approval level upwards wait for an officer: a run of the DAG `approval` asks, so that this
one ends and the next hour is not held up.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Asset, Param, dag, task

RAIN = Asset("wuyu://rain")
RISK = Asset("wuyu://risk")


@dag(
    dag_id="warning_cycle",
    schedule=[RAIN],
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Shanghai"),
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "duty-desk",
        "retries": 3,
        "retry_delay": timedelta(seconds=20),
        "execution_timeout": timedelta(minutes=10),
    },
    params={"at": Param("", type="string", description="full hour; empty: the hour of the run")},
    tags=["wuyu", "warning", "live"],
    doc_md=__doc__,
)
def warning_cycle() -> None:
    """Score, decide, ask, dispatch."""

    @task
    def hour_of_run() -> str:
        from airflow.sdk import get_current_context

        from wuyu.clock import parse_hour
        from wuyu.service import desk_from_environment

        context = get_current_context()
        at = context["params"]["at"]
        if at:
            return parse_hour(at, desk_from_environment().timezone).isoformat()
        return context["dag_run"].run_after.replace(minute=0, second=0, microsecond=0).isoformat()

    @task(outlets=[RISK])
    def score(hour: str) -> dict[str, dict[str, str]]:
        from datetime import UTC, datetime

        from wuyu.cycle import assess
        from wuyu.service import desk_from_environment

        _, paths, inputs = assess(desk_from_environment(), datetime.fromisoformat(hour).astimezone(UTC))
        return {"paths": paths, "inputs": inputs}

    @task
    def decide(hour: str, scored: dict[str, dict[str, str]]) -> list[dict[str, Any]]:
        """Decide; returns the run of `approval` that must follow, if a warning waits."""
        from datetime import UTC, datetime

        from risk_models.risk import read_risk
        from wuyu.approval import runs_to_trigger
        from wuyu.cycle import decide as decide_cycle
        from wuyu.service import desk_from_environment

        desk = desk_from_environment()
        table = read_risk(desk.out / scored["paths"]["parquet"])
        valid_at = datetime.fromisoformat(hour).astimezone(UTC)
        decide_cycle(desk, valid_at, table, **scored)
        return runs_to_trigger(desk, valid_at)

    @task(trigger_rule="all_done")
    def dispatch() -> dict[str, int]:
        from wuyu.clock import time_now, wall_clock
        from wuyu.delivery.relay import deliver
        from wuyu.service import station_from_environment, transport_from_environment

        with transport_from_environment() as transport:
            return deliver(station_from_environment().ledger, transport, clock=wall_clock, now=time_now()).counts

    hour = hour_of_run()
    decided = decide(hour, score(hour))
    TriggerDagRunOperator.partial(
        task_id="ask_officer",
        trigger_dag_id="approval",
        logical_date=None,
        skip_when_already_exists=True,
        fail_when_dag_is_paused=True,
    ).expand_kwargs(decided)
    # Dispatch runs even if this cycle failed: mail decided earlier must not wait for it. The failed task fails the run.
    decided >> dispatch()


warning_cycle()
