"""Water stands now: a town is told at once, once for each place and each step deeper, whatever its warning says.

A level looks ahead and may already be at its highest; what has happened needs words of its own. Such a message waits
for no signature. It says whether water was seen or is modelled, and what to do first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import pandas as pd

from risk_models.errors import ConfigError
from risk_models.levels import Level
from risk_models.observation import Now
from risk_models.risk.depth_words import least_standing_m, standing_words
from risk_models.risk.order import CLOSED_KINDS
from risk_models.warning.cap.areas import PLACES_MAX
from risk_models.warning.cap.build import CapText
from wuyu.ack.ask import may_answer
from wuyu.ack.codes import reply_code
from wuyu.ack.water import NowAnswer, NowAsked, ask_now
from wuyu.delivery.channels import MAIL, phone_number, readers_of, recipients_of
from wuyu.issuing.cap import plain_text, standing_cap
from wuyu.issuing.notice import Notice, queue_notice
from wuyu.keys import Keys, load_keys
from wuyu.ledger.holders import holders
from wuyu.messages.purpose import Purpose, message_id
from wuyu.station import register_of

if TYPE_CHECKING:
    from risk_models.risk import RiskTable
    from risk_models.standards import NowOrder
    from risk_models.warning.records import WarningRecord
    from wuyu.desk import Desk
    from wuyu.ledger import Decision, Outbox

__all__ = ["STEPS_M", "ToldNow", "tell_water_now"]

STEPS_M: Final = (0.15, 0.5, 1.2)
"""Depths at which a place is told anew, m: it can no longer be walked, no longer be driven, nobody can stand in it."""

AGAIN_AFTER: Final = timedelta(hours=3)
"""Water that had gone for as long, by the model, and comes back is told again."""

EXPIRES_AFTER: Final = timedelta(hours=3)
"""A message about now is of no use later."""

PRIORITY: Final = int(Level.RED) + 1
_LISTED = 8
_FIRST_THING: Final = {True: "立即封闭撤人", False: "立即警戒"}
_NAME_UNITS = 14


@dataclass(frozen=True)
class ToldNow:
    """What towns were told of water that stands: kept by one cycle for the next.

    Attributes
    ----------
    steps : dict of str to int
        Deepest step of `STEPS_M` told of each place, counted from 1.
    stood_at : dict of str to datetime
        Last cycle in which water stood at each of them.
    numbers : dict of str to int
        Messages so far, by town.
    """

    steps: dict[str, int] = field(default_factory=dict)
    stood_at: dict[str, datetime] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ToldNow:
        """Return what `to_dict` wrote; nothing was told in cycles of earlier releases."""
        stood_at = {name: datetime.fromisoformat(at) for name, at in values.get("stood_at", {}).items()}
        return cls(dict(values.get("steps", {})), stood_at, dict(values.get("numbers", {})))

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types.

        Examples
        --------
        >>> ToldNow.from_dict(ToldNow({"EQ-001": 2}, {}, {"410103007": 1}).to_dict())
        ToldNow(steps={'EQ-001': 2}, stood_at={}, numbers={'410103007': 1})
        """
        stood_at = {name: at.isoformat() for name, at in self.stood_at.items()}
        return {"steps": self.steps, "stood_at": stood_at, "numbers": self.numbers}


@dataclass(frozen=True)
class _Named:
    """Which message it is: the how-manieth of its event and town."""

    event_key: str
    town_code: str
    number: int

    @property
    def message_id(self) -> str:
        return message_id(Purpose.NOW, f"{self.event_key}-{self.town_code}", self.number)


