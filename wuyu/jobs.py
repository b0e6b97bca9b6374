"""The pieces of work that a DAG task and a command-line verb share; arguments and answers are plain types."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from wuyu.clock import time_now, wall_clock
from wuyu.service import desk_from_environment, station_from_environment, transport_from_environment

if TYPE_CHECKING:
    from risk_models.outlook.periods import Edition, Kind

__all__ = [
    "clean_airflow",
    "deliver_by",
    "delivery_ways",
    "draft_for_consultation",
    "due_reports",
    "learn_if_due",
    "prepare_replay",
    "read_bounces",
    "read_replies",
    "rehearse",
    "remove_old",
    "replay_block",
    "report_month",
    "require_delivery",
    "send_due_brief",
    "settle_learning",
    "settle_report",
    "write_products",
]

UNTRIED_MIN = 5
"""Time after which a message that nobody tried is not late but forgotten [min]."""


def prepare_replay(start: str, end: str, *, blocks: int) -> list[list[str]]:
    """Open the desk, take over the feeds, and cut the hours of a replay into blocks.

    Parameters
    ----------
    start, end : str
        First and last hour; local time of the district unless an offset is given.
    blocks : int
        Number of blocks; the last ones may be empty.

    Returns
    -------
    list of list of str
        Hours in UTC, ISO 8601.
    """
    from wuyu.clock import parse_hour
    from wuyu.progress import progress
    from wuyu.rain import pull_feeds
    from wuyu.replay import hours

    desk = desk_from_environment()
    with progress("feeds") as tell:
        results = pull_feeds(desk, now=time_now())
        tell(1.0, ", ".join(f"{result.feed_id}: {len(result.accepted)} new files" for result in results))
    times = [time.isoformat() for time in hours(parse_hour(start, desk.timezone), parse_hour(end, desk.timezone))]
    size = -(-len(times) // blocks)
    return [times[number * size : (number + 1) * size] for number in range(blocks)]


def replay_block(hours: list[str]) -> int:
    """Replay some hours and deliver their mail; returns the number of mails accepted.

    Parameters
    ----------
    hours : list of str
        In order, UTC, ISO 8601.
    """
    from wuyu.progress import progress
    from wuyu.replay import replay

    times = [datetime.fromisoformat(hour).astimezone(UTC) for hour in hours]
    with transport_from_environment() as transport, progress("replay") as tell:
        done = replay(desk_from_environment(), times, transport=transport, clock=wall_clock, tell=tell)
        for name, why in done.given_up.items():
            tell(1.0, f"{name} was given up: {why}")
        return done.mails_sent


def rehearse() -> str:
    """Run the design storms; returns the path of the table."""
    from wuyu.products import write_rehearsal

    desk = desk_from_environment()
    return desk.relative(write_rehearsal(desk)["csv"])


def report_month(month: str) -> list[str]:
    """Write the report of a month, issued in an exercise and a draft in earnest; returns the paths."""
    from wuyu.reporting import write_report

    desk = desk_from_environment()
    return [desk.relative(path) for path in write_report(desk, "month", month, now=time_now()).paths]


def due_reports(kind: Kind, edition: Edition, key: str = "") -> list[str]:
    """Return the keys of the reports to be drafted: the one that is named, else those the calendar asks for."""
    from wuyu.reporting import lapse_consultations, note_missed_reports, reports_due

    if key:
        return [key]
    desk, now = desk_from_environment(), time_now()
    lapse_consultations(desk, now=now)
    note_missed_reports(desk, now=now)
    return reports_due(desk, kind, edition, now=now)


def draft_for_consultation(kind: Kind, key: str, edition: Edition) -> dict[str, Any] | None:
    """Draft a report and open its consultation; returns what its chair is shown.

    Parameters
    ----------
    kind, key, edition
        As `wuyu report` takes them.

    Returns
    -------
    dict or None
        ``draft``, ``subject``, ``body``, ``timeout_s``; None if it was issued before from the same inputs.
    """
    from wuyu.reporting import draft_report, open_consultation, scope_for

    desk = desk_from_environment()
    scope = scope_for(desk, kind, key, edition)
    if draft_report(desk, scope, now=time_now()).state == "unchanged":
        return None
    opened = open_consultation(desk, scope, now=time_now())
    shown = {"draft": opened.draft, "subject": opened.subject, "body": opened.body}
    return shown | {"timeout_s": opened.timeout_s}


def settle_report(
    kind: Kind, key: str, edition: Edition, *, draft: int, answer: dict[str, Any], mail: bool
) -> list[str]:
    """Do what the chair answered; returns the paths of what was issued, none if nothing was.

    Parameters
    ----------
    kind, key, edition
        As `wuyu report` takes them.
    draft : int
        Number of the draft that was shown.
    answer : dict
        As Airflow's human-in-the-loop operator gives it.
    mail : bool
        True to send what is issued to towns and departments.
    """
    from wuyu.reporting import answer_consultation, scope_for

    desk = desk_from_environment()
    scope = scope_for(desk, kind, key, edition)
    made = answer_consultation(desk, scope, draft=draft, answer=answer, now=time_now(), mail=mail)
    return [] if made is None else [desk.relative(path) for path in made.paths]


def learn_if_due() -> dict[str, str]:
    """Learn a chance of floods if there is a reason to; returns what a person is shown, or why nobody is asked.

    Returns
    -------
    dict of str to str
        ``folder``, ``subject``, ``body`` of a model that may serve; else ``why`` alone.
    """
    from risk_models.errors import BadInputError
    from wuyu.learning import learn, learning_due

    desk, now = desk_from_environment(), time_now()
    reason = learning_due(desk, now=now)
    if reason is None:
        return {"why": "learned within the year, and no storm since is over"}
    try:
        learned = learn(desk, now=now)
    except BadInputError as error:
        return {"why": str(error.findings[0])}
    if learned.lesson.refused:
        return {"why": str(learned.lesson.refused[0])}
    card = (learned.folder / "card.md").read_text(encoding="utf-8")
    return {"folder": learned.folder.name, "subject": f"新的学习模型 new learned model ({reason})", "body": card}


def settle_learning(folder: str, answer: dict[str, Any]) -> str:
    """Do what a person answered; returns what was done.

    Parameters
    ----------
    folder : str
        As `learn_if_due` gave it.
    answer : dict
        As Airflow's human-in-the-loop operator gives it.
    """
    from wuyu.learning import settle_answer

    return settle_answer(desk_from_environment(), folder, answer, now=time_now())


def write_products(month: str) -> list[str]:
    """Write what follows a replay: report of a month, rehearsal, one-map page, and the story, which links them.

    The report, the longest of them, is written beside the others where there is a second core.

    Returns
    -------
    list of str
        Paths of rehearsal, map and story.
    """
    from wuyu.beside import beside
    from wuyu.products import write_onemap_page, write_story_page

    desk = desk_from_environment()
    desk.ledger.close()  # a connection must not be shared by two processes; each opens its own
    with beside(lambda: report_month(month)) as reported:
        paths = [rehearse(), desk.relative(write_onemap_page(desk))]
        if not reported():
            report_month(month)
    return [*paths, desk.relative(write_story_page(desk))]


def delivery_ways() -> list[str]:
    """Return the names of the ways out that have something due."""
    from wuyu.delivery.dispatch import ways
    from wuyu.ledger.outbox import due_ids

    station, now, wall = station_from_environment(), time_now(), wall_clock()
    names = list(ways(station, transport_from_environment, clock=wall_clock))
    return [name for name in names if due_ids(station.ledger, channel=name, now=now, wall=wall)]


def require_delivery() -> None:
    """Raise if messages are due that no relay has even tried: then the DAG `delivery` does not do its work.

    Raises
    ------
    DispatchError
        Says by which ways, since when, and what to look at.
    """
    from risk_models.errors import DispatchError
    from wuyu.ledger.outbox import untried

    station, now = station_from_environment(), time_now()
    waiting = untried(station.ledger, due_before=now - timedelta(minutes=UNTRIED_MIN), now=now)
    if not waiting:
        return
    ways = "; ".join(
        f"{way}: {count} since {since.astimezone(station.timezone):%m-%d %H:%M}" for way, count, since in waiting
    )
    raise DispatchError(
        f"messages are due and no relay has tried them ({ways}): is the DAG 'delivery' switched on, and does Airflow "
        "have its pool 'live_delivery'? `wuyu service check` says so, `wuyu service init` makes it"
    )


def deliver_by(way: str) -> dict[str, int]:
    """Hand over what is due by one way; returns messages per state.

    Parameters
    ----------
    way : str
        From `delivery_ways`.

    Raises
    ------
    DispatchError
        If the other side is away; what is left stays due.
    """
    from risk_models.errors import DispatchError
    from wuyu.delivery.dispatch import dispatch, ways

    station = station_from_environment()
    opener = ways(station, transport_from_environment, clock=wall_clock)[way]
    report = dispatch(station.ledger, way, opener, clock=wall_clock, now=time_now())
    if report.stopped:
        raise DispatchError(report.stopped)
    return report.counts


def read_bounces() -> dict[str, int] | None:
    """Take what came back into the return box; returns mails and tasks raised, None if no box is named."""
    from wuyu.returns.bounces import take_bounces
    from wuyu.returns.mailboxes import has_mailbox, mailbox_from_environment

    if not has_mailbox("BOUNCE"):
        return None
    with mailbox_from_environment("BOUNCE") as box:
        taken = take_bounces(station_from_environment(), box, now=time_now())
    return {"mails": len(taken), "tasks": sum(one.task for one in taken)}


def read_replies() -> dict[str, int] | None:
    """Take the answers that came by mail; returns mails by outcome and tasks raised, None if no box is named."""
    from wuyu.returns.mailboxes import has_mailbox, mailbox_from_environment
    from wuyu.returns.replies import count_by_outcome, take_replies

    if not has_mailbox("REPLY"):
        return None
    with mailbox_from_environment("REPLY") as box:
        taken = take_replies(station_from_environment(), box, now=time_now())
    return count_by_outcome(taken) | {"tasks": sum(one.task for one in taken)}


def send_due_brief(*, officer: str = "") -> int:
    """Queue the district brief of this hour, if it is due, has not gone out, and a warning is in force.

    The district is opened only then: this is asked every few minutes.

    Parameters
    ----------
    officer : str
        Who puts a name to it, where the district asks for one.

    Returns
    -------
    int
        Messages queued.
    """
    from wuyu.issuing.brief_due import BRIEF_QUEUED, due_slot, in_force, is_noted, number_of

    station, now = station_from_environment(), time_now()
    slot = due_slot(station.settings.brief.hours, station.timezone, now)
    if slot is None or not in_force(station, now):
        return 0
    with station.ledger.reading() as session:
        if is_noted(session, BRIEF_QUEUED, number_of(station.code, slot)):
            return 0
    from wuyu.issuing.brief import send_brief

    return len(send_brief(desk_from_environment(), slot, now=now, officer=officer))


def remove_old() -> dict[str, int] | None:
    """Remove what the district keeps no longer; returns how many things of each kind, None if another run does it."""
    from wuyu.retention.removing import RetentionBusyError, apply_retention

    try:
        return apply_retention(station_from_environment(), now=wall_clock()).counts
    except RetentionBusyError:
        return None


def clean_airflow() -> str | None:
    """Clean Airflow's own tables and log files; returns what was done, None if the district keeps them for ever."""
    import os

    from wuyu.retention import airflow

    days = station_from_environment().settings.retention.airflow_days
    return None if days is None else airflow.clean_airflow(os.environ, days=days, now=wall_clock())
