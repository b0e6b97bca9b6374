"""`wuyu demo`, `wuyu up`, and what an Airflow of its own needs: `wuyu service init`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from wuyu.cli.common import add_place, add_verb, say

__all__ = ["add_verbs"]


def add_verbs(verbs: Any) -> None:
    """Add the verbs of this family."""
    add_place(add_verb(verbs, "demo", _demo, "replay the storm of July 2021 through Airflow, embedded"), machine=False)
    add_place(add_verb(verbs, "up", _up, "Airflow with its web page on this machine"), machine=False)
    service = verbs.add_parser(
        "service", help="prepare an Airflow of your own for the DAGs, or check it"
    ).add_subparsers(dest="service_verb", required=True, metavar="VERB")
    add_verb(service, "init", _init, "bring Airflow's database up to date and make the pool of live delivery")
    add_verb(service, "check", _check, "say whether Airflow has what the DAGs need")


def _init(arguments: argparse.Namespace) -> int:  # noqa: ARG001
    import os

    from wuyu.demo import LIVE_POOL, prepare_airflow

    prepare_airflow(os.environ)
    say(f"Airflow's database is up to date and has the pool '{LIVE_POOL}'")
    return 0


def _check(arguments: argparse.Namespace) -> int:  # noqa: ARG001
    import os

    from wuyu.demo import LIVE_POOL, has_live_pool

    if has_live_pool(os.environ):
        say(f"Airflow has the pool '{LIVE_POOL}'")
        return 0
    say(f"Airflow has no pool '{LIVE_POOL}': the DAG 'delivery' would wait for ever; make it with: wuyu service init")
    return 1


def _demo(arguments: argparse.Namespace) -> int:
    from wuyu.demo import run_demo

    out = Path(arguments.out)
    seconds = run_demo(Path(arguments.district), out)
    mails = sum(1 for _ in (out / "mailbox").glob("*/new/*"))
    say(f"\n演示完成，用时{seconds:.0f}秒。演示数据，非真实情况。 / Done in {seconds:.0f} s. Demonstration data.\n")
    for name, text in (
        ("index.html", "暴雨过程逐时 / the story of the storm: start here"),
        ("onemap.html", "一张图 / one map"),
        ("bulletins/", "预警通报 / bulletins: html, txt, pdf, cap.xml"),
        ("reports/", "月度报告 / monthly report: docx, pdf, html"),
        ("mailbox/", f"{mails} 封邮件 / mails in the sink"),
        ("risk/", "逐时风险表 / risk table of every hour"),
        ("ledger.sqlite", "台账 / ledger"),
    ):
        say(f"  {out / name!s:32} {text}")
    return 0


def _up(arguments: argparse.Namespace) -> int:
    from wuyu.demo import run_service

    return run_service(Path(arguments.district), Path(arguments.out))
