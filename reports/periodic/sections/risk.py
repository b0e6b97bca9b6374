"""Risk by town and hotspot: levels reached in the reviewed span, chances in the span to come."""

from __future__ import annotations

from typing import Any

import pandas as pd

from reports.figures.chance_charts import chance_bars
from reports.figures.chance_map import chance_map
from reports.figures.level_charts import town_ranking
from reports.figures.level_map import LevelMap
from reports.periodic.charts import level_chart
from reports.periodic.facts.ahead import AheadFacts
from reports.periodic.facts.risk import WARNING_LEVELS, at_cycle
from reports.periodic.forms import DASH, Forms, chance, one, source_gaps
from reports.words import Lang, Text, depth, kind_name
from risk_models.levels import Level
from risk_models.risk.depth_words import class_words, sag_is_known

__all__ = ["add_risk"]

_SPOTS_SHOWN = 15
#: More assessments than this are not drawn one by one.
_CYCLES_DRAWN = 800


def add_risk(forms: Forms) -> None:
    """Add the worst hour, the towns and the hotspots; then the chances of the span to come."""
    say, facts = forms.say, forms.facts
    forms.out.section(say("risk.heading", stage=forms.stage("forecast")))
    parts = [_reviewed, _coming]
    for part in reversed(parts) if facts.is_outlook else parts:
        part(forms)


def _reviewed(forms: Forms) -> None:
    """Add what was reached in the reviewed span."""
    say, review = forms.say, forms.facts.review
    if review is None:
        return
    if review.worst is None:
        forms.out.subsection(say("risk.worst", **forms.spans()))
        forms.out.prose(say("risk.no_cycles" if review.counts.empty else "risk.none", **forms.spans()))
        _no_hotspots(forms)
        return
    forms.out.subsection(say("risk.worst", **forms.spans()))
    _worst_hour(forms, review.worst)
    forms.out.subsection(say("risk.towns", **forms.spans()))
    _towns(forms)
    forms.out.subsection(say("risk.hotspots", **forms.spans()))
    _hotspots(forms)


def _worst_hour(forms: Forms, worst: pd.Timestamp) -> None:
    """Add counts, map and chart of the worst hour."""
    say, review = forms.say, forms.review()
    counts = review.worst_counts()
    gaps = {str(level): str(counts[level]) for level in (*WARNING_LEVELS, Level.UNKNOWN)}
    at, n = forms.moment(worst), forms.count(review.n_hotspots, "hotspot")
    forms.out.prose(say("risk.worst_text", at=at, n=n, **gaps))
    levels = (*WARNING_LEVELS, Level.NONE, Level.UNKNOWN)
    header = (say("risk.level"), *(forms.level_title(level) for level in levels), say("review.total"))
    row = (say("risk.number"), *(str(counts[level]) for level in levels), str(review.n_hotspots))
    forms.out.table(say("risk.counts_table"), header, [row], align=("left", *("right",) * 7))
    forms.out.note(say("risk.horizon"))
    if len(review.counts) <= _CYCLES_DRAWN:
        chart = level_chart(review.counts, forms.lang, forms.facts.zone)
        forms.out.figure(chart, say("risk.counts"), alt=say("risk.counts_alt"), width_mm=140.0)
    table = at_cycle(review.risk, forms.facts.inputs.district, worst)
    table.attrs["valid_at"] = worst.isoformat()
    picture = LevelMap(forms.facts.inputs.district).png(table, lang=forms.lang)
    by_level = {str(level): str(counts[level]) for level in WARNING_LEVELS}
    forms.out.figure(picture, say("risk.map", at=at), alt=say("risk.map_alt", **by_level), width_mm=130.0)


