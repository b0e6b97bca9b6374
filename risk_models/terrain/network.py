"""Fill, spill, merge: which hotspot's spill runs to which, and what area is left to each alone.

Every hotspot holds the cells at which water comes under its account: all cells of its depression, or the cell with the
largest flow of its gutter. Water that spills follows the flow directions until it meets cells of another hotspot.

The links cannot run in a circle: along a flow path the number of upstream cells grows with every step, a hotspot's
exit is the cell of largest upstream area through which its water leaves, and so that number is larger at the exit of
the lower hotspot than at that of the upper one.

References
----------
Barnes R., Callaghan K., Wickert A. (2021) Computing water flow through complex landscapes - Part 3: Fill-Spill-Merge.
Earth Surf. Dynam. 9, 105-121. doi:10.5194/esurf-9-105-2021
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from risk_models.terrain.conditioning import Cells, Floats, Flow, Grid
from risk_models.terrain.depressions import Sag
from risk_models.terrain.features import UpstreamIndex, kirpich_time_min, step_lengths_m

__all__ = ["SpillNetwork", "spill_network"]


@dataclass(frozen=True)
class SpillNetwork:
    """How H hotspots pass water on.

    Attributes
    ----------
    cells : list of ndarray of int
        Where water comes under the account of each hotspot.
    owner : ndarray of int32 (rows * cols,)
        Row of the hotspot that a cell belongs to; -1 for none.
    stands_for : ndarray of int (H,)
        Row of the hotspot that stands for the depression of each: its own, or that of the one with the lowest bed.
    downstream : ndarray of int (H,)
        Row of the next hotspot down; -1 if the water leaves.
    path_m, travel_min : ndarray (H,)
        Length of the flow path to it, and travel time along it; 0 if there is none.
    upstream_cells, local_cells : ndarray of int (H,)
        Cells that drain through each hotspot, and those of them that drain through no other one.
    """

    cells: list[Cells]
    owner: npt.NDArray[np.int32]
    stands_for: Cells
    downstream: Cells
    path_m: Floats
    travel_min: Floats
    upstream_cells: Cells
    local_cells: Cells


def spill_network(
    grid: Grid, flow: Flow, sags: Sequence[Sag], ids: Sequence[str], index: UpstreamIndex
) -> SpillNetwork:
    """Link the hotspots along the flow.

    Parameters
    ----------
    grid : Grid
    flow : Flow
        Of the same grid.
    sags : sequence of Sag, length H
    ids : sequence of str, length H
        Hotspot ids; they decide between equals, so that the order of the register does not.
    index : UpstreamIndex
        Of the same flow.

    Returns
    -------
    SpillNetwork

    Examples
    --------
    Two pits in a valley that falls to the east: the western one spills into the eastern one.

    >>> from risk_models.terrain.conditioning import condition
    >>> from risk_models.terrain.depressions import find_sags
    >>> dem = np.abs(np.arange(9) - 4.0)[:, None] + 0.1 * np.arange(40)[::-1] + np.zeros((9, 40))
    >>> dem[4, [10, 30]] -= 1.0
    >>> grid = Grid(dem, west_m=0.0, north_m=90.0, width_m=10.0, height_m=10.0)
    >>> flow = condition(dem)
    >>> sags = find_sags(grid, flow, easting_m=np.array([105.0, 305.0]), northing_m=np.array([45.0, 45.0]))
    >>> net = spill_network(grid, flow, sags, ["W", "E"], UpstreamIndex(grid, flow))
    >>> net.downstream.tolist(), net.local_cells.sum() == net.upstream_cells[1]
    ([1, -1], np.True_)
    """
    cells = [_account_cells(sag, flow) for sag in sags]
    owner, stands_for = _owners(sags, cells, ids, grid.values.size)
    leaving = [index.leaving(own) for own in cells]
    upstream = np.array([flow.upstream_cells[part].sum() for part in leaving], dtype=np.intp)
    exits = np.array([_exit(part, flow) for part in leaving], dtype=np.intp)
    downstream, path_m, entry = _trace(grid, flow, exits, owner, stands_for)
    linked = np.flatnonzero(downstream >= 0)
    local = upstream.copy()
    np.subtract.at(local, downstream[linked], upstream[linked])
    local = np.maximum(local, 0)[stands_for]
    filled_m = flow.filled_m.ravel()
    travel_min = np.zeros(len(cells))
    for row in linked:
        drop_m = filled_m[exits[row]] - filled_m[entry[row]]
        travel_min[row] = kirpich_time_min(path_m[row], drop_m / path_m[row])
    return SpillNetwork(cells, owner, stands_for, downstream, path_m, travel_min, upstream, local)


def _account_cells(sag: Sag, flow: Flow) -> Cells:
    """A depression takes in what reaches any of its cells; along a gutter the largest flow line is taken."""
    return sag.cells if sag.source == "dem" else sag.cells[[flow.upstream_cells[sag.cells].argmax()]]


def _exit(leaving: Cells, flow: Flow) -> int:
    """Return the cell of largest upstream area; of equals the first by index."""
    return int(leaving[flow.upstream_cells[leaving].argmax()])


def _owners(
    sags: Sequence[Sag], cells: list[Cells], ids: Sequence[str], size: int
) -> tuple[npt.NDArray[np.int32], Cells]:
    """Give every cell to one hotspot: depressions before gutters, the lowest bed first, then by id."""
    owner = np.full(size, -1, dtype=np.int32)
    stands_for = np.arange(len(sags), dtype=np.intp)
    for row in sorted(range(len(sags)), key=lambda i: (sags[i].source != "dem", sags[i].bottom_m, ids[i])):
        held = owner[cells[row]]
        if (held >= 0).any():
            stands_for[row] = held[held >= 0][0]
        else:
            owner[cells[row]] = row
    return owner, stands_for


def _trace(
    grid: Grid, flow: Flow, exits: Cells, owner: npt.NDArray[np.int32], stands_for: Cells
) -> tuple[Cells, Floats, Cells]:
    """Follow the spill of all hotspots at once until it meets another hotspot or leaves the grid."""
    downstream, entry = np.full(exits.size, -1, dtype=np.intp), np.full(exits.size, -1, dtype=np.intp)
    path_m = np.zeros(exits.size)
    rows = np.flatnonzero(stands_for == np.arange(exits.size))
    at, length_m = exits[rows], np.zeros(rows.size)
    while rows.size:
        onward = flow.downstream[at]
        length_m += step_lengths_m(grid, onward - at)
        found = owner[onward]
        met = (found >= 0) & (found != rows)
        downstream[rows[met]], path_m[rows[met]], entry[rows[met]] = found[met], length_m[met], onward[met]
        moving = ~met & (onward != at)
        rows, at, length_m = rows[moving], onward[moving], length_m[moving]
    return downstream, path_m, entry
