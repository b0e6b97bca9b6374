"""Words and numbers as people read them: Chinese and English, local time, one word for one thing.

Every function takes the language as ``"zh"`` or ``"en"``. A value that is missing is said to be unknown, never left
out and never shown as zero.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from risk_models.levels import Level
from risk_models.plan.steps import PlanStep, State
from risk_models.risk.depth_words import chance_text
from risk_models.warning.authority import Authority
from risk_models.warning.records import Action

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ACTION_WORDS",
    "AUTHORITY_WORDS",
    "CONFIDENCE_WORDS",
    "DEMONSTRATION",
    "HOTSPOT_KINDS",
    "LANGUAGES",
    "STATUS_BANNERS",
    "UNKNOWN",
    "Lang",
    "Text",
    "date_only",
    "day_hour",
    "day_time",
    "depth",
    "is_missing",
    "join",
    "kind_name",
    "level_name",
    "local",
    "millimetres",
    "moment",
    "phased",
    "plain",
    "plan_state_text",
    "probability",
    "return_period",
    "sentence",
    "short_moment",
    "short_window",
    "shortened",
    "window",
]

Lang = Literal["zh", "en"]
LANGUAGES: tuple[Lang, Lang] = ("zh", "en")

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


@dataclass(frozen=True)
class Text:
    """One statement in both languages.

    Examples
    --------
    >>> Text("积水", "ponding")["en"]
    'ponding'
    """

    zh: str
    en: str

    def __getitem__(self, lang: Lang) -> str:
        return self.zh if lang == "zh" else self.en

    def __bool__(self) -> bool:
        return bool(self.zh or self.en)


UNKNOWN = Text("未知", "unknown")
DEMONSTRATION = Text("演示数据，非真实情况", "Demonstration data, not a real situation")

ACTION_WORDS: Mapping[Action, Text] = MappingProxyType(
    {
        Action.NEW: Text("首次发布", "New"),
        Action.UPG: Text("升级", "Raised"),
        Action.EXT: Text("延长", "Extended"),
        Action.CON: Text("维持", "Continued"),
        Action.DNG: Text("降级", "Lowered"),
        Action.CAN: Text("提前解除", "All-clear (ended early)"),
        Action.EXP: Text("到期解除", "All-clear (expired)"),
    }
)

AUTHORITY_WORDS: Mapping[Authority, Text] = MappingProxyType(
    {
        Authority.PROPOSED: Text("研判建议", "Proposed"),
        Authority.WAITING: Text("待签发", "Waiting for a signature"),
        Authority.SIGNED: Text("已签发", "Signed"),
        Authority.SENT: Text("已发出", "Sent"),
        Authority.ANSWERED: Text("已应答", "Answered"),
        Authority.REFUSED: Text("未予签发", "Refused"),
        Authority.OVER: Text("已结束", "Over"),
    }
)

STATUS_BANNERS: Mapping[str, Text] = MappingProxyType(
    {
        "Actual": Text("", ""),
        "Exercise": Text("【演练】", "[EXERCISE]"),
        "Test": Text("【测试】", "[TEST]"),
    }
)

HOTSPOT_KINDS: Mapping[str, Text] = MappingProxyType(
    {
        "tunnel": Text("隧道", "tunnel"),
        "rail_underpass": Text("铁路下穿通道", "rail underpass"),
        "road_junction": Text("道路交叉口", "road junction"),
        "underground_space": Text("地下空间", "underground space"),
        "metro_entrance": Text("地铁出入口", "metro entrance"),
        "riverside": Text("沿河低洼处", "riverside"),
        "small_dam": Text("小型水库坝体", "small dam"),
        "gully_slope": Text("沟壑边坡", "gully slope"),
        "old_community": Text("老旧小区", "old residential compound"),
        "construction_pit": Text("施工基坑", "construction pit"),
        "dangerous_house": Text("危旧房屋", "dangerous house"),
        "school": Text("学校", "school"),
    }
)

CONFIDENCE_WORDS: Mapping[str, Text] = MappingProxyType(
    {"high": Text("高", "high"), "medium": Text("中", "medium"), "low": Text("低", "low")}
)


def is_missing(value: Any) -> bool:
    """Return True for None, NaN and NaT.

    Examples
    --------
    >>> import pandas as pd
    >>> is_missing(float("nan")), is_missing(pd.NaT), is_missing(pd.NA), is_missing(0.0), is_missing("")
    (True, True, True, False, False)
    """
    if value is None:
        return True
    try:
        return bool(value != value)  # true of NaN and NaT, and of nothing else
    except TypeError:  # NA, of which pandas will not say whether it equals itself
        return True


def plain(value: Any) -> str:
    r"""Return a value from a table as one clean line: no control, format or bidi characters, no doubled spaces.

    Escaping for HTML or Typst is the writers' business; this only makes sure that a name can neither break a line nor
    turn the reading direction.

    Examples
    --------
    >>> plain("  陇海路\u202e下穿\r\nBcc: all ")
    '陇海路下穿 Bcc: all'
    >>> plain(float("nan"))
    ''
    """
    if is_missing(value):
        return ""
    line = " ".join(str(value).split())
    if line.isprintable():  # nearly all are, and then hold nothing to leave out
        return line
    kept = (char for char in line if unicodedata.category(char) not in {"Cc", "Cf", "Co", "Cs"})
    return " ".join("".join(kept).split())


def sentence(text: Any, stop: str) -> str:
    """Return a cleaned text that ends with its full stop; an empty one stays empty.

    Examples
    --------
    >>> sentence("雨量未知", "。"), sentence("Rain is unknown.", "."), sentence(None, ".")
    ('雨量未知。', 'Rain is unknown.', '')
    """
    words = plain(text)
    return words if not words or words.endswith((".", "。")) else words + stop


def local(at: datetime | pd.Timestamp | str, zone: str) -> datetime:
    """Return a moment in local time; a moment without zone is taken as UTC, as everywhere inside.

    Parameters
    ----------
    at : datetime or str
        Aware, or naive UTC; a text in ISO 8601 too.
    zone : str
        IANA name, e.g. ``Asia/Shanghai``.

    Examples
    --------
    >>> local(datetime(2021, 7, 20, 9), "Asia/Shanghai").isoformat()
    '2021-07-20T17:00:00+08:00'
    """
    if isinstance(at, str):  # as the attributes of a table keep it
        at = datetime.fromisoformat(at)
    plainly: datetime = at.to_pydatetime(warn=False) if hasattr(at, "to_pydatetime") else at
    aware = plainly.replace(tzinfo=UTC) if plainly.tzinfo is None else plainly
    return aware.astimezone(ZoneInfo(zone))


def _clock(at: datetime, lang: Lang) -> str:
    if lang == "en":
        return f"{at:%H:%M}"
    return f"{at.hour}时" if at.minute == 0 else f"{at.hour}时{at.minute:02d}分"


def date_only(at: datetime | pd.Timestamp, lang: Lang, zone: str, *, year: bool = True) -> str:
    """Return the local date in words.

    Examples
    --------
    >>> import pandas as pd
    >>> at = pd.Timestamp("2021-07-20T09:00Z")
    >>> date_only(at, "zh", "Asia/Shanghai"), date_only(at, "en", "Asia/Shanghai", year=False)
    ('2021年7月20日', '20 July')
    """
    there = local(at, zone)
    if lang == "zh":
        return f"{there.year}年{there.month}月{there.day}日" if year else f"{there.month}月{there.day}日"
    return f"{there.day} {_MONTHS[there.month - 1]}" + (f" {there.year}" if year else "")


def moment(at: datetime | pd.Timestamp | None, lang: Lang, zone: str, *, year: bool = True) -> str:
    """Return local date and time in words; "unknown" if there is none.

    Examples
    --------
    >>> import pandas as pd
    >>> at = pd.Timestamp("2021-07-20T09:00Z")
    >>> moment(at, "zh", "Asia/Shanghai", year=False), moment(at, "en", "Asia/Shanghai")
    ('7月20日17时', '17:00 on 20 July 2021')
    >>> moment(pd.NaT, "zh", "Asia/Shanghai")
    '未知'
    """
    if at is None or is_missing(at):
        return UNKNOWN[lang]
    there = local(at, zone)
    date = date_only(at, lang, zone, year=year)
    return f"{date}{_clock(there, lang)}" if lang == "zh" else f"{_clock(there, lang)} on {date}"


def short_moment(at: datetime | pd.Timestamp | None, lang: Lang, zone: str) -> str:
    """Return day and time for a table cell, without month or year; a dash if there is none.

    Examples
    --------
    >>> import pandas as pd
    >>> at = pd.Timestamp("2021-07-20T09:30Z")
    >>> short_moment(at, "zh", "Asia/Shanghai"), short_moment(at, "en", "Asia/Shanghai")
    ('20日17:30', '20 Jul 17:30')
    """
    if at is None or is_missing(at):
        return "—"
    there = local(at, zone)
    if lang == "zh":
        return f"{there.day}日{there:%H:%M}"
    return f"{there.day} {_MONTHS[there.month - 1][:3]} {there:%H:%M}"


def _day_hour(there: datetime, lang: Lang, *, day: bool = True) -> str:
    if lang == "zh":
        hour = f"{there.hour}时" if there.minute == 0 else f"{there:%H:%M}"
        return f"{there.day}日{hour}" if day else hour
    return f"{there:%H:%M}" + (f" on {there.day} {_MONTHS[there.month - 1][:3]}" if day else "")


def day_hour(at: datetime | pd.Timestamp | None, lang: Lang, zone: str) -> str:
    """Return day and time in the fewest words of a sentence; "unknown" if there is none.

    Examples
    --------
    >>> import pandas as pd
    >>> at = pd.Timestamp("2021-07-20T09:00Z")
    >>> day_hour(at, "zh", "Asia/Shanghai"), day_hour(at, "en", "Asia/Shanghai"), day_hour(None, "zh", "Asia/Shanghai")
    ('20日17时', '17:00 on 20 Jul', '未知')
    """
    return UNKNOWN[lang] if at is None or is_missing(at) else _day_hour(local(at, zone), lang)


def short_window(start: datetime | pd.Timestamp, end: datetime | pd.Timestamp, lang: Lang, zone: str) -> str:
    """Return a span of local time in the fewest words, the day once where it does not change.

    Examples
    --------
    >>> import pandas as pd
    >>> start, end, later = (pd.Timestamp(f"2021-07-20T{hour}Z") for hour in ("06:00", "10:00", "18:30"))
    >>> short_window(start, end, "zh", "Asia/Shanghai"), short_window(start, later, "zh", "Asia/Shanghai")
    ('20日14时—18时', '20日14时—21日02:30')
    >>> short_window(start, end, "en", "Asia/Shanghai")
    '14:00 to 18:00 on 20 Jul'
    """
    first, last = local(start, zone), local(end, zone)
    same = first.date() == last.date()
    if lang == "en":
        return f"{_day_hour(first, lang, day=not same)} to {_day_hour(last, lang)}"
    return f"{_day_hour(first, lang)}—{_day_hour(last, lang, day=not same)}"


def shortened(name: str, characters: int) -> str:
    """Return a name cut to the width of as many Chinese characters, with a sign that something is missing.

    Only for where the whole name stands elsewhere in the same product, or has no room anywhere.

    Examples
    --------
    >>> shortened("陇海路铁路下穿", 7), shortened("陇海路铁路下穿", 5), shortened("Longhai Road underpass", 8)
    ('陇海路铁路下穿', '陇海路铁…', 'Longhai Road u…')
    """
    widths = [1.0 if unicodedata.east_asian_width(character) in "WFA" else 0.5 for character in name]
    if sum(widths) <= characters:
        return name
    kept, room = 0, characters - 1.0
    while kept < len(name) and widths[kept] <= room:
        room -= widths[kept]
        kept += 1
    return f"{name[: max(kept, 1)]}…"


def day_time(at: datetime | pd.Timestamp, zone: str) -> str:
    """Return a language-free local stamp such as ``07-20 17:00``.

    Examples
    --------
    >>> import pandas as pd
    >>> day_time(pd.Timestamp("2021-07-20T09:00Z"), "Asia/Shanghai")
    '07-20 17:00'
    """
    return f"{local(at, zone):%m-%d %H:%M}"


def window(start: datetime | pd.Timestamp, end: datetime | pd.Timestamp, lang: Lang, zone: str) -> str:
    """Return a span of local time in words, naming the year once and the month only where it changes.

    Examples
    --------
    >>> import pandas as pd
    >>> start, end = pd.Timestamp("2021-07-20T09:00Z"), pd.Timestamp("2021-07-20T21:00Z")
    >>> window(start, end, "zh", "Asia/Shanghai")
    '2021年7月20日17时至21日5时'
    >>> window(start, end, "en", "Asia/Shanghai")
    '17:00 on 20 July to 05:00 on 21 July 2021'
    """
    first, last = local(start, zone), local(end, zone)
    if lang == "en":
        if first.date() == last.date():
            return f"{_clock(first, lang)} to {_clock(last, lang)} on {date_only(end, lang, zone)}"
        left = moment(start, lang, zone, year=first.year != last.year)
        return f"{left} to {moment(end, lang, zone)}"
    left = moment(start, lang, zone)
    if first.year != last.year:
        return f"{left}至{moment(end, lang, zone)}"
    if first.date() == last.date():
        return f"{left}至{_clock(last, lang)}"
    month = "" if first.month == last.month else f"{last.month}月"
    return f"{left}至{month}{last.day}日{_clock(last, lang)}"


def millimetres(rain_mm: float | None, lang: Lang, *, unit: bool = True) -> str:
    """Return a rain amount [mm] with one decimal below 100, none above; "unknown" if missing.

    Examples
    --------
    >>> millimetres(201.9, "zh"), millimetres(7.25, "en"), millimetres(float("nan"), "en")
    ('202毫米', '7.2 mm', 'unknown')
    """
    if rain_mm is None or is_missing(rain_mm):
        return UNKNOWN[lang]
    number = f"{rain_mm:.1f}" if abs(rain_mm) < 99.95 else f"{rain_mm:.0f}"
    if not unit:
        return number
    return f"{number}毫米" if lang == "zh" else f"{number} mm"


def depth(depth_m: float | None, lang: Lang, *, unit: bool = True) -> str:
    """Return a water depth given in metres as whole centimetres below one metre, as metres above.

    Examples
    --------
    >>> depth(0.274, "zh"), depth(0.274, "en"), depth(1.32, "zh"), depth(None, "zh")
    ('27厘米', '27 cm', '1.3米', '未知')
    """
    if depth_m is None or is_missing(depth_m):
        return UNKNOWN[lang]
    if depth_m < 0.995:
        number, zh, en = f"{depth_m * 100:.0f}", "厘米", "cm"
    else:
        number, zh, en = f"{depth_m:.1f}", "米", "m"
    if not unit:
        return number
    return f"{number}{zh}" if lang == "zh" else f"{number} {en}"


def probability(share: float | None, lang: Lang) -> str:
    """Return a probability (0-1) as whole per cent, never as 0 % or 100 %: a model cannot know that.

    Examples
    --------
    >>> probability(0.634, "zh"), probability(0.002, "en"), probability(1.0, "en"), probability(float("nan"), "zh")
    ('63%', '<1%', '>99%', '未知')
    """
    if share is None or is_missing(share):
        return UNKNOWN[lang]
    return chance_text(share)


def return_period(return_period_a: float | None, lang: Lang) -> str:
    """Return a return period [years] in words, capped at 100 years where the storm formula ends.

    Examples
    --------
    >>> return_period(12.3, "zh"), return_period(12.3, "en"), return_period(float("inf"), "zh")
    ('约12年一遇', 'about once in 12 years', '超过100年一遇，超出公式范围')
    >>> return_period(0.7, "en"), return_period(float("nan"), "zh")
    ('more than once a year', '未知')
    """
    if return_period_a is None or is_missing(return_period_a):
        return UNKNOWN[lang]
    if return_period_a > 100 or math.isinf(return_period_a):
        return "超过100年一遇，超出公式范围" if lang == "zh" else "rarer than once in 100 years, outside the formula"
    if return_period_a < 1:
        return "不足1年一遇" if lang == "zh" else "more than once a year"
    return f"约{return_period_a:.0f}年一遇" if lang == "zh" else f"about once in {return_period_a:.0f} years"


def level_name(level: Level, lang: Lang) -> str:
    """Return the name of a level with its class number, e.g. ``红色（Ⅰ级）``.

    Examples
    --------
    >>> level_name(Level.ORANGE, "zh"), level_name(Level.RED, "en"), level_name(Level.UNKNOWN, "zh")
    ('橙色（Ⅱ级）', 'Red (I)', '未知')
    """
    if lang == "zh":
        return f"{level.zh}（{level.roman}级）" if level.roman else level.zh
    # English text carries Latin letters instead of the single-character numerals.
    return f"{level.en} ({unicodedata.normalize('NFKC', level.roman)})" if level.roman else level.en


def kind_name(kind: str, lang: Lang) -> str:
    """Return the name of a kind of hotspot; a kind that is not listed is shown as it is.

    Examples
    --------
    >>> kind_name("rail_underpass", "zh"), kind_name("quay", "en")
    ('铁路下穿通道', 'quay')
    """
    words = HOTSPOT_KINDS.get(kind)
    return words[lang] if words else kind


def join(parts: Iterable[str], lang: Lang) -> str:
    """Join the parts of a list as the language does.

    Examples
    --------
    >>> join(["隧道", "学校", "老旧小区"], "zh"), join(["tunnel", "school", "dam"], "en"), join(["dam"], "en")
    ('隧道、学校和老旧小区', 'tunnel, school and dam', 'dam')
    """
    items = [part for part in parts if part]
    if len(items) < 2:
        return "".join(items)
    comma, last = ("、", "和") if lang == "zh" else (", ", " and ")
    return comma.join(items[:-1]) + last + items[-1]


def plan_state_text(state: str, trigger: str) -> Text:
    """Say whether a plan is in force or stands by, and from which level.

    Examples
    --------
    >>> plan_state_text("stand_by", "orange")
    Text(zh='待命：达到橙色才启动', en='stand by: only from orange')
    """
    if state != State.STAND_BY:
        return Text("已启动", "in force") if state else Text("", "")
    level = Level.from_name(trigger)
    return Text(f"待命：达到{level.zh}才启动", f"stand by: only from {level.en.lower()}")


def phased(steps: Iterable[PlanStep], lang: Lang) -> list[str]:
    """Return steps of a plan in words, those of the same phases in one line that begins with them.

    Examples
    --------
    >>> from risk_models.plan.steps import steps_of
    >>> phased(steps_of("排查;备沙袋;封闭;值守", "check;sandbags;close;watch", "before;before;during/standing;"), "zh")
    ['雨前：排查；备沙袋', '雨中和积水：封闭', '阶段未注明：值守']
    """
    lines: dict[str, list[str]] = {}
    for step in steps:
        text = plain(step.zh if lang == "zh" else step.en)
        names = join((phase.zh if lang == "zh" else phase.en for phase in step.phases), lang)
        lines.setdefault(names, []).extend([text] if text else [])
    colon, stop = ("：", "；") if lang == "zh" else (": ", "; ")
    return [f"{names}{colon}{stop.join(texts)}" for names, texts in lines.items() if texts]
