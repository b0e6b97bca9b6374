"""Programs that run together until they are stopped: one that ends is started again, and that is said."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from wuyu.beside import end_with_parent

__all__ = ["Program", "run_together"]

STOP_PATIENCE_S = 10.0
_LOOK_EVERY_S = 0.2
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
#: Who has run for so long and ends has not failed at its start.
_IS_SOUND_AFTER_S = 120.0


@dataclass(frozen=True)
class Program:
    """A program by name.

    Attributes
    ----------
    name : str
    command : sequence of str
    """

    name: str
    command: Sequence[str]


@dataclass
class _Running:
    program: Program
    environment: Mapping[str, str]
    pause_s: float = _FIRST_PAUSE_S
    start_at: float = 0.0
    process: subprocess.Popen[bytes] | None = field(default=None)

    def look(self, tell: Callable[[str], None]) -> None:
        """Start the program if it is its time, and note its end."""
        now = time.monotonic()
        if self.process is None and now >= self.start_at:
            self._start(now)
        elif self.process is not None and self.process.poll() is not None:
            self._ended(self.process, now, tell)

    def _start(self, now: float) -> None:
        # A group of its own, so that its children end with it, however we are stopped.
        self.process = subprocess.Popen(  # noqa: S603 - our own words
            list(self.program.command), env=self.environment, start_new_session=True, preexec_fn=end_with_parent
        )
        self.start_at = now

    def _ended(self, process: subprocess.Popen[bytes], now: float, tell: Callable[[str], None]) -> None:
        if now - self.start_at > _IS_SOUND_AFTER_S:
            self.pause_s = _FIRST_PAUSE_S
        signal_group(process, signal.SIGTERM)  # what it left behind
        tell(f"{self.program.name} ended with status {process.returncode}; started again in {self.pause_s:.0f} s")
        self.process, self.start_at = None, now + self.pause_s
        self.pause_s = min(2 * self.pause_s, _LONGEST_PAUSE_S)


def run_together(
    programs: Iterable[Program],
    environment: Mapping[str, str],
    *,
    tell: Callable[[str], None],
    stopped: threading.Event,
) -> None:
    """Run programs until told to stop; pauses before another start double, up to a minute.

    Parameters
    ----------
    programs : iterable of Program
    environment : mapping
        Theirs.
    tell : callable
        Called with a sentence when one has ended.
    stopped : threading.Event
        Set to stop.

    Examples
    --------
    >>> said, stopped = [], threading.Event()
    >>> def tell(words):
    ...     said.append(words)
    ...     stopped.set()
    >>> run_together([Program("page", ["false"])], os.environ, tell=tell, stopped=stopped)
    >>> said
    ['page ended with status 1; started again in 1 s']
    """
    running = [_Running(program, environment) for program in programs]
    try:
        while not stopped.wait(_LOOK_EVERY_S):
            for one in running:
                one.look(tell)
    finally:
        _stop([one.process for one in running if one.process is not None])


def signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to a program and all it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End all of them, gently first, and wait once for all."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        give_up_at = time.monotonic() + STOP_PATIENCE_S
        for process in processes:
            signal_group(process, number)
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, give_up_at - time.monotonic()))