def _towns(forms: Forms) -> None:
    """Add the towns by highest level."""
    say, towns = forms.say, forms.review().towns
    gaps = {str(level): str(int((towns["level"] == level).sum())) for level in WARNING_LEVELS}
    forms.out.prose(say("risk.towns_text", **gaps, **forms.spans()))
    levels = (*WARNING_LEVELS, Level.NONE, Level.UNKNOWN)
    spread = [str(int((towns["level"] == level).sum())) for level in levels]
    header = (say("risk.level"), *(forms.level_title(level) for level in levels), say("review.total"))
    row = (say("risk.town_number"), *spread, str(len(towns)))
    forms.out.table(say("risk.town_levels_table"), header, [row], align=("left", *("right",) * 7))
    rows = []
    for _, town in towns.iterrows():
        counts = [str(int(town[f"n_{level}"])) for level in WARNING_LEVELS]
        level = forms.level(int(town["level"])) if town["n_hotspots"] else DASH
        rows.append(
            (forms.name(town, "town_name"), level, str(int(town["n_hotspots"])), *counts, str(int(town["warned_h"])))
        )
    sums = [str(int(towns[name].sum())) for name in ("n_hotspots", *(f"n_{level}" for level in WARNING_LEVELS))]
    rows.append((say("review.total"), DASH, *sums, DASH))
    align = ("left", "center", *("right",) * 6)
    caption, columns = say("risk.towns_table", **forms.spans()), say.words("risk.town_columns")
    forms.out.table(caption, columns, rows, align=align, widths=(2.6, 1.4, 1.1, 0.8, 0.8, 0.8, 0.8, 1.4), annex=True)
    _no_hotspots(forms)
    ranked = towns[towns["n_hotspots"] > 0]
    table = pd.DataFrame(
        {"town": [forms.name(town, "town_name") for _, town in ranked.iterrows()],
         **{str(level): ranked[f"n_{level}"].to_numpy() for level in WARNING_LEVELS}}
    )  # fmt: skip
    if table[[str(level) for level in WARNING_LEVELS]].to_numpy().any():
        picture = town_ranking(table, lang=forms.lang, unit=say("risk.ranking_unit"), **source_gaps(forms))
        alt = say("risk.ranking_alt")
        forms.out.figure(picture, say("risk.ranking", **forms.spans()), alt=alt, width_mm=125.0)


def _no_hotspots(forms: Forms) -> None:
    """Name the towns without hotspots."""
    district = forms.facts.inputs.district
    empty = [forms.town(str(code)) for code in district.towns.index if code not in set(district.hotspots["town_code"])]
    forms.out.note(forms.say("risk.no_hotspots", names=forms.listed(empty)) if empty else "")


def _hotspots(forms: Forms) -> None:
    """Add the hotspots with the highest level and score."""
    say, review = forms.say, forms.review()
    rows = []
    for number, (_, spot) in enumerate(review.top.iterrows(), start=1):
        place = (forms.name(spot, "hotspot_name"), kind_name(str(spot["kind"]), forms.lang))
        risk = (forms.town(str(spot["town_code"])), forms.level(int(spot["level"])), one(spot["score"]))
        peak = (_depth(spot.to_dict(), forms.lang), forms.stamp(spot["peak_at"]), str(int(spot["warned_h"])))
        rows.append((str(number), *place, *risk, *peak))
    total = say("risk.warned_total", n=forms.count(review.n_warned, "hotspot"))
    rows.append((DASH, total, DASH, DASH, DASH, DASH, DASH, DASH, DASH))
    gaps = {"warned": forms.count(review.n_warned, "hotspot"), "n": str(len(review.top))}
    forms.out.prose(say("risk.hotspots_text", **gaps, **forms.spans()))
    align = ("right", "left", "left", "left", "center", "right", "right", "center", "right")
    caption, columns = say("risk.hotspots_table", **forms.spans()), say.words("risk.hotspot_columns")
    forms.out.table(caption, columns, rows, align=align, widths=(0.6, 2.4, 1.4, 1.55, 1.0, 0.95, 1.6, 1.65, 1.0))


def _depth(spot: dict[Any, Any], lang: Lang) -> str:
    """Return the median depth where the sag is known, else the depth class."""
    return depth(spot["depth_p50_m"], lang) if sag_is_known(spot) else Text(*class_words(spot))[lang]


def _coming(forms: Forms) -> None:
    """Add the chances of the span to come by hotspot and town."""
    say, ahead = forms.say, forms.facts.ahead
    if ahead is None:
        return
    forms.out.subsection(say("risk.coming", **forms.spans()))
    if ahead.chances.empty:
        forms.out.prose(say("risk.no_chance", **forms.spans()))
    else:
        _chances(forms, ahead)
    if ahead.town_chances.empty:
        forms.out.prose(say("risk.no_town_chance", **forms.spans()))
    else:
        _town_chances(forms, ahead)
    if not ahead.chances.empty:
        _chance_map(forms, ahead)


def _chances(forms: Forms, ahead: AheadFacts) -> None:
    """Add hotspots by word and depth, and the most likely ones."""
    say, depth = forms.say, ahead.depth_cm(ahead.map_class)
    words = [level.zh if forms.lang == "zh" else level.en for level in reversed(ahead.words)]
    rows = []
    for key in ahead.classes.index:
        counts = ahead.word_counts(str(key))
        unknown = len(ahead.chances) - sum(counts.values())
        cells = (say("risk.depth_cell", depth=ahead.depth_cm(str(key))), *(str(number) for number in counts.values()))
        rows.append((*cells, str(unknown), str(len(ahead.chances))))
    counts = ahead.word_counts(ahead.map_class)
    top, second = list(counts.values())[:2]
    gaps = {"high": str(top), "raised": str(second), "depth": depth, "high_word": words[0], "raised_word": words[1]}
    forms.out.prose(say("risk.chances_text", **gaps, **forms.spans()))
    header = (
        say("risk.depth"),
        *(word[:1].upper() + word[1:] for word in words),
        forms.level_title(Level.UNKNOWN),
        say("review.total"),
    )
    forms.out.table(say("risk.chances_table"), header, rows, align=("left", *("right",) * (len(words) + 2)))
    _likely_spots(forms, ahead, depth)


