"""Parse every DAG file with no network at hand and print what is in it as JSON: ``describe_dags.py FOLDER``."""

from __future__ import annotations

import importlib.util
import json
import socket
import sys
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.work import calls_of


def _refuse(*_: object, **__: object) -> None:
    raise OSError("a DAG file must not open a connection")


def _load(path: Path) -> tuple[int, list[DAG]]:
    """Return how many functions were called to parse it, those of imports left out, and the DAGs.

    They stand in the file by name; where none does, its function bears the name of the file.
    """
    spec = importlib.util.spec_from_file_location(f"parsed_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    loader = spec.loader
    loader.exec_module(module)  # imports what it needs
    calls = calls_of(lambda: loader.exec_module(module))
    named = [value for value in vars(module).values() if isinstance(value, DAG)]
    return calls, named or [getattr(module, path.stem)()]


def _seconds(value: Any) -> float | None:
    return None if value is None else value.total_seconds()


def _task(task: Any) -> dict[str, Any]:
    return {
        "downstream": sorted(task.downstream_task_ids),
        "owner": task.owner,
        "retries": task.retries,
        "retry_delay_s": _seconds(task.retry_delay),
        "execution_timeout_s": _seconds(task.execution_timeout),
        "trigger_rule": str(task.trigger_rule),
        "outlets": [outlet.uri for outlet in task.outlets],
        "is_mapped": bool(getattr(task, "is_mapped", False)),
    }


def _schedule(dag: DAG) -> Any:
    """Return the cron text, the URIs of the assets waited for, the seconds between two runs, or None."""
    condition = getattr(dag.timetable, "asset_condition", None)
    if condition is not None and getattr(condition, "objects", None):
        waited = [asset.uri for asset in condition.objects]
        beside = getattr(dag.timetable, "timetable", None)
        return waited if beside is None else {"assets": waited, "or": beside.expression}
    return getattr(dag.timetable, "expression", None) or _seconds(getattr(dag.timetable, "delta", None))


def main() -> None:
    socket.socket.connect = _refuse  # type: ignore[method-assign, assignment]
    dags: dict[str, Any] = {}
    before = {name.partition(".")[0] for name in sys.modules}
    for path in sorted(Path(sys.argv[1]).glob("*.py")):
        if path.stem == "__init__":
            continue
        calls, found = _load(path)
        for dag in found:
            dags[dag.dag_id] = {
                "file": path.name,
                "parse_calls": calls,
                "schedule": _schedule(dag),
                "timezone": dag.timezone.name,
                "tags": sorted(dag.tags),
                "doc_md": dag.doc_md,
                "catchup": dag.catchup,
                "max_active_runs": dag.max_active_runs,
                "params": {name: dag.params[name] for name in dag.params},
                "tasks": {task.task_id: _task(task) for task in dag.tasks},
            }
    ours = {name for name in sys.modules if name.startswith("wuyu.")}
    modules = sorted(({name.partition(".")[0] for name in sys.modules} - before) | ours)
    print(json.dumps({"dags": dags, "modules": modules}))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
