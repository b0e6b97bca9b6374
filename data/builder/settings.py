"""Constants of the build: the seed, the places of files, the published totals that must come out exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

__all__ = [
    "CRS",
    "DATA",
    "DISTRICT_POPULATION",
    "SEED",
    "SHELTER_COUNT",
    "SOURCES",
    "SYNTHETIC",
    "TEAM_COUNT",
    "TEAM_PEOPLE",
    "random_for",
]

DATA: Final = Path(__file__).resolve().parent.parent
SOURCES: Final = DATA / "sources"
SEED: Final = 20210720
CRS: Final = "EPSG:4547"
SYNTHETIC: Final = f"synthetic (seed {SEED})"

# Published totals of the district (Zhengzhou press, 2023); population is the rounded census of 2020.
DISTRICT_POPULATION: Final = 1_060_000
SHELTER_COUNT: Final = 207
TEAM_COUNT: Final = 577
TEAM_PEOPLE: Final = 3_933


def random_for(part: str) -> np.random.Generator:
    """Return the random generator of one part of the build, so that parts do not disturb each other.

    Parameters
    ----------
    part : str
        Name of the part, e.g. ``"hotspots"``.

    Returns
    -------
    numpy.random.Generator
        Generator seeded with the seed of the build and the bytes of the name.

    Examples
    --------
    >>> bool(random_for("a").random() == random_for("a").random())
    True
    >>> bool(random_for("a").random() == random_for("b").random())
    False
    """
    return np.random.default_rng([SEED, *part.encode()])
