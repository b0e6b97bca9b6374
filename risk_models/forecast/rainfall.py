"""The Rainfall dataset: what the forecast room hands to every room above it.

An `xarray.Dataset` with

- ``rain_mm(member, time, hotspot)`` float32, mm in the step; NaN is unknown and never dry;
- ``origin(time)`` int8: 0 observed, 1 nowcast, 2 forecast, 3 fallback;
- ``quality(time, hotspot)`` int8, QARTOD: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing;
- ``rain_std_mm(time, hotspot)`` float32, standard deviation of interpolation of observed steps, NaN elsewhere;
- coordinates ``time`` (datetime64[ns], UTC, END of the step, regular), ``hotspot`` (ids), ``member`` (0 to M-1);
- attributes of `Provenance`, in plain types; `blend` adds ``bias_factor`` (on the first hour of the forecast),
  ``nowcast_method`` (radar, persistence or none), ``gap_source``, ``forecast_members`` and ``forecast_step_h``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from risk_models.errors import BadInputError, Finding

__all__ = [
    "LADDER",
    "Origin",
    "Provenance",
    "Quality",
    "build_rainfall",
    "from_datetime64",
    "to_datetime64",
    "validate_rainfall",
    "with_sources",
]

DIMS = ("member", "time", "hotspot")


class Origin(IntEnum):
    """Where the rain of a step comes from."""

    OBSERVED = 0
    NOWCAST = 1
    FORECAST = 2
    FALLBACK = 3


class Quality(IntEnum):
    """QARTOD flag of a value; NOT_EVALUATED is not the same as GOOD."""

    GOOD = 1
    NOT_EVALUATED = 2
    SUSPECT = 3
    FAIL = 4
    MISSING = 9


# What the numbers stood on, in the words that every product prints.
LADDER: dict[int, tuple[str, str]] = {
    1: ("观测完整、及时", "observations complete and fresh"),
    2: ("观测及时，部分雨量站缺测，由其余站插值", "observations fresh, some gauges missing, filled from the others"),
    3: ("观测迟到不超过2小时，按最近有效雨强延续", "observations up to 2 h late, last valid intensity continued"),
    4: ("观测迟到不超过6小时，缺口由预报补足", "observations up to 6 h late, the gap filled from the forecast"),
    5: ("观测迟到过久，缺口雨量未知", "observations too late, rain in the gap unknown"),
    6: ("观测中断，近期雨量未知", "observations lost, recent rain unknown"),
}


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What a Rainfall dataset stood on.

    Attributes
    ----------
    valid_at : datetime
        Time of the cycle, aware; steps up to it are observed.
    issued_at : datetime or None
        Issue time of the forecast.
    observed_until : datetime or None
        End of the last step with any valid gauge value.
    gauges_used, gauges_expected : int
        Gauges with a valid value at `observed_until`, and gauges of the district.
    ladder_step : int
        1 (all is well) to 6 (observations lost); see `LADDER`.
    sources : sequence of mapping
        One per feed file: id, file, sha256, last_value_at.
    """

    valid_at: datetime
    issued_at: datetime | None = None
    observed_until: datetime | None = None
    gauges_used: int = 0
    gauges_expected: int = 0
    ladder_step: int = 1
    sources: Sequence[Mapping[str, str]] = field(default=())

    def to_attrs(self) -> dict[str, Any]:
        """Return the attributes of the dataset, in plain types."""
        zh, en = LADDER[self.ladder_step]
        return {
            "valid_at": _iso(self.valid_at),
            "issued_at": _iso(self.issued_at),
            "observed_until": _iso(self.observed_until),
            "gauges_used": int(self.gauges_used),
            "gauges_expected": int(self.gauges_expected),
            "ladder_step": int(self.ladder_step),
            "ladder_zh": zh,
            "ladder_en": en,
            "sources": _sources_json(self.sources),
        }


def to_datetime64(when: datetime) -> np.datetime64:
    """Return an aware time as datetime64[ns] in UTC.

    Raises
    ------
    ValueError
        If the time has no time zone.

    Examples
    --------
    >>> to_datetime64(datetime.fromisoformat("2021-07-20T17:00:00+08:00"))
    np.datetime64('2021-07-20T09:00:00.000000000')
    """
    if when.tzinfo is None:
        raise ValueError(f"time {when.isoformat()} has no time zone")
    return np.datetime64(when.astimezone(UTC).replace(tzinfo=None), "ns")


