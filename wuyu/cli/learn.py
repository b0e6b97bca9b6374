"""The verb that learns: from the record of floods and the archive of rain to a model that may serve."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from wuyu.cli.common import add_place, add_verb, open_from, say, say_json

__all__ = ["add_verbs"]


def add_verbs(verbs: Any) -> None:
    """Add the verbs of this family."""
    text = "learn the chance of a flood and the error of rain from history and the archive, verified on storms left out"
    parser = add_place(add_verb(verbs, "learn", _learn, text))
    parser.add_argument("place", nargs="?", metavar="DISTRICT", help="district folder, instead of --district")
    parser.add_argument("--from", dest="begin", metavar="TIME", help="first hour of the archive to learn from")
    parser.add_argument("--to", dest="end", metavar="TIME", help="last hour")
    parser.add_argument("--adopt", metavar="FOLDER", help="put the model of this folder of OUT/learned into service")
    parser.add_argument("--rain-error", action="store_true", help="with --adopt: its rain error, not its model")
    parser.add_argument("--by", default="", metavar="NAME", help="who answers for it; with --adopt")


def _learn(arguments: argparse.Namespace) -> int:
    from wuyu.clock import parse_hour, time_now
    from wuyu.learning import FOLDER, adopt, adopt_rain_error, learn
    from wuyu.progress import progress

    if arguments.place:
        arguments.district = Path(arguments.place)
    desk = open_from(arguments)
    if arguments.adopt:
        take = adopt_rain_error if arguments.rain_error else adopt
        say(take(desk, desk.out / FOLDER / Path(arguments.adopt).name, by=arguments.by, now=time_now()))
        if arguments.rain_error:
            say("a model in service was learned with another rain error: learn it anew")
        return 0
    begin, end = (text and parse_hour(text, desk.timezone) for text in (arguments.begin, arguments.end))
    with progress("learn") as tell:
        learned = learn(desk, now=time_now(), begin=begin, end=end, tell=tell)
    scores, refused = learned.lesson.scores, learned.lesson.refused
    if arguments.json:
        say_json(
            {
                "folder": str(learned.folder),
                "may_serve": not refused,
                "refused": [str(finding) for finding in refused],
                "findings": [str(finding) for finding in learned.findings],
                "rain_error": json.loads(learned.rain_error.table.to_json(orient="records")),
                "scores": {of: table.reset_index().to_dict("records") for of, table in scores.items()},
            }
        )
        return 0
    for finding in (*learned.findings, *refused):
        say(str(finding))
    for of, table in scores.items():
        say(of)
        for name, row in table.iterrows():
            say(f"  {name:22} {row['value']:8.3f} [{row['low']:.3f}, {row['high']:.3f}]")
    if len(learned.rain_error.table):
        say("rain error, by source and lead")
        say(learned.rain_error.table.round(2).to_string(index=False))
    say(str(learned.folder / "card.md"))
    if not refused:
        say(f"it waits for a person: wuyu learn --adopt {learned.folder.name} --by NAME")
    return 0
