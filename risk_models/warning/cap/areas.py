"""What a CAP message is about: the town as its outline, and each place as a circle round it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import geopandas as gpd
import pandas as pd
from shapely.geometry.base import BaseGeometry

from risk_models.observation import Now
from risk_models.risk.exposure import EXPOSURE_RADIUS_M
from risk_models.warning.cap.hazard import rows_of
from risk_models.warning.records import WarningRecord

__all__ = ["PLACES_MAX", "CapArea", "CapPlace", "cap_places", "places_of_rows"]

PLACES_MAX: Final = 100
"""Most places that a message draws; its town covers the others."""


@dataclass(frozen=True, kw_only=True)
class CapPlace:
    """A place of a message, drawn as a circle.

    Attributes
    ----------
    hotspot_id : str
    name_zh, name_en : str
    lat, lon : float
        WGS84 [degrees].
    radius_km : float
        Of the reach: within it people are to be told and perhaps moved.
    """

    hotspot_id: str
    name_zh: str
    name_en: str
    lat: float
    lon: float
    radius_km: float

    @property
    def circle(self) -> str:
        """The circle in the words of CAP: "lat,lon radius", km.

        Examples
        --------
        >>> CapPlace(hotspot_id="A", name_zh="", name_en="", lat=34.744, lon=113.638, radius_km=0.15).circle
        '34.74400,113.63800 0.150'
        """
        return f"{self.lat:.5f},{self.lon:.5f} {self.radius_km:.3f}"


@dataclass(frozen=True, kw_only=True)
class CapArea:
    """The area of a message.

    Attributes
    ----------
    code : str
        Town code.
    name_zh, name_en : str
    unit_index : int
        Place of the town in the district's register, 1 to 999 (0: the whole district); it keeps the identifiers of
        messages of one second apart.
    outline : Polygon or MultiPolygon
        In WGS84, x = longitude.
    """

    code: str
    name_zh: str
    name_en: str
    unit_index: int
    outline: BaseGeometry

    @classmethod
    def from_towns(cls, towns: gpd.GeoDataFrame, town_code: str) -> CapArea:
        """Return the area of a town of the register.

        Parameters
        ----------
        towns : GeoDataFrame, index town_code
            ``town_name``, ``town_name_en``, geometry in any CRS; the order of rows gives the unit index.
        town_code : str

        Raises
        ------
        KeyError
            If the register has no such town.
        """
        town = towns.loc[town_code]
        return cls(
            code=town_code,
            name_zh=str(town["town_name"]),
            name_en=str(town["town_name_en"]),
            unit_index=int(towns.index.get_loc(town_code)) + 1,
            outline=towns.loc[[town_code]].geometry.to_crs("EPSG:4326").iloc[0],
        )


def cap_places(
    record: WarningRecord, risk_table: pd.DataFrame, water_m2: Mapping[str, float] | None = None
) -> tuple[CapPlace, ...]:
    """Return the places of a warning, those where water stands first.

    Parameters
    ----------
    record : WarningRecord
        For an end only the places that are known to be dry are given: no all-clear names another.
    risk_table : DataFrame, index hotspot_id
    water_m2 : mapping of str to float, optional
        See `places_of_rows`.

    Returns
    -------
    tuple of CapPlace
    """
    rows = rows_of(record, risk_table)
    if record.action.is_end:
        rows = rows.loc[rows["now"] == str(Now.DRY)]
    return places_of_rows(rows, water_m2)


def places_of_rows(rows: pd.DataFrame, water_m2: Mapping[str, float] | None = None) -> tuple[CapPlace, ...]:
    """Return rows of a risk table as places.

    Parameters
    ----------
    rows : DataFrame, index hotspot_id
        ``hotspot_name``, ``hotspot_name_en``, ``lon``, ``lat``.
    water_m2 : mapping of str to float, optional
        Surveyed water surface by hotspot, m2; a disc as large is drawn if it is larger than the reach
        (`risk_models.risk.exposure.EXPOSURE_RADIUS_M`). NaN counts as not surveyed.

    Returns
    -------
    tuple of CapPlace
    """
    surveyed = {} if water_m2 is None else water_m2
    return tuple(_place(row, surveyed.get(str(row.Index), math.nan)) for row in rows.itertuples())


def _place(row: Any, water_m2: float) -> CapPlace:
    return CapPlace(
        hotspot_id=str(row.Index),
        name_zh=_plain(row.hotspot_name),
        name_en=_plain(row.hotspot_name_en),
        lat=float(row.lat),
        lon=float(row.lon),
        radius_km=_radius_m(water_m2) / 1000,
    )


def _plain(name: object) -> str:
    """Return a name without what reads as markup, which must not stop a warning."""
    return str(name).replace("<", "(").replace(">", ")").replace(";", ",")


def _radius_m(water_m2: float) -> float:
    return EXPOSURE_RADIUS_M if not water_m2 > 0 else max(EXPOSURE_RADIUS_M, math.sqrt(water_m2 / math.pi))
