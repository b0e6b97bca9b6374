"""One decision for the district: `wuyu approve --storm`."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from wuyu.cli.common import open_from, say, say_json
from wuyu.clock import time_now

if TYPE_CHECKING:
    from wuyu.approval import DistrictRound, Settlement
    from wuyu.approval.district_round import TownLine
    from wuyu.station import Station

__all__ = ["decide_storm", "show_storm"]


def show_storm(station: Station, *, as_json: bool) -> int:
    """Show all that waits in the district as one thing, with the code that signs just that."""
    from wuyu.approval.command import command_state
    from wuyu.approval.district_round import district_round, keep_shown
    from wuyu.cli.command import say_command

    shown = district_round(station)
    code = keep_shown(station, shown, now=time_now())
    if as_json:
        say_json(_as_dict(shown, code))
        return 0
    if not shown.lines:
        say("nothing waits 没有待签的预警")
        return 0
    due = f"{shown.due_at.astimezone(station.timezone):%m-%d %H:%M}" if shown.due_at else "-"
    say(f"待签 {shown.summary.zh}；最早时限 {due}")
    say(f"Waiting: {shown.summary.en}; first deadline {due}")
    say_command(station, command_state(station, now=time_now()))
    for line in shown.lines:
        _say_line(line)
    say(f"\nsign all of it 全部签发: wuyu approve --storm --seen {code} --officer NAME")
    say("but for a town 除外: --hold-back TOWN, --refuse-town TOWN=WHY; each may be given again")
    return 0


def decide_storm(station: Station, arguments: argparse.Namespace) -> int:
    """Sign what was shown under a code, but for the towns that are excepted."""
    from wuyu.approval.book import clean_note
    from wuyu.approval.district_round import district_round, shown_as, sign_round

    shown = district_round(station)
    seen = shown.seen if arguments.seen == shown.code else shown_as(station.ledger, arguments.seen)
    outcomes = sign_round(
        station,
        _known(seen, arguments.seen),
        officer=arguments.officer,
        now=time_now(),
        hold_back=[one for town in arguments.hold_back for one in _of_town(shown, town)],
        refuse={one: why for town, why in map(_refusal, arguments.refuse_town) for one in _of_town(shown, town)},
        note=clean_note(arguments.note_zh, arguments.note_en),
        open_desk=partial(open_from, arguments),
    )
    if arguments.json:
        say_json([asdict(one) for one in outcomes])
    lines = {line.item.message_id: line for line in shown.lines}
    for one in [] if arguments.json else outcomes:
        line = lines[one.message_id]
        say(f"{line.town.zh} {line.headline.zh}: {_told(one)}  {one.message_id}")
    return 1 if any(one.state == "unchanged" for one in outcomes) else 0


def _known(seen: tuple[str, ...] | None, code: str) -> tuple[str, ...]:
    from risk_models.errors import ConfigError

    if seen is None:
        raise ConfigError(f"nothing was shown under the code {code!r}: look first, with wuyu approve --storm")
    return seen


def _of_town(shown: DistrictRound, town: str) -> list[str]:
    """Return what waits for a town, called by code or name."""
    from risk_models.errors import ConfigError

    found = [line.item.message_id for line in shown.lines if town in (line.item.record.area_code, line.town.zh)]
    if not found:
        names = ", ".join(line.town.zh for line in shown.lines)
        raise ConfigError(f"nothing waits for a town called {town!r}; there are: {names or 'none'}")
    return found


def _refusal(text: str) -> tuple[str, str]:
    """Take TOWN=WHY apart."""
    town, _, why = text.partition("=")
    return town.strip(), why.strip()


def _told(outcome: Settlement) -> str:
    return {
        "approved": f"approved, queued for {', '.join(outcome.recipients)}; send with: wuyu dispatch",
        "signed": "signed; a second officer must sign before it goes",
        "refused": "refused",
        "held": "held back: it goes on waiting",
    }.get(outcome.state, f"left as it is: {outcome.why}")


def _say_line(line: TownLine) -> None:
    record = line.item.record
    marks = "  未经核实 unconfirmed" if record.unconfirmed else ""
    marks += "  须两人签发 two must sign" if line.needs_second else ""
    marks += "".join(f"  已签 signed {one.officer}" for one in line.item.signatures)
    say(f"{line.number:>2}. {line.town.zh} {line.town.en}: {line.headline.zh} {line.headline.en}{marks}")
    for place in line.places:
        say(f"    {place.zh}")
    if line.more_places:
        say(f"    另有{line.more_places}处 and {line.more_places} more places")
    say(f"    依据 Why: {record.reason_zh}")


def _as_dict(shown: DistrictRound, code: str) -> dict[str, object]:
    return {
        "code": code,
        "summary_zh": shown.summary.zh,
        "summary_en": shown.summary.en,
        "due_at": shown.due_at,
        "warnings": [
            {
                "message_id": line.item.message_id,
                "area_code": line.item.record.area_code,
                "town": line.town.zh,
                "level": str(line.level),
                "is_end": line.is_end,
                "headline": line.headline.en,
                "places": [place.zh for place in line.places],
                "due_at": line.item.due_at,
                "needs_second": line.needs_second,
                "signed": [one.officer for one in line.item.signatures],
            }
            for line in shown.lines
        ],
    }
