"""Readers of ``data/sources``: outline, register of towns and communities, lines, relief, named low spots."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from pyproj import Transformer
from shapely.geometry import LineString, Polygon, shape

from data.builder.settings import CRS, SOURCES

__all__ = ["Sources", "community_base", "pinyin", "read_sources", "to_lonlat", "to_projected"]

_SUFFIX = re.compile(r"(社区居民管理委员会|社区居民委员会|社区管理委员会|社区委员会|村委会)$")
_PSEUDO_COMMUNITY = "410103004400"


@dataclass(frozen=True)
class Sources:
    """Everything the builder starts from; geometries in the projected CRS, metres.

    Attributes
    ----------
    outline : shapely.Polygon
        Simplified outline of the district.
    towns : pandas.DataFrame
        16 towns of the national register and two management committees with local codes.
    communities : pandas.DataFrame
        175 communities: code, name, base name, pinyin, town_code, kind.
    lines : geopandas.GeoDataFrame
        Rivers, canal, roads and the railway, approximate.
    relief : pandas.DataFrame
        Control points of the relief: easting, northing, elevation_m.
    hotspots : pandas.DataFrame
        Low spots known by name.
    history : pandas.DataFrame
        Reported floodings at named spots.
    """

    outline: Polygon
    towns: pd.DataFrame
    communities: pd.DataFrame
    lines: gpd.GeoDataFrame
    relief: pd.DataFrame
    hotspots: pd.DataFrame
    history: pd.DataFrame


@cache
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


def to_projected(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return easting and northing in the projected CRS.

    Parameters
    ----------
    lon, lat : numpy.ndarray
        Any shape, WGS84 degrees.

    Returns
    -------
    tuple of numpy.ndarray
        Easting and northing [m], of the same shape.

    Examples
    --------
    >>> easting, northing = to_projected(np.array([114.0]), np.array([34.7]))
    >>> float(easting.round()[0])
    500000.0
    """
    easting, northing = _transformer("EPSG:4326", CRS).transform(lon, lat)
    return np.asarray(easting), np.asarray(northing)


def to_lonlat(easting: np.ndarray, northing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return longitude and latitude, rounded to a millionth of a degree (about 0.1 m).

    Parameters
    ----------
    easting, northing : numpy.ndarray
        Any shape, metres.

    Returns
    -------
    tuple of numpy.ndarray
        Longitude and latitude [WGS84 degrees], of the same shape.

    Examples
    --------
    >>> lon, lat = to_lonlat(np.array([500000.0]), np.array([3841000.0]))
    >>> float(lon[0])
    114.0
    """
    lon, lat = _transformer(CRS, "EPSG:4326").transform(easting, northing)
    return np.asarray(lon).round(6), np.asarray(lat).round(6)


def community_base(name: str) -> str:
    """Return the short name of a community, without the words for its committee.

    Parameters
    ----------
    name : str
        Name in the register.

    Returns
    -------
    str
        The name people use.

    Examples
    --------
    >>> community_base("淮河社区居民委员会"), community_base("尖岗村委会")
    ('淮河', '尖岗')
    """
    return _SUFFIX.sub("", name)


@cache
def _syllables() -> dict[str, str]:
    table = pd.read_csv(SOURCES / "pinyin.csv", dtype=str, keep_default_na=False)
    return dict(zip(table["character"], table["pinyin"], strict=True))


def pinyin(name: str) -> str:
    """Return a Chinese name in capitalised pinyin without tones, written as one word.

    Parameters
    ----------
    name : str
        Chinese characters.

    Returns
    -------
    str
        Latin letters.

    Raises
    ------
    KeyError
        If a character is not in ``data/sources/pinyin.csv``.

    Examples
    --------
    >>> pinyin("淮河")
    'Huaihe'
    """
    return "".join(_syllables()[character] for character in name).capitalize()


def _communities(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path, dtype=str).rename(columns={"code": "community_code", "name": "register_name"})
    table = table[table["community_code"] != _PSEUDO_COMMUNITY].reset_index(drop=True)
    village = table["register_name"].str.endswith("村委会")
    base = table["register_name"].map(community_base)
    return table.assign(
        base=base,
        base_en=base.map(pinyin),
        community_name=base + np.where(village, "村", "社区"),
        kind=np.where(village, "village", "community"),
    )


def _line(path: str) -> LineString:
    lonlat = np.array([[float(number) for number in pair.split()] for pair in path.split(";")])
    return LineString(np.column_stack(to_projected(lonlat[:, 0], lonlat[:, 1])))


def _with_projected(table: pd.DataFrame) -> pd.DataFrame:
    easting, northing = to_projected(table["lon"].to_numpy(), table["lat"].to_numpy())
    return table.assign(easting=easting, northing=northing)


def read_sources(directory: Path = SOURCES) -> Sources:
    """Read every committed source of the builder.

    Parameters
    ----------
    directory : pathlib.Path
        Folder of sources.

    Returns
    -------
    Sources
        Typed tables and geometries.

    Examples
    --------
    >>> sources = read_sources()
    >>> len(sources.towns), len(sources.communities)
    (18, 175)
    """
    feature = json.loads((directory / "erqi_outline.geojson").read_text(encoding="utf-8"))["features"][0]
    ring = np.array(shape(feature["geometry"]).exterior.coords)
    lines = pd.read_csv(directory / "lines.csv", dtype={"width_m": float})
    code = {"town_code": str, "parent_code": str}
    return Sources(
        outline=Polygon(np.column_stack(to_projected(ring[:, 0], ring[:, 1]))),
        towns=_with_projected(pd.read_csv(directory / "town_sites.csv", dtype=code, keep_default_na=False)),
        communities=_communities(directory / "communities.csv"),
        lines=gpd.GeoDataFrame(lines.drop(columns="path"), geometry=lines["path"].map(_line).to_list(), crs=CRS),
        relief=_with_projected(pd.read_csv(directory / "relief_points.csv")),
        hotspots=_with_projected(pd.read_csv(directory / "hotspots_named.csv")),
        history=pd.read_csv(directory / "history.csv", dtype=str, keep_default_na=False),
    )
