"""Which rain was constructed and not observed, as the labels beside the district's feeds say.

A gauge table of demonstration rain carries a ``metadata.json`` in its folder: synthetic, label, label_zh,
first_hour_end, last_hour_end. Every report whose reviewed span touches such a spell says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from risk_models.errors import BadInputError, Finding

if TYPE_CHECKING:
    from risk_models.district import District

__all__ = ["RainLabel", "rain_labels"]

_LABEL_FILE = "metadata.json"


@dataclass(frozen=True, kw_only=True)
class RainLabel:
    """A spell of rain that was not observed.

    Attributes
    ----------
    first_at, last_at : Timestamp
        Ends of its first and last hour, UTC.
    zh, en : str
        How it came about.
    """

    first_at: pd.Timestamp
    last_at: pd.Timestamp
    zh: str
    en: str

    @property
    def begins_at(self) -> pd.Timestamp:
        """Start of the first hour."""
        return self.first_at - pd.Timedelta(hours=1)

    def touches(self, start: pd.Timestamp, end: pd.Timestamp) -> bool:
        """Tell whether an hour of the spell lies in (start, end]."""
        return self.first_at <= end and self.last_at > start


def rain_labels(district: District) -> tuple[RainLabel, ...]:
    """Return the labels of all gauge feeds of a district that are marked as synthetic.

    Parameters
    ----------
    district : District

    Returns
    -------
    tuple of RainLabel
        In the order of the feeds, each once.

    Raises
    ------
    BadInputError
        If a label is there but cannot be read.
    """
    root = getattr(district, "root", None)
    found = []
    for feed in getattr(district.settings, "feeds", ()):
        path = getattr(feed, "path", None)
        if root is None or not path or feed.kind != "gauge_table":
            continue
        place = root / path
        label = (place if place.is_dir() else place.parent) / _LABEL_FILE
        if label.is_file():
            found.append(_read(label.read_text(encoding="utf-8"), f"{label.parent.name}/{_LABEL_FILE}"))
    return tuple(dict.fromkeys(label for label in found if label is not None))


def _read(text: str, name: str) -> RainLabel | None:
    """Return the label of a file; None if it speaks of observed rain."""
    try:
        fields: Any = json.loads(text)
        if not isinstance(fields, dict):
            raise TypeError("it holds no fields")
        if fields["synthetic"] is False:
            return None
        if fields["synthetic"] is not True:
            raise TypeError("synthetic is neither true nor false")
        first, last = (pd.Timestamp(fields[key]).tz_convert("UTC") for key in ("first_hour_end", "last_hour_end"))
        return RainLabel(first_at=first, last_at=last, zh=str(fields["label_zh"]), en=str(fields["label"]))
    except (KeyError, TypeError, ValueError) as error:
        finding = Finding(
            code="bad-label",
            message=f"label of constructed rain cannot be read: {error}",
            file=name,
            accepted="synthetic, label, label_zh, first_hour_end and last_hour_end with time zone",
            fix='restore the file, or say in it whether the rain is constructed: "synthetic": true or false',
        )
        raise BadInputError("rain label", [finding]) from None
