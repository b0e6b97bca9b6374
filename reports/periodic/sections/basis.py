"""What a report stands on, and the facts of an important period."""

from __future__ import annotations

import pandas as pd

from reports.periodic.forms import DASH, Forms, Row, chance, one
from reports.words import is_missing, plain
from risk_models.district.reporting import ImportantPeriod
from risk_models.outlook.seasonal import TercileForecast

__all__ = ["add_basis", "add_important"]

#: Hotspots this near to a hotspot of an important period are within reach of it, metres (an assumption: the way on foot
#: around a venue).
REACH_M = 500.0
_SPOTS_SHOWN = 15
#: Gauges with less than this are counted and not listed, years (an assumption: less than a season tells no climate).
SHORT_YEARS = 0.5


def add_basis(forms: Forms) -> None:
    """Add what the report stands on: coverage, record, season, assessments, standards."""
    say, facts = forms.say, forms.facts
    forms.out.section(say("basis.heading"))
    at, edition = forms.date(facts_local(forms)), say(f"basis.{facts.inputs.scope.edition}")
    forms.out.prose(say("basis.issue", at=at, edition=edition, stage=say(f"basis.{facts.inputs.stage}")))
    rows = [(say("basis.revision"), str(facts.inputs.revision), "")]
    rows += _rain(forms) + _cycles(forms) + _record(forms)
    forms.key_table(say("basis.table"), rows)
    _gauge_lengths(forms)
    _standards(forms)


def facts_local(forms: Forms) -> pd.Timestamp:
    """Return the local time of issue without zone."""
    return forms.local_date(pd.Timestamp(forms.facts.inputs.issued_at))


def _rain(forms: Forms) -> list[Row]:
    """Say how much rain data the reviewed span has."""
    say, review = forms.say, forms.facts.review
    if review is None:
        return []
    hourly, spans = review.rain.hourly_mm, forms.spans()
    issued = pd.Timestamp(forms.facts.inputs.issued_at)
    if issued < review.days.end:
        this = spans["span"][:1].upper() + spans["span"][1:]
        forms.out.prose(say("basis.not_over", this=this, at=forms.moment(issued)))
    n_gauges, hours = hourly.shape[1], int(hourly.notna().to_numpy().sum())
    gauges = forms.count(n_gauges, "gauge")
    share = one(100 * hourly.notna().to_numpy().mean() if hourly.size else 0.0)
    known = review.rain.known_span
    if known is None:
        forms.out.prose(say("basis.no_rain", gauges=gauges, **spans))
    else:
        known_span = forms.short_span(*known)
        forms.out.prose(say("basis.rain", gauges=gauges, known=known_span, hours=str(hours), share=share, **spans))
        missing = list(review.rain.day_status.index[review.rain.day_status == "missing"])
        forms.out.prose(say("basis.missing", dates=forms.day_ranges(missing)) if missing else "")
        for label in review.labels:
            how, begun = label.zh if forms.lang == "zh" else label.en, forms.short_span(label.begins_at, label.last_at)
            forms.out.prose(say("basis.constructed", how=how, known=begun))
    rows = [forms.item("basis.gauges", n_gauges, "gauge"), (say("basis.station_hours"), str(hours), "")]
    return [*rows, (say("basis.share"), share, forms.unit("percent"))]


def _cycles(forms: Forms) -> list[Row]:
    """Say how many assessments were made."""
    say, review = forms.say, forms.facts.review
    if review is None:
        return []
    if review.counts.empty:
        forms.out.prose(say("basis.no_cycles", **forms.spans()))
        return [(say("basis.cycles_item"), "0", forms.unit("time"))]
    cycles, horizon = len(review.counts), str(forms.facts.horizon_h)
    first, last = (forms.moment(review.counts.index[at]) for at in (0, -1))
    forms.out.prose(
        say("basis.cycles", cycles=forms.count(cycles, "assessment"), first=first, last=last, horizon=horizon)
    )
    return [
        (say("basis.cycles_item"), str(cycles), forms.unit("time")),
        (say("basis.horizon_item"), horizon, forms.unit("hour")),
    ]


