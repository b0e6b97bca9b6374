"""How a depth ahead of time is told: in centimetres only where the sag is known, else by depth classes with chances.

A depth is read off the volume curve of a sag. Where that curve comes from an elevation model, which cannot see kerbs,
fences and ramps, its centimetres mean nothing; the chance of passing a depth has that ignorance mixed in
(`risk_models.risk.spread`). Every product takes its words from here, so that none says more than is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

__all__ = [
    "DEPTH_CLASSES",
    "chance_text",
    "chances_words",
    "class_chances",
    "class_words",
    "depth_range",
    "depth_words",
    "least_standing_m",
    "sag_is_known",
    "standing_words",
]

Row = Mapping[Any, Any]  # of a table: its keys are Hashable to pandas

#: Column of the risk table with the chance that the peak passes a depth: the depth in Chinese and English, rising.
DEPTH_CLASSES: dict[str, tuple[str, str]] = {
    "p_5cm": ("5厘米", "5 cm"),
    "p_15cm": ("15厘米", "15 cm"),
    "p_27cm": ("27厘米", "27 cm"),
    "p_50cm": ("50厘米", "50 cm"),
    "p_lethal": ("致命水深", "lethal depth"),
}
_NAMED_IN_SENTENCES = ("p_15cm", "p_27cm", "p_50cm")
_UNKNOWN = ("未知", "unknown")
_MORE_LIKELY_THAN_NOT = 0.5
#: Least depth [m] that a count of depth classes standing now says; beyond 50 cm the lethal depth is the district's own.
_LEAST_OF_CLASS_M = (0.15, 0.15, 0.15, 0.27, 0.5, 0.5)


def sag_is_known(row: Row) -> bool:
    """Return True if the sag of a row is surveyed or learned; False too where a row does not say.

    Parameters
    ----------
    row : mapping
        One row of the risk table.

    Examples
    --------
    >>> sag_is_known({"sag_known": True}), sag_is_known({"sag_known": float("nan")}), sag_is_known({})
    (True, False, False)
    """
    known = row.get("sag_known")
    return bool(known) and _is_known(known)


def chance_text(chance: float) -> str:
    """Return a chance (0-1) as whole per cent, never as 0 % or 100 %: a model cannot know that.

    Examples
    --------
    >>> chance_text(0.634), chance_text(0.0), chance_text(1.0)
    ('63%', '<1%', '>99%')
    """
    if chance <= 0.005:
        return "<1%"
    return ">99%" if chance >= 0.995 else f"{chance * 100:.0f}%"


def class_chances(row: Row) -> tuple[float, ...]:
    """Return the chance that the peak lies in each depth class: below the first depth, between two, from the last on.

    Parameters
    ----------
    row : mapping
        With the columns of `DEPTH_CLASSES`; NaN where unknown.

    Returns
    -------
    tuple of float
        Six numbers that sum to 1; all NaN if any chance is unknown.

    Examples
    --------
    >>> row = {"p_5cm": 0.75, "p_15cm": 0.5, "p_27cm": 0.25, "p_50cm": 0.125, "p_lethal": 0.0}
    >>> class_chances(row)
    (0.25, 0.25, 0.25, 0.125, 0.125, 0.0)
    """
    passed = [_chance(row, name) for name in DEPTH_CLASSES]
    if None in passed:
        return (float("nan"),) * (len(passed) + 1)
    return tuple(least - deeper for least, deeper in pairwise([1.0, *passed, 0.0]))  # type: ignore[operator]


def class_words(row: Row) -> tuple[str, str]:
    """Return the deepest class that is passed more likely than not, else the shallowest, with its chance, for a cell.

    Parameters
    ----------
    row : mapping
        With columns of `DEPTH_CLASSES`; those that are absent or unknown are left out.

    Returns
    -------
    tuple of str
        Chinese and English.

    Examples
    --------
    >>> class_words({"p_5cm": 0.8, "p_15cm": 0.7, "p_27cm": 0.4, "p_50cm": 0.12, "p_lethal": 0.0})
    ('≥15厘米 70%', '≥15 cm 70%')
    >>> class_words({"p_5cm": 0.2, "p_15cm": 0.1}), class_words({"p_5cm": float("nan")})
    (('≥5厘米 20%', '≥5 cm 20%'), ('未知', 'unknown'))
    """
    passed = {name: chance for name in DEPTH_CLASSES if (chance := _chance(row, name)) is not None}
    if not passed:
        return _UNKNOWN
    likely = [name for name, chance in passed.items() if chance >= _MORE_LIKELY_THAN_NOT]
    name = likely[-1] if likely else next(iter(passed))
    zh, en = DEPTH_CLASSES[name]
    return f"≥{zh} {chance_text(passed[name])}", f"≥{en} {chance_text(passed[name])}"


def depth_range(low_m: float, high_m: float) -> tuple[str, str]:
    """Return from what to what water may stand, in one unit: centimetres below one metre, else metres.

    Parameters
    ----------
    low_m, high_m : float
        m; NaN unknown.

    Returns
    -------
    tuple of str
        Chinese and English.

    Examples
    --------
    >>> depth_range(0.0, 1.44), depth_range(0.05, 0.44), depth_range(0.0, 0.004), depth_range(float("nan"), 0.2)
    (('0—1.4米', '0 to 1.4 m'), ('5—44厘米', '5 to 44 cm'), ('无积水', 'no water'), ('未知', 'unknown'))
    """
    if not (_is_known(low_m) and _is_known(high_m)):
        return _UNKNOWN
    if high_m < 0.005:
        return "无积水", "no water"
    if high_m < 0.995:
        low, high, zh, en = f"{low_m * 100:.0f}", f"{high_m * 100:.0f}", "厘米", "cm"
    else:
        low, high, zh, en = "0" if low_m < 0.05 else f"{low_m:.1f}", f"{high_m:.1f}", "米", "m"
    if low == high:
        return f"{high}{zh}", f"{high} {en}"
    return f"{low}—{high}{zh}", f"{low} to {high} {en}"


def least_standing_m(now_class: int) -> float:
    """Return the least depth of water that stands now by the count of depth classes reached, m.

    Parameters
    ----------
    now_class : int
        Column of the risk table, 0-5. Water that stands is at least 15 cm deep.

    Examples
    --------
    >>> [least_standing_m(count) for count in (0, 2, 3, 5)]
    [0.15, 0.15, 0.27, 0.5]
    """
    return _LEAST_OF_CLASS_M[now_class]


def standing_words(now_class: int, observed_depth_m: float | None) -> tuple[str, str]:
    """Return how deep water stands now: as seen, else more than the deepest class reached.

    Parameters
    ----------
    now_class : int
        See `least_standing_m`.
    observed_depth_m : float or None
        m; None or NaN if nobody measured it.

    Returns
    -------
    tuple of str
        Chinese and English.

    Examples
    --------
    >>> standing_words(3, 0.42), standing_words(4, 1.32)
    (('42厘米', '42 cm'), ('1.3米', '1.3 m'))
    >>> standing_words(3, float("nan")), standing_words(1, None)
    (('超过27厘米', 'more than 27 cm'), ('超过15厘米', 'more than 15 cm'))
    """
    if _is_known(observed_depth_m):
        return depth_range(float(observed_depth_m), float(observed_depth_m))  # type: ignore[arg-type]
    zh, en = depth_range(least_standing_m(now_class), least_standing_m(now_class))
    return f"超过{zh}", f"more than {en}"


def depth_words(row: Row) -> tuple[str, str]:
    """Return the peak depth of a hotspot for a cell: median and 90 % quantile where the sag is known, else its class.

    Parameters
    ----------
    row : mapping
        One row of the risk table: ``sag_known``, ``depth_p50_m``, ``depth_p90_m`` [m], columns of `DEPTH_CLASSES`.

    Returns
    -------
    tuple of str
        Chinese and English.

    Examples
    --------
    >>> row = {"depth_p50_m": 0.33, "depth_p90_m": 1.274, "p_15cm": 0.7, "p_50cm": 0.12}
    >>> depth_words(row | {"sag_known": True}), depth_words(row | {"sag_known": False})
    (('33 / 127 厘米', '33 / 127 cm'), ('≥15厘米 70%', '≥15 cm 70%'))
    """
    if not sag_is_known(row):
        return class_words(row)
    if not (_is_known(row["depth_p50_m"]) and _is_known(row["depth_p90_m"])):
        return _UNKNOWN
    pair = f"{row['depth_p50_m'] * 100:.0f} / {row['depth_p90_m'] * 100:.0f}"
    return f"{pair} 厘米", f"{pair} cm"


def chances_words(row: Row) -> tuple[str, str]:
    """Return the chances of passing 15, 27 and 50 cm, for a sentence.

    Parameters
    ----------
    row : mapping
        With these columns of `DEPTH_CLASSES`.

    Returns
    -------
    tuple of str
        Chinese and English.

    Examples
    --------
    >>> chances_words({"p_15cm": 0.7, "p_27cm": 0.4, "p_50cm": float("nan")})
    ('超过15厘米的概率70%、27厘米40%、50厘米未知', 'chance of passing 15 cm is 70%, 27 cm 40%, 50 cm unknown')
    """
    zh, en = [], []
    of, is_ = "的概率", " is"  # said once, of the first
    for name in _NAMED_IN_SENTENCES:
        chance = _chance(row, name)
        told = _UNKNOWN if chance is None else (chance_text(chance),) * 2
        zh.append(f"{DEPTH_CLASSES[name][0]}{of}{told[0]}")
        en.append(f"{DEPTH_CLASSES[name][1]}{is_} {told[1]}")
        of = is_ = ""
    return f"超过{'、'.join(zh)}", f"chance of passing {', '.join(en)}"


def _is_known(value: Any) -> bool:
    return value is not None and bool(value == value)


def _chance(row: Row, name: str) -> float | None:
    """Return a chance of a row; None if it is absent or unknown."""
    return float(row[name]) if _is_known(row.get(name)) else None
