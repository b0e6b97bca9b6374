"""What a model file says of itself: what it was learned from, and how it did on storms that it had not seen."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import sklearn

__all__ = ["FORMAT", "Verification"]

#: Number of the form in which models are kept; another cannot be read as this one.
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Verification:
    """The record of a model's verification, kept in its file.

    Attributes
    ----------
    district_code : str
        Register it was learned for.
    places : dict of str to (lon, lat)
        Hotspots it was learned from, degrees WGS84.
    window_h : int
        Length of the windows, h: the horizon for which its chances hold.
    depths_m : tuple of float
        Depths whose passing it tells, m.
    greatest_mm : dict of str to float
        Largest value of each rain column learned from, mm.
    n_rows, n_floods, n_storms, n_flood_storms : int
        Windows at hotspots, those with a flood, storms, and storms with a flood.
    brier_skill, brier_skill_low, brier_skill_high : float
        Against the frequency of floods in the other storms; 90 % interval by drawing storms again.
    split : str
        How it was scored.
    until : str
        End of the last window learned from, ISO 8601.
    form : int
    library : str
        Version of scikit-learn.
    """

    district_code: str
    places: dict[str, tuple[float, float]]
    window_h: int
    depths_m: tuple[float, ...]
    greatest_mm: dict[str, float]
    n_rows: int
    n_floods: int
    n_storms: int
    n_flood_storms: int
    brier_skill: float
    brier_skill_low: float
    brier_skill_high: float
    split: str
    until: str
    form: int = FORMAT
    library: str = sklearn.__version__

    @property
    def is_good(self) -> bool:
        """True if the lower end of its skill is above that of knowing nothing of the storm."""
        return self.brier_skill_low > 0.0

    def to_json(self) -> str:
        """Return it as JSON; the same record makes the same text.

        Examples
        --------
        >>> one = Verification(district_code="1", places={"H1": (113.6, 34.7)}, window_h=12, depths_m=(0.05,),
        ...                    greatest_mm={"fc_3h_mm_p50": 80.0}, n_rows=9, n_floods=3, n_storms=3, n_flood_storms=2,
        ...                    brier_skill=0.2, brier_skill_low=0.1, brier_skill_high=0.3, split="", until="2025-01-01")
        >>> Verification.from_json(one.to_json()) == one, one.is_good
        (True, True)
        """
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Verification:
        """Read what `to_json` wrote.

        Raises
        ------
        ValueError, TypeError, KeyError
            If it is no such text.
        """
        facts: dict[str, Any] = json.loads(text)
        places = {name: (float(place[0]), float(place[1])) for name, place in facts.pop("places").items()}
        return cls(places=places, depths_m=tuple(facts.pop("depths_m")), **facts)
