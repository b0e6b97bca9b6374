"""Review of the span looked back on: rain, warnings, answers, incidents and field reports, month by month."""

from __future__ import annotations

from typing import Any

import pandas as pd

from reports.figures.level_charts import level_calendar
from reports.figures.rain_charts import depth_duration_chart, rain_by_month_chart
from reports.periodic.charts import rain_chart
from reports.periodic.facts.rain import WINDOWS_H
from reports.periodic.facts.review import level_days, warning_levels_by
from reports.periodic.facts.risk import WARNING_LEVELS
from reports.periodic.forms import DASH, Forms, Row, metres, one, source_gaps
from reports.words import is_missing, plain
from risk_models.levels import Level

__all__ = ["add_review"]

_DAYS_SHOWN = 6
_GAUGES_SHOWN = 14
_MAXIMA_SHOWN = 8
_REPORTS_SHOWN = 10
_INCIDENTS_SHOWN = 30


def add_review(forms: Forms) -> None:
    """Add the review."""
    say = forms.say
    forms.out.section(say("review.heading"))
    review = forms.facts.review
    if review is None:
        forms.out.prose(say("review.none"))
        return
    forms.out.subsection(say("review.rain"))
    if review.rain.days_known:
        _rain(forms)
    else:
        forms.out.prose(say("review.no_rain", **forms.spans()))
    if review.is_long:
        forms.out.subsection(say("review.months"))
        _months(forms)
    forms.out.subsection(say("review.warnings"))
    _warnings(forms)
    _deliveries(forms)
    forms.out.subsection(say("review.answers"))
    _answers(forms)
    forms.out.subsection(say("review.incidents"))
    _incidents(forms)
    _field_reports(forms)


def _rain(forms: Forms) -> None:
    """Add rain by day and gauge, maxima with return periods, and the pictures."""
    say, review = forms.say, forms.review()
    rain, formula = review.rain, forms.facts.formula
    daily_max = rain.daily_mm.max(axis=1)
    wettest: Any = daily_max.idxmax()
    gauge = forms.gauge(str(rain.daily_mm.loc[wettest].idxmax()))
    gaps = {"known": forms.count(rain.days_known, "day"), "mm": one(daily_max.max()), "gauge": gauge}
    forms.out.prose(say("review.rain_days", **gaps, day=forms.day(wettest)))
    _daily_table(forms)
    peaks: dict[str, str] = {}
    for hours in (1, 3, 24):
        column = rain.gauges[f"max_{hours}h_mm"]
        where = None if column.isna().all() else str(column.idxmax())
        at = pd.NaT if where is None else rain.gauges.loc[where, f"max_{hours}h_at"]
        peaks |= {f"h{hours}": one(column.max()), f"g{hours}": forms.gauge(where) if where else DASH}
        peaks |= {f"at{hours}": DASH if is_missing(at) else forms.moment(at)}
    whole = all(peaks[f"h{hours}"] != DASH for hours in (1, 3, 24))
    forms.out.prose(say("review.maxima" if whole else "review.max_hour", **peaks))
    periods = {f"p{hours}": forms.period(rain.gauges[f"max_{hours}h_mm"].max(), hours) for hours in (1, 3)}
    name = forms.formula_name()
    forms.out.prose(say("review.max_period", **periods, formula=formula.formula_id, name=name))
    _maxima_table(forms)
    _depth_duration(forms)
    _hyetograph(forms)


def _daily_table(forms: Forms) -> None:
    """Add daily rain of the wettest gauges on the wettest days, in date order."""
    say, rain = forms.say, forms.review().rain
    known = rain.daily_mm.dropna(how="all").max(axis=1)
    days = sorted(known.nlargest(_DAYS_SHOWN).index)
    shown = [str(gauge) for gauge in rain.gauges.index[rain.gauges["hours_known"] > 0][:_GAUGES_SHOWN]]
    rows = []
    for gauge in shown:
        amounts, full = rain.daily_mm.loc[days, gauge], rain.is_full_day.loc[days, gauge]
        cells = [
            one(mm) + ("" if is_full or is_missing(mm) else "*") for mm, is_full in zip(amounts, full, strict=True)
        ]
        rows.append((forms.gauge(gauge), *cells, one(rain.gauges.loc[gauge, "total_mm"])))
    header = (say("review.gauge"), *(f"{day.month}-{day.day:02d}" for day in days), say("review.sum"))
    align = ("left", *("right",) * (len(days) + 1))
    widths = (2.6, *(1.0,) * (len(days) + 1))
    forms.out.table(say("review.daily_table"), header, rows, align=align, widths=widths, annex=True)
    more = len(rain.gauges) - len(shown)
    if more > 0:
        forms.out.note(say("review.more_gauges", shown=forms.count(len(shown), "gauge"), more=str(more)), annex=True)


