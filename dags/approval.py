"""Ask an officer to sign the grave warnings of one cycle: one run is one round of asking.

`warning_cycle` triggers the first round. The page **Required Actions** then shows the evidence; the answer, given there
or through the API, is written into the ledger, and what was approved is sent. If nobody answers before the shortest
deadline, the next officer on the duty chain of the district is called and another round begins, until everything has
been decided or is over. Nothing is ever sent for want of an answer, and until it is over `wuyu approve` can still sign.

Rounds are runs of their own, so a cycle that waits for its officer never holds up the cycle of the next hour.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Context, Param, dag, task

from wuyu.schedules import zone_as_written

ZONE = zone_as_written()

#: The answers and the fields of the form; `wuyu.approval.rounds` reads them.
OPTIONS = [
    "Approve all 全部签发",
    "Approve all but the numbers given 除所列编号外全部签发",
    "Approve only the numbers given 只签发所列编号",
    "Refuse all 全部不发",
    "Call the next officer 转下一位",
]
NO_ANSWER = OPTIONS[-1]
#: The page keeps its buttons locked until every field that may not be empty is filled in.
OPTIONAL = ["null", "string"]
FORM = {
    "officer": Param(None, type=OPTIONAL, title="签发人 Officer", description="姓名；以本人账号登录的可不填 name"),
    "numbers": Param(None, type=OPTIONAL, title="编号 Numbers", description="所列或除外的编号 e.g. 1,3"),
    "note_zh": Param(None, type=OPTIONAL, title="值班员补充（中文）", maxLength=300, description="写入所签发的通报"),
    "note_en": Param(
        None, type=OPTIONAL, title="Duty officer's note", maxLength=300, description="printed in the bulletins"
    ),
    "why": Param(
        None,
        type=OPTIONAL,
        title="不发的理由 Why refused",
        description="除外的编号不填理由即为暂缓 excepted without a reason: held back",
    ),
}


class AskOfficer(HITLOperator):
    """Waits for the officer until the deadline that the ledger gave."""

    def execute(self, context: Context) -> Any:
        """Ask."""
        shown = context["ti"].xcom_pull(task_ids="call")
        self.response_timeout = timedelta(seconds=shown["timeout_s"])
        return super().execute(context)


@dag(
    dag_id="approval",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz=ZONE),
    catchup=False,
    max_active_runs=32,
    # A pause would keep grave warnings from everybody's eyes.
    is_paused_upon_creation=False,
    default_args={
        "owner": "duty-desk",
        "retries": 3,
        "retry_delay": timedelta(seconds=10),
        "execution_timeout": timedelta(minutes=10),
    },
    params={
        "at": Param("", type="string", description="time of the decision, with offset"),
        "round": Param(1, type="integer", minimum=1, description="number of the round"),
    },
    tags=["wuyu", "warning", "live"],
    doc_md=__doc__,
)
def approval() -> None:
    """Call, ask, settle, dispatch, ask again."""

    @task
    def call() -> dict[str, Any]:
        from airflow.sdk import get_current_context
        from airflow.sdk.exceptions import AirflowSkipException

        from wuyu.approval import open_round
        from wuyu.clock import parse_time, time_now
        from wuyu.service import station_from_environment

        station = station_from_environment()
        at = parse_time(get_current_context()["params"]["at"], station.timezone)
        shown = open_round(station, at, now=time_now())
        if shown is None:
            raise AirflowSkipException("nothing waits any more")
        return shown

    ask = AskOfficer(
        task_id="ask",
        subject="{{ ti.xcom_pull(task_ids='call')['subject'] }}",
        body="{{ ti.xcom_pull(task_ids='call')['body'] }}",
        options=OPTIONS,
        defaults=NO_ANSWER,
        params=FORM,
        response_timeout=timedelta(minutes=10),
        # Airflow takes an answer within the first second for a fault and asks again; that must not use up the tries.
        retries=50,
        retry_delay=timedelta(seconds=5),
    )

    @task
    def settle(shown: dict[str, Any], answer: dict[str, Any]) -> list[dict[str, Any]]:
        """Write the answer into the ledger; returns the next round, if one is called for."""
        from airflow.sdk import get_current_context

        from wuyu.approval import close_round, runs_to_trigger
        from wuyu.clock import parse_time, time_now
        from wuyu.service import desk_from_environment, station_from_environment

        station, params = station_from_environment(), get_current_context()["params"]
        at, asked = parse_time(params["at"], station.timezone), shown["message_ids"]
        close_round(station, at, message_ids=asked, answer=answer, now=time_now(), open_desk=desk_from_environment)
        return runs_to_trigger(station, at, number=params["round"] + 1)

    @task(trigger_rule="all_done")
    def dispatch() -> dict[str, int]:
        from wuyu.clock import time_now, wall_clock
        from wuyu.delivery.relay import deliver
        from wuyu.service import station_from_environment, transport_from_environment

        with transport_from_environment() as transport:
            return deliver(station_from_environment().ledger, transport, clock=wall_clock, now=time_now()).counts

    shown = call()
    rounds = settle(shown, ask.output)
    shown >> ask
    TriggerDagRunOperator.partial(
        task_id="ask_again",
        trigger_dag_id="approval",
        logical_date=None,
        skip_when_already_exists=True,
    ).expand_kwargs(rounds)
    # The mail that calls an officer must not wait for the answer; what was signed follows at the end.
    shown >> dispatch.override(task_id="send_call")()
    rounds >> dispatch()


approval()
