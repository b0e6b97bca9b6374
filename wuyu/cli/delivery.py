"""The verbs of what leaves: dispatch, outbox, bounces, tasks, watch."""

from __future__ import annotations

import argparse
import contextlib
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from risk_models.errors import ConfigError
from wuyu.cli.common import add_place, add_verb, say, say_json, station_from
from wuyu.cli.mailbox import add_mailbox, opened_mailbox
from wuyu.cli.operate import add_smtp, transport_from
from wuyu.clock import parse_time, time_now, wall_clock

if TYPE_CHECKING:
    from wuyu.delivery.smtp import Outcome
    from wuyu.ledger.types import OutboxState
    from wuyu.watch.watcher import Post, WatchLook

__all__ = ["add_verbs"]

OUTBOX_LIMIT = 200
COUNTED_DAYS = 31


def add_verbs(verbs: Any) -> None:
    """Add the verbs of this family."""
    dispatch = add_place(add_verb(verbs, "dispatch", _dispatch, "hand over what is due, by every way out"))
    dispatch.add_argument("--relays", type=int, default=1, metavar="N", help="relays side by side for mail")
    dispatch.add_argument("--way", metavar="NAME", help="by this way only, e.g. mail or webhook:hub")
    add_smtp(dispatch)
    outbox = add_place(add_verb(verbs, "outbox", _outbox, "show every message, or put a failed one back"))
    outbox.add_argument("action", nargs="?", choices=("list", "requeue"), default="list")
    outbox.add_argument("row", nargs="?", type=int, metavar="ID", help="row to put back")
    outbox.add_argument(
        "--limit",
        type=int,
        default=OUTBOX_LIMIT,
        metavar="N",
        help=f"newest rows shown (default {OUTBOX_LIMIT}; 0: all)",
    )
    outbox.add_argument("--state", action="append", metavar="STATE", help="only rows in this state; repeat for more")
    outbox.add_argument("--since", metavar="TIME", help="only rows decided then or later, local or with offset")
    outbox.add_argument("--officer", default="", help="who puts it back")
    bounces = add_place(add_verb(verbs, "bounces", _bounces, "take mail that came back; a bounce becomes a task"))
    add_mailbox(bounces, on_disk="return box on disk")
    tasks = add_place(add_verb(verbs, "tasks", _tasks, "show what waits for an operator, or settle it"))
    tasks.add_argument("action", nargs="?", choices=("list", "done"), default="list")
    tasks.add_argument("task", nargs="?", type=int, metavar="ID", help="task to settle")
    tasks.add_argument("--officer", default="", help="who settled it")
    tasks.add_argument("--note", default="", help="how")
    watch = add_place(add_verb(verbs, "watch", _watch, "raise an alarm if the system is silent"))
    watch.add_argument("--max-age-min", type=int, metavar="MIN", help="oldest last cycle (default: of the district)")
    watch.add_argument("--to", action="append", metavar="ADDRESS", help="operator to tell instead of watch.mailboxes")
    watch.add_argument("--every-min", type=float, metavar="MIN", help="go on looking (default: look once)")
    watch.add_argument("--health-url", metavar="URL", help="Airflow's health page, looked at too")
    add_smtp(watch)


def _dispatch(arguments: argparse.Namespace) -> int:
    from wuyu.delivery.dispatch import dispatch_all, ways
    from wuyu.delivery.relay import DeliveryCount

    if arguments.relays < 1:
        raise ConfigError("--relays must be at least 1")
    station = station_from(arguments)
    openers = ways(station, lambda: transport_from(arguments), clock=wall_clock)
    if arguments.way is not None:
        if arguments.way not in openers:
            raise ConfigError(f"there is no way '{arguments.way}'; there are: {', '.join(openers)}")
        openers = {arguments.way: openers[arguments.way]}
    reports = dispatch_all(station.ledger, openers, clock=wall_clock, now=time_now(), relays=arguments.relays)
    total = DeliveryCount()
    for report in reports.values():
        total.merge(report)
    if arguments.json:
        by_way = {name: {"counts": one.counts, "stopped": one.stopped} for name, one in reports.items()}
        say_json({"counts": total.counts, "expired": total.expired, "stopped": total.stopped, "ways": by_way})
    else:
        for name, one in reports.items():
            say(f"{name}: {one.counts or 'nothing due'} {one.stopped}".rstrip())
        say(f"{total.expired} expired")
    return 1 if total.stopped or total.counts.get("failed") else 0


def _outbox(arguments: argparse.Namespace) -> int:
    from wuyu.ledger.outbox import MOST_COUNTED, newest

    station = station_from(arguments)
    if arguments.action == "requeue":
        if arguments.row is None or not arguments.officer.strip():
            raise ConfigError("say which row and who: wuyu outbox requeue ID --officer NAME")
        station.ledger.requeue(arguments.row, officer=arguments.officer, now=time_now())
        say(f"row {arguments.row}: put back; send with: wuyu dispatch")
        return 0
    if arguments.limit < 0:
        raise ConfigError("--limit must be 0 (all rows) or more")
    since = None if arguments.since is None else parse_time(arguments.since, station.timezone)
    rows, more = newest(station.ledger, limit=arguments.limit, states=_states(arguments.state), since=since)
    if arguments.json:
        say_json(
            [
                {
                    "id": row.id,
                    "message_id": row.message_id,
                    "channel": row.channel,
                    "recipient": row.recipient,
                    "state": row.state,
                    "error": row.last_error,
                }
                for row in rows
            ]
        )
        return 0
    if more:
        say(f"{more}{' and more' if more == MOST_COUNTED else ''} older rows are not shown; --limit 0 shows all")
    for row in rows:
        head = f"{row.id:5} {row.state:10} {row.channel:12} {row.recipient:32}"
        say(f"{head} {row.subject} {row.last_error or ''}".rstrip())
    begin = rows[-1].decided_at - timedelta(days=COUNTED_DAYS) if rows else None
    counts = str(station.ledger.outbox_counts(since=begin)) if rows else "{}"
    say(counts + (f" in {COUNTED_DAYS} days" if more else ""))
    return 0


