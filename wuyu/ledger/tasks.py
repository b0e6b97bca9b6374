"""Tasks for the operator: entries of the log that stay open until somebody says that they are done."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, ForeignKey, delete, event, insert, select
from sqlalchemy.orm import Mapped, Mapper, Session, mapped_column

from risk_models.errors import ConfigError
from wuyu.ledger.models import Base, LogEntry
from wuyu.ledger.store import Ledger

__all__ = ["OPERATOR_TASK", "TASK_DONE", "OpenTask", "is_open", "open_tasks", "settle_task"]

OPERATOR_TASK = "operator-task"
TASK_DONE = "operator-task-done"


class OpenTask(Base):
    """A task of the log that nobody has settled; the log says who settled the others, and this is made from it."""

    __tablename__ = "open_tasks"

    task_id: Mapped[int] = mapped_column(ForeignKey("log.id"), primary_key=True, autoincrement=False)


@event.listens_for(LogEntry, "after_insert")
def _follow(_mapper: Mapper[LogEntry], connection: Connection, entry: LogEntry) -> None:
    """Open and close tasks as the log says, in its own transaction."""
    if entry.what == OPERATOR_TASK:
        connection.execute(insert(OpenTask).values(task_id=entry.id))
    elif entry.what == TASK_DONE:
        connection.execute(delete(OpenTask).where(OpenTask.task_id == entry.detail["task_id"]))


def open_tasks(ledger: Ledger) -> list[LogEntry]:
    """Return the tasks nobody has settled, oldest first."""
    with ledger.reading() as session:
        query = select(LogEntry).join(OpenTask, OpenTask.task_id == LogEntry.id).order_by(OpenTask.task_id)
        return list(session.scalars(query))


def is_open(session: Session, task_id: int) -> bool:
    """Return True if nobody has settled a task."""
    return session.get(OpenTask, task_id) is not None


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
