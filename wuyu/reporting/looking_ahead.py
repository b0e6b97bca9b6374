"""The outlook of a report: the record of the district as known then, and what it says of the span to come."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr

from risk_models.outlook.assess import assess_outlook
from risk_models.outlook.period_outlook import PeriodOutlook
from risk_models.outlook.periods import Span
from risk_models.outlook.rain_record import join_record, read_rain_record
from risk_models.outlook.seasonal import TercileForecast, read_tercile_table
from wuyu.rain import gauge_rain

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = ["KnownRecord", "hourly_table", "known_record", "outlook_of", "table_hash"]

#: How far back gauge tables are read to carry the long record on, or to stand in for one.
REACH = timedelta(days=3 * 366)
_KEPT = 4

_outlooks: OrderedDict[str, PeriodOutlook] = OrderedDict()


@dataclass(frozen=True, kw_only=True)
class KnownRecord:
    """The rain record as it was known, and the seasonal forecasts.

    Attributes
    ----------
    rain_mm : DataFrame (hour, gauge)
    forecasts : tuple of TercileForecast
    is_synthetic : bool
        True if a part of the record was generated.
    hashes : dict of str to str
        Of what it was made from.
    """

    rain_mm: pd.DataFrame
    forecasts: tuple[TercileForecast, ...]
    is_synthetic: bool
    hashes: dict[str, str]


def known_record(desk: Desk, *, as_of: datetime, known_at: datetime) -> KnownRecord:
    """Return the record of the district up to `as_of`: the long record, carried on by what the gauges reported.

    Parameters
    ----------
    desk : Desk
    as_of : datetime
        Hours after it are left out.
    known_at : datetime
        Wall time: gauge tables that came in later are left out.
    """
    settings, root = desk.settings, desk.root
    hashes: dict[str, str] = {}
    columns = [str(gauge) for gauge in desk.district.gauges.index]
    long_record = pd.DataFrame(columns=columns, index=pd.DatetimeIndex([], tz="UTC"), dtype=float)
    begin = as_of - REACH
    if settings.rain_record is not None:
        path = root / settings.rain_record.path
        long_record = read_rain_record(path)
        long_record = long_record[long_record.index <= pd.Timestamp(as_of)]
        hashes["rain_record"] = _sha256(path.read_bytes())
        # Hours at its end without a value are left to the gauge tables.
        known = long_record.index[long_record.notna().any(axis=1)]
        if len(known):
            begin = max(begin, known[-1].to_pydatetime())
    found = gauge_rain(desk, begin=begin, end=as_of, known_at=known_at)
    observed = hourly_table(found.rain)
    hashes["observed_record"] = table_hash(observed)
    forecasts: tuple[TercileForecast, ...] = ()
    if settings.seasonal_forecasts is not None:
        path = root / settings.seasonal_forecasts
        forecasts, hashes["seasonal_forecasts"] = read_tercile_table(path), _sha256(path.read_bytes())
    return KnownRecord(
        rain_mm=join_record(long_record, observed) if len(observed) else long_record,
        forecasts=forecasts,
        is_synthetic=bool(settings.rain_record and settings.rain_record.synthetic),
        hashes=hashes,
    )


def outlook_of(desk: Desk, span: Span, record: KnownRecord, *, as_of: datetime) -> PeriodOutlook:
    """Return the outlook of a span; the same question asked again in this process is answered from memory.

    Parameters
    ----------
    desk : Desk
    span : Span
    record : KnownRecord
    as_of : datetime
    """
    asked = [desk.district.content_hash, repr(span), as_of.isoformat(), repr(record.forecasts)]
    asked += [table_hash(record.rain_mm), str(record.is_synthetic), repr(desk.standards)]
    key = _sha256("\n".join(asked).encode())
    if key not in _outlooks:
        _outlooks[key] = assess_outlook(
            desk.district,
            desk.terrain,
            desk.standards,
            record.rain_mm,
            span,
            forecasts=record.forecasts,
            as_of=as_of,
            is_synthetic=record.is_synthetic,
        )
        while len(_outlooks) > _KEPT:
            _outlooks.popitem(last=False)
    return _outlooks[key]


def hourly_table(rain: xr.Dataset) -> pd.DataFrame:
    """Return gauge rain as a table (hour END UTC, gauge) without holes, mm; NaN unknown."""
    table = pd.DataFrame(
        rain["rain_mm"].transpose("time", "gauge").to_numpy(),
        index=pd.DatetimeIndex(rain["time"].to_numpy()).tz_localize("UTC"),
        columns=[str(name) for name in rain["gauge"].to_numpy()],
    )
    return table.asfreq("h") if len(table) else table


def table_hash(table: pd.DataFrame) -> str:
    """Return the SHA-256 of a table of rain: its hours, its gauges and their values."""
    digest = hashlib.sha256("\n".join(map(str, table.columns)).encode())
    digest.update(pd.DatetimeIndex(table.index).as_unit("s").asi8.tobytes())
    digest.update(table.to_numpy(float).tobytes())
    return digest.hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
