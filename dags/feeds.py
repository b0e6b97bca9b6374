"""Pull the feeds of the district, each by its own schedule; whatever is new wakes the warning cycle.

The schedules are those of `every_min` and `availability_delay_min` in the `district.yaml` of `WUYU_DISTRICT`, as it was
when it was last found good: a DAG `feed_<id>` for each feed, and `feeds` for all of them at once, by hand. Without a
district at hand, `feeds` alone looks into every feed every ten minutes. A run of a past date looks into the feed as it
is now, and sends nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, Asset, CronTriggerTimetable, DeltaTriggerTimetable, dag, task

from wuyu.schedules import feeds_as_written

RAIN = Asset("wuyu://rain")
EVERY_MIN = 10


def schedule_of(feed: dict[str, Any]) -> CronTriggerTimetable | DeltaTriggerTimetable:
    """Return when to look: every `every_min` minutes of the day in UTC, moved by the delay until data can be had."""
    every = max(1, int(feed.get("every_min", EVERY_MIN)))
    late = int(feed.get("availability_delay_min", 0)) % every
    if every < 60 and 60 % every == 0:
        return CronTriggerTimetable(f"{late}-59/{every} * * * *", timezone="UTC")
    if every % 60 == 0 and 24 % (every // 60) == 0:
        return CronTriggerTimetable(f"{late % 60} {late // 60}-23/{every // 60} * * *", timezone="UTC")
    return DeltaTriggerTimetable(timedelta(minutes=every))


def _dag(dag_id: str, schedule: Any) -> Any:
    return dag(
        dag_id=dag_id,
        schedule=schedule,
        start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
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


@task(outlets=[RAIN])
def pull(feed_id: str) -> int:
    """Take over what is new; a run without anything that no cycle has looked at yet is skipped and wakes nobody."""
    from airflow.sdk.exceptions import AirflowSkipException

    from wuyu.clock import time_now
    from wuyu.rain import not_yet_looked_at, pull_feed
    from wuyu.service import desk_from_environment

    desk = desk_from_environment()
    result = pull_feed(desk, feed_id, now=time_now())
    # A run that was killed after taking a file over has woken nobody: this one does.
    new = len(result.accepted) or not_yet_looked_at(desk, feed_id)
    if not new:
        raise AirflowSkipException(result.error or f"{feed_id}: nothing new")
    return new


@task
def list_feeds() -> list[str]:
    """Name every feed of the district."""
    from wuyu.service import desk_from_environment

    return [feed.id for feed in desk_from_environment().district.settings.feeds]


def all_feeds(schedule: Any) -> DAG:
    """Look into each feed; a broken feed never stops another."""

    @_dag("feeds", schedule)
    def feeds() -> None:
        pull.expand(feed_id=list_feeds())

    return feeds()


def one_feed(feed: dict[str, Any]) -> DAG:
    """Look into one feed."""

    @_dag(f"feed_{feed['id']}", schedule_of(feed))
    def feed_dag() -> None:
        pull(str(feed["id"]))

    return feed_dag()


found = feeds_as_written()
globals()["feeds"] = all_feeds(None if found else CronTriggerTimetable(f"*/{EVERY_MIN} * * * *", timezone="UTC"))
for settings in found:
    globals()[f"feed_{settings['id']}"] = one_feed(settings)
