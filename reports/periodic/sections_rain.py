"""Summary, basis, review and outlook of a monthly report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from reports.periodic.charts import rain_chart
from reports.periodic.facts import CLIMATE_YEARS
from reports.periodic.forms import DASH, Desk, one
from reports.periodic.risk_facts import WARNING_LEVELS
from reports.words import is_missing, plain
from risk_models.levels import Level

__all__ = ["add_basis", "add_outlook", "add_review", "add_summary"]

_DAYS_SHOWN = 6
_GAUGES_SHOWN = 14


def add_summary(desk: Desk) -> None:
    """Add the conclusions and the table of key facts that they stand on."""
    say, facts = desk.say, desk.facts
    desk.out.heading(say("summary.heading"))
    rows = _coverage_rows(desk)
    days = dict(zip(("days", "known", "complete", "partial", "missing"), (row[1] for row in rows), strict=True))
    if facts.rain.days_known:
        desk.out.prose(say("summary.coverage", **days))
        rows += _add_rain_summary(desk)
    else:
        desk.out.prose(say("summary.no_rain_data", days=days["days"]))
    rows += _add_risk_summary(desk)
    rows += _add_warning_summary(desk)
    outlook = facts.outlook
    form = "outlook_ready" if outlook.month_years >= CLIMATE_YEARS else "outlook_short"
    desk.out.prose(say(f"summary.{form}", **desk.month(outlook.month), years=str(outlook.month_years)))
    rows.append(
        (say("outlook.month_years", **desk.month(outlook.month)), str(outlook.month_years), say("outlook.year"))
    )
    _key_table(desk, say("summary.table"), [say(f"summary.{key}") for key in ("item", "value", "unit")], rows)


Row = tuple[str, str, str]


def _key_table(desk: Desk, caption: str, header: Sequence[str], rows: Sequence[Row]) -> None:
    """Add a table of items, values and units."""
    desk.out.table(caption, header, rows, align=("left", "right", "left"), widths=(5.6, 3.2, 1.2))


def _coverage_rows(desk: Desk) -> list[Row]:
    """Return how many days have rain data."""
    rain, say = desk.facts.rain, desk.say
    numbers = {
        "days": len(rain.day_status),
        "known": rain.days_known,
        "complete": rain.days_with("complete"),
        "partial": rain.days_with("partial"),
        "missing": rain.days_with("missing"),
    }
    return [(say(f"items.{key}"), str(value), say("items.day")) for key, value in numbers.items()]


def _add_rain_summary(desk: Desk) -> list[Row]:
    """Say the greatest amounts; return their rows."""
    say, gauges = desk.say, desk.facts.rain.gauges
    top = gauges.index[0]
    total, total_gauge = one(gauges["total_mm"].iloc[0]), desk.gauge(str(top))
    hours = gauges["max_1h_mm"]
    hour_id = str(hours.idxmax())
    hour_mm = float(hours.max())
    period, formula = desk.period(hour_mm, 1), desk.facts.formula.formula_id
    desk.out.prose(
        say(
            "summary.rain",
            gauge=total_gauge,
            total=total,
            hour_mm=one(hour_mm),
            hour_gauge=desk.gauge(hour_id),
            hour_at=desk.moment(gauges.loc[hour_id, "max_1h_at"]),
            formula=formula,
            period=period,
        )
    )
    return [
        (say("items.total", gauge=total_gauge), total, say("items.mm")),
        (say("items.hour", gauge=desk.gauge(hour_id)), one(hour_mm), say("items.mm")),
        (say("items.period", formula=formula), period, ""),
    ]


def _add_risk_summary(desk: Desk) -> list[Row]:
    """Say the worst hour; return its rows."""
    say, facts = desk.say, desk.facts
    n_hotspots = str(len(facts.inputs.district.hotspots))
    rows = [(say("items.hotspots"), n_hotspots, say("items.place"))]
    if facts.worst is None:
        desk.out.prose(say("summary.no_cycles" if facts.counts.empty else "summary.no_risk"))
        return rows
    counts = facts.worst_counts()
    by_level = {str(level): str(counts[level]) for level in WARNING_LEVELS}
    red = int((facts.towns["level"] >= Level.RED).sum())
    orange = int((facts.towns["level"] >= Level.ORANGE).sum())
    desk.out.prose(
        say(
            "summary.risk",
            at=desk.moment(facts.worst),
            n=n_hotspots,
            towns_red=str(red),
            towns_orange=str(orange),
            **by_level,
        )
    )
    for level in WARNING_LEVELS:
        label = say("items.worst", level=desk.level(level))
        rows.append((label[:1].upper() + label[1:], by_level[str(level)], say("items.place")))
    rows.append((say("items.warned"), str(facts.n_warned), say("items.place")))
    rows.append((say("items.towns_red"), str(red), say("items.town")))
    rows.append((say("items.towns_orange"), str(orange), say("items.town")))
    return rows


def _add_warning_summary(desk: Desk) -> list[Row]:
    """Say how many warnings were issued; return their rows."""
    say, warnings = desk.say, desk.facts.warnings
    if warnings.empty:
        desk.out.prose(say("summary.no_warnings"))
        return [(say("items.warnings"), "0", say("items.times"))]
    by_level = {str(level): str(int((warnings["level"] == level).sum())) for level in WARNING_LEVELS}
    desk.out.prose(say("summary.warnings", n=str(len(warnings)), **by_level))
    rows = [(say("items.warnings"), str(len(warnings)), say("items.times"))]
    for level in WARNING_LEVELS:
        rows.append((say("items.warnings_level", level=desk.level(level)), by_level[str(level)], say("items.times")))
    return rows


def add_basis(desk: Desk) -> None:
    """Add what the report stands on: coverage, assessments, standards."""
    say, facts = desk.say, desk.facts
    desk.out.section(say("basis.heading"))
    hourly = facts.rain.hourly_mm
    n_gauges, hours = str(hourly.shape[1]), str(int(hourly.notna().to_numpy().sum()))
    share = one(100 * hourly.notna().to_numpy().mean() if hourly.size else 0.0)
    rows = [(say("basis.gauges"), n_gauges, "")]
    rows += [(say("basis.station_hours"), hours, ""), (say("basis.share"), share, "%")]
    known = facts.rain.known_span
    if known is None:
        desk.out.prose(say("basis.no_rain", gauges=n_gauges))
    else:
        desk.out.prose(say("basis.rain", gauges=n_gauges, span=desk.short_span(*known), hours=hours, share=share))
        missing = list(facts.rain.day_status.index[facts.rain.day_status == "missing"])
        desk.out.prose(say("basis.missing", dates=desk.day_ranges(missing)) if missing else "")
    if facts.counts.empty:
        desk.out.prose(say("basis.no_cycles"))
    else:
        cycles, horizon = str(len(facts.counts)), str(facts.horizon_h)
        first, last = (desk.moment(facts.counts.index[at]) for at in (0, -1))
        desk.out.prose(say("basis.cycles", cycles=cycles, first=first, last=last, horizon=horizon))
        rows += [(say("basis.cycles_item"), cycles, ""), (say("basis.horizon_item"), horizon, say("basis.hour"))]
    _key_table(desk, say("basis.table"), say.words("basis.columns"), rows)
    _add_standards(desk)


def _add_standards(desk: Desk) -> None:
    """Add the table of standards with their confidence and source."""
    say, inputs = desk.say, desk.facts.inputs
    rows = []
    for use in say.table["uses"]:
        standard_id = str(getattr(inputs.district.settings.standards, use, ""))
        if not standard_id:
            continue
        info = inputs.standards.metadata(standard_id)
        since = "" if info.valid_from is None or info.valid_from.year <= 1900 else info.valid_from.isoformat()
        rows.append((say(f"uses.{use}"), standard_id, since or DASH, plain(info.confidence), plain(info.source)))
    desk.out.prose(say("basis.standards"))
    # Sources are kept in English in the tables of standards, so the Chinese report points there.
    width = 5 if desk.lang == "en" else 4
    align = ("left", "left", "center", "center", "left")[:width]
    header = say.words("basis.standard_columns")[:width]
    shares = (1.5, 1.6, 1.3, 1.25, 4.2)[:width]
    desk.out.table(say("basis.standards_table"), header, [row[:width] for row in rows], align=align, widths=shares)
    desk.out.note(say("basis.standard_sources") if desk.lang == "zh" else "")


def add_review(desk: Desk) -> None:
    """Add the review: rain, warnings and delivery, incidents."""
    desk.out.section(desk.say("review.heading"))
    desk.out.subsection(desk.say("review.rain"))
    if desk.facts.rain.days_known:
        _add_rain_review(desk)
    else:
        desk.out.prose(desk.say("review.no_rain"))
    desk.out.subsection(desk.say("review.warnings"))
    _add_warning_review(desk)
    _add_delivery(desk)
    desk.out.subsection(desk.say("review.incidents"))
    _add_incidents(desk)


def _add_rain_review(desk: Desk) -> None:
    """Add rain by day and gauge, maxima with return periods, and the hyetograph."""
    say, rain, formula = desk.say, desk.facts.rain, desk.facts.formula
    daily_max = rain.daily_mm.max(axis=1)
    wettest: Any = daily_max.idxmax()
    gauge = str(rain.daily_mm.loc[wettest].idxmax())
    gaps = {"known": str(rain.days_known), "mm": one(daily_max.max())}
    desk.out.prose(say("review.rain_days", **gaps, gauge=desk.gauge(gauge), day=desk.day(wettest)))
    _add_daily_table(desk)
    peaks: dict[str, str] = {}
    for hours in (1, 3, 24):
        column = rain.gauges[f"max_{hours}h_mm"]
        where = None if column.isna().all() else str(column.idxmax())
        at = pd.NaT if where is None else rain.gauges.loc[where, f"max_{hours}h_at"]
        peaks |= {f"h{hours}": one(column.max()), f"g{hours}": desk.gauge(where) if where else DASH}
        peaks |= {f"at{hours}": DASH if is_missing(at) else desk.moment(at)}
    desk.out.prose(say("review.max_hour", **peaks))
    periods = {f"p{hours}": desk.period(rain.gauges[f"max_{hours}h_mm"].max(), hours) for hours in (1, 3)}
    minutes = f"{formula.minutes_max:.0f}"
    name = desk.formula_name()
    desk.out.prose(say("review.max_period", **periods, formula=formula.formula_id, name=name, minutes=minutes))
    _add_maxima_table(desk)
    reference = desk.facts.inputs.reference_gauge
    if reference in rain.hourly_mm.columns:
        picture = rain_chart(rain, reference, desk.lang, desk.facts.zone)
        caption = say("review.figure", gauge=desk.gauge(reference), id=reference)
        desk.out.figure(picture, caption, alt=say("review.figure_alt", gauge=desk.gauge(reference)))


def _add_daily_table(desk: Desk) -> None:
    """Add daily rain of the wettest gauges on the days with data, in date order."""
    say, rain = desk.say, desk.facts.rain
    known = rain.daily_mm.dropna(how="all").max(axis=1)
    days = sorted(known.nlargest(_DAYS_SHOWN).index)
    shown = [str(gauge) for gauge in rain.gauges.index[rain.gauges["hours_known"] > 0][:_GAUGES_SHOWN]]
    hours = rain.hourly_mm.notna()
    per_day = hours.to_numpy().reshape(len(rain.daily_mm), 24, hours.shape[1]).sum(axis=1)
    complete = pd.DataFrame(per_day >= 24, index=rain.daily_mm.index, columns=rain.daily_mm.columns)
    rows = []
    for gauge in shown:
        amounts = rain.daily_mm.loc[days, gauge]
        marks = [
            "" if full or is_missing(mm) else "*" for mm, full in zip(amounts, complete.loc[days, gauge], strict=True)
        ]
        cells = [one(mm) + mark for mm, mark in zip(amounts, marks, strict=True)]
        rows.append((desk.gauge(gauge), *cells, one(rain.gauges.loc[gauge, "total_mm"])))
    header = (say("review.gauge"), *(f"{day.month}-{day.day:02d}" for day in days), say("review.sum"))
    align = ("left", *("right",) * (len(days) + 1))
    desk.out.table(say("review.daily_table"), header, rows, align=align, widths=(2.6, *(1.0,) * (len(days) + 1)))
    if len(rain.gauges) > len(shown):
        more = str(len(rain.gauges) - len(shown))
        desk.out.note(say("review.more_gauges", shown=str(len(shown)), more=more))


def _add_maxima_table(desk: Desk) -> None:
    """Add the greatest amounts per gauge with their return periods."""
    rain = desk.facts.rain
    rows = []
    for gauge_id, row in rain.gauges[rain.gauges["hours_known"] > 0].head(_GAUGES_SHOWN).iterrows():
        cells = [desk.gauge(str(gauge_id)), str(int(row["hours_known"])), one(row["total_mm"])]
        cells += [one(row["max_1h_mm"]), desk.stamp(row["max_1h_at"]), desk.period_cell(row["max_1h_mm"], 1)]
        cells += [one(row["max_3h_mm"]), desk.period_cell(row["max_3h_mm"], 3), one(row["max_24h_mm"])]
        rows.append(tuple(cells))
    caption = desk.say("review.maxima_table", formula=desk.facts.formula.formula_id)
    align = ("left", *("right",) * 3, "center", "left", "right", "left", "right")
    widths = (2.9, 0.85, 0.95, 0.95, 1.6, 1.0, 0.95, 1.0, 1.0)
    desk.out.table(caption, desk.say.words("review.maxima_columns"), rows, align=align, widths=widths)


def _add_warning_review(desk: Desk) -> None:
    """Add the number of warnings by town and highest level."""
    say, warnings = desk.say, desk.facts.warnings
    if warnings.empty:
        desk.out.prose(say("review.no_warnings"))
        return
    by_town = pd.crosstab(warnings["area_code"], warnings["level"])
    by_town = by_town.reindex(columns=[int(level) for level in WARNING_LEVELS], fill_value=0)
    messages = warnings.groupby("area_code")["revisions"].sum()
    order = by_town.sort_values(list(by_town.columns), ascending=False, kind="stable").index
    rows = []
    for code in order:
        counts = [str(int(value)) for value in by_town.loc[code]]
        rows.append((desk.town(str(code)), *counts, str(int(by_town.loc[code].sum())), str(int(messages[code]))))
    sums = [str(int(by_town[column].sum())) for column in by_town.columns]
    total = (say("review.total"), *sums, str(len(warnings)), str(int(messages.sum())))
    gaps = {"n": str(len(warnings)), "towns": str(len(by_town)), "messages": str(int(messages.sum()))}
    desk.out.prose(say("review.warnings_text", **gaps))
    header = (say("review.town"), *(desk.level_title(level) for level in WARNING_LEVELS), say("review.total"))
    header = (*header, say("review.bulletins"))
    rows.append(total)
    caption = say("review.warnings_table")
    desk.out.table(caption, header, rows, align=("left", *("right",) * 6), widths=(2.4, *(1.0,) * 6))
    towns_row = [(say("review.town"), str(len(by_town)), say("items.town"))]
    header3 = [say(f"summary.{key}") for key in ("item", "value", "unit")]
    _key_table(desk, say("review.deliveries_table"), header3, towns_row + _delivery_rows(desk))


def _delivery_rows(desk: Desk) -> list[Row]:
    """Return the rows of the delivery table."""
    say, counts = desk.say, desk.facts.inputs.deliveries
    if counts is None:
        return []
    rows = [(say("review.bulletins"), str(counts.bulletins), say("review.copy"))]
    for key in ("accepted", "failed", "waiting"):
        rows.append((say(f"review.{key}"), str(getattr(counts, key)), say("review.mail")))
    if counts.acknowledged is not None:
        rows.append((say("review.answered"), str(counts.acknowledged), say("review.copy")))
    return rows


def _add_delivery(desk: Desk) -> None:
    """Say what became of the mails."""
    say, counts = desk.say, desk.facts.inputs.deliveries
    if counts is None:
        desk.out.prose(say("review.no_deliveries"))
        return
    gaps = {key: str(getattr(counts, key)) for key in ("bulletins", "accepted", "failed", "waiting")}
    answered = counts.acknowledged
    tail = say("review.not_acknowledged") if answered is None else say("review.acknowledged", n=str(answered))
    joint = "" if desk.lang == "zh" else " "
    desk.out.prose(say("review.deliveries_text", **gaps) + joint + tail)


def _add_incidents(desk: Desk) -> None:
    """Add the recorded incidents of the month."""
    say, incidents = desk.say, desk.facts.incidents
    if incidents.empty:
        desk.out.prose(say("review.no_incidents"))
        return
    desk.out.prose(say("review.incidents_text", n=str(len(incidents))))
    hotspots = desk.facts.inputs.district.hotspots
    rows = []
    for _, row in incidents.iterrows():
        known = row["hotspot_id"] in hotspots.index
        place = desk.name(hotspots.loc[row["hotspot_id"]], "hotspot_name") if known else plain(row["hotspot_id"])
        metres = DASH if is_missing(row["depth_m"]) else f"{row['depth_m']:.2f}"
        effect = plain(row["effect_zh" if desk.lang == "zh" else "effect_en"])
        rows.append((desk.stamp(row["started_at"]), place, effect, metres, plain(row["confidence"])))
    align = ("center", "left", "left", "right", "center")
    caption, header = say("review.incidents_table"), say.words("review.incident_columns")
    desk.out.table(caption, header, rows, align=align, widths=(1.5, 2.4, 3.8, 1.1, 1.2))


def add_outlook(desk: Desk) -> None:
    """Add what the record allows to be said about the next month, and nothing more."""
    say, outlook = desk.say, desk.facts.outlook
    desk.out.section(say("outlook.heading"))
    month = desk.month(outlook.month)
    numbers = {
        "record_days": (outlook.record_days, "day"),
        "record_years": (outlook.record_years, "year"),
        "month_years": (outlook.month_years, "year"),
        "needed": (CLIMATE_YEARS, "year"),
        "history_all": (outlook.events_all, "event"),
        "history_month": (outlook.events_month, "event"),
    }
    rows = [
        (say(f"outlook.{key}", **month), str(value), say(f"outlook.{unit}")) for key, (value, unit) in numbers.items()
    ]
    gaps = {"days": rows[0][1], "years": rows[1][1], "month_years": rows[2][1]}
    desk.out.prose(say("outlook.record", **gaps, **month))
    if outlook.month_years >= CLIMATE_YEARS:
        median, maximum = one(outlook.daily_max_mm.median()), one(outlook.daily_max_mm.max())
        desk.out.prose(say("outlook.ready", **month, needed=str(CLIMATE_YEARS), median=median, maximum=maximum))
        rows += [(say("outlook.median", **month), median, say("items.mm"))]
        rows += [(say("outlook.maximum", **month), maximum, say("items.mm"))]
    else:
        desk.out.prose(say("outlook.short", **month, needed=str(CLIMATE_YEARS)))
    desk.out.prose(say("outlook.history", **month, all=rows[4][1], n=rows[5][1]))
    _key_table(desk, say("outlook.table"), say.words("outlook.columns"), rows)
    desk.out.prose(_seasons(desk), say("outlook.consultation"))


def _seasons(desk: Desk) -> str:
    """Say whether the next month touches the flood season and its key period."""
    seasons, coming = desk.facts.inputs.district.settings.seasons, desk.facts.outlook.month
    month = desk.month(coming)

    def touches(dates: tuple[str, str]) -> bool:
        first, last = (int(date[:2]) for date in dates)
        return first <= coming.month <= last

    form = "season_in" if touches(seasons.flood_season) else "season_out"
    text = desk.say(f"outlook.{form}", **month, flood=desk.season(seasons.flood_season))
    if touches(seasons.key_period):
        text += ("" if desk.lang == "zh" else " ") + desk.say(
            "outlook.key_in", **month, key=desk.season(seasons.key_period)
        )
    return text
