"""What drains to a hotspot, how steep and how sealed it is, and how fast the water comes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from risk_models.errors import BadInputError, Finding
from risk_models.kernels import kernel
from risk_models.standards import LandCover
from risk_models.terrain.conditioning import Cells, Floats, Flow, Grid

__all__ = [
    "CATCHMENT_CAP_M2",
    "CATCHMENT_FLOOR_M2",
    "STREAM_AREA_M2",
    "Catchment",
    "UpstreamIndex",
    "cover_means",
    "drain_distance_m",
    "height_above_drainage",
    "horn_slope",
    "kirpich_time_min",
    "step_lengths_m",
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
    """Answers what drains to given cells.

    Parameters
    ----------
    grid : Grid
        Elevation, for cell sizes.
    flow : Flow
        Of the same grid.
    """

    def __init__(self, grid: Grid, flow: Flow) -> None:
        self._flow = flow
        self._filled_m = flow.filled_m.ravel()
        self._cols = grid.values.shape[1]
        self._steps_m = np.array([grid.width_m, grid.height_m, np.hypot(grid.width_m, grid.height_m)])
        self._stamps = np.zeros(flow.downstream.size, dtype=np.int32)
        self._stamp = 0

    def leaving(self, cells: Cells) -> Cells:
        """Return those of `cells` through which water leaves them for good.

        A depression often drains to its pour point from several cells at once, so that no single cell tells it; and
        over a flat at its spill level water may leave it and come back.
        """
        inside = self._marked(cells)
        at = self._flow.downstream[cells]
        level_m = self._filled_m[cells]
        stamps = self._stamps
        while (
            moving := (stamps[at] != inside) & (self._filled_m[at] == level_m) & (self._flow.downstream[at] != at)
        ).any():
            at = np.where(moving, self._flow.downstream[at], at)
        leaving: Cells = cells[(stamps[at] != inside) | (at == cells)]
        return leaving

    def total_upstream(self, cells: Cells) -> int:
        """Return how many cells drain through any of `cells`, counted where water leaves them for good."""
        return int(self._flow.upstream_cells[self.leaving(cells)].sum())

    def _marked(self, cells: Cells) -> int:
        """Stamp cells; a number of its own for every call spares clearing a whole grid."""
        self._stamp += 1
        self._stamps[cells] = self._stamp
        return self._stamp

    def catchment(
        self, outlet_cells: Cells, *, limit_cells: int, owner: npt.NDArray[np.int32] | None = None, row: int = -1
    ) -> Catchment:
        """Collect what drains to some cells, the nearest along the flow first, up to a limit.

        Parameters
        ----------
        outlet_cells : ndarray of int
            Where the water arrives: one cell, or all cells of a depression.
        limit_cells : int
            Most cells to collect, `outlet_cells` included (they are always kept).
        owner : ndarray of int32 (rows * cols,), optional
            Hotspot that each cell belongs to, -1 for none; what lies behind cells of another one than `row` is left
            out, since its water comes by way of that one.
        row : int
            The hotspot itself.

        Returns
        -------
        Catchment
        """
        front = np.unique(outlet_cells)
        cells, distance_m = _collect(
            self._flow.downstream, self._stamps, self._marked(front), front, max(limit_cells, front.size), self._cols,
            self._steps_m, np.zeros(0, dtype=np.int32) if owner is None else owner, row,
        )  # fmt: skip
        farthest = int(distance_m.argmax())
        drop_m = float(self._filled_m[cells[farthest]] - self._filled_m[front].min()) if distance_m[farthest] else 0.0
        return Catchment(cells, float(distance_m[farthest]), max(drop_m, 0.0))


@kernel()
def _collect(
    downstream: Cells, stamps: npt.NDArray[np.int32], stamp: int, front: Cells, limit: int, cols: int,
    steps_m: Floats, owner: npt.NDArray[np.int32], row: int,
) -> tuple[Cells, Floats]:  # fmt: skip  # pragma: no cover - compiled
    """Search up the flow in breadth; a cell drains into one other, so that none is met twice."""
    cells, distance_m = np.empty(limit, dtype=np.intp), np.zeros(limit)
    cells[: front.size] = front
    n_found, at = front.size, 0
    rows = downstream.size // cols
    while at < n_found < limit:
        cell = cells[at]
        home_row, home_col = cell // cols, cell % cols
        for row_step in range(-1, 2):
            for col_step in range(-1, 2):
                near_row, near_col = home_row + row_step, home_col + col_step
                if not (0 <= near_row < rows and 0 <= near_col < cols) or n_found == limit:
                    continue
                near = near_row * cols + near_col
                if near == cell or downstream[near] != cell or stamps[near] == stamp:
                    continue
                if owner.size and owner[near] >= 0 and owner[near] != row:
                    continue
                kind = 2 if row_step and col_step else (0 if col_step else 1)
                cells[n_found] = near
                distance_m[n_found] = distance_m[at] + steps_m[kind]
                n_found += 1
        at += 1
    return cells[:n_found], distance_m[:n_found]


def step_lengths_m(grid: Grid, index_differences: Cells) -> Floats:
    """Return the lengths of steps between neighbouring cells, by the difference of their flat indices, m."""
    size = np.abs(index_differences)
    cols = grid.values.shape[1]
    diagonal = float(np.hypot(grid.width_m, grid.height_m))
    straight = np.where(size == 1, grid.width_m, np.where(size == cols, grid.height_m, diagonal))
    return np.where(size == 0, 0.0, straight)


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
    return _horn(grid.values, 8.0 * grid.width_m, 8.0 * grid.height_m)


@kernel()
def _horn(height_m: Floats, along_m: float, across_m: float) -> Floats:  # pragma: no cover - compiled
    rows, cols = height_m.shape
    slope = np.full((rows, cols), np.nan)
    near = np.empty((3, 3))
    for row in range(rows):
        for col in range(cols):
            if np.isnan(height_m[row, col]):
                continue
            for i in range(3):
                for j in range(3):
                    at = height_m[min(max(row + i - 1, 0), rows - 1), min(max(col + j - 1, 0), cols - 1)]
                    near[i, j] = height_m[row, col] if np.isnan(at) else at
            east = (near[0, 2] - near[0, 0]) + 2.0 * (near[1, 2] - near[1, 0]) + (near[2, 2] - near[2, 0])
            south = (near[2, 0] - near[0, 0]) + 2.0 * (near[2, 1] - near[0, 1]) + (near[2, 2] - near[0, 2])
            slope[row, col] = np.hypot(east / along_m, south / across_m)
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
    filled_m = flow.filled_m.ravel()
    return filled_m[cells] - filled_m[_stream_below(flow, cells, stream_cells)[-1]]


def drain_distance_m(grid: Grid, flow: Flow, cells: Cells, *, stream_cells: int) -> Floats:
    """Return how far cells lie from the stream they drain to, along the flow.

    Parameters
    ----------
    grid : Grid
    flow : Flow
        Of the grid.
    cells : ndarray of int (H,)
        Flat indices.
    stream_cells : int
        A cell with at least this many upstream cells is a stream.

    Returns
    -------
    ndarray (H,)
        m; to the outlet of the grid where no stream comes before it.

    Examples
    --------
    >>> flow = Flow(np.array([[0.0, 1.0, 4.0]]), np.array([0, 0, 1]), np.array([3, 2, 1]))
    >>> grid = Grid(flow.filled_m, west_m=0.0, north_m=10.0, width_m=10.0, height_m=10.0)
    >>> drain_distance_m(grid, flow, np.array([2, 1]), stream_cells=3).tolist()
    [20.0, 10.0]
    """
    course = _stream_below(flow, cells, stream_cells)
    steps = [step_lengths_m(grid, onward - at) for at, onward in pairwise(course)]
    return np.sum(steps, axis=0) if steps else np.zeros(len(cells))


def _stream_below(flow: Flow, cells: Cells, stream_cells: int) -> list[Cells]:
    """Return where cells' water is after each step down, until all of it is in a stream or at an outlet."""
    course = [np.array(cells, dtype=np.intp)]
    moving = flow.upstream_cells[course[0]] < stream_cells
    while moving.any():
        at = course[-1]
        onward = np.where(moving, flow.downstream[at], at)
        moving = (onward != at) & (flow.upstream_cells[onward] < stream_cells)
        course.append(onward)
    return course


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
