"""Read what comes by mail, every minute: answers of the towns, and mail that came back.

Each box has a task of its own, so that a mail server that hangs keeps neither the other box nor escalation nor delivery
from anything. ``WUYU_REPLY_MAILDIR`` or ``WUYU_REPLY_IMAP_HOST`` names the box of the answers, ``WUYU_BOUNCE_MAILDIR``
or ``WUYU_BOUNCE_IMAP_HOST`` the return box; a box that is not named is skipped.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import CronTriggerTimetable, dag, task

from wuyu.schedules import zone_as_written

ZONE = zone_as_written()


@dag(
    dag_id="returns",
    schedule=CronTriggerTimetable("* * * * *", timezone=ZONE),
    start_date=pendulum.datetime(2026, 1, 1, tz=ZONE),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(minutes=10),  # a box that hangs must not keep the next run from beginning
    default_args={
        "owner": "duty-desk",
        "retries": 1,
        "retry_delay": timedelta(seconds=10),
        "execution_timeout": timedelta(minutes=4),
    },
    tags=["wuyu", "warning", "live"],
    doc_md=__doc__,
)
def returns() -> None:
    """Take answers and bounces; both may run twice without harm."""

    @task
    def take_replies() -> dict[str, int]:
        from airflow.sdk.exceptions import AirflowSkipException

        from wuyu.jobs import read_replies

        taken = read_replies()
        if taken is None:
            raise AirflowSkipException("neither WUYU_REPLY_MAILDIR nor WUYU_REPLY_IMAP_HOST is set: no box to read")
        return taken

    @task
    def take_bounces() -> dict[str, int]:
        from airflow.sdk.exceptions import AirflowSkipException

        from wuyu.jobs import read_bounces

        taken = read_bounces()
        if taken is None:
            raise AirflowSkipException("neither WUYU_BOUNCE_MAILDIR nor WUYU_BOUNCE_IMAP_HOST is set: no box to read")
        return taken

    take_replies()
    take_bounces()


returns()
