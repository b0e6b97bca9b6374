"""Settings of retention: what is kept how long. What a bulletin, warning, message or report needs stays anyhow."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from risk_models.district.files import Record

__all__ = ["RetentionSettings"]

_LONGEST = 36_500


class RetentionSettings(Record):
    """How long each kind is kept, in days; None keeps it for ever.

    An age counts from when something was written last, or from the time it is about if that is later.

    Attributes
    ----------
    raw_days : int or None
        Files of feeds as received: forecasts, maps of rain, and whatever was refused.
    gauge_tables_days : int or None
        Gauge tables as received. They are the district's own record of rain: outlooks reach three years back in them.
    risk_days : int or None
        Risk tables of cycles.
    geojson_days : int or None
        The same as GeoJSON, of hours without a level; the others stay with their tables, and so does the newest.
    body_days : int or None
        Bytes of messages, after their time is over. That they were sent, to whom and how, stays.
    bulletin_days : int or None
        Files of bulletins, and drafts of what was never signed.
    register_days : int or None
        Versions of the register that are in force no more.
    log_days : int or None
        Log files of our own that nobody writes any more.
    leftover_days : int
        What killed runs left half-written.
    airflow_days : int or None
        Runs and tasks in Airflow's database, and its log files.
    """

    raw_days: Annotated[int, Field(ge=14, le=_LONGEST)] | None = 92
    gauge_tables_days: Annotated[int, Field(ge=31, le=_LONGEST)] | None = None
    risk_days: Annotated[int, Field(ge=14, le=_LONGEST)] | None = 400
    geojson_days: Annotated[int, Field(ge=1, le=_LONGEST)] | None = 7
    body_days: Annotated[int, Field(ge=31, le=_LONGEST)] | None = 92
    bulletin_days: Annotated[int, Field(ge=365, le=_LONGEST)] | None = None
    register_days: Annotated[int, Field(ge=31, le=_LONGEST)] | None = 400
    log_days: Annotated[int, Field(ge=7, le=_LONGEST)] | None = 31
    leftover_days: Annotated[int, Field(ge=1, le=_LONGEST)] = 2
    airflow_days: Annotated[int, Field(ge=7, le=_LONGEST)] | None = 31
