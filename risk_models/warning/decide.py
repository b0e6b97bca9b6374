"""One decision per area and look: open, raise, prolong, go on, lower, end.

A look is one cycle, or one more of the same time after new data came in. A rise needs one look; a fall needs several
that each know more than the one before.

The rules, in the order they are tried:

1. A warning whose end time has passed (cycles were missed) is over. If the level is a warning level now, a new warning
   opens in the same cycle and supersedes it; otherwise it expires (EXP).
2. A higher level raises at once (UPG), an area without a warning is warned at once (NEW). Only blue, where nothing is
   expected within hours and no water stands, is opened when it has lasted for `BLUE_WAITS_H`: what turns yellow
   meanwhile is one message and not two.
3. After `downgrade_after_cycles` successive lower looks on new evidence, and not before `minimum_duration_h` after the
   warning was opened or raised, the warning is lowered in one step to the highest level seen in the last of those
   looks (DNG), or ended if that is NONE (CAN). Looks within an hour, or at the same rain and the same forecast, are
   one. While there is more to fall than to blue, lowering waits for as many looks again, or for the end of the
   message that stands: one message for the fall.
4. A warning that goes on is renewed when its end is near, or when a place comes to its level that the message that
   stands does not name (EXT); else it is noted once an hour as going on (CON).
5. No warning ends while water stands at a place of its area, or stood there and nobody has looked since
   (`risk_models.observation.Now.keeps_open`): it is lowered to blue, names the places to be checked, and goes on until
   each has been seen dry. A model ends no place.

A message is valid for `valid_h`, or until the most dangerous window of its hotspots is over and lowering has had its
time; where water stands, or is to be checked, and no more is ahead, for `CHECK_H`.

UNKNOWN is not "lower": it never lowers or ends a warning, it breaks a row of lower looks, and it never opens a
warning. The same holds for a known level that rests on substitutes so late that it may rise but not fall (ladder step 5
and above).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypedDict

import pandas as pd

from risk_models.levels import Level
from risk_models.observation.state import Now
from risk_models.risk.criteria import OrderPhase
from risk_models.risk.order import CLOSED_KINDS
from risk_models.warning.lifecycle import check_revision
from risk_models.warning.records import Action, WarningRecord
from risk_models.warning.states import KnownRain, WarningPolicy, WarningState
from risk_models.warning.times import valid_until

__all__ = ["NEVER_LOWER_FROM_STEP", "WarningDecisions", "decide_warnings"]

BLUE_WAITS_H = 6.0
"""Hours that blue must last before it is told, where nothing is expected within hours and no water stands."""

CHECK_H = 24.0
"""Hours for which a message is valid where water stands, or is to be checked, and no more is ahead."""

_LONGEST_H = 72.0
_FAR = (str(OrderPhase.PREPARE), str(OrderPhase.WATCH))
_NAMED = 3

NEVER_LOWER_FROM_STEP = 5
"""From this step of the rain-data ladder on, a level can rise but not fall."""


@dataclass(frozen=True)
class WarningDecisions:
    """What one cycle decided.

    Attributes
    ----------
    records : tuple of WarningRecord
        New revisions, at most one per area, by area code; CON included.
    states : tuple of WarningState
        To be passed to the next call: open warnings, and those of this event that have ended.
    pending : dict of str to datetime
        To be passed to the next call: areas whose blue is not told yet, and since when it lasts.
    """

    records: tuple[WarningRecord, ...]
    states: tuple[WarningState, ...]
    pending: dict[str, datetime] = field(default_factory=dict)

    @property
    def open_records(self) -> tuple[WarningRecord, ...]:
        """Latest revision of every warning that stands after this cycle."""
        return tuple(state.record for state in self.states if state.is_open)


@dataclass(frozen=True, kw_only=True)
class _Now:
    now: datetime
    evidence: KnownRain
    event_key: str
    policy: WarningPolicy
    pending: Mapping[str, datetime]

    def valid_to(self, area: _Area) -> datetime:
        """Return the end of a message: it covers the danger; with water standing and none ahead it holds for a day.

        After the danger it holds for as long as lowering takes: a message that only says so would be no news.
        """
        hours = CHECK_H if area.standing and area.danger_to is None else self.policy.valid_h
        end = self.now + timedelta(hours=hours)
        lowered = timedelta(hours=3 * self.policy.downgrade_after_cycles)
        danger = None if area.danger_to is None else (self.now, area.danger_to + lowered)
        return min(valid_until(end, danger), self.now + timedelta(hours=max(_LONGEST_H, hours)))


class _Noted(TypedDict):
    counted: KnownRain
    noted_at: datetime


@dataclass(frozen=True, kw_only=True)
class _Area:
    """What this cycle knows about one area."""

    code: str
    level: Level
    holds: bool  # the level, if lower than the warning, may not be believed
    degraded: bool
    signal: Level
    hotspot_ids: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()  # of these hotspots
    reason_zh: str = ""
    reason_en: str = ""
    unconfirmed: bool = False
    danger_to: datetime | None = None
    is_near: bool = True  # something is expected within hours, or nobody knows when
    standing: tuple[str, ...] = ()  # places that keep a warning open
    standing_text: tuple[str, str] = ("", "")
    seen_dry: tuple[tuple[datetime, str], ...] = ()  # when places were seen dry, and by whom


def decide_warnings(
    states: Sequence[WarningState],
    town_table: pd.DataFrame,
    risk_table: pd.DataFrame,
    signals: pd.DataFrame,
    *,
    now: datetime,
    event_key: str,
    policy: WarningPolicy,
    evidence: KnownRain | None = None,
    pending: Mapping[str, datetime] | None = None,
) -> WarningDecisions:
    """Decide what happens to the warning of every area in this look.

    Parameters
    ----------
    states : sequence of WarningState
        As the previous call returned them; empty at the start. At most one per area.
    town_table : DataFrame, index town_code
        Columns ``level`` and, if some hotspots may be unknown, ``n_unknown``. An area with an open warning that is
        missing here counts as UNKNOWN.
    risk_table : DataFrame, index hotspot_id
        Columns ``town_code``, ``level``, ``score`` [0-100], ``reason_zh``, ``reason_en``, ``unconfirmed``;
        ``attrs["ladder_step"]`` (1 to 6; if absent the cycle counts as degraded). If present, ``now``, ``now_by``,
        ``now_seen_at``, ``hotspot_name``, ``hotspot_name_en``, ``kind`` and ``danger_to`` tell where water stands, and
        until when; ``order_phase`` how near it is.
    signals : DataFrame, index town_code
        Column ``level``: the rain signal of each area; an area missing here is UNKNOWN.
    now : datetime
        Time of the decision, timezone-aware UTC; later than every record in `states`.
    event_key : str
        Key of the storm, see `risk_models.warning.event.current_event_key`.
    policy : WarningPolicy
    evidence : KnownRain, optional
        What the levels stand on; without it they are valid `now` and rest on rain measured until then.
    pending : mapping of str to datetime, optional
        As the previous call returned it.

    Returns
    -------
    WarningDecisions

    Raises
    ------
    ValueError
        If `now` has no zone or does not go forward, or an area occurs twice.

    Examples
    --------
    >>> from datetime import UTC
    >>> towns = pd.DataFrame({"level": [4]}, index=["410103012"])
    >>> risk = pd.DataFrame({"town_code": ["410103012"], "level": [4], "score": [91.0], "reason_zh": ["隧道积水"],
    ...     "reason_en": ["Water stands in the tunnel."], "unconfirmed": [False]}, index=["EQ-001"])
    >>> decision = decide_warnings([], towns, risk, towns, now=datetime(2021, 7, 20, 7, tzinfo=UTC), event_key="E",
    ...     policy=WarningPolicy())
    >>> record = decision.records[0]
    >>> print(record.action, record.level, record.message_id, record.hotspot_ids)
    NEW red E-410103012.r0 ('EQ-001',)
    """
    by_area = _check_inputs(states, town_table, now)
    stood_on = evidence or KnownRain(valid_at=now, observed_until=now)
    cycle = _Now(now=now, evidence=stood_on, event_key=event_key, policy=policy, pending=pending or {})
    open_codes = [code for code, state in by_area.items() if state.is_open]
    codes = sorted({str(code) for code in town_table.index} | set(open_codes))
    records: list[WarningRecord] = []
    waits: dict[str, datetime] = {}
    following = {code: state for code, state in by_area.items() if state.record.event_key == event_key}
    for area in _look(codes, town_table, risk_table, signals):
        before = by_area.get(area.code)
        if _is_pending(before, area, cycle):
            waits[area.code] = cycle.pending.get(area.code, now)
            continue
        state = _advance(before, area, cycle)
        if state is None:
            continue
        following[area.code] = state
        if before is None or state.record is not before.record:
            records.append(state.record)
    return WarningDecisions(tuple(records), tuple(following[code] for code in sorted(following)), waits)


def _check_inputs(states: Sequence[WarningState], town_table: pd.DataFrame, now: datetime) -> dict[str, WarningState]:
    """Return the states by area after checking what would make a decision meaningless."""
    if now.tzinfo is None:
        raise ValueError(f"now must be timezone-aware (UTC), got {now.isoformat()}")
    if not town_table.index.is_unique:
        twice = sorted({str(code) for code in town_table.index[town_table.index.duplicated()]})
        raise ValueError(f"town_table: area {', '.join(twice)} occurs more than once")
    by_area: dict[str, WarningState] = {}
    for state in states:
        if state.area_code in by_area:
            raise ValueError(f"states: area {state.area_code} occurs more than once; one warning per area")
        if state.record.issued_at >= now:
            raise ValueError(
                f"{state.record.message_id} was issued at {state.record.issued_at.isoformat()}, not before now "
                f"{now.isoformat()}: cycles must go forward"
            )
        by_area[state.area_code] = state
    return by_area


def _look(
    codes: Sequence[str], town_table: pd.DataFrame, risk_table: pd.DataFrame, signals: pd.DataFrame
) -> Iterator[_Area]:
    """Yield what the tables say about each area."""
    step = risk_table.attrs.get("ladder_step")
    columns = ["town_code", "level", "score", "reason_zh", "reason_en", "unconfirmed"]
    columns += [name for name in ("danger_to", "place", "order_phase") if name in risk_table]
    warned = pd.DataFrame(risk_table.loc[risk_table["level"] >= Level.BLUE, columns])
    # Sorting by id first makes ties fall in id order whatever the order of the table.
    warned = warned.sort_index().sort_values(["level", "score"], ascending=False, kind="stable")
    if "place" in warned and (warned["place"] > 0).all():  # tables of earlier releases have no such order
        warned = warned.sort_values("place")
    per_town = {str(code): rows for code, rows in warned.groupby("town_code", sort=False)}
    levels = {str(code): Level(int(level)) for code, level in town_table["level"].items()}
    has_unknown = "n_unknown" in town_table
    n_unknown = {str(code): int(n) for code, n in town_table["n_unknown"].items()} if has_unknown else {}
    signal_levels = {str(code): Level(int(level)) for code, level in signals["level"].items()}
    places = _places(risk_table)
    for code in codes:
        level = levels.get(code, Level.UNKNOWN)
        area = _Area(
            code=code,
            level=level,
            holds=level == Level.UNKNOWN or (step is not None and int(step) >= NEVER_LOWER_FROM_STEP),
            degraded=level == Level.UNKNOWN or step is None or int(step) > 1 or n_unknown.get(code, 0) > 0,
            signal=signal_levels.get(code, Level.UNKNOWN),
        )
        area = _with_places(area, places[code]) if code in places else area
        yield _with_hotspots(area, per_town[code]) if code in per_town else area


def _places(risk_table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return by town what is known of the places where water stands, stood, or was looked for."""
    if "now" not in risk_table:
        return {}
    names = ["town_code", "now", "now_by", "now_seen_at", "hotspot_name", "hotspot_name_en", "kind"]
    table = pd.DataFrame(risk_table[names])
    told = table[table["now"].map(lambda state: Now(state).keeps_open) | (table["now_by"] != "")]
    first = told["kind"].map(lambda kind: CLOSED_KINDS.index(kind) if kind in CLOSED_KINDS else len(CLOSED_KINDS))
    ordered = told.assign(first=first).sort_index().sort_values("first", kind="stable")
    return {str(code): rows for code, rows in ordered.groupby("town_code", sort=False)}


