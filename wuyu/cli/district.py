"""`wuyu district new|check|show|climatology|season`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from wuyu.cli.common import add_verb, say, say_json
from wuyu.clock import time_now

__all__ = ["add_verbs"]


def add_verbs(verbs: Any) -> None:
    """Add the verbs of this family."""
    family = verbs.add_parser(
        "district", help="make, check or show a district folder, or read its record of rain"
    ).add_subparsers(dest="district_verb", required=True, metavar="VERB")
    new = add_verb(family, "new", _new, "write a template folder to fill in")
    new.add_argument("directory", type=Path)
    new.add_argument("--code", required=True, help="administrative code, e.g. 410103")
    new.add_argument("--name-zh", required=True)
    new.add_argument("--name-en", required=True)
    new.add_argument("--crs", required=True, metavar="EPSG:NNNN", help="projected CRS in metres, e.g. EPSG:4547")
    check = add_verb(family, "check", _check, "list every problem with file, row and column")
    show = add_verb(family, "show", _show, "count what the district holds")
    limits = add_verb(family, "climatology", _climatology, "limits of hourly rain by month, from ten years of gauges")
    limits.add_argument("record", type=Path, help="gauge table of hours, or of shorter steps")
    limits.add_argument("--step-h", type=float, default=1.0, help="step of the table in hours (default 1)")
    season = add_verb(family, "season", _season, "row of seasonal_forecasts from a seasonal ensemble (SEAS5 and peers)")
    season.add_argument("forecast", type=Path, help="NetCDF of monthly rain of all members")
    season.add_argument("hindcast", type=Path, help="the same of past years, ten or more")
    season.add_argument("--months", type=int, nargs="+", required=True, help="lead months; 1 is that of the start")
    season.add_argument("--source", default="SEAS5", help="who made it (default SEAS5)")
    for parser in (check, show, limits, season):
        parser.add_argument("directory", type=Path, nargs="?", default=Path("data/erqi"))
    for parser in (check, show):
        parser.add_argument("--json", action="store_true", help="answer as JSON on standard output")


def _new(arguments: argparse.Namespace) -> int:
    from risk_models.district import new_district

    new_district(
        arguments.directory,
        code=arguments.code,
        name_zh=arguments.name_zh,
        name_en=arguments.name_en,
        projected_crs=arguments.crs,
    )
    say(f"{arguments.directory}: template written. Fill in the tables, then: wuyu district check {arguments.directory}")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from risk_models.district import check_district

    findings = check_district(arguments.directory, now=time_now())
    errors = sum(finding.severity == "error" for finding in findings)
    if arguments.json:
        say_json([finding.to_dict() for finding in findings])
    else:
        for finding in findings:
            say(f"{finding.severity}: {finding}")
        say(f"{arguments.directory}: {errors} errors, {len(findings) - errors} warnings")
    return 1 if errors else 0


def _show(arguments: argparse.Namespace) -> int:
    from risk_models.district import district_summary, load_district

    facts = district_summary(load_district(arguments.directory))
    if arguments.json:
        say_json(facts)
    else:
        for key, value in facts.items():
            say(f"{key:20} {value}")
    return 0


def _climatology(arguments: argparse.Namespace) -> int:
    from risk_models.district import load_district
    from wuyu.rain.climate import monthly_limits

    limits = monthly_limits(load_district(arguments.directory), arguments.record, step_h=arguments.step_h)
    say("quality:")
    for name, table in (("monthly_max_mm", limits.max_mm), ("monthly_dry_h", limits.dry_h)):
        if any(table):
            say(f"  {name}: [{', '.join('null' if limit is None else f'{limit:g}' for limit in table)}]")
    say(f"  source: {arguments.record.name}")
    return 0


def _season(arguments: argparse.Namespace) -> int:
    import geopandas as gpd

    from risk_models.district import load_district
    from risk_models.outlook.seasonal import COLUMNS
    from risk_models.outlook.seasonal_netcdf import read_seasonal

    spots = load_district(arguments.directory).hotspots.geometry
    middle = gpd.GeoSeries([spots.union_all().centroid], crs=spots.crs).to_crs("EPSG:4326").iloc[0]
    found = read_seasonal(
        arguments.forecast, arguments.hindcast, lon=middle.x, lat=middle.y, months=arguments.months,
        source=arguments.source,
    )  # fmt: skip
    shares = ",".join(f"{100 * share:.1f}" for share in found.probabilities)
    say(",".join(COLUMNS))
    # Its skill is for the district to find out: without one the forecast is told and not used.
    say(f"{found.first_day},{found.last_day},{shares},,{found.issued_on},{found.source}")
    return 0
