"""What was seen says of now: one answer for each place, from every sight of it.

Water that was seen counts until a later look says otherwise; who looked away is told apart from who saw it dry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from risk_models.observation.state import Now
from risk_models.observation.trust import doubted

if TYPE_CHECKING:
    from risk_models.standards import ObservationSource

__all__ = ["DROP_M", "OBSERVED_COLUMNS", "SAME_LOOK_MIN", "STANDING_M", "observed_now"]

OBSERVED_COLUMNS: Final = {
    "now": "stands, may_stand (less than 15 cm), dry, or unknown",
    "depth_m": "depth last seen, m; NaN if it was not measured",
    "since": "first sight of the water that was seen last, UTC; NaT if none is on record",
    "seen_at": "last sight that says so, UTC",
    "speaks_until": "until when it speaks of now by itself, UTC",
    "source": "of `risk_models.observation.reader.SOURCES`",
    "by": "person or device",
    "is_proof": "dry: said by a person, or by what saw the last water itself and saw it go; only that ends a place",
    "said_zh": "in one sentence",
    "said_en": "in one sentence",
}
"""Columns of what `observed_now` returns."""

STANDING_M: Final = 0.15
"""Depth from which water stands in the sense of `Now.STANDS`, m."""

SAME_LOOK_MIN: Final = 15.0
"""Two sights within as many minutes are one look; if they differ, the wet one counts (an assumption)."""

DROP_M: Final = 0.3
"""Depth from which water does not go between two readings, m: 463 of 466 floods of street gauges in New York (FloodNet,
2020 to 2024, every 10 minutes) were shallower at the last reading before they were gone."""

_DROP_MIN: Final = 20.0

_WHY: Final = {
    "unsure": ("把握不足", "not sure"),
    "ahead": ("时间超前", "ahead of its time"),
    "stuck": ("读数长时间不变", "stuck"),
    "jump": ("读数跳变", "a leap"),
    "": ("看不清", "cannot see"),
}


def observed_now(
    observations: pd.DataFrame, *, at: pd.Timestamp, sources: Mapping[str, ObservationSource], timezone: str
) -> pd.DataFrame:
    """Return what was seen of every place that somebody or something looked at.

    Parameters
    ----------
    observations : DataFrame
        Columns as `risk_models.observation.reader.COLUMNS`, in any order; of one id and source the last row counts.
    at : Timestamp
        Aware; what is stamped later is not believed.
    sources : mapping
        Of `Standards.observation_sources`.
    timezone : str
        For the sentences.

    Returns
    -------
    DataFrame
        Indexed by hotspot_id, sorted, columns `OBSERVED_COLUMNS`. A place is ``dry`` only where a sight that can be
        trusted says so and no sight of water is as new; it is ``unknown`` where what was seen cannot be trusted, or
        water was seen longer ago than its source speaks for.

    Examples
    --------
    >>> from risk_models.observation.reader import no_observations
    >>> observed_now(no_observations(), at=pd.Timestamp("2021-07-20T08Z"), sources={}, timezone="UTC").empty
    True
    """
    rows = observations.drop_duplicates(["source", "observation_id"], keep="last")
    rows = rows.assign(why=doubted(rows, at=at))
    order = ["hotspot_id", "seen_at", "source", "by", "observation_id"]
    found = {
        str(place): _of_place(sights, at=at, sources=sources, timezone=timezone)
        for place, sights in rows.sort_values(order, kind="stable").groupby("hotspot_id", sort=True)
    }
    table = pd.DataFrame.from_dict(found, orient="index", columns=list(OBSERVED_COLUMNS))
    for name in ("since", "seen_at", "speaks_until"):
        table[name] = pd.to_datetime(table[name], utc=True).astype("datetime64[ns, UTC]")
    return table.rename_axis("hotspot_id")


def _of_place(
    sights: pd.DataFrame, *, at: pd.Timestamp, sources: Mapping[str, ObservationSource], timezone: str
) -> list[Any]:
    """Return the row of one place; its sights come by time."""
    looks = sights[sights["seen"] != "cannot_see"]
    good = looks[looks["why"] == ""]
    wet, dry = good[good["seen"] == "flooded"], good[good["seen"] == "dry"]
    last_wet = wet.iloc[-1] if len(wet) else None
    words = [one for _, one in dry.drop_duplicates(["source", "by"], keep="last").iterrows()]  # the last of each
    later = [one for one in words if last_wet is None or _ends(one, last_wet, sources)]
    if last_wet is not None and not later:
        return _wet_row(_deepest(wet, dry, at, sources), _since(wet, dry, sources), sights, dry, at, sources, timezone)
    if later:
        proofs = [one for one in later if _is_proof(one, looks, sources)]
        last, is_proof = (proofs or later)[-1], bool(proofs)
        zh, en = _said(last, sources, timezone)
        if not is_proof:
            zh, en = f"{zh.removesuffix('。')}，须由人核查。", f"{en.removesuffix('.')}; a person must look."
        return _row(Now.DRY, last, pd.NaT, sources, is_proof, zh, en)
    last = sights.iloc[-1]
    zh, en = _said(last, sources, timezone)
    why_zh, why_en = _WHY[last["why"]]
    zh, en = (
        f"{zh.removesuffix('。')}（{why_zh}），不能作为无积水的依据。",
        f"{en.removesuffix('.')} ({why_en}): not dry by that.",
    )
    return _row(Now.UNKNOWN, last, pd.NaT, sources, False, zh, en)


def _deepest(
    wet: pd.DataFrame, dry: pd.DataFrame, at: pd.Timestamp, sources: Mapping[str, ObservationSource]
) -> pd.Series:
    """Return the last sight of water; where it is shallow, the last of standing water that another still tells of.

    Who has a name has one word, his last; of those without, each sight may be of other eyes.
    """
    last = wet.iloc[-1]
    if not last["depth_m"] < STANDING_M:
        return last
    is_last = ~wet.duplicated(["source", "by"], keep="last") | (wet["by"] == "")
    for _, one in wet[is_last & ~(wet["depth_m"] < STANDING_M)].iloc[::-1].iterrows():
        speaks = at <= one["seen_at"] + pd.Timedelta(minutes=_source(one, sources).speaks_min)
        if speaks and not any(_ends(look, one, sources) for _, look in dry.iterrows()):
            return one
    return last


def _ends(dry: pd.Series, wet: pd.Series, sources: Mapping[str, ObservationSource]) -> bool:
    """Return True if a dry sight is later than a wet one and not a contradiction of it.

    The same eyes may say so at once, another person after `SAME_LOOK_MIN`, another device when the wet sight has
    grown old. Eyes without a name are never known to be the same.
    """
    gap_min = (dry["seen_at"] - wet["seen_at"]) / pd.Timedelta(minutes=1)
    if dry["by"] and (dry["source"], dry["by"]) == (wet["source"], wet["by"]):
        return bool(gap_min > 0)
    person = _source(dry, sources).is_person
    return bool(gap_min > (SAME_LOOK_MIN if person else _source(wet, sources).speaks_min))


def _is_proof(dry: pd.Series, looks: pd.DataFrame, sources: Mapping[str, ObservationSource]) -> bool:
    """Return True for a person, and for a device that saw the last water itself, and saw it go.

    A device that never moves may be dead, one that is stuck or drops from deep water to nothing between two readings
    may have died, and one that others contradicted since it last saw water may look at the wrong spot. One without a
    name may be another than the one that saw the water.
    """
    if _source(dry, sources).is_person:
        return True
    if not dry["by"]:
        return False
    before = looks[(looks["seen"] == "flooded") & (looks["seen_at"] < dry["seen_at"])]
    mine = (before["source"] == dry["source"]) & (before["by"] == dry["by"])
    own, others = before[mine], before[~mine & (before["why"] == "")]
    if not len(own) or own.iloc[-1]["why"] == "stuck" or own["why"].all():
        return False
    last = own[own["why"] == ""].iloc[-1]
    return not _dropped(last, looks) and not _others_saw_it(others, looks, last["seen_at"], sources)


def _others_saw_it(
    others: pd.DataFrame, looks: pd.DataFrame, at: pd.Timestamp, sources: Mapping[str, ObservationSource]
) -> bool:
    """Return True if somebody else's sight of water spoke of that time or of later, and none of his denies it.

    Who has no name denies nothing: it may be another.
    """
    for (source, by), sights in others.groupby(["source", "by"]):
        last = sights["seen_at"].max()
        theirs = looks[(looks["source"] == source) & (looks["by"] == by) & (looks["why"] == "")]
        is_denied = bool(by) and ((theirs["seen"] == "dry") & (theirs["seen_at"] > last)).any()
        if last + pd.Timedelta(minutes=sources[str(source)].speaks_min) > at and not is_denied:
            return True
    return False


def _dropped(wet: pd.Series, looks: pd.DataFrame) -> bool:
    """Return True if a gauge went from deep water to nothing between two readings."""
    same = looks[(looks["source"] == wet["source"]) & (looks["by"] == wet["by"]) & (looks["seen"] == "dry")]
    first = same[same["seen_at"] > wet["seen_at"]].iloc[0]
    near = first["seen_at"] - wet["seen_at"] <= pd.Timedelta(minutes=_DROP_MIN)
    return bool(near and wet["depth_m"] >= DROP_M)


def _since(wet: pd.DataFrame, dry: pd.DataFrame, sources: Mapping[str, ObservationSource]) -> pd.Timestamp:
    """Return when the water that was seen last was seen first."""
    times = dry["seen_at"].to_numpy("datetime64[ns]")
    since = wet["seen_at"].iloc[-1]
    for number in range(len(wet) - 2, -1, -1):
        one = wet.iloc[number]
        first = np.searchsorted(times, one["seen_at"].to_datetime64(), side="right")
        between = dry.iloc[first : np.searchsorted(times, since.to_datetime64())]
        if len(between) and any(_ends(look, one, sources) for _, look in between.iterrows()):
            break
        since = one["seen_at"]
    return pd.Timestamp(since)


def _wet_row(
    wet: pd.Series,
    since: pd.Timestamp,
    sights: pd.DataFrame,
    dry: pd.DataFrame,
    at: pd.Timestamp,
    sources: Mapping[str, ObservationSource],
    timezone: str,
) -> list[Any]:
    zh, en = _said(wet, sources, timezone)
    against = dry[dry["seen_at"] >= wet["seen_at"] - pd.Timedelta(minutes=SAME_LOOK_MIN)]
    if len(against):
        other = _source(against.iloc[-1], sources)
        zh = f"{zh.removesuffix('。')}，与{other.zh}所见不一致，按有积水处置。"
        en = f"{en.removesuffix('.')}; {other.en} saw otherwise, water counts."
    speaks_until = wet["seen_at"] + pd.Timedelta(minutes=_source(wet, sources).speaks_min)
    if at > speaks_until:
        why_zh, why_en = _since_then(sights[sights["seen_at"] > wet["seen_at"]], sources)
        zh, en = f"{zh.removesuffix('。')}，此后{why_zh}。", f"{en.removesuffix('.')}, and {why_en}."
        return _row(Now.UNKNOWN, wet, since, sources, False, zh, en)
    shallow = wet["depth_m"] < STANDING_M
    return _row(Now.MAY_STAND if shallow else Now.STANDS, wet, since, sources, False, zh, en)


def _since_then(later: pd.DataFrame, sources: Mapping[str, ObservationSource]) -> tuple[str, str]:
    """Say what came of later looks, none of which could be used."""
    useless = later[(later["why"] != "") | (later["seen"] == "cannot_see")]
    if not len(useless):
        return "无人核查", "nobody has looked since"
    last = useless.iloc[-1]
    source, (why_zh, why_en) = _source(last, sources), _WHY[last["why"]]
    return f"{source.zh}{why_zh}，无人核查", f"the {source.en} since then: {why_en}; nobody has looked"


def _row(
    now: Now,
    sight: pd.Series,
    since: Any,
    sources: Mapping[str, ObservationSource],
    is_proof: bool,
    said_zh: str,
    said_en: str,
) -> list[Any]:
    source = _source(sight, sources)
    speaks_until = sight["seen_at"] + pd.Timedelta(minutes=source.speaks_min)
    depth_m = float(sight["depth_m"]) if sight["seen"] == "flooded" else np.nan
    by = sight["by"] or source.zh
    return [str(now), depth_m, since, sight["seen_at"], speaks_until, sight["source"], by, is_proof, said_zh, said_en]


def _said(sight: pd.Series, sources: Mapping[str, ObservationSource], timezone: str) -> tuple[str, str]:
    """Say who saw what, and when."""
    source = _source(sight, sources)
    at = f"{sight['seen_at'].tz_convert(timezone):%m-%d %H:%M}"
    who_zh = source.zh + (f"（{sight['by']}）" if sight["by"] else "")
    who_en = source.en + (f" ({sight['by']})" if sight["by"] else "")
    depth = "" if pd.isna(sight["depth_m"]) else f"{100 * sight['depth_m']:.0f}"
    what_zh, what_en = {
        "flooded": (f"见积水{depth}厘米" if depth else "见积水", f"saw {depth} cm of water" if depth else "saw water"),
        "dry": ("见无积水", "saw it dry"),
        "cannot_see": ("未能看清", "could not see"),
    }[sight["seen"]]
    return f"{at} {who_zh}{what_zh}。", f"{who_en[0].upper()}{who_en[1:]} {what_en} at {at}."


def _source(sight: pd.Series, sources: Mapping[str, ObservationSource]) -> ObservationSource:
    return sources[str(sight["source"])]
