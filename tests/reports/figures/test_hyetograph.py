"""The hyetograph: small, repeatable, what is missing marked."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from reports.figures import hyetograph_png, rain_note
from reports.words import Text

NAME = Text("陇海路铁路下穿", "Longhai Road underpass")


def _rainfall(*, missing: slice | None = None) -> xr.Dataset:
    end = pd.date_range("2021-07-19T09:00", periods=48, freq="h")
    now = pd.Timestamp("2021-07-20T08:00")
    rain = np.tile(np.linspace(0, 40, 48), (5, 1)) * np.linspace(0.8, 1.2, 5)[:, None]
    rain[:, end <= now] = rain[2, end <= now]
    if missing is not None:
        rain[:, missing] = np.nan
    return xr.Dataset(
        {
            "rain_mm": (("member", "time", "hotspot"), rain[..., None].astype("float32")),
            "origin": ("time", np.where(end <= now, 0, 2).astype("int8")),
        },
        coords={"time": end, "hotspot": ["EQ-001"]},
        attrs={"valid_at": "2021-07-20T08:00:00+00:00", "step_h": 1.0},
    )


def test_hyetograph_is_small_and_repeatable():
    note = rain_note(Text("约12年一遇", "about a 12-year event"), 3, "zz-f2")
    first, second = (hyetograph_png(_rainfall(), "EQ-001", name=NAME, zone="Asia/Shanghai", note=note) for _ in "ab")
    assert first == second
    assert len(first) < 60_000


@pytest.mark.parametrize("missing", [slice(3, 6), slice(0, 48)])
def test_missing_steps_are_marked_and_not_dry(missing):
    shown = hyetograph_png(_rainfall(missing=missing), "EQ-001", name=NAME, zone="Asia/Shanghai")
    dry = _rainfall()
    dry["rain_mm"][:, missing] = 0.0
    assert shown != hyetograph_png(dry, "EQ-001", name=NAME, zone="Asia/Shanghai")


def test_return_period_note_names_the_formula():
    note = rain_note(Text("约12年一遇", "about a 12-year event"), 3, "zz-f2")
    assert "zz-f2" in note.zh
    assert "zz-f2" in note.en
