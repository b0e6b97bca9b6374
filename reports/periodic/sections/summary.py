"""Summary of a report: conclusions first, with the table of key facts that they stand on."""

from __future__ import annotations

import pandas as pd

from reports.periodic.facts.risk import WARNING_LEVELS, measures_by_unit
from reports.periodic.forms import Desk, Row, chance, one
from reports.periodic.sections.plan import levels_for_plans
from reports.words import join, plain
from risk_models.levels import Level
from risk_models.outlook.wording import Statement

__all__ = ["add_summary"]

_SENTENCE_LEVEL = Level.YELLOW


def add_summary(desk: Desk) -> None:
    """Add the conclusions and the table of key facts; the outlook edition looks ahead first."""
    desk.out.heading(desk.say("summary.heading"))
    _consulted(desk)
    looks = [_reviewed, _coming]
    rows = _event(desk)
    rows += [row for look in (reversed(looks) if desk.facts.is_outlook else looks) for row in look(desk)]
    rows += _capacity(desk) + _measures(desk) + _verified(desk)
    desk.key_table(desk.say("summary.table"), rows)


def _consulted(desk: Desk) -> None:
    """Say who was consulted, as reports of the region begin; a draft says that it was not yet."""
    record, settings = desk.facts.inputs.consultation, desk.facts.inputs.district.settings
    if record is None or desk.facts.is_draft:
        desk.out.prose(desk.say("summary.unconsulted") if desk.facts.is_draft else "")
        return
    known = {
        item.id: plain(item.name.zh if desk.lang == "zh" else item.name.en) for item in settings.reports.departments
    }
    names = dict.fromkeys(known.get(item.department, plain(item.department)) for item in record.opinions)
    if names:
        date = desk.date(desk.local_date(pd.Timestamp(record.closed_at)))
        gaps = {"departments": join(names, desk.lang), "chair": plain(record.chair), "date": date}
        desk.out.prose(desk.say("summary.consulted", **gaps))


def _event(desk: Desk) -> list[Row]:
    """Say when an important period is, and how many people it brings together."""
    item, say = desk.facts.important, desk.say
    if item is None:
        return []
    days = desk.facts.focus.n_days
    gaps = {"name": desk.span_name(desk.facts.focus), "dates": desk.dates(item.first_day, item.last_day)}
    crowd = item.crowd_people
    text = say("event.dates", **gaps, days=desk.count(days, "day"))
    desk.out.prose(text + ("" if crowd is None else desk.joint + say("event.crowd", crowd=desk.count(crowd, "person"))))
    rows = [desk.item("event.days_item", days, "day")]
    return rows if crowd is None else [*rows, desk.item("event.crowd_item", crowd, "person")]


def _reviewed(desk: Desk) -> list[Row]:
    """Say what happened; return the rows."""
    if desk.facts.review is None:
        desk.out.prose(desk.say("summary.no_review"))
        return []
    return [row for part in (_risk, _rain, _warned, _incidents, _coverage) for row in part(desk)]


def _coverage(desk: Desk) -> list[Row]:
    """Say how many days have rain data."""
    say, rain, spans = desk.say, desk.review().rain, desk.spans()
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
    desk.out.prose(say(f"summary.{form}", **texts, **spans))
    return [desk.item(f"items.{key}", value, "day") for key, value in numbers.items()]


def _rain(desk: Desk) -> list[Row]:
    """Say the greatest amounts."""
    say, gauges = desk.say, desk.review().rain.gauges
    if not desk.review().rain.days_known:
        return []
    total, total_gauge = one(gauges["total_mm"].iloc[0]), desk.gauge(str(gauges.index[0]))
    hours = gauges["max_1h_mm"]
    hour_id, hour_mm = str(hours.idxmax()), float(hours.max())
    period, formula = desk.period(hour_mm, 1), desk.facts.formula.formula_id
    gaps = {"total": total, "gauge": total_gauge, "hour_mm": one(hour_mm), "hour_gauge": desk.gauge(hour_id)}
    hour_at = desk.moment(gauges.loc[hour_id, "max_1h_at"])
    desk.out.prose(say("summary.rain", **gaps, hour_at=hour_at, formula=formula, period=period))
    return [
        (say("items.total", gauge=total_gauge), total, desk.unit("mm")),
        (say("items.hour", gauge=desk.gauge(hour_id)), one(hour_mm), desk.unit("mm")),
        (say("items.period", formula=formula), period, ""),
    ]


