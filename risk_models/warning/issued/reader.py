"""Notices of a weather office from a file: a table (CSV, Excel, JSON; Chinese or English headers) or a CAP message.

Nothing is guessed to the calm side: a row that is not understood is told and left out, a column that is not
understood refuses the file, and an end that is not understood is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from risk_models.district.schema import nearest
from risk_models.errors import BadInputError, Finding
from risk_models.forecast.readers.reading import FileReading, read_bytes, shorten
from risk_models.forecast.readers.table_rows import TextRows, read_rows
from risk_models.levels import Level
from risk_models.warning.issued.cap_notice import read_cap_notices
from risk_models.warning.issued.notice import (
    LIFTING,
    LONGEST,
    WeatherNotice,
    colour_of,
    colours_in,
    is_weather_office,
    kind_of,
)

__all__ = ["local_time", "read_notices"]

_LIMIT_BYTES: Final = 20_000_000
_HEADERS: Final = {
    "kind": ("kind", "type", "类型", "预警类型", "信号类型", "灾种", "预警信号"),
    "colour": ("colour", "color", "level", "颜色", "预警颜色", "等级", "预警等级", "级别"),
    "number": ("number", "文号", "编号", "期号"),
    "issued_at": ("issued_at", "time", "发布时间", "签发时间", "时间"),
    "valid_until": ("valid_until", "expires", "有效至", "有效期至", "失效时间"),
    "lifted_at": ("lifted_at", "解除时间"),
    "area": ("area", "区域", "发布区域", "预警区域", "影响区域"),
    "office": ("office", "发布单位", "发布机构", "签发单位"),
    "action": ("action", "动作", "状态", "操作"),
    "text": ("text", "内容", "正文", "标题"),
    "replaces": ("replaces", "代替", "替代", "原文号"),
    "notice_id": ("notice_id", "id", "标识", "预警标识"),
}
_HARMLESS: Final = ("synthetic", "序号", "remark", "备注", "source", "来源")
_ISSUING: Final = ("", "发布", "首次发布", "首发", "更新", "变更", "确认", "继续发布", "升级", "降级", "issue",
                   "issued", "alert", "update")  # fmt: skip
_TIME: Final = re.compile(
    r"(\d{4})[-/年](\d{1,2})[-/月](\d{1,2})日?[T\s]*(\d{1,2})[:时](\d{1,2})分?(?::(\d{2})(?:\.\d+)?)?\s*(Z|[+-]\d\d:?\d\d)?"
)


def read_notices(path: Path | str, *, timezone: str) -> tuple[list[WeatherNotice], FileReading]:
    """Read the notices of one file.

    Parameters
    ----------
    path : Path or str
    timezone : str
        Of times without an offset, IANA.

    Returns
    -------
    list of WeatherNotice
        In the order of the file; none of a table without a row, which says nothing and lifts nothing.
    FileReading
        Its first and last time are those of the notices.

    Raises
    ------
    BadInputError
        If the file is neither table nor CAP message, has a column that is not understood, lacks one that is needed, or
        has not one row that can be used.
    """
    path = Path(path)
    data, sha256 = read_bytes(path, limit_bytes=_LIMIT_BYTES)
    if _is_xml(data):
        notices, findings = read_cap_notices(data, file=path.name)
        return notices, _reading(path.name, sha256, "CAP", 1, notices, findings)
    text = _rows(data, path.name)
    if text is None:
        return [], _reading(path.name, sha256, "", 0, [], [])
    header, *rows = text.rows
    places = _places(header, path.name)
    take = _Rows(path.name, ZoneInfo(timezone), header[1], places)
    notices = [notice for number, cells in rows for notice in take(number, cells)]
    if not notices:
        no_rows = Finding(code="no-rows", message="no notice can be used", file=path.name, fix="see the other findings")
        raise BadInputError(path.name, shorten([*take.findings, no_rows], path.name))
    reading = _reading(path.name, sha256, text.encoding, len(rows), notices, take.findings, rejected=take.rejected)
    return notices, reading


def local_time(cell: str, zone: ZoneInfo) -> datetime | None:
    """Return the time [UTC] that a cell holds; None if it holds none, or no minute.

    Parameters
    ----------
    cell : str
    zone : ZoneInfo
        Of a time without an offset.

    Examples
    --------
    >>> zone = ZoneInfo("Asia/Shanghai")
    >>> local_time("2021年7月20日6时2分", zone).isoformat(), local_time("2021-07-20T06:02:00+08:00", zone).isoformat()
    ('2021-07-19T22:02:00+00:00', '2021-07-19T22:02:00+00:00')
    >>> local_time("2021-07-20 06", zone) is local_time("soon", zone) is None
    True
    """
    found = _TIME.fullmatch(cell.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second, offset = found.groups()
    try:
        at = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), tzinfo=zone)
    except ValueError:
        return None
    if offset:
        at = at.replace(tzinfo=datetime.strptime(offset, "%z").tzinfo)
    return at.astimezone(UTC)


def _rows(data: bytes, file: str) -> TextRows | None:
    """Return the rows of a table; None for a header without one, or an empty list: nothing new, and nothing lifted."""
    try:
        return read_rows(data, file)
    except BadInputError as error:
        if error.findings[0].code == "header-only" or data.strip() == b"[]":
            return None
        raise


def _is_xml(data: bytes) -> bool:
    start = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith((b"<", b"\xff\xfe<", b"\xfe\xff\0<"))


def _reading(
    file: str,
    sha256: str,
    encoding: str,
    rows: int,
    notices: list[WeatherNotice],
    findings: list[Finding],
    *,
    rejected: int = 0,
) -> FileReading:
    times = [notice.issued_at for notice in notices]
    return FileReading(
        file=file,
        sha256=sha256,
        encoding=encoding,
        rows_read=rows,
        rows_rejected=rejected,
        values_missing=0,
        values_failed=0,
        first_value_at=min(times, default=None),
        last_value_at=max(times, default=None),
        findings=shorten(findings, file),
    )


def _places(header: tuple[int, list[str]], file: str) -> dict[str, int]:
    """Return where each column stands; one that is not understood might be a colour, a status or an area."""
    row, names = header
    known = {word: name for name, words in _HEADERS.items() for word in words}
    places: dict[str, int] = {}
    findings: list[Finding] = []

    def wrong(code: str, message: str, **more: Any) -> None:
        findings.append(Finding(code=code, message=message, file=file, row=row, **more))

    for index, raw in enumerate(names):
        name = known.get(raw.strip()) or known.get(raw.strip().lower())
        if name is None and raw.strip() not in _HARMLESS:
            hint = nearest(raw, [*known, *_HARMLESS])
            message = "the column is not understood" + (f"; nearest: {hint}" if hint else "")
            wrong(
                "unknown-column",
                message,
                column=raw,
                accepted=", ".join([*known, *_HARMLESS]),
                fix="rename it to an accepted name, or take it out",
            )
        elif name is not None and name in places:
            wrong("duplicate-column", f"two columns are {name}", column=raw)
        elif name is not None:
            places[name] = index
    for name in ("kind", "issued_at", "office"):
        if name not in places:
            wrong("no-column", f"no column {name}", accepted=", ".join(_HEADERS[name]))
    if findings:
        raise BadInputError(file, findings)
    return places


class _NotUnderstoodError(Exception):
    """A cell of a row is not understood: code, message, column, what is accepted."""


class _Rows:
    """Turns the cells of a row into the notices that it holds; none, with a finding, where one is not understood."""

    def __init__(self, file: str, zone: ZoneInfo, header: list[str], places: Mapping[str, int]) -> None:
        self.file, self.zone, self.header, self.places = file, zone, header, places
        self.findings: list[Finding] = []
        self.rejected = 0

    def __call__(self, row: int, cells: list[str]) -> list[WeatherNotice]:
        try:
            if len(cells) != len(self.header):
                accepted = f"{len(self.header)} cells"
                raise _NotUnderstoodError("wrong-field-count", f"the row has {len(cells)} cells", "kind", accepted)
            return self._read(row, {name: cells[index].strip() for name, index in self.places.items()})
        except _NotUnderstoodError as error:
            self.rejected += 1
            self._tell(row, cells, *error.args)
            return []

    def _tell(self, row: int, cells: list[str], code: str, message: str, column: str, accepted: str) -> None:
        index = self.places.get(column, len(cells))
        value = cells[index] if index < len(cells) else ""
        named = self.header[self.places[column]] if column in self.places else column
        finding = Finding(
            code=code, message=message, file=self.file, row=row, column=named, value=value, accepted=accepted,
            severity="warning",
        )  # fmt: skip
        self.findings.append(finding)

    def _read(self, row: int, cells: dict[str, str]) -> list[WeatherNotice]:
        for name in ("kind", "office", "number"):
            if len(cells.get(name, "")) > LONGEST:
                raise _NotUnderstoodError("too-long", "no name can be so long", name, f"up to {LONGEST} characters")
        lifts = _lifts(cells.get("action", ""))
        office, kind = _office(cells["office"]), kind_of(cells["kind"])
        if not kind:
            raise _NotUnderstoodError("unknown-kind", "no kind of signal", "kind", "暴雨, rainstorm, ...")
        level = _colour(cells, lifts=lifts)
        issued_at = self._time(cells["issued_at"])
        number, area = cells.get("number", ""), cells.get("area", "")
        made = f"{office}|{kind}|{level}|{issued_at:%Y%m%dT%H%MZ}|{area}" + ("|lifted" if lifts else "")
        notice = WeatherNotice(
            notice_id=cells.get("notice_id") or made,
            lifts=lifts,
            kind=kind,
            level=level,
            number=number,
            issued_at=issued_at,
            valid_until=None if lifts else self._end(row, cells, issued_at),
            area=area,
            office=office,
            text=cells.get("text", ""),
            refers=tuple(cells.get("replaces", "").replace("、", " ").replace("，", " ").replace(",", " ").split()),
        )
        return [notice, *self._lifted(row, cells, notice)]

    def _time(self, cell: str) -> datetime:
        at = local_time(cell, self.zone)
        if at is None:
            accepted = "2021-07-20T06:02:00+08:00, or local 2021-07-20 06:02"
            raise _NotUnderstoodError("bad-time", "no time to the minute", "issued_at", accepted)
        return at

    def _end(self, row: int, cells: dict[str, str], issued_at: datetime) -> datetime | None:
        """Return the end of a signal; one that is not understood is told, and the signal goes on without it."""
        cell = cells.get("valid_until", "")
        return self._later(row, cell, "valid_until", issued_at) if cell else None

    def _later(self, row: int, cell: str, column: str, issued_at: datetime) -> datetime | None:
        at = local_time(cell, self.zone)
        if at is not None and at > issued_at:
            return at
        line = [cell if index == self.places[column] else "" for index in range(len(self.header))]
        message = "no time after the issue; taken as not stated"
        self._tell(row, line, "bad-end", message, column, "a time after issued_at, or an empty cell")
        return None

    def _lifted(self, row: int, cells: dict[str, str], notice: WeatherNotice) -> list[WeatherNotice]:
        """Return the lifting that a row of an issue has in a column of its own."""
        cell = cells.get("lifted_at", "")
        at = None if notice.lifts or not cell else self._later(row, cell, "lifted_at", notice.issued_at)
        if at is None:
            return []
        name = f"{notice.notice_id}|lifted"
        lifting = WeatherNotice(
            notice_id=name, lifts=True, kind=notice.kind, level=notice.level, number="", issued_at=at,
            valid_until=None, area=notice.area, office=notice.office, refers=(notice.notice_id,),
        )  # fmt: skip
        return [lifting]


def _lifts(cell: str) -> bool:
    word = cell.strip().lower()
    if word not in LIFTING and word not in _ISSUING:
        accepted = ", ".join([*filter(None, _ISSUING), *LIFTING])
        raise _NotUnderstoodError("unknown-action", "what was done is not understood", "action", accepted)
    return word in LIFTING


def _office(cell: str) -> str:
    if not is_weather_office(cell):
        accepted = "the name of a weather office (with 气象, meteorological or weather)"
        raise _NotUnderstoodError("not-a-weather-office", "not issued by a weather office", "office", accepted)
    return cell


def _colour(cells: dict[str, str], *, lifts: bool) -> Level:
    """Return the colour of a row: its own column, or what its kind says; both must agree."""
    stated, said = cells.get("colour", ""), colours_in(cells["kind"])
    level = colour_of(stated) if stated else next(iter(said), None) if len(said) == 1 else None
    if level is None and lifts and not stated:
        return Level.UNKNOWN
    if level is None:
        raise _NotUnderstoodError("unknown-colour", "no colour", "colour", "blue 蓝, yellow 黄, orange 橙, red 红")
    if said and said != {level}:
        colours = ", ".join(sorted(str(one) for one in said))
        raise _NotUnderstoodError("contradicts-itself", f"{level}, and {colours} in its kind", "colour", "one colour")
    return level
