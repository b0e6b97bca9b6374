"""The verb `wuyu drill`: everything as in service, a storm, faults by script, and a table at the end."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from wuyu.cli.common import add_place, add_verb, say

__all__ = ["add_verbs"]


def add_verbs(verbs: Any) -> None:
    """Add the verb of this family."""
    text = "play a storm with faults against the whole system, and say what came when; status 1 if anything failed"
    parser = add_place(add_verb(verbs, "drill", _drill, text), machine=False)
    parser.add_argument("--script", type=Path, metavar="FILE", help="script (default: drill.yaml of the district)")
    parser.add_argument(
        "--database",
        choices=("auto", "postgres", "sqlite"),
        default="auto",
        help="auto: PostgreSQL where its programs are installed",
    )
    parser.add_argument("--schedulers", type=int, choices=(1, 2, 3), default=1, help="schedulers of Airflow")
    parser.add_argument(
        "--workers", type=int, choices=(0, 1, 2, 3), default=0, help="Celery workers; 0: the schedulers run the tasks"
    )
    parser.add_argument("--patience", type=float, default=1.0, metavar="N", help="times every limit, for slow machines")


def _drill(arguments: argparse.Namespace) -> int:
    from wuyu.drill.run import run_drill
    from wuyu.drill.script import read_script
    from wuyu.drill.table import Judgement
    from wuyu.progress import progress

    district = Path(arguments.district)
    script = read_script(arguments.script or district / "drill.yaml")
    with progress("drill") as tell:
        lines, table = run_drill(
            district,
            Path(arguments.out),
            script,
            tell=tell,
            database=arguments.database,
            schedulers=arguments.schedulers,
            workers=arguments.workers,
            patience=arguments.patience,
        )
    say(table)
    return 1 if any(line.verdict is Judgement.FAIL for line in lines) else 0