def _risk(desk: Desk) -> list[Row]:
    """Say the worst hour."""
    say, review, spans = desk.say, desk.review(), desk.spans()
    rows = [desk.item("items.hotspots", review.n_hotspots, "hotspot")]
    if review.worst is None:
        desk.out.prose(say("summary.no_cycles" if review.counts.empty else "summary.no_risk", **spans))
        return rows
    counts = review.worst_counts()
    parts = [_of_level(desk, level, counts[level], "hotspot") for level in WARNING_LEVELS if counts[level]]
    red = int((review.towns["level"] >= Level.RED).sum())
    orange = int((review.towns["level"] >= Level.ORANGE).sum())
    gaps = {"at": desk.moment(review.worst), "n": desk.count(review.n_hotspots, "hotspot")}
    gaps |= {"towns_red": desk.count(red, "town"), "towns_orange": desk.count(orange, "town")}
    gaps |= {"levels": desk.listed(parts), "highest": desk.level(int(review.towns["level"].max()))}
    desk.out.prose(say("summary.risk_highest", **gaps, **spans))
    for level in WARNING_LEVELS:
        rows.append(desk.item("items.worst", counts[level], "hotspot", level=desk.level_title(level)))
    rows.append(desk.item("items.warned", review.n_warned, "hotspot"))
    rows.append(desk.item("items.towns_red", red, "town"))
    rows.append(desk.item("items.towns_orange", orange, "town"))
    return rows


def _warned(desk: Desk) -> list[Row]:
    """Say how many warnings were issued and how they were answered."""
    warnings, answers = _warnings(desk), _answers(desk)
    desk.out.prose(warnings[0] + (desk.joint + answers[0] if answers[0] else ""))
    return [*warnings[1], *answers[1]]


def _warnings(desk: Desk) -> tuple[str, list[Row]]:
    """Return how many warnings were issued, levels without one left out of the sentence."""
    say, warnings = desk.say, desk.review().warnings
    rows = [desk.item("items.warnings", len(warnings), "time")]
    if warnings.empty:
        return say("summary.no_warnings", **desk.spans()), rows
    by_level = {level: int((warnings["level"] == level).sum()) for level in WARNING_LEVELS}
    rows += [
        desk.item("items.warnings_level", number, "time", level=desk.level(level)) for level, number in by_level.items()
    ]
    parts = desk.listed([_of_level(desk, level, number, "time") for level, number in by_level.items() if number])
    gaps = {"n": desk.count(len(warnings), "warning"), "levels": parts}
    return say("summary.warnings_by_level", **gaps, **desk.spans()), rows


def _of_level(desk: Desk, level: Level, number: int, noun: str) -> str:
    """Return a number with its level, as it stands in an enumeration."""
    return desk.level(level) + str(number) + desk.unit(noun) if desk.lang == "zh" else f"{number} {desk.level(level)}"


def _answers(desk: Desk) -> tuple[str, list[Row]]:
    """Return how warnings were answered."""
    answers = desk.review().answers
    if answers is None or answers.total["asked"] == 0:
        return "", []
    keys = ("asked", "in_time", "late", "open")
    numbers = {key: int(answers.total[key]) for key in keys}
    form = "answers" if numbers["in_time"] or numbers["late"] else "answers_none"
    text = desk.say(f"summary.{form}", **{key: str(number) for key, number in numbers.items()})
    return text, [desk.item(f"items.{key}", number, "bulletin") for key, number in numbers.items()]


def _incidents(desk: Desk) -> list[Row]:
    """Say how many incidents are on record; silent, as the review says it, without any."""
    number = len(desk.review().incidents)
    if number:
        desk.out.prose(desk.say("summary.incidents", n=desk.count(number, "incident")))
    return [desk.item("items.incidents", number, "event")]


def _verified(desk: Desk) -> list[Row]:
    """Say what became of the last report's statements."""
    review = desk.facts.inputs.review
    if desk.facts.review is None:
        return []
    if review is None or len(review.table) == 0:
        desk.out.prose(desk.say("summary.no_earlier"))
        return []
    numbers = {"true": review.n_true, "false": review.n_false, "unknown": review.n_unknown}
    gaps = {key: str(value) for key, value in numbers.items()}
    desk.out.prose(desk.say("summary.verified", n=desk.count(len(review.table), "statement"), **gaps))
    rows = [desk.item("items.statements", len(review.table), "item")]
    return rows + [desk.item(f"items.{key}", value, "item") for key, value in numbers.items()]


def _coming(desk: Desk) -> list[Row]:
    """Say what may be said of the span to come."""
    say, ahead, spans = desk.say, desk.facts.ahead, desk.spans()
    if ahead is None:
        desk.out.prose(say("summary.no_coming"))
        return []
    if ahead.outlook is None:
        desk.out.prose(say("summary.no_outlook", **spans))
        return []
    (days, day_rows), (spots, spot_rows) = _level_days(desk), _spots(desk)
    rows = [*_season(desk), *day_rows, *spot_rows]
    if days or spots:
        spots = spots or say("summary.no_spots", **spans)
        desk.out.prose(desk.joint.join(text for text in (days, spots) if text))
    else:
        desk.out.prose(say("summary.no_risk_ahead", **spans))
    made, withheld = len(ahead.outlook.statements), len(ahead.outlook.withheld)
    rows += [desk.item("items.made", made, "item"), desk.item("items.withheld", withheld, "item")]
    desk.out.prose("" if made else say("summary.nothing_said", withheld=str(withheld), **spans))
    return rows


