"""FMI maps written small: what is read, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from risk_models.errors import BadInputError
from risk_models.forecast.readers.fmi import read_fmi
from tests.risk_models.forecast.readers.small_files import METADATA, fmi


def test_fmi(tmp_path: Path) -> None:
    rain, _ = read_fmi(fmi(tmp_path))
    rate = [(10 ** (dbz / 10) / 223) ** (1 / 1.53) for dbz in (49, 23, 0, -31.5)]
    expected = np.array([[rate[1], rate[2], rate[3]], [0, np.nan, rate[0]]]) / 12
    np.testing.assert_allclose(rain.rain_mm[0], expected, rtol=1e-5)
    assert rain.y.to_numpy().tolist() == [125, 375]
    assert rain.time.to_numpy()[0] == np.datetime64("2021-07-20T09:00")


@pytest.mark.parametrize(
    ("metadata", "profile", "text"),
    [
        (METADATA.replace("202107200900", "noon"), {}, "column Observation time: time cannot be read"),
        (METADATA.replace("dBZ", "m"), {}, "the quantity is not reflectivity in dBZ"),
        (METADATA.replace("0.500000", "nan"), {}, "column Gain: item is missing or out of bounds"),
        (METADATA.replace(">255<", ">256<"), {}, "column Nodata: item is missing or out of bounds"),
        ("", {}, "the quantity is not reflectivity"),
        (METADATA, {"dtype": "uint16"}, "one georeferenced band of bytes"),
        (METADATA, {"count": 2}, "one georeferenced band of bytes"),
        (METADATA, {"crs": None}, "one georeferenced band of bytes"),
    ],
)
def test_absurd_maps_are_refused(tmp_path: Path, metadata: str, profile: dict[str, Any], text: str) -> None:
    with pytest.raises(BadInputError, match=f"map.tif.*({text})"):
        read_fmi(fmi(tmp_path, metadata, **profile))


def test_virtual_raster_is_no_geotiff(tmp_path: Path) -> None:
    path = tmp_path / "map.tif"
    path.write_text(
        '<VRTDataset rasterXSize="3" rasterYSize="2"><SourceFilename>/vsicurl/http://example.org/a.tif'
        "</SourceFilename></VRTDataset>"
    )
    with pytest.raises(BadInputError, match="is no GeoTIFF"):
        read_fmi(path)
    path.write_bytes(b"II*\x00" + b"\xff" * 60)
    with pytest.raises(BadInputError, match=r"cannot be read|broke down"):
        read_fmi(path)
