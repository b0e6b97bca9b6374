"""What a benchmark returns: one row per comparison."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Row", "median_s"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One comparison.

    Attributes
    ----------
    job : str
        What is done, with its size.
    ours_s : float
        Median time of the project [s]; see `median_s`.
    peer : str
        The other tool; empty where there is only a limit.
    peer_s : float or None
        Median time of the peer [s].
    target : float or None
        Least ratio peer_s / ours_s aimed at, or with no peer the longest time [s].
    most : float or None
        Greatest ratio ours_s / peer_s aimed at: of more work than the peer's, or of the project beside its own past.
    unit : str
        What the two numbers are in: s, or MiB of memory.
    note : str
        What a reader must know: steps timed and scaled, what is shared, precision.
    """

    job: str
    ours_s: float
    peer: str = ""
    peer_s: float | None = None
    target: float | None = None
    most: float | None = None
    unit: str = "s"
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times faster than the peer; with `most`, how many times as much as the peer."""
        if self.most is not None and self.peer_s is not None:
            return self.ours_s / self.peer_s
        return None if self.peer_s is None else self.peer_s / self.ours_s

    @property
    def reached(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.most is not None and self.ratio is not None:
            return self.ratio <= self.most
        if self.target is None:
            return None
        return self.ours_s <= self.target if self.ratio is None else self.ratio >= self.target


def median_s(job: Callable[[], object], *, repeats: int = 5, clock: Callable[[], float] = time.process_time) -> float:
    """Return the median time [s] of a job, after one run that is not counted if there are several.

    Processor time is taken unless told otherwise: on one thread it is the wall time of a quiet machine, and it does not
    depend on what else runs. Give ``time.perf_counter`` for jobs that wait or start processes.
    """
    if repeats > 1:
        job()
    times = []
    for _ in range(repeats):
        begin = clock()
        job()
        times.append(clock() - begin)
    return statistics.median(times)
