"""The verbs of periodic reports: `wuyu report month|quarter|flood-season|year|period|list|consult`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from wuyu.cli.common import add_place, add_verb, open_from, say, say_json, station_from
from wuyu.clock import time_now

if TYPE_CHECKING:
    from reports.words import Lang
    from wuyu.desk import Desk
    from wuyu.reporting import Made

__all__ = ["add_verbs"]

#: Kind: what the key names, how it is shown, what the verb does.
KINDS = {
    "month": ("YYYY-MM", "report of one month"),
    "quarter": ("YYYY-Qn", "report of one quarter"),
    "flood-season": ("YYYY", "report of a flood season, as the settings have it"),
    "year": ("YYYY", "report of one year"),
    "period": ("NAME", "report of an important period: its id in the settings"),
}
EDITIONS = ("review", "outlook")


def add_verbs(verbs: Any) -> None:
    """Add the verbs of this family."""
    report = verbs.add_parser("report", help="write, consult on and issue periodic risk reports").add_subparsers(
        dest="report_kind", required=True, metavar="KIND"
    )
    for kind, (key, text) in KINDS.items():
        parser = add_place(add_verb(report, kind, _write, f"{text}: Word, PDF and HTML"))
        parser.set_defaults(kind=kind)
        parser.add_argument("key", metavar=key)
        _add_edition(parser)
        parser.add_argument("--lang", choices=("zh", "en", "both"), default="both")
        parser.add_argument("--issue", action="store_true", help="issue it at once; without it a draft is written")
        _add_decision(parser)
    add_place(add_verb(report, "list", _list, "what was issued, and which drafts wait"))
    _add_consult(report)


def _add_edition(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--edition",
        choices=EDITIONS,
        default="review",
        help="review: after the period has closed (default); outlook: before it opens",
    )


def _add_decision(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--chair", metavar="NAME", help="who led the consultation and signs")
    parser.add_argument(
        "--opinion",
        action="append",
        default=[],
        metavar="DEPT|EXPERT|TEXT",
        help="what a department said; may be given several times",
    )
    parser.add_argument("--mail", action="store_true", help="mail what is issued to town offices and departments")


def _add_consult(report: Any) -> None:
    text = "the consultation on a draft: show, open, note opinions, decide"
    consult = add_place(add_verb(report, "consult", _consult, text))
    consult.epilog = "Exit status: 0 done or shown, 1 it failed, 2 wrong use."
    consult.add_argument("kind", nargs="?", choices=tuple(KINDS), help="kind of the report")
    consult.add_argument("key", nargs="?", metavar="KEY", help="as in `wuyu report KIND KEY`")
    _add_edition(consult)
    _add_decision(consult)
    choice = consult.add_mutually_exclusive_group()
    choice.add_argument("--open", action="store_true", help="begin: the deadline runs from now")
    choice.add_argument("--issue", action="store_true", help="issue the draft")
    choice.add_argument("--send-back", metavar="WHY", help="the draft must be made anew")
    choice.add_argument("--reject", metavar="WHY", help="this report is not issued")
    choice.add_argument("--lapse", action="store_true", help="note what nobody decided in time, as tasks")
    consult.add_argument("--deadline-h", type=float, metavar="HOURS", help="with --open; default: of the settings")


def _langs(arguments: argparse.Namespace) -> list[Lang]:
    return ["zh", "en"] if arguments.lang == "both" else [arguments.lang]


def _write(arguments: argparse.Namespace) -> int:
    from risk_models.errors import ConfigError
    from wuyu.progress import progress
    from wuyu.reporting import draft_report, parse_opinion, report_at_once, scope_for

    if arguments.issue and not arguments.chair:
        raise ConfigError("an issue needs the name of who signs it: --chair NAME")
    if not arguments.issue and (arguments.mail or arguments.opinion or arguments.chair):
        raise ConfigError("--chair, --opinion and --mail go with --issue; for a draft use `wuyu report consult`")
    opinions = [parse_opinion(text) for text in arguments.opinion]
    desk = open_from(arguments)
    scope = scope_for(desk, arguments.kind, arguments.key, arguments.edition)
    with progress(f"report {arguments.kind} {arguments.key}") as tell:
        now, langs = time_now(), _langs(arguments)
        if arguments.issue:
            made = report_at_once(
                desk,
                scope,
                chair=arguments.chair,
                now=now,
                opinions=opinions,
                langs=langs,
                mail=arguments.mail,
                tell=tell,
            )
        else:
            made = draft_report(desk, scope, now=now, langs=langs, tell=tell)
    return _told(desk, made, as_json=arguments.json)


def _told(desk: Desk, made: Made, *, as_json: bool) -> int:
    folder = desk.relative(made.folder)
    if as_json:
        facts = {"report": str(made.key), "state": made.state, "revision": made.revision, "draft": made.draft}
        say_json(facts | {"folder": folder, "paths": [str(path) for path in made.paths], "mails": made.mails})
        return 0
    words = {
        "draft": f"draft {made.draft}; decide with: wuyu report consult {made.key.arguments}",
        "issued": f"issued as revision {made.revision}, {made.mails} mail{'' if made.mails == 1 else 's'} queued",
        "unchanged": f"unchanged: revision {made.revision} was issued from the same inputs",
    }
    say(f"{made.key}: {words[made.state]}")
    say(f"  archive: {folder}")
    for path in made.paths:
        say(f"  {path}")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from wuyu.ledger.reporting import issues, open_drafts

    station = station_from(arguments)
    issued = issues(station.ledger, station.code)
    drafts = open_drafts(station.ledger, station.code)
    if arguments.json:
        say_json(
            {
                "issued": [
                    {"kind": row.kind, "period": row.period, "revision": row.revision, "issued_at": row.issued_at}
                    for row in issued
                ],
                "drafts": [
                    {"kind": one.key.kind, "period": one.key.period, "draft": one.draft}
                    | {"state": str(one.state), "due_at": one.due_at}
                    for one in drafts
                ],
            }
        )
        return 0
    for row in issued:
        at = row.issued_at.astimezone(station.timezone)
        say(f"issued {row.kind} {row.period} r{row.revision} {at:%Y-%m-%d %H:%M}")
    for one in drafts:
        due = f" until {one.due_at.astimezone(station.timezone):%Y-%m-%d %H:%M}" if one.due_at else ""
        say(f"draft {one.draft} of {one.key}: {one.state}{due}")
    if not issued and not drafts:
        say("no report yet; write one with: wuyu report month YYYY-MM")
    return 0


def _consult(arguments: argparse.Namespace) -> int:
    from risk_models.errors import ConfigError
    from wuyu.reporting import add_opinion, lapse_consultations, parse_opinion, scope_for

    desk = open_from(arguments)
    if arguments.lapse:
        for key in lapse_consultations(desk, now=time_now()):
            say(f"{key}: nobody decided in time; it stays a draft, and a task was raised")
        return 0
    if not arguments.kind or not arguments.key:
        raise ConfigError("say which report: KIND and KEY, e.g. month 2021-07; `wuyu report list` names the drafts")
    scope = scope_for(desk, arguments.kind, arguments.key, arguments.edition)
    for text in arguments.opinion:
        department, expert, opinion = parse_opinion(text)
        add_opinion(
            desk,
            scope,
            department=department,
            expert=expert,
            opinion=opinion,
            now=time_now(),
            who=arguments.chair or "",
        )
    return _decide(desk, scope, arguments)


def _decide(desk: Desk, scope: Any, arguments: argparse.Namespace) -> int:
    from wuyu.ledger.reporting import Step, standing
    from wuyu.progress import progress
    from wuyu.reporting import close_consultation, key_of, open_consultation, refuse_draft

    key, now, chair = key_of(desk, scope), time_now(), arguments.chair or ""
    if arguments.issue:
        with progress(f"report {key}") as tell:
            made = close_consultation(desk, scope, chair=chair, now=now, mail=arguments.mail, tell=tell)
        return _told(desk, made, as_json=arguments.json)
    if arguments.send_back is not None or arguments.reject is not None:
        step = Step.REJECTED if arguments.send_back is None else Step.SENT_BACK
        why = arguments.reject if arguments.send_back is None else arguments.send_back
        refuse_draft(desk, scope, chair=chair, step=step, why=why, now=now)
    if arguments.open:
        open_consultation(desk, scope, now=now, who=chair or "command line", deadline_h=arguments.deadline_h)
    found = standing(desk.ledger, key)
    if arguments.json:
        steps = [{"what": one.what, "who": one.who, "at": one.at, "detail": one.detail} for one in found.steps]
        say_json(
            {"report": str(key), "draft": found.draft, "state": found.state, "due_at": found.due_at} | {"steps": steps}
        )
        return 0
    if not found.steps:
        say(f"{key}: no draft; write one with: wuyu report {key.arguments}")
    for one in found.steps:
        detail = " ".join(
            str(one.detail.get(name, "")) for name in ("department", "expert", "opinion", "why", "due_at")
        )
        say(
            f"{one.at.astimezone(desk.timezone):%Y-%m-%d %H:%M} draft {one.draft} {one.what} {one.who} {detail.strip()}"
        )
    return 0
