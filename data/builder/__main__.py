"""Build the bundled district: ``python -m data.builder [--out DIR] [--only PART ...]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from data.builder.dem import build_terrain
from data.builder.dictionary import write_dictionary
from data.builder.district import build_tables, write_tables
from data.builder.ensemble import write_forecasts
from data.builder.population import write_population
from data.builder.rain_record import write_rain_record
from data.builder.rasters import build_land_cover, write_rasters
from data.builder.settings import DATA
from data.builder.sights import build_sights, write_sights
from data.builder.signals import write_signals
from data.builder.storm import write_storm


def _tables(out: Path) -> None:
    write_tables(build_tables(), out)


def _rasters(out: Path) -> None:
    built = build_tables()
    terrain = build_terrain(built)
    write_rasters(built, terrain, out)
    cover = build_land_cover(built, terrain)
    write_population(built.towns, built.tables["facilities"], cover, terrain, out)


def _storm(out: Path) -> None:
    built = build_tables()
    gauges = built.tables["gauges"]
    write_storm(gauges, out / "storm_2021")
    sights = build_sights(built.tables["hotspots"], built.tables["history"], built.towns)
    write_sights(sights, out / "storm_2021" / "observations.csv")
    write_signals(out / "storm_2021" / "signals.csv")
    write_forecasts(gauges, out / "storm_2021" / "ensemble")


def _record(out: Path) -> None:
    write_rain_record(out / "rain_record.nc")


PARTS: dict[str, Callable[[Path], None]] = {
    "tables": _tables,
    "rasters": _rasters,
    "storm": _storm,
    "record": _record,
    "dictionary": write_dictionary,
}


def main(arguments: list[str] | None = None) -> int:
    """Build the parts asked for and return the exit status.

    Parameters
    ----------
    arguments : list of str, optional
        Command line without the name of the program.

    Returns
    -------
    int
        0 when all was written.
    """
    parser = argparse.ArgumentParser(prog="python -m data.builder", description="Build the bundled district.")
    parser.add_argument("--out", type=Path, default=DATA / "erqi", help="district folder (default: %(default)s)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to build (default: all)")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for part in options.only:
        sys.stderr.write(f"building {part}\n")
        PARTS[part](options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
