"""Tasks for the operator: entries of the log that stay open until somebody says that they are done."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from risk_models.errors import ConfigError
from wuyu.ledger.models import LogEntry
from wuyu.ledger.store import Ledger

__all__ = ["OPERATOR_TASK", "TASK_DONE", "is_open", "open_tasks", "settle_task"]

OPERATOR_TASK = "operator-task"
TASK_DONE = "operator-task-done"


def open_tasks(ledger: Ledger) -> list[LogEntry]:
    """Return the tasks nobody has settled, oldest first."""
    with ledger.reading() as session:
        done = {
            entry.detail["task_id"] for entry in session.scalars(select(LogEntry).where(LogEntry.what == TASK_DONE))
        }
        tasks = session.scalars(select(LogEntry).where(LogEntry.what == OPERATOR_TASK).order_by(LogEntry.id))
        return [task for task in tasks if task.id not in done]


def is_open(session: Session, task_id: int) -> bool:
    """Return True if nobody has settled a task."""
    done = session.scalars(select(LogEntry).where(LogEntry.what == TASK_DONE, LogEntry.id > task_id))
    return task_id not in {entry.detail["task_id"] for entry in done}


def settle_task(ledger: Ledger, task_id: int, *, officer: str, now: datetime, note: str = "") -> None:
    """Note that a task is done, by whom and how.

    Raises
    ------
    ConfigError
        If there is no such open task, or no officer is named.
    """
    if not officer.strip():
        raise ConfigError("settling a task needs the name of an officer")
    task = next((task for task in open_tasks(ledger) if task.id == task_id), None)
    if task is None:
        raise ConfigError(f"there is no open task {task_id}")
    ledger.log(TASK_DONE, who=officer, now=now, event_key=task.event_key, task_id=task_id, note=note)
