"""Rain gauges: the national station 57083, two reservoirs, and one municipal gauge per town and some more."""

from __future__ import annotations

from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd

from data.builder.places import Placer, with_lonlat
from data.builder.relief import Relief
from data.builder.settings import SYNTHETIC, random_for
from data.builder.sources import to_projected

__all__ = ["JIANGANG", "STATION", "build_gauges"]

STATION: Final = "57083"
JIANGANG: Final = "EQ-G02"
_REAL: Final = (
    (
        STATION,
        "郑州站",
        "Zhengzhou Station",
        113.66,
        34.71,
        112.0,
        "meteorological",
        "public repository; position to 0.01 degree, elevation 112 m",
    ),
    (
        JIANGANG,
        "尖岗水库站",
        "Jiangang Reservoir",
        113.5712,
        34.6929,
        np.nan,
        "hydrological",
        "name: public reports; position approximate",
    ),
    (
        "EQ-G03",
        "郭家咀水库站",
        "Guojiazui Reservoir",
        113.6022,
        34.6705,
        np.nan,
        "hydrological",
        "name: public reports; position approximate",
    ),
)
_REAL_COLUMNS: Final = ("gauge_id", "gauge_name", "gauge_name_en", "lon", "lat", "elevation_m", "kind", "source")
_EXTRA: Final = (
    ("马寨西", "Mazhai West", "410103100"),
    ("侯寨南", "Houzhai South", "410103015"),
    ("金水源东", "Jinshuiyuan East", "410103016"),
)


def build_gauges(towns: gpd.GeoDataFrame, relief: Relief) -> pd.DataFrame:
    """Build the table of the 24 gauges.

    Parameters
    ----------
    towns : geopandas.GeoDataFrame
        Layer of towns: a municipal gauge stands in each.
    relief : Relief
        Elevation of the synthetic gauges.

    Returns
    -------
    pandas.DataFrame
        Columns of the gauge contract plus easting, northing.
    """
    real = pd.DataFrame(_REAL, columns=list(_REAL_COLUMNS))
    real["easting"], real["northing"] = to_projected(real["lon"].to_numpy(), real["lat"].to_numpy())
    placer = Placer(random_for("gauges"), list(zip(real["easting"], real["northing"], strict=True)))
    short = towns["town_name"].str.replace("街道|管委会|镇", "", regex=True)
    short_en = towns["town_name_en"].str.replace(" Subdistrict| Management Committee| Town", "", regex=True)
    sites = [*zip(short, short_en, towns["town_code"], strict=True), *_EXTRA]
    areas = towns.set_index("town_code").geometry
    points = np.array([placer.choose(placer.anywhere(areas[code], 120.0)) for *_, code in sites])
    synthetic = pd.DataFrame(
        {
            "gauge_id": [f"EQ-G{number:02d}" for number in range(4, 4 + len(sites))],
            "gauge_name": [f"{name}雨量站" for name, *_ in sites],
            "gauge_name_en": [name for _, name, _ in sites],
            "kind": "municipal",
            "easting": points[:, 0],
            "northing": points[:, 1],
            "source": SYNTHETIC,
        }
    )
    table = pd.concat([real.assign(synthetic=False), synthetic.assign(synthetic=True)], ignore_index=True)
    ground = [relief.elevation_m[relief.index(spot.easting, spot.northing)] for spot in table.itertuples()]
    table["elevation_m"] = table["elevation_m"].fillna(pd.Series(ground)).round(1)
    return with_lonlat(table)