def from_datetime64(when: np.datetime64) -> datetime:
    """Return a datetime64 in UTC as an aware time.

    Examples
    --------
    >>> from_datetime64(np.datetime64("2021-07-20T09:00")).isoformat()
    '2021-07-20T09:00:00+00:00'
    """
    naive: datetime = when.astype("datetime64[us]").item()
    return naive.replace(tzinfo=UTC)


def build_rainfall(
    rain_mm: ArrayLike,
    *,
    time: ArrayLike,
    hotspot: Sequence[str],
    origin: ArrayLike,
    quality: ArrayLike,
    rain_std_mm: ArrayLike,
    provenance: Provenance,
) -> xr.Dataset:
    """Build a Rainfall dataset and check it.

    Parameters
    ----------
    rain_mm : array_like, shape (member, time, hotspot)
        Rain [mm] in the step; NaN is unknown.
    time : array_like of datetime64, shape (time,)
        End of each step, UTC, regular.
    hotspot : sequence of str
        Hotspot ids.
    origin : array_like, shape (time,)
        `Origin` of each step.
    quality : array_like, shape (time, hotspot)
        `Quality` of each value.
    rain_std_mm : array_like, shape (time, hotspot)
        Standard deviation [mm] of interpolation; NaN where not observed.
    provenance : Provenance

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    BadInputError
        If the result breaks the contract.

    Examples
    --------
    >>> ds = build_rainfall(np.zeros((1, 2, 1)), time=np.array(["2021-07-20T08", "2021-07-20T09"], "datetime64[ns]"),
    ...     hotspot=["EQ-001"], origin=[0, 0], quality=[[1], [1]], rain_std_mm=np.zeros((2, 1)),
    ...     provenance=Provenance(valid_at=datetime(2021, 7, 20, 9, tzinfo=UTC)))
    >>> dict(ds.sizes), ds.attrs["step_h"], ds.attrs["ladder_en"]
    ({'member': 1, 'time': 2, 'hotspot': 1}, 1.0, 'observations complete and fresh')
    """
    rain = np.asarray(rain_mm, dtype=np.float32)
    end = np.asarray(time, dtype="datetime64[ns]")
    dataset = xr.Dataset(
        {
            "rain_mm": (DIMS, rain, {"units": "mm", "cell_methods": "time: sum", "long_name": "rain in the step"}),
            "origin": (DIMS[1:2], np.asarray(origin, dtype=np.int8), _flag_attrs(Origin)),
            "quality": (DIMS[1:], np.asarray(quality, dtype=np.int8), _flag_attrs(Quality)),
            "rain_std_mm": (DIMS[1:], np.asarray(rain_std_mm, dtype=np.float32), {"units": "mm"}),
        },
        coords={
            "member": np.arange(rain.shape[0]),
            "time": ("time", end, {"long_name": "end of the step, UTC"}),
            "hotspot": np.asarray(hotspot, dtype=object),
        },
        attrs={**provenance.to_attrs(), "step_h": _step_h(end)},
    )
    return validate_rainfall(dataset)


def validate_rainfall(dataset: xr.Dataset) -> xr.Dataset:
    """Return the dataset unchanged if it keeps the Rainfall contract.

    Parameters
    ----------
    dataset : xarray.Dataset

    Returns
    -------
    xarray.Dataset
        The same object.

    Raises
    ------
    BadInputError
        If a variable, dimension, attribute or value breaks the contract; carries every finding.

    Examples
    --------
    >>> validate_rainfall(xr.Dataset())
    Traceback (most recent call last):
    ...
    BadInputError: Rainfall: 4 problems
    """
    findings = _layout_findings(dataset)
    if not findings:
        findings = [*_time_findings(dataset), *_value_findings(dataset), *_attr_findings(dataset)]
    if findings:
        raise BadInputError("Rainfall", findings)
    return dataset


def with_sources(dataset: xr.Dataset, sources: Sequence[Mapping[str, str]]) -> xr.Dataset:
    """Return the dataset with the feed files it stands on.

    Parameters
    ----------
    dataset : xarray.Dataset
    sources : sequence of mapping
        One per feed file: id, file, sha256, last_value_at.

    Returns
    -------
    xarray.Dataset

    Examples
    --------
    >>> with_sources(xr.Dataset(), [{"id": "gauges", "file": "gauges.csv"}]).attrs["sources"]
    '[{"file": "gauges.csv", "id": "gauges"}]'
    """
    return dataset.assign_attrs(sources=_sources_json(sources))


