"""Risk, warnings, rehearsal, measures and uncertainty of a monthly report."""

from __future__ import annotations

import pandas as pd

from reports.figures.level_map import LevelMap
from reports.periodic.charts import level_chart
from reports.periodic.forms import DASH, Desk, one
from reports.periodic.risk_facts import WARNING_LEVELS, at_cycle, measures_by_unit
from reports.words import is_missing, kind_name, plain
from risk_models.levels import Level

__all__ = ["add_measures", "add_rehearsal", "add_risk", "add_uncertainty", "add_warnings"]

_UNITS_SHOWN = 15
_CONSTRUCTED_MONTH = "2021-07"


def add_risk(desk: Desk) -> None:
    """Add the worst hour with map and chart, the towns, and the hotspots to watch."""
    say, facts = desk.say, desk.facts
    desk.out.section(say("risk.heading"))
    if facts.worst is None:
        desk.out.prose(say("risk.no_cycles" if facts.counts.empty else "risk.none"))
        return
    desk.out.subsection(say("risk.worst"))
    _add_worst_hour(desk, facts.worst)
    desk.out.subsection(say("risk.towns"))
    _add_towns(desk)
    desk.out.subsection(say("risk.hotspots"))
    _add_hotspots(desk)


def _add_worst_hour(desk: Desk, worst: pd.Timestamp) -> None:
    """Add counts, map and chart of the worst hour."""
    say, facts = desk.say, desk.facts
    counts = facts.worst_counts()
    gaps = {str(level): str(counts[level]) for level in (*WARNING_LEVELS, Level.UNKNOWN)}
    n_hotspots, at = str(len(facts.inputs.district.hotspots)), desk.moment(worst)
    desk.out.prose(say("risk.worst_text", at=at, n=n_hotspots, horizon=str(facts.horizon_h), **gaps))
    levels = (*WARNING_LEVELS, Level.NONE, Level.UNKNOWN)
    header = (say("risk.level"), *(desk.level_title(level) for level in levels), say("review.total"))
    row = (say("risk.number"), *(str(counts[level]) for level in levels), n_hotspots)
    desk.out.table(say("risk.counts_table"), header, [row], align=("left", *("right",) * 7))
    table = at_cycle(facts.risk, facts.inputs.district, worst)
    table.attrs["valid_at"] = worst.isoformat()
    chart = level_chart(facts.counts, desk.lang, facts.zone)
    desk.out.figure(chart, say("risk.counts"), alt=say("risk.counts_alt"), width_mm=140.0)
    picture = LevelMap(facts.inputs.district).png(table)
    by_level = {str(level): str(counts[level]) for level in WARNING_LEVELS}
    desk.out.figure(picture, say("risk.map", at=at), alt=say("risk.map_alt", **by_level), width_mm=140.0)


def _add_towns(desk: Desk) -> None:
    """Add the towns by highest level of the month."""
    say, towns = desk.say, desk.facts.towns
    gaps = {str(level): str(int((towns["level"] == level).sum())) for level in WARNING_LEVELS}
    desk.out.prose(say("risk.towns_text", **gaps))
    levels = (*WARNING_LEVELS, Level.NONE, Level.UNKNOWN)
    spread = [str(int((towns["level"] == level).sum())) for level in levels]
    header = (say("risk.level"), *(desk.level_title(level) for level in levels))
    row = (say("risk.town_number"), *spread)
    desk.out.table(say("risk.town_levels_table"), header, [row], align=("left", *("right",) * 6))
    rows = []
    for _, town in towns.iterrows():
        counts = [str(int(town[f"n_{level}"])) for level in WARNING_LEVELS]
        name, level = desk.name(town, "town_name"), desk.level(int(town["level"]))
        rows.append((name, level, str(int(town["n_hotspots"])), *counts, str(int(town["warned_h"]))))
    align = ("left", "center", *("right",) * 6)
    caption, columns = say("risk.towns_table"), say.words("risk.town_columns")
    desk.out.table(caption, columns, rows, align=align, widths=(2.6, 1.4, 1.1, 0.8, 0.8, 0.8, 0.8, 1.4))
    empty = [desk.name(town, "town_name") for _, town in towns.iterrows() if town["n_hotspots"] == 0]
    joint = "、" if desk.lang == "zh" else ", "
    desk.out.note(say("risk.no_hotspots", names=joint.join(empty)) if empty else "")


