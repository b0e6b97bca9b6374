"""The verb of retention: what would go, and let it go."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from wuyu.cli.common import add_place, add_verb, say, say_json, station_from
from wuyu.clock import wall_clock

if TYPE_CHECKING:
    from wuyu.retention.plan import Item, Plan
    from wuyu.retention.removing import Removed

__all__ = ["add_verbs"]


def add_verbs(verbs: Any) -> None:
    """Add the verb."""
    parser = add_place(
        add_verb(verbs, "retention", _retention, "list what is kept no longer (as the district says), or remove it")
    )
    parser.add_argument("action", nargs="?", choices=("list", "apply"), default="list")
    parser.add_argument("--names", action="store_true", help="list every name")
    parser.add_argument("--airflow", action="store_true", help="clean Airflow's own tables and log files too")
    parser.add_argument("--after-a-gap", action="store_true", help="remove although nothing came in for long")


def _retention(arguments: argparse.Namespace) -> int:
    from wuyu.progress import progress
    from wuyu.retention.plan import plan_of
    from wuyu.retention.removing import apply_retention

    station, now = station_from(arguments), wall_clock()
    if arguments.action == "list":
        _say_plan(plan_of(station, now=now), arguments)
    else:
        with progress("retention") as tell:
            _say_removed(
                apply_retention(station, now=now, after_a_gap=arguments.after_a_gap, tell=tell), as_json=arguments.json
            )
    if arguments.airflow:
        return _airflow(station.settings.retention.airflow_days, dry=arguments.action == "list")
    return 0


def _airflow(days: int | None, *, dry: bool) -> int:
    import os

    from wuyu.retention.airflow import clean_airflow

    if days is None:
        say("airflow: kept for ever")
        return 0
    say(clean_airflow(os.environ, days=days, now=wall_clock(), dry=dry))
    return 0


def _say_plan(plan: Plan, arguments: argparse.Namespace) -> None:
    if arguments.json:
        items = [{**vars(item), "kind": str(item.kind)} for item in plan.items]
        counts = {"held": _plain(plan.held), "unknown": _plain(plan.unknown)}
        say_json({"items": items, **counts})
        return
    for kind in sorted({item.kind for item in plan.items}):
        some = plan.of(kind)
        oldest = min(item.since for item in some)
        say(f"{kind:9} {len(some):7} {_size(some):>10}, the oldest of {oldest:%Y-%m-%d} ({some[0].rule})")
        for item in some if arguments.names else ():
            say(f"    {item.name}")
    for kind, count in sorted(plan.held.items()):
        say(f"{kind:9} {count:7} stay: a bulletin, a warning, a message or a report stands on them")
    for kind, count in sorted(plan.unknown.items()):
        say(f"{kind:9} {count:7} are left alone: the ledger does not know them")
    say(f"{len(plan.items)} would go, {_size(plan.items)}; nothing was removed. Remove with: wuyu retention apply")


def _say_removed(done: Removed, *, as_json: bool) -> None:
    if as_json:
        say_json({"removed": done.counts, "bytes": done.sizes, "kept": done.kept})
        return
    for kind, count in sorted(done.counts.items()):
        say(f"{kind:9} {count:7} removed, {_mb(done.sizes[kind])}")
    say(f"{sum(done.counts.values())} removed, {_mb(sum(done.sizes.values()))}; {done.kept} changed meanwhile and stay")


def _plain(counts: dict[Any, int]) -> dict[str, int]:
    return {str(kind): count for kind, count in counts.items()}


def _size(items: list[Item]) -> str:
    return _mb(sum(item.size_bytes for item in items))


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"
