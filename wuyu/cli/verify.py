"""The verbs that look back: how good warnings were, and what another criterion would have meant."""

from __future__ import annotations

import argparse
from typing import Any

from wuyu.cli.common import add_place, add_verb, open_from, say, say_json

__all__ = ["add_verbs"]


def add_verbs(verbs: Any) -> None:
    """Add the verbs of this family."""
    verify = verbs.add_parser("verify", help="look back at what the ledger holds").add_subparsers(
        dest="verify_verb", required=True, metavar="VERB"
    )
    text = "warnings per town and season under each criterion, how many were right, false or missed, and their lead"
    add_place(add_verb(verify, "budget", _budget, text))


def _budget(arguments: argparse.Namespace) -> int:
    from risk_models.verification.budget import budget_totals
    from wuyu.budget import write_budget

    path, table = write_budget(open_from(arguments))
    totals = budget_totals(table)
    if arguments.json:
        say_json({"path": str(path), "totals": totals.reset_index().to_dict("records")})
        return 0
    say(f"{'criterion':30} warnings per-town-season right late false missed pod  far  lead[h] unknown-cycles")
    for name, row in totals.iterrows():
        numbers = [f"{row['warnings']:8.0f} {row['per_town_season']:15.2f}"]
        numbers += [f"{row[column]:{width}.0f}" for column, width in (("right", 5), ("late", 4), ("false", 5))]
        numbers += [f"{row['missed']:6.0f}", *(f"{row[column]:4.2f}" for column in ("pod", "far"))]
        say(f"{name:30} {' '.join(numbers)} {row['lead_h']:7.1f} {row['cycles_unknown']:14.0f}")
    say("Floods that nobody recorded make right warnings look false.")
    say(str(path))
    return 0