def _with_places(area: _Area, rows: pd.DataFrame) -> _Area:
    is_open = rows["now"].map(lambda state: Now(state).keeps_open)
    standing, dry = rows[is_open], rows[rows["now"] == str(Now.DRY)]
    return replace(
        area,
        standing=tuple(str(hotspot_id) for hotspot_id in standing.index),
        standing_text=_named(standing["hotspot_name"], standing["hotspot_name_en"]),
        seen_dry=tuple((at.to_pydatetime(), str(by)) for at, by in zip(dry["now_seen_at"], dry["now_by"], strict=True)),
    )


def _named(zh: pd.Series, en: pd.Series) -> tuple[str, str]:
    """Name the first places and say how many there are."""
    more = len(zh) > _NAMED
    return (
        "、".join(zh[:_NAMED]) + (f"等{len(zh)}处" if more else ""),
        ", ".join(en[:_NAMED]) + (f" and {len(zh) - _NAMED} more" if more else ""),
    )


def _with_hotspots(area: _Area, rows: pd.DataFrame) -> _Area:
    """Add the warned hotspots, worst first, and the reason of the worst."""
    worst_row = rows.iloc[0]
    deciding = rows.loc[rows["level"] == worst_row["level"], "unconfirmed"]
    return replace(
        area,
        hotspot_ids=tuple(str(hotspot_id) for hotspot_id in rows.index),
        levels=tuple(Level(int(level)) for level in rows["level"]),
        reason_zh=str(worst_row["reason_zh"]),
        reason_en=str(worst_row["reason_en"]),
        unconfirmed=bool(deciding.all()),
        danger_to=_latest(rows["danger_to"]) if "danger_to" in rows else None,
        is_near="order_phase" not in rows or not rows["order_phase"].isin(_FAR).all(),
    )


