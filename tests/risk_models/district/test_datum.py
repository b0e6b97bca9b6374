"""Datums: published points, round trips, and the half kilometre that an unconverted layer costs."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_models.district.datum import DATUMS, from_wgs84, to_wgs84

LON = st.floats(73.5, 134.5)
LAT = st.floats(18.5, 53.5)


@pytest.mark.parametrize(
    ("wgs84", "gcj02"),
    [
        ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597)),
        ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766)),
        ((116.377817, 39.911954), (116.38404722455657, 39.91334545536069)),
    ],
)
def test_gcj02_meets_published_points(wgs84: tuple[float, float], gcj02: tuple[float, float]) -> None:
    np.testing.assert_allclose(from_wgs84(*wgs84, "GCJ-02"), gcj02, atol=1e-9)
    np.testing.assert_allclose(to_wgs84(*gcj02, "GCJ-02"), wgs84, atol=1e-9)


def test_bd09_meets_a_published_point() -> None:
    wgs84 = to_wgs84(116.404, 39.915, "GCJ-02")
    np.testing.assert_allclose(from_wgs84(*wgs84, "BD-09"), (116.41036949371029, 39.92133699351021), atol=1e-9)


def test_shift_at_erqi_is_570_m_east_and_120_m_south() -> None:
    lon, lat = 113.588, 34.680
    moved = from_wgs84(lon, lat, "GCJ-02")
    azimuth, _, distance_m = pyproj.Geod(ellps="WGS84").inv(lon, lat, *moved)
    east_m = distance_m * np.sin(np.radians(azimuth))
    south_m = -distance_m * np.cos(np.radians(azimuth))
    assert east_m == pytest.approx(570, abs=30)
    assert south_m == pytest.approx(120, abs=30)


def test_bounds_of_the_district_outline_convert_as_published(shared_data) -> None:
    import geopandas as gpd

    outlines = gpd.read_file(shared_data / "erqi" / "zhengzhou_districts_gcj02.geojson")
    outline = outlines.loc[outlines["file"] == "410103.geojson"].geometry.iloc[0]
    corners = np.array([point for part in outline.geoms for point in part.exterior.coords])
    lon, lat = to_wgs84(corners[:, 0], corners[:, 1], "GCJ-02")
    np.testing.assert_allclose(
        [lon.min(), lon.max(), lat.min(), lat.max()], [113.49815, 113.67043, 34.60137, 34.76762], atol=3e-5
    )


@given(lon=LON, lat=LAT, datum=st.sampled_from(DATUMS))
def test_there_and_back_is_the_identity(lon: float, lat: float, datum: str) -> None:
    back = to_wgs84(*from_wgs84(lon, lat, datum), datum)
    np.testing.assert_allclose(back, (lon, lat), atol=1e-9)


def test_cgcs2000_is_wgs84() -> None:
    np.testing.assert_array_equal(to_wgs84([113.6], [34.7], "CGCS2000"), [[113.6], [34.7]])


def test_points_outside_china_stay() -> None:
    np.testing.assert_array_equal(from_wgs84([2.35], [48.85], "GCJ-02"), [[2.35], [48.85]])


def test_arrays_keep_their_shape_and_unknown_stays_unknown() -> None:
    given_lon = np.array([[113.6, np.nan], [113.7, 113.8]])
    before = given_lon.copy()
    lon, lat = to_wgs84(given_lon, 34.7, "BD-09")
    assert lon.shape == lat.shape == (2, 2)
    assert np.isnan(lon[0, 1])
    assert np.isfinite(np.delete(lon.ravel(), 1)).all()
    np.testing.assert_array_equal(given_lon, before)


@pytest.mark.parametrize("convert", [to_wgs84, from_wgs84])
def test_unknown_datum_lists_the_accepted(convert) -> None:
    with pytest.raises(ValueError, match="'GCJ02' is no known datum; accepted: WGS84, CGCS2000, GCJ-02, BD-09"):
        convert(113.6, 34.7, "GCJ02")
