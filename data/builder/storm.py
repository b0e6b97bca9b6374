"""The storm of July 2021, hour by hour: constructed from published totals, not observed.

Only totals were published. The hours between them are chosen so that every published total of station 57083 and of the
Jiangang reservoir comes out exactly to 0.1 mm; other gauges are a smooth field between the two. Whole numbers of
0.1 mm are used throughout, so that sums are exact.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d

from data.builder.gauges import JIANGANG, STATION
from data.builder.places import apportion
from data.builder.settings import SOURCES, SYNTHETIC, random_for

__all__ = ["LABEL", "TIME_END", "Footprint", "build_gauge_rain", "footprint", "key_series", "read_pins", "write_storm"]

LABEL: Final = "constructed from published totals, not observed"
TIME_END: Final = pd.date_range("2021-07-17 09:00", "2021-07-22 08:00", freq="h", tz="Asia/Shanghai")


@dataclass(frozen=True)
class _Part:
    """A stretch of hours with a total in 0.1 mm: spread by chance around a shape, or hour by hour as given."""

    hours: int
    total: int
    shape: str = "showers"
    given: tuple[int, ...] = ()


_STATION_PARTS: Final = (
    _Part(12, 184),  # 17th 08-20 h
    _Part(24, 190),  # 17th 20 h - 18th 20 h
    _Part(12, 96),  # 18th 20 h - 19th 08 h
    _Part(12, 360, "rising"),  # 19th 08-20 h; with the two before 64.6 mm
    _Part(12, 552, given=(18, 20, 16, 12, 14, 22, 30, 38, 52, 76, 118, 136)),  # 19th 20 h - 20th 08 h
    _Part(12, 4973, given=(142, 128, 159, 214, 136, 167, 182, 318, 2019, 726, 468, 314)),  # 20th 08-20 h
    _Part(12, 1268, given=(246, 198, 172, 149, 124, 96, 78, 62, 51, 40, 31, 21)),  # 20th 20 h - 21st 08 h
    _Part(12, 412, "falling"),  # 21st 08-20 h
    _Part(12, 170, "ending"),  # 21st 20 h - 22nd 08 h
)
_JIANGANG_PARTS: Final = (
    _Part(12, 240),
    _Part(24, 274),
    _Part(12, 152),
    _Part(12, 524, "rising"),
    _Part(12, 880, given=(28, 32, 30, 34, 40, 48, 60, 78, 96, 120, 142, 172)),
    _Part(9, 4380, given=(224, 248, 312, 416, 364, 448, 526, 689, 1153)),  # 20th 08-17 h
    _Part(3, 1334, given=(642, 410, 282)),
    _Part(10, 1056, given=(224, 186, 158, 132, 104, 82, 64, 46, 34, 26)),  # 20th 20 h - 21st 06 h
    _Part(2, 43, given=(23, 20)),
    _Part(12, 330, "falling"),
    _Part(12, 120, "ending"),
)
_EXTREME_HOUR: Final = 1400  # 0.1 mm; above it other gauges are damped towards 185 mm, below the record of 57083
_EXTREME_ROOM: Final = 450
_MOST_OTHER_TOTAL: Final = 8700  # nor the provincial maximum of Jiangang, 0.1 mm


def _shape(name: str, hours: int, chance: np.ndarray) -> np.ndarray:
    """Return the weights of the hours of a part."""
    along = (np.arange(hours) + 0.5) / hours
    if name == "rising":
        return (0.35 + 1.3 * along) * (0.4 + 0.6 * chance)
    if name == "falling":
        return (1.5 - along) * (0.45 + 0.55 * chance)
    if name == "ending":
        return np.clip(1.0 - along / 0.72, 0.0, None) * (0.5 + 0.5 * chance)
    return np.where(chance < 0.45, 0.0, chance)


def _series(parts: tuple[_Part, ...], chance: np.ndarray) -> np.ndarray:
    """Return the hours [0.1 mm] of a gauge from its parts."""
    pieces = []
    start = 0
    for part in parts:
        if part.given:
            piece = np.array(part.given, dtype=np.int64)
        else:
            piece = apportion(part.total, _shape(part.shape, part.hours, chance[start : start + part.hours]))
        if piece.size != part.hours or piece.sum() != part.total:
            raise ValueError(f"hours {start} to {start + part.hours} do not make their total of {part.total / 10} mm")
        pieces.append(piece)
        start += part.hours
    return np.concatenate(pieces)


def key_series() -> pd.DataFrame:
    """Return the hours of the two gauges that were published about.

    Returns
    -------
    pandas.DataFrame
        Index: end of the hour, local time; columns 57083 and the Jiangang gauge, int64, 0.1 mm.

    Raises
    ------
    ValueError
        If given hours do not make the total of their part.

    Examples
    --------
    >>> int(key_series().loc["2021-07-20 17:00+08:00", "57083"])
    2019
    """
    generator = random_for("storm")
    common = np.clip(generator.gamma(1.3, 0.75, TIME_END.size), 0.0, 2.6)
    own = np.clip(generator.gamma(1.3, 0.75, TIME_END.size), 0.0, 2.6)
    station = _series(_STATION_PARTS, common)
    jiangang = _series(_JIANGANG_PARTS, np.where(common < 0.45, common, 0.7 * common + 0.3 * own))
    return pd.DataFrame({STATION: station, JIANGANG: jiangang}, index=TIME_END.rename("time_end"))


def read_pins() -> pd.DataFrame:
    """Return the published totals that the series must meet.

    Returns
    -------
    pandas.DataFrame
        gauge_id, from_exclusive, to_inclusive (ISO, local), rain_mm, confidence, source.

    Examples
    --------
    >>> len(read_pins())
    7
    """
    return pd.read_csv(SOURCES / "storm_pins.csv", dtype={"gauge_id": str})


@dataclass(frozen=True)
class Footprint:
    """How the rain at a place is made from the two key series.

    Attributes
    ----------
    towards_jiangang : numpy.ndarray
        Share of the Jiangang series, 0 to 1; the rest is the series of 57083.
    strength : numpy.ndarray
        Factor, at most 1, falling away from the line between the two.
    """

    towards_jiangang: np.ndarray
    strength: np.ndarray


def footprint(easting: np.ndarray, northing: np.ndarray, anchors: np.ndarray) -> Footprint:
    """Return how rain falls off from the line between station 57083 and Jiangang.

    Parameters
    ----------
    easting, northing : numpy.ndarray
        Any shape, metres.
    anchors : numpy.ndarray
        (2, 2) easting and northing of 57083 and of Jiangang.

    Returns
    -------
    Footprint
        Of the same shape as ``easting``.
    """
    line = anchors[1] - anchors[0]
    length = float(np.hypot(*line))
    offset_e, offset_n = easting - anchors[0, 0], northing - anchors[0, 1]
    along = (offset_e * line[0] + offset_n * line[1]) / length**2
    share = np.clip(along, 0.0, 1.0)
    away_m = np.hypot(offset_e - share * line[0], offset_n - share * line[1])
    return Footprint(share, np.exp(-((away_m / 32_000.0) ** 2)) * (1.0 - 0.14 * np.tanh(away_m / 1_500.0)))


def build_gauge_rain(gauges: pd.DataFrame) -> pd.DataFrame:
    """Build the hourly rain of all gauges.

    Parameters
    ----------
    gauges : pandas.DataFrame
        Table of gauges with easting and northing.

    Returns
    -------
    pandas.DataFrame
        Index: end of the hour, local time; one column per gauge, mm with one decimal.
    """
    key = key_series()
    places = gauges.set_index("gauge_id")[["easting", "northing"]]
    anchors = places.loc[[STATION, JIANGANG]].to_numpy()
    others = places.drop([STATION, JIANGANG])
    field = footprint(others["easting"].to_numpy(), others["northing"].to_numpy(), anchors)
    smooth = (1.0 - field.towards_jiangang) * key[[STATION]].to_numpy() + field.towards_jiangang * key[
        [JIANGANG]
    ].to_numpy()
    rain = smooth * field.strength * _local_noise(others.to_numpy())
    beyond = np.clip(rain - _EXTREME_HOUR, 0.0, None)
    rain = np.minimum(rain, _EXTREME_HOUR) + _EXTREME_ROOM * (1.0 - np.exp(-beyond / _EXTREME_ROOM))
    rain *= np.minimum(1.0, _MOST_OTHER_TOTAL / rain.sum(axis=0))
    tenths = pd.DataFrame(np.rint(rain).astype(np.int64), index=key.index, columns=others.index)
    return pd.concat([key, tenths], axis=1)[gauges["gauge_id"]] / 10.0


def _local_noise(places: np.ndarray) -> np.ndarray:
    """Return (hours, gauges) factors of mean about 1, alike at neighbouring gauges and hours."""
    generator = random_for("storm noise")
    distance = np.hypot(*(places[:, None, :] - places[None, :, :]).transpose(2, 0, 1))
    root = np.linalg.cholesky(np.exp(-distance / 3_500.0) + 1e-6 * np.eye(len(places)))
    waves = gaussian_filter1d(generator.standard_normal((TIME_END.size, len(places))), 1.0, axis=0)
    waves = (waves / waves.std()) @ root.T
    return np.exp(0.16 * waves - 0.5 * 0.16**2)


def write_storm(gauges: pd.DataFrame, directory: Path) -> None:
    """Write ``gauges_hourly.csv`` and its label ``metadata.json``.

    Parameters
    ----------
    gauges : pandas.DataFrame
        Table of gauges with easting and northing.
    directory : pathlib.Path
        Folder, made if absent.
    """
    directory.mkdir(parents=True, exist_ok=True)
    rain = build_gauge_rain(gauges)
    table = rain.rename(index=lambda end: end.isoformat())
    table.to_csv(directory / "gauges_hourly.csv", float_format="%.1f", lineterminator="\n", encoding="utf-8")
    pins = read_pins()
    metadata = {
        "label": LABEL,
        "label_zh": "根据公布的总量构造，非实测",
        "synthetic": True,
        "source": SYNTHETIC,
        "unit": "mm in the hour that ends at time_end",
        "timezone": "+08:00 (Asia/Shanghai)",
        "first_hour_end": table.index[0],
        "last_hour_end": table.index[-1],
        "gauges": len(table.columns),
        "published_totals_met": json.loads(pins.to_json(orient="records", force_ascii=False)),
    }
    text = json.dumps(metadata, ensure_ascii=False, indent=2) + "\n"
    (directory / "metadata.json").write_text(text, encoding="utf-8")
