"""Outlines as CAP polygons: valid, closed, few vertices, the same text for the same shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Point, Polygon, box
from shapely.ops import unary_union

from risk_models.warning.cap.polygon import MAX_VERTICES, cap_polygons


def rings(texts):
    """Return polygons (lon, lat) of CAP texts."""
    return [Polygon([tuple(map(float, pair.split(",")))[::-1] for pair in text.split()]) for text in texts]


def ragged_circle(n, wobble, seed):
    rng = np.random.default_rng(seed)
    angles = np.linspace(0, 2 * np.pi, n, endpoint=False)
    radius = 0.01 * (1 + wobble * rng.uniform(-1, 1, n))
    return Polygon(np.column_stack([113.6 + radius * np.cos(angles), 34.7 + radius * np.sin(angles)]))


@settings(max_examples=30, deadline=None)
@given(st.integers(8, 1500), st.floats(0, 0.3), st.integers(0, 2**16))
def test_polygon_laws(n, wobble, seed):
    outline = ragged_circle(n, wobble, seed)
    texts = cap_polygons(outline)
    assert sum(len(text.split()) for text in texts) <= MAX_VERTICES
    assert all(text.split()[0] == text.split()[-1] for text in texts)
    shapes = rings(texts)
    assert all(shape.is_valid for shape in shapes)
    covered = unary_union(shapes).intersection(outline).area
    assert covered >= 0.9 * outline.area, "most of the town is in it"
    assert unary_union(shapes).area <= 1.01 * outline.convex_hull.area


def test_parts_holes_and_order():
    town = MultiPolygon(
        [box(113.60, 34.70, 113.61, 34.71), box(113.62, 34.70, 113.64, 34.72), box(113.7, 34.7, 113.7005, 34.7005)]
    )
    texts = cap_polygons(town)
    assert len(texts) == 2, "the speck is left out"
    assert texts[0].startswith("34.70000,113.6"), "latitude first"
    holed = box(113.60, 34.70, 113.61, 34.71).difference(Point(113.605, 34.705).buffer(0.001))
    (text,) = cap_polygons(holed)
    assert len(text.split()) == 5


def test_same_shape_begun_elsewhere_gives_the_same_text(cap):
    corners = list(cap.area.outline.exterior.coords)[:-1]
    turned = Polygon(corners[2:] + corners[:2])
    assert cap_polygons(turned) == cap_polygons(cap.area.outline) == cap_polygons(Polygon(corners[::-1]))


def test_a_spiky_town_still_fits():
    (text,) = cap_polygons(ragged_circle(4000, 0.9, 1), max_vertices=12)
    assert len(text.split()) <= 12


def test_an_empty_outline_is_refused():
    with pytest.raises(ValueError, match="must be a polygon with an area, got Point"):
        cap_polygons(Point(113.6, 34.7))
