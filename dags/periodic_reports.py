"""The five kinds of five-pre risk report, each as a review and as an outlook: draft, consultation, issue, mail.

One DAG for each kind and edition, all from one definition. A review is drafted after its period has closed, an outlook
some days before it opens (`reports.outlook_lead_days` of the settings). The page **Required Actions** then shows the
conclusions and where the files are; the chair writes the opinions down and decides. What is issued goes to town offices
and departments through the outbox. Without an answer in time it stays a draft, the operator gets a task, and nothing is
sent. By hand: `key` names any period, e.g. 2021-07; old periods are issued for the archive and mailed to nobody.

Hours are of the district (`timezone` in the `district.yaml` of `WUYU_DISTRICT`).
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pendulum
import yaml
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Context, CronTriggerTimetable, Param, dag, task

#: The answers and the fields of the form; `wuyu.reporting.consult` reads them.
OPTIONS = ["Issue 印发", "Send back 退回修改", "Reject 不予印发", "No answer yet 暂不答复"]
NO_ANSWER = OPTIONS[-1]
#: The page keeps its buttons locked until every field that may not be empty is filled in.
OPTIONAL = ["null", "string"]
FORM = {
    "chair": Param(None, type=OPTIONAL, title="主持人 Chair", description="签发人；以本人账号登录的可不填 who signs"),
    "opinions": Param(
        None,
        type=OPTIONAL,
        format="multiline",
        title="会商意见 Opinions",
        description="每行一条：部门|专家|意见 one a line: department|expert|opinion",
    ),
    "decision": Param(None, type=OPTIONAL, title="决定 Decision", maxLength=300, description="印在报告上 printed"),
    "why": Param(None, type=OPTIONAL, title="退回或不印发的理由 Why not issued"),
}
#: When each is looked for, in the district's local time; a day on which none is due is skipped.
DAILY = "0 9 * * *"
SCHEDULES = {
    ("month", "review"): "0 9 1 * *",
    ("month", "outlook"): DAILY,
    ("quarter", "review"): "0 9 1 1,4,7,10 *",
    ("quarter", "outlook"): DAILY,
    ("flood-season", "review"): DAILY,
    ("flood-season", "outlook"): DAILY,
    ("year", "review"): "0 9 1 1 *",
    ("year", "outlook"): DAILY,
    ("period", "review"): DAILY,
    ("period", "outlook"): DAILY,
}


class AskChair(HITLOperator):
    """Waits for the chair until the deadline that the ledger gave."""

    def execute(self, context: Context) -> Any:
        """Ask."""
        shown = context["ti"].xcom_pull(task_ids="draft")
        self.response_timeout = timedelta(seconds=shown["timeout_s"])
        return super().execute(context)


def settings_as_written() -> dict[str, Any]:
    """Return ``district.yaml`` unchecked: when last found good, else of the folder; empty if there is none."""
    for variable, below in (("WUYU_OUT", "register/district.yaml"), ("WUYU_DISTRICT", "district.yaml")):
        path = Path(os.environ.get(variable, ""), below)
        try:
            settings = yaml.safe_load(path.read_bytes()) if os.environ.get(variable) else None
        except (OSError, ValueError, yaml.YAMLError):  # a slip in it must not take the DAGs away
            continue
        if isinstance(settings, dict):
            return settings
    return {}


def timezone_of_district() -> str:
    """Return the local time zone as the settings have it, unchecked; that of the bundled district without one."""
    identity = settings_as_written().get("district")
    return str(identity.get("timezone", "Asia/Shanghai")) if isinstance(identity, dict) else "Asia/Shanghai"


@task
def which(kind: str, edition: str) -> list[str]:
    """Name the reports that are due."""
    from airflow.sdk import get_current_context
    from airflow.sdk.exceptions import AirflowSkipException

    from wuyu.jobs import due_reports

    due = due_reports(kind, edition, get_current_context()["params"]["key"])
    if not due:
        raise AirflowSkipException("no report is due")
    return due


@task
def draft(due: list[str], kind: str, edition: str) -> dict[str, Any]:
    """Draft the first; the others get runs of their own."""
    from airflow.sdk.exceptions import AirflowSkipException

    from wuyu.jobs import draft_for_consultation

    shown = draft_for_consultation(kind, due[0], edition)
    if shown is None:
        raise AirflowSkipException("issued before, from the same inputs")
    return shown


@task
def others(due: list[str]) -> list[dict[str, Any]]:
    """Give the reports that are due beside the first a run each."""
    from airflow.sdk import get_current_context

    context = get_current_context()
    mail = context["params"]["mail"]
    return [
        {"trigger_run_id": f"{context['dag_run'].run_id}__{key}", "conf": {"key": key, "mail": mail}} for key in due[1:]
    ]


@task
def settle(shown: dict[str, Any], due: list[str], answer: dict[str, Any], kind: str, edition: str) -> list[str]:
    """Do what the chair answered."""
    from airflow.sdk import get_current_context

    from wuyu.jobs import settle_report

    mail = get_current_context()["params"]["mail"]
    return settle_report(kind, due[0], edition, draft=shown["draft"], answer=answer, mail=mail)


@task
def dispatch() -> dict[str, int]:
    """Hand over what is due by mail."""
    from wuyu.jobs import deliver_by

    return deliver_by("mail")


def report_dag(kind: str, edition: str) -> DAG:
    """Return the DAG of one kind and edition."""
    name = f"report_{kind.replace('-', '_')}" + ("_outlook" if edition == "outlook" else "")
    zone = timezone_of_district()

    @dag(
        dag_id=name,
        schedule=CronTriggerTimetable(SCHEDULES[kind, edition], timezone=zone),
        start_date=pendulum.datetime(2026, 1, 1, tz=zone),
        catchup=False,
        # A consultation takes days; it must not hold up the report of another period.
        max_active_runs=8,
        default_args={
            "owner": "risk-analysis",
            "retries": 2,
            "retry_delay": timedelta(seconds=20),
            "execution_timeout": timedelta(minutes=30),
        },
        params={
            "key": Param("", type="string", description="period, e.g. 2021-07; empty: what is due"),
            "mail": Param(True, type="boolean", description="mail what is issued; old periods are mailed to nobody"),
        },
        tags=["wuyu", "reports"],
        doc_md=__doc__,
    )
    def report() -> None:
        due = which(kind, edition)
        shown = draft(due, kind, edition)
        ask = AskChair(
            task_id="ask",
            subject="{{ ti.xcom_pull(task_ids='draft')['subject'] }}",
            body="{{ ti.xcom_pull(task_ids='draft')['body'] }}",
            options=OPTIONS,
            defaults=NO_ANSWER,
            params=FORM,
            response_timeout=timedelta(hours=24),
            # Airflow takes an answer of the first second for a fault and asks again: that must not use up the tries.
            retries=50,
        )
        shown >> ask
        settle(shown, due, ask.output, kind, edition) >> dispatch()
        TriggerDagRunOperator.partial(
            task_id="run_others",
            trigger_dag_id=name,
            logical_date=None,
            skip_when_already_exists=True,
        ).expand_kwargs(others(due))

    return report()


for one_kind, one_edition in SCHEDULES:
    made = report_dag(one_kind, one_edition)
    globals()[made.dag_id] = made
