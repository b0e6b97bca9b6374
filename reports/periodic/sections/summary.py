"""Summary of a report: conclusions first, with the table of key facts that they stand on."""

from __future__ import annotations

import pandas as pd

from reports.periodic.facts.risk import WARNING_LEVELS, measures_by_unit
from reports.periodic.forms import Forms, Row, chance, days_with_error, one
from reports.periodic.sections.plan import levels_for_plans
from reports.words import join, plain
from risk_models.levels import Level
from risk_models.outlook.wording import Statement

__all__ = ["add_summary"]

_SENTENCE_LEVEL = Level.YELLOW


def add_summary(forms: Forms) -> None:
    """Add the conclusions and the table of key facts; the outlook edition looks ahead first."""
    forms.out.heading(forms.say("summary.heading"))
    _consulted(forms)
    looks = [_reviewed, _coming]
    rows = _event(forms)
    rows += [row for look in (reversed(looks) if forms.facts.is_outlook else looks) for row in look(forms)]
    rows += _capacity(forms) + _measures(forms) + _verified(forms)
    forms.key_table(forms.say("summary.table"), rows)


def _consulted(forms: Forms) -> None:
    """Say who was consulted, as reports of the region begin; a draft says that it was not yet."""
    record, settings = forms.facts.inputs.consultation, forms.facts.inputs.district.settings
    if record is None or forms.facts.is_draft:
        forms.out.prose(forms.say("summary.unconsulted") if forms.facts.is_draft else "")
        return
    known = {
        item.id: plain(item.name.zh if forms.lang == "zh" else item.name.en) for item in settings.reports.departments
    }
    names = dict.fromkeys(known.get(item.department, plain(item.department)) for item in record.opinions)
    if names:
        date = forms.date(forms.local_date(pd.Timestamp(record.closed_at)))
        gaps = {"departments": join(names, forms.lang), "chair": plain(record.chair), "date": date}
        forms.out.prose(forms.say("summary.consulted", **gaps))


def _event(forms: Forms) -> list[Row]:
    """Say when an important period is, and how many people it brings together."""
    item, say = forms.facts.important, forms.say
    if item is None:
        return []
    days = forms.facts.focus.n_days
    gaps = {"name": forms.span_name(forms.facts.focus), "dates": forms.dates(item.first_day, item.last_day)}
    crowd = item.crowd_people
    text = say("event.dates", **gaps, days=forms.count(days, "day"))
    forms.out.prose(
        text + ("" if crowd is None else forms.joint + say("event.crowd", crowd=forms.count(crowd, "person")))
    )
    rows = [forms.item("event.days_item", days, "day")]
    return rows if crowd is None else [*rows, forms.item("event.crowd_item", crowd, "person")]


def _reviewed(forms: Forms) -> list[Row]:
    """Say what happened; return the rows."""
    if forms.facts.review is None:
        forms.out.prose(forms.say("summary.no_review"))
        return []
    return [row for part in (_risk, _rain, _warned, _incidents, _coverage) for row in part(forms)]


def _coverage(forms: Forms) -> list[Row]:
    """Say how many days have rain data."""
    say, rain, spans = forms.say, forms.review().rain, forms.spans()
    numbers = {
        "days": len(rain.day_status),
        "known": rain.days_known,
        "complete": rain.days_with("complete"),
        "partial": rain.days_with("partial"),
        "missing": rain.days_with("missing"),
    }
    texts = {key: str(value) for key, value in numbers.items()}
    form = "coverage" if rain.days_known else "no_rain_data"
    if rain.days_known and not numbers["partial"] and not numbers["missing"]:
        form = "whole_coverage"
    forms.out.prose(say(f"summary.{form}", **texts, **spans))
    return [forms.item(f"items.{key}", value, "day") for key, value in numbers.items()]


def _rain(forms: Forms) -> list[Row]:
    """Say the greatest amounts."""
    say, gauges = forms.say, forms.review().rain.gauges
    if not forms.review().rain.days_known:
        return []
    total, total_gauge = one(gauges["total_mm"].iloc[0]), forms.gauge(str(gauges.index[0]))
    hours = gauges["max_1h_mm"]
    hour_id, hour_mm = str(hours.idxmax()), float(hours.max())
    period, formula = forms.period(hour_mm, 1), forms.facts.formula.formula_id
    gaps = {"total": total, "gauge": total_gauge, "hour_mm": one(hour_mm), "hour_gauge": forms.gauge(hour_id)}
    hour_at = forms.moment(gauges.loc[hour_id, "max_1h_at"])
    forms.out.prose(say("summary.rain", **gaps, hour_at=hour_at, formula=formula, period=period))
    return [
        (say("items.total", gauge=total_gauge), total, forms.unit("mm")),
        (say("items.hour", gauge=forms.gauge(hour_id)), one(hour_mm), forms.unit("mm")),
        (say("items.period", formula=formula), period, ""),
    ]


