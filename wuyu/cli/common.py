"""Arguments and output that verbs share."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from wuyu.desk import Desk
    from wuyu.station import Station

AnyStation = TypeVar("AnyStation", bound="Station")

__all__ = ["add_place", "add_verb", "open_from", "say", "say_json", "station_from"]

DISTRICT_VARIABLE = "WUYU_DISTRICT"
OUT_VARIABLE = "WUYU_OUT"


def add_verb(verbs: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
    """Add a verb that calls `run(arguments) -> int`."""
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run)
    return parser


def add_place(parser: argparse.ArgumentParser, *, machine: bool = True) -> argparse.ArgumentParser:
    """Add --district, --out and, if a machine may read the answer, --json."""
    parser.add_argument(
        "--district", type=Path, default=os.environ.get(DISTRICT_VARIABLE, "data/erqi"), metavar="DIR",
        help=f"district folder (default: ${DISTRICT_VARIABLE} or data/erqi)",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, default=os.environ.get(OUT_VARIABLE, "out"), metavar="DIR",
        help=f"folder of the products and the ledger (default: ${OUT_VARIABLE} or out)",
    )  # fmt: skip
    if machine:
        parser.add_argument("--json", action="store_true", help="answer as JSON on standard output")
    return parser


def open_from(arguments: argparse.Namespace, *, begin: bool = False) -> Desk:
    """Open the desk that --district and --out name, showing progress; to begin one makes its ledger if need be."""
    from wuyu.desk import begin_desk, open_desk
    from wuyu.progress import progress

    with progress("district") as tell:
        desk = (begin_desk if begin else open_desk)(Path(arguments.district), Path(arguments.out), tell=tell)
    return _with_notice(desk)


def station_from(arguments: argparse.Namespace) -> Station:
    """Open settings and ledger of the desk that --district and --out name, and nothing else: it takes a moment."""
    from wuyu.station import open_station

    return _with_notice(open_station(Path(arguments.district), Path(arguments.out)))


def _with_notice(station: AnyStation) -> AnyStation:
    """Say to a person what is to be said of the register; standard output is for the answer alone."""
    if station.notice is not None:
        sys.stderr.write(f"wuyu: {station.notice.text.zh}\nwuyu: {station.notice.text.en}\n")
    return station


def say(text: str) -> None:
    """Write a line for a person to standard output."""
    sys.stdout.write(f"{text}\n")


def say_json(value: Any) -> None:
    """Write a value for a machine to standard output: strict JSON, unknown and infinite numbers as null."""
    sys.stdout.write(json.dumps(_strict(value), ensure_ascii=False, indent=2, default=str, allow_nan=False) + "\n")


def _strict(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
