"""One warning cycle whenever new rain has come in, and at least once an hour: score, decide, write bulletins, dispatch.

Each task is a transaction and may run twice: a cycle that is done stays as it is, a mail sent is not sent again.
Warnings from the district's approval level upwards wait for an officer: a run of the DAG `approval` asks, so that this
one ends and the next hour is not held up.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Asset, AssetOrTimeSchedule, CronTriggerTimetable, Param, dag, task

from wuyu.schedules import zone_as_written

ZONE = zone_as_written()
RAIN = Asset("wuyu://rain")
RISK = Asset("wuyu://risk")
#: With every feed silent there is a cycle all the same, some minutes into the hour, when its rain ought to be in.
HOURLY = "10 * * * *"


@dag(
    dag_id="warning_cycle",
    schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable(HOURLY, timezone=ZONE), assets=[RAIN]),
    start_date=pendulum.datetime(2026, 1, 1, tz=ZONE),
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "duty-desk",
        "retries": 3,
        "retry_delay": timedelta(seconds=20),
        "execution_timeout": timedelta(minutes=10),
    },
    params={"at": Param("", type="string", description="time, a multiple of 5 min; empty: now")},
    tags=["wuyu", "warning", "live"],
    doc_md=__doc__,
)
def warning_cycle() -> None:
    """Score, decide, ask, dispatch."""

    @task
    def time_of_cycle() -> str:
        from airflow.sdk import get_current_context

        from wuyu.clock import newest_mark, parse_mark, time_now
        from wuyu.service import station_from_environment

        at, station = get_current_context()["params"]["at"], station_from_environment()
        if at:
            return parse_mark(at, station.timezone).isoformat()
        # The time now, not that of the run: one that was held up looks at what is known today.
        return newest_mark(time_now(), station.settings.cycle_step_min).isoformat()

    @task(outlets=[RISK])
    def score(at: str) -> dict[str, dict[str, str]]:
        from datetime import UTC, datetime

        from wuyu.cycle import assess, time_of_service
        from wuyu.service import desk_from_environment

        valid_at = datetime.fromisoformat(at).astimezone(UTC)
        _, paths, inputs = assess(desk_from_environment(), valid_at, now=time_of_service(valid_at))
        return {"paths": paths, "inputs": inputs}

    @task
    def decide(at: str, scored: dict[str, dict[str, str]]) -> list[dict[str, Any]]:
        """Decide; returns the run of `approval` that must follow, if a warning waits."""
        from datetime import UTC, datetime

        from risk_models.risk import read_risk
        from wuyu.approval import runs_to_trigger
        from wuyu.cycle import decide as decide_cycle
        from wuyu.cycle import time_of_service
        from wuyu.service import desk_from_environment

        desk = desk_from_environment()
        table = read_risk(desk.out / scored["paths"]["parquet"])
        valid_at = datetime.fromisoformat(at).astimezone(UTC)
        done = decide_cycle(desk, valid_at, table, now=time_of_service(valid_at), **scored)
        return runs_to_trigger(desk, done.decided_at or valid_at)

    @task(trigger_rule="all_done")
    def dispatch() -> dict[str, int]:
        from wuyu.clock import time_now, wall_clock
        from wuyu.delivery.relay import deliver
        from wuyu.service import station_from_environment, transport_from_environment

        with transport_from_environment() as transport:
            return deliver(station_from_environment().ledger, transport, clock=wall_clock, now=time_now()).counts

    at = time_of_cycle()
    decided = decide(at, score(at))
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
