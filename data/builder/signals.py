"""The warning signals of the storm of July 2021, as published."""

from __future__ import annotations

from pathlib import Path

from data.builder.settings import SOURCES
from risk_models.files import write_whole

__all__ = ["write_signals"]


def write_signals(path: Path) -> None:
    """Write the signals as a feed of kind ``signals`` brings them.

    Parameters
    ----------
    path : pathlib.Path
    """
    write_whole(path, (SOURCES / "storm_signals.csv").read_bytes())