def _risk(forms: Forms) -> list[Row]:
    """Say the worst hour."""
    say, review, spans = forms.say, forms.review(), forms.spans()
    rows = [forms.item("items.hotspots", review.n_hotspots, "hotspot")]
    if review.worst is None:
        forms.out.prose(say("summary.no_cycles" if review.counts.empty else "summary.no_risk", **spans))
        return rows
    counts = review.worst_counts()
    parts = [_of_level(forms, level, counts[level], "hotspot") for level in WARNING_LEVELS if counts[level]]
    red = int((review.towns["level"] >= Level.RED).sum())
    orange = int((review.towns["level"] >= Level.ORANGE).sum())
    gaps = {"at": forms.moment(review.worst), "n": forms.count(review.n_hotspots, "hotspot")}
    gaps |= {"towns_red": forms.count(red, "town"), "towns_orange": forms.count(orange, "town")}
    gaps |= {"levels": forms.listed(parts), "highest": forms.level(int(review.towns["level"].max()))}
    forms.out.prose(say("summary.risk_highest", **gaps, **spans))
    for level in WARNING_LEVELS:
        rows.append(forms.item("items.worst", counts[level], "hotspot", level=forms.level_title(level)))
    rows.append(forms.item("items.warned", review.n_warned, "hotspot"))
    rows.append(forms.item("items.towns_red", red, "town"))
    rows.append(forms.item("items.towns_orange", orange, "town"))
    return rows


def _warned(forms: Forms) -> list[Row]:
    """Say how many warnings were issued and how they were answered."""
    warnings, answers = _warnings(forms), _answers(forms)
    forms.out.prose(warnings[0] + (forms.joint + answers[0] if answers[0] else ""))
    return [*warnings[1], *answers[1]]


def _warnings(forms: Forms) -> tuple[str, list[Row]]:
    """Return how many warnings were issued, levels without one left out of the sentence."""
    say, warnings = forms.say, forms.review().warnings
    rows = [forms.item("items.warnings", len(warnings), "time")]
    if warnings.empty:
        return say("summary.no_warnings", **forms.spans()), rows
    by_level = {level: int((warnings["level"] == level).sum()) for level in WARNING_LEVELS}
    rows += [
        forms.item("items.warnings_level", number, "time", level=forms.level(level))
        for level, number in by_level.items()
    ]
    parts = forms.listed([_of_level(forms, level, number, "time") for level, number in by_level.items() if number])
    gaps = {"n": forms.count(len(warnings), "warning"), "levels": parts}
    return say("summary.warnings_by_level", **gaps, **forms.spans()), rows


def _of_level(forms: Forms, level: Level, number: int, noun: str) -> str:
    """Return a number with its level, as it stands in an enumeration."""
    return (
        forms.level(level) + str(number) + forms.unit(noun) if forms.lang == "zh" else f"{number} {forms.level(level)}"
    )


def _answers(forms: Forms) -> tuple[str, list[Row]]:
    """Return how warnings were answered."""
    answers = forms.review().answers
    if answers is None or answers.total["asked"] == 0:
        return "", []
    keys = ("asked", "in_time", "late", "open")
    numbers = {key: int(answers.total[key]) for key in keys}
    form = "answers" if numbers["in_time"] or numbers["late"] else "answers_none"
    text = forms.say(f"summary.{form}", **{key: str(number) for key, number in numbers.items()})
    return text, [forms.item(f"items.{key}", number, "bulletin") for key, number in numbers.items()]


def _incidents(forms: Forms) -> list[Row]:
    """Say how many incidents are on record; silent, as the review says it, without any."""
    number = len(forms.review().incidents)
    if number:
        forms.out.prose(forms.say("summary.incidents", n=forms.count(number, "incident")))
    return [forms.item("items.incidents", number, "event")]


def _verified(forms: Forms) -> list[Row]:
    """Say what became of the last report's statements."""
    review = forms.facts.inputs.review
    if forms.facts.review is None:
        return []
    if review is None or len(review.table) == 0:
        forms.out.prose(forms.say("summary.no_earlier"))
        return []
    numbers = {"true": review.n_true, "false": review.n_false, "unknown": review.n_unknown}
    gaps = {key: str(value) for key, value in numbers.items()}
    forms.out.prose(forms.say("summary.verified", n=forms.count(len(review.table), "statement"), **gaps))
    rows = [forms.item("items.statements", len(review.table), "item")]
    return rows + [forms.item(f"items.{key}", value, "item") for key, value in numbers.items()]