def _latest(times: pd.Series) -> datetime | None:
    last = times.max()
    return None if pd.isna(last) else last.to_pydatetime()


def _is_pending(state: WarningState | None, area: _Area, cycle: _Now) -> bool:
    """Return True while blue that is far off has not lasted long enough to be told."""
    if (state is not None and state.is_open) or area.level != Level.BLUE or area.is_near or area.standing:
        return False
    return cycle.now - cycle.pending.get(area.code, cycle.now) < timedelta(hours=BLUE_WAITS_H)


def _advance(state: WarningState | None, area: _Area, cycle: _Now) -> WarningState | None:
    """Return the area's next state, or None if there is nothing to say."""
    if state is None or not state.is_open:
        return _opened(area, area.level, cycle, state) if area.level.is_warning else None
    if cycle.now > state.record.valid_to:
        return _after_lapse(state, area, cycle)
    return _continued(state, area, cycle)


def _after_lapse(state: WarningState, area: _Area, cycle: _Now) -> WarningState:
    """End a warning that nobody renewed in time, or open its successor in the same cycle.

    Without trustworthy data the old level is taken up again, but only within one more validity: beyond that the old
    message says nothing about now.
    """
    recent = cycle.now - state.record.valid_to <= timedelta(hours=cycle.policy.valid_h)
    if area.holds and recent:
        return _opened(area, max(area.level, state.record.level), cycle, state)
    if area.level.is_warning or area.standing:
        return _opened(area, max(area.level, Level.BLUE), cycle, state)
    zh, en = "预警有效期已过，未再续发，预警终止", "The warning passed its end time without renewal and is over."
    if area.level == Level.UNKNOWN:
        zh, en = zh + "；目前雨情资料缺失，风险等级未知", en + " Rain data are missing: the level now is unknown."
    return _revised(state, area, cycle, Action.EXP, state.record.level, reason=(zh, en))


