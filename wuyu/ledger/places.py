"""Where the ledger of a folder of products is."""

from __future__ import annotations

import os
from pathlib import Path

from wuyu.ledger.opening import make_ledger

__all__ = ["LEDGER_VARIABLE", "ledger_of", "make_ledger_of"]

#: Environment variable that puts the ledger elsewhere, e.g. into PostgreSQL; default: ``<out>/ledger.sqlite``.
LEDGER_VARIABLE = "WUYU_LEDGER"


def ledger_of(out: Path) -> str | Path:
    """Return where the ledger is: what ``WUYU_LEDGER`` says, else a file in the folder of the products."""
    return os.environ.get(LEDGER_VARIABLE) or out / "ledger.sqlite"


def make_ledger_of(out: Path, *, afresh: bool = False) -> bool:
    """Make the ledger of a folder of products if there is none; returns False if there is a good one.

    Raises
    ------
    LedgerError
        If it is of another version, or `out` holds products of one that is gone and not `afresh`.
    """
    return make_ledger(ledger_of(out), products=out, afresh=afresh)
