"""Learn the chance of a flood anew, each year and after a storm, and let a person decide whether it serves.

Looked for every day: a year after the last time, or when floods were recorded since and the storm is over. What is
learned is held against storms it had not seen; one that shows no skill is refused and nobody is asked. Without an
answer nothing changes: the model in service goes on, and `wuyu learn --adopt` can still take the new one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import CronTriggerTimetable, Param, dag, task

from wuyu.schedules import zone_as_written

ZONE = zone_as_written()

#: The answers and the field of the form; `wuyu.learning` reads them.
OPTIONS = ["Put into service 启用", "Leave the present one 维持现状", "No answer yet 暂不答复"]
NO_ANSWER = OPTIONS[-1]
OPTIONAL = ["null", "string"]
FORM = {
    "person": Param(None, type=OPTIONAL, title="负责人 Who", description="以本人账号登录的可不填 who answers for it")
}


@dag(
    dag_id="learning",
    schedule=CronTriggerTimetable("0 10 * * *", timezone=ZONE),
    start_date=pendulum.datetime(2026, 1, 1, tz=ZONE),
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "risk-analysis",
        "retries": 1,
        "retry_delay": timedelta(minutes=2),
        "execution_timeout": timedelta(minutes=30),
    },
    tags=["wuyu", "forecast"],
    doc_md=__doc__,
)
def learning() -> None:
    """Learn, ask, settle."""

    @task
    def learn() -> dict[str, Any]:
        from airflow.sdk.exceptions import AirflowSkipException

        from wuyu.jobs import learn_if_due

        shown = learn_if_due()
        if "subject" not in shown:
            raise AirflowSkipException(shown["why"])
        return shown

    ask = HITLOperator(
        task_id="ask",
        subject="{{ ti.xcom_pull(task_ids='learn')['subject'] }}",
        body="{{ ti.xcom_pull(task_ids='learn')['body'] }}",
        options=OPTIONS,
        defaults=NO_ANSWER,
        params=FORM,
        response_timeout=timedelta(days=7),
        # Airflow takes an answer of the first second for a fault and asks again: that must not use up the tries.
        retries=50,
        retry_delay=timedelta(seconds=5),
    )

    @task
    def settle(shown: dict[str, Any], answer: dict[str, Any]) -> str:
        from wuyu.jobs import settle_learning

        return settle_learning(shown["folder"], answer)

    shown = learn()
    shown >> ask
    settle(shown, ask.output)


learning()