def _maxima_table(forms: Forms) -> None:
    """Add the greatest amounts per gauge with their return periods."""
    rain = forms.review().rain
    rows = []
    known = rain.gauges[rain.gauges["hours_known"] > 0]
    peaks = {known[f"max_{hours}h_mm"].idxmax() for hours in (1, 3, 24) if known[f"max_{hours}h_mm"].notna().any()}
    for gauge_id, row in known[known.index.isin([*known.index[:_MAXIMA_SHOWN], *peaks])].iterrows():
        cells = [forms.gauge(str(gauge_id)), str(int(row["hours_known"])), one(row["total_mm"])]
        cells += [one(row["max_1h_mm"]), forms.stamp(row["max_1h_at"]), forms.period_cell(row["max_1h_mm"], 1)]
        cells += [one(row["max_3h_mm"]), forms.period_cell(row["max_3h_mm"], 3), one(row["max_24h_mm"])]
        rows.append(tuple(cells))
    formula = forms.facts.formula
    minutes = f"{formula.minutes_max:.0f}"
    caption = forms.say("review.maxima_table", formula=formula.formula_id, minutes=minutes)
    align = ("left", *("right",) * 3, "center", "left", "right", "left", "right")
    widths = (2.9, 0.85, 0.95, 0.95, 1.6, 1.0, 0.95, 1.0, 1.0)
    forms.out.table(caption, forms.say.words("review.maxima_columns"), rows, align=align, widths=widths)


def _depth_duration(forms: Forms) -> None:
    """Draw the greatest amounts by duration against the storm formula."""
    gauges = forms.review().rain.gauges
    rows = []
    for gauge_id in gauges.index[gauges["hours_known"] > 0][:3]:
        for hours in WINDOWS_H:
            amount = gauges.loc[gauge_id, f"max_{hours}h_mm"]
            if not is_missing(amount):
                rows.append({"window_h": hours, "rain_mm": float(amount), "gauge": forms.gauge(str(gauge_id))})
    if rows:
        table = pd.DataFrame(rows)
        picture = depth_duration_chart(table, forms.facts.formula, lang=forms.lang, **source_gaps(forms))
        caption = forms.say("review.duration_figure", formula=forms.facts.formula.formula_id)
        forms.out.figure(picture, caption, alt=forms.say("review.duration_alt"))


def _hyetograph(forms: Forms) -> None:
    """Draw rain by day and hour, or by month for a long span, at the reference gauge."""
    review, reference = forms.review(), forms.facts.inputs.reference_gauge
    gaps = {"gauge": forms.gauge(reference), "id": plain(reference)}
    if reference not in review.rain.hourly_mm.columns:
        forms.out.prose(forms.say("review.no_reference", **gaps))
        return
    if not review.is_long:
        picture = rain_chart(review.rain, reference, forms.lang, forms.facts.zone)
        forms.out.figure(picture, forms.say("review.figure", **gaps), alt=forms.say("review.figure_alt", **gaps))
        return
    months = review.months.reset_index()
    months["observed_mm"] = months["rain_mm"].where(months["is_whole"])
    table = months[["month", "observed_mm", "normal_mm", "p10_mm", "p90_mm"]]
    picture = rain_by_month_chart(table, lang=forms.lang, **source_gaps(forms))
    forms.out.figure(picture, forms.say("review.month_figure", **gaps), alt=forms.say("review.month_alt", **gaps))


