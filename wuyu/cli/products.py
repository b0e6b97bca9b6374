"""The verbs that write products: rehearse, map."""

from __future__ import annotations

import argparse
from typing import Any

from wuyu.cli.common import add_place, add_verb, open_from, say, say_json

__all__ = ["add_verbs"]


def add_verbs(verbs: Any) -> None:
    """Add the verbs of this family."""
    add_place(add_verb(verbs, "rehearse", _rehearse, "run design storms through the ponding model: table and map"))
    add_place(add_verb(verbs, "map", _map, "write the one-map page and the story page from the ledger"))


def _written(paths: list[str], *, as_json: bool) -> int:
    if as_json:
        say_json(paths)
    for path in [] if as_json else paths:
        say(path)
    return 0


def _rehearse(arguments: argparse.Namespace) -> int:
    from wuyu.products import write_rehearsal

    return _written([str(path) for path in write_rehearsal(open_from(arguments)).values()], as_json=arguments.json)


def _map(arguments: argparse.Namespace) -> int:
    from wuyu.products import write_onemap_page, write_story_page

    desk = open_from(arguments)
    return _written([str(write_onemap_page(desk)), str(write_story_page(desk))], as_json=arguments.json)
