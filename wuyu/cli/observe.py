"""The verb that takes down what somebody saw at a place."""

from __future__ import annotations

import argparse
from typing import Any

from wuyu.cli.common import add_place, add_verb, open_from, say, say_json

__all__ = ["add_verbs"]

_WORDS = ("flooded", "dry", "cannot-see")


def add_verbs(verbs: Any) -> None:
    """Add the verbs of this family."""
    text = "take down what was seen at places: it counts in the next cycle; without a place, say what is known of now"
    parser = add_place(add_verb(verbs, "observe", _observe, text))
    parser.add_argument("places", nargs="*", metavar="HOTSPOT", help="ids of the places")
    parser.add_argument("--town", metavar="CODE", help="all places of a town where water stands or was not checked")
    parser.add_argument("--seen", choices=_WORDS, help="what was seen")
    parser.add_argument("--depth-m", type=float, metavar="M", help="depth of the water, if somebody measured it")
    parser.add_argument("--by", default="", metavar="NAME", help="who saw it")
    parser.add_argument("--source", default="field", help="field (default), town, call, camera, pump_log, gate_log")
    parser.add_argument("--at", metavar="TIME", help="when it was seen, local or with offset; default: now")
    parser.add_argument("--remark", default="", metavar="TEXT")


def _observe(arguments: argparse.Namespace) -> int:
    import pandas as pd

    from risk_models.errors import ConfigError
    from risk_models.observation import Now
    from risk_models.risk import read_risk
    from wuyu.clock import parse_time, time_now
    from wuyu.observing import enter

    desk = open_from(arguments)
    last = desk.ledger.last_cycle(desk.code)
    path = None if last is None else desk.out / last.risk_paths["parquet"]
    table = read_risk(path) if path is not None and path.is_file() else None
    if not arguments.seen:
        return _show(table, arguments)
    places = list(arguments.places)
    if arguments.town:
        if table is None:
            raise ConfigError("no cycle has been run: name the places themselves")
        mine = table[table["town_code"] == arguments.town]
        places += [str(name) for name, state in mine["now"].items() if Now(state).keeps_open]
    if not places:
        raise ConfigError("no place: name some, or a town where water stands or was not checked")
    known = {str(name) for name in desk.district.hotspots.index}
    at = parse_time(arguments.at, desk.timezone) if arguments.at else None
    now = time_now()
    entered = enter(
        desk, places, known=known, seen=arguments.seen.replace("-", "_"), by=arguments.by, now=now,
        source=arguments.source, seen_at=at, depth_m=arguments.depth_m, remark=arguments.remark,
    )  # fmt: skip
    if arguments.json:
        say_json({"places": places, "seen": arguments.seen, "entries": entered, "entered_at": pd.Timestamp(now)})
        return 0
    say(f"{len(entered)} place{'s' if len(entered) > 1 else ''}: {arguments.seen}, by {arguments.by}")
    say("it counts in the next cycle; `wuyu cycle` runs one now")
    return 0


def _show(table: Any, arguments: argparse.Namespace) -> int:
    """Say where water stands, or was not checked, after the last cycle."""
    from risk_models.observation import Now

    if table is None:
        say("no cycle has been run: nothing is known of now")
        return 0
    chosen = table if not arguments.places else table[table.index.isin(arguments.places)]
    chosen = chosen if not arguments.town else chosen[chosen["town_code"] == arguments.town]
    if not arguments.places:
        chosen = chosen[[Now(state).keeps_open for state in chosen["now"]]]
    columns = ["hotspot_name", "town_code", "now", "now_since", "now_seen_at", "now_by", "observed_depth_m"]
    rows = chosen[columns].reset_index().to_dict("records")
    if arguments.json:
        say_json({"valid_at": table.attrs["valid_at"], "places": rows})
        return 0
    say(f"{table.attrs['valid_at']}: {len(rows)} places")
    for row in rows:
        since = "" if row["now_since"] != row["now_since"] else f" since {row['now_since']:%Y-%m-%d %H:%M}Z"
        by = f", seen by {row['now_by']}" if row["now_by"] else ", modelled"
        say(f"  {row['hotspot_id']} {row['hotspot_name']}: {Now(row['now']).zh} {Now(row['now']).en}{since}{by}")
    return 0
