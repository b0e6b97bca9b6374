"""Risk by town and hotspot: levels reached in the reviewed span, chances in the span to come."""

from __future__ import annotations

import pandas as pd

from reports.figures.chance_charts import chance_bars
from reports.figures.chance_map import chance_map
from reports.figures.level_charts import town_ranking
from reports.figures.level_map import LevelMap
from reports.periodic.charts import level_chart
from reports.periodic.facts.ahead import AheadFacts
from reports.periodic.facts.risk import WARNING_LEVELS, at_cycle
from reports.periodic.forms import DASH, Desk, chance, metres, one, source_gaps
from reports.words import kind_name
from risk_models.levels import Level

__all__ = ["add_risk"]

_SPOTS_SHOWN = 15
#: More assessments than this are not drawn one by one.
_CYCLES_DRAWN = 800


def add_risk(desk: Desk) -> None:
    """Add the worst hour, the towns and the hotspots; then the chances of the span to come."""
    say, facts = desk.say, desk.facts
    desk.out.section(say("risk.heading", stage=desk.stage("forecast")))
    parts = [_reviewed, _coming]
    for part in reversed(parts) if facts.is_outlook else parts:
        part(desk)


def _reviewed(desk: Desk) -> None:
    """Add what was reached in the reviewed span."""
    say, review = desk.say, desk.facts.review
    if review is None:
        return
    if review.worst is None:
        desk.out.subsection(say("risk.worst", **desk.spans()))
        desk.out.prose(say("risk.no_cycles" if review.counts.empty else "risk.none", **desk.spans()))
        _no_hotspots(desk)
        return
    desk.out.subsection(say("risk.worst", **desk.spans()))
    _worst_hour(desk, review.worst)
    desk.out.subsection(say("risk.towns", **desk.spans()))
    _towns(desk)
    desk.out.subsection(say("risk.hotspots", **desk.spans()))
    _hotspots(desk)


def _worst_hour(desk: Desk, worst: pd.Timestamp) -> None:
    """Add counts, map and chart of the worst hour."""
    say, review = desk.say, desk.review()
    counts = review.worst_counts()
    gaps = {str(level): str(counts[level]) for level in (*WARNING_LEVELS, Level.UNKNOWN)}
    at, n = desk.moment(worst), desk.count(review.n_hotspots, "hotspot")
    desk.out.prose(say("risk.worst_text", at=at, n=n, **gaps))
    levels = (*WARNING_LEVELS, Level.NONE, Level.UNKNOWN)
    header = (say("risk.level"), *(desk.level_title(level) for level in levels), say("review.total"))
    row = (say("risk.number"), *(str(counts[level]) for level in levels), str(review.n_hotspots))
    desk.out.table(say("risk.counts_table"), header, [row], align=("left", *("right",) * 7))
    desk.out.note(say("risk.horizon"))
    if len(review.counts) <= _CYCLES_DRAWN:
        chart = level_chart(review.counts, desk.lang, desk.facts.zone)
        desk.out.figure(chart, say("risk.counts"), alt=say("risk.counts_alt"), width_mm=140.0)
    table = at_cycle(review.risk, desk.facts.inputs.district, worst)
    table.attrs["valid_at"] = worst.isoformat()
    picture = LevelMap(desk.facts.inputs.district).png(table, lang=desk.lang)
    by_level = {str(level): str(counts[level]) for level in WARNING_LEVELS}
    desk.out.figure(picture, say("risk.map", at=at), alt=say("risk.map_alt", **by_level), width_mm=130.0)


