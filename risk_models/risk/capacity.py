"""What is at hand to help at a hotspot, mobile pumps and shelters: it lowers consequence, never likelihood."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from risk_models.district import District

__all__ = ["MOVED_SHARE", "PUMPS_NEEDED", "SHELTER_M", "TEAM_M", "capacity_ready", "with_capacity"]

#: A team counts for the one hotspot nearest to it, if that is within this distance, m (an assumption).
TEAM_M = 1000.0
#: Mobile pumps of free teams that must stand ready (an assumption).
PUMPS_NEEDED = 4
#: A shelter counts within this distance, m, if it has room for this share of the people within reach (assumptions).
SHELTER_M = 3000.0
MOVED_SHARE = 0.15


def capacity_ready(district: District, people_exposed: pd.Series) -> npt.NDArray[np.bool_]:
    """Tell which hotspots have both pumps and shelter at hand.

    Free teams count for their nearest hotspot only, so that no pump is counted twice.

    Parameters
    ----------
    district : District
    people_exposed : Series of int (H,)
        People within reach.

    Returns
    -------
    ndarray of bool (H,)
    """
    hotspots = district.hotspots
    pumps = np.zeros(len(hotspots))
    free = district.teams[district.teams["status"] == "free"]
    if len(free):
        nearest = gpd.sjoin_nearest(
            free[["pumps", "geometry"]], hotspots[["geometry"]].reset_index(), max_distance=TEAM_M
        )
        nearest = nearest[~nearest.index.duplicated()]
        np.add.at(pumps, nearest["index_right"].to_numpy(), nearest["pumps"].to_numpy(float))
    east_m, north_m = hotspots.geometry.x.to_numpy(), hotspots.geometry.y.to_numpy()
    largest = np.zeros(len(hotspots))
    is_open = district.shelters["status"] != "closed"
    for shelter in district.shelters[is_open].itertuples():
        room = float(shelter.capacity_people - shelter.occupied_people)
        near = np.hypot(east_m - shelter.geometry.x, north_m - shelter.geometry.y) <= SHELTER_M
        largest[near] = np.maximum(largest[near], room)
    ready: npt.NDArray[np.bool_] = (
        (pumps >= PUMPS_NEEDED) & (largest > 0) & (largest >= MOVED_SHARE * people_exposed.to_numpy())
    )
    return ready


def with_capacity(
    depth_of_impact_m: npt.NDArray[np.float64],
    vulnerability: npt.NDArray[np.int64],
    is_ready: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float64]:
    """Lower the impact class by one step, never below minor, where help is at hand.

    Significant impact then counts as minor and severe as significant. Where life is at stake (vulnerability 2:
    tunnels, underpasses, underground space) nothing is lowered: nobody pumps out a tunnel in ten minutes.
    Probabilities of depths are not touched.

    Parameters
    ----------
    depth_of_impact_m : ndarray (H, 3)
        Least depth of minor, significant and severe impact, m.
    vulnerability : ndarray of int (H,)
    is_ready : ndarray of bool (H,)

    Returns
    -------
    ndarray (H, 3)

    Examples
    --------
    >>> depths = np.array([[0.15, 0.27, 1.0], [0.05, 0.15, 0.5]])
    >>> with_capacity(depths, np.array([1, 2]), np.array([True, True])).tolist()
    [[0.15, 1.0, inf], [0.05, 0.15, 0.5]]
    """
    lowered = np.column_stack(
        [depth_of_impact_m[:, 0], depth_of_impact_m[:, 2], np.full(len(depth_of_impact_m), np.inf)]
    )
    applies = is_ready & (vulnerability < 2)
    return np.where(applies[:, None], lowered, depth_of_impact_m)
