"""Drains and pumps that are out of order for a time: the district's table of outages, each with an owner and an end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from risk_models.district.contracts import OUTAGE_KINDS
from risk_models.errors import Finding

__all__ = ["CapacityShares", "capacity_shares", "outage_notes", "outage_summary", "refused_summary"]

Array = npt.NDArray[np.float64]

_WORDS = {"drain": ("排水管网", "drains"), "pump": ("水泵", "pumps")}
#: Outages named in full in a summary; of more only the number is told.
_NAMED_MOST = 5


@dataclass(frozen=True)
class CapacityShares:
    """Share of drain and of pump capacity that works, 0-1.

    Attributes
    ----------
    drain, pump : ndarray (H, T), or (H, 1) if the same in all steps
    """

    drain: Array
    pump: Array

    @classmethod
    def whole(cls, n_hotspots: int) -> CapacityShares:
        """Return that everything works."""
        return cls(np.ones((n_hotspots, 1)), np.ones((n_hotspots, 1)))

    def take(self, rows: npt.NDArray[np.intp] | slice) -> CapacityShares:
        """Return the same for some hotspots."""
        return CapacityShares(np.ascontiguousarray(self.drain[rows]), np.ascontiguousarray(self.pump[rows]))

    def steps(self, steps: slice) -> CapacityShares:
        """Return the same for some steps."""
        return CapacityShares(np.ascontiguousarray(self.drain[:, steps]), np.ascontiguousarray(self.pump[:, steps]))

    @property
    def least(self) -> Array:
        """Least share of either in any step (H,)."""
        if not self.drain.shape[1]:
            return np.ones(len(self.drain))
        return np.asarray(np.minimum(self.drain.min(axis=1), self.pump.min(axis=1)))


def capacity_shares(
    outages: pd.DataFrame | None, hotspot_ids: Sequence[str], step_ends: pd.DatetimeIndex, *, step_h: float
) -> CapacityShares:
    """Return what share of drains and pumps works at each hotspot in each step.

    A step is touched by an outage that is in force in any part of it. Of several outages of one thing the worst
    counts: two reports of one fault are not two faults.

    Parameters
    ----------
    outages : DataFrame or None
        As `District.outages`.
    hotspot_ids : sequence of str
        H hotspots; outages of others are passed over.
    step_ends : DatetimeIndex (T,)
        Ends of the steps, with time zone.
    step_h : float
        Length of a step, hours.

    Returns
    -------
    CapacityShares

    Examples
    --------
    >>> table = pd.DataFrame({"hotspot_id": ["A"], "what": ["pump"], "remaining_share": [0.5], "owner": ["pump crew"],
    ...     "since": [pd.Timestamp("2021-07-20T08:30Z")], "expires": [pd.Timestamp("2021-07-20T10:00Z")]})
    >>> ends = pd.date_range("2021-07-20T08:00Z", periods=4, freq="h")
    >>> capacity_shares(table, ["A", "B"], ends, step_h=1.0).pump.tolist()
    [[1.0, 0.5, 0.5, 1.0], [1.0, 1.0, 1.0, 1.0]]
    """
    rows = {name: row for row, name in enumerate(hotspot_ids)}
    mine = None if outages is None else outages[outages["hotspot_id"].isin(rows)]
    if mine is None or mine.empty:
        return CapacityShares.whole(len(hotspot_ids))
    shares = {kind: np.ones((len(hotspot_ids), len(step_ends))) for kind in OUTAGE_KINDS}
    begins = step_ends - pd.Timedelta(hours=step_h)
    for outage in _rows(mine):
        inside = (step_ends > outage.since) & (begins < outage.expires)
        series = shares[str(outage.what)][rows[str(outage.hotspot_id)]]
        series[inside] = np.minimum(series[inside], float(outage.remaining_share))
    return CapacityShares(shares["drain"], shares["pump"])


def outage_notes(
    outages: pd.DataFrame | None, begin: pd.Timestamp, end: pd.Timestamp, *, zone: str
) -> dict[str, tuple[str, str]]:
    """Say what is out of order at each hotspot at some time between two moments, who answers for it, and until when.

    Parameters
    ----------
    outages : DataFrame or None
        As `District.outages`.
    begin, end : Timestamp
        With time zone.
    zone : str
        Of the times in the words.

    Returns
    -------
    dict of str to (str, str)
        Hotspot to its clause in Chinese and English; hotspots without an outage have none.

    Examples
    --------
    >>> table = pd.DataFrame({"hotspot_id": ["A"], "what": ["pump"], "remaining_share": [0.5], "owner": ["pump crew"],
    ...     "since": [pd.Timestamp("2021-07-20T08:30Z")], "expires": [pd.Timestamp("2021-07-20T10:00Z")]})
    >>> now = pd.Timestamp("2021-07-20T09:00Z")
    >>> outage_notes(table, now, now + pd.Timedelta(hours=24), zone="Asia/Shanghai")["A"][1]
    'pumps at 50% until 20 July 18:00 (pump crew answers for it)'
    """
    if outages is None:
        return {}
    clauses: dict[str, list[tuple[str, str]]] = {}
    for outage in _rows(outages[(outages["since"] < end) & (outages["expires"] > begin)]):
        until = outage.expires.tz_convert(ZoneInfo(zone))
        zh, en = _WORDS[str(outage.what)]
        share = f"{100 * float(outage.remaining_share):.0f}%"
        clauses.setdefault(str(outage.hotspot_id), []).append(
            (
                f"{zh}能力仅余{share}（{outage.owner}负责，至{until:%-m月%-d日%H:%M}）",
                f"{en} at {share} until {until:%-d %B %H:%M} ({outage.owner} answers for it)",
            )
        )
    return {
        name: ("、".join(zh for zh, _ in said), " and ".join(en for _, en in said)) for name, said in clauses.items()
    }


def outage_summary(outages: pd.DataFrame | None, at: pd.Timestamp, *, zone: str) -> tuple[str, str]:
    """Sum up the table at one moment: what is in force, and what has expired and is no longer counted.

    Parameters
    ----------
    outages : DataFrame or None
        As `District.outages`.
    at : Timestamp
        With time zone.
    zone : str
        Of the times in the words.

    Returns
    -------
    str, str
        A sentence in Chinese and in English; both empty without a table or without rows.

    Examples
    --------
    >>> table = pd.DataFrame({"hotspot_id": ["A"], "what": ["pump"], "remaining_share": [0.5], "owner": ["pump crew"],
    ...     "since": [pd.Timestamp("2021-07-20T08:30Z")], "expires": [pd.Timestamp("2021-07-20T10:00Z")]})
    >>> outage_summary(table, pd.Timestamp("2021-07-20T11:00Z"), zone="Asia/Shanghai")[1]
    'Out of order: 0; expired and not counted: 1 (A pumps, 20 July 18:00, pump crew).'
    """
    if outages is None or outages.empty:
        return "", ""
    expired = outages[outages["expires"] <= at].sort_values("expires", ascending=False, kind="stable")
    in_force = int(((outages["since"] <= at) & (outages["expires"] > at)).sum())
    zh = f"排水设施停用台账：有效{in_force}条，已到期不计{len(expired)}条"
    en = f"Out of order: {in_force}; expired and not counted: {len(expired)}"
    if len(expired):
        said = [_expired(row, ZoneInfo(zone)) for row in _rows(expired.head(_NAMED_MOST))]
        more = len(expired) > len(said)
        zh += f"（{'；'.join(text for text, _ in said)}{'等' if more else ''}）"
        en += f" ({'; '.join(text for _, text in said)}{'; and more' if more else ''})"
    return f"{zh}。", f"{en}."


def refused_summary(refused: Sequence[Finding]) -> tuple[str, str]:
    """Say that a faulty table was left out, and what that means.

    Parameters
    ----------
    refused : sequence of Finding
        As `District.outages_refused`.

    Returns
    -------
    str, str
        A sentence in Chinese and in English; both empty without findings.

    Examples
    --------
    >>> slip = Finding(code="range", message="out of range", file="outages.csv", row=3, column="remaining_share")
    >>> print(refused_summary([slip])[1])
    The table of outages is faulty and not counted (1 error, first: outages.csv row 3, remaining_share): all drains \
and pumps are taken to work, depths may come out too low.
    """
    if not refused:
        return "", ""
    first, count = refused[0], len(refused)
    zh_place, en_place = first.file, first.file
    if first.row is not None:
        zh_place, en_place = f"{zh_place}第{first.row}行", f"{en_place} row {first.row}"
    if first.column:
        zh_place, en_place = f"{zh_place}{first.column}列", f"{en_place}, {first.column}"
    return (
        f"排水设施停用台账有错，整表未采用（共{count}处，首处：{zh_place}）：暂按设施全部正常计算，积水可能偏低。",
        f"The table of outages is faulty and not counted ({count} error{'s' if count > 1 else ''}, first: {en_place}): "
        "all drains and pumps are taken to work, depths may come out too low.",
    )


def _expired(row: Any, zone: ZoneInfo) -> tuple[str, str]:
    zh, en = _WORDS[str(row.what)]
    at = row.expires.tz_convert(zone)
    return (
        f"{row.hotspot_id}{zh}{at:%-m月%-d日%H:%M}，{row.owner}",
        f"{row.hotspot_id} {en}, {at:%-d %B %H:%M}, {row.owner}",
    )


def _rows(table: pd.DataFrame) -> Iterator[Any]:
    return iter(table.itertuples())