def _record(forms: Forms) -> list[Row]:
    """Say what the outlook stands on: record, season, generated periods."""
    say, ahead = forms.say, forms.facts.ahead
    if ahead is None:
        return []
    outlook = ahead.outlook
    if outlook is None or outlook.record.empty:
        forms.out.prose(say("basis.no_record"))
        return []
    reference = forms.facts.inputs.reference_gauge
    own = outlook.record.loc[reference] if reference in outlook.record.index else outlook.record.iloc[0]
    years, share = one(own["years_known"]), one(100 * own["share_known"])
    gaps = {"gauge": forms.gauge(str(own.name)), "years": years, "share": share}
    gaps |= {
        "gauges": forms.count(len(outlook.record), "gauge"),
        "as_of": forms.date(forms.local_date(pd.Timestamp(outlook.as_of))),
    }
    text = (
        say("basis.record", **gaps) + forms.joint + say("basis.synthetic" if outlook.is_synthetic else "basis.observed")
    )
    forms.out.prose(text)
    rows = [forms.item("basis.record_gauges", len(outlook.record), "gauge")]
    rows += [(say("basis.record_years", gauge=gaps["gauge"]), years, forms.unit("year"))]
    rows += [(say("basis.record_share"), share, forms.unit("percent"))]
    forecast = outlook.forecast
    if forecast.is_neutral or forecast.issued_on is None:
        forms.out.prose(say("basis.no_season"))
    else:
        forms.out.prose(_signal(forms, forecast, forms.date(forecast.issued_on)))
    if outlook.n_periods:
        forms.out.prose(say("basis.periods", n=str(outlook.n_periods)))
        rows.append((say("basis.periods_item"), str(outlook.n_periods), ""))
    return rows


def _signal(forms: Forms, forecast: TercileForecast, issued: str) -> str:
    """Say where the seasonal signal comes from; an English remark is left out of a Chinese report."""
    source = plain((forecast.source_zh if forms.lang == "zh" else "") or forecast.source)
    is_foreign = forms.lang == "zh" and " " in source and source.isascii()
    if not source or is_foreign:
        return forms.say("basis.season_unnamed", issued=issued)
    return forms.say("basis.season", source=source, issued=issued)


def _gauge_lengths(forms: Forms) -> None:
    """Add the length of the record by gauge."""
    outlook = forms.facts.ahead.outlook if forms.facts.ahead else None
    if outlook is None or outlook.record.empty:
        return
    rows = []
    long = outlook.record[outlook.record["years_known"] >= SHORT_YEARS]
    for gauge, row in long.iterrows():
        ends = [
            DASH if is_missing(row[key]) else forms.date(forms.local_date(row[key])) for key in ("first_at", "last_at")
        ]
        rows.append((forms.gauge(str(gauge)), *ends, one(row["years_known"]), one(100 * row["share_known"])))
    columns = forms.say.words("basis.record_columns")
    align = ("left", "center", "center", "right", "right")
    caption, widths = forms.say("basis.record_table"), (2.4, 2.0, 2.0, 1.2, 1.2)
    if rows:
        forms.out.table(caption, columns, rows, align=align, widths=widths, annex=True)
    left = len(outlook.record) - len(long)
    text = forms.say("basis.record_short", n=forms.count(left, "gauge")) if left else ""
    forms.out.note(text, annex=True)


def _standards(forms: Forms) -> None:
    """Add the table of standards with their confidence and source."""
    say, inputs = forms.say, forms.facts.inputs
    rows = []
    for use in say.table["uses"]:
        standard_id = str(getattr(inputs.district.settings.standards, use, ""))
        if not standard_id:
            continue
        info = inputs.standards.metadata(standard_id)
        since = "" if info.valid_from is None or info.valid_from.year <= 1900 else info.valid_from.isoformat()
        rows.append((say(f"uses.{use}"), standard_id, since or DASH, plain(info.confidence), plain(info.source)))
    forms.out.prose(say("basis.standards"))
    # Sources are kept in English in the tables of standards, so the Chinese report points there.
    width = 5 if forms.lang == "en" else 4
    align = ("left", "left", "center", "center", "left")[:width]
    header = say.words("basis.standard_columns")[:width]
    shares = (1.5, 1.6, 1.3, 1.25, 4.2)[:width]
    forms.out.table(
        say("basis.standards_table"), header, [row[:width] for row in rows], align=align, widths=shares, annex=True
    )
    forms.out.note(say("basis.standard_sources") if forms.lang == "zh" else "", annex=True)


