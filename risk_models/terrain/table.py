"""The terrain of all hotspots: the container that passes to other rooms, and its form in a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from risk_models.kept import Arrays, frame_of, pack_frame
from risk_models.terrain.conditioning import Floats

__all__ = ["FEATURE_COLUMNS", "HotspotTerrain", "packed", "unpacked"]

#: Columns of `HotspotTerrain.features`, with unit and meaning.
FEATURE_COLUMNS: dict[str, str] = {
    "catchment_m2": "m2; area whose rain comes by way of no other hotspot: surveyed, or local_m2 in floor and cap",
    "upstream_m2": "m2; upstream area on the elevation model, that of hotspots above included",
    "local_m2": "m2; upstream area less that of the hotspots whose spill comes here",
    "catchment_capped": "bool; True where the cap of the kind is less than local_m2",
    "slope": "m/m; mean slope of the catchment",
    "hand_m": "m; height above the nearest drainage",
    "drain_distance_m": "m; distance along the flow to the stream or channel that hand_m is counted from",
    "twi": "ln(m); topographic wetness index",
    "imperviousness": "0-1; mean over the catchment",
    "curve_number": "1-100; SCS curve number of the pervious share of the catchment",
    "time_of_concentration_min": "min; Kirpich, 5 to 180",
    "depression_area_m2": "m2; water surface at spill",
    "depression_depth_m": "m; depth at the hotspot at spill",
    "depression_volume_m3": "m3; stored volume at spill",
    "snapped_m": "m; distance from the registered point to the cell it stands for",
    "spills_to": "hotspot_id of the next hotspot down the flow path; empty if the water leaves",
    "spill_path_m": "m; flow path from the spill to where the next hotspot begins; 0 if none",
    "spill_travel_min": "min; travel time along it, Kirpich; 0 if none",
    "shares_sag_of": "hotspot_id that stands for the same depression; empty if the hotspot stands for itself",
    "geometry_source": "dem (depression of the elevation model), gutter (storage between kerbs) or surveyed",
}
_CURVES = ("curve_depth_m", "curve_area_m2", "curve_volume_m3")


@dataclass(frozen=True)
class HotspotTerrain:
    """Terrain features and storage curves of H hotspots.

    Attributes
    ----------
    features : DataFrame
        Index ``hotspot_id`` in the order of the register; columns `FEATURE_COLUMNS`.
    curve_depth_m, curve_area_m2, curve_volume_m3 : ndarray of float64 (H, K)
        Depth at the hotspot (m), water surface (m2) and stored volume (m3) from empty (0) to spill; none ever falls
        along K. Depth may stay 0 for one level where the depression is deeper elsewhere (see `storage_curve`).
    """

    features: pd.DataFrame
    curve_depth_m: Floats
    curve_area_m2: Floats
    curve_volume_m3: Floats

    @property
    def downstream(self) -> npt.NDArray[np.int64]:
        """Row of the hotspot that the spill of each runs to (H,); -1 where it leaves."""
        return self._rows("spills_to")

    @property
    def inlet(self) -> npt.NDArray[np.int64]:
        """Row of the hotspot that stands for the depression of each (H,); its own as a rule."""
        rows = self._rows("shares_sag_of")
        return np.where(rows < 0, np.arange(len(rows)), rows)

    @property
    def spill_travel_min(self) -> Floats:
        """Travel time of the spill to the next hotspot (H,), min."""
        if "spill_travel_min" not in self.features:
            return np.zeros(len(self.features))
        return self.features["spill_travel_min"].to_numpy(np.float64)

    def _rows(self, column: str) -> npt.NDArray[np.int64]:
        if column not in self.features:
            return np.full(len(self.features), -1, dtype=np.int64)
        return self.features.index.get_indexer(pd.Index(self.features[column])).astype(np.int64)


def packed(terrain: HotspotTerrain) -> Arrays:
    """Return a terrain as arrays, as they are kept in a file.

    Parameters
    ----------
    terrain : HotspotTerrain

    Returns
    -------
    dict of str to ndarray
    """
    return pack_frame(terrain.features) | {name: getattr(terrain, name) for name in _CURVES}


def unpacked(arrays: Arrays) -> HotspotTerrain:
    """Return the terrain that `packed` took apart.

    Parameters
    ----------
    arrays : dict of str to ndarray

    Returns
    -------
    HotspotTerrain
    """
    curves: dict[str, Any] = {name: arrays[name] for name in _CURVES}
    return HotspotTerrain(frame_of(arrays, "hotspot_id"), **curves)
