"""The sentences of a bulletin that are told from numbers: forecast, observation, impact, data basis.

A number that is missing is said to be missing. Nothing is rounded towards safety.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from reports.words import (
    LANGUAGES,
    Lang,
    Text,
    is_missing,
    join,
    kind_name,
    local,
    millimetres,
    moment,
    plain,
    probability,
    return_period,
)
from risk_models.levels import Level
from risk_models.risk.criteria import OrderPhase
from risk_models.risk.depth_words import chances_words, depth_range, sag_is_known
from risk_models.standards import Standards

__all__ = [
    "age",
    "basis_lines",
    "forecast_lines",
    "hotspots_by_level",
    "impact_lines",
    "not_assessed",
    "observed_lines",
]

_CLOSED_WHEN_FLOODED = ("tunnel", "rail_underpass")
_IMPACT_COLUMNS = [
    *("hotspot_name", "hotspot_name_en", "kind", "sag_known", "depth_p10_m", "depth_p50_m", "depth_p90_m"),
    *("p_15cm", "p_27cm", "p_50cm"),
    *("people_exposed", "facilities_exposed"),
]
_COUNT_ORDER = (Level.RED, Level.ORANGE, Level.YELLOW, Level.BLUE, Level.NONE, Level.UNKNOWN)


def _both(zh: str, en: str, **parts: Any) -> Text:
    """Fill both templates; a part that is a `Text` gives its own language to each."""

    def of(lang: Lang) -> dict[str, Any]:
        return {name: part[lang] if isinstance(part, Text) else part for name, part in parts.items()}

    return Text(zh.format(**of("zh")), en.format(**of("en")))


def _text(words: Any, value: Any, *rest: Any) -> Text:
    """Call one of the word functions in both languages."""
    return Text(*(words(value, lang, *rest) for lang in LANGUAGES))


def forecast_lines(area: pd.DataFrame, *, horizon_h: int, standards: Standards, formula_id: str) -> tuple[Text, ...]:
    """Tell the greatest rain expected in an area, with its 90 % outcome and its return period.

    Parameters
    ----------
    area : DataFrame
        Rows of the risk table of the area.
    horizon_h : int
        Hours ahead.
    standards : Standards
        Gives the name of the storm formula.
    formula_id : str
        Formula of the return period.

    Returns
    -------
    tuple of Text
    """
    if area["fc_1h_mm_p50"].isna().all():
        return (
            Text(
                "雨量资料缺失，无法给出预报雨量；这不表示没有降雨。",
                "Rain data are missing, so no amounts can be given; this does not mean that it will stay dry.",
            ),
        )
    peak = {name: _text(millimetres, area[name].max()) for name in area.columns if name.startswith("fc_")}
    rain = _both(
        "未来{h}小时本区域预计1小时最多再降{one}（偏多情形{one_high}）；连同已降的雨，连续3小时最多{three}"
        "（偏多情形{three_high}），6小时{six}，24小时{day}。",
        "Still to fall within {h} h, at most: {one} in 1 h (high case {one_high}); with the rain that has already "
        "fallen: {three} in 3 h (high case {three_high}), {six} in 6 h, {day} in 24 h.",
        h=horizon_h,
        one=peak["fc_1h_mm_p50"],
        one_high=peak["fc_1h_mm_p90"],
        three=peak["fc_3h_mm_p50"],
        three_high=peak["fc_3h_mm_p90"],
        six=peak["fc_6h_mm_p50"],
        day=peak["fc_24h_mm_p50"],
    )
    note = Text(
        "以上为区域内风险点中的最大值；“偏多情形”为集合成员的90%分位。",
        "Largest value among the hotspots of the area; the high case is the 90 % quantile of the members.",
    )
    return (rain, *_return_period(area, standards, formula_id), note)


def _return_period(area: pd.DataFrame, standards: Standards, formula_id: str) -> tuple[Text, ...]:
    rarest = area["return_period_a"].astype(float)
    if rarest.isna().all():
        return ()
    row = area.iloc[int(rarest.fillna(-1.0).to_numpy().argmax())]
    formula = standards.storm_formula(formula_id)
    return (
        _both(
            "{window:g}小时雨量{period}，取近24小时实况与预报中最稀遇者，按{formula}计算。",
            "Rain in {window:g} h: {period}; rarest of the last 24 h and the forecast, by the {formula}.",
            window=float(row["return_window_h"]),
            period=_text(return_period, row["return_period_a"]),
            formula=Text(formula.zh, formula.en),
        ),
    )


def observed_lines(area: pd.DataFrame, *, observed_until: pd.Timestamp | None, zone: str) -> tuple[Text, ...]:
    """Tell the greatest rain observed in an area up to the last value.

    Parameters
    ----------
    area : DataFrame
        Rows of the risk table of the area.
    observed_until : Timestamp or None
        Time of the last observed value, UTC.
    zone : str
        Time zone of the words.
    """
    windows = (1, 3, 6, 24, 72)
    amounts = {f"h{hours}": _text(millimetres, area[f"obs_{hours}h_mm"].max()) for hours in windows}
    if observed_until is None or all(area[f"obs_{hours}h_mm"].isna().all() for hours in windows):
        return (Text("实况雨量缺测，未知不等于无雨。", "No observed rain is available; unknown does not mean dry."),)
    lines = [
        _both(
            "截至{at}，本区域过去1小时最大雨量{h1}，3小时{h3}，6小时{h6}，24小时{h24}，72小时{h72}。",
            "Greatest rain in the area up to {at}: {h1} in 1 h, {h3} in 3 h, {h6} in 6 h, {h24} in 24 h, {h72} in "
            "72 h.",
            at=_text(moment, observed_until, zone),
            **amounts,
        )
    ]
    unknown = int(area["obs_1h_mm"].isna().sum())
    if unknown:
        lines.append(
            _both("其中{n}处风险点的实况雨量未知。", "Observed rain is unknown at {n} of the hotspots.", n=unknown)
        )
    return tuple(lines)


def hotspots_by_level(area: pd.DataFrame) -> Text:
    """Tell how many hotspots of an area stand at each level.

    Examples
    --------
    >>> hotspots_by_level(pd.DataFrame({"level": [4, 4, -1]})).zh
    '区域内风险点3处：红色2处、未知1处。'
    """
    left_out = not_assessed(area)
    counts = {level: int(((area["level"] == int(level)) & ~left_out).sum()) for level in _COUNT_ORDER}
    zh_parts = [f"{level.zh}{n}处" for level, n in counts.items() if n]
    en_parts = [f"{n} {level.en.lower()}" for level, n in counts.items() if n]
    if left_out.any():
        zh_parts.append(f"{OrderPhase.NOT_ASSESSED.zh}{int(left_out.sum())}处")
        en_parts.append(f"{int(left_out.sum())} {OrderPhase.NOT_ASSESSED.en}")
    zh, en = "、".join(zh_parts), ", ".join(en_parts)
    return Text(f"区域内风险点{len(area)}处：{zh}。", f"{len(area)} hotspots in the area: {en}.")


def not_assessed(area: pd.DataFrame) -> pd.Series:
    """Return where the models do not speak of the kind of place, and nobody saw water."""
    if "order_phase" not in area:
        return pd.Series(False, index=area.index)
    return (area["order_phase"] == str(OrderPhase.NOT_ASSESSED)) & (area["level"] < int(Level.BLUE))


def not_assessed_lines(area: pd.DataFrame) -> tuple[Text, ...]:
    """Say which kinds of places the models do not speak of, and by what they are watched instead.

    Examples
    --------
    >>> area = pd.DataFrame({"level": [-1, -1], "kind": "gully_slope", "order_phase": "not_assessed"})
    >>> not_assessed_lines(area)[0].zh
    '模型不评估沟壑边坡2处：没有等级不等于没有风险，按暴雨信号判据和现场巡查处置。'
    """
    kinds = area.loc[not_assessed(area), "kind"].value_counts().sort_index()
    if kinds.empty:
        return ()
    zh = "、".join(f"{kind_name(str(kind), 'zh')}{n}处" for kind, n in kinds.items())
    en = ", ".join(f"{kind_name(str(kind), 'en')} {n}" for kind, n in kinds.items())
    return (
        Text(
            f"模型不评估{zh}：没有等级不等于没有风险，按暴雨信号判据和现场巡查处置。",
            f"Not assessed by the model: {en}. No level does not mean no risk: go by the rain signal and by what is "
            "seen on site.",
        ),
    )


def impact_lines(area: pd.DataFrame, hotspots: pd.DataFrame) -> tuple[Text, ...]:
    """Tell what the expected water means: where it is deepest, what it closes, who is within reach.

    Parameters
    ----------
    area : DataFrame
        Rows of the risk table of the area.
    hotspots : DataFrame
        The district's hotspots, for the depth at which each is closed.
    """
    lines = [hotspots_by_level(area), *not_assessed_lines(area)]
    warned = area.loc[area["level"] >= Level.BLUE, _IMPACT_COLUMNS]
    if warned.empty:
        return tuple(lines)
    lines += _deepest(warned)
    lines += _closures(warned, hotspots)
    people, facilities = int(warned["people_exposed"].sum()), int(warned["facilities_exposed"].sum())
    lines.append(
        _both(
            "蓝色及以上风险点周边估算约{people:,}人、重要设施{facilities}处（各点相加，可能重复计算）。",
            "Within reach of hotspots at blue or above: about {people:,} people and {facilities} facilities (estimates "
            "summed over hotspots; some may be counted twice).",
            people=people,
            facilities=facilities,
        )
    )
    return tuple(lines)


def _deepest(warned: pd.DataFrame) -> list[Text]:
    """Name the hotspot where deep water is likeliest: chances compare, depths of unmeasured sags do not."""
    if warned["p_50cm"].isna().all():
        return []
    order = ["p_50cm", "p_27cm", "p_15cm"]
    row = warned.sort_values(order, ascending=False, kind="stable").iloc[0].to_dict()
    name = Text(plain(row["hotspot_name"]), plain(row["hotspot_name_en"]))
    if not sag_is_known(row):
        return [
            _both(
                "最可能积深水处为{name}：{chances}。",
                "Deep water is likeliest at {name}: {chances}.",
                name=name,
                chances=Text(*chances_words(row)),
            )
        ]
    return [
        _both(
            "最可能积深水处为{name}：可能{depth}，超过50厘米的概率{p}。",
            "Deep water is likeliest at {name}: {depth}; chance of passing 50 cm {p}.",
            name=name,
            depth=Text(*depth_range(row["depth_p10_m"], row["depth_p90_m"])),
            p=_text(probability, row["p_50cm"]),
        )
    ]


def _closures(warned: pd.DataFrame, hotspots: pd.DataFrame) -> list[Text]:
    """Name the tunnels and underpasses whose 90 % depth reaches the depth at which they are closed."""
    passages = warned[warned["kind"].isin(_CLOSED_WHEN_FLOODED)]
    closing = hotspots["close_depth_m"].reindex(passages.index)
    reached = passages[passages["depth_p90_m"] >= closing]
    if reached.empty:
        return []
    likely = int((reached["depth_p50_m"] >= closing.reindex(reached.index)).sum())
    kinds = [kind for kind in _CLOSED_WHEN_FLOODED if (reached["kind"] == kind).any()]
    named = Text(*(join([kind_name(kind, lang) for kind in kinds], lang) for lang in LANGUAGES))
    already = Text(f"其中{likely}处按中位即达到", f"{likely} of them already in the median case")
    return [
        _both(
            "{kinds}{n}处可能达到封闭水深，{already}。",
            "Passages that may reach their closing depth ({kinds}): {n}, {already}.",
            n=len(reached),
            kinds=named,
            already=already if likely else Text("中位情形均未达到", "none of them in the median case"),
        )
    ]


def age(since: pd.Timestamp, until: pd.Timestamp) -> Text:
    """Return a span of time in words, in minutes below two hours, else in hours.

    Examples
    --------
    >>> age(pd.Timestamp("2021-07-20T08:00Z"), pd.Timestamp("2021-07-20T09:30Z"))
    Text(zh='90分钟', en='90 min')
    """
    minutes = (until - since) / pd.Timedelta(minutes=1)
    if minutes < 120:
        return Text(f"{minutes:.0f}分钟", f"{minutes:.0f} min")
    return Text(f"{minutes / 60:.0f}小时", f"{minutes / 60:.0f} h")


def basis_lines(attrs: dict[str, Any], *, issued_at: pd.Timestamp, zone: str) -> tuple[Text, ...]:
    """Tell what a risk table stood on: cycle, age of rain and forecast, gauges, ladder step, methods.

    Parameters
    ----------
    attrs : dict
        `attrs` of the risk table.
    issued_at : Timestamp
        Issue of the bulletin, from which ages are counted.
    zone : str
        Time zone of the words.
    """
    lines = [_both("评估时次：{at}。", "Cycle: {at}.", at=_text(moment, attrs["valid_at"], zone))]
    for key, zh, en in (
        ("observed_until", "实况雨量", "observed rain"),
        ("issued_at", "集合预报", "ensemble forecast"),
    ):
        at = pd.Timestamp(attrs[key]) if attrs.get(key) else None
        if at is None or is_missing(at):
            lines.append(Text(f"{zh}：无。", f"{en.capitalize()}: none."))
        else:
            said = {"at": _text(moment, at, zone), "age": age(pd.Timestamp(local(at, zone)), issued_at)}
            verb = ("截至{at}", "up to {at}") if key == "observed_until" else ("起报{at}", "of {at}")
            lines.append(
                _both(
                    f"{zh}：{verb[0]}（距发布{{age}}）。",
                    f"{en.capitalize()}: {verb[1]} ({{age}} before issue).",
                    **said,
                )
            )
    used, expected = attrs["gauges_used"], attrs["gauges_expected"]
    lines.append(
        _both("雨量站：使用{used}个，应到{n}个。", "Gauges: {used} used of {n} expected.", used=used, n=expected)
    )
    step, zh, en = attrs["ladder_step"], plain(attrs["ladder_zh"]), plain(attrs["ladder_en"])
    lines.append(
        Text(
            f"资料状况：第{step}级（共6级，1级最好）：{zh}。", f"State of the data: step {step} of 6 (1 is best): {en}."
        )
    )
    feeds_zh, feeds_en = (str(attrs.get(key) or "").splitlines() for key in ("feeds_zh", "feeds_en"))
    lines.extend(Text(plain(zh), plain(en)) for zh, en in zip(feeds_zh, feeds_en, strict=True))
    version, matrix, formula = attrs["method_version"], attrs["matrix_id"], attrs["formula_id"]
    lines.append(
        Text(
            f"方法版本 {version}；风险矩阵 {matrix}；暴雨公式 {formula}。",
            f"Method version {version}; risk matrix {matrix}; storm formula {formula}.",
        )
    )
    return tuple(lines)
