"""Hand over what is due in the outbox, every minute, each way out in a task of its own: a dead one delays none.

Its tasks have a pool of their own, ``live_delivery``, so that no replay or backfill can take their place. ``wuyu
service init`` makes it, and while it is missing `acknowledgement` fails at ``check_delivery``. Mail that came
back is read by the DAG `returns`.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import CronTriggerTimetable, dag, task

from wuyu.schedules import zone_as_written

ZONE = zone_as_written()

POOL = "live_delivery"


@dag(
    dag_id="delivery",
    schedule=CronTriggerTimetable("* * * * *", timezone=ZONE),
    start_date=pendulum.datetime(2026, 1, 1, tz=ZONE),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(minutes=25),  # a run that hangs must not keep the next from beginning
    default_args={
        "owner": "duty-desk",
        "retries": 1,
        "retry_delay": timedelta(seconds=10),
        "execution_timeout": timedelta(minutes=20),
        "pool": POOL,
        "priority_weight": 100,
    },
    tags=["wuyu", "warning", "live"],
    doc_md=__doc__,
)
def delivery() -> None:
    """Send by every way."""

    @task
    def list_ways() -> list[str]:
        from wuyu.jobs import delivery_ways

        return delivery_ways()

    @task
    def send(way: str) -> dict[str, int]:
        from wuyu.jobs import deliver_by

        return deliver_by(way)

    send.expand(way=list_ways())


delivery()