def tell_water_now(
    desk: Desk,
    decision: Decision,
    risk_table: RiskTable,
    records: Iterable[WarningRecord],
    *,
    before: ToldNow,
    scope: str,
) -> ToldNow:
    """Queue one message for each town in which water stands at a place that it was not told of, or not so deep.

    Parameters
    ----------
    desk : Desk
    decision : Decision
        The open transaction of the cycle.
    risk_table : RiskTable
    records : iterable of WarningRecord
        The warnings that stand, signed or not: a town without one is told as well.
    before : ToldNow
        What the cycle before left.
    scope : str
        As in CAP.

    Returns
    -------
    ToldNow
        For the next cycle.
    """
    valid_at = pd.Timestamp(risk_table.attrs["valid_at"]).to_pydatetime()
    thresholds_m = desk.scorer.whole.thresholds_m
    standing = _standing(risk_table, thresholds_m, desk.standards.now_orders(desk.settings.standards.now_orders))
    dry = {str(name) for name in risk_table.index[risk_table["now"] == str(Now.DRY)]}
    steps = {name: step for name, step in before.steps.items() if name not in dry}
    stood_at = {name: at for name, at in before.stood_at.items() if name in steps}
    numbers = dict(before.numbers)
    of_town = {record.area_code: record for record in records}
    is_news = [_is_news(place, steps, stood_at, valid_at) for place in standing.itertuples()]
    news = standing.loc[np.array(is_news, dtype=bool)]
    for town_code, places in news.groupby("town_code", sort=True):
        if town_code not in desk.district.towns.index:
            continue
        numbers[str(town_code)] = numbers.get(str(town_code), 0) + 1
        record = of_town.get(str(town_code))
        event_key = record.event_key if record is not None else str(risk_table.attrs["event_key"])
        named = _Named(event_key, str(town_code), numbers[str(town_code)])
        _tell(desk, decision, places, record, named=named, valid_at=valid_at, scope=scope)
    for place in standing.itertuples():
        name = str(place.Index)
        step = int(cast("int", place.step))
        steps[name] = step if _is_back(name, stood_at, valid_at) else max(step, steps.get(name, 0))
        stood_at[name] = valid_at
    return ToldNow(steps, stood_at, numbers)


def _standing(risk_table: RiskTable, thresholds_m: tuple[float, ...], orders: dict[str, NowOrder]) -> pd.DataFrame:
    """Return the places where water stands, the most dangerous kinds first, then the deepest."""
    columns = ["hotspot_name", "hotspot_name_en", "kind", "town_code", "lon", "lat", "level", "now", "now_class"]
    columns += ["now_since", "now_by", "now_seen_at", "observed_depth_m", "people_exposed"]
    table = pd.DataFrame(risk_table.loc[risk_table["now"] == str(Now.STANDS), columns])
    reached_m = [thresholds_m[int(count) - 1] if count > 0 else 0.0 for count in table["now_class"]]
    depth_m = table["observed_depth_m"].fillna(pd.Series(reached_m, index=table.index))
    table["step"] = [max(1, sum(depth >= step_m - 1e-9 for step_m in STEPS_M)) for depth in depth_m]
    told = [orders.get(kind, orders["other"]) for kind in table["kind"]]
    table["rank"] = [order.rank for order in told]
    table["is_closed"] = table["kind"].isin(CLOSED_KINDS)
    table["order_zh"], table["order_en"] = [order.zh for order in told], [order.en for order in told]
    by = ["rank", "step", "people_exposed"]
    return table.sort_index().sort_values(by, ascending=[True, False, False], kind="stable")


def _is_news(place: Any, steps: Mapping[str, int], stood_at: Mapping[str, datetime], at: datetime) -> bool:
    name = str(place.Index)
    return _is_back(name, stood_at, at) or int(place.step) > steps.get(name, 0)


def _is_back(name: str, stood_at: Mapping[str, datetime], at: datetime) -> bool:
    return name in stood_at and at - stood_at[name] >= AGAIN_AFTER


def _tell(
    desk: Desk,
    decision: Decision,
    places: pd.DataFrame,
    record: WarningRecord | None,
    *,
    named: _Named,
    valid_at: datetime,
    scope: str,
) -> list[Outbox]:
    town_code = str(places["town_code"].iloc[0])
    notice = _notice(desk, places, record, named=named, valid_at=valid_at, now=decision.now)
    notice = replace(notice, cap=_cap(desk, decision, places, notice, named=named, valid_at=valid_at, scope=scope))
    mailbox = str(desk.district.towns.at[town_code, "mailbox"])
    asked = _asked(desk, notice, places, now=decision.now)
    ask_now(decision, asked)
    with suppress(ConfigError, OSError):  # keys that cannot be read stop no message about water that stands
        how = _how_to_answer(asked, load_keys(desk.out), places, desk.settings.warning.phone_told)
        notice = replace(notice, asks=how)
    if record is None:
        return queue_notice(
            desk,
            decision,
            notice,
            mailboxes=[mailbox],
            readers=lambda channel: readers_of(desk, channel, town_code),
            scope=scope,
        )
    upcoming = replace(record, revision=record.revision + 1, level=Level.RED)  # by every channel, at any level
    return queue_notice(
        desk,
        decision,
        notice,
        mailboxes=list(dict.fromkeys([mailbox, *holders(decision.session, upcoming, MAIL)])),
        readers=lambda channel: recipients_of(desk, decision, channel, upcoming),
        scope=scope,
    )


