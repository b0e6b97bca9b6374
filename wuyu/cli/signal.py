"""The verb for the signals of the weather office: what stands, and what is entered by hand."""

from __future__ import annotations

import argparse
from typing import Any

from wuyu.cli.common import add_place, add_verb, open_from, say, say_json

__all__ = ["add_verbs"]

_COLOURS = ("blue", "yellow", "orange", "red")


def add_verbs(verbs: Any) -> None:
    """Add the verbs of this family."""
    text = "take down a signal that the weather office issued or lifted; without a colour, say which ones stand"
    parser = add_place(add_verb(verbs, "signal", _signal, text))
    parser.add_argument("colour", nargs="?", choices=_COLOURS, help="colour of the signal that was issued")
    parser.add_argument("--office", default="", metavar="NAME", help="weather office that issued it, as it says")
    parser.add_argument("--number", default="", metavar="TEXT", help="its number (文号)")
    parser.add_argument("--at", metavar="TIME", help="when it was issued or lifted, local or with offset; default: now")
    parser.add_argument("--until", metavar="TIME", help="its end, if the office names one")
    parser.add_argument("--area", default="", metavar="AREA", help="names or codes, by comma; default: the district")
    parser.add_argument(
        "--kind", default="rainstorm", metavar="KIND", help="rainstorm (default), or another, as written"
    )
    parser.add_argument("--text", default="", metavar="TEXT", help="its words")
    parser.add_argument("--lift", metavar="WHICH", help="number or id of the signal that the office lifted")
    parser.add_argument("--by", default="", metavar="NAME", help="who enters it")


def _signal(arguments: argparse.Namespace) -> int:
    from risk_models.errors import ConfigError
    from risk_models.levels import Level
    from wuyu.clock import parse_time, time_now
    from wuyu.signals import enter_signal, known_signals, lift_signal

    if arguments.colour and arguments.lift:
        raise ConfigError("a colour is issued, or one is lifted; not both at once")
    desk, now = open_from(arguments), time_now()
    at = parse_time(arguments.at, desk.timezone) if arguments.at else None
    until = parse_time(arguments.until, desk.timezone) if arguments.until else None
    if not arguments.colour and not arguments.lift:
        return _show(desk, known_signals(desk, now, known_at=now), arguments)
    if arguments.lift:
        standing = [signal.notice for signal in known_signals(desk, now, known_at=now).signals]
        notice = lift_signal(desk, standing, arguments.lift, by=arguments.by, now=now, at=at)
    else:
        notice = enter_signal(
            desk, level=Level.from_name(arguments.colour), office=arguments.office, by=arguments.by, now=now,
            kind=arguments.kind, number=arguments.number, issued_at=at, valid_until=until, area=arguments.area,
            text=arguments.text,
        )  # fmt: skip
    known = known_signals(desk, now, known_at=now)
    if arguments.json:
        say_json({"entry": notice.to_dict(), "standing": known.kept()})
        return 0
    say(f"entered as {notice.notice_id}, by {arguments.by}; it is told from the next cycle on and changes no level")
    return _show(desk, known, arguments)


def _show(desk: Any, known: Any, arguments: argparse.Namespace) -> int:
    """Say which signals stand, and what does not fit."""
    from reports.issued import issued_lines
    from reports.words import Text
    from wuyu.clock import time_now

    if arguments.json:
        say_json({"standing": known.kept(), "lines": [{"zh": line.zh, "en": line.en} for line in known.lines]})
        return 0
    towns = desk.district.towns
    columns = (towns.index, towns["town_name"], towns["town_name_en"])
    names = {str(code): Text(str(zh), str(en)) for code, zh, en in zip(*columns, strict=True)}
    zone = desk.settings.district.timezone
    for line in issued_lines(known.signals, at=time_now(), zone=zone, towns=names):
        say(f"{line.zh} {line.en}")
    for signal in known.signals:
        say(f"  {signal.notice.notice_id}  {signal.notice.number}".rstrip())
    for line in known.lines:
        say(f"{line.zh} {line.en}")
    return 0
