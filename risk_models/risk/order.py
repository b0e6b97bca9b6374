"""The one order of places: which of them must be looked at first, in every product."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from risk_models.levels import Level
from risk_models.observation.state import Now

__all__ = ["CLOSED_KINDS", "places_in_order"]

CLOSED_KINDS: Final = ("tunnel", "rail_underpass", "underground_space", "metro_entrance", "construction_pit")
"""Kinds of places in which water kills, the most dangerous first."""

_NEVER: Final = np.iinfo(np.int64).max
_BY_STATE: Final = {Now.STANDS: 0, Now.UNCONFIRMED: 1}


def places_in_order(table: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the place of every hotspot in the order of its district.

    By level, unknown after all known; then water that stands now, then water not checked since; then the first passing
    in the unfavourable case; then people in the water; then closed kinds; then the chance of 50 cm; at last the id. The
    score is not asked: at the top it is the same for many.

    Parameters
    ----------
    table : DataFrame, index hotspot_id
        Columns of the risk table.

    Returns
    -------
    ndarray of int (H,)
        1 first; each number once, whatever the order of the rows.

    Examples
    --------
    >>> row = {"level": 4, "now": "dry", "onset_unfavourable_at": pd.Timestamp("2021-07-20T09Z"), "kind": "school",
    ...        "people_in_water": 5.0, "p_50cm": 0.2}
    >>> later = row | {"onset_unfavourable_at": pd.Timestamp("2021-07-20T12Z"), "p_50cm": 0.9}
    >>> places_in_order(pd.DataFrame([later, row, later | {"now": "stands"}], index=["A", "B", "C"])).tolist()
    [3, 2, 1]
    """
    onset = pd.DatetimeIndex(table["onset_unfavourable_at"]).asi8
    closed = {kind: rank for rank, kind in enumerate(CLOSED_KINDS)}
    keys = (
        table.index.astype(str),
        -table["p_50cm"].fillna(-1.0).to_numpy(np.float64),
        table["kind"].map(closed).fillna(len(closed)).to_numpy(np.float64),
        -table["people_in_water"].fillna(-1.0).to_numpy(np.float64),
        np.where(onset == pd.NaT.value, _NEVER, onset),
        table["now"].map(_BY_STATE).fillna(len(_BY_STATE)).to_numpy(np.float64),
        np.where(table["level"] == int(Level.UNKNOWN), 1, -table["level"].to_numpy(np.int64)),
    )
    places = np.empty(len(table), dtype=np.int64)
    places[np.lexsort(keys)] = np.arange(1, len(table) + 1)
    return places
