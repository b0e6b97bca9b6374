"""Run every `benchmarks/bench_*.py` and print a row of each comparison as soon as it is done.

Names after the command choose modules: ``python -m benchmarks interpolation quality``.
"""

from __future__ import annotations

import os

# One thread, set before NumPy is loaded: ratios then do not depend on the number of cores.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse  # noqa: E402
import importlib  # noqa: E402
import platform  # noqa: E402
import sys  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from pathlib import Path  # noqa: E402

from benchmarks.rows import Row  # noqa: E402

WIDTHS = (62, 9, 24, 9, 7, 9, 6, 0)


def main(names: list[str] | None = None) -> int:
    """Run the chosen benchmarks; return 1 if one broke. A missed target is printed, not a failure."""
    found = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(found)}; all if none is given")
    chosen = parser.parse_args(names).names or found
    unknown = sorted(set(chosen) - set(found))
    if unknown:
        parser.error(f"no benchmark '{unknown[0]}'; there are: {', '.join(found)}")
    print(f"CPython {platform.python_version()}, {platform.machine()}, one thread")
    print("medians of processor time, unless a note says otherwise; ratio = peer / ours\n")
    status = 0
    for name in chosen:
        _print((name, "ours", "peer", "peer's", "ratio", "aim", "", "note"))
        try:
            for row in importlib.import_module(f"benchmarks.bench_{name}").run():
                _print(_cells(row))
        except Exception as error:  # one broken benchmark must not hide the others
            print(f"{name}: broke: {type(error).__name__}: {error}", file=sys.stderr)
            status = 1
        print(flush=True)
    return status


def _print(cells: Sequence[str]) -> None:
    """Print one row at once: a long benchmark shows how far it has come."""
    line = "  ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True))
    print(line.rstrip(), flush=True)


def _cells(row: Row) -> tuple[str, ...]:
    target = "" if row.most is None else f"<= {row.most:g}x"
    if row.target is not None:
        target = f"<= {row.target:g} s" if row.ratio is None else f">= {row.target:g}x"
    verdict = {True: "met", False: "MISSED", None: ""}[row.reached]
    peer_time = "" if row.peer_s is None else _amount(row.peer_s, row.unit)
    ratio = "" if row.ratio is None else f"{row.ratio:.3g}x"
    return row.job, _amount(row.ours_s, row.unit), row.peer, peer_time, ratio, target, verdict, row.note


def _amount(number: float, unit: str) -> str:
    if unit == "s" and number < 1:
        return f"{number * 1000:.3g} ms"
    return f"{number:.3g} {unit}"


if __name__ == "__main__":
    sys.exit(main())