def _opened(area: _Area, level: Level, cycle: _Now, before: WarningState | None) -> WarningState:
    """Open a warning; `before` is the area's last one, ended or lapsed."""
    ordinal = 1
    if before is not None and before.record.event_key == cycle.event_key:
        ordinal = _ordinal(before.record) + 1
    warning_id = f"{cycle.event_key}-{area.code}" + (f"-{ordinal}" if ordinal > 1 else "")
    held = before is not None and level > area.level
    to_check = held and bool(area.standing) and not area.holds
    zh, en = _check_reason(area) if to_check else _hold_reason(area) if held else (area.reason_zh, area.reason_en)
    record = WarningRecord(
        event_key=cycle.event_key,
        warning_id=warning_id,
        revision=0,
        action=Action.NEW,
        area_code=area.code,
        level=level,
        previous_level=Level.NONE,
        issued_at=cycle.now,
        valid_from=cycle.now,
        valid_to=cycle.valid_to(area),
        hotspot_ids=_told_of(area, before.record.hotspot_ids if held and before else ()),
        signal=area.signal,
        reason_zh=zh,
        reason_en=en,
        supersedes=before.record.message_id if before is not None and before.is_open else None,
        unconfirmed=area.unconfirmed,
        degraded=area.degraded,
    )
    check_revision(None, record)
    return WarningState(record=record, started_at=cycle.now, raised_at=cycle.now, **_noted(cycle))


