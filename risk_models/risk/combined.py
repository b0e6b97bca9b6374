"""The learned opinion beside the physical one: from a district's model file to combined class probabilities.

The record says that a place flooded, seldom how deep. So the learned probability joins the physical probability of at
least minor impact only, by the rule of `combine_probabilities`; those of significant and severe impact stay physical,
and minor stays at least as likely as significant. Nothing falls when a physical or learned probability rises. A
district without a model keeps its physical probabilities untouched.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from risk_models.district import District
from risk_models.district.schema import nearest
from risk_models.errors import BadInputError, Finding
from risk_models.terrain import HotspotTerrain

if TYPE_CHECKING:
    from risk_models.risk.susceptibility import HotspotFloodClassifier

__all__ = ["RAIN_FEATURES", "LearnedOpinion", "combine_classes", "place_features"]

Floats = npt.NDArray[np.float64]

#: Rain that a model may ask for, under its name in the risk table.
RAIN_FEATURES = (
    *(f"obs_{hours}h_mm" for hours in (1, 3, 6, 12, 24, 72)),
    *(f"fc_{hours}h_mm_p50" for hours in (1, 3, 6, 12, 24)),
    "fc_1h_mm_p90",
    "fc_3h_mm_p90",
)


def place_features(district: District, terrain: HotspotTerrain) -> pd.DataFrame:
    """Return every number known of the places themselves, under the names a model may ask for.

    Parameters
    ----------
    district : District
    terrain : HotspotTerrain

    Returns
    -------
    DataFrame
        Indexed by hotspot_id: numeric columns of the register and of the terrain, and ``is_<kind>``; float, NaN empty.
    """
    register = pd.DataFrame(district.hotspots.drop(columns=["geometry", "synthetic"])).select_dtypes("number")
    kinds = pd.get_dummies(district.hotspots["kind"], prefix="is")
    ground = terrain.features.select_dtypes(["number", "bool"])
    return register.join(ground).join(kinds).astype("float64")


def combine_classes(physical: Floats, learned: Floats, *, n_events: int) -> Floats:
    """Let the record speak on minor impact.

    Parameters
    ----------
    physical : ndarray (H, 3)
        Probability of at least minor, significant and severe impact.
    learned : ndarray (H,)
        Learned probability that the place floods; NaN: nothing to say.
    n_events : int
        Recorded floods behind it.

    Returns
    -------
    ndarray (H, 3)
        Non-increasing along the last axis.

    Examples
    --------
    >>> combine_classes(np.array([[0.2, 0.1, 0.0]]), np.array([0.8]), n_events=100).round(2).tolist()
    [[0.5, 0.1, 0.0]]
    """
    from risk_models.risk.susceptibility import combine_probabilities

    both = physical.copy()
    both[:, 0] = np.maximum(combine_probabilities(physical[:, 0], learned, n_events=n_events), physical[:, 1])
    return both


class LearnedOpinion:
    """The model of a district, ready to be asked every cycle.

    Parameters
    ----------
    district : District
        With `settings.model`.
    terrain : HotspotTerrain
        Of the same hotspots.

    Raises
    ------
    BadInputError
        If the file is not the one named, no model, or asks for a column that is not known here.
    """

    def __init__(self, district: District, terrain: HotspotTerrain) -> None:
        from risk_models.risk.susceptibility import load_model  # here, because few districts have a model

        named = district.settings.model
        if named is None or district.model_path is None:
            raise ValueError("the district names no model")
        self.sha256, self.n_events = named.sha256, named.n_events
        self.model: HotspotFloodClassifier = load_model(district.model_path, sha256=named.sha256)
        self.places = place_features(district, terrain)
        self.columns = [str(name) for name in getattr(self.model, "feature_names_in_", ())]
        known = {*self.places.columns, *RAIN_FEATURES}
        missing = [name for name in self.columns if name not in known]
        if missing or not self.columns:
            message = (
                f"the model asks for the column {missing[0]}" if missing else "the model does not name its columns"
            )
            hint = nearest(missing[0], known) if missing else None
            raise BadInputError(
                "model",
                [
                    Finding(
                        code="unknown-feature",
                        message=message + (f"; nearest: {hint}" if hint else ""),
                        file=named.path,
                        value=missing[0] if missing else None,
                        accepted=", ".join(sorted(known)),
                        fix="train it on columns of the risk table, the register and the terrain",
                    )
                ],
            )

    @classmethod
    def of(cls, district: District, terrain: HotspotTerrain) -> LearnedOpinion | None:
        """Return the opinion of a district's model; None where it names none."""
        return None if district.settings.model is None else cls(district, terrain)

    def take(self, rows: npt.NDArray[np.intp]) -> LearnedOpinion:
        """Return the same for some hotspots only."""
        part = copy.copy(self)
        part.places = self.places.iloc[rows]
        return part

    def probability(self, rain: Mapping[str, Floats]) -> Floats:
        """Return the learned probability of flooding within the horizon.

        Parameters
        ----------
        rain : mapping of str to ndarray (H,)
            `RAIN_FEATURES`, in the order of the register.

        Returns
        -------
        ndarray (H,)
        """
        features = self.places.assign(**{name: rain[name] for name in RAIN_FEATURES})
        return np.asarray(self.model.predict_proba(features[self.columns])[:, 1], dtype=np.float64)
