"""The seasonal signal: probabilities that rain falls below, within or above the middle third of the years.

A signal is neutral (a third each) where none is given, where none covers the period, and where its hindcast skill is
unknown or not above the limit: a signal that has not shown skill must not steer the numbers.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from risk_models.arithmetic import settled
from risk_models.errors import BadInputError, Finding

__all__ = [
    "TercileForecast",
    "choose_seasonal_forecast",
    "neutral_forecast",
    "read_tercile_table",
    "terciles_from_members",
]

THIRD = 1.0 / 3.0
#: Least share of the period that a forecast must cover (an assumption).
MIN_COVER = 0.5
#: Skill that a forecast must exceed to be used: ranked probability skill against the neutral forecast.
MIN_SKILL = 0.0
#: Percentages typed in whole numbers may miss 100 by this much.
ROUNDING_PCT = 1.5
COLUMNS = ("first_day", "last_day", "below_pct", "normal_pct", "above_pct", "skill", "issued_on", "source")


@dataclass(frozen=True, kw_only=True)
class TercileForecast:
    """Probabilities of the three thirds for a season.

    Attributes
    ----------
    below, normal, above : float
        0 to 1, sum 1.
    first_day, last_day : date or None
        The season; None for a neutral one of no season.
    skill : float
        Ranked probability skill of its hindcast against a third each, 1 best, 0 none; NaN if not known.
    issued_on : date or None
    source, source_zh : str
        Who made it; the Chinese text empty where only one is known.
    reason_zh, reason_en : str
        Why it is neutral, if it was set so.
    """

    below: float
    normal: float
    above: float
    first_day: date | None = None
    last_day: date | None = None
    skill: float = math.nan
    issued_on: date | None = None
    source: str = ""
    source_zh: str = ""
    reason_zh: str = ""
    reason_en: str = ""

    def __post_init__(self) -> None:
        shares = self.probabilities
        if not all(0 <= share <= 1 for share in shares) or abs(sum(shares) - 1) > 1e-9:
            raise ValueError(f"terciles must lie in 0 to 1 and sum to 1, got {shares}")
        if not (math.isnan(self.skill) or self.skill <= 1):
            raise ValueError(f"skill is at most 1, got {self.skill:g}")

    @property
    def probabilities(self) -> tuple[float, float, float]:
        """Below, normal, above."""
        return self.below, self.normal, self.above

    @property
    def is_neutral(self) -> bool:
        """True for a third each."""
        return all(abs(share - THIRD) < 1e-9 for share in self.probabilities)


def neutral_forecast(reason_zh: str = "无季节信号", reason_en: str = "no seasonal signal") -> TercileForecast:
    """Return the forecast that says nothing, with the reason why.

    Examples
    --------
    >>> neutral_forecast().is_neutral
    True
    """
    return TercileForecast(below=THIRD, normal=THIRD, above=THIRD, reason_zh=reason_zh, reason_en=reason_en)


def choose_seasonal_forecast(
    forecasts: Iterable[TercileForecast],
    first_day: date,
    last_day: date,
    *,
    known_on: date,
    min_skill: float = MIN_SKILL,
) -> TercileForecast:
    """Choose the signal for a period: of those issued by `known_on` that cover half of it, the skilful one issued last.

    Parameters
    ----------
    forecasts : iterable of TercileForecast
    first_day, last_day : date
        The period.
    known_on : date
        Nothing issued later is used.
    min_skill : float
        Skill that must be exceeded.

    Returns
    -------
    TercileForecast
        Neutral, with the reason, if there is none.

    Examples
    --------
    >>> june = TercileForecast(below=0.2, normal=0.3, above=0.5, first_day=date(2021, 6, 1), skill=0.1,
    ...                        last_day=date(2021, 8, 31), issued_on=date(2021, 5, 5))
    >>> choose_seasonal_forecast([june], date(2021, 7, 1), date(2021, 7, 31), known_on=date(2021, 6, 28)).above
    0.5
    >>> choose_seasonal_forecast([june], date(2021, 10, 1), date(2021, 10, 31), known_on=date(2021, 9, 28)).reason_en
    'no seasonal signal covers the period'
    """
    given = list(forecasts)
    if not given:
        return neutral_forecast()
    days = (last_day - first_day).days + 1
    covering = [
        item for item in given
        if item.first_day and item.last_day and item.issued_on and item.issued_on <= known_on
        and (min(item.last_day, last_day) - max(item.first_day, first_day)).days + 1 >= MIN_COVER * days
    ]  # fmt: skip
    if not covering:
        return neutral_forecast("没有覆盖本时段的季节信号", "no seasonal signal covers the period")
    skilful = [item for item in covering if item.skill > min_skill]
    if not skilful:
        return neutral_forecast(
            "季节信号的回报技巧未知或不足，未采用", "the seasonal signal has no proven skill and is not used"
        )
    return max(skilful, key=lambda item: (item.issued_on or date.min, item.skill))


def terciles_from_members(forecast_mm: npt.ArrayLike, hindcast_mm: npt.ArrayLike, **fields: Any) -> TercileForecast:
    """Count ensemble members below, within and above the terciles of the model's own hindcast.

    The model is compared with itself, so its bias does not matter. One member is added to each third before counting
    shares (Laplace), so that a small ensemble never says 0 or 100 %.

    Parameters
    ----------
    forecast_mm : array_like (member,)
        Rain of the season.
    hindcast_mm : array_like (year, member)
        The same season of past years; at least ten years.
    **fields
        Further fields of `TercileForecast`.

    Returns
    -------
    TercileForecast

    Raises
    ------
    ValueError
        If a value is missing or there are too few years.

    Examples
    --------
    >>> found = terciles_from_members([9.0, 9.0, 9.0], np.arange(10.0)[:, None])
    >>> [round(p, 3) for p in found.probabilities]
    [0.167, 0.167, 0.667]
    """
    members, past = np.asarray(forecast_mm, dtype=np.float64), np.asarray(hindcast_mm, dtype=np.float64)
    if members.ndim != 1 or past.ndim != 2 or not len(members) or len(past) < 10:
        raise ValueError(f"need (member,) and (at least 10 years, member), got {members.shape} and {past.shape}")
    if not (np.isfinite(members).all() and np.isfinite(past).all()):
        raise ValueError("every member and year must hold a number")
    members, (low, high) = settled(members), settled(np.quantile(past, [THIRD, 2 * THIRD]))
    counts = np.array([(members < low).sum(), ((members >= low) & (members <= high)).sum(), (members > high).sum()])
    shares = (counts + 1.0) / (len(members) + 3.0)
    return TercileForecast(below=float(shares[0]), normal=float(shares[1]), above=float(1 - shares[0] - shares[1]),
                           **fields)  # fmt: skip


def read_tercile_table(path: Path) -> tuple[TercileForecast, ...]:
    """Read a table of tercile forecasts as a meteorologist types it.

    Columns, a row per season: first_day, last_day (YYYY-MM-DD), below_pct, normal_pct, above_pct (whole numbers may
    miss 100 by rounding), skill (empty if not known), issued_on, source; source_zh may be added.

    Parameters
    ----------
    path : Path
        CSV, UTF-8.

    Returns
    -------
    tuple of TercileForecast

    Raises
    ------
    BadInputError
        With every finding.
    """
    findings: list[Finding] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            lines = list(csv.reader(stream, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInputError("tercile table", [_finding(path, None, "", "", f"cannot be read ({error})")]) from None
    header = [cell.strip() for cell in lines[0]] if lines else []
    if missing := [name for name in COLUMNS if name not in header]:
        text = f"misses the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
        raise BadInputError("tercile table", [_finding(path, 1, "", ",".join(header), text, ", ".join(COLUMNS))])
    found = []
    for number, cells in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        before = len(findings)
        row = dict(zip(header, [*map(str.strip, cells), *[""] * len(header)], strict=False))
        values = _parse(path, number, row, findings)
        if len(findings) == before:
            found.append(_forecast(path, number, values, findings))
    if findings:
        raise BadInputError("tercile table", findings)
    return tuple(item for item in found if item is not None)


def _finding(path: Path, row: int | None, column: str, value: str, message: str, accepted: str = "") -> Finding:
    return Finding(
        code="bad-terciles", message=message, file=path.name, row=row, column=column or None, value=value or None,
        accepted=accepted, fix="correct the table",
    )  # fmt: skip


def _percent(cell: str) -> float:
    value = float(cell.removesuffix("%"))
    if not 0 <= value <= 100:
        raise ValueError
    return value


def _skill(cell: str) -> float:
    value = float(cell) if cell else math.nan
    if value > 1 or math.isinf(value):
        raise ValueError
    return value


def _text(cell: str) -> str:
    if not cell:
        raise ValueError
    return cell


_PARSERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "first_day": (date.fromisoformat, "YYYY-MM-DD"),
    "last_day": (date.fromisoformat, "YYYY-MM-DD"),
    "below_pct": (_percent, "0 to 100"),
    "normal_pct": (_percent, "0 to 100"),
    "above_pct": (_percent, "0 to 100"),
    "skill": (_skill, "a number up to 1, or empty"),
    "issued_on": (date.fromisoformat, "YYYY-MM-DD"),
    "source": (_text, "who made it"),
}


def _parse(path: Path, number: int, row: dict[str, str], findings: list[Finding]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for column, (parser, accepted) in _PARSERS.items():
        try:
            values[column] = parser(row[column])
        except ValueError:
            findings.append(_finding(path, number, column, row[column], "cannot be used", accepted))
    return values | {"source_zh": row.get("source_zh", "")}


def _forecast(path: Path, number: int, values: dict[str, Any], findings: list[Finding]) -> TercileForecast | None:
    parts = [values.pop(name) for name in ("below_pct", "normal_pct", "above_pct")]
    total = sum(parts)
    if not abs(total - 100) <= ROUNDING_PCT:
        text = "the three shares must sum to 100"
        findings.append(_finding(path, number, "below_pct, normal_pct, above_pct", f"{total:g}", text, "100"))
        return None
    if values["last_day"] < values["first_day"]:
        text = "the season ends before it begins"
        findings.append(_finding(path, number, "last_day", str(values["last_day"]), text, "a day from first_day on"))
        return None
    # 33, 33, 33 is how people write a third each.
    below, above = parts[0] / total, parts[2] / total
    return TercileForecast(below=below, normal=max(0.0, 1 - below - above), above=above, **values)