def _sources_json(sources: Sequence[Mapping[str, str]]) -> str:
    return json.dumps([dict(source) for source in sources], ensure_ascii=False, sort_keys=True)


def _flag_attrs(flags: type[IntEnum]) -> dict[str, Any]:
    return {
        "flag_values": np.array([int(flag) for flag in flags], dtype=np.int8),
        "flag_meanings": " ".join(flag.name.lower() for flag in flags),
    }


def _iso(when: datetime | None) -> str:
    if when is None:
        return ""
    if when.tzinfo is None:
        raise ValueError(f"time {when.isoformat()} has no time zone")
    return when.astimezone(UTC).isoformat()


def _step_h(end: NDArray[np.datetime64]) -> float:
    return float((end[1] - end[0]) / np.timedelta64(1, "h")) if len(end) > 1 else 1.0


def _bad(column: str, message: str, accepted: str = "", value: str | None = None) -> Finding:
    return Finding(code="bad-rainfall", message=message, file="rainfall", column=column, accepted=accepted, value=value)


def _layout_findings(dataset: xr.Dataset) -> list[Finding]:
    layout = {"rain_mm": DIMS, "origin": DIMS[1:2], "quality": DIMS[1:], "rain_std_mm": DIMS[1:]}
    findings = []
    for name, dims in layout.items():
        if name not in dataset:
            findings.append(_bad(name, "variable is missing"))
        elif dataset[name].dims != dims:
            findings.append(_bad(name, "wrong dimensions", ", ".join(dims), ", ".join(map(str, dataset[name].dims))))
    findings += [
        _bad(dim, "coordinate is missing") for dim in DIMS if dim in dataset.dims and dim not in dataset.coords
    ]
    return findings


def _time_findings(dataset: xr.Dataset) -> list[Finding]:
    end = dataset["time"].to_numpy()
    if end.dtype != np.dtype("datetime64[ns]"):
        return [_bad("time", "wrong type", "datetime64[ns], UTC", str(end.dtype))]
    steps = np.diff(end)
    if len(end) == 0 or not (steps == steps[:1]).all() or (steps <= np.timedelta64(0)).any():
        return [_bad("time", "must be a regular rising series of step ends", "at least one step")]
    return []


def _value_findings(dataset: xr.Dataset) -> list[Finding]:
    findings = []
    rain = dataset["rain_mm"].to_numpy()
    # NaN compares false, so unknown rain passes and negative or infinite rain does not.
    if (rain < 0).any() or np.isinf(rain).any():
        findings.append(_bad("rain_mm", "rain is negative or infinite", "0 mm or more, NaN for unknown"))
    for name, flags in (("origin", Origin), ("quality", Quality)):
        stray = sorted(set(np.unique(dataset[name].to_numpy()).tolist()) - {int(flag) for flag in flags})
        if stray:
            findings.append(_bad(name, "unknown flag", _flag_attrs(flags)["flag_meanings"], str(stray)))
    ids = dataset["hotspot"].to_numpy()
    if len(set(ids)) != len(ids):
        findings.append(_bad("hotspot", "hotspot ids are not unique"))
    return findings


def _attr_findings(dataset: xr.Dataset) -> list[Finding]:
    names = ["valid_at", "issued_at", "observed_until", "step_h", "gauges_used", "gauges_expected"]
    names += ["ladder_step", "ladder_zh", "ladder_en", "sources"]
    findings = [_bad(name, "attribute is missing") for name in names if name not in dataset.attrs]
    if dataset.attrs.get("ladder_step", 1) not in LADDER:
        findings.append(_bad("ladder_step", "unknown step", "1 to 6", str(dataset.attrs["ladder_step"])))
    if "valid_at" in dataset.attrs and not findings:
        valid_at = to_datetime64(datetime.fromisoformat(dataset.attrs["valid_at"]))
        late = (dataset["origin"].to_numpy() == Origin.OBSERVED) & (dataset["time"].to_numpy() > valid_at)
        if late.any():
            findings.append(_bad("origin", "a step after valid_at is marked observed"))
    return findings
