"""Key dates, rehearsal and measures of a report."""

from __future__ import annotations

import pandas as pd

from reports.periodic.facts.key_dates import KeyDate
from reports.periodic.facts.risk import measures_by_unit, reached_levels
from reports.periodic.forms import DASH, Desk, one
from reports.words import is_missing, plain
from risk_models.district.reporting import ImportantPeriod

__all__ = ["add_dates", "add_measures", "add_rehearsal", "levels_for_plans"]

_ROWS_SHOWN = 8
_UNITS_NAMED = 6
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
    _add_outages(desk)
    _add_plan_ages(desk)


def _add_outages(desk: Desk) -> None:
    """Say how many drains and pumps are out of order at the time of issue."""
    say, outages = desk.say, desk.facts.inputs.outages
    if outages is None:
        desk.out.prose(say("dates.no_outages"))
        return
    at = pd.Timestamp(desk.facts.inputs.issued_at)
    since, expires = (pd.to_datetime(outages[name], utc=True) for name in ("since", "expires"))
    number = int(((since <= at) & (expires > at)).sum())
    n = desk.count(number, "facility")
    desk.out.prose(say("dates.outages", n=n) if number else say("dates.none_out"))
    desk.key_table(say("dates.outage_table"), [desk.item("dates.outages_item", number, "facility")])


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
    _storm_table(desk, storms)
    beyond = bool((storms["duration_min"] > formula.minutes_max).any())
    desk.out.note(say("rehearsal.extrapolated", minutes=_whole(formula.minutes_max)) if beyond else "")


def _storm_table(desk: Desk, storms: pd.DataFrame) -> None:
    """Add rain and hotspots by duration, a column per return period."""
    say, values = desk.say, ("rain_total_mm", "over_15cm", "over_50cm")
    periods = sorted(storms["return_period_a"].unique())
    grid = storms.pivot_table(index="duration_min", columns="return_period_a", values=list(values))
    rows = []
    for minutes in grid.index:
        for name in values:
            cells = [grid.loc[minutes, name].get(period) for period in periods]
            shown = [DASH if is_missing(cell) else one(cell) if name == values[0] else _whole(cell) for cell in cells]
            rows.append((_whole(minutes), say(f"rehearsal.{name}"), *shown))
    header = (*say.words("rehearsal.grid_columns"), *(desk.count(int(period), "year") for period in periods))
    align, widths = ("right", "left", *("right",) * len(periods)), (1.3, 2.6, *(1.0,) * len(periods))
    desk.out.table(say("rehearsal.table"), header, rows, align=align, widths=widths)


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
    rows = _measure_rows(desk, units)
    more = len(rows) - _ROWS_SHOWN
    rows = [*rows[:_ROWS_SHOWN], (say("measures.total", n=str(len(units))), str(number), "", "")]
    caption, columns = say(f"measures.table_{edition}"), say.words("measures.columns")
    desk.out.table(caption, columns, rows, align=("left", "right", "center", "left"), widths=(3.0, 0.9, 1.2, 4.9))
    desk.out.note(say("measures.more", shown=str(_ROWS_SHOWN), more=str(more)) if more > 0 else "")


def _measure_rows(desk: Desk, units: pd.DataFrame) -> list[tuple[str, str, str, str]]:
    """Return a row for all units that do the same at the same level, the highest level first."""
    joint = "；" if desk.lang == "zh" else "; "
    actions = [joint.join(plain(action) for action in row) or DASH for row in units["actions"]]
    table = units.assign(measures=actions).reset_index()
    rows = []
    for _, part in table.groupby(["level", "measures"], sort=False):
        level, measures = int(part["level"].iloc[0]), str(part["measures"].iloc[0])
        names = [plain(unit) for unit in part["owner_unit"]]
        text = desk.listed(names[:_UNITS_NAMED])
        if len(names) > _UNITS_NAMED:
            text = desk.say("measures.and_more", units=text, n=desk.count(len(names), "unit"))
        rows.append((text, str(int(part["n_plans"].sum())), desk.level(level), measures))
    return rows
