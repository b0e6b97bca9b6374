"""The command line. Every verb calls the function that the DAG task of the same work calls.

Exit status: 0 done, 1 the work failed or the ledger cannot be used, 2 wrong use.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence

from risk_models.errors import ConfigError, FloodRiskError

__all__ = ["DEBUG_VARIABLE", "main"]

DEBUG_VARIABLE = "WUYU_DEBUG"
"""Environment variable that lets errors come with all they stand on."""

_COLLECT_AFTER = 50_000  # objects


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
    # A process of one verb makes some 200,000 objects that live as long as it does, most of them in its imports: at
    # Python's own threshold, of 700, looking through them again and again takes a tenth of its time.
    gc.set_threshold(_COLLECT_AFTER, 10, 10)
    # Each family of verbs brings its own heavy imports along only when one of its verbs runs.
    from wuyu.cli import (
        ack,
        approval,
        brief,
        command,
        delivery,
        district,
        drill,
        learn,
        observe,
        operate,
        products,
        reports,
        retention,
        service,
        signal,
        verify,
    )

    parser = argparse.ArgumentParser(
        prog="wuyu",
        description="五预 flood-risk early warning for a city district: score hotspots, warn towns, report risk.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    families = (
        district, operate, observe, signal, approval, brief, command, delivery, products, reports, service, drill, ack,
        verify, learn,
        retention,
    )  # fmt: skip
    for family in families:
        family.add_verbs(verbs)
    arguments = parser.parse_args(argv)
    if os.environ.get(DEBUG_VARIABLE):
        return int(arguments.run(arguments))
    return _run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    """Run a verb; whatever fails is told in a sentence, never as a traceback."""
    try:
        return int(arguments.run(arguments))
    except ConfigError as error:
        from wuyu.ledger.faults import LedgerError

        _say_error(error)
        return 1 if isinstance(error, LedgerError) else 2
    except FloodRiskError as error:
        _say_error(error)
        return 1
    except BrokenPipeError:  # the reader of our output has gone, e.g. `| head`
        sys.stdout = None
        return 1
    except KeyboardInterrupt:
        print("wuyu: stopped; run the same command again to take it up", file=sys.stderr)  # noqa: T201
        return 1
    except Exception as error:
        said = _explained(error)
        if said is None:
            raise
        _say_error(said)
        return 1


def _say_error(said: object) -> None:
    print(f"wuyu: {said}", file=sys.stderr)  # noqa: T201


def _explained(error: Exception) -> str | None:
    """Return what an error of a disk or a database means; None for a fault of the program itself."""
    from sqlalchemy.exc import DBAPIError

    from wuyu.ledger.faults import explain_os

    if isinstance(error, DBAPIError):
        said = (str(error.orig).splitlines() or [""])[0]
        return f"the database refused ({type(error.orig).__name__}: {said}); {DEBUG_VARIABLE}=1 shows where"
    return explain_os(error) if isinstance(error, OSError) else None
