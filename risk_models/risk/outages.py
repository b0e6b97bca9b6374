"""Drains and pumps that are out of order for a time, each with an owner and an end."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from risk_models.errors import BadInputError, Finding

__all__ = ["OUTAGE_COLUMNS", "CapacityShares", "capacity_shares", "check_outages"]

Array = npt.NDArray[np.float64]

#: Column: what it holds (unit).
OUTAGE_COLUMNS: dict[str, str] = {
    "hotspot_id": "hotspot of the register",
    "what": "drain or pump",
    "factor": "share of the capacity that still works, 0-1",
    "owner": "who answers for it",
    "valid_from": "time with time zone; from then on",
    "expires": "time with time zone, later; no longer in force from then on",
}
KINDS = ("drain", "pump")
#: How an empty cell reads as text.
NOBODY = ("", "nan", "None", "NaT", "<NA>")


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


def check_outages(outages: pd.DataFrame, hotspot_ids: Sequence[str]) -> list[Finding]:
    """Return everything wrong with a table of outages.

    Parameters
    ----------
    outages : DataFrame
        Columns `OUTAGE_COLUMNS`.
    hotspot_ids : sequence of str
        Of the register.

    Returns
    -------
    list of Finding

    Examples
    --------
    >>> [str(finding.column) for finding in check_outages(pd.DataFrame({"hotspot_id": ["A"]}), ["A"])]
    ['what', 'factor', 'owner', 'valid_from', 'expires']
    """
    missing = [name for name in OUTAGE_COLUMNS if name not in outages]
    if missing:
        return [
            _finding("outage-column", "a column is missing", name, None, None, OUTAGE_COLUMNS[name]) for name in missing
        ]
    known, findings = set(hotspot_ids), []
    for number, row in enumerate(outages[list(OUTAGE_COLUMNS)].itertuples(index=False), start=2):
        hotspot_id = str(row.hotspot_id)
        if hotspot_id not in known:
            near = difflib.get_close_matches(hotspot_id, hotspot_ids, n=1)
            accepted = f"a hotspot of the register{f', such as {near[0]}' if near else ''}"
            findings.append(_finding("outage-hotspot", "no such hotspot", "hotspot_id", number, hotspot_id, accepted))
        if row.what not in KINDS:
            findings.append(_finding("outage-what", "unknown capacity", "what", number, row.what, ", ".join(KINDS)))
        if not 0.0 <= _number(row.factor) <= 1.0:
            findings.append(_finding("outage-factor", "no share", "factor", number, row.factor, "0 to 1"))
        if str(row.owner).strip() in NOBODY:
            findings.append(_finding("outage-owner", "nobody answers for the outage", "owner", number, None, "a name"))
        times = [_time(value) for value in (row.valid_from, row.expires)]
        for name, value, given in zip(("valid_from", "expires"), times, (row.valid_from, row.expires), strict=True):
            if value is None:
                accepted = "a time with its time zone, such as 2021-07-20T08:00+08:00"
                findings.append(_finding("outage-time", "no time with time zone", name, number, given, accepted))
        if times[0] is not None and times[1] is not None and times[1] <= times[0]:
            findings.append(
                _finding(
                    "outage-order", "ends before it begins", "expires", number, row.expires, "later than valid_from"
                )
            )
    return findings


def capacity_shares(
    outages: pd.DataFrame | None, hotspot_ids: Sequence[str], step_ends: pd.DatetimeIndex, *, step_h: float
) -> CapacityShares:
    """Return what share of drains and pumps works at each hotspot in each step.

    A step is touched by an outage that is in force in any part of it. Of several outages of one thing the worst
    counts: two reports of one fault are not two faults.

    Parameters
    ----------
    outages : DataFrame or None
        Columns `OUTAGE_COLUMNS`.
    hotspot_ids : sequence of str
        H hotspots of the register.
    step_ends : DatetimeIndex (T,)
        Ends of the steps, with time zone.
    step_h : float
        Length of a step, hours.

    Returns
    -------
    CapacityShares

    Raises
    ------
    BadInputError
        If the table is not fit for use.

    Examples
    --------
    >>> table = pd.DataFrame({"hotspot_id": ["A"], "what": ["pump"], "factor": [0.5], "owner": ["Wang"],
    ...     "valid_from": ["2021-07-20T08:30Z"], "expires": ["2021-07-20T10:00Z"]})
    >>> ends = pd.date_range("2021-07-20T08:00Z", periods=4, freq="h")
    >>> capacity_shares(table, ["A", "B"], ends, step_h=1.0).pump.tolist()
    [[1.0, 0.5, 0.5, 1.0], [1.0, 1.0, 1.0, 1.0]]
    """
    if outages is None or outages.empty:
        return CapacityShares.whole(len(hotspot_ids))
    if findings := check_outages(outages, hotspot_ids):
        raise BadInputError("outages", findings)
    shares = {kind: np.ones((len(hotspot_ids), len(step_ends))) for kind in KINDS}
    rows = {name: row for row, name in enumerate(hotspot_ids)}
    begins = step_ends - pd.Timedelta(hours=step_h)
    for outage in outages[list(OUTAGE_COLUMNS)].itertuples(index=False):
        inside = (step_ends > pd.Timestamp(str(outage.valid_from))) & (begins < pd.Timestamp(str(outage.expires)))
        series = shares[str(outage.what)][rows[str(outage.hotspot_id)]]
        series[inside] = np.minimum(series[inside], _number(outage.factor))
    return CapacityShares(shares["drain"], shares["pump"])


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return float("nan")


def _time(value: object) -> pd.Timestamp | None:
    try:
        time = pd.Timestamp(str(value))
    except ValueError:
        return None
    return None if pd.isna(time) or time.tzinfo is None else time


def _finding(code: str, message: str, column: str, row: int | None, value: object, accepted: str) -> Finding:
    given = None if value is None else str(value)
    return Finding(
        code=code, message=message, file="outages", row=row, column=column, value=given, accepted=accepted,
        fix="correct the table of outages",
    )  # fmt: skip