def add_important(forms: Forms) -> None:
    """Add dates, places, crowd and hotspots of an important period; nothing for the other kinds."""
    say, facts = forms.say, forms.facts
    item = facts.important
    if item is None:
        return
    forms.out.section(say("event.heading"))
    spots = hotspots_of(forms, item)
    towns = [forms.town(code) for code in item.towns]
    places = [forms.hotspot(code) for code in item.hotspots]
    gaps = {"name": forms.span_name(facts.focus), "dates": forms.dates(item.first_day, item.last_day)}
    gaps |= {"days": forms.count(facts.focus.n_days, "day")}
    forms.out.prose(say("event.dates", **gaps))
    if towns or places:
        forms.out.prose(say("event.places", places=forms.listed([*towns, *places])))
    else:
        forms.out.prose(say("event.everywhere"))
    crowd = item.crowd_people
    forms.out.prose(say("event.no_crowd") if crowd is None else say("event.crowd", crowd=forms.count(crowd, "person")))
    reach = f"{REACH_M:.0f}"
    forms.out.prose(say("event.reach", n=forms.count(len(spots), "hotspot"), metres=reach))
    rows = [forms.item("event.days_item", facts.focus.n_days, "day")]
    rows += [] if crowd is None else [forms.item("event.crowd_item", crowd, "person")]
    rows += [
        forms.item("event.spots_item", len(spots), "hotspot"),
        (say("event.reach_item"), reach, say("event.metre")),
    ]
    rows += _likely(forms, spots)
    forms.key_table(say("event.table"), rows)
    _event_spots(forms, spots)


def hotspots_of(forms: Forms, item: ImportantPeriod) -> list[str]:
    """Return the hotspots of the towns of a period and those within reach of its hotspots; all without places."""
    hotspots = forms.facts.inputs.district.hotspots
    if not item.towns and not item.hotspots:
        return [str(code) for code in hotspots.index]
    near = hotspots["town_code"].isin(item.towns)
    for code in item.hotspots:
        if code in hotspots.index:
            near = near | (hotspots.distance(hotspots.geometry[code]) <= REACH_M)
    return [str(code) for code in hotspots.index[near]]


def _likely(forms: Forms, spots: list[str]) -> list[Row]:
    """Say at how many hotspots within reach deep ponding is likely."""
    ahead = forms.facts.ahead
    if ahead is None or not ahead.map_class:
        return []
    number = int((ahead.intervals["p"].reindex(spots) >= ahead.likely_from - 1e-12).sum())
    word = ahead.likely_word
    depth = ahead.depth_cm(ahead.map_class)
    gaps = {"depth": depth, "word": word.zh if forms.lang == "zh" else word.en}
    forms.out.prose(forms.say("event.likely", n=forms.count(number, "hotspot"), **gaps))
    return [forms.item("event.likely_item", number, "hotspot", **gaps)]


def _event_spots(forms: Forms, spots: list[str]) -> None:
    """Add the hotspots within reach with the level they reached and their chance."""
    facts, say = forms.facts, forms.say
    if not spots:
        return
    hotspots = facts.inputs.district.hotspots
    chances = facts.ahead.intervals["p"] if facts.ahead is not None else pd.Series(dtype=float)
    peaks = facts.review.risk.groupby("hotspot_id")["level"].max() if facts.review is not None else pd.Series(dtype=int)
    table = pd.DataFrame({"p": chances.reindex(spots), "level": peaks.reindex(spots).fillna(-1)}, index=spots)
    table = table.sort_values(["p", "level"], ascending=False, kind="stable")
    has_levels, has_chance = facts.review is not None, facts.ahead is not None and bool(facts.ahead.map_class)
    columns = say.words("event.columns")
    header = (*columns[:2], *columns[2:3] * has_levels, *columns[3:] * has_chance)
    rows = []
    for code, row in table.head(_SPOTS_SHOWN).iterrows():
        spot = hotspots.loc[code]
        place = (forms.name(spot, "hotspot_name"), forms.town(str(spot["town_code"])))
        cells = (*place, *(forms.level(int(row["level"])),) * has_levels, *(chance(row["p"]),) * has_chance)
        rows.append(cells)
    if facts.ahead is not None and facts.ahead.map_class:
        depth = facts.ahead.depth_cm(facts.ahead.map_class)
        caption = say("event.spots_table_chance", depth=depth)
    else:
        caption = say("event.spots_table")
    align = ("left", "left", *("center",) * has_levels, *("right",) * has_chance)
    forms.out.table(caption, header, rows, align=align, widths=(3.4, 2.2, *(1.5,) * (len(header) - 2)))
    more = len(spots) - _SPOTS_SHOWN
    forms.out.note(say("event.more", n=forms.count(more, "hotspot")) if more > 0 else "")
    if facts.ahead is not None and facts.ahead.chances.empty:
        forms.out.prose(say("event.no_chance"))
