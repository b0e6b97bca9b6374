"""What the page of a score card stands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reports.words import Text
from risk_models.verification.scorecard import ScoreCard

__all__ = ["ScoreCardInputs"]


@dataclass(frozen=True, kw_only=True)
class ScoreCardInputs:
    """A score card and whose it is.

    Attributes
    ----------
    card : ScoreCard
    kind : {"hindcast", "ledger"}
        The live chain over an archive, or what was told in service.
    name, bureau : Text
        Of the district and its bureau.
    timezone : str
    is_demonstration : bool
        The district's data are for demonstration: the page and every figure say so.
    n_synthetic : int
        Floods of the record that are made up, of those that count.
    marks : tuple of Text
        What every product of the process says, such as that its clock is not the real one.
    notes : tuple of Text
        What a reader must know of this record.
    """

    card: ScoreCard
    kind: Literal["hindcast", "ledger"]
    name: Text
    bureau: Text
    timezone: str
    is_demonstration: bool
    n_synthetic: int = 0
    marks: tuple[Text, ...] = ()
    notes: tuple[Text, ...] = ()
