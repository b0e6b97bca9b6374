"""The rasters of a district: opened with a fixed driver, bounded in size, in the district's own CRS."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.features import geometry_mask
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from risk_models.district.readers import resolve_inside
from risk_models.district.schema import Raster
from risk_models.errors import BadInputError, Finding, refuse

__all__ = ["check_raster", "open_raster"]

MAX_RASTER_BYTES = 2_000_000_000
_TIFF_MAGIC = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_ROWS_AT_ONCE = 512


@contextmanager
def open_raster(path: Path, file: str | None = None) -> Iterator[Any]:
    """Open a GeoTIFF and nothing else, without its side files.

    Parameters
    ----------
    path : Path
    file : str, optional
        Name for findings; the file name by default.

    Yields
    ------
    rasterio.DatasetReader

    Raises
    ------
    BadInputError
        If the content is no GeoTIFF, or would take more than 2 GB once unpacked.
    """
    name = file or path.name
    with path.open("rb") as stream:
        if not stream.read(4).startswith(_TIFF_MAGIC):
            refuse(name, "wrong-content", "the content is no GeoTIFF", accepted="GeoTIFF")
    # Side files may hold another georeference or point elsewhere.
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", GDAL_PAM_ENABLED="NO"):
        try:
            with warnings.catch_warnings():
                # A missing georeference becomes a finding.
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                dataset = rasterio.open(path, driver="GTiff")
        except rasterio.errors.RasterioIOError as error:
            refuse(name, "unreadable", f"the raster cannot be read: {error}", accepted="GeoTIFF")
        with dataset:
            cell_bytes = sum(np.dtype(dtype).itemsize for dtype in dataset.dtypes)
            size = dataset.width * dataset.height * cell_bytes
            if size > MAX_RASTER_BYTES:
                message = f"the raster has {dataset.width} x {dataset.height} cells, {size} bytes"
                refuse(name, "raster-too-large", message, accepted=f"at most {MAX_RASTER_BYTES} bytes unpacked")
            yield dataset


def check_raster(root: Path, relative: str, raster: Raster, crs: str, area: BaseGeometry | None) -> list[Finding]:
    """List every problem of one raster.

    Parameters
    ----------
    root : Path
        The district folder.
    relative : str
        Path of the raster relative to it.
    raster : Raster
        The contract.
    crs : str
        The district's projected CRS.
    area : geometry or None
        Union of the towns in that CRS; None leaves coverage unchecked.

    Returns
    -------
    list of Finding
    """
    try:
        with open_raster(resolve_inside(root, relative), relative) as dataset:
            findings = _frame_findings(dataset, relative, crs)
            if not findings:
                findings = _cell_findings(dataset, relative, raster, area)
            return findings
    except BadInputError as error:
        return list(error.findings)
    except rasterio.errors.RasterioIOError as error:
        return [Finding(code="unreadable", message=f"the raster cannot be read: {error}", file=relative)]


def _frame_findings(dataset: Any, file: str, crs: str) -> list[Finding]:
    findings = []
    if dataset.count != 1:
        message = f"the raster has {dataset.count} bands"
        findings.append(Finding(code="raster-bands", message=message, file=file, accepted="one band"))
    wanted = pyproj.CRS.from_user_input(crs)
    found = pyproj.CRS.from_wkt(dataset.crs.to_wkt()) if dataset.crs else None
    if found is None or not (found.equals(wanted, ignore_axis_order=True) or found.to_epsg() == wanted.to_epsg()):
        findings.append(
            Finding(
                code="raster-wrong-crs",
                message="the raster is not in the projected CRS of the district",
                file=file,
                value="none" if found is None else (found.to_string() if found.to_epsg() else found.name),
                accepted=crs,
                fix=f"warp it to {crs}",
            )
        )
    step = dataset.transform
    if step.b or step.d or step.a <= 0 or step.e >= 0 or abs(step.a + step.e) > 1e-6 * step.a:
        message = "the raster is not north up with square cells"
        findings.append(Finding(code="raster-grid", message=message, file=file, fix="warp it to square cells"))
    return findings


def _cell_findings(dataset: Any, file: str, raster: Raster, area: BaseGeometry | None) -> list[Finding]:
    if raster.whole and np.dtype(dataset.dtypes[0]).kind not in "iu":
        message = "the raster must hold whole numbers"
        found = str(dataset.dtypes[0])
        return [Finding(code="raster-type", message=message, file=file, value=found, accepted="uint8")]
    if area is not None and not _within(area.bounds, dataset.bounds, dataset.res[0]):
        return [
            Finding(
                code="raster-not-covering",
                message="the raster does not cover the district",
                file=file,
                value=_box(dataset.bounds),
                accepted=f"at least {_box(area.bounds)}",
                fix="take a larger cut",
            )
        ]
    blank, wrong = 0, 0
    for cells, inside in _stripes(dataset, area):
        valid = ~np.ma.getmaskarray(cells) & np.isfinite(cells.data)
        blank += int(np.count_nonzero(inside & ~valid))
        out = (cells.data < raster.low) | (cells.data > raster.high)
        wrong += int(np.count_nonzero(valid & out))
    findings = []
    if blank:
        message = f"{blank} cells inside the district hold no value"
        findings.append(Finding(code="raster-gaps", message=message, file=file, fix="fill the gaps"))
    if wrong:
        message = f"{wrong} cells are out of range"
        accepted = f"{raster.low:g} to {raster.high:g} {raster.unit}".rstrip()
        fix = "state the no-data value in the file if that is what they are"
        findings.append(Finding(code="raster-out-of-range", message=message, file=file, accepted=accepted, fix=fix))
    return findings


def _within(inner: tuple[float, ...], outer: tuple[float, ...], slack: float) -> bool:
    return (
        inner[0] >= outer[0] - slack
        and inner[1] >= outer[1] - slack
        and inner[2] <= outer[2] + slack
        and inner[3] <= outer[3] + slack
    )


def _box(bounds: tuple[float, ...]) -> str:
    return f"x {bounds[0]:.0f} to {bounds[2]:.0f}, y {bounds[1]:.0f} to {bounds[3]:.0f} m"


def _stripes(dataset: Any, area: BaseGeometry | None) -> Iterator[tuple[Any, NDArray[np.bool_]]]:
    """Yield the cells in stripes of rows, with the mask of those whose centre lies inside the district."""
    for top in range(0, dataset.height, _ROWS_AT_ONCE):
        rows = min(_ROWS_AT_ONCE, dataset.height - top)
        window = Window(0, top, dataset.width, rows)
        cells = dataset.read(1, window=window, masked=True)
        grid = dataset.transform
        shifted = Affine(grid.a, 0.0, grid.c, 0.0, grid.e, grid.f + top * grid.e)
        if area is None:
            inside = np.zeros(cells.shape, dtype=bool)
        else:
            inside = geometry_mask([area], out_shape=cells.shape, transform=shifted, invert=True)
        yield cells, inside
