"""Tables of a verification as files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from risk_models.files import write_whole

__all__ = ["write_table"]


def write_table(path: Path, table: pd.DataFrame, *, decimals: int = 4, index: bool = True) -> Path:
    """Write a table as CSV: rounded, times in UTC; the same table gives the same bytes.

    Parameters
    ----------
    path : Path
    table : DataFrame
        Words in it are codes and names of the software, never free text.
    decimals : int
    index : bool
        Write the index too.

    Returns
    -------
    Path
        `path`.
    """
    numbers = dict.fromkeys(table.select_dtypes("number").columns, decimals)
    return write_whole(path, table.round(numbers).to_csv(lineterminator="\n", index=index))