def _towns(desk: Desk) -> None:
    """Add the towns by highest level."""
    say, towns = desk.say, desk.review().towns
    gaps = {str(level): str(int((towns["level"] == level).sum())) for level in WARNING_LEVELS}
    desk.out.prose(say("risk.towns_text", **gaps, **desk.spans()))
    levels = (*WARNING_LEVELS, Level.NONE, Level.UNKNOWN)
    spread = [str(int((towns["level"] == level).sum())) for level in levels]
    header = (say("risk.level"), *(desk.level_title(level) for level in levels), say("review.total"))
    row = (say("risk.town_number"), *spread, str(len(towns)))
    desk.out.table(say("risk.town_levels_table"), header, [row], align=("left", *("right",) * 7))
    rows = []
    for _, town in towns.iterrows():
        counts = [str(int(town[f"n_{level}"])) for level in WARNING_LEVELS]
        level = desk.level(int(town["level"])) if town["n_hotspots"] else DASH
        rows.append(
            (desk.name(town, "town_name"), level, str(int(town["n_hotspots"])), *counts, str(int(town["warned_h"])))
        )
    sums = [str(int(towns[name].sum())) for name in ("n_hotspots", *(f"n_{level}" for level in WARNING_LEVELS))]
    rows.append((say("review.total"), DASH, *sums, DASH))
    align = ("left", "center", *("right",) * 6)
    caption, columns = say("risk.towns_table", **desk.spans()), say.words("risk.town_columns")
    desk.out.table(caption, columns, rows, align=align, widths=(2.6, 1.4, 1.1, 0.8, 0.8, 0.8, 0.8, 1.4), annex=True)
    _no_hotspots(desk)
    ranked = towns[towns["n_hotspots"] > 0]
    table = pd.DataFrame(
        {"town": [desk.name(town, "town_name") for _, town in ranked.iterrows()],
         **{str(level): ranked[f"n_{level}"].to_numpy() for level in WARNING_LEVELS}}
    )  # fmt: skip
    if table[[str(level) for level in WARNING_LEVELS]].to_numpy().any():
        picture = town_ranking(table, lang=desk.lang, unit=say("risk.ranking_unit"), **source_gaps(desk))
        alt = say("risk.ranking_alt")
        desk.out.figure(picture, say("risk.ranking", **desk.spans()), alt=alt, width_mm=125.0)


def _no_hotspots(desk: Desk) -> None:
    """Name the towns without hotspots."""
    district = desk.facts.inputs.district
    empty = [desk.town(str(code)) for code in district.towns.index if code not in set(district.hotspots["town_code"])]
    desk.out.note(desk.say("risk.no_hotspots", names=desk.listed(empty)) if empty else "")


def _hotspots(desk: Desk) -> None:
    """Add the hotspots with the highest level and score."""
    say, review = desk.say, desk.review()
    rows = []
    for number, (_, spot) in enumerate(review.top.iterrows(), start=1):
        place = (desk.name(spot, "hotspot_name"), kind_name(str(spot["kind"]), desk.lang))
        risk = (desk.town(str(spot["town_code"])), desk.level(int(spot["level"])), one(spot["score"]))
        peak = (metres(spot["depth_p50_m"]), desk.stamp(spot["peak_at"]), str(int(spot["warned_h"])))
        rows.append((str(number), *place, *risk, *peak))
    total = say("risk.warned_total", n=desk.count(review.n_warned, "hotspot"))
    rows.append((DASH, total, DASH, DASH, DASH, DASH, DASH, DASH, DASH))
    gaps = {"warned": desk.count(review.n_warned, "hotspot"), "n": str(len(review.top))}
    desk.out.prose(say("risk.hotspots_text", **gaps, **desk.spans()))
    align = ("right", "left", "left", "left", "center", "right", "right", "center", "right")
    caption, columns = say("risk.hotspots_table", **desk.spans()), say.words("risk.hotspot_columns")
    desk.out.table(caption, columns, rows, align=align, widths=(0.6, 2.65, 1.5, 1.7, 1.0, 0.95, 1.1, 1.65, 1.0))


def _coming(desk: Desk) -> None:
    """Add the chances of the span to come by hotspot and town."""
    say, ahead = desk.say, desk.facts.ahead
    if ahead is None:
        return
    desk.out.subsection(say("risk.coming", **desk.spans()))
    if ahead.chances.empty:
        desk.out.prose(say("risk.no_chance", **desk.spans()))
    else:
        _chances(desk, ahead)
    if ahead.town_chances.empty:
        desk.out.prose(say("risk.no_town_chance", **desk.spans()))
    else:
        _town_chances(desk, ahead)
    if not ahead.chances.empty:
        _chance_map(desk, ahead)


def _chances(desk: Desk, ahead: AheadFacts) -> None:
    """Add hotspots by word and depth, and the most likely ones."""
    say, depth = desk.say, ahead.depth_cm(ahead.map_class)
    words = [level.zh if desk.lang == "zh" else level.en for level in reversed(ahead.words)]
    rows = []
    for key in ahead.classes.index:
        counts = ahead.word_counts(str(key))
        unknown = len(ahead.chances) - sum(counts.values())
        cells = (say("risk.depth_cell", depth=ahead.depth_cm(str(key))), *(str(number) for number in counts.values()))
        rows.append((*cells, str(unknown), str(len(ahead.chances))))
    counts = ahead.word_counts(ahead.map_class)
    top, second = list(counts.values())[:2]
    gaps = {"high": str(top), "raised": str(second), "depth": depth, "high_word": words[0], "raised_word": words[1]}
    desk.out.prose(say("risk.chances_text", **gaps, **desk.spans()))
    header = (
        say("risk.depth"),
        *(word[:1].upper() + word[1:] for word in words),
        desk.level_title(Level.UNKNOWN),
        say("review.total"),
    )
    desk.out.table(say("risk.chances_table"), header, rows, align=("left", *("right",) * (len(words) + 2)))
    _likely_spots(desk, ahead, depth)


