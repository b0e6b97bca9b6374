"""Progress of long jobs: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Tell", "progress", "silent"]

#: Called with the fraction done (0-1) and what is being done.
Tell = Callable[[float, str], None]
PLAIN_EVERY_S = 2.0


def silent(_fraction: float, _text: str) -> None:
    """Report nothing."""


@contextmanager
def progress(title: str, *, stream: Console | None = None) -> Iterator[Tell]:
    """Show the progress of one job on standard error.

    Parameters
    ----------
    title : str
        What the job is.
    stream : Console, optional
        Where to; default: standard error.

    Yields
    ------
    Tell
    """
    if stream.is_terminal if stream else sys.stderr.isatty():
        with _bar(title, stream) as tell:
            yield tell
        return
    yield _plain(title)


@contextmanager
def _bar(title: str, stream: Console | None) -> Iterator[Tell]:
    from rich.console import Console  # here, because most processes have no terminal
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.fields[title]}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    console = stream or Console(stderr=True)
    with Progress(*columns, TextColumn("{task.description}"), console=console) as bar:
        task = bar.add_task("", total=1.0, title=title)
        yield lambda fraction, text: bar.update(task, completed=fraction, description=text)


def _plain(title: str) -> Tell:
    last = -PLAIN_EVERY_S

    def tell(fraction: float, text: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PLAIN_EVERY_S or fraction >= 1.0:
            last = now
            sys.stderr.write(f"{title}: {100 * fraction:3.0f}% {text}\n")
            sys.stderr.flush()

    return tell
