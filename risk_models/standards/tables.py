"""Read and check the CSV tables of standards."""

from __future__ import annotations

import csv
import itertools
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from risk_models.errors import BadInputError, Finding
from risk_models.levels import Level
from risk_models.standards.records import (
    IMPACTS,
    LIKELIHOODS,
    ActionTime,
    DepthClass,
    EventCode,
    ImpactClass,
    ImpactDepths,
    KindVulnerability,
    LandCover,
    LikelihoodBand,
    MatrixCell,
    NowOrder,
    ObservationSource,
    OrderCriterion,
    PrecipitationGrade,
    RainSignal,
    Response,
    Stage,
    StandardInfo,
    Standards,
    StormFormula,
    TownCriterion,
    WordingLevel,
)

#: In a checkout, and where an installed wheel puts the same tables.
BUNDLED = (
    Path(__file__).resolve().parents[2] / "data" / "standards",
    Path(sys.prefix) / "share" / "wuyu" / "data" / "standards",
)
CONFIDENCES = "ABCD"


def load_standards(directory: Path | str | None = None) -> Standards:
    """Read and check every table of standards.

    Parameters
    ----------
    directory : Path or str, optional
        Folder of the CSV tables; the bundled ``data/standards`` if not given.

    Returns
    -------
    Standards

    Raises
    ------
    BadInputError
        If a table is missing or any row is wrong; carries every finding.

    Examples
    --------
    >>> load_standards().storm_formula("zz-f2").n
    0.824
    """
    folder = next(filter(Path.is_dir, BUNDLED), BUNDLED[0]) if directory is None else Path(directory)
    findings: list[Finding] = []
    tables: dict[str, dict[str, tuple[Any, ...]]] = {}
    infos: dict[str, StandardInfo] = {}
    for name, spec in _TABLES.items():
        rows = _read_rows(folder / f"{name}.csv", spec, findings)
        groups: dict[str, list[_Row]] = {}
        for row in rows:
            groups.setdefault(row.fields["standard_id"], []).append(row)
        tables[name] = {}
        for standard_id, group in groups.items():
            if standard_id in infos:
                findings.append(_finding(name, group[0].number, "standard_id", standard_id, "id is used in two tables"))
            records = tuple(spec.build(row.fields) for row in group)
            findings.extend(_finding(name, group[0].number, None, standard_id, text) for text in spec.check(records))
            tables[name][standard_id] = records
            infos[standard_id] = _info(name, standard_id, group)
    if findings:
        raise BadInputError(f"standards in {folder.name}", findings)
    return Standards(tables, infos)


@dataclass(frozen=True)
class _Row:
    number: int
    fields: dict[str, Any]


@dataclass(frozen=True)
class _Spec:
    columns: Mapping[str, Callable[[str], Any]]
    build: Callable[[dict[str, Any]], Any]
    check: Callable[[tuple[Any, ...]], Iterable[str]]


def _finding(
    table: str, row: int | None, column: str | None, value: str | None, message: str, accepted: str = ""
) -> Finding:
    file = f"{table}.csv"
    return Finding(
        code="bad-standard", message=message, file=file, row=row, column=column, value=value, accepted=accepted
    )


def _info(table: str, standard_id: str, rows: list[_Row]) -> StandardInfo:
    fields = [row.fields for row in rows]
    ends = [f["valid_to"] for f in fields]
    return StandardInfo(
        standard_id=standard_id,
        table=table,
        valid_from=max(f["valid_from"] for f in fields),
        valid_to=min((end for end in ends if end is not None), default=None),
        source="; ".join(dict.fromkeys(f["source"] for f in fields)),
        # C (unconfirmed) is weaker than D (computed here from read material).
        confidence=max((f["confidence"] for f in fields), key="ABDC".index),
    )


