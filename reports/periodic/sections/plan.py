"""Key dates, rehearsal and measures of a report."""

from __future__ import annotations

import pandas as pd

from reports.periodic.facts.key_dates import KeyDate
from reports.periodic.facts.risk import measures_by_unit, reached_levels
from reports.periodic.forms import DASH, Forms, one
from reports.words import is_missing, phased, plain
from risk_models.district.reporting import ImportantPeriod

__all__ = ["add_dates", "add_measures", "add_rehearsal", "levels_for_plans"]

_ROWS_SHOWN = 8
_UNITS_NAMED = 6
_OLD_UNITS_SHOWN = 8


def add_dates(forms: Forms) -> None:
    """Add the dates of the span to come, or of the report's own span where nothing is to come; and old plans."""
    say, facts = forms.say, forms.facts
    forms.out.section(say("dates.heading"))
    span = forms.span_name(facts.inputs.scope.coming or facts.focus)
    seasons = facts.inputs.district.settings.seasons
    key, flood = forms.season(seasons.key_period), forms.season(seasons.flood_season)
    forms.out.prose(say("dates.seasons", flood=flood, key=key))
    if facts.dates:
        rows = [
            (forms.dates(item.first, item.last), say(f"dates.{item.what}"), _subject(forms, item))
            for item in facts.dates
        ]
        forms.out.prose(say("dates.text", span=span))
        columns = say.words("dates.columns")
        forms.out.table(say("dates.table"), columns, rows, align=("left", "left", "left"), widths=(2.6, 2.0, 3.4))
    else:
        forms.out.prose(say("dates.none", span=span))
    _add_outages(forms)
    _add_plan_ages(forms)


def _add_outages(forms: Forms) -> None:
    """Say how many drains and pumps are out of order at the time of issue."""
    say, outages = forms.say, forms.facts.inputs.outages
    if outages is None:
        forms.out.prose(say("dates.no_outages"))
        return
    at = pd.Timestamp(forms.facts.inputs.issued_at)
    since, expires = (pd.to_datetime(outages[name], utc=True) for name in ("since", "expires"))
    number = int(((since <= at) & (expires > at)).sum())
    n = forms.count(number, "facility")
    forms.out.prose(say("dates.outages", n=n) if number else say("dates.none_out"))
    forms.key_table(say("dates.outage_table"), [forms.item("dates.outages_item", number, "facility")])


def _subject(forms: Forms, item: KeyDate) -> str:
    """Return what a date is about."""
    if isinstance(item.subject, ImportantPeriod):
        return plain(item.subject.name.zh if forms.lang == "zh" else item.subject.name.en)
    return DASH if item.subject is None else forms.hotspot(item.subject)


def _add_plan_ages(forms: Forms) -> None:
    """Say how many plans have not been revised for over a year."""
    say, ages = forms.say, forms.facts.plans
    numbers = {"fresh": ages.fresh, "old": ages.old, "unknown": ages.unknown}
    if not ages.old and not ages.unknown:
        forms.out.prose(say("dates.plans_fresh", fresh=forms.count(ages.fresh, "plan")))
    else:
        forms.out.prose(say("dates.plans_old", **{key: forms.count(value, "plan") for key, value in numbers.items()}))
    rows = [forms.item(f"dates.plan_{key}", value, "plan") for key, value in numbers.items()]
    for unit, number in ages.old_units.head(_OLD_UNITS_SHOWN).items():
        rows.append((say("dates.plan_unit", unit=plain(unit)), str(int(number)), forms.unit("plan")))
    rest = ages.old_units.iloc[_OLD_UNITS_SHOWN:]
    if len(rest):
        label = say("dates.plan_rest", n=forms.count(len(rest), "unit"))
        rows.append((label, str(int(rest.sum())), forms.unit("plan")))
    forms.key_table(say("dates.plan_table"), rows)


def add_rehearsal(forms: Forms) -> None:
    """Add the design storms."""
    say, storms, formula = forms.say, forms.facts.storms, forms.facts.formula
    forms.out.section(say("rehearsal.heading", stage=forms.stage("rehearsal")))
    if storms is None:
        forms.out.prose(say("rehearsal.none"))
        return
    forms.out.prose(say("rehearsal.text", formula=formula.formula_id))
    shortest = storms[storms["duration_min"] == storms["duration_min"].min()].sort_values("return_period_a")
    low, high = shortest.iloc[0], shortest.iloc[-1]
    gaps = {"minutes": _whole(low["duration_min"]), "low": _whole(low["return_period_a"])}
    gaps |= {"high": _whole(high["return_period_a"])}
    for name, row in (("low", low), ("high", high)):
        gaps |= {f"{name}_{cm}": _whole(row[f"over_{cm}cm"]) for cm in (15, 50)}
    forms.out.prose(say("rehearsal.example", **gaps))
    _storm_table(forms, storms)
    beyond = bool((storms["duration_min"] > formula.minutes_max).any())
    forms.out.note(say("rehearsal.extrapolated", minutes=_whole(formula.minutes_max)) if beyond else "")


