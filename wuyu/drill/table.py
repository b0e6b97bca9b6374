"""The table at the end of a drill: every expectation, when it was due, when it came, and whether that was in time."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

from risk_models.files import write_whole

__all__ = ["Judgement", "Line", "told_of", "write_table"]

_FORMULA = re.compile(r"\s*[=+\-@\t\r＝＋－＠]")  # a spreadsheet would compute such a cell


class Judgement(StrEnum):
    """How an expectation ended."""

    PASS = "PASS"  # noqa: S105 - no password
    FAIL = "FAIL"
    NOT_POSSIBLE = "NOT POSSIBLE HERE"


@dataclass(frozen=True)
class Line:
    """One expectation and what became of it.

    Attributes
    ----------
    scene : int
        Number from 1; 0 for what is expected of the drill as a whole.
    name_zh, name_en : str
        Of the scene.
    injects : str
        What went wrong in it.
    zh, en : str
        What was expected.
    due, came : datetime or None
        By the drill's clock; what must not come has no `came` when it passed.
    took_s : float
        Real seconds from the begin of the scene to the verdict.
    """

    scene: int
    name_zh: str
    name_en: str
    injects: str
    zh: str
    en: str
    due: datetime | None
    came: datetime | None
    verdict: Judgement
    took_s: float
    note: str = ""


HEAD = (
    "scene",
    "name_zh",
    "name_en",
    "injects",
    "expected_zh",
    "expected_en",
    "due",
    "came",
    "result",
    "took_s",
    "note",
)


def write_table(lines: Sequence[Line], head: Sequence[tuple[str, str]], folder: Path, zone: ZoneInfo) -> str:
    """Write ``drill.csv`` and ``drill.txt``; returns the latter.

    Parameters
    ----------
    lines : sequence of Line
    head : sequence of (str, str)
        What is said of the drill above the table, Chinese and English.
    folder : Path
    zone : ZoneInfo
        In which times are told.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(HEAD)
    writer.writerows(_cells(line, zone) for line in lines)
    write_whole(folder / "drill.csv", "\ufeff" + stream.getvalue())
    told = "\n".join([*(text for both in head for text in both), "", *_rows(lines, zone), "", told_of(lines), ""])
    write_whole(folder / "drill.txt", told)
    return told


def told_of(lines: Sequence[Line]) -> str:
    """Return how many expectations ended how.

    Examples
    --------
    >>> told_of([])
    'PASS 0, FAIL 0, NOT POSSIBLE HERE 0'
    """
    return ", ".join(f"{verdict} {sum(line.verdict is verdict for line in lines)}" for verdict in Judgement)


def _cells(line: Line, zone: ZoneInfo) -> list[str]:
    times = ("" if at is None else _time(at, zone) for at in (line.due, line.came))
    names = (str(line.scene), line.name_zh, line.name_en, line.injects, line.zh, line.en)
    cells = (*names, *times, str(line.verdict), f"{line.took_s:.0f}", line.note)
    return [f"'{cell}" if _FORMULA.match(cell) else cell for cell in cells]


def _time(at: datetime | None, zone: ZoneInfo) -> str:
    return "-" if at is None else at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def _rows(lines: Sequence[Line], zone: ZoneInfo) -> list[str]:
    rows: list[str] = []
    scene = -1
    for line in lines:
        if line.scene != scene:
            scene = line.scene
            rows.append(
                f"{scene or '全程 whole drill'}. {line.name_zh} / {line.name_en}"
                + f"  [{line.injects}]" * bool(line.injects)
            )
        due, came = (_time(at, zone)[5:] or "-" for at in (line.due, line.came))
        note = f"  ({line.note})" if line.note else ""
        rows.append(f"   {line.verdict:17} due {due:14} came {came:14} {line.zh} / {line.en}{note}")
    return rows
