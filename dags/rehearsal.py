"""Run the design storms through the ponding model before the flood season, and whenever asked."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import CronTriggerTimetable, dag, task

from wuyu.schedules import zone_as_written

ZONE = zone_as_written()


@dag(
    dag_id="rehearsal",
    schedule=CronTriggerTimetable("0 9 1 5 *", timezone=ZONE),
    start_date=pendulum.datetime(2026, 1, 1, tz=ZONE),
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "risk-analysis",
        "retries": 1,
        "retry_delay": timedelta(minutes=1),
        "execution_timeout": timedelta(minutes=15),
    },
    tags=["wuyu", "rehearsal"],
    doc_md=__doc__,
)
def rehearsal() -> None:
    """Table and map of all design storms."""

    @task
    def design_storms() -> str:
        from wuyu.jobs import rehearse

        return rehearse()

    design_storms()


rehearsal()
