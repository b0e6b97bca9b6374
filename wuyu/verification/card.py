"""A score card as files: every table, and the page in both languages; for a hindcast and for real life alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from reports.scorecard import ScoreCardInputs, write_score_card
from reports.words import Lang, Text
from risk_models.verification.scorecard import ScoreCard, score_card
from wuyu.clock import clock_marks
from wuyu.progress import Tell, silent
from wuyu.verification.budget import candidates
from wuyu.verification.tables import write_table

if TYPE_CHECKING:
    from risk_models.verification.record import VerificationRecord
    from wuyu.desk import Desk

__all__ = ["SEED", "WrittenCard", "write_card"]

SEED: Final = 20210720
"""Of the draws of storms: fixed, so that the same record gives the same intervals."""

_BARE = ("scores", "differences", "reliability", "roc", "lead_rows", "depths")
_INDEXED = ("leads", "depth_scores")


@dataclass(frozen=True)
class WrittenCard:
    """A score card and its files.

    Attributes
    ----------
    card : ScoreCard
    pages : dict of language to Path
    tables : dict of str to Path
    """

    card: ScoreCard
    pages: dict[Lang, Path]
    tables: dict[str, Path]


def write_card(
    desk: Desk,
    record: VerificationRecord,
    folder: Path,
    *,
    kind: Literal["hindcast", "ledger"],
    notes: tuple[Text, ...] = (),
    tell: Tell = silent,
) -> WrittenCard:
    """Make a score card of a record; write its tables and its page.

    Parameters
    ----------
    desk : Desk
    record : VerificationRecord
    folder : Path
    kind : {"hindcast", "ledger"}
    notes : tuple of Text
        Sentences for the page.
    tell : Tell
        Progress.

    Returns
    -------
    WrittenCard
    """
    card = score_card(record, seed=SEED, criteria=candidates(desk), tell=tell)
    tables = {name: write_table(folder / f"{name}.csv", getattr(card, name), index=False) for name in _BARE}
    tables |= {name: write_table(folder / f"{name}.csv", getattr(card, name)) for name in _INDEXED}
    tables["warning_budget"] = write_table(folder / "warning_budget.csv", card.budget, decimals=2)
    identity = desk.settings.district
    pages = write_score_card(
        ScoreCardInputs(
            card=card,
            kind=kind,
            name=Text(identity.name.zh, identity.name.en),
            bureau=Text(identity.bureau.zh, identity.bureau.en),
            timezone=identity.timezone,
            is_demonstration=identity.demonstration,
            n_synthetic=int(record.floods_within["synthetic"].sum()),
            marks=tuple(Text(*mark) for mark in clock_marks()),
            notes=notes,
        ),
        folder,
    )
    return WrittenCard(card, pages, tables)
