"""Remove what a plan names: first the row that says so, then the file; killed in between, the next run ends it.

Files whose rows were written and that are there all the same are in the next plan again. Of two runs at once the second
says that another is at work.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from risk_models.errors import ConfigError, FloodRiskError
from risk_models.files import flush_folder
from wuyu.ledger.models import FeedFile, FeedPull, LogEntry, MessageBody
from wuyu.ledger.removals import Kept, Removal, removals_of
from wuyu.ledger.store import lock_ledger
from wuyu.progress import Tell, silent
from wuyu.retention.plan import Item, Plan, body_is_needed, plan_of

if TYPE_CHECKING:
    from wuyu.station import Station

__all__ = ["RETAINED", "Removed", "RetentionBusyError", "apply_retention"]

RETAINED: Final = "retention-applied"
"""What the log calls a run that removed something."""
GAP: Final = timedelta(days=31)
"""Time since the last look into a feed after which nobody knows whether the clock is right."""

_AT_ONCE: Final = 100  # things in one transaction, so that no writer waits for long
_LOCK: Final = ".retention.lock"


class RetentionBusyError(FloodRiskError):
    """Another run is at work on this folder."""


@dataclass
class Removed:
    """What one run removed.

    Attributes
    ----------
    counts, sizes : dict of str to int
        Things and bytes by kind.
    kept : int
        Things that something began to need, or somebody changed, after the plan was made.
    plan : Plan
        What it went by.
    """

    plan: Plan
    counts: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    kept: int = 0

    def add(self, item: Item) -> None:
        """Count one thing."""
        self.counts[item.kind] = self.counts.get(item.kind, 0) + 1
        self.sizes[item.kind] = self.sizes.get(item.kind, 0) + item.size_bytes


def apply_retention(
    station: Station, *, now: datetime, after_a_gap: bool = False, who: str = "retention", tell: Tell = silent
) -> Removed:
    """Remove what the district keeps no longer and nothing needs; doing it again removes nothing more.

    Parameters
    ----------
    station : Station
    now : datetime
        Wall time, aware.
    after_a_gap : bool
        Remove although no feed was looked at for long: somebody has looked at the clock.
    who : str
        For the log.
    tell : Tell
        Progress.

    Returns
    -------
    Removed

    Raises
    ------
    RetentionBusyError
        If another run is at work.
    ConfigError
        If the clock may be wrong: everything would seem old.
    """
    if not after_a_gap:
        require_sound_clock(station, now)
    with _alone(station.out):
        plan = plan_of(station, now=now)
        done = Removed(plan)
        for begin in range(0, len(plan.items), _AT_ONCE):
            some = plan.items[begin : begin + _AT_ONCE]
            _remove(station, some, now, done)
            tell((begin + len(some)) / len(plan.items), f"{begin + len(some)} of {len(plan.items)}")
        if done.counts:
            detail = {"counts": done.counts, "bytes": done.sizes}
            with station.ledger.writing() as session:
                session.add(LogEntry(at=now, who=who, what=RETAINED, detail=detail))
    return done


def require_sound_clock(station: Station, now: datetime) -> None:
    """Check that the ledger knows of something not long before `now`, or of nothing at all.

    Raises
    ------
    ConfigError
        If the last look into a feed is further away than `GAP`: the desk stood still, or the clock is wrong.
    """
    with station.ledger.reading() as session:
        last = session.scalars(select(FeedPull.at).order_by(FeedPull.id.desc()).limit(1)).one_or_none()
    if last is not None and now - last > GAP:
        raise ConfigError(
            f"nothing is removed: it is {now:%Y-%m-%d} by the clock, and the last look into a feed was on "
            f"{last:%Y-%m-%d}. If the clock is right, say --after-a-gap"
        )


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Hold the folder against other runs; the lock goes with the process, however it ends."""
    with (out / _LOCK).open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise RetentionBusyError(f"another run of retention is at work (process {holder}); run it later") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _remove(station: Station, items: Sequence[Item], now: datetime, done: Removed) -> None:
    """Write down that some things go, in one transaction; then let them go."""
    with station.ledger.writing() as session:
        lock_ledger(session)
        going = [item for item in items if _may_go(session, item, now)]
        known = {kind: removals_of(session, kind, [one.name for one in going if one.kind is kind]) for kind in Kept}
        session.add_all(
            Removal(kind=item.kind, name=item.name, size_bytes=item.size_bytes, at=now, rule=item.rule)
            for item in going
            if item.name not in known[item.kind]
        )
    done.kept += len(items) - len(going)
    for item in going:
        if item.kind is not Kept.BODY:
            remove_path(station.out / item.name)
        done.add(item)
    folders = {(station.out / item.name).parent for item in going if item.kind is not Kept.BODY}
    for folder in sorted(one for one in folders if one.is_dir()):
        flush_folder(folder)


def _may_go(session: Session, item: Item, now: datetime) -> bool:
    """Look again, within the transaction, at what others may have changed since the plan; mark the row."""
    if item.kind is Kept.BODY:
        if body_is_needed(session, item.name, set()):
            return False
        statement = update(MessageBody).where(MessageBody.sha256 == item.name).values(body=b"")
        session.execute(statement.execution_options(synchronize_session=False))
    if item.kind is Kept.RAW:
        row = session.get(FeedFile, item.row, populate_existing=True)
        name = "" if row is None else f"raw/{row.raw_path}"
        if row is None or item.name not in (name, f"{name}.reason.txt"):
            return False  # an officer took it into use meanwhile
        row.removed_at = row.removed_at or now
    return True


def remove_path(path: Path) -> None:
    """Remove a file, or a folder: that is renamed first, so that its name never stands for a part of it."""
    if path.is_dir() and not path.is_symlink():
        aside = path if path.name.endswith(".part") else path.with_name(f".{path.name}.{os.getpid()}.part")
        if aside != path:
            path.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
