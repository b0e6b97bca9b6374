"""The verbs of acknowledgement: ack serve, list, now, escalate, record, replies."""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from risk_models.files import write_whole
from wuyu.cli.common import add_place, add_verb, open_from, say, say_json, station_from
from wuyu.cli.mailbox import add_mailbox, opened_mailbox
from wuyu.clock import clock_marks, time_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from wuyu.ack.book import Standing
    from wuyu.ack.water import NowAsked
    from wuyu.returns.replies import TakenReply
    from wuyu.station import Station

__all__ = ["add_verbs"]

_DESK_LINK_H = 12


def add_verbs(verbs: Any) -> None:
    """Add the verbs of this family."""
    ack = verbs.add_parser("ack", help="acknowledgement: who has answered, and what follows if nobody does")
    family = ack.add_subparsers(dest="ack_verb", required=True, metavar="VERB")
    serve = _timed(add_verb(family, "serve", _serve, "serve the page on which towns answer"), machine=False)
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8090)
    serve.add_argument(
        "--proxy", action="append", metavar="ADDRESS", help="proxy whose X-Forwarded-For is believed, an address or a "
        "network; may be given again (default: those on this machine), or none",
    )  # fmt: skip
    serve.add_argument(
        "--allow-host", action="append", metavar="NAME", help="name under which the page may be asked for, beside that "
        "of acknowledgement.base_url, the address it listens at and this machine; may be given again",
    )  # fmt: skip
    listed = _timed(add_verb(family, "list", _list, "show who has not answered, with phone numbers and deadlines"))
    listed.add_argument("--all", action="store_true", help="the answered ones too")
    text = "note what a town says by telephone of water that stands, by its code; without a code, list what waits"
    water = _timed(add_verb(family, "now", _water, text))
    water.add_argument("code", nargs="?", metavar="CODE", help="code of the message, as the town gives it")
    water.add_argument(
        "--answer", action="append", default=[], choices=["closed", "people_out", "water_gone", "cannot_reach"],
        help="what the town says; may be given again",
    )  # fmt: skip
    water.add_argument("--place", action="append", default=[], metavar="HOTSPOT", help="of this place (default: all)")
    water.add_argument("--name", default="", metavar="NAME", help="who says so")
    water.add_argument("--officer", default="", metavar="NAME", help="who took the call")
    _timed(add_verb(family, "escalate", _escalate, "take every step that is due: second contact, phone list, upward"))
    record = add_place(add_verb(family, "record", _record, "write the printable call record of an event"))
    record.add_argument("event_key", nargs="?", help="event (default: the latest that asked for answers)")
    replies = _timed(add_verb(family, "replies", _replies, "take answers that came by mail"))
    add_mailbox(replies, on_disk="mailbox on disk")
    replies.add_argument(
        "--authserv-id",
        default="",
        help="mail server that proves senders (DMARC), in place of mail.authserv_id of the settings",
    )


def _timed(parser: argparse.ArgumentParser, *, machine: bool = True) -> argparse.ArgumentParser:
    """Add the domain time; an exercise says which hour it plays."""
    add_place(parser, machine=machine).add_argument(
        "--at", metavar="TIME", help="time of an exercise, local or with offset"
    )
    return parser


def _now(arguments: argparse.Namespace, station: Station) -> datetime:
    if arguments.at is None:
        return time_now()
    from risk_models.errors import ConfigError

    try:
        at = datetime.fromisoformat(arguments.at)
    except ValueError:
        raise ConfigError(f"'{arguments.at}' is no time; accepted: 2021-07-20T17:05 (local) or with offset") from None
    return at.replace(tzinfo=station.timezone) if at.tzinfo is None else at


