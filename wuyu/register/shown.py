"""The settings as they are written in the last good register: for DAG files, which check nothing and load little."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

__all__ = ["FOLDER", "settings_as_written"]

FOLDER: Final = "register"
"""Folder below that of the products in which good registers are kept."""


def settings_as_written() -> dict[str, Any]:
    """Return ``district.yaml`` unchecked: of the last good register, else of the folder; empty if there is neither.

    Both are found by the environment (``WUYU_OUT``, ``WUYU_DISTRICT``).
    """
    import yaml

    places = {"WUYU_OUT": (FOLDER, "district.yaml"), "WUYU_DISTRICT": ("district.yaml",)}
    for variable, below in places.items():
        path = Path(os.environ.get(variable, ""), *below)
        try:
            settings = yaml.safe_load(path.read_bytes()) if os.environ.get(variable) else None
        except (OSError, ValueError, yaml.YAMLError):  # a slip in it must not take the DAGs away
            continue
        if isinstance(settings, dict):
            return settings
    return {}
