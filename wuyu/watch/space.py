"""Room on the disks: how much is free, and for how many days at the growth of the last weeks."""

from __future__ import annotations

import contextlib
import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from risk_models.district.outgoing import WatchSettings
from risk_models.files import write_whole
from wuyu.ledger.engines import ledger_url
from wuyu.watch.watcher import Problem

__all__ = ["Room", "look_at_room", "room_of"]

_APART: Final = timedelta(hours=20)
"""Least time between two notes, and between the two that a growth is told from."""
_BACK: Final = timedelta(days=30)
_NOTES: Final = "space.json"


@dataclass(frozen=True)
class Room:
    """Room on one disk.

    Attributes
    ----------
    what : str
        What lies on it.
    free_bytes, total_bytes : int
    days_left : float or None
        Until it is full at the growth of the last weeks; None if that is not known yet, infinite if it does not grow.
    """

    what: str
    free_bytes: int
    total_bytes: int
    days_left: float | None

    @property
    def free_pct(self) -> float:
        """Free share [%]."""
        return 100.0 * self.free_bytes / self.total_bytes if self.total_bytes else 0.0


def look_at_room(
    out: Path, ledger_at: str | Path, limits: WatchSettings, *, now: datetime
) -> tuple[list[Problem], list[str]]:
    """Return what is wrong with the room on the disks, and how it stands.

    Parameters
    ----------
    out : Path
        Folder of the products.
    ledger_at : str or Path
        A ledger on another disk is looked at too; the disk of a database server is not known, and that is said.
    limits : WatchSettings
    now : datetime
        Wall time, aware.
    """
    problems, facts = [], []
    notes = _read_notes(out / "watch" / _NOTES)
    for what, place in _places(out, ledger_at).items():
        if place is None:
            facts.append(f"{what}所在磁盘空间不明 / room for the {what}: not known, it is on a database server")
            continue
        try:
            room = room_of(what, place, notes, now=now)
        except OSError as error:
            zh, en = f"{what}所在磁盘无法查看", f"the disk of the {what} cannot be looked at"
            problems.append(Problem("space", f"{zh}（{error.strerror}）", f"{en}: {error.strerror}"))
            continue
        facts.append(_fact(room))
        problems += _problems(room, limits)
    if out.is_dir():  # a folder that is not mounted is not made
        _write_notes(out / "watch" / _NOTES, notes)
    return problems, facts


def room_of(what: str, place: Path, notes: dict[str, list[list[Any]]], *, now: datetime) -> Room:
    """Return the room where a place is, and note it for the looks to come.

    Parameters
    ----------
    what : str
    place : Path
    notes : dict
        By what: moments and used bytes, oldest first; changed in place.
    now : datetime

    Examples
    --------
    >>> at, notes = datetime(2026, 7, 1, tzinfo=UTC), {}
    >>> room_of("out", Path("."), notes, now=at).days_left is None, len(notes["out"])
    (True, 1)
    """
    usage = shutil.disk_usage(place)
    known = [note for note in notes.get(what, []) if now - _BACK <= datetime.fromisoformat(note[0]) <= now]
    days = _days_left(known, usage.used, usage.free, now)
    if not known or now - datetime.fromisoformat(known[-1][0]) >= _APART:
        known.append([now.astimezone(UTC).isoformat(), usage.used])
    notes[what] = known
    return Room(what, usage.free, usage.total, days)


def _days_left(known: list[list[Any]], used: int, free: int, now: datetime) -> float | None:
    if not known or now - datetime.fromisoformat(known[0][0]) < _APART:
        return None
    days = (now - datetime.fromisoformat(known[0][0])) / timedelta(days=1)
    growth = (used - known[0][1]) / days
    return free / growth if growth > 0 else float("inf")


def _places(out: Path, ledger_at: str | Path) -> dict[str, Path | None]:
    """Return what is to be looked at; a ledger on the disk of the products is there already."""
    url = ledger_url(ledger_at)
    if url.get_backend_name() != "sqlite":
        return {"products": out, "ledger": None}
    folder = Path(str(url.database)).parent
    is_same = folder.is_dir() and out.is_dir() and folder.stat().st_dev == out.stat().st_dev
    return {"products": out} if is_same or not folder.is_dir() else {"products": out, "ledger": folder}


def _fact(room: Room) -> str:
    return f"磁盘空间 / room ({room.what}): {room.free_pct:.0f}%, {room.free_bytes / 1e9:.1f} GB, {_left(room)}"


def _left(room: Room) -> str:
    if room.days_left is None:
        return "增长情况不明 / growth not known before tomorrow"
    if room.days_left == float("inf"):
        return "没有增长 / not growing"
    return f"约够{room.days_left:.0f}天 / about {room.days_left:.0f} days left"


def _problems(room: Room, limits: WatchSettings) -> list[Problem]:
    found = []
    if room.free_pct < limits.min_free_pct:
        said = f"{room.free_pct:.1f}%", f"{limits.min_free_pct:g}%"
        zh = f"磁盘剩余空间不足（{room.what}）：{said[0]}（限{said[1]}）；参见 wuyu retention"
        en = f"the disk of the {room.what} is {said[0]} free (limit {said[1]}): wuyu retention"
        found.append(Problem("space", zh, en))
    elif room.days_left is not None and room.days_left < limits.min_days_left:
        zh = f"按目前增长，磁盘（{room.what}）约{room.days_left:.0f}天后写满（限{limits.min_days_left:g}天）"
        en = f"at its growth the disk of the {room.what} is full in about {room.days_left:.0f} days"
        found.append(Problem("space", zh, f"{en} (limit {limits.min_days_left:g}): wuyu retention"))
    return found


def _read_notes(path: Path) -> dict[str, list[list[Any]]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        for notes in found.values():
            for at, used in notes:
                if datetime.fromisoformat(at).tzinfo is None or not isinstance(used, int):
                    return {}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # then the growth is not known for a day
    return dict(found)


def _write_notes(path: Path, notes: dict[str, list[list[Any]]]) -> None:
    with contextlib.suppress(OSError):  # a full disk is told above
        write_whole(path, json.dumps(notes) + "\n")
