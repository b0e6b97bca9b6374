"""Key dates, rehearsal and measures of a report."""

from __future__ import annotations

from reports.periodic.forms import DASH, Desk, one
from reports.periodic.key_dates import KeyDate
from reports.periodic.risk_facts import measures_by_unit, reached_levels
from reports.words import plain
from risk_models.district.reporting import ImportantPeriod

__all__ = ["add_dates", "add_measures", "add_rehearsal", "levels_for_plans"]

_UNITS_SHOWN = 15
_OLD_UNITS_SHOWN = 8


def add_dates(desk: Desk) -> None:
    """Add the dates of the span to come, or of the report's own span where nothing is to come; and old plans."""
    say, facts = desk.say, desk.facts
    desk.out.section(say("dates.heading"))
    span = desk.span_name(facts.inputs.scope.coming or facts.focus)
    seasons = facts.inputs.district.settings.seasons
    key, flood = desk.season(seasons.key_period), desk.season(seasons.flood_season)
    desk.out.prose(say("dates.seasons", flood=flood, key=key))
    if facts.dates:
        rows = [
            (desk.dates(item.first, item.last), say(f"dates.{item.what}"), _subject(desk, item)) for item in facts.dates
        ]
        desk.out.prose(say("dates.text", span=span))
        columns = say.words("dates.columns")
        desk.out.table(say("dates.table"), columns, rows, align=("left", "left", "left"), widths=(2.6, 2.0, 3.4))
    else:
        desk.out.prose(say("dates.none", span=span))
    desk.out.prose(say("dates.no_outages") if facts.inputs.outages is None else "")
    _add_plan_ages(desk)


def _subject(desk: Desk, item: KeyDate) -> str:
    """Return what a date is about."""
    if isinstance(item.subject, ImportantPeriod):
        return plain(item.subject.name.zh if desk.lang == "zh" else item.subject.name.en)
    return DASH if item.subject is None else desk.hotspot(item.subject)


def _add_plan_ages(desk: Desk) -> None:
    """Say how many plans have not been revised for over a year."""
    say, ages = desk.say, desk.facts.plans
    numbers = {"fresh": ages.fresh, "old": ages.old, "unknown": ages.unknown}
    if not ages.old and not ages.unknown:
        desk.out.prose(say("dates.plans_fresh", fresh=desk.count(ages.fresh, "plan")))
    else:
        desk.out.prose(say("dates.plans_old", **{key: desk.count(value, "plan") for key, value in numbers.items()}))
    rows = [desk.item(f"dates.plan_{key}", value, "plan") for key, value in numbers.items()]
    for unit, number in ages.old_units.head(_OLD_UNITS_SHOWN).items():
        rows.append((say("dates.plan_unit", unit=plain(unit)), str(int(number)), desk.unit("plan")))
    rest = ages.old_units.iloc[_OLD_UNITS_SHOWN:]
    if len(rest):
        label = say("dates.plan_rest", n=desk.count(len(rest), "unit"))
        rows.append((label, str(int(rest.sum())), desk.unit("plan")))
    desk.key_table(say("dates.plan_table"), rows)


def add_rehearsal(desk: Desk) -> None:
    """Add the design storms."""
    say, storms, formula = desk.say, desk.facts.storms, desk.facts.formula
    desk.out.section(say("rehearsal.heading", stage=desk.stage("rehearsal")))
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
    ordered = storms.sort_values(["duration_min", "return_period_a"])
    columns = ("duration_min", "return_period_a", "rain_total_mm", "over_15cm", "over_50cm")
    rows = [
        tuple(one(row[name]) if name == "rain_total_mm" else _whole(row[name]) for name in columns)
        for _, row in ordered.iterrows()
    ]
    desk.out.table(say("rehearsal.table"), say.words("rehearsal.columns"), rows, align=("right",) * 5)
    beyond = bool((storms["duration_min"] > formula.minutes_max).any())
    desk.out.note(say("rehearsal.extrapolated", minutes=_whole(formula.minutes_max)) if beyond else "")


def _whole(value: float) -> str:
    """Return a whole number."""
    return f"{value:.0f}"


def levels_for_plans(desk: Desk) -> dict[str, int] | None:
    """Return the levels that plans answer to: reached ones in a review, likely ones in an outlook; None if unknown."""
    facts = desk.facts
    if facts.is_outlook:
        return facts.ahead.likely or None if facts.ahead is not None else None
    if facts.review is None or facts.review.counts.empty:
        return None
    return reached_levels(facts.review.towns, facts.review.risk)


def add_measures(desk: Desk) -> None:
    """Add what the plans ask of each responsible unit."""
    say, facts = desk.say, desk.facts
    edition = "likely" if facts.is_outlook else "reached"
    desk.out.section(say("measures.heading", stage=desk.stage("plan")))
    levels = levels_for_plans(desk)
    if levels is None:
        desk.out.prose(say(f"measures.unknown_{edition}"))
        return
    units = measures_by_unit(facts.inputs.district, levels, lang=desk.lang)
    if units.empty:
        desk.out.prose(say(f"measures.none_{edition}"))
        return
    number = int(units["n_plans"].sum())
    gaps = {"plans": desk.count(number, "plan"), "units": desk.count(len(units), "unit")}
    if facts.is_outlook and facts.ahead is not None:
        word = facts.ahead.likely_word
        gaps |= {"word": word.zh if desk.lang == "zh" else word.en}
    desk.out.prose(say(f"measures.text_{edition}", **gaps))
    joint = "；" if desk.lang == "zh" else "; "
    rows = []
    for unit, row in units.head(_UNITS_SHOWN).iterrows():
        actions = joint.join(plain(action) for action in row["actions"]) or DASH
        rows.append((plain(unit), str(int(row["n_plans"])), desk.level(int(row["level"])), actions))
    rows.append((say("measures.total", n=str(len(units))), str(number), "", ""))
    caption, columns = say(f"measures.table_{edition}"), say.words("measures.columns")
    desk.out.table(caption, columns, rows, align=("left", "right", "center", "left"), widths=(2.3, 0.9, 1.3, 5.3))
    more = len(units) - _UNITS_SHOWN
    shown = desk.count(_UNITS_SHOWN, "unit")
    desk.out.note(say("measures.more", shown=shown, more=str(more)) if more > 0 else "")
