"""Geographic tables: GeoJSON, GeoPackage, Shapefile and GeoParquet as raw cells with geometry in degrees."""

from __future__ import annotations

import json
import tempfile
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, cast

import geopandas as gpd
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from risk_models.district.archives import extract_shapefile
from risk_models.district.rawtable import MAX_BYTES, MAX_ROWS, RawTable
from risk_models.errors import Finding, refuse

__all__ = ["read_geojson", "read_ogr", "read_parquet", "read_zipped_shapefile"]

# First bytes are compared before GDAL sees a file, because it chooses the driver by content, and a VRT or a web
# service description may point anywhere.
_MAGIC = {"GPKG": b"SQLite format 3\x00", "ESRI Shapefile": b"\x00\x00\x27\x0a"}
# Application id of the SQLite header, which tells a GeoPackage from any other database.
_GPKG_IDS = (b"GPKG", b"GP10", b"GP11")
_DEGREE_NAMES = ("CRS84", "EPSG::4326", "EPSG:4326", "EPSG::4490", "EPSG:4490")
_DEGREE_CODES = (4326, 4490)


def read_geojson(path: Path, file: str) -> RawTable:
    """Read a GeoJSON feature collection without GDAL.

    Parameters
    ----------
    path : Path
    file : str
        Name for findings.

    Returns
    -------
    RawTable

    Raises
    ------
    BadInputError
        If it is no feature collection in degrees.
    """
    data = _json(path, file)
    if not isinstance(data, dict) or data.get("type") != "FeatureCollection":
        refuse(file, "not-geojson", "the file is no GeoJSON FeatureCollection")
    features = data.get("features")
    if not isinstance(features, list) or not all(isinstance(feature, dict) for feature in features):
        refuse(file, "not-geojson", "the collection has no list of features")
    crs_name = json.dumps(data.get("crs") or "CRS84")
    if not any(name in crs_name for name in _DEGREE_NAMES):
        refuse(file, "wrong-crs", "the GeoJSON is not in degrees", accepted="longitude and latitude (RFC 7946)")
    records = [feature.get("properties") or {} for feature in features]
    columns = tuple(dict.fromkeys(str(key) for record in records for key in record))
    cells = {column: [record.get(column) for record in records] for column in columns}
    findings: list[Finding] = []
    geometry = [_shape(feature.get("geometry"), row, file, findings) for row, feature in enumerate(features, start=1)]
    rows = tuple(range(1, len(features) + 1))
    return RawTable(file, columns, rows, cells, geometry, findings=tuple(findings))


def _json(path: Path, file: str) -> Any:
    def constant(name: str) -> NoReturn:
        raise ValueError(f"the number {name}")

    try:
        return json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=constant)
    except (ValueError, RecursionError) as error:
        row = error.lineno if isinstance(error, json.JSONDecodeError) else None
        refuse(file, "not-geojson", f"the file is not JSON: {error}", row=row)


def _shape(mapping: Any, row: int, file: str, findings: list[Finding]) -> BaseGeometry | None:
    if mapping is None:
        return None
    try:
        return shapely.force_2d(shapely.from_geojson(json.dumps(mapping)))
    except (shapely.errors.ShapelyError, TypeError, ValueError) as error:
        message = f"the geometry cannot be read: {error}"
        findings.append(Finding(code="bad-geometry", message=message, file=file, row=row, column="geometry"))
        return None


def read_ogr(path: Path, file: str, driver: str, *, layer: str | None = None) -> RawTable:
    """Read a GeoPackage or a Shapefile with GDAL, the driver being fixed beforehand.

    Parameters
    ----------
    path : Path
    file : str
        Name for findings.
    driver : {"GPKG", "ESRI Shapefile"}
    layer : str, optional
        The first layer by default.

    Returns
    -------
    RawTable

    Raises
    ------
    BadInputError
        If the content is of another kind or cannot be read.
    """
    with path.open("rb") as stream:
        head = stream.read(72)
        if not head.startswith(_MAGIC[driver]) or (driver == "GPKG" and head[68:] not in _GPKG_IDS):
            refuse(file, "wrong-content", f"the content is no {driver}", accepted="content that fits the suffix")
    import pyogrio

    try:
        with warnings.catch_warnings(record=True) as notes:
            warnings.simplefilter("always")
            frame = _open_layer(path, file, driver, layer)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, UnicodeDecodeError) as error:
        refuse(file, "unreadable", f"the file cannot be read: {error}")
    texts = dict.fromkeys(str(note.message) for note in notes)
    findings = tuple(
        Finding(code="reader-note", message=f"GDAL says: {text}", file=file, severity="warning") for text in texts
    )
    return replace(_from_frame(frame, file), findings=findings)