def _season(desk: Desk) -> list[Row]:
    """Say the seasonal signal, if it may be said."""
    outlook = desk.facts.ahead.outlook if desk.facts.ahead else None
    found = [item for item in outlook.statements if item.key.startswith("season")] if outlook else []
    if outlook is None or not found:
        desk.out.prose(desk.say("summary.no_season", **desk.spans()))
        return []
    desk.out.prose(desk.say("summary.season", statement=statement_text(desk, found[0]), **desk.spans()))
    keys = ("below", "normal", "above")
    shares = dict(zip(keys, outlook.forecast.probabilities, strict=True))
    return [(desk.say(f"items.{key}"), chance(shares[key]), "") for key in keys]


def _level_days(desk: Desk) -> tuple[str, list[Row]]:
    """Return the expected days at yellow or higher, and the chance of red."""
    ahead = desk.facts.ahead
    if ahead is None or ahead.district_days.empty:
        return "", []
    row, red = ahead.district_days.loc[int(_SENTENCE_LEVEL)], ahead.district_days.loc[int(Level.RED)]
    level = desk.level(_SENTENCE_LEVEL)
    gaps = {"days": one(row["expected_days"]), "low": f"{row['days_p10']:.0f}", "high": f"{row['days_p90']:.0f}"}
    gaps |= {"p_red": chance(red["p_once"]), "word": desk.word(red["p_once"]), "level": level}
    return desk.say("summary.level_days", **gaps, **desk.spans()), [
        (desk.say("items.level_days", level=level), gaps["days"], desk.unit("day")),
        (desk.say("items.level_days_low", level=level), gaps["low"], desk.unit("day")),
        (desk.say("items.level_days_high", level=level), gaps["high"], desk.unit("day")),
        (desk.say("items.p_red"), gaps["p_red"], ""),
    ]


def _spots(desk: Desk) -> tuple[str, list[Row]]:
    """Return how many hotspots are likely to pond deeply."""
    ahead = desk.facts.ahead
    if ahead is None or not ahead.map_class:
        return "", []
    depth = ahead.depth_cm(ahead.map_class)
    number = int((ahead.chances[ahead.map_class] >= ahead.likely_from - 1e-12).sum())
    word = ahead.likely_word
    gaps = {"depth": depth, "word": word.zh if desk.lang == "zh" else word.en}
    if number:
        text = desk.say("summary.likely", n=desk.count(number, "hotspot"), **gaps, **desk.spans())
    else:
        text = desk.say("summary.unlikely", **gaps, **desk.spans())
    return text, [(desk.say("items.likely", **gaps), str(number), desk.unit("hotspot"))]


def _capacity(desk: Desk) -> list[Row]:
    """Say where capacity falls short."""
    capacity = desk.facts.inputs.capacity
    if capacity is None or "shelter_shortfall" not in capacity:
        return []
    short = capacity["shelter_shortfall"][capacity["shelter_shortfall"] > 0]
    numbers = {"towns_short": (len(short), "town"), "places_short": (int(short.sum()), "place")}
    if len(short):
        gaps = {"towns": desk.count(len(short), "town"), "places": str(int(short.sum()))}
        desk.out.prose(desk.say("summary.short", **gaps))
    else:
        desk.out.prose(desk.say("summary.not_short"))
    return [desk.item(f"items.{key}", number, noun) for key, (number, noun) in numbers.items()]


def _measures(desk: Desk) -> list[Row]:
    """Say how many plans are called for."""
    reached = levels_for_plans(desk)
    if reached is None:
        return []
    units = measures_by_unit(desk.facts.inputs.district, reached, lang=desk.lang)
    plans = int(units["n_plans"].sum())
    edition = "likely" if desk.facts.is_outlook else "reached"
    if plans:
        gaps = {"plans": desk.count(plans, "plan"), "units": desk.count(len(units), "unit")}
        desk.out.prose(desk.say(f"summary.plans_{edition}", **gaps))
    return [desk.item(f"items.plans_{edition}", plans, "plan"), desk.item("items.units", len(units), "unit")]


def statement_text(desk: Desk, statement: Statement) -> str:
    """Return the sentence of a statement."""
    return statement.zh if desk.lang == "zh" else statement.en