def _noted(cycle: _Now) -> _Noted:
    """Return what a state remembers of the look that set or confirmed its level."""
    return {"counted": cycle.evidence, "noted_at": cycle.evidence.valid_at}


def _ordinal(record: WarningRecord) -> int:
    """Return which warning of the area this is within its event, from 1."""
    suffix = record.warning_id.removeprefix(f"{record.event_key}-{record.area_code}").removeprefix("-")
    return int(suffix) if suffix else 1


def _continued(state: WarningState, area: _Area, cycle: _Now) -> WarningState:
    """Decide about a warning that stands."""
    record, policy = state.record, cycle.policy
    if area.level > record.level:
        return _revised(state, area, cycle, Action.UPG, area.level, reason=(area.reason_zh, area.reason_en))
    watched = _counted(state, area, cycle)
    stood_h = (cycle.now - state.raised_at) / timedelta(hours=1)
    is_low = watched.lower_count >= policy.downgrade_after_cycles and stood_h >= policy.minimum_duration_h
    seen = max(watched.lower_looks[-policy.downgrade_after_cycles :], default=Level.NONE)
    is_near_end = record.valid_to - cycle.now <= timedelta(hours=policy.renew_within_h)
    only_checks = is_low and _only_checks(watched, area, seen)
    if is_low and not only_checks and (is_near_end or _rests(watched, policy)):
        return _lowered(watched, area, cycle, seen)
    is_new = _names_a_new_place(record, area)
    if not (is_near_end or is_new) and not _is_next_hour(state, cycle):
        return watched
    action = Action.EXT if is_near_end or is_new else Action.CON
    reason = _check_reason(area) if only_checks else _standing_reason(area, record, watched.lower_count)
    return _revised(watched, area, cycle, action, record.level, reason=reason)


def _counted(state: WarningState, area: _Area, cycle: _Now) -> WarningState:
    """Count a look at a lower level if it knows more than the one before; any other look breaks the row."""
    if area.holds:
        return replace(state, lower_looks=())
    if area.level >= state.record.level:
        return replace(state, lower_looks=(), counted=cycle.evidence)
    if not cycle.evidence.is_news_after(state.counted):
        looks = state.lower_looks
        return replace(state, lower_looks=(*looks[:-1], max(looks[-1], area.level))) if looks else state
    return replace(state, lower_looks=(*state.lower_looks, area.level), counted=cycle.evidence)


def _names_a_new_place(record: WarningRecord, area: _Area) -> bool:
    """Return True if a place has come to the level of the warning that the message that stands does not name."""
    pairs = zip(area.hotspot_ids, area.levels, strict=True)
    return any(level >= record.level and hotspot_id not in record.hotspot_ids for hotspot_id, level in pairs)


def _rests(state: WarningState, policy: WarningPolicy) -> bool:
    """Return True if there is little left to fall, or the level has been lower for long enough."""
    last = state.lower_looks[-policy.downgrade_after_cycles :]
    return max(last) <= Level.BLUE or state.lower_count >= 2 * policy.downgrade_after_cycles


def _is_next_hour(state: WarningState, cycle: _Now) -> bool:
    """Return True if a look is of a later hour than the one that made the latest revision."""
    return state.noted_at is None or cycle.evidence.valid_at - state.noted_at >= timedelta(hours=1)


def _lowered(state: WarningState, area: _Area, cycle: _Now, seen: Level) -> WarningState:
    """Lower the warning to the highest level seen in the last looks, or end it."""
    count = cycle.policy.downgrade_after_cycles
    if not seen.is_warning and area.standing:
        return _revised(state, area, cycle, Action.DNG, Level.BLUE, reason=_check_reason(area))
    if not seen.is_warning:
        dry_zh, dry_en = _seen_dry(state.started_at, area)
        reason = (
            f"连续{count}个时次未达预警等级，{dry_zh}，预警解除",
            f"No warning level was reached in {count} successive cycles; {dry_en}; the warning is cancelled.",
        )
        return _revised(state, area, cycle, Action.CAN, state.record.level, reason=reason)
    zh = f"最近{count}个时次最高为{seen.zh}，预警由{state.record.level.zh}降为{seen.zh}"
    en = f"The highest level of the last {count} cycles was {seen.en.lower()}; the warning is lowered to it."
    if area.reason_zh:
        zh, en = f"{zh}；{area.reason_zh}", f"{en} {area.reason_en}".rstrip()
    return _revised(state, area, cycle, Action.DNG, seen, reason=(zh, en))


