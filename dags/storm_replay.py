"""Replay a past storm as an exercise, block after block, then write rehearsal, report, map and story.

A cycle builds on the one before, so the blocks are a chain. A block that was stopped is taken up where it was: cycles
and mails are in the ledger.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import Param, chain, dag, task

from wuyu.schedules import zone_as_written

ZONE = zone_as_written()

BLOCKS = 4


@dag(
    dag_id="storm_replay",
    schedule=None,
    start_date=pendulum.datetime(2021, 7, 1, tz=ZONE),
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "duty-desk",
        "retries": 1,
        "retry_delay": timedelta(seconds=5),
        "execution_timeout": timedelta(minutes=30),
    },
    params={
        "start": Param("2021-07-18T00:00", type="string", description="first hour, local time of the district"),
        "end": Param("2021-07-22T08:00", type="string", description="last hour"),
        "month": Param("2021-07", type="string", description="month of the report"),
    },
    tags=["wuyu", "exercise"],
    doc_md=__doc__,
)
def storm_replay() -> None:
    """Prepare, replay in blocks, write the products."""

    @task
    def prepare() -> list[list[str]]:
        from airflow.sdk import get_current_context

        from wuyu.jobs import prepare_replay

        params = get_current_context()["params"]
        return prepare_replay(params["start"], params["end"], blocks=BLOCKS)

    @task
    def replay_block(blocks: list[list[str]], number: int) -> int:
        from wuyu.jobs import replay_block as run_block

        return run_block(blocks[number])

    @task
    def products() -> list[str]:
        from airflow.sdk import get_current_context

        from wuyu.jobs import write_products

        return write_products(get_current_context()["params"]["month"])

    blocks = prepare()
    chain(
        *(replay_block.override(task_id=f"replay_{number + 1:02d}")(blocks, number) for number in range(BLOCKS)),
        products(),
    )


storm_replay()