def _notice(
    desk: Desk,
    places: pd.DataFrame,
    record: WarningRecord | None,
    *,
    named: _Named,
    valid_at: datetime,
    now: datetime,
) -> Notice:
    towns, district = desk.district.towns, desk.settings.district
    town_code = str(places["town_code"].iloc[0])
    town_zh, town_en = (str(towns.at[town_code, name]) for name in ("town_name", "town_name_en"))
    at = f"{valid_at.astimezone(desk.timezone):%H:%M}"
    first, more = str(places["hotspot_name"].iloc[0]), len(places) - 1
    many = f"等{more + 1}处" if more else ""
    level = max((Level(int(level)) for level in places["level"]), default=Level.NONE)
    phone_zh, phone_en = _phone(desk)
    left = len(places) - _LISTED
    lines_zh = [_line_zh(n, place, desk) for n, place in enumerate(places[:_LISTED].itertuples(), 1)]
    lines_en = [_line_en(n, place, desk) for n, place in enumerate(places[:_LISTED].itertuples(), 1)]
    lines_zh += [f"另有{left}处，见通报。"] if left > 0 else []
    lines_en += [f"{left} more in the bulletin."] if left > 0 else []
    return Notice(
        purpose=Purpose.NOW,
        message_id=named.message_id,
        about=named.message_id if record is None else record.message_id,
        event_key=named.event_key,
        place=town_zh,
        subject=f"【正在发生】{town_zh}：{first}{many}已有积水 {at}",
        zh=f"{at}，{town_zh}已有积水：\n"
        + "\n".join(lines_zh)
        + f"\n先救人，后报告。现场与此不符请立即告知{phone_zh}。\n"
        f"{district.bureau.zh}",
        en=f"Water stands now in {town_en} ({at}):\n" + "\n".join(lines_en) + f"\nPeople first, then report. If the "
        f"place looks otherwise, tell {phone_en} at once.\n{district.bureau.en}",
        short=f"{_cut(first)}{many}已有积水，{_FIRST_THING[bool(places['is_closed'].iloc[0])]}！报{phone_zh}",
        facts={
            "area": {"code": town_code},
            "level": {"code": str(level), "number": int(level)},
            "valid_at": valid_at.astimezone(desk.timezone).isoformat(),
            "places": [_fact(place) for place in places.itertuples()],
        },
        labels={"Level": str(level), "Notice": "water-now", "Event": named.event_key},
        expires_at=now + EXPIRES_AFTER,
        priority=PRIORITY,
    )


def _asked(desk: Desk, notice: Notice, places: pd.DataFrame, *, now: datetime) -> NowAsked:
    """Return what is asked of the town: how each place is, by when, of whom."""
    code = str(places["town_code"].iloc[0])
    town = register_of(desk.district)[code]
    phone = phone_number(str(town["duty_phone"]))
    names = places[["hotspot_name", "hotspot_name_en"]].itertuples()
    return NowAsked(
        message_id=notice.message_id,
        event_key=notice.event_key,
        district_code=desk.code,
        area_code=code,
        town=str(town["town_name"]),
        phone=str(town["duty_phone"]),
        places={str(place.Index): [str(place.hotspot_name), str(place.hotspot_name_en)] for place in names},
        readers=tuple(sorted(may_answer(town) | ({phone} if phone else set()))),
        asked_at=now,
        due_at=now + timedelta(minutes=desk.settings.acknowledgement.now_min),
    )


def _how_to_answer(
    asked: NowAsked, keys: Keys, places: pd.DataFrame, phone: str
) -> Callable[[str], tuple[str, str, str] | None]:
    """Return what tells each reader of the town how to answer; nobody else is asked."""
    minutes = round((asked.due_at - asked.asked_at).total_seconds() / 60)
    first, many = str(places["hotspot_name"].iloc[0]), f"等{len(places)}处" if len(places) > 1 else ""
    do = _FIRST_THING[bool(places["is_closed"].iloc[0])]
    words_zh, words_en = "、".join(one.zh for one in NowAnswer), ", ".join(one.en for one in NowAnswer)

    def how(reader: str) -> tuple[str, str, str] | None:
        if reader not in asked.readers:
            return None
        code = reply_code(keys, asked.message_id, reader)
        digits = phone_number(phone) or ""
        said = f"电{digits}报{code}" if digits else f"报{code}"
        return (
            f"{minutes}分钟内请答复：回复本邮件，写明叫应码{code}、姓名和情况（{words_zh}，写其一）；或打电话报叫应码。",
            f"Within {minutes} minutes say how it stands: reply with the code {code}, your name and one of: "
            f"{words_en}; or telephone and give the code.",
            f"{_cut(first)}{many}已有积水，{do}！{said}",
        )

    return how


