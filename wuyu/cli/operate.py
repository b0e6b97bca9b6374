"""The verbs of the duty desk: feeds, score, cycle, replay, plan."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import TYPE_CHECKING, Any

from wuyu.cli.common import add_place, add_verb, open_from, say, say_json, station_from
from wuyu.clock import newest_mark, parse_hour, parse_mark, time_now, wall_clock

if TYPE_CHECKING:
    from wuyu.cycle import CycleResult
    from wuyu.delivery.smtp import SmtpTransport
    from wuyu.station import Station

__all__ = ["add_smtp", "add_verbs", "transport_from"]


def add_verbs(verbs: Any) -> None:
    """Add the verbs of this family."""
    feeds = verbs.add_parser("feeds", help="take over feed files, or show how the feeds stand").add_subparsers(
        dest="feeds_verb", required=True, metavar="VERB"
    )
    _timed(add_verb(feeds, "pull", _feeds_pull, "take over what is new in every feed"))
    _timed(add_verb(feeds, "status", _feeds_status, "show the newest file of each feed and its age"))
    take = add_place(add_verb(feeds, "accept", _feeds_accept, "take a refused file after all; without one, list them"))
    take.add_argument("sha256", nargs="?", help="its sha256, or the first 8 digits or more")
    take.add_argument("--officer", help="name of the officer who answers for it")
    _timed(add_verb(verbs, "score", _score, "score the hotspots at one time; decide nothing"))
    _timed(add_verb(verbs, "cycle", _cycle, "run one warning cycle: score, decide, write bulletins, fill the outbox"))
    _timed(add_verb(verbs, "plan", _plan, "propose plan, shelter and teams for every warned hotspot of one cycle"))
    replay = add_place(add_verb(verbs, "replay", _replay, "replay past hours as an exercise; resumes where it stopped"))
    replay.add_argument("--from", dest="start", required=True, metavar="TIME", help="first hour, local or with offset")
    replay.add_argument("--to", dest="end", required=True, metavar="TIME", help="last hour")
    add_smtp(replay)


def _timed(parser: argparse.ArgumentParser) -> None:
    add_place(parser)
    parser.add_argument("--at", metavar="TIME", help="time, local or with offset, a multiple of 5 min (default: now)")


def add_smtp(parser: argparse.ArgumentParser) -> None:
    """Add where the mail server is. A password comes from the environment only (WUYU_SMTP_PASSWORD)."""
    parser.add_argument("--smtp-host", default="127.0.0.1")
    parser.add_argument("--smtp-port", type=int, default=25)
    parser.add_argument("--smtp-user", default="")
    parser.add_argument("--smtp-starttls", action="store_true")


def transport_from(arguments: argparse.Namespace) -> SmtpTransport:
    """Return the way out that `add_smtp` described."""
    import os

    from wuyu.delivery.smtp import SmtpSettings, SmtpTransport

    return SmtpTransport(
        SmtpSettings(
            host=arguments.smtp_host,
            port=arguments.smtp_port,
            starttls=arguments.smtp_starttls,
            username=arguments.smtp_user,
            password=os.environ.get("WUYU_SMTP_PASSWORD", ""),
        )
    )


def _mark(arguments: argparse.Namespace, station: Station) -> datetime:
    """Return the time of the cycle that is meant: the one named, else the newest of live service."""
    if arguments.at is None:
        return newest_mark(time_now(), station.settings.cycle_step_min)
    return parse_mark(arguments.at, station.timezone)


def _feeds_pull(arguments: argparse.Namespace) -> int:
    from wuyu.rain import pull_feeds

    desk = open_from(arguments)
    results = pull_feeds(desk, now=time_now())
    rows = [
        {
            "feed": result.feed_id,
            "accepted": len(result.accepted),
            "rejected": len(result.rejected),
            "repeated": len(result.repeated),
            "error": result.error,
        }
        for result in results
    ]
    if arguments.json:
        say_json(rows)
    for row in [] if arguments.json else rows:
        say("{feed}: {accepted} accepted, {rejected} rejected, {repeated} seen before {error}".format(**row).rstrip())
    return 1 if any(row["error"] or row["rejected"] for row in rows) else 0


def _feeds_status(arguments: argparse.Namespace) -> int:
    from dataclasses import asdict

    from wuyu.feeds.status import feed_lines, status

    station = station_from(arguments)
    rows = status(station.ledger, _mark(arguments, station))
    if arguments.json:
        say_json([asdict(row) for row in rows])
    for row, line in [] if arguments.json else zip(rows, feed_lines(rows), strict=True):
        say(line.en)
        say(f"  last file {row.last_file or '-'}, last value {row.last_value_at or '-'}, pulled {row.pulled_at or '-'}")
        for problem in filter(None, (row.refused, row.error)):
            say(f"  {problem}")
    return 0 if all(row.state in ("fresh", "ahead") and not row.consecutive_failures for row in rows) else 1


def _feeds_accept(arguments: argparse.Namespace) -> int:
    from risk_models.errors import ConfigError
    from wuyu.feeds.accept import accept_file, refused_file, refused_files

    if arguments.sha256 is None:
        for file in refused_files(station_from(arguments).ledger):
            say(f"{file.sha256[:12]} {file.feed_id} {file.name} came {file.arrived_at}: {file.error}")
        return 0
    if not arguments.officer:
        raise ConfigError("name the officer who answers for it: --officer NAME")
    from wuyu.rain.pulling import check_of, feed_of

    desk = open_from(arguments)
    file = refused_file(desk.ledger, arguments.sha256)
    check = check_of(desk, feed_of(desk, file.feed_id))
    accept_file(desk.ledger, file, officer=arguments.officer, now=time_now(), raw_dir=desk.raw_dir, check=check)
    say(f"{file.name}: taken into use in the name of {arguments.officer}; refused before for: {file.error}")
    return 0


def _score(arguments: argparse.Namespace) -> int:
    from risk_models.levels import Level
    from risk_models.risk import write_geojson
    from wuyu.cycle import assess, time_of_service
    from wuyu.rain import pull_feeds

    desk = open_from(arguments)
    pull_feeds(desk, now=time_now())
    at = _mark(arguments, desk)
    table, paths, _ = assess(desk, at, now=time_of_service(at))
    paths |= {"geojson": desk.relative(write_geojson(table, (desk.out / paths["parquet"]).with_suffix(".geojson")))}
    worst = table.sort_values("score", ascending=False).head(10)
    if arguments.json:
        say_json(
            {"paths": paths, "worst": worst.drop(columns=["geometry", "reasons"]).reset_index().to_dict("records")}
        )
        return 0
    for hotspot_id, row in worst.iterrows():
        say(
            f"{hotspot_id} {Level(int(row['level']))!s:8} {row['score']:5.1f} {row['hotspot_name']}: {row['reason_zh']}"
        )
    say(f"risk table: {desk.out / paths['parquet']}")
    return 0


def _cycle(arguments: argparse.Namespace) -> int:
    from wuyu.cycle import run_cycle, time_of_service
    from wuyu.rain import pull_feeds

    desk = open_from(arguments)
    pull_feeds(desk, now=time_now())
    at = _mark(arguments, desk)
    _tell(run_cycle(desk, at, now=time_of_service(at)), as_json=arguments.json)
    return 0


def _tell(result: CycleResult, *, as_json: bool) -> None:
    from risk_models.warning.states import record_to_dict

    if as_json:
        records = [record_to_dict(record) for record in result.records]
        say_json({"valid_at": result.valid_at, "counts": result.counts, "records": records, "waiting": result.waiting})
        return
    say(f"{result.valid_at:%Y-%m-%d %H:%M} UTC: " + ", ".join(f"{name} {n}" for name, n in result.counts.items()))
    for record in result.records:
        if record.action.is_mailed:
            waits = " (waits for an officer: wuyu approve)" if record.message_id in result.waiting else ""
            say(f"  {record.action} {record.level} {record.area_code} {record.message_id}{waits}")


def _plan(arguments: argparse.Namespace) -> int:
    from reports.words import phased, plan_state_text
    from risk_models.plan import propose_actions, steps_of
    from wuyu.cycle import assess, time_of_service

    desk = open_from(arguments)
    at = _mark(arguments, desk)
    actions = propose_actions(desk.district, assess(desk, at, now=time_of_service(at))[0])
    if arguments.json:
        say_json(actions.reset_index().to_dict("records"))
        return 0
    for hotspot_id, row in actions.iterrows():
        steps = phased(steps_of(row["actions_zh"], row["actions_en"], row["action_phases"]), "zh")
        state = plan_state_text(row["plan_state"], row["plan_trigger"]).zh
        say(f"{hotspot_id} [{state}] {row['plan_title']}: {'。'.join(steps)}")
        say(f"    {row['team_names']} ({row['team_people']}人)；{row['shelter_name']}；{row['shortfall_zh']}")
    say(f"{len(actions)} hotspots")
    return 0


def _replay(arguments: argparse.Namespace) -> int:
    from wuyu.progress import progress
    from wuyu.rain import pull_feeds
    from wuyu.replay import hours, replay

    desk = open_from(arguments, begin=True)
    pull_feeds(desk, now=time_now())
    times = hours(parse_hour(arguments.start, desk.timezone), parse_hour(arguments.end, desk.timezone))
    with transport_from(arguments) as transport, progress("replay") as tell:
        result = replay(desk, times, transport=transport, clock=wall_clock, tell=tell)
    if arguments.json:
        facts = {"cycles": len(result.cycles), "sent": result.mails_sent, "sent_by_channels": result.others_sent}
        say_json({**facts, "given_up": result.given_up, "outbox": desk.ledger.outbox_counts()})
        return 1 if result.given_up else 0
    sent = f"{result.mails_sent} mails and {result.others_sent} messages of other channels accepted"
    say(f"{len(result.cycles)} cycles, {sent}; outbox: {desk.ledger.outbox_counts()}")
    for name, why in result.given_up.items():
        say(f"{name} was given up: {why}")
    return 1 if result.given_up else 0
