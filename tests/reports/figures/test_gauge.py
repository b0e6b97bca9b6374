"""The depth gauge."""

from __future__ import annotations

import io

from PIL import Image

from reports.figures import DepthRow, depth_bands, depth_gauge_png
from risk_models.levels import Level
from risk_models.standards import load_standards


def test_depth_gauge_draws_unknown_as_unknown():
    bands = depth_bands(load_standards(), "zz-road-2024")
    known = DepthRow("甲", Level.RED, 0.2, 0.6, 1.4)
    lost = DepthRow("乙", Level.UNKNOWN, float("nan"), float("nan"), float("nan"))
    png = depth_gauge_png([known, lost], bands=bands, demonstration=True)
    assert png == depth_gauge_png([known, lost], bands=bands, demonstration=True)
    assert png != depth_gauge_png([known, DepthRow("乙", Level.NONE, 0, 0, 0)], bands=bands, demonstration=True)
    assert Image.open(io.BytesIO(png)).width == 1200


def test_depth_bands_are_those_of_the_standard():
    bands = depth_bands(load_standards(), "zz-road-2024")
    assert [round(start, 2) for start, _ in bands] == [0.0, 0.05, 0.15, 0.27, 0.5]
    assert [level for _, level in bands] == [Level.NONE, Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED]
