"""Real floods of street gauges in New York, reading by reading: standing at once, never dry before the gauge is.

The same floods with what gauges do to a duty room: one that sticks, leaps, dies, goes blind, or is contradicted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from risk_models.observation import Now, observed_now
from risk_models.observation.reader import COLUMNS, NOT_DRY_M
from risk_models.observation.sight import DROP_M, STANDING_M
from risk_models.standards import load_standards

Profile = npt.NDArray[np.float64]

BEGIN = pd.Timestamp("2024-07-01T00Z")
KNOWN = load_standards().observation_sources("wuyu-sources-1")
FLOODS = 24
DRY_AFTER = 3


@pytest.fixture(scope="module")
def profiles(shared_data) -> dict[str, tuple[Profile, Profile]]:
    """Return seconds and depths [m] of floods above 15 cm: shallow to deep, at most eight hours long."""
    table = pd.read_parquet(shared_data / "nyc_floodnet" / "depth_profiles.parquet")
    floods = {
        f"NYC-{event}": (rows["t_s"].to_numpy(np.float64), rows["depth_mm"].to_numpy(np.float64) / 1000.0)
        for event, rows in table.groupby("event_id")
        if rows["depth_mm"].max() > 1000 * STANDING_M and rows["t_s"].max() < 8 * 3600
    }
    by_depth = sorted(floods, key=lambda name: (floods[name][1].max(), name))
    return {name: floods[name] for name in by_depth[:: len(by_depth) // FLOODS][-FLOODS:]}


def readings(profile: tuple[Profile, Profile], step_min: int) -> Profile:
    """Return the depths that a gauge reports every few minutes, until the place has been dry for a while."""
    seconds, depth_m = profile
    at = np.arange(0.0, seconds[-1] + 60.0 * step_min * (DRY_AFTER + 1), 60.0 * step_min)
    return np.interp(at, seconds, depth_m, right=0.0)


def rows_of(place: str, depths_m: Profile, step_min: int, **more: Any) -> list[dict[str, Any]]:
    plain = {"hotspot_id": place, "source": "depth_gauge", "confidence": 1.0, "by": place, "remark": ""} | more
    return [
        {
            "observation_id": f"{plain['by']}-{n}",
            "seen_at": BEGIN + pd.Timedelta(minutes=step_min * n),
            "seen": "cannot_see" if np.isnan(depth) else "flooded" if depth > NOT_DRY_M else "dry",
            "depth_m": depth,
            **plain,
        }
        for n, depth in enumerate(depths_m)
    ]


def replay(rows: list[dict[str, Any]], step_min: int, first: int = 0, every: int = 1) -> dict[int, pd.DataFrame]:
    """Return what is known of now after each reading, as it comes in."""
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    number = ((table["seen_at"] - BEGIN) / pd.Timedelta(minutes=step_min)).astype(int)
    return {
        n: observed_now(
            table[number <= n], at=BEGIN + pd.Timedelta(minutes=step_min * n), sources=KNOWN, timezone="UTC"
        )
        for n in range(number.max(), first - 1, -every)
    }


@pytest.mark.parametrize("step_min", [5, 10])
def test_a_flood_stands_within_one_reading_and_is_dry_only_when_the_gauge_is(
    profiles: dict[str, tuple[Profile, Profile]], step_min: int
) -> None:
    chosen = {name: readings(one, step_min) for name, one in list(profiles.items())[step_min % 2 :: 2]}
    found = replay([row for name, depths in chosen.items() for row in rows_of(name, depths, step_min)], step_min)
    for name, depths_m in chosen.items():
        states = [found[n].loc[name] for n in range(len(depths_m))]
        for state, depth_m in zip(states, depths_m, strict=True):
            assert (state["now"] == Now.STANDS) == (depth_m >= STANDING_M), (name, depth_m, state["said_en"])
            assert (state["now"] == Now.DRY) == (depth_m <= NOT_DRY_M), (name, depth_m, state["said_en"])
        wet = np.flatnonzero(depths_m > NOT_DRY_M)
        assert states[-1]["is_proof"] == (depths_m[wet[-1]] < DROP_M), (name, depths_m)
        assert not any(state["is_proof"] for state in states[: wet[0]]), "it has not seen water yet"


@pytest.fixture(scope="module")
def deep(profiles: dict[str, tuple[Profile, Profile]]) -> dict[str, Profile]:
    """Return ten-minute readings of the deepest floods, up to their peak."""
    whole = {name: readings(one, 10) for name, one in list(profiles.items())[-5:]}
    return {name: depths[: int(np.argmax(depths)) + 1] for name, depths in whole.items()}


def ends(deep: dict[str, Profile], change: Callable[[float], Profile], every: int = 1) -> dict[str, pd.DataFrame]:
    """Return, for every flood, what is known of now after its peak, with a gauge to which something happens."""
    found = {}
    for name, depths_m in deep.items():
        changed = np.concatenate([depths_m, change(depths_m[-1])])
        steps = replay(rows_of(name, changed, 10), 10, first=len(depths_m), every=every)
        found[name] = pd.DataFrame([steps[n].loc[name] for n in sorted(steps)])
    return found


def test_a_gauge_that_sticks_at_the_peak_never_calms(deep: dict[str, Profile]) -> None:
    for table in ends(deep, lambda peak: np.full(40, peak), every=7).values():
        assert set(table["now"]) <= {str(Now.STANDS), str(Now.UNKNOWN)}
        assert table["now"].iloc[-1] == Now.UNKNOWN
        assert "stuck" in table["said_en"].iloc[-1]


def test_a_gauge_that_was_stuck_and_then_reads_nothing_proves_nothing(deep: dict[str, Profile]) -> None:
    for table in ends(deep, lambda peak: np.concatenate([np.full(40, peak), np.zeros(3)]), every=9).values():
        assert not table["is_proof"].any()
        assert "a person must look" in table["said_en"].iloc[-1]


def test_a_gauge_that_dies_in_deep_water_proves_nothing(deep: dict[str, Profile]) -> None:
    drowned = {name: depths for name, depths in deep.items() if depths[-1] >= DROP_M}
    assert len(drowned) >= 3
    for table in ends(drowned, lambda _: np.zeros(30)).values():
        assert not table["is_proof"].any()


def test_a_leap_up_is_a_flood_until_the_next_reading_denies_it(deep: dict[str, Profile]) -> None:
    for table in ends(deep, lambda peak: np.array([peak + 2.0, peak, peak])).values():
        assert set(table["now"]) == {str(Now.STANDS)}
        assert table["depth_m"].iloc[-1] < 2.0


def test_a_gauge_that_goes_blind_leaves_its_water_unchecked(deep: dict[str, Profile]) -> None:
    for name, table in ends(deep, lambda _: np.full(6, np.nan)).items():
        assert str(Now.DRY) not in set(table["now"])
        assert table["now"].iloc[-1] == Now.UNKNOWN
        assert pd.notna(table["since"]).all(), name


def test_a_camera_that_sees_nothing_of_it_is_not_believed(deep: dict[str, Profile]) -> None:
    """It looks at the dry side of the road all the while, and goes on when the gauge has drowned."""
    for name, depths_m in deep.items():
        camera = rows_of(name, np.zeros(len(depths_m) + 12), 10, source="camera", by="camera")
        steps = replay(rows_of(name, depths_m, 10) + camera, 10)
        for n, depth_m in enumerate(depths_m):
            assert n in steps
            assert (steps[n].at[name, "now"] == Now.STANDS) == (depth_m >= STANDING_M)
        assert not any(steps[n].at[name, "is_proof"] for n in steps)


def test_a_gauge_on_higher_ground_does_not_speak_for_one_that_drowned(deep: dict[str, Profile]) -> None:
    """It saw the water too, and less of it: when the deep one falls silent, its dry ground proves nothing."""
    for name, depths_m in deep.items():
        higher = np.concatenate([np.maximum(depths_m - 0.1, 0.0), np.zeros(12)])
        higher[len(depths_m) - 2] = 0.05
        rows = rows_of(name, depths_m, 10) + rows_of(name, higher, 10, by="higher")
        last = replay(rows, 10, first=len(higher) - 1)[len(higher) - 1].loc[name]
        assert not last["is_proof"], last["said_en"]
