"""What drains to a hotspot, how steep and how sealed it is, and how fast the water comes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from risk_models.errors import BadInputError, Finding
from risk_models.standards import LandCover
from risk_models.terrain.conditioning import Cells, Floats, Flow, Grid

__all__ = [
    "CATCHMENT_CAP_M2",
    "CATCHMENT_FLOOR_M2",
    "STREAM_AREA_M2",
    "Catchment",
    "UpstreamIndex",
    "cover_means",
    "height_above_drainage",
    "horn_slope",
    "kirpich_time_min",
    "wetness_index",
]

#: Largest catchment of a hotspot by kind, m2. Streets do not drain like open ground: the sewers of a block carry the
#: water of the next block away, so that what reaches a low spot comes from its own sewer branch. Sizes are engineering
#: judgement, not survey: a trunk branch for roads under railways and junctions, a block for single sites, a gully for
#: slopes and small dams. A surveyed catchment in the register overrides them.
CATCHMENT_CAP_M2: dict[str, float] = {
    "tunnel": 5e5,
    "rail_underpass": 5e5,
    "road_junction": 3e5,
    "underground_space": 1e5,
    "metro_entrance": 1e5,
    "old_community": 1e5,
    "construction_pit": 1e5,
    "dangerous_house": 1e5,
    "school": 1e5,
    "riverside": 3e6,
    "gully_slope": 3e6,
    "small_dam": 2e7,
}
#: Smallest catchment, m2: a street block. Flow lines of a 10 m model run side by side down a street and split it.
CATCHMENT_FLOOR_M2 = 1e4
#: A cell with at least this upstream area is a stream, m2; height above drainage is counted from there.
STREAM_AREA_M2 = 5e5
#: Least slope used in formulas that divide by it, m/m: about the least fall to which streets are built.
SLOPE_FLOOR = 0.001
TIME_LIMITS_MIN = (5.0, 180.0)


@dataclass(frozen=True)
class Catchment:
    """Cells that drain to a hotspot.

    Attributes
    ----------
    cells : ndarray of int
        Flat indices, in order of flow steps from the hotspot.
    length_m : float
        Longest flow path among them, m.
    drop_m : float
        Fall along that path on the filled surface, m.
    """

    cells: Cells
    length_m: float
    drop_m: float


class UpstreamIndex:
    """Answers which cells drain directly into given cells.

    Parameters
    ----------
    grid : Grid
        Elevation, for cell sizes.
    flow : Flow
        Of the same grid.
    """

    def __init__(self, grid: Grid, flow: Flow) -> None:
        downstream = flow.downstream
        sources = np.flatnonzero((downstream >= 0) & (downstream != np.arange(downstream.size)))
        targets = downstream[sources]
        order = np.argsort(targets, kind="stable")
        self._sources = sources[order].astype(np.int32)
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(targets, minlength=downstream.size))])
        self._flow = flow
        self._filled_m = flow.filled_m.ravel()
        self._cols = grid.values.shape[1]
        self._steps_m = (grid.width_m, grid.height_m, float(np.hypot(grid.width_m, grid.height_m)))

    def direct(self, cells: Cells) -> tuple[Cells, npt.NDArray[np.intp]]:
        """Return all cells draining directly into `cells`, and for each the position of its target in `cells`."""
        starts = self._starts[cells]
        counts = self._starts[cells + 1] - starts
        parents = np.repeat(np.arange(len(cells)), counts)
        offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return self._sources[np.repeat(starts, counts) + offsets].astype(np.intp), parents

    def total_upstream(self, cells: Cells) -> int:
        """Return how many cells drain through any of `cells`, counted where water leaves them for good.

        A depression often drains to its pour point from several cells at once, so that no single cell tells it; and
        over a flat at its spill level water may leave it and come back.
        """
        inside = self._marked(cells)
        at = self._flow.downstream[cells]
        level_m = self._filled_m[cells]
        while (moving := ~inside[at] & (self._filled_m[at] == level_m) & (self._flow.downstream[at] != at)).any():
            at = np.where(moving, self._flow.downstream[at], at)
        leaving = ~inside[at] | (at == cells)
        return int(self._flow.upstream_cells[cells[leaving]].sum())

    def _marked(self, cells: Cells) -> npt.NDArray[np.bool_]:
        mark = np.zeros(self._filled_m.size, dtype=bool)
        mark[cells] = True
        return mark

    def catchment(self, outlet_cells: Cells, *, limit_cells: int) -> Catchment:
        """Collect what drains to some cells, the nearest along the flow first, up to a limit.

        Parameters
        ----------
        outlet_cells : ndarray of int
            Where the water arrives: one cell, or all cells of a depression.
        limit_cells : int
            Most cells to collect, `outlet_cells` included (they are always kept).

        Returns
        -------
        Catchment
        """
        front = np.unique(outlet_cells)
        outlet = self._marked(front)
        distance_m = np.zeros(front.size)
        level_m = self._filled_m[front].min()
        parts, n_cells = [front], front.size
        length_m, drop_m = 0.0, 0.0
        while n_cells < limit_cells and front.size:
            upper, parents = self.direct(front)
            new = np.flatnonzero(~outlet[upper])[: limit_cells - n_cells]
            upper, parents = upper[new], parents[new]
            distance_m = distance_m[parents] + self._step_m(upper - front[parents])
            front = upper
            parts.append(front)
            n_cells += front.size
            if front.size and distance_m.max() > length_m:
                length_m = float(distance_m.max())
                drop_m = float(self._filled_m[front[distance_m.argmax()]] - level_m)
        return Catchment(np.concatenate(parts), length_m, max(drop_m, 0.0))

    def _step_m(self, index_difference: Cells) -> Floats:
        along, across, diagonal = self._steps_m
        size = np.abs(index_difference)
        return np.where(size == 1, along, np.where(size == self._cols, across, diagonal))


def kirpich_time_min(length_m: float, slope: float) -> float:
    """Return the time of concentration of a small catchment.

    ``t_c = 0.0195 L**0.77 S**-0.385`` (min), with longest flow path ``L`` (m) and its mean slope ``S`` (m/m, at least
    0.001), kept within 5 to 180 min.

    Parameters
    ----------
    length_m : float
        Longest flow path, m.
    slope : float
        Fall over length, m/m.

    Returns
    -------
    float
        Minutes.

    References
    ----------
    Kirpich Z. P. (1940) Time of concentration of small agricultural watersheds. Civil Engineering 10(6), 362. Metric
    form as in Chow, Maidment & Mays (1988) Applied Hydrology, table 15.1.2. It was fitted to farmland, and is used for
    streets as a first estimate.

    Examples
    --------
    >>> round(kirpich_time_min(1000.0, 0.01), 1), kirpich_time_min(10.0, 0.1)
    (23.4, 5.0)
    """
    time_min = 0.0195 * max(length_m, 1.0) ** 0.77 * max(slope, SLOPE_FLOOR) ** -0.385
    return float(np.clip(time_min, *TIME_LIMITS_MIN))


def wetness_index(upstream_m2: Floats, slope: Floats, *, width_m: float) -> Floats:
    """Return the topographic wetness index ``ln(a / tan b)``, high where water gathers.

    Parameters
    ----------
    upstream_m2 : ndarray (H,)
        Area draining through the cell, m2.
    slope : ndarray (H,)
        Local slope ``tan b``, m/m; at least 0.001 is used.
    width_m : float
        Width of a cell, m; ``a`` is upstream area over width.

    Returns
    -------
    ndarray (H,)

    References
    ----------
    Beven K. J., Kirkby M. J. (1979) A physically based, variable contributing area model of basin hydrology. Hydrol.
    Sci. Bull. 24(1), 43-69.

    Examples
    --------
    >>> wetness_index(np.array([1000.0]), np.array([0.1]), width_m=10.0).round(3).tolist()
    [6.908]
    """
    return np.log(np.asarray(upstream_m2) / width_m / np.maximum(slope, SLOPE_FLOOR))


def horn_slope(grid: Grid) -> Floats:
    """Return the slope of every cell from its eight neighbours.

    Parameters
    ----------
    grid : Grid
        Elevation, m.

    Returns
    -------
    ndarray (rows, cols)
        m/m; a neighbour without data counts as high as the cell itself; NaN without data.

    References
    ----------
    Horn B. K. P. (1981) Hill shading and the reflectance map. Proc. IEEE 69(1), 14-47.

    Examples
    --------
    >>> plane = np.tile(np.arange(4.0), (4, 1))
    >>> float(horn_slope(Grid(plane, 0, 0, 10.0, 10.0))[1, 1])
    0.1
    """
    centre = grid.values
    rows, cols = centre.shape
    padded = np.pad(centre, 1, mode="edge")

    def near(row: int, col: int) -> Floats:
        view = padded[1 + row : 1 + row + rows, 1 + col : 1 + col + cols]
        return np.where(np.isnan(view), centre, view)

    east_rise = np.zeros_like(centre)
    south_rise = np.zeros_like(centre)
    for offset, weight in ((-1, 1.0), (0, 2.0), (1, 1.0)):
        east_rise += weight * (near(offset, 1) - near(offset, -1))
        south_rise += weight * (near(1, offset) - near(-1, offset))
    slope = np.hypot(east_rise / (8.0 * grid.width_m), south_rise / (8.0 * grid.height_m))
    slope[np.isnan(centre)] = np.nan
    return slope


def height_above_drainage(flow: Flow, cells: Cells, *, stream_cells: int) -> Floats:
    """Return how high cells lie above the stream they drain to, on the filled surface.

    Parameters
    ----------
    flow : Flow
        Of the grid.
    cells : ndarray of int (H,)
        Flat indices.
    stream_cells : int
        A cell with at least this many upstream cells is a stream.

    Returns
    -------
    ndarray (H,)
        m, never negative; above the outlet of the grid where no stream comes before it.

    References
    ----------
    Nobre A. D. et al. (2011) Height Above the Nearest Drainage. J. Hydrol. 404, 13-29.
    doi:10.1016/j.jhydrol.2011.03.051

    Examples
    --------
    A row of cells falling to the west; from two cells on it is a stream.

    >>> flow = Flow(np.array([[0.0, 1.0, 4.0]]), np.array([0, 0, 1]), np.array([3, 2, 1]))
    >>> height_above_drainage(flow, np.array([2, 1]), stream_cells=2).tolist()
    [3.0, 0.0]
    """
    at = np.array(cells, dtype=np.intp)
    moving = flow.upstream_cells[at] < stream_cells
    while moving.any():
        onward = np.where(moving, flow.downstream[at], at)
        moving = (onward != at) & (flow.upstream_cells[onward] < stream_cells)
        at = onward
    filled_m = flow.filled_m.ravel()
    return filled_m[cells] - filled_m[at]


def cover_means(codes: Floats, classes: Iterable[LandCover], *, file: str) -> tuple[float, float]:
    """Return mean imperviousness and the curve number of the pervious share of some cells.

    The curve number is weighted with the pervious share of each cell, since sealed ground is taken out by
    imperviousness; where nothing is pervious it is the plain mean.

    Parameters
    ----------
    codes : ndarray (n,)
        Land-cover codes of the cells; NaN without data (left out).
    classes : iterable of LandCover
        The table of classes.
    file : str
        Name of the raster, for findings.

    Returns
    -------
    imperviousness : float
        0-1.
    curve_number : float
        1-100.

    Raises
    ------
    BadInputError
        If a code is not in the table, or no cell has data.

    Examples
    --------
    >>> paved = LandCover(1, "paved", "铺装", "paved", 0.9, 98.0, 1.0)
    >>> grass = LandCover(2, "grass", "草地", "grass", 0.2, 60.0, 0.0)
    >>> cover_means(np.array([1.0, 1.0, 2.0, 2.0]), [paved, grass], file="land_cover.tif")
    (0.5, 60.0)
    """
    table = {item.class_code: item for item in classes}
    known = codes[np.isfinite(codes)].astype(np.int64)
    values, counts = np.unique(known, return_counts=True)
    unknown = [int(code) for code in values if int(code) not in table]
    if unknown or not known.size:
        finding = Finding(
            code="land-cover-code" if unknown else "land-cover-empty",
            message="a land-cover code is not in the table" if unknown else "no land cover in a hotspot's catchment",
            file=file,
            value=", ".join(map(str, unknown)) if unknown else None,
            accepted=", ".join(map(str, sorted(table))),
            fix="add the class to the table of standards, or correct the raster",
        )
        raise BadInputError("terrain", [finding])
    sealed = np.array([table[int(code)].imperviousness for code in values], dtype=np.float64)
    numbers = np.array([table[int(code)].curve_number for code in values], dtype=np.float64)
    pervious = counts * (1.0 - sealed)
    weights = pervious if pervious.sum() > 0 else counts
    return float(np.average(sealed, weights=counts)), float(np.average(numbers, weights=weights))
