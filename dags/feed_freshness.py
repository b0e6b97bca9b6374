"""Is rain coming in? Check the age of every feed against its limit, and fail when one is late.

The failed run names the feeds; the ledger notes when a feed becomes late and when it is fresh again. It stands apart
from the pulls, so it speaks also when they hang or are switched off.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import CronTriggerTimetable, dag, task


@dag(
    dag_id="feed_freshness",
    schedule=CronTriggerTimetable("7-59/10 * * * *", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "duty-desk",
        "retries": 1,
        "retry_delay": timedelta(seconds=30),
        "execution_timeout": timedelta(minutes=2),
    },
    tags=["wuyu", "forecast", "live"],
    doc_md=__doc__,
)
def feed_freshness() -> None:
    """Look at the ledger, not at the sources."""

    @task
    def check_ages() -> int:
        from airflow.sdk.exceptions import AirflowFailException

        from wuyu.clock import time_now
        from wuyu.feeds.freshness import check_freshness
        from wuyu.feeds.status import feed_lines
        from wuyu.service import station_from_environment

        station = station_from_environment()
        feed_ids = [feed.id for feed in station.settings.feeds]
        late = check_freshness(station.ledger, feed_ids, now=time_now())
        if late:
            # Another try would find the same: the next run looks again.
            raise AirflowFailException(" ".join(line.en for line in feed_lines(late)))
        return len(feed_ids)

    check_ages()


feed_freshness()
