"""The verbs that look back: how good warnings were, and what another criterion would have meant."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wuyu.cli.common import add_place, add_verb, open_from, say, say_json

if TYPE_CHECKING:
    import pandas as pd

    from wuyu.verification.card import WrittenCard

__all__ = ["add_verbs"]


def add_verbs(verbs: Any) -> None:
    """Add the verbs of this family."""
    verify = verbs.add_parser("verify", help="look back at what the ledger holds").add_subparsers(
        dest="verify_verb", required=True, metavar="VERB"
    )
    text = "score what was told against the floods on record: every table of the score card, and its page"
    add_place(add_verb(verify, "scores", _scores, text))
    text = "chances told against how often the floods came, in classes, with intervals over storms"
    add_place(add_verb(verify, "reliability", _reliability, text))
    text = "how long before the floods of towns their warnings were told, by level"
    add_place(add_verb(verify, "lead", _lead, text))
    text = "warnings per town and season under each criterion, how many were right, false or missed, and their lead"
    budget = add_verb(verify, "budget", _budget, text)
    add_place(budget)
    budget.add_argument(
        "--years",
        action="store_true",
        help="look at the storms of the long rain record; resumes where it stopped",
    )
    budget.add_argument("--every", type=int, default=1, metavar="N", help="with --years: every N-th year (default: 1)")
    budget.add_argument("--step", type=int, default=3, metavar="HOURS", help="with --years: hours between cycles")
    text = "run the live chain over an archive of rain and forecasts and score it; resumes where it stopped"
    hindcast = add_verb(verbs, "hindcast", _hindcast, text)
    hindcast.add_argument("folder", nargs="?", type=Path, metavar="DISTRICT", help="district folder, as --district")
    add_place(hindcast)
    hindcast.add_argument(
        "--from", dest="start", required=True, metavar="TIME", help="first hour, local or with offset"
    )
    hindcast.add_argument("--to", dest="end", required=True, metavar="TIME", help="last hour")
    hindcast.add_argument("--step", type=int, default=1, metavar="HOURS", help="hours between cycles (default: 1)")


def _hindcast(arguments: argparse.Namespace) -> int:
    from wuyu.clock import parse_hour, time_now
    from wuyu.hindcast import write_hindcast
    from wuyu.progress import progress
    from wuyu.rain import pull_feeds
    from wuyu.replay import hours

    arguments.district = arguments.folder or arguments.district
    desk = open_from(arguments, begin=True)
    first, last = (parse_hour(text, desk.timezone) for text in (arguments.start, arguments.end))
    pull_feeds(desk, now=time_now())
    with progress("hindcast") as tell:
        written = write_hindcast(desk, hours(first, last, step_h=arguments.step), tell=tell)
    return _tell_card(written, as_json=arguments.json)


def _scores(arguments: argparse.Namespace) -> int:
    from wuyu.progress import progress
    from wuyu.verification.card import write_card
    from wuyu.verification.record import ledger_record

    desk = open_from(arguments)
    with progress("scores") as tell:
        written = write_card(desk, ledger_record(desk), desk.out / "verification", kind="ledger", tell=tell)
    return _tell_card(written, as_json=arguments.json)


def _tell_card(written: WrittenCard, *, as_json: bool) -> int:
    from reports.scorecard.sentences import verdicts

    card = written.card
    if as_json:
        pages = {lang: str(path) for lang, path in written.pages.items()}
        tables = {name: str(path) for name, path in written.tables.items()}
        scores = card.scores[card.scores["part"] == "all"].to_dict("records")
        say_json({"facts": dict(card.facts), "pages": pages, "tables": tables, "scores": scores})
        return 0
    facts = card.facts
    say(f"{facts['begin']} to {facts['end']}: {facts['cycles']} cycles, {facts['hotspots']} hotspots")
    say(f"floods: {facts['floods']} of hotspots, {facts['town_floods']} of towns, in {facts['storms']} storms")
    for one in verdicts(card):
        say(f"- {one.en}")
    towns = card.scores[(card.scores["scope"] == "towns") & (card.scores["part"] == "all")]
    _say_methods(towns)
    for path in (*written.pages.values(), *written.tables.values()):
        say(str(path))
    return 0


def _say_methods(towns: pd.DataFrame) -> None:
    """Print POD, FAR and CSI of every way to warn, each with its interval."""
    from reports.scorecard.sentences import method_label, ranged
    from risk_models.verification.scorecard import CSI_METHODS

    say(f"{'towns':32} {'POD':20} {'FAR':20} {'CSI':20}")
    for method in CSI_METHODS:
        rows = towns[towns["method"] == method].set_index("score").to_dict("index")
        numbers = " ".join(f"{ranged(rows[score]):20}" for score in ("pod", "far", "csi"))
        say(f"{method_label(method, 'en'):32} {numbers}")


def _reliability(arguments: argparse.Namespace) -> int:
    from risk_models.verification.pairs import hotspot_pairs, town_pairs
    from risk_models.verification.scorecard import reliability_table
    from wuyu.verification.card import SEED
    from wuyu.verification.record import ledger_record

    desk = open_from(arguments)
    record = ledger_record(desk)
    table = reliability_table(record, hotspot_pairs(record), town_pairs(record), seed=SEED)
    return _tell_table(table, desk.out / "verification" / "reliability.csv", as_json=arguments.json)


def _lead(arguments: argparse.Namespace) -> int:
    from risk_models.verification.scorecard import lead_rows, lead_table, told_spans_of
    from wuyu.verification.record import ledger_record

    desk = open_from(arguments)
    record = ledger_record(desk)
    table = lead_table(lead_rows(record), told_spans_of(record)).reset_index()
    return _tell_table(table, desk.out / "verification" / "leads.csv", as_json=arguments.json)


def _tell_table(table: pd.DataFrame, path: Path, *, as_json: bool) -> int:
    from wuyu.verification.tables import write_table

    write_table(path, table, index=False)
    if as_json:
        say_json({"path": str(path), "rows": table.to_dict("records")})
        return 0
    say(table.round(3).to_string(index=False))
    say(str(path))
    return 0


def _years(arguments: argparse.Namespace) -> int:
    from wuyu.progress import progress
    from wuyu.verification.years import write_years

    desk = open_from(arguments, begin=True)
    with progress("budget") as tell:
        path, table = write_years(desk, every=arguments.every, step_h=arguments.step, tell=tell)
    if arguments.json:
        say_json({"path": str(path), "rows": table.reset_index().to_dict("records")})
        return 0
    say(table.round(2).to_string())
    say("Forecasts are made: what fell, off by the rain error of the district. Floods: water that stands by the chain.")
    say(str(path))
    return 0


def _budget(arguments: argparse.Namespace) -> int:
    if arguments.years:
        return _years(arguments)
    from risk_models.verification.budget import budget_totals
    from wuyu.verification.budget import write_budget

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
