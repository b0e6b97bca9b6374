"""The verbs of the district brief: show it, write its files, send it."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import TYPE_CHECKING, Any

from wuyu.cli.common import add_place, add_verb, open_from, say, say_json

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = ["add_verbs"]


def add_verbs(verbs: Any) -> None:
    """Add the verbs of this family."""
    brief = verbs.add_parser("brief", help="one page on what still stands: show, make or send it").add_subparsers(
        dest="brief_verb", required=True, metavar="VERB"
    )
    show = add_place(add_verb(brief, "show", _show, "print the district brief as known at a time"), machine=False)
    show.add_argument("--lang", choices=("zh", "en"), default="zh")
    make = add_place(add_verb(brief, "make", _make, "write the district brief into OUT/briefs, in every form"))
    for parser in (show, make):
        parser.add_argument("--at", metavar="TIME", help="as known at this time, local or with offset (default: now)")
    send = add_place(add_verb(brief, "send", _send, "send the brief of this hour, once, while a warning is in force"))
    send.add_argument("--officer", default="", metavar="NAME", help="who puts a name to it")
    send.add_argument("--now", action="store_true", help="send one outside the hours; needs --officer")


def _at(arguments: argparse.Namespace, desk: Desk) -> datetime:
    from wuyu.clock import parse_time, time_now

    at = parse_time(arguments.at, desk.timezone) if arguments.at else time_now()
    return at.replace(second=0, microsecond=0)


def _show(arguments: argparse.Namespace) -> int:
    from reports.brief import brief_text
    from wuyu.issuing.brief import brief_of

    desk = open_from(arguments)
    at = _at(arguments, desk)
    say(brief_text(brief_of(desk, at, at=at), arguments.lang).rstrip())
    return 0


def _make(arguments: argparse.Namespace) -> int:
    from wuyu.issuing.brief import brief_of, write_brief

    desk = open_from(arguments)
    at = _at(arguments, desk)
    paths = [desk.relative(path) for path in write_brief(desk, brief_of(desk, at, at=at))]
    if arguments.json:
        say_json({"at": at, "paths": paths})
    for path in [] if arguments.json else paths:
        say(str(desk.out / path))
    return 0


def _send(arguments: argparse.Namespace) -> int:
    from risk_models.errors import ConfigError
    from wuyu.clock import time_now
    from wuyu.issuing.brief import send_brief
    from wuyu.issuing.brief_due import due_slot

    if arguments.now and not arguments.officer.strip():
        raise ConfigError("a brief outside the hours needs the name of who sends it: --officer NAME")
    desk, now = open_from(arguments), time_now()
    due = due_slot(desk.settings.brief.hours, desk.timezone, now)
    slot = now.replace(second=0, microsecond=0) if arguments.now else due
    rows = [] if slot is None else send_brief(desk, slot, now=now, officer=arguments.officer.strip())
    if arguments.json:
        say_json({"slot": slot, "queued": len(rows)})
        return 0
    why = "no warning is in force, it has been sent, or it waits for a name" if slot else "none is due at this hour"
    say(f"{len(rows)} mails queued" if rows else f"nothing sent: {why}")
    return 0
