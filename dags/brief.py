"""The district brief: one page on what still stands, at the hours that the district names, while a warning is open.

Asked every ten minutes, so that one whose hour passed while the scheduler was away still goes out within two hours;
each goes out once. What it queues is sent by the DAG `delivery`.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import CronTriggerTimetable, dag, task

from wuyu.schedules import zone_as_written

ZONE = zone_as_written()


@dag(
    dag_id="brief",
    schedule=CronTriggerTimetable("*/10 * * * *", timezone=ZONE),
    start_date=pendulum.datetime(2026, 1, 1, tz=ZONE),
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "duty-desk",
        "retries": 2,
        "retry_delay": timedelta(seconds=30),
        "execution_timeout": timedelta(minutes=5),
    },
    tags=["wuyu", "warning", "live"],
    doc_md=__doc__,
)
def brief() -> None:
    """Send what is due; it may run twice without harm."""

    @task
    def send() -> int:
        from wuyu.jobs import send_due_brief

        return send_due_brief()

    send()


brief()
