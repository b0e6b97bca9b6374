"""The monthly five-pre risk report, on the first of the month for the month before."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import CronTriggerTimetable, Param, dag, task


@dag(
    dag_id="risk_reports",
    schedule=CronTriggerTimetable("0 9 1 * *", timezone="Asia/Shanghai"),
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Shanghai"),
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "risk-analysis",
        "retries": 2,
        "retry_delay": timedelta(minutes=2),
        "execution_timeout": timedelta(minutes=15),
    },
    params={"month": Param("", type="string", description="YYYY-MM; empty: the month before the run")},
    tags=["wuyu", "reports"],
    doc_md=__doc__,
)
def risk_reports() -> None:
    """Write the report of one month, Word and PDF, Chinese and English."""

    @task
    def monthly_report() -> list[str]:
        from airflow.sdk import get_current_context

        from wuyu.jobs import month_before, report_month

        context = get_current_context()
        return report_month(context["params"]["month"] or month_before(context["dag_run"].run_after))

    monthly_report()


risk_reports()