def _add_hotspots(desk: Desk) -> None:
    """Add the hotspots with the highest level and score."""
    say, top = desk.say, desk.facts.top
    rows = []
    for number, (_, spot) in enumerate(top.iterrows(), start=1):
        metres = spot["depth_p50_m"]
        rows.append(
            (
                str(number),
                desk.name(spot, "hotspot_name"),
                kind_name(str(spot["kind"]), desk.lang),
                desk.town(str(spot["town_code"])),
                desk.level(int(spot["level"])),
                one(spot["score"]),
                DASH if is_missing(metres) else f"{metres:.2f}",
                desk.stamp(spot["peak_at"]),
                str(int(spot["warned_h"])),
            )
        )
    gaps = {"warned": str(desk.facts.n_warned), "n": str(len(top)), "horizon": str(desk.facts.horizon_h)}
    desk.out.prose(say("risk.hotspots_text", **gaps))
    align = ("right", "left", "left", "left", "center", "right", "right", "center", "right")
    caption, columns = say("risk.hotspots_table"), say.words("risk.hotspot_columns")
    desk.out.table(caption, columns, rows, align=align, widths=(0.55, 2.9, 1.55, 1.75, 0.95, 0.9, 1.15, 1.65, 0.75))


def add_warnings(desk: Desk) -> None:
    """Add every warning of the month with its lead."""
    say, warnings = desk.say, desk.facts.warnings
    desk.out.section(say("warning.heading"))
    if warnings.empty:
        desk.out.prose(say("warning.none"))
        return
    lead = warnings["lead_h"].dropna()
    summary = {
        "n": str(len(warnings)),
        "known": str(len(lead)),
        "ahead": str(int((lead > 0).sum())),
        "median": one(lead.median()),
        "least": one(lead.min()),
        "most": one(lead.max()),
        "unconfirmed": str(int(warnings["unconfirmed"].sum())),
        "degraded": str(int(warnings["degraded"].sum())),
    }
    desk.out.prose(say("warning.text", **summary))
    desk.out.prose(say("warning.lead", **summary) if len(lead) else say("warning.no_lead"))
    desk.out.prose(say("warning.unconfirmed", **summary))
    header = say.words("warning.summary")
    desk.out.table(say("warning.summary_table"), header, [tuple(summary.values())], align=("right",) * len(header))
    rows = []
    for _, row in warnings.iterrows():
        ended = say("warning.open") if is_missing(row["ended_at"]) else desk.stamp(row["ended_at"])
        cells = (desk.town(str(row["area_code"])), desk.stamp(row["issued_at"]), desk.level(int(row["level"])))
        rows.append((*cells, desk.stamp(row["raised_at"]), ended, str(int(row["revisions"])), one(row["lead_h"])))
    align = ("left", "center", "center", "center", "center", "right", "right")
    caption, columns = say("warning.table"), say.words("warning.columns")
    desk.out.table(caption, columns, rows, align=align, widths=(2.2, 1.5, 1.2, 1.5, 1.5, 1.0, 1.3))


