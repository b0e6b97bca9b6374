"""Outlook of the span to come: record, season, days at each level, statements made and withheld."""

from __future__ import annotations

from typing import Any

import pandas as pd

from reports.figures.rain_charts import return_level_curve
from reports.periodic.facts.ahead import AheadFacts
from reports.periodic.facts.risk import WARNING_LEVELS
from reports.periodic.forms import Forms, Row, chance, days_with_error, one, source_gaps
from risk_models.levels import Level
from risk_models.outlook.extremes import ReturnLevels
from risk_models.outlook.period_outlook import PeriodOutlook
from risk_models.outlook.wording import Statement

__all__ = ["add_outlook"]

_STATEMENTS_SHOWN = 18
_REASONS_SHOWN = 10
_ORDER = {"season": 0, "rain": 1, "level": 2, "depth": 3}
_CURVE_KINDS = ("flood-season", "year")
_CURVE_WINDOW_H = 24


def add_outlook(forms: Forms) -> None:
    """Add what the record and the season allow to be said about the span to come, and nothing more."""
    say, ahead = forms.say, forms.facts.ahead
    forms.out.section(say("outlook.heading", stage=forms.stage("outlook")))
    if ahead is None:
        forms.out.prose(say("outlook.no_coming"))
        return
    spans = forms.spans()
    if ahead.outlook is None:
        forms.out.prose(say("outlook.none", **spans))
        _history(forms)
        return
    _totals(forms, ahead.outlook)
    _season(forms, ahead.outlook)
    _days(forms, ahead)
    _statements(forms, ahead.outlook)
    _withheld(forms, ahead.outlook)
    _history(forms)
    if forms.facts.focus.kind in _CURVE_KINDS:
        _return_levels(forms, ahead.outlook)


def _totals(forms: Forms, outlook: PeriodOutlook) -> None:
    """Say what rain the same days brought in the years of the record, and bring in the generated periods."""
    say, table = forms.say, outlook.totals_mm
    if table.empty:
        forms.out.prose(say("outlook.no_totals", **forms.spans()))
        return
    gauge = forms.gauge(forms.facts.inputs.reference_gauge)
    rows = []
    for name, row in table.iterrows():
        amounts = [one(row[key]) for key in ("mean_mm", "p10_mm", "p50_mm", "p90_mm")]
        rows.append((say(f"outlook.{name}"), f"{row['n']:.0f}", *amounts))
    own = table.loc["recorded"] if "recorded" in table.index else table.iloc[0]
    form = "totals" if "recorded" in table.index else "totals_generated"
    gaps = {"n": f"{own['n']:.0f}", "p50": one(own["p50_mm"]), "p10": one(own["p10_mm"]), "p90": one(own["p90_mm"])}
    forms.out.prose(say(f"outlook.{form}", gauge=gauge, **gaps, **forms.spans()))
    columns = say.words("outlook.totals_columns")
    forms.out.table(say("outlook.totals_table", gauge=gauge), columns, rows, align=("left", *("right",) * 5))


def _season(forms: Forms, outlook: PeriodOutlook) -> None:
    """Say the seasonal signal, or why there is none."""
    say, forecast = forms.say, outlook.forecast
    made = [item for item in outlook.statements if item.key.startswith("season")]
    held = [item for item in outlook.withheld if item.key.startswith("season")]
    if made:
        keys = ("below", "normal", "above")
        forms.out.prose(
            say("outlook.season", statement=made[0].zh if forms.lang == "zh" else made[0].en, **forms.spans())
        )
        rows: list[Row] = [
            (say(f"items.{key}"), chance(p), "") for key, p in zip(keys, forecast.probabilities, strict=True)
        ]
        forms.key_table(say("outlook.season_table"), rows)
        return
    reason = (held[0].reason_zh if forms.lang == "zh" else held[0].reason_en) if held else say("outlook.no_reason")
    forms.out.prose(say("outlook.no_season", reason=_clause(reason), **forms.spans()))


def _clause(text: str) -> str:
    """Return a reason without its full stop, for the middle of a sentence."""
    return text.rstrip("。. ")


def _days(forms: Forms, ahead: AheadFacts) -> None:
    """Add the expected days at each level and their chance."""
    say = forms.say
    if ahead.district_days.empty:
        forms.out.prose(say("outlook.no_days", **forms.spans()))
        return
    row = ahead.district_days.loc[int(Level.YELLOW)]
    gaps = {
        "days": days_with_error(row),
        "low": f"{row['days_p10']:.0f}",
        "high": f"{row['days_p90']:.0f}",
    }
    gaps |= {"p": chance(row["p_once"]), "word": forms.word(row["p_once"]), "level": forms.level(Level.YELLOW)}
    forms.out.prose(say("outlook.days", **gaps, **forms.spans()))
    rows = []
    for level in WARNING_LEVELS:
        item = ahead.district_days.loc[int(level)]
        spread = (f"{item['days_p10']:.0f}", f"{item['days_p90']:.0f}")
        interval = (chance(item["p_low"]), chance(item["p_high"]))
        rows.append(
            (
                forms.level_title(level),
                days_with_error(item),
                *spread,
                chance(item["p_once"]),
                *interval,
                forms.word(item["p_once"]),
            )
        )
    columns = say.words("outlook.days_columns")
    forms.out.table(say("outlook.days_table"), columns, rows, align=("left", *("right",) * 6, "center"))


