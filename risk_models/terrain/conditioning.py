"""Reading the elevation model, filling its depressions and finding where water flows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from risk_models.errors import BadInputError, Finding

__all__ = ["Flow", "Grid", "condition", "read_grid"]

Floats = npt.NDArray[np.float64]
Cells = npt.NDArray[np.intp]
#: Rows read at a time.
WINDOW_ROWS = 512


@dataclass(frozen=True)
class Grid:
    """A north-up raster in a projected CRS.

    Attributes
    ----------
    values : ndarray of float64 (rows, cols)
        NaN where there is no data.
    west_m, north_m : float
        Easting and northing of the outer corner of the first cell, m.
    width_m, height_m : float
        Cell size along a row and along a column, m; both positive.
    crs : str
        Coordinate reference system as WKT; empty if the file states none.
    name : str
        File name, for findings.

    Examples
    --------
    >>> grid = Grid(np.zeros((2, 3)), west_m=100.0, north_m=520.0, width_m=10.0, height_m=10.0)
    >>> grid.cells_at(np.array([105.0, 129.0, 131.0]), np.array([515.0, 501.0, 501.0])).tolist()
    [0, 5, -1]
    """

    values: Floats
    west_m: float
    north_m: float
    width_m: float
    height_m: float
    crs: str = ""
    name: str = ""

    @property
    def cell_area_m2(self) -> float:
        """Area of a cell, m2."""
        return self.width_m * self.height_m

    def cells_at(self, easting_m: Floats, northing_m: Floats) -> Cells:
        """Return the flat index of the cell under each point, -1 outside the grid."""
        rows, cols = self.values.shape
        col = np.floor((np.asarray(easting_m) - self.west_m) / self.width_m).astype(np.intp)
        row = np.floor((self.north_m - np.asarray(northing_m)) / self.height_m).astype(np.intp)
        inside = (row >= 0) & (row < rows) & (col >= 0) & (col < cols)
        return np.where(inside, row * cols + col, -1)

    def centres(self, cells: Cells) -> tuple[Floats, Floats]:
        """Return easting and northing of the centres of cells given by flat index, m."""
        row, col = np.divmod(cells, self.values.shape[1])
        return self.west_m + (col + 0.5) * self.width_m, self.north_m - (row + 0.5) * self.height_m


def read_grid(path: Path, *, projected_crs: str) -> Grid:
    """Read the first band of a GeoTIFF that must lie in the district's projected CRS.

    Parameters
    ----------
    path : Path
        A GeoTIFF; no other driver is tried, since a ``.tif`` may hold a virtual raster that points elsewhere.
    projected_crs : str
        CRS the grid must be in, e.g. ``"EPSG:4547"``; metres.

    Returns
    -------
    Grid
        Values as float64 that are exact float32 numbers, NaN for no data.

    Raises
    ------
    BadInputError
        If the file cannot be read, is in another CRS, is turned, or holds no data at all.
    """
    import rasterio  # here, because a cached terrain is read without it

    try:
        with rasterio.open(path, driver="GTiff") as source:
            values = _read_windows(source)
            crs, transform = source.crs, source.transform
    except rasterio.errors.RasterioError as error:
        finding = Finding(
            code="unreadable-raster",
            message="the raster cannot be read",
            file=path.name,
            value=type(error).__name__,
            accepted="a GeoTIFF",
            fix="write it anew as GeoTIFF",
        )
        raise BadInputError("terrain", [finding]) from error
    findings = _grid_findings(path.name, values, crs, transform, projected_crs)
    if findings:
        raise BadInputError("terrain", findings)
    values[np.isinf(values)] = np.nan
    return Grid(
        values=values.astype(np.float64),
        west_m=float(transform.c),
        north_m=float(transform.f),
        width_m=float(transform.a),
        height_m=-float(transform.e),
        crs=crs.to_wkt(),
        name=path.name,
    )


def _read_windows(source: Any) -> npt.NDArray[np.float32]:
    """Read the first band by rows of blocks: a masked copy of the whole would take several times its size."""
    from rasterio.windows import Window

    values = np.empty(source.shape, dtype=np.float32)
    for row in range(0, source.height, WINDOW_ROWS):
        window = Window(0, row, source.width, min(WINDOW_ROWS, source.height - row))
        values[row : row + WINDOW_ROWS] = source.read(1, window=window, masked=True).astype(np.float32).filled(np.nan)
    return values


def _grid_findings(
    name: str, values: npt.NDArray[np.float32], crs: Any, transform: Any, projected_crs: str
) -> list[Finding]:
    import rasterio.crs

    findings = []
    if crs is None or crs != rasterio.crs.CRS.from_user_input(projected_crs):
        findings.append(
            Finding(
                code="raster-crs",
                message="the raster is not in the district's projected CRS",
                file=name,
                value="none" if crs is None else str(crs.to_string()),
                accepted=projected_crs,
                fix="reproject it, or state its CRS in the file",
            )
        )
    if transform.b or transform.d or transform.a <= 0 or transform.e >= 0:
        findings.append(
            Finding(
                code="raster-turned",
                message="the raster is not north-up",
                file=name,
                value=str(tuple(transform)[:6]),
                accepted="rows running north to south, columns west to east",
                fix="warp it to a north-up grid",
            )
        )
    if not np.isfinite(values).any():
        findings.append(
            Finding(code="raster-empty", message="the raster holds no data", file=name, fix="check its nodata value")
        )
    return findings


@dataclass(frozen=True)
class Flow:
    """Where the water of every cell goes, on the depression-filled surface.

    Attributes
    ----------
    filled_m : ndarray (rows, cols)
        Elevation with depressions filled to their spill level, m; NaN without data.
    downstream : ndarray of int (rows * cols,)
        Flat index of the cell each cell drains to; itself at an outlet, -1 without data.
    upstream_cells : ndarray of int (rows * cols,)
        Number of cells draining through each cell, itself included; 0 without data.
    """

    filled_m: Floats
    downstream: Cells
    upstream_cells: Cells


def condition(elevation_m: Floats) -> Flow:
    """Fill the depressions of an elevation model and derive flow directions and upstream areas.

    Every depression is filled to its lowest pour point; water leaves at the edge of the valid cells. On the filled
    surface a cell drains to the neighbour (of eight) from which the flood front reached it.

    Parameters
    ----------
    elevation_m : ndarray (rows, cols)
        Elevation, m; NaN without data. Values that are exact in float32 give exact fill depths.

    Returns
    -------
    Flow

    References
    ----------
    Wang L., Liu H. (2006) An efficient method for identifying and filling surface depressions in digital elevation
    models. Int. J. Geogr. Inf. Sci. 20(2), 193-213. doi:10.1080/13658810500433453

    Examples
    --------
    >>> pit = np.array([[3.0, 3, 3], [3, 1, 2], [3, 3, 3]])
    >>> flow = condition(pit)
    >>> flow.filled_m[1].tolist(), int(flow.upstream_cells.max())
    ([3.0, 2.0, 2.0], 9)
    """
    import pyflwdir  # here, because a cached terrain is read without it

    filled_m, directions = pyflwdir.dem.fill_depressions(np.asarray(elevation_m, dtype=np.float64), nodata=np.nan)
    raster = pyflwdir.from_array(directions, ftype="d8", check_ftype=False)
    valid = np.isfinite(elevation_m).ravel()
    downstream = np.where(valid, raster.idxs_ds.astype(np.intp), -1)
    upstream = np.where(valid, raster.upstream_area(unit="cell").ravel().astype(np.intp), 0)
    return Flow(filled_m=filled_m, downstream=downstream, upstream_cells=upstream)