def _open_layer(path: Path, file: str, driver: str, layer: str | None) -> pd.DataFrame:
    import pyogrio

    names = [str(name) for name in pyogrio.list_layers(path)[:, 0]]
    if not names or (layer is not None and layer not in names):
        refuse(file, "unknown-layer", f"there is no layer {layer or ''!r}", accepted=", ".join(names))
    chosen = names[0] if layer is None else layer
    info = pyogrio.read_info(path, layer=chosen)
    if info["driver"] != driver:
        refuse(file, "wrong-content", f"GDAL reads it as {info['driver']}", accepted=driver)
    if info["features"] > MAX_ROWS:
        refuse(file, "too-many-rows", f"the layer has {info['features']} features", accepted=f"at most {MAX_ROWS}")
    return _read_layer(path, chosen, driver)


def _read_layer(path: Path, layer: str, driver: str) -> pd.DataFrame:
    import pyogrio

    read = partial(pyogrio.read_dataframe, path, layer=layer)
    if driver != "ESRI Shapefile" or path.with_suffix(".cpg").exists():
        return cast("pd.DataFrame", read())
    # A shapefile that does not say its encoding is UTF-8 if that fits, else the Chinese default.
    try:
        return cast("pd.DataFrame", read(encoding="utf-8"))
    except UnicodeDecodeError:
        return cast("pd.DataFrame", read(encoding="gb18030"))


def read_zipped_shapefile(path: Path, file: str) -> RawTable:
    """Read the one shapefile of a zip archive.

    Parameters
    ----------
    path : Path
    file : str
        Name for findings.

    Returns
    -------
    RawTable

    Raises
    ------
    BadInputError
        If the archive is unsafe or incomplete, or the shapefile cannot be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        return read_ogr(extract_shapefile(path, file, Path(folder)), file, "ESRI Shapefile")


def read_parquet(path: Path, file: str) -> RawTable:
    """Read a Parquet or GeoParquet file.

    Parameters
    ----------
    path : Path
    file : str
        Name for findings.

    Returns
    -------
    RawTable

    Raises
    ------
    BadInputError
        If it is no Parquet file, or too large once unpacked.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as source:
            meta = source.metadata
            size = sum(meta.row_group(index).total_byte_size for index in range(meta.num_row_groups))
            is_geographic = b"geo" in (source.schema_arrow.metadata or {})
        if meta.num_rows > MAX_ROWS or size > MAX_BYTES:
            refuse(file, "too-many-rows", f"the file has {meta.num_rows} rows in {size} bytes")
        frame = gpd.read_parquet(path) if is_geographic else pd.read_parquet(path, dtype_backend="pyarrow")
    except (pa.ArrowException, ValueError, OSError) as error:
        refuse(file, "unreadable", f"the file cannot be read: {error}")
    return _from_frame(frame.reset_index(drop=frame.index.name is None), file)


def _from_frame(frame: pd.DataFrame, file: str) -> RawTable:
    import pyproj

    geometry: list[BaseGeometry | None] | None = None
    from_projected = False
    if isinstance(frame, gpd.GeoDataFrame):
        series = frame.geometry.force_2d()
        if series.crs is not None and pyproj.CRS(series.crs).to_epsg() not in _DEGREE_CODES:
            series, from_projected = series.to_crs(4326), True
        geometry = list(series)
        frame = pd.DataFrame(frame.drop(columns=frame.geometry.name))
    columns = tuple(str(column) for column in frame.columns)
    cells = {str(column): [_plain(value) for value in frame[column]] for column in frame.columns}
    return RawTable(file, columns, tuple(range(1, len(frame) + 1)), cells, geometry, from_projected)


def _plain(value: Any) -> Any:
    """Return a cell as a plain Python value, None if it is missing."""
    if hasattr(value, "item"):
        value = value.item()
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value):
        return None
    return value