def _storm_table(forms: Forms, storms: pd.DataFrame) -> None:
    """Add rain and hotspots by duration, a column per return period."""
    say, values = forms.say, ("rain_total_mm", "over_15cm", "over_50cm")
    periods = sorted(storms["return_period_a"].unique())
    grid = storms.pivot_table(index="duration_min", columns="return_period_a", values=list(values))
    rows = []
    for minutes in grid.index:
        for name in values:
            cells = [grid.loc[minutes, name].get(period) for period in periods]
            shown = [DASH if is_missing(cell) else one(cell) if name == values[0] else _whole(cell) for cell in cells]
            rows.append((_whole(minutes), say(f"rehearsal.{name}"), *shown))
    header = (*say.words("rehearsal.grid_columns"), *(forms.count(int(period), "year") for period in periods))
    align, widths = ("right", "left", *("right",) * len(periods)), (1.3, 2.6, *(1.0,) * len(periods))
    forms.out.table(say("rehearsal.table"), header, rows, align=align, widths=widths)


def _whole(value: float) -> str:
    """Return a whole number."""
    return f"{value:.0f}"


def levels_for_plans(forms: Forms) -> dict[str, int] | None:
    """Return the levels that plans answer to: reached ones in a review, likely ones in an outlook; None if unknown."""
    facts = forms.facts
    if facts.is_outlook:
        return facts.ahead.likely or None if facts.ahead is not None else None
    if facts.review is None or facts.review.counts.empty:
        return None
    return reached_levels(facts.review.towns, facts.review.risk)


def add_measures(forms: Forms) -> None:
    """Add what the plans ask of each responsible unit."""
    say, facts = forms.say, forms.facts
    edition = "likely" if facts.is_outlook else "reached"
    forms.out.section(say("measures.heading", stage=forms.stage("plan")))
    levels = levels_for_plans(forms)
    if levels is None:
        forms.out.prose(say(f"measures.unknown_{edition}"))
        return
    units = measures_by_unit(facts.inputs.district, levels, lang=forms.lang)
    if units.empty:
        forms.out.prose(say(f"measures.none_{edition}"))
        return
    number = int(units["n_plans"].sum())
    gaps = {"plans": forms.count(number, "plan"), "units": forms.count(len(units), "unit")}
    if facts.is_outlook and facts.ahead is not None:
        word = facts.ahead.likely_word
        gaps |= {"word": word.zh if forms.lang == "zh" else word.en}
    forms.out.prose(say(f"measures.text_{edition}", **gaps))
    rows = _measure_rows(forms, units)
    more = len(rows) - _ROWS_SHOWN
    rows = [*rows[:_ROWS_SHOWN], (say("measures.total", n=str(len(units))), str(number), "", "")]
    caption, columns = say(f"measures.table_{edition}"), say.words("measures.columns")
    forms.out.table(caption, columns, rows, align=("left", "right", "center", "left"), widths=(3.0, 0.9, 1.2, 4.9))
    forms.out.note(say("measures.more", shown=str(_ROWS_SHOWN), more=str(more)) if more > 0 else "")


def _measure_rows(forms: Forms, units: pd.DataFrame) -> list[tuple[str, str, str, str]]:
    """Return a row for all units that do the same at the same level, the highest level first."""
    joint = "。" if forms.lang == "zh" else ". "
    actions = [joint.join(phased(steps, forms.lang)) or DASH for steps in units["actions"]]
    table = units.assign(measures=actions).reset_index()
    rows = []
    for _, part in table.groupby(["level", "measures"], sort=False):
        level, measures = int(part["level"].iloc[0]), str(part["measures"].iloc[0])
        names = [plain(unit) for unit in part["owner_unit"]]
        text = forms.listed(names[:_UNITS_NAMED])
        if len(names) > _UNITS_NAMED:
            text = forms.say("measures.and_more", units=text, n=forms.count(len(names), "unit"))
        rows.append((text, str(int(part["n_plans"].sum())), forms.level(level), measures))
    return rows
