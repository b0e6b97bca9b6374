"""Every minute: go on to the next contact where a town has not answered in time, and send what that queues.

`check_delivery` fails if messages are due that no relay has tried for some minutes: then the DAG `delivery` is switched
off, or its pool is missing (`wuyu service init`).
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import CronTriggerTimetable, dag, task

from wuyu.schedules import zone_as_written

ZONE = zone_as_written()


@dag(
    dag_id="acknowledgement",
    schedule=CronTriggerTimetable("* * * * *", timezone=ZONE),
    start_date=pendulum.datetime(2026, 1, 1, tz=ZONE),
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "duty-desk",
        "retries": 1,
        "retry_delay": timedelta(seconds=10),
        "execution_timeout": timedelta(minutes=5),
    },
    tags=["wuyu", "warning", "live"],
    doc_md=__doc__,
)
def acknowledgement() -> None:
    """Escalate, then dispatch; both may run twice without harm."""

    @task
    def escalate() -> int:
        from wuyu.ack.escalation import escalate as take_next_steps
        from wuyu.clock import time_now
        from wuyu.service import station_from_environment

        return len(take_next_steps(station_from_environment(), time_now()))

    @task
    def dispatch() -> dict[str, int]:
        from wuyu.clock import time_now, wall_clock
        from wuyu.delivery.relay import deliver
        from wuyu.service import station_from_environment, transport_from_environment

        with transport_from_environment() as transport:
            return deliver(station_from_environment().ledger, transport, clock=wall_clock, now=time_now()).counts

    @task
    def check_delivery() -> None:
        """Fail, saying why, if messages are due that nobody tries: `delivery` off, or its pool missing."""
        from wuyu.jobs import require_delivery

        require_delivery()

    escalate() >> dispatch()
    check_delivery()


acknowledgement()