def _serve(arguments: argparse.Namespace) -> int:
    from wuyu.ack.door import LOCAL_PROXIES, make_server
    from wuyu.ack.links import Links
    from wuyu.ack.serving import FollowingPage, PageAddress
    from wuyu.approval.page import signing_pages
    from wuyu.keys import load_keys

    station = station_from(arguments)
    keys, here = load_keys(station.out), f"http://{arguments.host}:{arguments.port}"
    ahead = _now(arguments, station) - time_now()  # an exercise begins at its own time, and runs on from there

    def clock() -> datetime:
        return time_now() + ahead

    def moved(at: PageAddress) -> None:
        url = at.base_url or here
        link = Links(url, keys).desk(at.district_code, expires_at=clock() + timedelta(hours=_DESK_LINK_H))
        say(f"towns answer at {url}; the duty desk, for {_DESK_LINK_H} h: {link}")

    hosts = arguments.allow_host or []
    more = partial(signing_pages, open_desk=partial(open_from, arguments))
    page = FollowingPage(station, arguments.host, keys, clock=clock, more_hosts=hosts, moved=moved, more=more)
    proxies = [one for one in arguments.proxy or LOCAL_PROXIES if one != "none"]
    make_server(page, host=arguments.host, port=arguments.port, proxies=proxies).run()
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from wuyu.ack.book import headlines, standings

    station = station_from(arguments)
    now = _now(arguments, station)
    open_at = None if arguments.all else now
    rows = standings(station.ledger, district_code=station.code, open_at=open_at, with_content=False)
    if arguments.json:
        say_json([_as_dict(one) for one in rows])
        return 0
    said_zh = headlines(station.ledger, [one.request.id for one in rows])
    for one in rows:
        asked, answer = one.request, one.answer
        due = "-" if asked.due_at is None else f"{asked.due_at.astimezone(station.timezone):%m-%d %H:%M}"
        late = " LATE" if answer is None and asked.due_at is not None and now >= asked.due_at else ""
        said = "unanswered" if answer is None else f"{answer.answer} by {answer.name} ({answer.channel})"
        claims = f"; {_claimed(one)}" if one.claims else ""
        say(f"{said_zh[asked.id]} {asked.phone} due {due}{late}: {said}{claims}  {asked.message_id}")
    say(f"{len(rows)} bulletins{'' if arguments.all else ' wait for an answer'}")
    return 0


def _water(arguments: argparse.Namespace) -> int:
    from risk_models.errors import ConfigError
    from wuyu.ack.water import NowAnswer, asked_of_code, open_asked, record_now
    from wuyu.keys import load_keys

    station = station_from(arguments)
    now = _now(arguments, station)
    waiting = open_asked(station.ledger, station.code, now)
    if arguments.code is None:
        return _list_water(station, waiting, as_json=arguments.json)
    found = asked_of_code(waiting, load_keys(station.out), arguments.code)
    if not found:
        raise ConfigError(f"no message that may be answered now was sent with the code {arguments.code}")
    if not arguments.officer.strip():
        raise ConfigError("name who took the call: --officer NAME")
    asked, reader = found[0]
    places = arguments.place or list(asked.places)
    answers = {place: [NowAnswer(one) for one in arguments.answer] for place in places}
    is_new = record_now(
        station.ledger, asked, answers, reader=reader, name=arguments.name, channel="phone", now=now,
        recorded_by=arguments.officer.strip(),
    )  # fmt: skip
    if arguments.json:
        say_json({"message_id": asked.message_id, "places": places, "is_new": is_new})
    else:
        told = "noted" if is_new else "said before"
        say(f"{asked.town}: {told}: {', '.join(arguments.answer)} at {', '.join(places)}")
    return 0