def _coming(forms: Forms) -> list[Row]:
    """Say what may be said of the span to come."""
    say, ahead, spans = forms.say, forms.facts.ahead, forms.spans()
    if ahead is None:
        forms.out.prose(say("summary.no_coming"))
        return []
    if ahead.outlook is None:
        forms.out.prose(say("summary.no_outlook", **spans))
        return []
    (days, day_rows), (spots, spot_rows) = _level_days(forms), _spots(forms)
    rows = [*_season(forms), *day_rows, *spot_rows]
    if days or spots:
        spots = spots or say("summary.no_spots", **spans)
        forms.out.prose(forms.joint.join(text for text in (days, spots) if text))
    else:
        forms.out.prose(say("summary.no_risk_ahead", **spans))
    made, withheld = len(ahead.outlook.statements), len(ahead.outlook.withheld)
    rows += [forms.item("items.made", made, "item"), forms.item("items.withheld", withheld, "item")]
    forms.out.prose("" if made else say("summary.nothing_said", withheld=str(withheld), **spans))
    return rows


def _season(forms: Forms) -> list[Row]:
    """Say the seasonal signal, if it may be said."""
    outlook = forms.facts.ahead.outlook if forms.facts.ahead else None
    found = [item for item in outlook.statements if item.key.startswith("season")] if outlook else []
    if outlook is None or not found:
        forms.out.prose(forms.say("summary.no_season", **forms.spans()))
        return []
    forms.out.prose(forms.say("summary.season", statement=statement_text(forms, found[0]), **forms.spans()))
    keys = ("below", "normal", "above")
    shares = dict(zip(keys, outlook.forecast.probabilities, strict=True))
    return [(forms.say(f"items.{key}"), chance(shares[key]), "") for key in keys]


def _level_days(forms: Forms) -> tuple[str, list[Row]]:
    """Return the expected days at yellow or higher, and the chance of red."""
    ahead = forms.facts.ahead
    if ahead is None or ahead.district_days.empty:
        return "", []
    row, red = ahead.district_days.loc[int(_SENTENCE_LEVEL)], ahead.district_days.loc[int(Level.RED)]
    level = forms.level(_SENTENCE_LEVEL)
    gaps = {
        "days": days_with_error(row),
        "low": f"{row['days_p10']:.0f}",
        "high": f"{row['days_p90']:.0f}",
    }
    gaps |= {"p_red": chance(red["p_once"]), "word": forms.word(red["p_once"]), "level": level}
    return forms.say("summary.level_days", **gaps, **forms.spans()), [
        (forms.say("items.level_days", level=level), gaps["days"], forms.unit("day")),
        (forms.say("items.level_days_low", level=level), gaps["low"], forms.unit("day")),
        (forms.say("items.level_days_high", level=level), gaps["high"], forms.unit("day")),
        (forms.say("items.p_red"), gaps["p_red"], ""),
    ]


def _spots(forms: Forms) -> tuple[str, list[Row]]:
    """Return how many hotspots are likely to pond deeply."""
    ahead = forms.facts.ahead
    if ahead is None or not ahead.map_class:
        return "", []
    depth = ahead.depth_cm(ahead.map_class)
    number = int((ahead.chances[ahead.map_class] >= ahead.likely_from - 1e-12).sum())
    word = ahead.likely_word
    gaps = {"depth": depth, "word": word.zh if forms.lang == "zh" else word.en}
    if number:
        text = forms.say("summary.likely", n=forms.count(number, "hotspot"), **gaps, **forms.spans())
    else:
        text = forms.say("summary.unlikely", **gaps, **forms.spans())
    return text, [(forms.say("items.likely", **gaps), str(number), forms.unit("hotspot"))]


def _capacity(forms: Forms) -> list[Row]:
    """Say where capacity falls short."""
    capacity = forms.facts.inputs.capacity
    if capacity is None or "shelter_shortfall" not in capacity:
        return []
    short = capacity["shelter_shortfall"][capacity["shelter_shortfall"] > 0]
    numbers = {"towns_short": (len(short), "town"), "places_short": (int(short.sum()), "place")}
    if len(short):
        gaps = {"towns": forms.count(len(short), "town"), "places": str(int(short.sum()))}
        forms.out.prose(forms.say("summary.short", **gaps))
    else:
        forms.out.prose(forms.say("summary.not_short"))
    return [forms.item(f"items.{key}", number, noun) for key, (number, noun) in numbers.items()]


def _measures(forms: Forms) -> list[Row]:
    """Say how many plans are called for."""
    reached = levels_for_plans(forms)
    if reached is None:
        return []
    units = measures_by_unit(forms.facts.inputs.district, reached, lang=forms.lang)
    plans = int(units["n_plans"].sum())
    edition = "likely" if forms.facts.is_outlook else "reached"
    if plans:
        gaps = {"plans": forms.count(plans, "plan"), "units": forms.count(len(units), "unit")}
        forms.out.prose(forms.say(f"summary.plans_{edition}", **gaps))
    return [forms.item(f"items.plans_{edition}", plans, "plan"), forms.item("items.units", len(units), "unit")]


def statement_text(forms: Forms, statement: Statement) -> str:
    """Return the sentence of a statement."""
    return statement.zh if forms.lang == "zh" else statement.en
