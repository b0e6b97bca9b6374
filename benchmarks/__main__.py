"""Run every `benchmarks/bench_*.py` and print one table of ratios.

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
from pathlib import Path  # noqa: E402

from benchmarks.rows import Row  # noqa: E402


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
        try:
            rows: list[Row] = []
            for row in importlib.import_module(f"benchmarks.bench_{name}").run():
                print(f"{name}: {'  '.join(filter(None, _cells(row)))}", file=sys.stderr, flush=True)
                rows.append(row)
        except Exception as error:  # one broken benchmark must not hide the others
            print(f"{name}: broke: {type(error).__name__}: {error}", file=sys.stderr)
            status = 1
            continue
        print(_table(name, rows), flush=True)
    return status


def _table(name: str, rows: list[Row]) -> str:
    head = (name, "ours", "peer", "peer's", "ratio", "target", "", "note")
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    text.insert(1, "-" * max(map(len, text)))
    return "\n".join(text) + "\n"


def _cells(row: Row) -> tuple[str, ...]:
    target = ""
    if row.target is not None:
        target = f"<= {row.target:g} s" if row.ratio is None else f">= {row.target:g}x"
    verdict = {True: "met", False: "MISSED", None: ""}[row.reached]
    peer_time = "" if row.peer_s is None else _time(row.peer_s)
    ratio = "" if row.ratio is None else f"{row.ratio:.3g}x"
    return row.job, _time(row.ours_s), row.peer, peer_time, ratio, target, verdict, row.note


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


if __name__ == "__main__":
    sys.exit(main())
