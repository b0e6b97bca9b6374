"""Work beside other work: a piece of it in a forked process, on a core that would stand idle.

Such a process shares what was loaded, starts in no time, and ends with the one that started it, however that ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator

__all__ = ["beside", "can_fork", "cores", "end_with_parent"]

PR_SET_PDEATHSIG = 1  # prctl(2)


def end_with_parent() -> None:
    """Have the kernel end this process when its parent is killed (Linux): it must not go on beside the next run."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def can_fork() -> bool:
    """Tell whether children can be forked that draw, and have a core of their own.

    The compiler of PDFs keeps threads, which a fork would not bring along: once it was used here, children would wait
    for them for ever. A worker of Celery is a daemon of its pool, and `multiprocessing` grants a daemon no children.
    """
    return sys.platform == "linux" and cores() > 1 and "typst" not in sys.modules and not _is_daemon()


def _is_daemon() -> bool:
    module = sys.modules.get("multiprocessing.process")  # no process is a daemon of a pool without it
    return module is not None and bool(module.current_process().daemon)


@contextlib.contextmanager
def beside(work: Callable[[], object]) -> Iterator[Callable[[], bool]]:
    """Begin work in a process of its own; what is given waits for its end and returns whether it was done.

    Nothing comes back but what it wrote. Where this machine cannot, or the work failed there, it is left to the caller,
    who does it and hears what is wrong. Connections to databases must be closed before; left early, it is ended.

    Parameters
    ----------
    work : callable
        May be done a second time without harm.

    Examples
    --------
    >>> with beside(lambda: 1 / 0) as done:
    ...     done()
    False
    """
    child = os.fork() if can_fork() else None
    if child == 0:
        _do(work)
    if child is None:
        yield lambda: False
        return
    status: list[int] = []

    def done() -> bool:
        if not status:
            status.append(os.waitpid(child, 0)[1])
        return status == [0]

    try:
        yield done
    finally:
        if not status:
            os.kill(child, signal.SIGKILL)
            done()


def _do(work: Callable[[], object]) -> None:
    """Work in the child, and end it without anything that the parent would do at its own end."""
    status = 1
    try:
        end_with_parent()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        work()
        status = 0
    finally:
        os._exit(status)