def add_rehearsal(desk: Desk) -> None:
    """Add the design storms."""
    say, storms, formula = desk.say, desk.facts.storms, desk.facts.formula
    desk.out.section(say("rehearsal.heading"))
    if storms is None:
        desk.out.prose(say("rehearsal.none"))
        return
    desk.out.prose(say("rehearsal.text", formula=formula.formula_id))
    shortest = storms[storms["duration_min"] == storms["duration_min"].min()].sort_values("return_period_a")
    low, high = shortest.iloc[0], shortest.iloc[-1]
    gaps = {"minutes": _whole(low["duration_min"]), "low": _whole(low["return_period_a"])}
    gaps |= {"high": _whole(high["return_period_a"])}
    for name, row in (("low", low), ("high", high)):
        gaps |= {f"{name}_{cm}": _whole(row[f"over_{cm}cm"]) for cm in (15, 50)}
    desk.out.prose(say("rehearsal.example", **gaps))
    rows = [
        (
            _whole(row["duration_min"]),
            _whole(row["return_period_a"]),
            one(row["rain_total_mm"]),
            _whole(row["over_15cm"]),
            _whole(row["over_50cm"]),
        )
        for _, row in storms.sort_values(["duration_min", "return_period_a"]).iterrows()
    ]
    caption, columns = say("rehearsal.table"), say.words("rehearsal.columns")
    desk.out.table(caption, columns, rows, align=("right",) * 5)
    beyond = bool((storms["duration_min"] > formula.minutes_max).any())
    desk.out.note(say("rehearsal.extrapolated", minutes=_whole(formula.minutes_max)) if beyond else "")


def _whole(value: float) -> str:
    """Return a whole number."""
    return f"{value:.0f}"


def add_measures(desk: Desk) -> None:
    """Add what the plans ask of each responsible unit."""
    say, facts = desk.say, desk.facts
    desk.out.section(say("measures.heading"))
    units = measures_by_unit(facts.inputs.district, facts.towns, facts.risk, lang=desk.lang)
    if units.empty:
        desk.out.prose(say("measures.none"))
        return
    plans = str(int(units["n_plans"].sum()))
    desk.out.prose(say("measures.text", plans=plans, units=str(len(units))))
    joint = "；" if desk.lang == "zh" else "; "
    rows = []
    for unit, row in units.head(_UNITS_SHOWN).iterrows():
        actions = joint.join(plain(action) for action in row["actions"]) or DASH
        rows.append((plain(unit), str(int(row["n_plans"])), desk.level(int(row["level"])), actions))
    n_units = len(units)
    label = f"{say('measures.total')}（{n_units}）" if desk.lang == "zh" else f"{say('measures.total')} ({n_units})"
    rows.append((label, plans, "", ""))
    caption, columns = say("measures.table"), say.words("measures.columns")
    desk.out.table(caption, columns, rows, align=("left", "right", "center", "left"), widths=(2.3, 0.9, 1.3, 5.3))
    more = n_units - _UNITS_SHOWN
    desk.out.note(say("measures.more", shown=str(_UNITS_SHOWN), more=str(more)) if more > 0 else "")


def add_uncertainty(desk: Desk) -> None:
    """Add caveats, the five-pre profile, and the lines to sign."""
    say, facts = desk.say, desk.facts
    settings, standards = facts.inputs.district.settings, facts.inputs.standards
    desk.out.section(say("uncertainty.heading"))
    caveats = []
    if settings.district.demonstration:
        caveats.append(say("uncertainty.demonstration"))
        caveats += [say("uncertainty.constructed")] if facts.inputs.month == _CONSTRUCTED_MONTH else []
        caveats += [say("uncertainty.synthetic_gauges")] if _any_synthetic(desk) else []
    formula = facts.formula.formula_id
    confidence = plain(standards.metadata(formula).confidence)
    caveats.append(say("uncertainty.formula", formula=formula, name=desk.formula_name(), confidence=confidence))
    caveats += [say("uncertainty.levels"), say("uncertainty.missing")]
    caveats.append(say("uncertainty.five_pre", profile=str(settings.standards.five_pre), stages=desk.stage_words()))
    point = "．" if desk.lang == "zh" else ". "
    desk.out.prose(*(f"{number}{point}{text}" for number, text in enumerate(caveats, start=1)))
    lines = [say(f"uncertainty.{key}") for key in ("consultation", "experts", "drafted")]
    desk.out.prose(*lines, style="signature")


def _any_synthetic(desk: Desk) -> bool:
    """Tell whether a gauge that has rain is synthetic."""
    gauges = desk.facts.inputs.district.gauges
    used = gauges[gauges.index.isin(desk.facts.rain.gauges.index)]
    return bool(used["synthetic"].any()) if "synthetic" in used else False
