"""Remove what the district keeps no longer: old files, bodies of messages, and Airflow's own runs and logs.

`retention` in the district's settings says what is kept how long. What a bulletin, an open warning, a message on its
way or an issued report stands on stays, whatever its age. Either task may be killed and run again.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import CronTriggerTimetable, dag, task

from wuyu.schedules import zone_as_written

ZONE = zone_as_written()


@dag(
    dag_id="retention",
    schedule=CronTriggerTimetable("30 3 * * *", timezone=ZONE),
    start_date=pendulum.datetime(2026, 1, 1, tz=ZONE),
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "duty-desk",
        "retries": 1,
        "retry_delay": timedelta(minutes=2),
        "execution_timeout": timedelta(minutes=30),
    },
    tags=["wuyu", "live"],
    doc_md=__doc__,
)
def retention() -> None:
    """Ours and Airflow's are cleaned apart: neither waits for the other."""

    @task
    def remove_old() -> dict[str, int]:
        from airflow.sdk.exceptions import AirflowSkipException

        from wuyu.jobs import remove_old as remove

        removed = remove()
        if removed is None:
            raise AirflowSkipException("another run of retention is at work")
        return removed

    @task
    def clean_airflow() -> str:
        from airflow.sdk.exceptions import AirflowSkipException

        from wuyu.jobs import clean_airflow as clean

        done = clean()
        if done is None:
            raise AirflowSkipException("retention.airflow_days is null: Airflow's own runs and logs are kept for ever")
        return done

    remove_old()
    clean_airflow()


retention()
