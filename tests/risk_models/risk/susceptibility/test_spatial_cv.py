"""Neighbours, and one storm's rows, stay together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from risk_models.risk.susceptibility import LeaveOneStormOut, SpatialBlockSplit, spatial_blocks

COORDINATES = ("easting_m", "northing_m")


def points(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.uniform(0.0, 10_000.0, (n, 2)), columns=list(COORDINATES))


@given(seed=st.integers(0, 100), size=st.sampled_from([500.0, 1000.0, 2500.0]), n_splits=st.integers(2, 6))
@settings(max_examples=30, deadline=None)
def test_every_row_is_tested_once_and_no_block_is_cut(seed, size, n_splits):
    table = points(120, seed)
    block = spatial_blocks(table["easting_m"], table["northing_m"], block_size_m=size)
    folds = list(SpatialBlockSplit(n_splits, block_size_m=size).split(table))
    tested = np.concatenate([test for _, test in folds])
    assert np.array_equal(np.sort(tested), np.arange(120))
    for train, test in folds:
        assert not set(block[train]) & set(block[test])


def test_folds_are_the_same_each_time_and_for_moved_points():
    table = points(200, 1)
    moved = table + 1_000_000.0
    cv = SpatialBlockSplit(4, block_size_m=1000.0)
    for (_, one), (_, two) in zip(cv.split(table), cv.split(moved), strict=True):
        assert np.array_equal(one, two)


def test_points_in_one_block_are_within_its_size():
    table = points(300, 2)
    block = spatial_blocks(table["easting_m"], table["northing_m"], block_size_m=700.0)
    span = table.groupby(block).agg(lambda v: v.max() - v.min())
    assert span.to_numpy().max() <= 700.0
    assert np.array_equal(np.unique(block), np.arange(block.max() + 1))


def test_works_inside_scikit_learn():
    table = points(100, 3).assign(storm_id=[f"S{n % 5}" for n in range(100)])
    flooded = np.arange(100) % 3 == 0
    columns = table[list(COORDINATES)]
    by_block = cross_val_score(LogisticRegression(), columns, flooded, cv=SpatialBlockSplit(3, block_size_m=1000.0))
    by_storm = cross_val_score(LogisticRegression(), columns, flooded, cv=LeaveOneStormOut(), groups=table["storm_id"])
    assert len(by_block) == 3
    assert len(by_storm) == LeaveOneStormOut().get_n_splits(table) == 5


def test_one_storm_at_a_time():
    storm = ["b", "a", "b", "c"]
    folds = list(LeaveOneStormOut().split(np.zeros((4, 1)), groups=storm))
    assert [test.tolist() for _, test in folds] == [[1], [0, 2], [3]]
    assert all(np.array_equal(np.sort(np.r_[train, test]), np.arange(4)) for train, test in folds)


def test_bad_inputs_are_named():
    with pytest.raises(ValueError, match="block_size_m must be positive, got 0"):
        spatial_blocks([1.0], [1.0], block_size_m=0)
    with pytest.raises(ValueError, match="coordinates of row 1 are not finite"):
        spatial_blocks([1.0, np.nan], [1.0, 2.0], block_size_m=10.0)
    with pytest.raises(ValueError, match="X has no column 'easting_m'"):
        next(SpatialBlockSplit().split(pd.DataFrame({"rain": [1.0]})))
    with pytest.raises(ValueError, match=r"1 blocks of 1000000.0 m cannot make 5 folds"):
        next(SpatialBlockSplit(block_size_m=1e6).split(points(9, 0)))
    with pytest.raises(ValueError, match="at least 2 storms, got 1"):
        next(LeaveOneStormOut().split(np.zeros((2, 1)), groups=["a", "a"]))
    with pytest.raises(ValueError, match="which rows are one storm"):
        next(LeaveOneStormOut().split(np.zeros((2, 1))))