def _statements(forms: Forms, outlook: PeriodOutlook) -> None:
    """Add the statements that the report of the span will verify."""
    say, made = forms.say, outlook.statements
    if not made:
        forms.out.prose(say("outlook.no_statements"))
        return
    ahead = forms.facts.ahead
    map_depth_m = 0.0 if ahead is None or not ahead.map_class else float(ahead.depth_cm(ahead.map_class)) / 100
    ordered = sorted(made, key=lambda item: _rank(forms, item, map_depth_m))
    shown = ordered[:_STATEMENTS_SHOWN]
    rows = [(str(number), item.zh if forms.lang == "zh" else item.en) for number, item in enumerate(shown, start=1)]
    more = len(made) - len(shown)
    rows.append((say("review.total"), forms.count(len(made), "statement")))
    forms.out.prose(say("outlook.statements", n=forms.count(len(made), "statement")))
    columns = say.words("outlook.statement_columns")
    caption = say("outlook.statement_table")
    forms.out.table(caption, columns, rows, align=("right", "left"), widths=(0.9, 8.0), annex=True)
    forms.out.note(say("outlook.statement_more", n=forms.count(more, "statement")) if more > 0 else "", annex=True)


def _rank(forms: Forms, item: Statement, map_depth_m: float) -> tuple[int, float, float]:
    """Order statements: those on the whole district, then hotspots by chance, then towns by days."""
    kind, _, rest = item.key.partition(":")
    is_town = kind == "level" and rest.partition(":")[0] in forms.facts.inputs.district.towns.index
    if is_town:
        return 4, 0.0, -item.facts.get("expected_days", 0.0)
    if kind == "depth":
        # The depth of the map first: it is the one that stops traffic.
        return 3, abs(item.facts.get("depth_m", 0.0) - map_depth_m), -item.facts.get("p_once", 0.0)
    return _ORDER.get(kind, 9), 0.0, 0.0


def _withheld(forms: Forms, outlook: PeriodOutlook) -> None:
    """Add what may not be said, by kind and reason."""
    say = forms.say
    if not outlook.withheld:
        forms.out.prose(say("outlook.nothing_withheld"))
        return
    reasons = [_clause(item.reason_zh if forms.lang == "zh" else item.reason_en) for item in outlook.withheld]
    kinds = [item.key.partition(":")[0] for item in outlook.withheld]
    table = pd.DataFrame({"kind": kinds, "reason": reasons}).value_counts(sort=False).reset_index(name="n")
    table = table.assign(order=table["kind"].map(_ORDER).fillna(9)).sort_values(
        ["order", "n", "reason"], ascending=[True, False, True]
    )
    rows = [
        (_kind(forms, str(row["kind"])), str(int(row["n"])), str(row["reason"]))
        for _, row in table.head(_REASONS_SHOWN).iterrows()
    ]
    rows.append((say("review.total"), str(len(outlook.withheld)), ""))
    forms.out.prose(say("outlook.withheld", n=forms.count(len(outlook.withheld), "statement")))
    columns = say.words("outlook.withheld_columns")
    forms.out.table(
        say("outlook.withheld_table"), columns, rows, align=("left", "right", "left"), widths=(2.0, 1.2, 5.6)
    )


def _kind(forms: Forms, kind: str) -> str:
    """Return the name of a kind of statement."""
    return forms.say(f"outlook.kind_{kind}") if kind in _ORDER else forms.say("outlook.kind_other")


def _history(forms: Forms) -> None:
    """Say how many recorded events fell into the months of the span."""
    say, facts = forms.say, forms.facts
    numbers = {"all": forms.count(facts.events_all, "event"), "n": str(facts.events_months)}
    is_year = facts.ahead is not None and facts.ahead.span.kind == "year"
    forms.out.prose(say("outlook.history_year" if is_year else "outlook.history", **numbers, **forms.spans()))
    rows: list[Row] = [forms.item("outlook.history_all", facts.events_all, "event")]
    rows += [] if is_year else [forms.item("outlook.history_months", facts.events_months, "event")]
    rows += [forms.item("outlook.record_days", facts.record_days, "day")]
    forms.key_table(say("outlook.history_table"), rows)
    forms.out.prose(say("outlook.consultation"))


def _return_levels(forms: Forms, outlook: PeriodOutlook) -> None:
    """Add the return levels of a day's rain with their intervals and curve."""
    say, climate = forms.say, outlook.climate
    levels: Any = None if climate is None else climate.levels.get(_CURVE_WINDOW_H)
    if climate is None or not isinstance(levels, ReturnLevels):
        answer = "" if levels is None else (levels.zh if forms.lang == "zh" else levels.en)
        forms.out.prose(say("outlook.no_curve") + forms.joint * bool(answer) + answer)
        return
    rows = []
    for period, row in levels.table.iterrows():
        mark = "*" if bool(row["is_extrapolated"]) else ""
        rows.append((f"{period:g}{mark}", one(row["level_mm"]), one(row["low_mm"]), one(row["high_mm"])))
    gauge, ten = forms.gauge(climate.gauge_id), levels.table.loc[10.0] if 10.0 in levels.table.index else None
    if ten is not None:
        gaps = {"level": one(ten["level_mm"]), "low": one(ten["low_mm"]), "high": one(ten["high_mm"]), "years": "10"}
        forms.out.prose(say("outlook.curve", gauge=gauge, **gaps))
    columns = say.words("outlook.curve_columns")
    caption = say("outlook.curve_table", gauge=gauge, n=forms.count(levels.n_years, "year"))
    forms.out.table(caption, columns, rows, align=("right",) * 4)
    forms.out.note(say("outlook.curve_note"))
    maxima = climate.maxima[f"max_{_CURVE_WINDOW_H}h_mm"].dropna()
    picture = return_level_curve(maxima, levels, window_h=_CURVE_WINDOW_H, lang=forms.lang, **source_gaps(forms))
    forms.out.figure(picture, say("outlook.curve_figure", gauge=gauge), alt=say("outlook.curve_alt", gauge=gauge))
