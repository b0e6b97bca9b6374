"""The verb by which an officer signs: `wuyu approve`."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from wuyu.cli.common import add_place, add_verb, open_from, say, say_json, station_from
from wuyu.clock import time_now

if TYPE_CHECKING:
    from wuyu.approval import Settlement, Waiting
    from wuyu.station import Station

__all__ = ["add_verbs"]

_LINK_H = 12
LEVELS = ("red", "orange", "yellow", "blue")


def add_verbs(verbs: Any) -> None:
    """Add the verb of this family."""
    text = "list waiting warnings with their evidence, or sign them, so that their mail goes out"
    parser = add_place(add_verb(verbs, "approve", _approve, text))
    parser.epilog = "Exit status: 0 done or listed, 1 something named was left as it is, 2 wrong use."
    parser.add_argument("message_id", nargs="?", help="one warning; without any choice all waiting ones are listed")
    parser.add_argument("--all", action="store_true", help="everything that waits")
    parser.add_argument("--town", metavar="TOWN", help="what waits for one town: its code or name")
    parser.add_argument("--level", choices=LEVELS, help="what waits at one level")
    parser.add_argument("--officer", metavar="NAME", help="who decides; red may need a second officer in a second call")
    parser.add_argument("--refuse", metavar="WHY", help="refuse instead: it never leaves")
    parser.add_argument("--note-zh", default="", metavar="TEXT", help="sentence that the bulletin adds, Chinese")
    parser.add_argument("--note-en", default="", metavar="TEXT", help="the same in English")
    storm = parser.add_argument_group("one decision for the district")
    storm.add_argument("--storm", action="store_true", help="all that waits as one thing, and the code that signs it")
    storm.add_argument("--seen", metavar="CODE", help="sign what was shown under this code, and nothing else")
    storm.add_argument("--hold-back", action="append", default=[], metavar="TOWN", help="a town that goes on waiting")
    storm.add_argument("--refuse-town", action="append", default=[], metavar="TOWN=WHY", help="a town that is refused")
    storm.add_argument("--link", action="store_true", help="print the link by which --officer signs on the page")
    parser.add_argument(
        "--escalate",
        action="store_true",
        help="call the next officer on the duty chain for what is overdue; close what is over or replaced",
    )


def _approve(arguments: argparse.Namespace) -> int:
    from risk_models.errors import ConfigError

    station = station_from(arguments)
    if arguments.escalate:
        return _escalate(station, as_json=arguments.json)
    if arguments.link:
        return _link(station, arguments)
    if arguments.storm or arguments.seen or arguments.hold_back or arguments.refuse_town:
        return _storm(station, arguments)
    is_chosen = any((arguments.message_id, arguments.all, arguments.town, arguments.level))
    if arguments.officer is None and arguments.message_id is None and not arguments.all and arguments.refuse is None:
        return _list(station, _chosen(station, arguments), as_json=arguments.json)
    if not arguments.officer:
        raise ConfigError("name the officer who decides: --officer NAME")
    if not is_chosen:
        raise ConfigError("say what is decided: MESSAGE_ID, --town, --level or --all")
    message_ids = [arguments.message_id] if arguments.message_id else _ids(_chosen(station, arguments))
    return _settle(station, message_ids, arguments)


def _link(station: Station, arguments: argparse.Namespace) -> int:
    """Print a link for one officer: whoever holds it signs in that name."""
    from datetime import timedelta

    from risk_models.errors import ConfigError
    from wuyu.ack.links import links_of
    from wuyu.approval.officers import officers_of

    known, links = officers_of(station), links_of(station)
    if arguments.officer not in known:
        raise ConfigError(
            f"--officer must be one of those who may sign on the page: {', '.join(known) or 'nobody yet'}"
        )
    if links is None:
        raise ConfigError("acknowledgement.base_url says nothing: without it nobody reaches the page")
    expires_at = time_now() + timedelta(hours=_LINK_H)
    url = links.signing(station.code, arguments.officer, expires_at=expires_at)
    if arguments.json:
        say_json({"officer": arguments.officer, "url": url, "expires_at": expires_at})
        return 0
    say(f"for {arguments.officer} alone, for {_LINK_H} h 仅供本人使用: {url}")
    return 0


def _storm(station: Station, arguments: argparse.Namespace) -> int:
    from risk_models.errors import ConfigError
    from wuyu.cli.storm import decide_storm, show_storm

    if arguments.message_id or arguments.all or arguments.town or arguments.level or arguments.refuse is not None:
        raise ConfigError("--storm is about all that waits: except a town with --hold-back or --refuse-town")
    if not arguments.seen and not arguments.officer and not arguments.hold_back and not arguments.refuse_town:
        return show_storm(station, as_json=arguments.json)
    if not arguments.seen:
        raise ConfigError("say what was shown: --seen CODE, from wuyu approve --storm")
    if not arguments.officer:
        raise ConfigError("name the officer who decides: --officer NAME")
    return decide_storm(station, arguments)


def _settle(station: Station, message_ids: list[str], arguments: argparse.Namespace) -> int:
    from risk_models.errors import ConfigError
    from wuyu.approval import settle
    from wuyu.approval.book import clean_note

    outcomes = settle(
        station,
        dict.fromkeys(message_ids, arguments.refuse is None),
        officer=arguments.officer,
        now=time_now(),
        note=clean_note(arguments.note_zh, arguments.note_en),
        why=arguments.refuse or "",
        open_desk=partial(open_from, arguments),
    )
    if arguments.message_id and outcomes[0].state == "unchanged":
        raise ConfigError(outcomes[0].why)
    if arguments.json:
        say_json([asdict(one) for one in outcomes])
    for one in [] if arguments.json else outcomes:
        say(_told(one))
    if not outcomes:
        say("nothing waits")
    return 1 if any(one.state == "unchanged" for one in outcomes) else 0


def _told(outcome: Settlement) -> str:
    return f"{outcome.message_id}: " + {
        "approved": f"approved, queued for {', '.join(outcome.recipients)}; send with: wuyu dispatch",
        "signed": "signed; a second officer must sign before it goes",
        "refused": "refused",
    }.get(outcome.state, f"left as it is: {outcome.why}")


def _ids(items: list[Waiting]) -> list[str]:
    return [item.message_id for item in items]


def _chosen(station: Station, arguments: argparse.Namespace) -> list[Waiting]:
    """Return what waits and was named by --town and --level."""
    from wuyu.approval import waiting

    items = waiting(station.ledger)
    if arguments.level:
        items = [item for item in items if str(item.record.level) == arguments.level]
    if arguments.town:
        codes = _codes_of(station, arguments.town)
        items = [item for item in items if item.record.area_code in codes]
    return items


def _codes_of(station: Station, town: str) -> set[str]:
    """Return the codes of the towns that are called so, by code or by name."""
    from risk_models.errors import ConfigError
    from wuyu.station import contacts_of

    towns = contacts_of(station)
    codes = {code for code, one in towns.items() if town in (code, one.town_name)}
    if not codes:
        names = ", ".join(one.town_name for one in towns.values() if not one.has_left)
        raise ConfigError(f"no town is called {town!r}; there are: {names}")
    return codes


def _list(station: Station, items: list[Waiting], *, as_json: bool) -> int:
    from risk_models.warning.states import record_to_dict
    from wuyu.approval import evidence

    found = evidence(station, items, now=time_now()) if items else None
    shown = found.lines if found else ()
    if as_json:
        say_json(
            [
                record_to_dict(item.record)
                | {"message_id": item.message_id, "due_at": item.due_at}
                | {"signed": [one.officer for one in item.signatures], "called": [one.name for one in item.calls]}
                | {"evidence": list(lines)}
                for item, (_, lines) in zip(items, shown, strict=True)
            ]
        )
        return 0
    for line in found.head if found else ():
        say(f"  {line}")
    for item, (headline, lines) in zip(items, shown, strict=True):
        due = item.due_at.astimezone(station.timezone)
        say(f"{item.message_id} due {due:%Y-%m-%d %H:%M} {headline}")
        for line in lines:
            say(f"  {line}")
    return 0


def _escalate(station: Station, *, as_json: bool) -> int:
    from wuyu.approval import escalate

    calls = escalate(station, now=time_now())
    if as_json:
        say_json([asdict(call) for call in calls])
    for call in [] if as_json else calls:
        say(f"call {call.number + 1}: {call.name} {call.phone} {call.mailbox} for {', '.join(call.message_ids)}")
    return 0
