"""What is now and what is ahead of every hotspot, for the page: a letter a state, a digit a level, minutes for times.

Tables of earlier releases did not tell the two apart: their hours are marked, and nothing is drawn for them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from reports.words import is_missing, plain
from risk_models.levels import Level
from risk_models.observation import Now
from risk_models.risk.criteria import OrderPhase
from risk_models.risk.depth_words import standing_words
from risk_models.risk.windows import WINDOWS_H, window_name

__all__ = ["now_and_ahead"]

#: In the order of the legend: what must be looked at first stands first.
_LETTERS: Final = {Now.STANDS: "s", Now.UNCONFIRMED: "c", Now.MAY_STAND: "m", Now.UNKNOWN: "u", Now.DRY: "d"}
#: How near what is ordered is; kinds that are not assessed are told apart from rain that is unknown.
_PHASES: Final = {
    OrderPhase.OCCURRED: "o", OrderPhase.ACT: "a", OrderPhase.PREPARE: "p", OrderPhase.WATCH: "w", OrderPhase.NONE: "n",
    OrderPhase.UNKNOWN: "u", OrderPhase.NOT_ASSESSED: "x",
}  # fmt: skip
_TIMES: Final = ("onset_unfavourable_at", "danger_from", "danger_to")
_WINDOWS: Final = tuple(map(window_name, WINDOWS_H))


def now_and_ahead(tables: Sequence[pd.DataFrame], moments: Sequence[pd.Timestamp]) -> dict[str, Any]:
    """Return both facts of every hour and hotspot as plain types.

    Parameters
    ----------
    tables : sequence of DataFrame
        Risk tables, all in the order of the hotspots of the page.
    moments : sequence of Timestamp
        Their times, UTC.

    Returns
    -------
    dict
        ``states``, ``phases`` and ``windows`` (what there is), ``told`` (hours that tell now from ahead), and by hour
        ``now`` and ``phase`` (a letter a hotspot), ``seen`` (see `_seen`), ``ahead`` (a level a window and hotspot, u
        unknown), ``aheadChance`` (of 15 cm by window and hotspot [%], -1 unknown; nothing for a window beyond the
        horizon) and ``danger`` (first passing in the unfavourable case, begin and end of the most dangerous window, in
        steps of ``dangerStep`` minutes after the hour; -1 none).
    """
    observers: dict[str, int] = {}
    depths: dict[tuple[str, str], int] = {}
    pairs = list(zip(tables, moments, strict=True))
    danger = [_minutes_after(table, at) for table, at in pairs]
    step = math.gcd(*(minutes for hour in danger for minutes in hour if minutes > 0)) or 1
    return {
        "states": [[letter, str(state), state.zh, state.en] for state, letter in _LETTERS.items()],
        "phases": {letter: [phase.zh, phase.en] for phase, letter in _PHASES.items()},
        "windows": [list(window_h) for window_h in WINDOWS_H],
        "told": [bool((table["place"] > 0).any()) for table in tables],
        "now": ["".join(map(_letter, table["now"])) for table in tables],
        "phase": ["".join(map(_phase, table["order_phase"])) for table in tables],
        "seen": [_seen(table, at, observers, depths) for table, at in pairs],
        "observers": list(observers),
        "depthWords": [list(words) for words in depths],
        "ahead": [_levels(table) for table in tables],
        "aheadChance": [_chances(table) for table in tables],
        "danger": [[minutes // step if minutes > 0 else minutes for minutes in hour] for hour in danger],
        "dangerStep": step,
    }


def _letter(state: Any) -> str:
    return _LETTERS[Now.UNKNOWN if is_missing(state) else Now(state)]


def _phase(phase: Any) -> str:
    return _PHASES[OrderPhase.UNKNOWN if is_missing(phase) else OrderPhase(phase)]


def _seen(
    table: pd.DataFrame, at: pd.Timestamp, observers: dict[str, int], depths: dict[tuple[str, str], int]
) -> list[list[int]]:
    """Return a row for each hotspot that was seen, or where water stands or stood and nobody has looked since.

    A row is [hotspot, observer or -1, minutes since the sight or -1, minutes since water stands or -1, depth or -1];
    observer and depth are numbers in lists of words.
    """
    rows = []
    columns = ["now", "now_by", "now_seen_at", "now_since", "now_class", "observed_depth_m"]
    told: Iterable[Any] = table[columns].itertuples(index=False)
    for spot, row in enumerate(told):
        by, is_wet = plain(row.now_by), row.now in (Now.STANDS, Now.UNCONFIRMED)
        if not by and not is_wet:
            continue
        words = standing_words(int(row.now_class), row.observed_depth_m) if is_wet else None
        who = observers.setdefault(by, len(observers)) if by else -1
        depth = -1 if words is None else depths.setdefault(words, len(depths))
        rows.append([spot, who, _minutes_ago(row.now_seen_at, at), _minutes_ago(row.now_since, at), depth])
    return rows


def _minutes_ago(time: Any, at: pd.Timestamp) -> int:
    return -1 if is_missing(time) else max(round((at - time) / pd.Timedelta(minutes=1)), 0)


def _levels(table: pd.DataFrame) -> str:
    codes = table[[f"level_{name}" for name in _WINDOWS]].fillna(int(Level.UNKNOWN)).astype(int).to_numpy()
    return "".join("u" if code < 0 else str(code) for code in codes.ravel())


def _chances(table: pd.DataFrame) -> list[list[int]]:
    return [_percent(table[f"p_15cm_{name}"].to_numpy(np.float64)) for name in _WINDOWS]


def _percent(shares: npt.NDArray[np.float64]) -> list[int]:
    known = np.isfinite(shares)
    return [int(number) for number in np.where(known, np.rint(100.0 * shares), -1)] if known.any() else []


def _minutes_after(table: pd.DataFrame, at: pd.Timestamp) -> list[int]:
    """Return the times of each hotspot in turn; one that is past is now."""
    times = [pd.to_datetime(table[name], utc=True) for name in _TIMES]
    minutes = np.column_stack([((column - at) / pd.Timedelta(minutes=1)).to_numpy(np.float64) for column in times])
    return [int(number) for number in np.where(np.isfinite(minutes), np.maximum(np.rint(minutes), 0), -1).ravel()]
