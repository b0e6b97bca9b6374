"""What can go wrong in a drill, and how it is brought about and mended."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from risk_models.errors import FloodRiskError
from wuyu.drill.database import Database
from wuyu.drill.hand import ClockHand
from wuyu.drill.house import House
from wuyu.drill.script import Inject
from wuyu.drill.storm import Storm

__all__ = ["INJECTS", "NotPossibleError", "Scenery"]

_BALLAST = "ballast"


class NotPossibleError(FloodRiskError):
    """Something that cannot be brought about on this machine; the table says why."""


@dataclass
class Scenery:
    """All that an inject may lay hands on.

    Attributes
    ----------
    district : Path
        Folder that the service works with.
    disk : Path or None
        A small file system that holds the products, if one could be made.
    """

    storm: Storm
    house: House
    hand: ClockHand
    database: Database
    district: Path
    disk: Path | None


def _withhold(scenery: Scenery, inject: Inject) -> None:
    scenery.storm.withhold(inject.feed)


def _release(scenery: Scenery, inject: Inject) -> None:
    scenery.storm.release(inject.feed)


def _tear(scenery: Scenery, inject: Inject) -> None:
    scenery.storm.tear(inject.feed)


def _older(scenery: Scenery, inject: Inject) -> None:
    scenery.storm.withhold(inject.feed)
    scenery.storm.lay_older(inject.feed, scenery.hand.now() - timedelta(hours=inject.hours))


def _again(scenery: Scenery, inject: Inject) -> None:
    scenery.storm.lay_again(inject.feed)


def _silence(scenery: Scenery, inject: Inject) -> None:
    scenery.storm.silence(inject.gauge, scenery.hand.now() - timedelta(hours=inject.hours))


def _slip(scenery: Scenery, inject: Inject) -> None:
    path = scenery.district / inject.file
    kept = _kept(path)
    kept.write_bytes(path.read_bytes())
    head, first, *rows = path.read_text(encoding="utf-8").splitlines()
    # A number where none belongs, as a slip of the hand leaves it: every cell of the first row with a trailing "x".
    path.write_text("\n".join([head, ",".join(f"{cell}x" for cell in first.split(",")), *rows, ""]), encoding="utf-8")


def _mend(scenery: Scenery, inject: Inject) -> None:
    path = scenery.district / inject.file
    _kept(path).replace(path)


def _kept(path: Path) -> Path:
    return path.parent.parent / f"{path.name}.kept"


def _relay_down(scenery: Scenery, _inject: Inject) -> None:
    scenery.house.stop("mail")


def _relay_up(scenery: Scenery, _inject: Inject) -> None:
    scenery.house.start("mail")


def _page_down(scenery: Scenery, _inject: Inject) -> None:
    scenery.house.stop("page")


def _page_up(scenery: Scenery, _inject: Inject) -> None:
    scenery.house.start("page")


def _database_restart(scenery: Scenery, inject: Inject) -> None:
    if not scenery.database.can_restart:
        raise NotPossibleError(f"the database is {scenery.database.told}: nothing to restart")
    scenery.database.stop()
    time.sleep(inject.seconds)
    scenery.database.start()


def _scheduler_killed(scenery: Scenery, inject: Inject) -> None:
    """Kill the first scheduler with all its workers, and start them again."""
    names = [name for name in ("scheduler-1", "worker-1") if scenery.house.is_running(name)]
    for name in names:
        scenery.house.kill(name)
    time.sleep(inject.seconds)
    for name in names:
        scenery.house.start(name)


def _disk_full(scenery: Scenery, _inject: Inject) -> None:
    if scenery.disk is None:
        raise NotPossibleError("a small file system for the products can be mounted by root only")
    with (scenery.disk / _BALLAST).open("wb") as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(b"\0" * 65536)
            ballast.flush()


def _disk_free(scenery: Scenery, _inject: Inject) -> None:
    if scenery.disk is None:
        raise NotPossibleError("a small file system for the products can be mounted by root only")
    (scenery.disk / _BALLAST).unlink(missing_ok=True)


INJECTS: Final[dict[str, Callable[[Scenery, Inject], None]]] = {
    "file_late": _withhold,
    "file_comes": _release,
    "file_torn": _tear,
    "older_file": _older,
    "file_twice": _again,
    "gauge_dead": _silence,
    "feeds_dead": _withhold,
    "feeds_back": _release,
    "register_slip": _slip,
    "register_mended": _mend,
    "relay_down": _relay_down,
    "relay_up": _relay_up,
    "page_down": _page_down,
    "page_up": _page_up,
    "database_restart": _database_restart,
    "scheduler_killed": _scheduler_killed,
    "disk_full": _disk_full,
    "disk_free": _disk_free,
}
"""By name. A clock set back is a field of the scene."""