def _months(forms: Forms) -> None:
    """Add the span month by month, the days at each level, and the calendar."""
    say, months = forms.say, forms.review().months
    for column, phrase in (("days_known", "months_missing"), ("days_assessed", "months_blind")):
        empty = list(months.index[months[column] == 0])
        forms.out.prose(say(f"review.{phrase}", months=forms.month_ranges(empty)) if empty else "")
    rows = []
    for key, row in months.iterrows():
        month: Any = key
        mark = "" if row["is_whole"] or is_missing(row["rain_mm"]) else "*"
        rows.append(
            (forms.month_title(month), str(int(row["days_known"])), one(row["rain_mm"]) + mark, one(row["normal_mm"]),
             one(row["wettest_day_mm"]), str(int(row["days_assessed"])), forms.level(int(row["level"])),
             str(int(row["n_warnings"])), str(int(row["n_incidents"])))
        )  # fmt: skip
    sums = [str(int(months[name].sum())) for name in ("days_known", "days_assessed", "n_warnings", "n_incidents")]
    top = months["wettest_day_mm"].max()
    total = one(months["rain_mm"].sum(min_count=1)) + (
        "" if months["is_whole"].all() or months["rain_mm"].isna().all() else "*"
    )
    highest = forms.level(int(months["level"].max()))
    rows.append((say("review.total"), sums[0], total, DASH, one(top), sums[1], highest, sums[2], sums[3]))
    gauge = forms.gauge(forms.facts.inputs.reference_gauge)
    align = ("left", *("right",) * 5, "center", "right", "right")
    widths = (1.5, 0.9, 1.1, 1.0, 1.1, 0.9, 0.9, 0.8, 0.8)
    forms.out.table(
        say("review.months_table", gauge=gauge), say.words("review.months_columns"), rows, align=align, widths=widths
    )
    forms.out.note(say("review.months_note") if months["normal_mm"].notna().any() else say("review.months_no_normal"))
    _calendar(forms)


def _calendar(forms: Forms) -> None:
    """Add the days at each level, and for a season or a year the calendar."""
    say, review = forms.say, forms.review()
    days = level_days(review.day_levels)
    assessed = len(review.day_levels) - days[int(Level.UNKNOWN)]
    gaps = {str(Level(code)): str(number) for code, number in days.items()}
    forms.out.prose(say("review.level_days", assessed=forms.count(assessed, "day"), **gaps, **forms.spans()))
    levels = (*WARNING_LEVELS, Level.NONE, Level.UNKNOWN)
    header = (say("review.level"), *(forms.level_title(level) for level in levels), say("review.total"))
    row = (say("review.days"), *(str(days[int(level)]) for level in levels), str(len(review.day_levels)))
    forms.out.table(say("review.level_days_table"), header, [row], align=("left", *("right",) * 7))
    picture = level_calendar(review.day_levels, lang=forms.lang, **source_gaps(forms))
    forms.out.figure(picture, say("review.calendar"), alt=say("review.calendar_alt"))


def _warnings(forms: Forms) -> None:
    """Add the number of warnings by town and highest level."""
    say, warnings = forms.say, forms.review().warnings
    if forms.facts.inputs.has_unsigned:
        forms.out.prose(say("review.unsigned"))
    if warnings.empty:
        forms.out.prose(say("review.no_warnings", **forms.spans()))
        return
    by_town = warning_levels_by(warnings, warnings["area_code"])
    messages = warnings.groupby("area_code")["revisions"].sum()
    order = by_town.sort_values(list(by_town.columns), ascending=False, kind="stable").index
    rows = []
    for code in order:
        counts = [str(int(value)) for value in by_town.loc[code]]
        rows.append((forms.town(str(code)), *counts, str(int(by_town.loc[code].sum())), str(int(messages[code]))))
    sums = [str(int(by_town[column].sum())) for column in by_town.columns]
    rows.append((forms.total(len(by_town)), *sums, str(len(warnings)), str(int(messages.sum()))))
    gaps = {"n": forms.count(len(warnings), "warning"), "towns": forms.count(len(by_town), "town")}
    gaps |= {"messages": forms.count(int(messages.sum()), "bulletin")}
    forms.out.prose(say("review.warnings_text", **gaps, **forms.spans()))
    header = (say("review.town"), *(forms.level_title(level) for level in WARNING_LEVELS), say("review.total"))
    header = (*header, say("review.bulletins"))
    align = ("left", *("right",) * 6)
    widths = (2.4, *(1.0,) * 6)
    forms.out.table(say("review.warnings_table"), header, rows, align=align, widths=widths, annex=True)


def _deliveries(forms: Forms) -> None:
    """Say what became of the mails."""
    say, counts = forms.say, forms.facts.inputs.deliveries
    if counts is None:
        forms.out.prose(say("review.no_deliveries"))
        return
    if forms.review().warnings.empty and not any((counts.bulletins, counts.accepted, counts.failed, counts.waiting)):
        return  # nothing was sent because nothing was issued, which is said already
    keys = ("accepted", "failed", "waiting")
    gaps = {key: str(getattr(counts, key)) for key in keys}
    forms.out.prose(say("review.deliveries_text", bulletins=forms.count(counts.bulletins, "bulletin"), **gaps))
    rows: list[Row] = [forms.item("review.bulletins", counts.bulletins, "bulletin")]
    rows += [forms.item(f"review.{key}", getattr(counts, key), "mail") for key in keys]
    if counts.acknowledged is not None:
        forms.out.prose(say("review.acknowledged", n=forms.count(counts.acknowledged, "bulletin")))
        rows.append(forms.item("review.answered", counts.acknowledged, "bulletin"))
    forms.key_table(say("review.deliveries_table"), rows)


