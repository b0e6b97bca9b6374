"""Rain from answers of the Open-Meteo interface: forecasts and ensembles in JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from risk_models.errors import refuse
from risk_models.forecast.rainfall import to_datetime64
from risk_models.forecast.readers.field import Header, build_field, check_sizes, reading_of, scaled
from risk_models.forecast.readers.reading import FileReading, gunzip, read_bytes
from risk_models.forecast.readers.units import rain_unit

__all__ = ["load_json", "read_open_meteo"]

LIMIT_BYTES = 64 * 1024 * 1024
LIMITS = {"point": 5000, "member": 200, "time": 20_000}
BLOCKS = {"hourly": 1.0, "minutely_15": 0.25}
MAX_OFFSET_S = 14 * 3600


def read_open_meteo(
    path: Path | str, *, variable: str | None = None, issued_at: datetime | None = None
) -> tuple[xr.Dataset, FileReading]:
    """Read one answer: an object, or a list with one object per place.

    Parameters
    ----------
    path : Path or str
    variable : str, optional
        Name in the answer. If not given: ``precipitation`` (rain, showers and snow), else ``rain`` with ``showers``
        added if it is there. Members are the variables of this name with ``_member01`` and so on behind; the one
        without is member 0.
    issued_at : datetime, optional
        Issue time, aware; the answer does not carry it.

    Returns
    -------
    xarray.Dataset
        See `field`; ``rain_mm(member, time, point)``, with ``lat`` and ``lon`` of the grid cell of each point.
        Open-Meteo sums the hour before the time, so its times are ENDS. They are local with ONE offset for the whole
        answer (``utc_offset_seconds``), also over a change of summer time.
    FileReading

    Raises
    ------
    BadInputError
        If it is no such answer, or an error answer (its reason is quoted), or a unit, time or size is absurd.

    References
    ----------
    Open-Meteo documentation, Weather Forecast API: hourly precipitation is the sum of the preceding hour.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "answer.json"
    ...     _ = path.write_text('{"latitude": 34.75, "longitude": 113.625, "utc_offset_seconds": 28800, "hourly_units":'
    ...         '{"time": "iso8601", "precipitation": "inch"}, "hourly": {"time": ["2021-07-20T17:00"],'
    ...         '"precipitation": [1.5]}}')
    ...     rain, reading = read_open_meteo(path)
    >>> round(float(rain.rain_mm[0, 0, 0]), 1), str(rain.time.to_numpy()[0])[:16]
    (38.1, '2021-07-20T09:00')
    """
    path = Path(path)
    file = path.name
    data, sha256 = read_bytes(path, limit_bytes=LIMIT_BYTES)
    answer = load_json(gunzip(data, file=file, limit_bytes=LIMIT_BYTES), file)
    places = answer if isinstance(answer, list) else [answer]
    check_sizes(file, {"point": len(places)}, LIMITS, code="bad-answer")
    first = _Place(places[0], file)
    names = first.names(variable)
    read = [first.rain(names)]
    lat, lon = [first.degrees("latitude", 90)], [first.degrees("longitude", 180)]
    for index, content in enumerate(places[1:], start=2):
        place = _Place(content, f"{file}, place {index}")
        if place.block != first.block or not np.array_equal(place.ends, first.ends):
            refuse(file, "bad-answer", "places have different times", value=f"place {index}")
        read.append(place.rain(names))
        lat.append(place.degrees("latitude", 90))
        lon.append(place.degrees("longitude", 180))
    header = Header(
        kind="open_meteo",
        file=file,
        sha256=sha256,
        variable=" + ".join(sorted({_stem(name) for group in names.values() for name in group})),
        unit=first.unit(next(iter(names.values()))[0])[0],
        label="end",
        issued_at=issued_at,
    )
    dataset = build_field(
        np.stack(read, axis=-1),
        ("member", "time", "point"),
        end=first.ends,
        interval_h=BLOCKS[first.block],
        coords={"member": list(names), "lat": ("point", lat), "lon": ("point", lon)},
        header=header,
    )
    return dataset, reading_of(dataset, "JSON")


def load_json(data: bytes, file: str) -> Any:
    """Return the content of JSON bytes, refusing what is none, with the start of it.

    Raises
    ------
    BadInputError
        Also for the constants NaN and Infinity, which JSON does not have, and nesting beyond all use.

    Examples
    --------
    >>> load_json(b"<html>504 Gateway Time-out</html>", "answer.json")
    Traceback (most recent call last):
    ...
    BadInputError: answer.json: 1 problem
      answer.json: is no JSON (found '<html>504 Gateway Time-out</html>'). Fetch it again. [bad-json]
    """

    def constant(name: str) -> NoReturn:
        raise ValueError(name)

    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=constant)
    except (ValueError, RecursionError):
        start = data[:60].decode("utf-8", "replace").strip()
        refuse(file, "bad-json", "is no JSON", value=" ".join(start.split()), fix="fetch it again")


def _stem(name: str) -> str:
    return re.sub(r"_member\d+$", "", name)


class _Place:
    """The answer for one place, checked."""

    def __init__(self, content: Any, file: str) -> None:
        self.file = file
        if not isinstance(content, dict):
            refuse(file, "bad-answer", "is no answer of Open-Meteo", value=type(content).__name__)
        if content.get("error"):
            refuse(file, "error-answer", "the service answered with an error", value=content.get("reason"))
        self.content = content
        blocks = [name for name in BLOCKS if isinstance(content.get(name), dict)]
        if not blocks:
            refuse(
                file, "bad-answer", "no block of rain", value=", ".join(list(content)[:20]), accepted=", ".join(BLOCKS)
            )
        self.block = blocks[0]
        self.values: Mapping[str, Any] = content[self.block]
        units = content.get(f"{self.block}_units")
        self.units: Mapping[str, Any] = units if isinstance(units, dict) else {}
        self.ends = self._ends()

    def degrees(self, name: str, limit: float) -> float:
        value = self.content.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not -limit <= value <= limit:
            accepted = f"-{limit:g} to {limit:g} degrees"
            refuse(self.file, "bad-answer", "is out of bounds", column=name, value=value, accepted=accepted)
        return float(value)

    def names(self, variable: str | None) -> dict[int, list[str]]:
        """Return for every member the variables that make up its rain."""
        stems = ["precipitation"] if variable is None else [variable]
        if variable is None and not self._members("precipitation"):
            stems = ["rain", "showers"] if self._members("showers") else ["rain"]
        members = [self._members(stem) for stem in stems]
        if not members[0] or any(set(other) != set(members[0]) for other in members):
            held = ", ".join(name for name in self.values if name != "time")
            refuse(self.file, "no-rain", "no variable is rain", value=held, accepted=", ".join(stems))
        check_sizes(self.file, {"member": len(members[0])}, LIMITS, code="bad-answer")
        return {member: [names[member] for names in members] for member in sorted(members[0])}

    def _members(self, stem: str) -> dict[int, str]:
        found = {}
        for name in self.values:
            match = re.fullmatch(re.escape(stem) + r"(?:_member(\d{1,3}))?", name)
            if match:
                found[int(match[1] or 0)] = name
        return found

    def unit(self, name: str) -> tuple[str, float]:
        text = self.units.get(name)
        found = rain_unit(text) if isinstance(text, str) else None
        if found is None or found.is_rate:
            accepted = "mm, inch"
            refuse(self.file, "bad-unit", "is no unit of rain", column=name, value=text, accepted=accepted)
        return found.name, found.factor

    def rain(self, names: Mapping[int, Sequence[str]]) -> NDArray[np.float64]:
        """Return rain (member, time) [mm], NaN where the answer has null."""
        return np.stack([np.sum([self._series(name) for name in group], axis=0) for group in names.values()])

    def _series(self, name: str) -> NDArray[np.float64]:
        values = self.values.get(name)
        if not isinstance(values, list) or len(values) != len(self.ends):
            count = len(values) if isinstance(values, list) else None
            accepted = f"{len(self.ends)} values"
            refuse(
                self.file, "bad-answer", "as many values as times are due", column=name, value=count, accepted=accepted
            )
        for index, value in enumerate(values):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                message = f"value {index + 1} is no number"
                refuse(self.file, "bad-answer", message, column=name, value=value, accepted="a number or null")
        try:
            numbers = np.array([math.nan if value is None else float(value) for value in values])
        except OverflowError:
            refuse(self.file, "bad-answer", "a number is too large", column=name)
        return scaled(numbers, self.unit(name)[1]).astype(np.float64)

    def _ends(self) -> NDArray[np.datetime64]:
        texts = self.values.get("time")
        if not isinstance(texts, list) or not texts:
            refuse(self.file, "bad-answer", "no times", column="time")
        check_sizes(self.file, {"time": len(texts)}, LIMITS, code="bad-answer")
        offset = self.content.get("utc_offset_seconds")
        if isinstance(offset, bool) or not isinstance(offset, int) or abs(offset) > MAX_OFFSET_S:
            accepted = f"-{MAX_OFFSET_S} to {MAX_OFFSET_S}"
            refuse(
                self.file, "bad-time", "is out of bounds", column="utc_offset_seconds", value=offset, accepted=accepted
            )
        # Epoch seconds are UTC already; written times are local, all with the one offset.
        is_epoch = self.units.get("time") == "unixtime"
        ends = np.array([to_datetime64(self._moment(text, offset, is_epoch)) for text in texts])
        step = np.timedelta64(round(BLOCKS[self.block] * 3600), "s")
        if (np.diff(ends) != step).any():
            broken = texts[int(np.flatnonzero(np.diff(ends) != step)[0]) + 1]
            refuse(self.file, "bad-time", "times must rise by one regular step", value=broken, accepted=str(step))
        return ends

    def _moment(self, text: Any, offset_s: int, is_epoch: bool) -> datetime:
        try:
            if is_epoch and isinstance(text, int) and not isinstance(text, bool):
                when = datetime.fromtimestamp(text, UTC)
            else:
                local = datetime.fromisoformat(text)
                if local.tzinfo is not None:
                    raise ValueError(text)
                when = local.replace(tzinfo=UTC) - timedelta(seconds=offset_s)
        except (TypeError, ValueError, OverflowError, OSError):
            when = None
        if when is None or not 1900 <= when.year <= 2200:
            refuse(self.file, "bad-time", "time cannot be read", value=text, accepted="local, as 2021-07-20T17:00")
        return when
