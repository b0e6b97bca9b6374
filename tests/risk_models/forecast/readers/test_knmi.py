"""KNMI maps: what is read, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from risk_models.errors import BadInputError
from risk_models.forecast.readers.knmi import read_knmi
from tests.risk_models.forecast.readers.small_files import Damage, knmi, put


def test_knmi(tmp_path: Path) -> None:
    rain, _ = read_knmi(knmi(tmp_path / "map.h5"))
    np.testing.assert_allclose(rain.rain_mm[0, -1, :3], [np.nan, 1.28, 0], rtol=1e-6)
    assert rain.y.to_numpy()[-1] == pytest.approx(-3_650_500)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (put("image1", "image_geo_parameter", "REFLECTIVITY_[DBZ]"), "column image_geo_parameter: is no rain"),
        (put("image1/calibration", "calibration_formulas", "GEO=exec"), "formula cannot be read"),
        (put("image1/calibration", "calibration_formulas", "GEO=1e9*PV+0.0"), "formula is out of bounds"),
        (put("image1/calibration", "calibration_formulas", "GEO=-*PV+."), "formula is out of bounds"),
        (put("overview", "product_datetime_end", "26-AUG-2010"), "time cannot be read"),
        (put("overview", "product_datetime_end", "26-AUG-2010;03:30:00.000"), "interval out of bounds"),
        (put("overview", "number_image_groups", 25), "several images in one file"),
        (put("geographic", "geo_number_rows", 1_000_000), "geo_number_rows: attribute is out of bounds"),
        (put("geographic", "geo_number_rows", 764), "wrong shape"),
        (put("geographic", "geo_row_offset", 3000.0), "corner and offsets disagree"),
        (put("geographic", "geo_product_corners", np.array([1.0, np.nan])), "geo_product_corners"),
        (put("geographic", "geo_dim_pixel", "M,M"), "unknown unit of cells"),
    ],
)
def test_absurd_maps_are_refused(tmp_path: Path, damage: Damage, text: str) -> None:
    with pytest.raises(BadInputError, match=f"map.h5.*({text})"):
        read_knmi(knmi(tmp_path / "map.h5", damage))
