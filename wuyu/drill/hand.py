"""The clock of a drill: it runs as fast as the real one, and is moved on over the time in which nothing happens."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from wuyu.clock import CLOCK_VARIABLE, wall_clock

__all__ = ["ClockHand"]

TICK_S = 0.5


class ClockHand:
    """Writes the file of a stepped clock twice a second, and remembers what it told when.

    Parameters
    ----------
    path : Path
        The clock file.
    at : datetime
        What it tells first.
    """

    def __init__(self, path: Path, at: datetime) -> None:
        self.path = path
        self.words = f"step:{path}"
        self._lock = threading.Lock()
        self._moves: list[tuple[datetime, datetime]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)
        self.move(at)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def variables(self) -> dict[str, str]:
        """What has a process go by this clock."""
        return {CLOCK_VARIABLE: self.words}

    def move(self, at: datetime) -> None:
        """Set the clock, ahead or back; it runs on from there."""
        with self._lock:
            self._moves.append((wall_clock(), at.astimezone(UTC)))
            self._write()

    def now(self) -> datetime:
        """Return what it tells."""
        return self.told_at(wall_clock())

    def told_at(self, real: datetime) -> datetime:
        """Return what it told at a real time.

        Examples
        --------
        >>> import tempfile
        >>> from datetime import timedelta
        >>> hand = ClockHand(Path(tempfile.mkdtemp()) / "clock", datetime(2021, 7, 20, 9, tzinfo=UTC))
        >>> real = wall_clock() + timedelta(hours=1)
        >>> hand.told_at(real) - hand.now() > timedelta(minutes=59)
        True
        """
        since, told = next((move for move in reversed(self._moves) if move[0] <= real), self._moves[0])
        return told + (real - since)

    def _tick(self) -> None:
        while not self._ended.wait(TICK_S):
            with self._lock:
                self._write()

    def _write(self) -> None:
        aside = self.path.with_suffix(".new")
        aside.write_text(self.now().strftime("%Y-%m-%dT%H:%M:%SZ"), encoding="ascii")
        aside.replace(self.path)