def _chance_map(desk: Desk, ahead: AheadFacts) -> None:
    """Add the map, last: it fills what is left of a page or opens the next."""
    say, depth = desk.say, ahead.depth_cm(ahead.map_class)
    p = ahead.intervals["p"].reindex(desk.facts.inputs.district.hotspots.index)
    title = say("risk.chance_map", depth=depth, **desk.spans())
    picture = chance_map(desk.facts.inputs.district, p, lang=desk.lang, title=title, **source_gaps(desk))
    desk.out.figure(picture, title, alt=say("risk.chance_map_alt"), width_mm=115.0)


def _likely_spots(desk: Desk, ahead: AheadFacts, depth: str) -> None:
    """Add the most likely hotspots with their chance per depth; bars with intervals where any chance is high."""
    say = desk.say
    keys = [str(key) for key in ahead.classes.index]
    ordered = ahead.chances.loc[ahead.intervals.index].sort_values(
        [ahead.map_class, *keys], ascending=False, kind="stable"
    )
    shown = ordered.head(_SPOTS_SHOWN)
    hotspots = desk.facts.inputs.district.hotspots
    rows = []
    for number, (code, row) in enumerate(shown.iterrows(), start=1):
        spot = hotspots.loc[code]
        cells = (str(number), desk.name(spot, "hotspot_name"), desk.town(str(spot["town_code"])))
        rows.append((*cells, *(chance(row[key]) for key in keys), desk.word(row[ahead.map_class])))
    header = (*say.words("risk.spot_columns"), *(say("risk.depth_cell", depth=ahead.depth_cm(key)) for key in keys))
    header = (*header, say("risk.word_of", depth=depth))
    align = ("right", "left", "left", *("right",) * len(keys), "center")
    widths = (0.6, 3.0, 1.9, *(0.9,) * len(keys), 1.2)
    desk.out.table(say("risk.spots_table", **desk.spans()), header, rows, align=align, widths=widths, annex=True)
    more = len(hotspots) - len(shown)
    desk.out.note(say("risk.spots_more", n=desk.count(more, "hotspot")) if more > 0 else "", annex=True)
    if not (ahead.intervals["p"] >= ahead.likely_from - 1e-12).any():
        return
    bars = ahead.intervals.loc[shown.index].reset_index()
    bars["label"] = [desk.hotspot(str(code)) for code in shown.index]
    title = say("risk.bars", depth=depth, **desk.spans())
    picture = chance_bars(bars[["label", "p", "p_low", "p_high"]], lang=desk.lang, title=title, **source_gaps(desk))
    desk.out.figure(picture, title, alt=say("risk.bars_alt"), width_mm=115.0)


def _town_chances(desk: Desk, ahead: AheadFacts) -> None:
    """Add the chance of each level by town."""
    say = desk.say
    yellow = ahead.town_chances[int(Level.YELLOW)]
    number = int((yellow >= ahead.likely_from - 1e-12).sum())
    word = ahead.likely_word
    gaps = {"word": word.zh if desk.lang == "zh" else word.en, "n": desk.count(number, "town")}
    desk.out.prose(say("risk.town_chances_text", **gaps, level=desk.level(Level.YELLOW), **desk.spans()))
    rows = []
    for code, row in ahead.town_chances.iterrows():
        cells = [chance(row[int(level)]) for level in WARNING_LEVELS]
        rows.append((desk.town(str(code)), *cells, desk.word(row[int(Level.YELLOW)])))
    rows.append((say("risk.likely_total", word=gaps["word"]), DASH, DASH, str(number), DASH, DASH))
    header = (say("review.town"), *(desk.level_title(level) for level in WARNING_LEVELS))
    header = (*header, say("risk.word_level", level=desk.level(Level.YELLOW)))
    align = ("left", *("right",) * 4, "center")
    caption, widths = say("risk.town_chances_table", **desk.spans()), (2.8, 1.0, 1.0, 1.0, 1.0, 1.6)
    desk.out.table(caption, header, rows, align=align, widths=widths, annex=True)
