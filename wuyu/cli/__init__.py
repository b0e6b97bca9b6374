"""The command line. Every verb calls the function that the DAG task of the same work calls.

Exit status: 0 done, 1 the work failed, 2 wrong use.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from risk_models.errors import ConfigError, FloodRiskError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; default: those of the process.

    Returns
    -------
    int
        Exit status.
    """
    # Each family of verbs brings its own heavy imports along only when one of its verbs runs.
    from wuyu.cli import ack, approval, delivery, district, operate, products, reports, service, verify

    parser = argparse.ArgumentParser(
        prog="wuyu",
        description="五预 flood-risk early warning for a city district: score hotspots, warn towns, report risk.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for family in (district, operate, approval, delivery, products, reports, service, ack, verify):
        family.add_verbs(verbs)
    arguments = parser.parse_args(argv)
    try:
        status: int = arguments.run(arguments)
    except ConfigError as error:
        print(f"wuyu: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except FloodRiskError as error:
        print(f"wuyu: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except BrokenPipeError:  # the reader of our output has gone, e.g. `| head`
        sys.stdout = None
        return 1
    except KeyboardInterrupt:
        print("wuyu: stopped; run the same command again to take it up", file=sys.stderr)  # noqa: T201
        return 1
    return status
