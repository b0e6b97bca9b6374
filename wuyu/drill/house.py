"""The processes of a drill: started one by one, so that each can be stopped, killed and started again by its number."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from risk_models.errors import FloodRiskError
from wuyu.beside import end_with_parent

__all__ = ["House", "free_port"]

PATIENCE_S = 20.0
#: After which a process that ended by itself is started again, as its keeper does in service (`RestartSec`).
RESTART_S = 5.0


def free_port() -> int:
    """Return a port of this machine that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class House:
    """Long-lived processes by name, each the head of a session of its own, so that its children end with it.

    Parameters
    ----------
    logs : Path
        Folder of what they print.
    variables : mapping of str to str
        Their environment.

    Attributes
    ----------
    started_again : Counter of str
        How often each was started again because it had ended by itself.
    """

    def __init__(self, logs: Path, variables: Mapping[str, str]) -> None:
        self.logs, self.variables = logs, dict(variables)
        logs.mkdir(parents=True, exist_ok=True)
        self._commands: dict[str, list[str]] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._ended_at: dict[str, float] = {}
        self.started_again: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():  # all at once: each takes its time
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for name in reversed(list(self._running)):
            self.stop(name)

    def start(self, name: str, command: Sequence[str] = ()) -> None:
        """Start a process; without a command, the one it had before."""
        self._commands[name] = list(command) or self._commands[name]
        with (self.logs / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(  # noqa: S603 - our own words
                self._commands[name],
                env=self.variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )

    def stop(self, name: str) -> None:
        """End a process and all it started, gently first."""
        process = self._running.pop(name)
        for end in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, end)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE_S)
        process.wait()

    def kill(self, name: str) -> None:
        """Kill a process and all it started, as a machine that loses its power does."""
        process = self._running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def tend(self) -> None:
        """Start again what ended by itself some seconds ago; call it now and then."""
        now = time.monotonic()
        for name in [name for name in self._running if not self.is_running(name)]:
            if now - self._ended_at.setdefault(name, now) >= RESTART_S:
                del self._ended_at[name]
                self.kill(name)  # what it left behind
                self.start(name)
                self.started_again[name] += 1

    def is_running(self, name: str) -> bool:
        """Return True while a process runs."""
        return name in self._running and self._running[name].poll() is None

    def wait_for(self, what: str, is_there: Callable[[], object], *, patience_s: float = 300.0) -> None:
        """Wait until something is there.

        Raises
        ------
        FloodRiskError
            If it is not there in time, or a process has ended.
        """
        give_up_at = time.monotonic() + patience_s
        while not is_there():
            ended = [name for name in self._running if not self.is_running(name)]
            if ended or time.monotonic() > give_up_at:
                why = f"{ended[0]} has ended" if ended else f"not there after {patience_s:.0f} s"
                raise FloodRiskError(f"the drill waited for {what}: {why}; see {self.logs}")
            time.sleep(0.3)