def _list_water(station: Station, waiting: list[NowAsked], *, as_json: bool) -> int:
    from dataclasses import asdict

    from wuyu.ack.water import last_answers

    with station.ledger.reading() as session:
        said = [[entry.detail for entry in last_answers(session, one.message_id).values()] for one in waiting]
    if as_json:
        say_json([asdict(one) | {"said": details} for one, details in zip(waiting, said, strict=True)])
        return 0
    for one, details in zip(waiting, said, strict=True):
        words = "; ".join(f"{detail['name']}: {detail['answers']}" for detail in details) or "unanswered"
        due = f"{one.due_at.astimezone(station.timezone):%m-%d %H:%M}"
        say(f"{one.town} {one.phone} due {due}: {words}  {one.message_id}")
    say(f"{len(waiting)} messages that water stands may be answered")
    return 0


def _claimed(one: Standing) -> str:
    """Say which mails speak of it and are no answers."""
    return ", ".join(f"claimed: {mail.answer or mail.outcome} by {mail.sender} (not proven)" for mail in one.claims)


def _as_dict(one: Standing) -> dict[str, Any]:
    asked, answer = one.request, one.answer
    return {
        "message_id": asked.message_id,
        "event_key": asked.event_key,
        "area_code": asked.area_code,
        "level": asked.level,
        "phone": asked.phone,
        "asked_at": asked.asked_at,
        "due_at": asked.due_at,
        "steps": [{"kind": step.kind, "recipient": step.recipient, "at": step.at} for step in one.steps],
        "answer": None if answer is None else {"answer": answer.answer, "name": answer.name, "at": answer.at},
        "claims": [
            {"outcome": mail.outcome, "answer": mail.answer, "sender": mail.sender, "words": mail.words, "at": mail.at}
            for mail in one.claims
        ],
        "superseded": one.superseded,
    }


def _escalate(arguments: argparse.Namespace) -> int:
    from wuyu.ack.escalation import escalate

    station = station_from(arguments)
    steps = escalate(station, _now(arguments, station))
    if arguments.json:
        say_json([{"kind": step.kind, "recipient": step.recipient, "due_at": step.due_at} for step in steps])
        return 0
    for step in steps:
        say(f"{step.kind}: {step.name} {step.recipient} by {step.channel} {step.note}".rstrip())
    say(f"{len(steps)} steps taken")
    return 0


def _record(arguments: argparse.Namespace) -> int:
    from risk_models.errors import ConfigError
    from wuyu.ack.book import standings
    from wuyu.ack.record import call_record, record_html, record_pdf

    station = station_from(arguments)
    event_key = arguments.event_key
    if event_key is None:
        found = standings(station.ledger, district_code=station.code)
        if not found:
            raise ConfigError("no bulletin has asked for an answer yet")
        event_key = found[-1].request.event_key
    record = call_record(station.ledger, event_key, marks=clock_marks())
    folder = station.out / "reports"
    makers: dict[str, Callable[[], bytes]] = {
        "html": lambda: record_html(record).encode("utf-8"),
        "pdf": lambda: record_pdf(record),
    }
    paths = []
    for kind, make in makers.items():
        path = folder / f"calls-{event_key}.{kind}"
        write_whole(path, make())
        paths.append(str(path))
    if arguments.json:
        say_json(paths)
    for written in [] if arguments.json else paths:
        say(written)
    return 0


def _replies(arguments: argparse.Namespace) -> int:
    from wuyu.returns.replies import count_by_outcome, take_replies

    station = station_from(arguments)
    options: dict[str, Any] = {"now": _now(arguments, station), "authserv_id": arguments.authserv_id}
    with opened_mailbox(arguments) as mailbox:
        taken = take_replies(station, mailbox, **options)
    _tell(taken, count_by_outcome(taken), as_json=arguments.json)
    return 0


def _tell(taken: list[TakenReply], counts: dict[str, int], *, as_json: bool) -> None:
    if as_json:
        say_json({"counts": counts, "mails": [{"outcome": str(t.outcome), "message_id": t.message_id} for t in taken]})
        return
    for one in taken:
        if one.message_id or one.task:
            say(f"{one.outcome}: {one.message_id}{' (a task: wuyu tasks)' if one.task else ''}")
    say(f"{len(taken)} new mails: {counts or 'none'}")
