"""Layers of the risk census: buildings, all made up, and roads from drawn lines."""

from __future__ import annotations

from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd

from data.builder.places import Placer, with_lonlat
from data.builder.settings import SYNTHETIC, random_for
from data.builder.sources import Sources

__all__ = ["build_buildings", "build_roads"]

_PER_COMMUNITY: Final = 5
_PER_OLD_COMMUNITY: Final = 6
_ROAD_KINDS: Final = ("trunk", "primary", "secondary")


def build_buildings(towns: gpd.GeoDataFrame, communities: pd.DataFrame, hotspots: pd.DataFrame) -> pd.DataFrame:
    """Build a modest table of buildings: some in every community, old ones round every old community.

    Parameters
    ----------
    towns : geopandas.GeoDataFrame
        Layer of towns.
    communities, hotspots : pandas.DataFrame
        With town_code, easting, northing.

    Returns
    -------
    pandas.DataFrame
        Columns of the building contract plus easting, northing.
    """
    generator = random_for("buildings")
    placer = Placer(generator)
    area = towns.set_index("town_code").geometry
    old = hotspots[hotspots["kind"].isin(["old_community", "dangerous_house"])]
    homes = pd.concat(
        [communities.assign(is_old=False)] * _PER_COMMUNITY + [old.assign(is_old=True)] * _PER_OLD_COMMUNITY,
        ignore_index=True,
    )
    points = [
        placer.choose(
            placer.around(
                (home.easting, home.northing), area[home.town_code], (15.0, 110.0) if home.is_old else (40.0, 400.0)
            ),
            25.0,
        )
        for home in homes.itertuples()
    ]
    count, is_old = len(homes), homes["is_old"].to_numpy()
    modern = generator.choice(["concrete", "steel", "masonry"], count, p=[0.7, 0.1, 0.2])
    use = generator.choice(
        ["residential", "commercial", "office", "industrial", "public"], count, p=[0.6, 0.15, 0.1, 0.1, 0.05]
    )
    floors = np.where(is_old, generator.integers(1, 7, count), generator.integers(3, 31, count))
    return with_lonlat(
        pd.DataFrame(
            {
                "building_id": [f"EQ-B{number:04d}" for number in range(1, count + 1)],
                "floors_above": floors,
                "floors_below": np.where(is_old, 0, generator.integers(0, 3, count)),
                "structure": np.where(is_old, generator.choice(["masonry", "timber"], count, p=[0.9, 0.1]), modern),
                "year_built": np.where(
                    is_old, generator.integers(1955, 1990, count), generator.integers(1985, 2021, count)
                ),
                "use": np.where(is_old, "residential", use),
                "people": np.maximum(floors * generator.integers(2, 9, count), 2),
                "easting": [point[0] for point in points],
                "northing": [point[1] for point in points],
                "synthetic": True,
                "source": SYNTHETIC,
            }
        )
    )


def build_roads(sources: Sources) -> gpd.GeoDataFrame:
    """Return the drawn roads within the outline, as a layer of the road contract.

    Parameters
    ----------
    sources : Sources
        Lines and outline.

    Returns
    -------
    geopandas.GeoDataFrame
    """
    lines = sources.lines[sources.lines["kind"].isin(_ROAD_KINDS)]
    inside = lines.geometry.intersection(sources.outline)
    roads = gpd.GeoDataFrame(
        {
            "road_id": lines["line_id"].to_numpy(),
            "road_name": lines["line_name"].to_numpy(),
            "road_class": lines["kind"].to_numpy(),
            "synthetic": False,
            "source": "real name, approximate course drawn by hand (data/sources/lines.csv)",
        },
        geometry=inside.to_numpy(),
        crs=lines.crs,
    )
    return roads[~roads.geometry.is_empty].reset_index(drop=True)
