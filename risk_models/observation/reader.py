"""Tables of what was seen at places: CSV, Excel or JSON, with Chinese or English headers.

Nothing is guessed to the calm side: a row whose place, time or sight is not understood is told and left out, and a
column that might change a meaning (a unit, a status) refuses the file.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from risk_models.district.schema import nearest
from risk_models.errors import BadInputError, Finding
from risk_models.forecast.readers.reading import FileReading, read_bytes, shorten
from risk_models.forecast.readers.table_rows import read_rows

__all__ = ["COLUMNS", "DEEPEST_M", "NOT_DRY_M", "SIGHTS", "SOURCES", "no_observations", "read_observations"]

COLUMNS: Final = {
    "observation_id": "id within its source; the same id again replaces what it said",
    "hotspot_id": "place",
    "seen_at": "time of the sight, UTC",
    "source": "who or what saw it, one of `SOURCES`",
    "seen": "one of `SIGHTS`",
    "depth_m": "depth of the water, m; NaN unknown",
    "confidence": "0-1",
    "by": "name of the person or device",
    "remark": "free text",
}
"""Columns of a table of observations."""

SOURCES: Final = ("depth_gauge", "camera", "pump_log", "gate_log", "call", "field", "town")
SIGHTS: Final = ("flooded", "dry", "cannot_see")
NOT_DRY_M: Final = 0.03
"""A gauge that reads more than this is not dry, m: the usual error of ultrasonic gauges."""
DEEPEST_M: Final = 20.0

_LIMIT_BYTES: Final = 50_000_000
_HEADERS: Final = {
    "observation_id": ("observation_id", "id", "编号", "观测编号"),
    "hotspot_id": ("hotspot_id", "风险点编号", "风险点", "点位编号"),
    "seen_at": ("seen_at", "time", "时间", "观测时间"),
    "source": ("source", "来源"),
    "seen": ("seen", "状态", "情况", "积水情况"),
    "depth_m": ("depth_m", "水深(米)", "水深（米）", "积水深度(米)", "积水深度（米）"),
    "depth_cm": ("depth_cm", "水深(厘米)", "水深（厘米）", "积水深度(厘米)", "积水深度（厘米）"),
    "confidence": ("confidence", "可信度", "置信度"),
    "by": ("by", "人员", "设备", "报告人"),
    "remark": ("remark", "备注", "说明"),
}
_HARMLESS: Final = ("synthetic", "序号", "photo", "照片", "lon", "lat", "经度", "纬度", "hotspot_name", "风险点名称")
_SIGHT_WORDS: Final = {
    "flooded": ("flooded", "积水", "有积水", "已积水", "淹水", "被淹"),
    "dry": ("dry", "无积水", "未积水", "已退水", "退水", "排空", "已排空"),
    "cannot_see": ("cannot_see", "看不清", "无法判断", "未查看", "不明"),
}
_SOURCE_WORDS: Final = {
    "水位计": "depth_gauge", "视频": "camera", "泵站": "pump_log", "闸门": "gate_log", "来电": "call", "巡查": "field",
    "镇办": "town",
}  # fmt: skip
_SIGHTS: Final = {word: sight for sight, words in _SIGHT_WORDS.items() for word in words}


def no_observations() -> pd.DataFrame:
    """Return a table of observations without a row.

    Examples
    --------
    >>> len(no_observations()), list(no_observations())[:3]
    (0, ['observation_id', 'hotspot_id', 'seen_at'])
    """
    return _typed(pd.DataFrame({name: [] for name in COLUMNS}))


def read_observations(
    path: Path | str, *, timezone: str, hotspot_ids: Collection[str] | None = None
) -> tuple[pd.DataFrame, FileReading]:
    """Read one table of observations.

    Parameters
    ----------
    path : Path or str
    timezone : str
        Of times without an offset.
    hotspot_ids : collection of str, optional
        Places of the district; rows of others are left out and told.

    Returns
    -------
    DataFrame
        `COLUMNS`, in the order of the file.
    FileReading

    Raises
    ------
    BadInputError
        If the file is no table, has no column for place, time or sight, has a column that might change a meaning, or
        not one row that can be used.
    """
    path = Path(path)
    data, sha256 = read_bytes(path, limit_bytes=_LIMIT_BYTES)
    text = read_rows(data, path.name)
    header, *rows = text.rows
    places, findings = _places(header, path.name)
    row_of = _Rows(path.name, ZoneInfo(timezone), None if hotspot_ids is None else set(hotspot_ids), findings)
    found = [row for number, cells in rows if (row := row_of(number, _cells(cells, places))) is not None]
    if not found:
        no_rows = Finding(code="no-rows", message="no row can be used", file=path.name, fix="see the other findings")
        raise BadInputError(path.name, shorten([*findings, no_rows], path.name))
    table = _typed(pd.DataFrame(found, columns=list(COLUMNS)))
    times = [time.to_pydatetime() for time in table["seen_at"]]
    return table, FileReading(
        file=path.name,
        sha256=sha256,
        encoding=text.encoding,
        rows_read=len(rows),
        rows_rejected=len(rows) - len(found),
        values_missing=int(table["depth_m"].isna().sum()),
        values_failed=0,
        first_value_at=min(times),
        last_value_at=max(times),
        findings=shorten(findings, path.name),
    )


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    table["seen_at"] = pd.to_datetime(table["seen_at"], utc=True).astype("datetime64[ns, UTC]")
    numbers = {"depth_m": np.float64, "confidence": np.float64}
    return table.astype({name: numbers.get(name, object) for name in COLUMNS if name != "seen_at"})


def _places(header: tuple[int, list[str]], file: str) -> tuple[dict[str, int], list[Finding]]:
    """Return where each column stands, and what is said of the others."""
    row, names = header
    known = {word: name for name, words in _HEADERS.items() for word in words}
    places: dict[str, int] = {}
    findings: list[Finding] = []
    for index, raw in enumerate(names):
        name = known.get(raw.strip()) or known.get(raw.strip().lower())
        if name is None and raw.strip() not in _HARMLESS:
            findings.append(_not_understood(file, row, raw, [*known, *_HARMLESS]))
        elif name is not None and name in places:
            findings.append(_finding(file, row, "duplicate-column", f"two columns are {name}", column=raw))
        elif name is not None:
            places[name] = index
    for name in ("hotspot_id", "seen_at"):
        if name not in places:
            accepted = ", ".join(_HEADERS[name])
            findings.append(_finding(file, row, "no-column", f"no column {name}", accepted=accepted))
    if not {"seen", "depth_m", "depth_cm"} & set(places):
        findings.append(_finding(file, row, "no-column", "neither what was seen nor a depth", accepted="seen, depth_m"))
    if {"depth_m", "depth_cm"} <= set(places):
        findings.append(_finding(file, row, "duplicate-column", "depth stands in metres and in centimetres"))
    if any(finding.severity == "error" for finding in findings):
        raise BadInputError(file, findings)
    return places, findings


def _not_understood(file: str, row: int, name: str, known: list[str]) -> Finding:
    """Refuse a column that nobody has told us how to read: it might be a unit, a status, or a depth in feet."""
    hint = nearest(name, known)
    message = "the column is not understood" + (f"; nearest: {hint}" if hint else "")
    fix = "rename it to an accepted name, or take it out"
    return _finding(file, row, "unknown-column", message, column=name, accepted=", ".join(known), fix=fix)


def _finding(file: str, row: int, code: str, message: str, **more: Any) -> Finding:
    return Finding(code=code, message=message, file=file, row=row, **more)


def _cells(cells: list[str], places: Mapping[str, int]) -> dict[str, str]:
    return {name: cells[index].strip() if index < len(cells) else "" for name, index in places.items()}


class _NotUnderstoodError(Exception):
    """A cell of a row is not understood: code, message, column, what is accepted."""


class _Rows:
    """Turns the cells of a row into an observation; None, with a finding, where one is not understood."""

    def __init__(self, file: str, zone: ZoneInfo, known: set[str] | None, findings: list[Finding]) -> None:
        self.file, self.zone, self.known, self.findings = file, zone, known, findings

    def __call__(self, row: int, cells: dict[str, str]) -> list[Any] | None:
        try:
            return self._read(cells)
        except _NotUnderstoodError as error:
            code, message, column, accepted = error.args
            more = {"column": column, "value": cells.get(column, ""), "accepted": accepted, "severity": "warning"}
            self.findings.append(_finding(self.file, row, code, message, **more))
            return None

    def _read(self, cells: dict[str, str]) -> list[Any]:
        place = cells["hotspot_id"]
        if not place or (self.known is not None and place not in self.known):
            accepted = "an id of the table hotspots"
            raise _NotUnderstoodError("unknown-hotspot", "no place of the register", "hotspot_id", accepted)
        at = self._time(cells["seen_at"])
        source = cells.get("source", "")
        source = source if source in SOURCES else _SOURCE_WORDS.get(source, "")
        if not source:
            raise _NotUnderstoodError("unknown-source", "no known source", "source", ", ".join(SOURCES))
        name = "depth_cm" if "depth_cm" in cells else "depth_m"
        depth_m = _depth_m(cells.get(name, ""), 0.01 if name == "depth_cm" else 1.0, name)
        seen = _seen(cells.get("seen", ""), depth_m)
        if seen == "flooded" and depth_m == 0.0:
            depth_m = math.nan  # water without a depth: nobody measured it
        confidence = _share(cells.get("confidence", ""))
        named = cells.get("observation_id") or f"{source}-{place}-{at:%Y%m%dT%H%M%SZ}"
        return [named, place, at, source, seen, depth_m, confidence, cells.get("by", ""), cells.get("remark", "")]

    def _time(self, cell: str) -> datetime:
        try:
            at = datetime.fromisoformat(cell)
        except ValueError:
            accepted = "2021-07-20T17:00:00+08:00, or local 2021-07-20 17:00"
            raise _NotUnderstoodError("bad-time", "no time", "seen_at", accepted) from None
        return (at if at.tzinfo is not None else at.replace(tzinfo=self.zone)).astimezone(UTC)


def _depth_m(cell: str, factor: float, column: str) -> float:
    """Return a depth [m]; NaN if none is given."""
    if not cell:
        return math.nan
    depth_m = _number(cell) * factor
    if -NOT_DRY_M <= depth_m < 0.0:
        return 0.0  # what a gauge that is not quite level reads of dry ground
    if not 0.0 <= depth_m <= DEEPEST_M:
        raise _NotUnderstoodError("bad-depth", "no depth", column, f"0 to {DEEPEST_M:g} m")
    return depth_m


def _seen(cell: str, depth_m: float) -> str:
    """Return what was seen: in words, or what a depth says of itself."""
    seen = _SIGHTS.get(cell) or _SIGHTS.get(cell.lower())
    if not cell and not math.isnan(depth_m):
        seen = "flooded" if depth_m > NOT_DRY_M else "dry"
    if seen is None:
        raise _NotUnderstoodError("unknown-sight", "what was seen is not understood", "seen", ", ".join(_SIGHTS))
    if seen == "dry" and depth_m > NOT_DRY_M:
        accepted = f"dry up to {NOT_DRY_M:g} m"
        raise _NotUnderstoodError("contradicts-itself", f"dry, and {depth_m:g} m deep", "seen", accepted)
    return seen


def _share(cell: str) -> float:
    """Return a confidence; what gives none is trusted."""
    value = _number(cell) if cell else 1.0
    if not 0.0 <= value <= 1.0:
        raise _NotUnderstoodError("bad-confidence", "no confidence", "confidence", "0 to 1")
    return value


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan
