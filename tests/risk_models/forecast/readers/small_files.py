"""Small files of every gridded format, written by hand, whole or damaged."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import rasterio
from affine import Affine

HEAD = "RW200850100000721BY1620142VS 3SW   2.13.1PR E-01INT  60GP 900x 900MS 70<" + "a" * 69 + ">"


def radolan(folder: Path, head: str = HEAD, *, values: int = 810_000, packed: bool = True) -> Path:
    raw = np.zeros(values, dtype="<u2")
    raw[:5] = 123, 0x2000 | 2500, 0x8000 | 7, 0x1000 | 9, 0
    data = head.encode() + b"\x03" + raw.tobytes()
    path = folder / "raa01.gz"
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


def sized(head: str) -> str:
    """Put the true number of bytes into the header."""
    return head.replace("BY1620142", f"BY{len(head) + 1 + 1_620_000}")


CTL = """* merged rain
DSET ^rain_%y4.grd
UNDEF -999.0
OPTIONS little_endian
XDEF 4 linear 112.05 0.10
YDEF 3 linear 34.05 0.10
ZDEF 1 levels 1000
TDEF 2 linear 09Z20JUL2021 1hr
VARS 2
crain 1 00 combined analysis (mm/hour)
gsamp 1 00 gauge numbers
ENDVARS
"""


def grads(folder: Path, ctl: str = CTL, *, cut: int = 0) -> dict[str, Any]:
    layers = np.arange(48, dtype="<f4").reshape(2, 2, 3, 4)
    layers[0, 0, 0, 0] = -999
    (folder / "rain.grd").write_bytes(layers.tobytes()[: 192 - cut])
    (folder / "rain.ctl").write_text(ctl)
    return {"path": folder / "rain.grd", "ctl": folder / "rain.ctl"}


METADATA = """<GDALMetadata>
<Item name="Observation time" format="YYYYMMDDhhmm">202107200900</Item>
<Item name="Quantity" unit="dBZ">Corrected reflectivity</Item>
<Item name="Gain">0.500000</Item>
<Item name="Offset">-32.000000</Item>
<Item name="Nodata">255</Item>
<Item name="Undetect">0</Item>
</GDALMetadata>"""


def fmi(folder: Path, metadata: str = METADATA, **profile: Any) -> Path:
    options = {"dtype": "uint8", "count": 1, "crs": "EPSG:3067", "transform": Affine(250, 0, 0, 0, -250, 500)} | profile
    path = folder / "map.tif"
    with rasterio.open(path, "w", driver="GTiff", width=3, height=2, **options) as raster:
        raster.write(np.array([[[0, 255, 162], [110, 64, 1]]] * options["count"], dtype=options["dtype"]))
        raster.update_tags(GDAL_METADATA=metadata)
    return path


PLANE = "+proj=stere +lat_0=90 +lon_0=0 +lat_ts=60 +ellps=WGS84"
Damage = Callable[[h5py.File], Any]


def odim(path: Path, *, quantity: str = "RATE", damage: Damage | None = None) -> Path:
    """Write a composite of 3 rows and 4 columns: north-west is the first cell."""
    with h5py.File(path, "w") as file:
        file.attrs["Conventions"] = np.bytes_("ODIM_H5/V2_2")
        for name, attrs in {
            "what": {"object": b"COMP", "date": b"20210720", "time": b"090000"},
            "where": {
                "projdef": PLANE.encode(),
                "xsize": 4,
                "ysize": 3,
                "xscale": 1000.0,
                "yscale": 1000.0,
                "UL_lon": 5.0,
                "UL_lat": 52.0,
            },
            "dataset1/what": {
                "startdate": b"20210720",
                "starttime": b"085500",
                "enddate": b"20210720",
                "endtime": b"090000",
            },
            "dataset1/data1/what": {
                "quantity": quantity.encode(),
                "gain": 0.5,
                "offset": -1.0,
                "nodata": 255.0,
                "undetect": 0.0,
            },
            "dataset1/data1/quality1/what": {"quantity": b"QIND", "gain": 0.01, "offset": 0.0},
        }.items():
            for key, value in attrs.items():
                file.require_group(name).attrs[key] = np.bytes_(value) if isinstance(value, bytes) else value
        raw = np.array([[26, 0, 255, 2], [4, 4, 4, 4], [6, 6, 6, 6]], dtype="u1")
        file["dataset1/data1/data"] = raw
        index = np.full((3, 4), 90, dtype="u1")
        index[0, 0] = 20
        file["dataset1/data1/quality1/data"] = index
        if damage is not None:
            damage(file)
    return path


def put(name: str, key: str, value: Any) -> Damage:
    return lambda file: file[name].attrs.__setitem__(key, value)


def replace(name: str, value: Any) -> Damage:
    def damage(file: h5py.File) -> None:
        del file[name]
        file[name] = value

    return damage


def knmi(path: Path, damage: Damage | None = None) -> Path:
    with h5py.File(path, "w") as file:
        for name, attrs in {
            "overview": {
                "number_image_groups": 1,
                "product_datetime_start": "26-AUG-2010;03:40:00.000",
                "product_datetime_end": "26-AUG-2010;03:45:00.000",
            },
            "geographic": {
                "geo_dim_pixel": "KM,KM",
                "geo_number_columns": 700,
                "geo_number_rows": 765,
                "geo_pixel_size_x": 1.0,
                "geo_pixel_size_y": -1.0,
                "geo_column_offset": 0.0,
                "geo_row_offset": 3650.0,
                "geo_product_corners": np.array([0, 49.362, 0, 55.974, 10.856, 55.389, 9.009, 48.895]),
            },
            "geographic/map_projection": {
                "projection_proj4_params": "+proj=stere +lat_0=90 +lon_0=0 +lat_ts=60 +a=6378.14 +b=6356.75"
            },
            "image1": {"image_geo_parameter": "ACCUMULATED_PRECIPITATION_[MM]"},
            "image1/calibration": {
                "calibration_formulas": "GEO=0.01*PV+0.0",
                "calibration_missing_data": 65535,
                "calibration_out_of_image": 65535,
            },
        }.items():
            file.require_group(name).attrs.update(attrs)
        raw = np.zeros((765, 700), dtype="u2")
        raw[0, :3] = 65535, 128, 0
        file.create_dataset("image1/image_data", data=raw, compression="gzip")
        if damage is not None:
            damage(file)
    return path


def imerg(path: Path, damage: Damage | None = None, *, group: str = "Grid") -> Path:
    """Write a half hour on 4 longitudes and 3 latitudes, as (time, lon, lat)."""
    with h5py.File(path, "w") as file:
        grid = file.require_group(group) if group else file
        rain = np.arange(12, dtype="f4").reshape(1, 4, 3)
        rain[0, 0, 0] = -9999.9
        quality = np.full((1, 4, 3), 0.8, dtype="f4")
        quality[0, 3, 2] = 0.3
        begin = 1_626_771_600  # 2021-07-20 09:00 UTC
        for name, values in {
            "lon": [112.05, 112.15, 112.25, 112.35],
            "lat": [34.05, 34.15, 34.25],
            "time": np.array([begin], "i4"),
            "time_bnds": np.array([[begin, begin + 1800]], "i4"),
            "precipitation": rain,
            "precipitationQualityIndex": quality,
        }.items():
            grid[name] = values
        grid["precipitation"].attrs.update(
            {"units": "mm/hr", "_FillValue": np.float32(-9999.9), "DimensionNames": "time,lon,lat"}
        )
        grid["time"].attrs["units"] = "seconds since 1970-01-01 00:00:00 UTC"
        if damage is not None:
            damage(file)
    return path
