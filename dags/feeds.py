"""Pull every feed of the district; whatever is new wakes the warning cycle."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import Asset, CronTriggerTimetable, dag, task

RAIN = Asset("wuyu://rain")


@dag(
    dag_id="feeds",
    schedule=CronTriggerTimetable("*/10 * * * *", timezone="Asia/Shanghai"),
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Shanghai"),
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "duty-desk",
        "retries": 2,
        "retry_delay": timedelta(seconds=30),
        "execution_timeout": timedelta(minutes=5),
    },
    tags=["wuyu", "forecast", "live"],
    doc_md=__doc__,
)
def feeds() -> None:
    """Look into each feed; a broken feed never stops another."""

    @task
    def list_feeds() -> list[str]:
        from wuyu.service import desk_from_environment

        return [feed.id for feed in desk_from_environment().district.settings.feeds]

    @task(outlets=[RAIN])
    def pull(feed_id: str) -> int:
        from airflow.sdk.exceptions import AirflowSkipException

        from wuyu.rain import pull_feed
        from wuyu.service import desk_from_environment, wall_clock

        result = pull_feed(desk_from_environment(), feed_id, now=wall_clock())
        if not result.accepted:
            raise AirflowSkipException(result.error or f"{feed_id}: nothing new")
        return len(result.accepted)

    pull.expand(feed_id=list_feeds())


feeds()
