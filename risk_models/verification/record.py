"""What was told and what came: one record, whether it is of real life (the ledger) or of an archive (a hindcast)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TypeAlias

import numpy as np
import pandas as pd

from risk_models.levels import Level
from risk_models.risk.criteria import within_columns
from risk_models.risk.table import town_levels

__all__ = ["CHANCES", "FLOOD_COLUMNS", "WARNING_COLUMNS", "VerificationRecord", "cycle_rows", "told_spans"]

FLOOD_COLUMNS = ("hotspot_id", "town_code", "started_at", "depth_m", "synthetic")
WARNING_COLUMNS = ("warning_id", "revision", "area_code", "level", "told_at", "valid_to", "is_end")

#: Columns of a risk table that hold the chance of a depth: p_5cm and so on.
CHANCES = re.compile(r"p_(\d+)cm")
_AMOUNTS = ("depth_p50_m", "obs_30min_mm", "obs_1h_mm", "fc_1h_mm_p50", "fc_3h_mm_p50", "soil_water_index_mm", "score")
_CLASSES = ("level", "likelihood", "impact")
#: What the rules of towns and other tables of criteria ask, in tables that have it.
_OF_ORDERS = ("kind", "people_in_water", "people_exposed", "order_phase", *within_columns())
_Span: TypeAlias = tuple[str, pd.Timestamp, pd.Timestamp]
#: Warning, town, when it was told, until when it holds, whether it reaches the level.
_Revision: TypeAlias = tuple[str, str, pd.Timestamp, pd.Timestamp, bool]


@dataclass(frozen=True, kw_only=True)
class VerificationRecord:
    """Cycles, floods and warnings of one time of one district.

    Attributes
    ----------
    cycles : DataFrame
        One row per cycle and hotspot, from `cycle_rows`.
    floods : DataFrame
        `FLOOD_COLUMNS`: ``started_at`` (UTC), ``depth_m`` (NaN if nobody measured); ``hotspot_id`` "" where only the
        town is known; ``synthetic`` (made up for a demonstration). Only those within the cycles and the horizon after
        them count.
    warnings : DataFrame
        `WARNING_COLUMNS`: revisions that were in force. ``told_at`` and ``valid_to`` (UTC).
    horizon_h : float
        Hours that a chance and a level are told for [h].
    zone : str
        Local time zone.
    flood_season : (str, str)
        First and last day, MM-DD.
    """

    cycles: pd.DataFrame
    floods: pd.DataFrame
    warnings: pd.DataFrame
    horizon_h: float
    zone: str
    flood_season: tuple[str, str] = ("05-15", "09-30")

    @property
    def begin(self) -> pd.Timestamp:
        """First cycle, UTC."""
        return pd.Timestamp(self.cycles["valid_at"].min())

    @property
    def end(self) -> pd.Timestamp:
        """Last cycle, UTC."""
        return pd.Timestamp(self.cycles["valid_at"].max())

    @property
    def floods_within(self) -> pd.DataFrame:
        """Floods that a cycle of the record could have told: after the first, up to the horizon of the last."""
        at = self.floods["started_at"]
        last = self.end + pd.Timedelta(hours=self.horizon_h)
        return self.floods[(at > self.begin) & (at <= last)].reset_index(drop=True)


def cycle_rows(table: pd.DataFrame, signals: pd.DataFrame, *, source: str) -> pd.DataFrame:
    """Return what is kept of one cycle for its verification.

    Parameters
    ----------
    table : RiskTable
        With ``attrs["valid_at"]`` and ``attrs["ladder_step"]``.
    signals : DataFrame, index town_code
        Column ``level``: rain signals of the towns.
    source : str
        What the rain stood on, e.g. the feeds.

    Returns
    -------
    DataFrame
        One row per hotspot: ``valid_at`` (UTC), ``hotspot_id``, ``town_code``, ``town_level``, ``level``,
        ``likelihood``, ``impact``, ``signal`` (of the town; -1 unknown), ``ladder_step``, ``source``, every chance of a
        depth (``p_5cm``, ...), amounts of rain, depth and soil water in the units of the risk table, and what criteria
        of orders ask.
    """
    chances = [name for name in table.columns if CHANCES.fullmatch(str(name))]
    amounts = [name for name in (*_AMOUNTS, *_OF_ORDERS) if name in table]
    rows = pd.DataFrame(table[["town_code", *_CLASSES, *chances, *amounts]]).reset_index()
    rows.attrs = {}
    signal = rows["town_code"].map(signals["level"]).fillna(int(Level.UNKNOWN)).astype(int)
    at = pd.Timestamp(table.attrs["valid_at"]).tz_convert("UTC")
    town_level = rows["town_code"].map(town_levels(table)["level"])
    return rows.assign(
        town_level=town_level,
        signal=signal,
        valid_at=at,
        ladder_step=int(table.attrs["ladder_step"] or 1),
        source=source,
    )


def told_spans(warnings: pd.DataFrame, level: Level) -> pd.DataFrame:
    """Return when each town stood under a warning of a level or above, as told by the revisions of its warnings.

    A warning stands from the revision that reaches the level until one that is lower, ends it, or its validity.

    Parameters
    ----------
    warnings : DataFrame
        See `VerificationRecord`.
    level : Level

    Returns
    -------
    DataFrame
        ``town_code``, ``opened_at``, ``closed_at`` (UTC), by town, then time; as `match_floods` takes it.

    Examples
    --------
    >>> at = pd.to_datetime(["2021-07-20T05:00Z", "2021-07-20T07:00Z", "2021-07-20T09:00Z"])
    >>> warnings = pd.DataFrame({"warning_id": "W", "revision": [0, 1, 2], "area_code": "001", "level": [1, 4, 1],
    ...     "told_at": at, "valid_to": at + pd.Timedelta(hours=6), "is_end": False})
    >>> [f"{row.opened_at:%H} to {row.closed_at:%H}" for row in told_spans(warnings, Level.RED).itertuples()]
    ['07 to 09']
    """
    ordered = warnings.sort_values(["warning_id", "revision"], kind="stable")
    stands = (ordered["level"] >= int(level)) & ~ordered["is_end"].astype(bool)
    columns = (ordered["warning_id"], ordered["area_code"], ordered["told_at"], ordered["valid_to"], stands)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    spans = [span for _, revisions in groupby(rows, key=itemgetter(0)) for span in _spans_of(list(revisions))]
    table = pd.DataFrame(spans, columns=["town_code", "opened_at", "closed_at"]).astype({"town_code": "str"})
    for column in ("opened_at", "closed_at"):
        table[column] = pd.to_datetime(table[column], utc=True).dt.as_unit("ns")
    return table.sort_values(["town_code", "opened_at"], ignore_index=True)


def _spans_of(revisions: list[_Revision]) -> list[_Span]:
    """Return the spans of one warning."""
    spans: list[_Span] = []
    opened: pd.Timestamp | None = None
    until = pd.Timestamp.min.tz_localize("UTC")
    town = str(revisions[0][1])
    for _, _, at, valid_to, is_told in revisions:
        if opened is not None and (at > until or not is_told):
            spans.append((town, opened, min(at, until)))
            opened = None
        if is_told:
            opened, until = at if opened is None else opened, valid_to
    return spans if opened is None else [*spans, (town, opened, until)]


def seconds(times: pd.Series) -> np.ndarray:
    """Return aware times as whole seconds since 1970, UTC."""
    utc = pd.to_datetime(times, utc=True).dt.tz_localize(None).astype("datetime64[s]")
    return np.asarray(utc.astype(np.int64).to_numpy())
