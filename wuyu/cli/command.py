"""The verbs of the command: what departments said (`wuyu consult`), and the flood response (`wuyu response`)."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from wuyu.cli.common import add_place, add_verb, say, say_json, station_from
from wuyu.clock import time_now

if TYPE_CHECKING:
    from wuyu.approval.command import CommandState, ProposedResponse
    from wuyu.ledger import ConsultationEntry, ResponseStep
    from wuyu.station import Station

__all__ = ["add_verbs", "say_command"]

_STEPS = ("start", "change", "end")


def add_verbs(verbs: Any) -> None:
    """Add the verbs of this family."""
    text = "take down what a department said when it was consulted; without one, list what was said in three days"
    consult = _timed(add_verb(verbs, "consult", _consult, text))
    consult.add_argument("department", nargs="?", help="its name, or its id in the settings")
    consult.add_argument("--view", default="", metavar="TEXT", help="what it said, in a line")
    consult.add_argument("--by", default="", metavar="NAME", help="who said it")
    consult.add_argument("--officer", default="", metavar="NAME", help="who takes it down")
    text = "start, change or end the flood response as the command decided; without a step, show which one runs"
    response = _timed(add_verb(verbs, "response", _response, text))
    response.add_argument("step", nargs="?", choices=_STEPS, help="what was decided")
    response.add_argument("--level", default="", help="I to IV")
    response.add_argument("--by", default="", metavar="NAME", help="who decided")
    response.add_argument("--role", default="commander", help="commander (default) or executive_deputy")
    response.add_argument("--why", default="", metavar="TEXT", help="on what it rests")


def _timed(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    add_place(parser).add_argument("--at", metavar="TIME", help="time of an exercise, local or with offset")
    return parser


def _consult(arguments: argparse.Namespace) -> int:
    from risk_models.errors import ConfigError
    from wuyu.approval.command import command_state, consult

    station, now = _opened(arguments)
    if arguments.department is None:
        if arguments.view or arguments.by or arguments.officer:
            raise ConfigError("name the department that was consulted")
        found = command_state(station, now=now).consultations
        if arguments.json:
            say_json([_consultation(one) for one in found])
        for one in () if arguments.json else found:
            say(_said(one, station))
        return 0
    number = consult(
        station, arguments.department, arguments.view, by=arguments.by, entered_by=arguments.officer, now=now
    )
    if arguments.json:
        say_json({"number": number})
    else:
        say(f"consultation {number} is recorded 会商意见已记录")
    return 0


def _response(arguments: argparse.Namespace) -> int:
    from wuyu.approval.command import command_state, proposed_response, respond

    station, now = _opened(arguments)
    if arguments.step is not None:
        words = {"by": arguments.by, "role": arguments.role, "why": arguments.why, "level": arguments.level}
        respond(station, arguments.step, now=now, **words)
    state, proposed = command_state(station, now=now), proposed_response(station, now=now)
    if arguments.json:
        say_json(
            {
                "running": None if state.running is None else _step(state.running),
                "proposed": None if proposed is None else proposed.level,
                "steps": [_step(one) for one in state.steps],
                "consultations": [_consultation(one) for one in state.consultations],
            }
        )
        return 0
    say_command(station, state, proposed)
    return 0


def say_command(station: Station, state: CommandState, proposed: ProposedResponse | None = None) -> None:
    """Say which response runs, what is proposed, and what was decided and said lately."""
    if state.running is None:
        say("no flood response runs 未启动应急响应")
    else:
        say(f"running 正在执行: 防汛{state.running.level}级应急响应 flood response level {state.running.level}")
    if proposed is not None:
        say(f"proposed 参考建议（由指挥部决定）: {proposed.words.zh} {proposed.words.en}, warnings {proposed.because}")
    for step in state.steps:
        say(f"  {_taken(step, station)}")
    for one in state.consultations:
        say(f"  {_said(one, station)}")


def _opened(arguments: argparse.Namespace) -> tuple[Station, Any]:
    from wuyu.clock import parse_time

    station = station_from(arguments)
    return station, parse_time(arguments.at, station.timezone) if arguments.at else time_now()


def _taken(step: ResponseStep, station: Station) -> str:
    from risk_models.district.command import COMMAND_ROLES
    from wuyu.ack.pages import RESPONSE_WORDS

    (words, _), (role, _) = RESPONSE_WORDS[step.step], COMMAND_ROLES[step.role]
    at = f"{step.at.astimezone(station.timezone):%m-%d %H:%M}"
    beside = f"；当时参考建议 proposed then {step.proposed}" if step.proposed else ""
    return f"{at} {role}{step.by} {words}{step.level}级: {step.why}{beside}"


def _said(one: ConsultationEntry, station: Station) -> str:
    at = f"{one.at.astimezone(station.timezone):%m-%d %H:%M}"
    return f"{at} 会商 {one.department}（{one.by}）: {one.view} [记录 noted by {one.entered_by}]"


def _step(step: ResponseStep) -> dict[str, Any]:
    names = ("step", "level", "by", "role", "why", "proposed", "at", "event_key")
    return {name: getattr(step, name) for name in names}


def _consultation(one: ConsultationEntry) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("department", "view", "by", "entered_by", "at", "event_key")}
