"""The data dictionary of a district folder, rendered from the table contracts."""

from __future__ import annotations

from pathlib import Path

from risk_models.district.contracts import data_dictionary

__all__ = ["write_dictionary"]


def write_dictionary(directory: Path) -> None:
    """Write ``DATA_DICTIONARY.md`` into a district folder.

    Parameters
    ----------
    directory : pathlib.Path
        District folder.
    """
    (directory / "DATA_DICTIONARY.md").write_text(data_dictionary().rstrip("\n") + "\n", encoding="utf-8")