def _only_checks(state: WarningState, area: _Area, seen: Level) -> bool:
    """Return True for a warning that stands for the places to be checked alone."""
    return state.record.level == Level.BLUE and bool(area.standing) and not seen.is_warning


def _check_reason(area: _Area) -> tuple[str, str]:
    """Say that the rain is over, and which places have not been seen dry."""
    zh, en = area.standing_text
    return (
        f"降雨风险已降低，但仍有积水或积水未核查{len(area.standing)}处：{zh}；逐处核查退水并报回后方可解除",
        f"The rain risk is lower, but water stands, or has not been checked since, at {len(area.standing)} "
        f"place{'s' if len(area.standing) > 1 else ''}: {en}; the warning ends when each has been reported dry.",
    )


def _seen_dry(started_at: datetime, area: _Area) -> tuple[str, str]:
    """Say who saw the places of a warning dry; the model had water at none of the others."""
    seen = [by for at, by in area.seen_dry if at >= started_at]
    if not seen:
        return "各处未判定有积水", "water was found to stand at no place"
    who = list(dict.fromkeys(seen))
    more = len(who) > _NAMED
    zh = "、".join(who[:_NAMED]) + ("等" if more else "")
    en = ", ".join(who[:_NAMED]) + (" and others" if more else "")
    return f"{len(seen)}处已由{zh}核查退水", f"{len(seen)} place{'s' if len(seen) > 1 else ''} seen dry by {en}"


def _told_of(area: _Area, before: tuple[str, ...]) -> tuple[str, ...]:
    """Return the places that a message names: those at a warning level, then those where water stands or stood."""
    return tuple(dict.fromkeys((*area.hotspot_ids, *area.standing))) or before


def _standing_reason(area: _Area, record: WarningRecord, lower_count: int) -> tuple[str, str]:
    """Say why the warning stands although this cycle may see less."""
    if area.level == record.level:
        return area.reason_zh, area.reason_en
    if area.holds:
        return _hold_reason(area)
    return (
        f"当前风险为{area.level.zh}，低于预警等级，已连续{lower_count}个时次，暂维持{record.level.zh}预警",
        f"The level is now {area.level.en.lower()}, lower than the warning, for {lower_count} successive "
        f"cycle{'' if lower_count == 1 else 's'}; the {record.level.en.lower()} warning stands for the time being.",
    )


def _hold_reason(area: _Area) -> tuple[str, str]:
    if area.level == Level.UNKNOWN:
        return (
            "雨情资料缺失，风险等级未知，维持原预警等级",
            "Rain data are missing and the level is unknown; the warning stands.",
        )
    return (
        "雨情资料严重滞后，等级只升不降，维持原预警等级",
        "Rain data are far behind, so the level may rise but not fall; the warning stands.",
    )


def _revised(
    state: WarningState, area: _Area, cycle: _Now, action: Action, level: Level, *, reason: tuple[str, str]
) -> WarningState:
    """Append a revision to a warning."""
    before = state.record
    valid_from, valid_to = {
        Action.CON: (before.valid_from, before.valid_to),
        Action.CAN: (before.valid_from, cycle.now),
        Action.EXP: (before.valid_from, before.valid_to),
    }.get(action, (cycle.now, cycle.valid_to(area)))
    record = replace(
        before,
        revision=before.revision + 1,
        action=action,
        level=level,
        previous_level=before.level,
        issued_at=cycle.now,
        valid_from=valid_from,
        valid_to=valid_to,
        # An end, and a cycle that sees nothing, still name the hotspots that the warning was about; what goes on
        # untold, those that its readers know.
        hotspot_ids=before.hotspot_ids if action.is_end or action is Action.CON else _told_of(area, before.hotspot_ids),
        signal=area.signal,
        reason_zh=reason[0],
        reason_en=reason[1],
        supersedes=before.message_id,
        unconfirmed=area.unconfirmed,
        degraded=area.degraded,
    )
    check_revision(before, record)
    if action == Action.UPG:
        return WarningState(record=record, started_at=state.started_at, raised_at=cycle.now, **_noted(cycle))
    noted_at = cycle.evidence.valid_at
    if action == Action.DNG:
        return replace(state, record=record, lower_looks=(), noted_at=noted_at)
    return replace(state, record=record, noted_at=noted_at)
