"""Waiting for events, for minutes if need be: on a busy machine a test is slow, never red."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

__all__ = ["PATIENCE_S", "until"]

T = TypeVar("T")
PATIENCE_S = 900.0


def until(
    what: str,
    done: Callable[[], T],
    *,
    patience_s: float = PATIENCE_S,
    every_s: float = 0.02,
    log: Callable[[], str] = str,
) -> T:
    """Return what `done` gives once it gives anything true; fail with the end of the log if it never does."""
    give_up_at = time.monotonic() + patience_s
    while time.monotonic() < give_up_at:
        if found := done():
            return found
        time.sleep(every_s)
    pytest.fail(f"waited in vain for: {what}\n{log()[-4000:]}")