def _chance_map(forms: Forms, ahead: AheadFacts) -> None:
    """Add the map, last: it fills what is left of a page or opens the next."""
    say, depth = forms.say, ahead.depth_cm(ahead.map_class)
    p = ahead.intervals["p"].reindex(forms.facts.inputs.district.hotspots.index)
    title = say("risk.chance_map", depth=depth, **forms.spans())
    picture = chance_map(forms.facts.inputs.district, p, lang=forms.lang, title=title, **source_gaps(forms))
    forms.out.figure(picture, title, alt=say("risk.chance_map_alt"), width_mm=115.0)


def _likely_spots(forms: Forms, ahead: AheadFacts, depth: str) -> None:
    """Add the most likely hotspots with their chance per depth; bars with intervals where any chance is high."""
    say = forms.say
    keys = [str(key) for key in ahead.classes.index]
    ordered = ahead.chances.loc[ahead.intervals.index].sort_values(
        [ahead.map_class, *keys], ascending=False, kind="stable"
    )
    shown = ordered.head(_SPOTS_SHOWN)
    hotspots = forms.facts.inputs.district.hotspots
    rows = []
    for number, (code, row) in enumerate(shown.iterrows(), start=1):
        spot = hotspots.loc[code]
        cells = (str(number), forms.name(spot, "hotspot_name"), forms.town(str(spot["town_code"])))
        rows.append((*cells, *(chance(row[key]) for key in keys), forms.word(row[ahead.map_class])))
    header = (*say.words("risk.spot_columns"), *(say("risk.depth_cell", depth=ahead.depth_cm(key)) for key in keys))
    header = (*header, say("risk.word_of", depth=depth))
    align = ("right", "left", "left", *("right",) * len(keys), "center")
    widths = (0.6, 3.0, 1.9, *(0.9,) * len(keys), 1.2)
    forms.out.table(say("risk.spots_table", **forms.spans()), header, rows, align=align, widths=widths, annex=True)
    more = len(hotspots) - len(shown)
    forms.out.note(say("risk.spots_more", n=forms.count(more, "hotspot")) if more > 0 else "", annex=True)
    if not (ahead.intervals["p"] >= ahead.likely_from - 1e-12).any():
        return
    bars = ahead.intervals.loc[shown.index].reset_index()
    bars["label"] = [forms.hotspot(str(code)) for code in shown.index]
    title = say("risk.bars", depth=depth, **forms.spans())
    picture = chance_bars(bars[["label", "p", "p_low", "p_high"]], lang=forms.lang, title=title, **source_gaps(forms))
    forms.out.figure(picture, title, alt=say("risk.bars_alt"), width_mm=115.0)


def _town_chances(forms: Forms, ahead: AheadFacts) -> None:
    """Add the chance of each level by town."""
    say = forms.say
    yellow = ahead.town_chances[int(Level.YELLOW)]
    number = int((yellow >= ahead.likely_from - 1e-12).sum())
    word = ahead.likely_word
    gaps = {"word": word.zh if forms.lang == "zh" else word.en, "n": forms.count(number, "town")}
    forms.out.prose(say("risk.town_chances_text", **gaps, level=forms.level(Level.YELLOW), **forms.spans()))
    rows = []
    for code, row in ahead.town_chances.iterrows():
        cells = [chance(row[int(level)]) for level in WARNING_LEVELS]
        rows.append((forms.town(str(code)), *cells, forms.word(row[int(Level.YELLOW)])))
    rows.append((say("risk.likely_total", word=gaps["word"]), DASH, DASH, str(number), DASH, DASH))
    header = (say("review.town"), *(forms.level_title(level) for level in WARNING_LEVELS))
    header = (*header, say("risk.word_level", level=forms.level(Level.YELLOW)))
    align = ("left", *("right",) * 4, "center")
    caption, widths = say("risk.town_chances_table", **forms.spans()), (2.8, 1.0, 1.0, 1.0, 1.0, 1.6)
    forms.out.table(caption, header, rows, align=align, widths=widths, annex=True)