def _states(names: list[str] | None) -> tuple[OutboxState, ...]:
    from wuyu.ledger.types import OutboxState

    unknown = sorted(set(names or ()) - set(OutboxState))
    if unknown:
        raise ConfigError(f"there is no state '{unknown[0]}'; there are: {', '.join(OutboxState)}")
    return tuple(OutboxState(name) for name in names or ())


def _bounces(arguments: argparse.Namespace) -> int:
    from wuyu.returns.bounces import take_bounces

    station = station_from(arguments)
    with opened_mailbox(arguments) as mailbox:
        taken = take_bounces(station, mailbox, now=time_now())
    if arguments.json:
        say_json([vars(one) for one in taken])
        return 0
    for one in taken:
        instead = f"told instead: {one.told_instead}" if one.told_instead else ""
        say(f"{one.outcome} {one.status} {one.recipient} {instead}".rstrip())
    say(f"{len(taken)} new mails, {sum(one.task for one in taken)} tasks")
    return 0


def _tasks(arguments: argparse.Namespace) -> int:
    from wuyu.ledger.tasks import open_tasks, settle_task

    station = station_from(arguments)
    if arguments.action == "done":
        if arguments.task is None:
            raise ConfigError("say which task: wuyu tasks done ID --officer NAME")
        settle_task(station.ledger, arguments.task, officer=arguments.officer, now=time_now(), note=arguments.note)
        say(f"task {arguments.task}: settled")
        return 0
    tasks = open_tasks(station.ledger)
    if arguments.json:
        say_json([{"id": one.id, "at": one.at, "message_id": one.message_id, **one.detail} for one in tasks])
        return 0
    for one in tasks:
        about = " ".join(str(part) for part in (one.message_id or one.event_key, one.detail.get("recipient")) if part)
        say(f"{one.id} {one.at.astimezone(station.timezone):%m-%d %H:%M} {about}: {one.detail.get('task', '')}")
    say(f"{len(tasks)} open tasks")
    return 0


def _watch(arguments: argparse.Namespace) -> int:
    import time

    if arguments.every_min is None:
        return _look_once(arguments)
    while True:
        try:
            _look_once(arguments)
        except Exception as error:  # a look that breaks must not end the watch; the next one may see more
            say(f"the look broke: {type(error).__name__}: {error}")
        time.sleep(max(1.0, arguments.every_min * 60))


def _look_once(arguments: argparse.Namespace) -> int:
    """Look without opening the desk: neither broken settings or tables nor a slow terrain may silence the watcher."""
    from wuyu.ledger.places import ledger_of
    from wuyu.watch.last_good import clock_in_force, settings_in_force
    from wuyu.watch.space import look_at_room
    from wuyu.watch.watcher import WatchLook, airflow_problem, last_check, look, tell, write_alarm

    out = Path(arguments.out)
    settings, wrong = settings_in_force(arguments.district, out)
    clock, wrong_clock = clock_in_force(settings)
    now, wrong = clock.now(), wrong_clock + wrong
    if settings is None:
        report = WatchLook(problems=wrong, unsent=["alarm: no settings could ever be read, so nobody is known"])
        write_alarm(report, out, now)
        _say_report(report, as_json=arguments.json)
        return 1
    limits: dict[str, Any] = {}
    if arguments.max_age_min is not None:
        limits["max_age_min"] = arguments.max_age_min
    if arguments.to:
        limits["mailboxes"] = tuple(arguments.to)
    settings = settings.model_copy(update={"watch": settings.watch.model_copy(update=limits)})
    report = look(settings, ledger_of(out), now=now, checked_at=last_check(out))
    report.problems[:0] = wrong
    scarce, room = look_at_room(out, ledger_of(out), settings.watch, now=now)
    report.problems += scarce
    report.facts += room
    sick = airflow_problem(arguments.health_url) if arguments.health_url else None
    if sick is not None:
        report.problems.append(sick)
    with contextlib.ExitStack() as stack:
        try:
            post: Post = stack.enter_context(transport_from(arguments)).send
        except ConfigError as error:
            post = partial(_no_way, str(error))
        tell(settings, report, out, root=Path(arguments.district), post=post, now=now, clock=clock)
    _say_report(report, as_json=arguments.json)
    return 1 if report.problems or report.unsent else 0


def _no_way(why: str, *_mail: object) -> Outcome:
    """Take no mail, and say why."""
    from wuyu.delivery.smtp import Outcome, SmtpStage
    from wuyu.ledger.types import OutboxState

    return Outcome(state=OutboxState.RETRY, stage=SmtpStage.CONNECT, code=None, text=why)


def _say_report(report: WatchLook, *, as_json: bool) -> None:
    if as_json:
        problems = [{"kind": one.kind, "zh": one.zh, "en": one.en} for one in report.problems]
        say_json({"problems": problems, "facts": report.facts, "mails": report.mails, "unsent": report.unsent})
        return
    for one in report.problems:
        say(f"ALARM {one.kind}: {one.zh} / {one.en}")
    for line in report.unsent:
        say(f"NOT SENT {line}")
    say(f"{len(report.problems)} problems; sent: {', '.join(report.mails) or 'nothing'}")