def _cap(
    desk: Desk,
    decision: Decision,
    places: pd.DataFrame,
    notice: Notice,
    *,
    named: _Named,
    valid_at: datetime,
    scope: str,
) -> bytes | None:
    return standing_cap(
        desk,
        decision,
        places,
        _cap_texts(desk, places, notice, valid_at),
        message_id=named.message_id,
        event_key=named.event_key,
        number=named.number,
        depth_m=_known_depth_m(places),
        expires_at=notice.expires_at,
        scope=scope,
    )


def _cap_texts(desk: Desk, places: pd.DataFrame, notice: Notice, valid_at: datetime) -> tuple[CapText, CapText]:
    """Say the notice in the fields of CAP: what is known of each place, and what is ordered there."""
    town_en = str(desk.district.towns.at[str(places["town_code"].iloc[0]), "town_name_en"])
    at, (phone_zh, phone_en) = f"{valid_at.astimezone(desk.timezone):%H:%M}", _phone(desk)
    first_en, left = str(places["hotspot_name_en"].iloc[0]), len(places) - PLACES_MAX
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    rows = list(places[:PLACES_MAX].itertuples())
    known_zh = [f"{row.hotspot_name}：积水{_depth(row)[0]}（{_source(row, desk)[0]}）" for row in rows]
    known_en = [f"{row.hotspot_name_en}: {_depth(row)[1]} of water ({_source(row, desk)[1]})" for row in rows]
    orders_zh = [f"{n}. {row.hotspot_name}：{row.order_zh}。" for n, row in enumerate(rows, 1)]
    orders_en = [f"{n}. {row.hotspot_name_en}: {row.order_en}." for n, row in enumerate(rows, 1)]
    known_zh += [f"另有{left}处。"] if left > 0 else []
    known_en += [f"{left} more."] if left > 0 else []
    orders_zh.append(f"先救人，后报告。现场与此不符请立即告知{phone_zh}。")
    orders_en.append(f"People first, then report. If the place looks otherwise, tell {phone_en} at once.")
    told = (
        (notice.subject, known_zh, orders_zh, phone_zh),
        (f"Happening now in {town_en}: water at {first_en}{more}, {at}", known_en, orders_en, phone_en),
    )
    zh, en = (
        CapText(
            headline=plain_text(headline),
            description=plain_text("\n".join(known)),
            instruction=plain_text("\n".join(orders)),
            contact=plain_text(phone),
        )
        for headline, known, orders, phone in told
    )
    return zh, en


def _known_depth_m(places: pd.DataFrame) -> float:
    """Return the greatest depth that is seen or passed for sure at any of the places."""
    passed_m = pd.Series([STEPS_M[int(step) - 1] for step in places["step"]], index=places.index)
    return float(places["observed_depth_m"].fillna(passed_m).max())


def _phone(desk: Desk) -> tuple[str, str]:
    """Return how to reach the office that sends this."""
    warning = desk.settings.warning
    phone = warning.phone_told
    return f"{warning.office.zh}{phone}", f"{warning.office.en}{f' ({phone})' if phone else ''}"


def _line_zh(number: int, place: Any, desk: Desk) -> str:
    return f"{number}. {place.hotspot_name}：积水{_depth(place)[0]}（{_source(place, desk)[0]}）。{place.order_zh}。"


def _line_en(number: int, place: Any, desk: Desk) -> str:
    return (
        f"{number}. {place.hotspot_name_en}: {_depth(place)[1]} of water ({_source(place, desk)[1]}). {place.order_en}."
    )


def _depth(place: Any) -> tuple[str, str]:
    return standing_words(int(place.now_class), place.observed_depth_m)


def _source(place: Any, desk: Desk) -> tuple[str, str]:
    """Say who or what saw it; what nobody saw is modelled, and may be otherwise."""
    if not place.now_by:
        return "模型推算，未经现场核实", "modelled, not seen"
    at = f"{place.now_seen_at.tz_convert(desk.timezone):%H:%M}"
    return f"{place.now_by} {at}所见", f"seen by {place.now_by} at {at}"


def _fact(place: Any) -> dict[str, Any]:
    seen = bool(place.now_by)
    depth_m = None if pd.isna(place.observed_depth_m) else float(place.observed_depth_m)
    name = {"zh": place.hotspot_name, "en": place.hotspot_name_en}
    return {
        "id": str(place.Index),
        "name": name,
        "at_least_m": least_standing_m(int(place.now_class)),
        "depth_m": depth_m,
        "seen": seen,
    }


def _cut(name: str) -> str:
    return name if len(name) <= _NAME_UNITS else f"{name[: _NAME_UNITS - 1]}…"
