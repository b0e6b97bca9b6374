"""The header of a gauge table: which column is the time, the gauge, the rain, and in which unit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from risk_models.errors import refuse
from risk_models.forecast.readers.units import GAUGE_UNITS, rain_unit

__all__ = ["Columns", "find_columns", "join_dates"]

END_NAMES = ("time_end", "end", "end_time", "结束时间")
BEGIN_NAMES = ("time_begin", "time_start", "begin", "begin_time", "start", "start_time", "开始时间", "起始时间")
TIME_NAMES = (
    "time",
    *END_NAMES[:1],
    "datetime",
    "timestamp",
    "时间",
    "资料时间",
    "观测时间",
    *END_NAMES[1:],
    *BEGIN_NAMES,
)
GAUGE_NAMES = ("gauge_id", "station_id", "站号", "区站号", "station_id_c", "station_id_d", "测站编码", "stcd")
RAIN_NAMES = (
    "rain_mm",
    "雨量",
    "降水量",
    "rain",
    "rain_inch",
    "rain_0.1mm",
    "precipitation",
    "pre",
    "小时降水量",
    "drp",
)
INTERVAL_NAME = re.compile(r"pre_?(\d{1,3})(h|hour|min|mm)")  # CMA: PRE_1h, PRE_10mm (minutes)
DATE_PARTS = (("year", "年"), ("mon", "month", "月"), ("day", "日"), ("hour", "时"), ("min", "minute", "分"))
BRACKETS = re.compile(r"^(.*?)\s*[(（\[]([^()（）\[\]]*)[)）\]]$")
HEADER_ROWS = 10


@dataclass(frozen=True)
class Columns:
    """What the header says.

    Attributes
    ----------
    names : tuple of str
        Every column, without its unit.
    time : int
        Index of the time.
    gauge, rain : int or None
        Indexes in a long table; None in a wide one.
    unit : str or None
        As in the header.
    label : str or None
        ``end`` or ``begin`` if the name of the time column says so.
    step_h : float or None
        If the name of the rain column says so [h].
    """

    names: tuple[str, ...]
    time: int
    gauge: int | None
    rain: int | None
    unit: str | None
    label: str | None
    step_h: float | None


def join_dates(rows: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """Drop rows of titles above the header, and make one time of columns for year, month, day and hour.

    Examples
    --------
    >>> join_dates([(1, ["Station_Id_C", "Year", "Mon", "Day", "Hour", "PRE_1h"]),
    ...     (2, ["57083", "2021", "7", "20", "9", "201.9"])])
    [(1, ['time', 'Station_Id_C', 'PRE_1h']), (2, ['2021-07-20 09:00', '57083', '201.9'])]
    """
    for place, (_, cells) in enumerate(rows[:HEADER_ROWS]):
        names = [cell.strip().lower() for cell in cells]
        if any(_bare(name)[0] in TIME_NAMES for name in names):
            return rows[place:]
        parts = [next((names.index(name) for name in choice if name in names), None) for choice in DATE_PARTS]
        if None not in parts[:4]:
            known = [part for part in parts if part is not None]
            return [_joined(row, known, place == 0) for place, row in enumerate(rows[place:])]
    return rows


def _joined(row: tuple[int, list[str]], parts: Sequence[int], is_header: bool) -> tuple[int, list[str]]:
    number, cells = row
    rest = [cell for index, cell in enumerate(cells) if index not in parts]
    if is_header:
        return number, ["time", *rest]
    if max(parts) >= len(cells):
        return number, cells  # cut row: rejected later for its number of fields
    words = [cells[index].strip() for index in parts] + ["0"] * (5 - len(parts))
    if not all(re.fullmatch(r"\d{1,4}(\.0)?", word) for word in words):
        return number, ["-".join(words), *rest]
    year, month, day, hour, minute = (int(float(word)) for word in words)
    return number, [f"{year:04d}-{month:02d}-{day:02d} {hour:02d}:{minute:02d}", *rest]


def _bare(name: str) -> tuple[str, str | None]:
    """Split a name and what stands in brackets behind it."""
    found = BRACKETS.match(name.strip())
    return (name.strip(), None) if found is None else (found[1], found[2])


def _find(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    lowered = [name.lower() for name in names]
    return next((lowered.index(name) for name in wanted if name in lowered), None)


def find_columns(header: Sequence[str], file: str) -> Columns:
    """Read a header.

    Raises
    ------
    BadInputError
        If there is no time column, a column stands twice, or the unit of the rain is none that gauges use.

    Examples
    --------
    >>> find_columns(["时间", "站号", "降水量(0.1mm)"], "g.csv")
    Columns(names=('时间', '站号', '降水量'), time=0, gauge=1, rain=2, unit='0.1mm', label=None, step_h=None)
    """
    split = [_bare(name) for name in header]
    # In a wide table brackets behind a gauge may hold its name: only a unit is taken off.
    names = [
        name if unit is not None and (_is_unit(unit) or _is_rain(name)) else whole.strip()
        for (name, unit), whole in zip(split, header, strict=True)
    ]
    time = _find(names, TIME_NAMES)
    if time is None:
        time = _find([name for name, _ in split], TIME_NAMES)
    if time is None:
        refuse(file, "no-time-column", f"no time column; accepted names: {', '.join(TIME_NAMES)}")
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        refuse(file, "duplicate-column", "column appears twice", column=", ".join(twice))
    gauge = _find(names, GAUGE_NAMES)
    rain = next((index for index, name in enumerate(names) if _is_rain(name)), None) if gauge is not None else None
    is_long = gauge is not None and rain is not None
    where = [rain] if rain is not None and is_long else [index for index in range(len(names)) if index != time]
    named = names[time].lower()
    return Columns(
        names=tuple(names),
        time=time,
        gauge=gauge if is_long else None,
        rain=rain if is_long else None,
        unit=_unit([(names[index], split[index][1]) for index in where], is_long, file),
        label="begin" if named in BEGIN_NAMES else "end" if named in END_NAMES else None,
        step_h=_step(names[rain]) if rain is not None and is_long else None,
    )


def _is_unit(text: str | None) -> bool:
    return text is not None and rain_unit(text) is not None


def _is_rain(name: str) -> bool:
    return name.lower() in RAIN_NAMES or INTERVAL_NAME.fullmatch(name.lower()) is not None


def _step(name: str) -> float | None:
    found = INTERVAL_NAME.fullmatch(name.lower())
    return None if found is None else int(found[1]) / (1 if found[2] in {"h", "hour"} else 60)


def _unit(columns: Sequence[tuple[str, str | None]], is_long: bool, file: str) -> str | None:
    texts = {text for _, text in columns if text is not None and (is_long or _is_unit(text))}
    suffix = columns[0][0].lower().removeprefix("rain_") if is_long and columns else ""
    if is_long and _is_unit(suffix):
        texts.add(suffix)
    found = {text: rain_unit(text) for text in sorted(texts)}
    names = {unit.name if unit else text for text, unit in found.items()}
    if not names:
        return None
    if len(names) > 1 or not names <= set(GAUGE_UNITS):
        accepted = ", ".join(GAUGE_UNITS)
        refuse(
            file,
            "bad-unit",
            "the unit is none of gauges, or columns differ",
            value=", ".join(sorted(names)),
            accepted=accepted,
        )
    return names.pop()
