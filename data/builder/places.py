"""Communities, and the placing of points: inside their town, apart from each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry import Point, Polygon

from data.builder.settings import SYNTHETIC, random_for
from data.builder.sources import Sources, to_lonlat

__all__ = ["Placer", "apportion", "build_communities", "with_lonlat"]

_CANDIDATES = 24


def apportion(total: int, weights: np.ndarray) -> np.ndarray:
    """Return whole numbers in proportion to weights that sum exactly to a total (largest remainder).

    Parameters
    ----------
    total : int
        Sum to reach.
    weights : numpy.ndarray
        (n,) non-negative, not all zero.

    Returns
    -------
    numpy.ndarray
        (n,) int64.

    Examples
    --------
    >>> apportion(10, np.array([1.0, 1.0, 1.0])).tolist()
    [4, 3, 3]
    """
    exact = total * np.asarray(weights, dtype=float) / np.sum(weights)
    whole = np.floor(exact).astype(np.int64)
    rest = int(total - whole.sum())
    whole[np.argsort(-(exact - whole), kind="stable")[:rest]] += 1
    return whole


@dataclass
class Placer:
    """Places points inside areas, each as far as it can be from those placed before.

    Attributes
    ----------
    generator : numpy.random.Generator
        Source of chance.
    taken : list of tuple of float
        Easting and northing [m] of points already placed.
    """

    generator: np.random.Generator
    taken: list[tuple[float, float]] = field(default_factory=list)

    def _gap(self, point: tuple[float, float]) -> float:
        if not self.taken:
            return np.inf
        return float(np.hypot(*(np.array(self.taken) - point).T).min())

    def choose(self, candidates: Sequence[tuple[float, float]], enough_m: float = np.inf) -> tuple[float, float]:
        """Take the first candidate that is far enough from all others, or the one that is farthest."""
        gaps = [self._gap(candidate) for candidate in candidates]
        far = [candidate for candidate, gap in zip(candidates, gaps, strict=True) if gap >= enough_m]
        chosen = far[0] if far else candidates[int(np.argmax(gaps))]
        self.taken.append(chosen)
        return chosen

    def anywhere(self, area: Polygon, inset_m: float = 60.0, count: int = _CANDIDATES) -> list[tuple[float, float]]:
        """Return random points inside an area, off its edge."""
        inner = area.buffer(-inset_m)
        inner = inner if not inner.is_empty else area
        west, south, east, north = inner.bounds
        found: list[tuple[float, float]] = []
        while len(found) < count:
            point = (float(self.generator.uniform(west, east)), float(self.generator.uniform(south, north)))
            if inner.contains(Point(point)):
                found.append(point)
        return found

    def around(
        self, centre: tuple[float, float], area: Polygon, radius_m: tuple[float, float], count: int = _CANDIDATES
    ) -> list[tuple[float, float]]:
        """Return random points in a ring around a centre and inside an area; anywhere in the area if none is."""
        found = []
        for _ in range(6 * count):
            angle = self.generator.uniform(0.0, 2.0 * np.pi)
            radius = self.generator.uniform(*radius_m)
            point = (float(centre[0] + radius * np.cos(angle)), float(centre[1] + radius * np.sin(angle)))
            if area.contains(Point(point)):
                found.append(point)
        return found[:count] or self.anywhere(area, count=count)


def with_lonlat(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with longitude and latitude added.

    Parameters
    ----------
    table : pandas.DataFrame
        With easting and northing [m].

    Returns
    -------
    pandas.DataFrame
        With lon and lat [WGS84 degrees].
    """
    lon, lat = to_lonlat(table["easting"].to_numpy(), table["northing"].to_numpy())
    return table.assign(lon=lon, lat=lat)


def _share_population(towns: gpd.GeoDataFrame, sources: Sources, column: str, weights: pd.Series) -> pd.Series:
    """Spread the people of each town over its communities; a committee's people stay registered with its parent."""
    parent = sources.towns["parent_code"].where(sources.towns["parent_code"] != "", sources.towns["town_code"])
    registered = towns[column].groupby(parent.to_numpy()).sum()
    shares = pd.Series(0, index=weights.index, dtype="int64")
    for code, people in registered.items():
        own = sources.communities.index[sources.communities["town_code"] == code]
        shares.loc[own] = apportion(int(people), weights.loc[own].to_numpy())
    return shares


def build_communities(sources: Sources, towns: gpd.GeoDataFrame) -> pd.DataFrame:
    """Build the table of the 175 communities with easting, northing and base names kept for later parts.

    Parameters
    ----------
    sources : Sources
        Register of communities.
    towns : geopandas.GeoDataFrame
        Layer of towns.

    Returns
    -------
    pandas.DataFrame
        Columns of the community contract plus base, base_en, easting, northing.
    """
    generator = random_for("communities")
    placer = Placer(generator)
    areas = towns.set_index("town_code").geometry
    table = sources.communities
    points = np.array([placer.choose(placer.anywhere(areas[code], 90.0)) for code in table["town_code"]])
    weights = pd.Series(generator.lognormal(0.0, 0.35, len(table)), index=table.index)
    weights = weights.where(table["kind"] == "community", 0.4 * weights)
    night = _share_population(towns, sources, "population_night", weights)
    size = generator.uniform(2.55, 3.15, len(table))
    return with_lonlat(
        table.assign(
            easting=points[:, 0],
            northing=points[:, 1],
            population_night=night,
            population_day=_share_population(towns, sources, "population_day", weights),
            households=np.round(night / size).astype(int),
            synthetic=True,
            source=f"name and code: national register 2023-06-30; position and people {SYNTHETIC}",
        )
    )
