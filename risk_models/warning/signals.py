"""Chinese rainstorm signals: whether a colour's rain has fallen, or is expected, in the hotspots of a town.

The signal belongs to the meteorological office; what is told here is only that the local rain meets its numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from risk_models.errors import ConfigError
from risk_models.levels import Level, worst
from risk_models.standards import RainSignal, Standards

__all__ = ["MEASURABLE_RAIN_MM", "hotspot_signals", "rain_signals"]

MEASURABLE_RAIN_MM = 0.1
"""Least amount that counts as rain (lower bound of light rain in GB/T 28592-2012) [mm]."""

_TEXT_UNKNOWN = ("雨量资料缺失，无法判定暴雨预警信号", "Rain data are missing: the rainstorm signal cannot be told.")
_TEXT_NONE = ("未达到暴雨预警信号标准", "No rainstorm signal threshold is reached.")


def rain_signals(risk_table: pd.DataFrame, standards: Standards, standard_id: str) -> pd.DataFrame:
    """Tell the rainstorm signal whose numbers are met in each town: the highest over its hotspots.

    Parameters
    ----------
    risk_table : DataFrame, index hotspot_id
        Columns ``town_code``, ``obs_1h_mm``, ``fc_1h_mm_p50`` and, for every window w of the standard, ``obs_{w}h_mm``
        and ``fc_{w}h_mm_p50`` [mm]; NaN is unknown.
    standards : Standards
    standard_id : str
        E.g. ``cma-2007``.

    Returns
    -------
    DataFrame, index town_code (sorted)
        ``level`` (int), ``hotspot_id`` that decides ("" if none), ``window_h`` and ``rain_mm`` of the deciding rain
        (NaN if none), ``reached`` (True: fallen already; False: expected), ``text_zh``, ``text_en``.

    Raises
    ------
    ConfigError
        If the risk table has no column for a window of the standard.

    Notes
    -----
    A colour is met if its rain is *expected* (median of the members), or *reached and rain goes on*: see
    `hotspot_signals`. If unknown hotspots could hide a signal and no other hotspot meets one, the town is UNKNOWN.

    References
    ----------
    Wording of the rule: CMA order 16 (2007), as reproduced widely; amounts and source are in the table of standards.

    Examples
    --------
    >>> from risk_models.standards import load_standards
    >>> risk = pd.DataFrame({"town_code": ["410103012"], "obs_1h_mm": [5.0], "fc_1h_mm_p50": [30.0],
    ...     "obs_3h_mm": [9.0], "fc_3h_mm_p50": [62.4], "obs_6h_mm": [9.0], "fc_6h_mm_p50": [70.1],
    ...     "obs_12h_mm": [9.0], "fc_12h_mm_p50": [70.1]}, index=["EQ-001"])
    >>> print(rain_signals(risk, load_standards(), "cma-2007").loc["410103012", "text_zh"])
    达到暴雨橙色预警信号标准（3小时≥50毫米）：预计最大3小时雨量62毫米
    """
    hotspots = hotspot_signals(risk_table, standards.rain_signals(standard_id))
    hotspots["town_code"] = risk_table["town_code"].astype(str)
    # Of equal colours the one with most rain for its threshold decides; then the first id.
    ranked = hotspots.sort_index().sort_values(["level", "excess"], ascending=False, kind="stable")
    rows = {}
    for code, part in ranked.groupby("town_code", sort=True):
        level = worst(int(value) for value in part["level"])
        rows[str(code)] = _town_row(level, part)
    columns = ["level", "hotspot_id", "window_h", "rain_mm", "reached", "text_zh", "text_en"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return table.rename_axis("town_code").astype({"level": "int64"})


def hotspot_signals(risk_table: pd.DataFrame, thresholds: Sequence[RainSignal]) -> pd.DataFrame:
    """Tell the highest signal whose numbers are met at each hotspot.

    A threshold (w, R) is met if ``fc_{w}h_mm_p50 >= R``, or if ``obs_{w}h_mm >= R`` and rain goes on: it rained in the
    last hour, or more is expected, or neither is known to be dry. It is not met only if both amounts are known;
    otherwise it is open, and a hotspot with an open threshold and none met is UNKNOWN.

    Parameters
    ----------
    risk_table : DataFrame, index hotspot_id
        Rain columns as for `rain_signals` [mm].
    thresholds : sequence of RainSignal

    Returns
    -------
    DataFrame, index hotspot_id
        ``level`` (int), ``window_h``, ``threshold_mm``, ``rain_mm`` of the deciding threshold, ``reached`` (bool),
        ``excess`` = rain_mm / threshold_mm.

    Raises
    ------
    ConfigError
        If the risk table has no column for a window.

    Examples
    --------
    >>> risk = pd.DataFrame({"obs_1h_mm": [0.0, np.nan], "fc_1h_mm_p50": [0.0, np.nan], "obs_3h_mm": [55.0, 55.0],
    ...     "fc_3h_mm_p50": [20.0, np.nan]}, index=["EQ-001", "EQ-002"])
    >>> hotspot_signals(risk, [RainSignal(Level.ORANGE, 3.0, 50.0)])["level"].to_dict()
    {'EQ-001': 0, 'EQ-002': 3}
    """
    fallen = risk_table["obs_1h_mm"].to_numpy(dtype="float64")
    expected = risk_table["fc_1h_mm_p50"].to_numpy(dtype="float64")
    # Written with "not below" so that an unknown amount reads as rain that goes on.
    goes_on = ~(fallen < MEASURABLE_RAIN_MM) | ~(expected < MEASURABLE_RAIN_MM)
    found = pd.DataFrame(
        {"level": int(Level.NONE), "window_h": np.nan, "threshold_mm": np.nan, "rain_mm": np.nan, "reached": False},
        index=risk_table.index,
    )
    is_open = np.zeros(len(found), dtype=bool)
    for threshold in sorted(thresholds, key=lambda row: row.level):
        observed_mm, forecast_mm = _amounts(risk_table, threshold.window_h)
        is_expected = forecast_mm >= threshold.rain_mm
        is_reached = (observed_mm >= threshold.rain_mm) & goes_on
        met = is_expected | is_reached
        is_open |= ~met & (np.isnan(observed_mm) | np.isnan(forecast_mm))
        found.loc[met, "level"] = int(threshold.level)
        found.loc[met, "window_h"] = float(threshold.window_h)
        found.loc[met, "threshold_mm"] = float(threshold.rain_mm)
        found.loc[met, "rain_mm"] = np.where(is_reached, observed_mm, forecast_mm)[met]
        found.loc[met, "reached"] = is_reached[met]
    found.loc[is_open & (found["level"] == Level.NONE).to_numpy(), "level"] = int(Level.UNKNOWN)
    found["excess"] = (found["rain_mm"] / found["threshold_mm"]).fillna(0.0)
    return found


def _amounts(risk_table: pd.DataFrame, window_h: float) -> tuple[np.ndarray, np.ndarray]:
    """Return observed and expected rain of a window [mm]."""
    columns = [f"obs_{window_h:g}h_mm", f"fc_{window_h:g}h_mm_p50"]
    missing = [column for column in columns if column not in risk_table]
    if missing:
        raise ConfigError(f"rain signal window {window_h:g} h: the risk table has no column {', '.join(missing)}")
    return risk_table[columns[0]].to_numpy(dtype="float64"), risk_table[columns[1]].to_numpy(dtype="float64")


def _town_row(level: Level, ranked: pd.DataFrame) -> tuple[object, ...]:
    """Return one row of the table of towns; `ranked` are its hotspots, the deciding one first."""
    if not level.is_warning:
        texts = _TEXT_UNKNOWN if level == Level.UNKNOWN else _TEXT_NONE
        return (int(level), "", np.nan, np.nan, False, *texts)
    first = ranked.iloc[0]
    window, least, rain = f"{first['window_h']:g}", f"{first['threshold_mm']:g}", f"{first['rain_mm']:.0f}"
    zh = f"达到暴雨{level.zh}预警信号标准（{window}小时≥{least}毫米）："
    en = f"The {level.en.lower()} rainstorm signal threshold ({least} mm in {window} h) is "
    if first["reached"]:
        zh += f"过去{window}小时雨量已达{rain}毫米，降雨可能持续"
        en += f"reached: {rain} mm fell in the past {window} h and rain may go on."
    else:
        zh += f"预计最大{window}小时雨量{rain}毫米"
        en += f"expected to be reached: up to {rain} mm in {window} h."
    return int(level), str(ranked.index[0]), first["window_h"], first["rain_mm"], bool(first["reached"]), zh, en
