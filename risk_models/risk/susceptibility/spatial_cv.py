"""Splits that keep neighbours, and one storm's rows, on the same side."""

# ruff: noqa: N803, ARG002 (names and arguments of scikit-learn)

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import BaseCrossValidator, GroupKFold

__all__ = ["LeaveOneStormOut", "SpatialBlockSplit", "spatial_blocks"]

Indices = npt.NDArray[np.intp]


def spatial_blocks(easting_m: npt.ArrayLike, northing_m: npt.ArrayLike, *, block_size_m: float) -> Indices:
    """Number the square blocks of a grid in which points lie.

    Parameters
    ----------
    easting_m, northing_m : array_like (n,)
        Projected coordinates [m]. The grid starts at their minima.
    block_size_m : float
        Side of a block [m].

    Returns
    -------
    ndarray (n,) of int
        Block of each point: 0, 1, ... in order of the grid (south-west first), without gaps.

    Raises
    ------
    ValueError
        If the block size is not positive, or a coordinate is not finite.

    References
    ----------
    Roberts, D. R. et al. (2017) Cross-validation strategies for data with temporal, spatial, hierarchical, or
    phylogenetic structure, Ecography 40, 913-929, doi:10.1111/ecog.02881.

    Examples
    --------
    >>> spatial_blocks([0.0, 400.0, 1200.0], [0.0, 900.0, 100.0], block_size_m=1000.0).tolist()
    [0, 0, 1]
    """
    if not block_size_m > 0:
        raise ValueError(f"block_size_m must be positive, got {block_size_m}")
    points = np.stack([np.asarray(easting_m, dtype=np.float64), np.asarray(northing_m, dtype=np.float64)], axis=1)
    if not np.isfinite(points).all():
        row = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise ValueError(f"coordinates of row {row} are not finite: {points[row].tolist()}")
    cells = np.floor((points - points.min(axis=0)) / block_size_m).astype(np.int64)
    _, block = np.unique(cells[:, ::-1], axis=0, return_inverse=True)
    return np.asarray(block, dtype=np.intp).ravel()


class SpatialBlockSplit(BaseCrossValidator):  # type: ignore[misc]
    """Cross-validation in which all points of a square block are tested together.

    Blocks are dealt to folds largest first, each to the fold with the fewest rows so far: no chance is involved.

    Parameters
    ----------
    n_splits : int
    block_size_m : float
        Side of a block [m]; choose it at least as long as the factors are correlated.
    coordinates : (str, str)
        Columns of X with easting and northing [m].

    Examples
    --------
    >>> points = pd.DataFrame({"easting_m": [0.0, 10.0, 5000.0, 5010.0], "northing_m": [0.0, 0.0, 0.0, 0.0]})
    >>> cv = SpatialBlockSplit(2, block_size_m=1000.0, coordinates=("easting_m", "northing_m"))
    >>> [test.tolist() for _, test in cv.split(points)]
    [[2, 3], [0, 1]]
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        block_size_m: float = 5000.0,
        coordinates: tuple[str, str] = ("easting_m", "northing_m"),
    ) -> None:
        self.n_splits = n_splits
        self.block_size_m = block_size_m
        self.coordinates = coordinates

    def split(self, X: pd.DataFrame, y: Any = None, groups: Any = None) -> Iterator[tuple[Indices, Indices]]:
        """Yield row numbers to train on and to test on.

        Parameters
        ----------
        X : DataFrame
            With the coordinate columns.
        y, groups
            Not used; there for scikit-learn.

        Yields
        ------
        train, test : ndarray of int

        Raises
        ------
        ValueError
            If a coordinate column is missing, or there are fewer blocks than folds.
        """
        missing = [name for name in self.coordinates if name not in getattr(X, "columns", ())]
        if missing:
            raise ValueError(f"X has no column {missing[0]!r}; name the coordinate columns in `coordinates`")
        easting, northing = (X[name].to_numpy(dtype=np.float64) for name in self.coordinates)
        block = spatial_blocks(easting, northing, block_size_m=self.block_size_m)
        n_blocks = int(block.max()) + 1
        if n_blocks < self.n_splits:
            raise ValueError(f"{n_blocks} blocks of {self.block_size_m} m cannot make {self.n_splits} folds")
        yield from GroupKFold(self.n_splits).split(X, groups=block)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds."""
        return self.n_splits


class LeaveOneStormOut(BaseCrossValidator):  # type: ignore[misc]
    """Cross-validation that tests each storm on a model that knows all the others.

    Parameters
    ----------
    storm : str
        Column of X with the storm of each row, used if `split` is given no groups.

    Examples
    --------
    >>> table = pd.DataFrame({"storm_id": ["2019-07-29", "2021-07-20", "2021-07-20"], "rain_mm": [40.0, 200.0, 190.0]})
    >>> [(train.tolist(), test.tolist()) for train, test in LeaveOneStormOut().split(table)]
    [([1, 2], [0]), ([0], [1, 2])]
    """

    def __init__(self, storm: str = "storm_id") -> None:
        self.storm = storm

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Indices, Indices]]:
        """Yield row numbers to train on and to test on, storms in ascending order.

        Parameters
        ----------
        X : DataFrame or array
        y
            Not used; there for scikit-learn.
        groups : array_like (n,), optional
            Storm of each row; by default the column of X.

        Yields
        ------
        train, test : ndarray of int

        Raises
        ------
        ValueError
            If fewer than two storms are given.
        """
        storms = self._storms(X, groups)
        names = np.unique(storms)
        if len(names) < 2:
            raise ValueError(f"leaving one storm out needs at least 2 storms, got {len(names)}")
        for name in names:
            yield np.flatnonzero(storms != name), np.flatnonzero(storms == name)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of storms."""
        return len(np.unique(self._storms(X, groups)))

    def _storms(self, X: Any, groups: Any) -> npt.NDArray[np.str_]:
        if groups is None and self.storm not in getattr(X, "columns", ()):
            raise ValueError(f"X has no column {self.storm!r} and no groups are given: which rows are one storm?")
        return np.asarray(X[self.storm] if groups is None else groups).astype(str)