def _read_rows(path: Path, spec: _Spec, findings: list[Finding]) -> list[_Row]:
    table = path.stem
    columns = {"standard_id": _text, **spec.columns, **_COMMON}
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            lines = list(csv.reader(stream, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        findings.append(_finding(table, None, None, None, f"cannot be read ({type(error).__name__})"))
        return []
    header = lines[0] if lines else []
    if sorted(header) != sorted(columns):
        accepted = ", ".join(columns)
        findings.append(_finding(table, 1, None, ",".join(header), "wrong columns", accepted=accepted))
        return []
    rows = []
    for number, cells in enumerate(lines[1:], start=2):
        if len(cells) != len(header):
            findings.append(_finding(table, number, None, str(len(cells)), f"row needs {len(header)} fields"))
            continue
        fields = _parse_row(table, number, dict(zip(header, cells, strict=True)), columns, findings)
        if fields is not None:
            rows.append(_Row(number, fields))
    if not rows:
        findings.append(_finding(table, None, None, None, "table has no usable row"))
    return rows


def _parse_row(
    table: str,
    number: int,
    cells: dict[str, str],
    columns: Mapping[str, Callable[[str], Any]],
    findings: list[Finding],
) -> dict[str, Any] | None:
    fields: dict[str, Any] = {}
    for column, parse in columns.items():
        try:
            fields[column] = parse(cells[column].strip())
        except ValueError as error:
            findings.append(_finding(table, number, column, cells[column], str(error)))
    return fields if len(fields) == len(columns) else None


def _text(cell: str) -> str:
    if not cell:
        raise ValueError("must not be empty")
    return cell


def _number(cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise ValueError("is not a number") from None
    if not math.isfinite(value) or value < 0:
        raise ValueError("must be a finite number of at least 0")
    return value


def _share(cell: str) -> float:
    value = _number(cell)
    if value > 1:
        raise ValueError("must be between 0 and 1")
    return value


def _class(cell: str) -> int:
    if cell not in ("0", "1", "2"):
        raise ValueError("is no vulnerability class; accepted: 0, 1, 2")
    return int(cell)


def _day(cell: str) -> date:
    try:
        return date.fromisoformat(cell)
    except ValueError:
        raise ValueError("is no date; accepted: YYYY-MM-DD") from None


def _one_of(*accepted: str) -> Callable[[str], str]:
    def parse(cell: str) -> str:
        if cell not in accepted:
            raise ValueError(f"is none of {', '.join(accepted)}")
        return cell

    return parse


_COMMON: dict[str, Callable[[str], Any]] = {
    "valid_from": _day,
    "valid_to": lambda cell: _day(cell) if cell else None,
    "source": _text,
    "confidence": _one_of(*CONFIDENCES),
}
_WORDS: dict[str, Callable[[str], Any]] = {"zh": _text, "en": _text}


def _make(record: Callable[..., Any], columns: Mapping[str, Any]) -> Callable[[dict[str, Any]], Any]:
    return lambda fields: record(**{name: fields[name] for name in columns})


def _no_check(_records: tuple[Any, ...]) -> list[str]:
    return []


def _exactly(count: int, what: str) -> Callable[[tuple[Any, ...]], list[str]]:
    return lambda records: [] if len(records) == count else [f"needs exactly {count} {what}, has {len(records)}"]


def _rising(attribute: str) -> Callable[[tuple[Any, ...]], list[str]]:
    def check(records: tuple[Any, ...]) -> list[str]:
        values = [getattr(record, attribute) for record in records]
        if values[0] != 0:
            return [f"{attribute} must start at 0"]
        rises = all(low < high for low, high in itertools.pairwise(values))
        return [] if rises else [f"{attribute} must rise from row to row"]

    return check


def _check_grades(records: tuple[PrecipitationGrade, ...]) -> list[str]:
    windows = dict.fromkeys(record.window_h for record in records)
    groups = [tuple(r for r in records if r.window_h == window) for window in windows]
    return [problem for group in groups for problem in _rising("rain_min_mm")(group)]


def _check_formula(records: tuple[StormFormula, ...]) -> list[str]:
    problems = _exactly(1, "row")(records)
    for f in records:
        if min(f.a1, f.c, f.lg_exponent, f.b_min, f.n) <= 0 or f.n >= 1:
            problems.append("a1, c, lg_exponent and b_min must be above 0 and n between 0 and 1")
        if not (1 <= f.period_min_a < f.period_max_a and 0 < f.minutes_min < f.minutes_max):
            problems.append("period and minutes limits must rise, and the period must start at 1 year or more")
    return problems


def _check_matrix(records: tuple[MatrixCell, ...]) -> list[str]:
    cells = {(record.likelihood, record.impact): record.level for record in records}
    if len(records) != 16 or len(cells) != 16:
        return ["risk matrix needs each of the 4 x 4 cells once"]
    grid = np.array([[cells[row, column] for column in IMPACTS] for row in LIKELIHOODS])
    if (np.diff(grid, axis=0) < 0).any() or (np.diff(grid, axis=1) < 0).any():
        return ["level must not fall with rising likelihood or impact"]
    return []


def _check_land_cover(records: tuple[LandCover, ...]) -> list[str]:
    codes = [record.class_code for record in records]
    problems = [] if codes == sorted(set(codes)) else ["class_code must rise from row to row"]
    if any(not 0 < record.curve_number <= 100 for record in records):
        problems.append("curve_number must be above 0 and at most 100")
    return problems


def _check_impact_depths(records: tuple[ImpactDepths, ...]) -> list[str]:
    if [record.vulnerability for record in records] != [0, 1, 2]:
        return ["needs vulnerability 0, 1 and 2 in order"]
    grid = np.array([[r.minor_m, r.significant_m, r.severe_m] for r in records])
    if (np.diff(grid, axis=1) <= 0).any() or (np.diff(grid, axis=0) > 0).any():
        return ["depth must rise with impact and must not rise with vulnerability"]
    return []


def _check_now_orders(records: tuple[NowOrder, ...]) -> list[str]:
    if [record.rank for record in records] != sorted({record.rank for record in records}):
        return ["rank must rise from row to row"]
    return [] if records[-1].kind == "other" else ["the last row must be for the kind 'other'"]


def _check_action_times(records: tuple[ActionTime, ...]) -> list[str]:
    if min(record.minutes for record in records) <= 0:
        return ["minutes must be above 0"]
    return [] if records[-1].kind == "other" else ["the last row must be for the kind 'other'"]


#: Longest time before the water that an order of each phase may have, h.
LONGEST_LEAD_H = {"act": 6.0, "prepare": 24.0, "watch": 72.0}
WITHIN_H = (3.0, 6.0, 12.0, 24.0, 72.0)


def _falling_levels(records: tuple[Any, ...]) -> list[str]:
    levels = [record.level for record in records]
    problems = [] if all(level.is_warning for level in levels) else ["level must be blue, yellow, orange or red"]
    return problems if levels == sorted(levels, reverse=True) else [*problems, "the highest level must come first"]


def _check_order_criteria(records: tuple[OrderCriterion, ...]) -> list[str]:
    problems = _falling_levels(records)
    if len({record.key for record in records}) != len(records):
        problems.append("a key is used twice")
    if any(record.within_h not in WITHIN_H for record in records):
        problems.append(f"within_h must be one of {', '.join(f'{hours:g}' for hours in WITHIN_H)}")
    if any(record.within_h > LONGEST_LEAD_H[record.phase] for record in records):
        told = ", ".join(f"{phase} {hours:g} h" for phase, hours in LONGEST_LEAD_H.items())
        problems.append(f"within_h is longer than the phase allows ({told})")
    if any(record.p_min <= 0 for record in records):
        problems.append("p_min must be above 0: an order needs a chance")
    return problems


def _check_town_criteria(records: tuple[TownCriterion, ...]) -> list[str]:
    if [record.level for record in records] != [Level.RED, Level.ORANGE, Level.YELLOW, Level.BLUE]:
        return ["needs red, orange, yellow and blue once, in this order"]
    if any(record.places_min < 1 or record.people_min < 1 for record in records):
        return ["places_min and people_min must be at least 1"]
    return []


def _kinds(cell: str) -> tuple[str, ...]:
    return tuple(kind for kind in cell.split(";") if kind)


def _check_keys(keys: tuple[str, ...]) -> Callable[[tuple[Any, ...]], list[str]]:
    return lambda rows: [] if tuple(row.key for row in rows) == keys else [f"keys must be {', '.join(keys)} in order"]


def _check_bands(records: tuple[LikelihoodBand, ...]) -> list[str]:
    return [*_check_keys(LIKELIHOODS)(records), *_rising("p_min")(records)]


def _spec(
    record: Callable[..., Any],
    columns: dict[str, Callable[[str], Any]],
    check: Callable[[tuple[Any, ...]], Iterable[str]] = _no_check,
) -> _Spec:
    return _Spec(columns, _make(record, columns), check)


def _formula(fields: dict[str, Any]) -> StormFormula:
    names = StormFormula.__dataclass_fields__
    return StormFormula(
        formula_id=fields["standard_id"], **{name: fields[name] for name in names if name != "formula_id"}
    )


_FORMULA_COLUMNS: dict[str, Callable[[str], Any]] = {
    name: _text if name in _WORDS else _number for name in StormFormula.__dataclass_fields__ if name != "formula_id"
}
_TABLES: dict[str, _Spec] = {
    "rain_signals": _spec(
        RainSignal, {"level": Level.from_name, "window_h": _number, "rain_mm": _number}, _exactly(4, "signals")
    ),
    "precipitation_grades": _spec(
        PrecipitationGrade, {"key": _text, **_WORDS, "window_h": _number, "rain_min_mm": _number}, _check_grades
    ),
    "storm_formulas": _Spec(_FORMULA_COLUMNS, _formula, _check_formula),
    "depth_classes": _spec(
        DepthClass,
        {
            "key": _text,
            **_WORDS,
            "depth_min_m": _number,
            "level": Level.from_name,
            "kinds": _kinds,
        },
        _rising("depth_min_m"),
    ),
    "likelihood_bands": _spec(LikelihoodBand, {"key": _text, **_WORDS, "p_min": _share}, _check_bands),
    "wording_levels": _spec(WordingLevel, {"key": _text, **_WORDS, "p_min": _share}, _rising("p_min")),
    "impact_classes": _spec(ImpactClass, {"key": _text, **_WORDS}, _check_keys(IMPACTS)),
    "risk_matrix": _spec(
        MatrixCell,
        {"likelihood": _one_of(*LIKELIHOODS), "impact": _one_of(*IMPACTS), "level": Level.from_name},
        _check_matrix,
    ),
    "land_cover": _spec(
        LandCover,
        {
            "class_code": int,
            "key": _text,
            **_WORDS,
            "runoff_coefficient": _share,
            "curve_number": _number,
            "imperviousness": _share,
        },
        _check_land_cover,
    ),
    "impact_depths": _spec(
        ImpactDepths,
        {"vulnerability": _class, "minor_m": _number, "significant_m": _number, "severe_m": _number},
        _check_impact_depths,
    ),
    "observation_sources": _spec(
        ObservationSource, {"key": _text, "speaks_min": _number, "person": _one_of("yes", "no"), **_WORDS}
    ),
    "now_orders": _spec(NowOrder, {"kind": _text, "rank": int, **_WORDS}, _check_now_orders),
    "action_times": _spec(ActionTime, {"kind": _text, "minutes": _number, **_WORDS}, _check_action_times),
    "order_criteria": _spec(
        OrderCriterion,
        {
            "key": _text,
            "level": Level.from_name,
            "phase": _one_of(*LONGEST_LEAD_H),
            "within_h": _number,
            "impact": _one_of(*IMPACTS[1:]),
            "p_min": _share,
            "kinds": _kinds,
            **_WORDS,
        },
        _check_order_criteria,
    ),
    "town_criteria": _spec(
        TownCriterion,
        {"level": Level.from_name, "places_min": _number, "people_min": _number, "kinds": _kinds, **_WORDS},
        _check_town_criteria,
    ),
    "vulnerability": _spec(
        KindVulnerability,
        {"kind": _text, "vulnerability": _class, "assessed": _one_of("yes", "no"), **_WORDS},
    ),
    "responses": _spec(
        Response, {"trigger": _one_of("blue", "yellow", "orange", "red", "extreme"), "response": _text, **_WORDS}
    ),
    "five_pre": _Spec(
        {"stage_id": _text, **_WORDS},
        lambda fields: Stage(fields["stage_id"], fields["zh"], fields["en"]),
        _exactly(5, "stages"),
    ),
    "event_codes": _spec(EventCode, {"code": _text, **_WORDS}),
}