def _answers(forms: Forms) -> None:
    """Add how fast warnings were answered, by level."""
    say, answers = forms.say, forms.review().answers
    if answers is None or answers.total["asked"] == 0:
        forms.out.prose(say("review.no_answers" if answers is None else "review.none_asked", **forms.spans()))
        return
    keys = ("asked", "in_time", "late", "open", "more_calls")
    gaps = {key: str(int(answers.total[key])) for key in keys}
    gaps |= {"median": one(answers.total["median_min"])}
    forms.out.prose(say("review.answers_text" if gaps["median"] != DASH else "review.answers_none", **gaps))
    waiting = [forms.town(code) for code in answers.towns_open]
    if waiting and set(answers.towns_open) >= set(forms.review().warnings["area_code"]):
        forms.out.prose(say("review.answers_open_all"))
    elif waiting:
        forms.out.prose(say("review.answers_open", towns=forms.listed(waiting)))
    rows = []
    parts = [(forms.level_title(int(str(level))), row) for level, row in answers.table.iterrows()]
    for title, row in [*parts, (say("review.total"), answers.total)]:
        counts = [str(int(row[key])) for key in keys]
        rows.append((title, *counts[:4], one(row["median_min"]), counts[4]))
    columns = say.words("review.answers_columns")
    forms.out.table(say("review.answers_table"), columns, rows, align=("left", *("right",) * 6))


def _incidents(forms: Forms) -> None:
    """Add the recorded incidents."""
    say, incidents = forms.say, forms.review().incidents
    if incidents.empty:
        forms.out.prose(say("review.no_incidents", **forms.spans()))
        return
    forms.out.prose(say("review.incidents_text", n=forms.count(len(incidents), "incident"), **forms.spans()))
    rows = []
    for number, (_, row) in enumerate(incidents.head(_INCIDENTS_SHOWN).iterrows(), start=1):
        effect = plain(row["effect_zh" if forms.lang == "zh" else "effect_en"]) or DASH
        place = forms.hotspot(str(row["hotspot_id"]))
        cells = (str(number), forms.stamp(row["started_at"]), place, effect)
        rows.append((*cells, metres(row["depth_m"]), plain(row["confidence"])))
    more = len(incidents) - _INCIDENTS_SHOWN
    if more > 0:
        rows.append((DASH, say("review.total"), forms.count(len(incidents), "incident"), DASH, DASH, DASH))
    align = ("right", "center", "left", "left", "right", "center")
    caption, header = say("review.incidents_table"), say.words("review.incident_columns")
    forms.out.table(caption, header, rows, align=align, widths=(0.6, 1.5, 2.3, 3.4, 1.0, 1.4))
    forms.out.note(say("review.incidents_more", n=forms.count(more, "incident")) if more > 0 else "")


def _field_reports(forms: Forms) -> None:
    """Add what was seen in the field."""
    say, reports = forms.say, forms.review().field_reports
    if reports is None or reports.empty:
        forms.out.prose(say("review.no_reports", **forms.spans()))
        return
    states = ("flooded", "not_flooded", "not_checked")
    counts = {state: int((reports["state"] == state).sum()) for state in states}
    gaps = {state: str(number) for state, number in counts.items()}
    forms.out.prose(say("review.reports_text", n=forms.count(len(reports), "report"), **gaps))
    rows: list[Row] = [forms.item("review.reports_item", len(reports), "report")]
    rows += [forms.item(f"review.{state}", number, "report") for state, number in counts.items()]
    flooded = reports[reports["state"] == "flooded"]
    spots = flooded.groupby("hotspot_id")["at"].min().sort_values(kind="stable")
    rows.append(forms.item("review.flooded_spots", len(spots), "hotspot"))
    for code, at in spots.head(_REPORTS_SHOWN).items():
        rows.append((say("review.flooded_at", place=forms.hotspot(str(code))), forms.stamp(at), ""))
    more = len(spots) - _REPORTS_SHOWN
    rows += [(say("review.flooded_rest", n=forms.count(more, "hotspot")), DASH, "")] if more > 0 else []
    forms.key_table(say("review.reports_table"), rows)
