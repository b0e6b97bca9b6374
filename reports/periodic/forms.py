"""How the facts of a report are written: the one place for numbers, names and moments, in tables and in prose."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from reports.periodic.content import DocumentBuilder
from reports.periodic.facts.report import ReportFacts, ReviewFacts
from reports.periodic.phrases import Phrases
from reports.words import UNKNOWN, Lang, day_time, is_missing, join, local, moment, plain
from risk_models.forecast.storm import return_period_text
from risk_models.levels import Level
from risk_models.outlook.periods import Span
from risk_models.outlook.wording import days_text, percent, word
from risk_models.standards import Stage

__all__ = ["DASH", "Forms", "Row", "chance", "days_with_error", "metres", "one", "source_gaps"]

Row = tuple[str, str, str]

DASH = "—"
_UNITS = ("day", "hour", "minute", "mm", "year", "person", "percent")


def one(value: Any) -> str:
    """Return a number with one decimal; a dash for what is missing.

    Examples
    --------
    >>> one(201.94), one(float("nan"))
    ('201.9', '—')
    """
    return DASH if value is None or is_missing(value) else f"{value:.1f}"


def days_with_error(row: Any) -> str:
    """Return the expected days of a row, with their sampling error where it reaches the decimal told.

    Examples
    --------
    >>> days_with_error({"expected_days": 12.34, "days_se": 0.26})
    '12.3±0.3'
    """
    return days_text(float(row["expected_days"]), float(row["days_se"]))


def chance(p: Any) -> str:
    """Return a probability in per cent, never 0 % or 100 %; a dash for what is missing.

    Examples
    --------
    >>> chance(0.34), chance(0.0), chance(float("nan"))
    ('34%', '<1%', '—')
    """
    return DASH if p is None or is_missing(p) else percent(float(p))


def metres(depth_m: Any) -> str:
    """Return a depth in metres with two decimals; a dash for what is missing."""
    return DASH if depth_m is None or is_missing(depth_m) else f"{depth_m:.2f}"


@dataclass(frozen=True)
class Forms:
    """What every section needs at hand: facts, sentences, the forms of both, and the document being built."""

    facts: ReportFacts
    say: Phrases
    out: DocumentBuilder

    @property
    def lang(self) -> Lang:
        """Language of the report."""
        return self.say.lang

    def name(self, row: Any, column: str) -> str:
        """Return a name from a table in the report's language, the other language standing in for an empty one."""
        own = plain(row.get(f"{column}_en", "")) if self.lang == "en" else ""
        return own or plain(row[column])

    def gauge(self, gauge_id: str) -> str:
        """Return the name of a gauge; its id where it is not listed, marked where it is synthetic."""
        gauges = self.facts.inputs.district.gauges
        if gauge_id not in gauges.index:
            return plain(gauge_id)
        name = self.name(gauges.loc[gauge_id], "gauge_name")
        mark = "（合成）" if self.lang == "zh" else " (synthetic)"
        return name + (mark if bool(gauges.loc[gauge_id, "synthetic"]) else "")

    @cached_property
    def _towns(self) -> pd.DataFrame:
        return pd.DataFrame(self.facts.inputs.district.towns)

    def town(self, code: str) -> str:
        """Return the name of a town; its code where it is not listed."""
        return self.name(self._towns.loc[code], "town_name") if code in self._towns.index else plain(code)

    def towns_of(self, codes: Iterable[str]) -> str:
        """Return the names of some towns."""
        return join([self.town(code) for code in sorted(codes)], self.lang)

    def level(self, level: int) -> str:
        """Return the short name of a level."""
        if Level(level) is Level.NONE:
            return self.say("levels.none")
        return Level(level).zh if self.lang == "zh" else Level(level).en.lower()

    def level_title(self, level: int) -> str:
        """Return the name of a level for the head of a column."""
        if Level(level) is Level.NONE:
            text = self.say("levels.none")
            return text[:1].upper() + text[1:]
        return Level(level).zh if self.lang == "zh" else Level(level).en

    def moment(self, at: Any) -> str:
        """Return a moment in prose; without the year where the report looks back on a single one."""
        review = self.facts.review
        year = review is None or review.span.first_day.year != review.span.last_day.year
        return moment(at, self.lang, self.facts.zone, year=year)

    def stamp(self, at: Any) -> str:
        """Return a moment for a table cell."""
        return DASH if is_missing(at) else day_time(at, self.facts.zone)

    def day(self, day: Any) -> str:
        """Return a local date without the year."""
        return f"{day.month}月{day.day}日" if self.lang == "zh" else f"{day.day} {day:%B}"

    def span_name(self, span: Span) -> str:
        """Return the name of a span as it stands within a sentence."""
        name = plain(span.name_zh if self.lang == "zh" else span.name_en)
        if span.kind == "period":
            return self.say("spans.in_period", name=name)
        return f"the {name}" if self.lang == "en" and span.kind == "flood-season" else name

    def spans(self) -> dict[str, str]:
        """Return the gaps that name the spans: span (reviewed) and coming; empty where there is none."""
        review, ahead = self.facts.review, self.facts.ahead
        return {
            "span": "" if review is None else self.span_name(review.span),
            "coming": "" if ahead is None else self.span_name(ahead.span),
        }

    def month_title(self, month: pd.Period) -> str:
        """Return a month for the first column of a table."""
        return f"{month.year}年{month.month}月" if self.lang == "zh" else f"{month.start_time:%b} {month.year}"

    def count(self, number: int, noun: str) -> str:
        """Return a number with its counting word or noun, singular or plural."""
        one_form, many_form = self.say.words(f"nouns.{noun}")
        text = one_form if number == 1 else many_form
        return f"{number}{text}" if self.lang == "zh" else f"{number} {text}"

    def review(self) -> ReviewFacts:
        """Return the facts of the reviewed span, for sections that only exist with one."""
        if self.facts.review is None:
            raise ValueError("this report looks back on nothing")
        return self.facts.review

    def month_ranges(self, months: list[pd.Period]) -> str:
        """Return months in words, runs of months shortened, the year named once for all of one year."""
        runs: list[list[pd.Period]] = []
        for month in months:
            if runs and (month - runs[-1][-1]).n == 1:
                runs[-1].append(month)
            else:
                runs.append([month])
        years = sorted({month.year for month in months})
        if len(years) > 1:
            words = [self._run(run, lambda month: self.month_title(month)) for run in runs]
            return self.listed(words)
        if self.lang == "zh":
            return f"{years[0]}年" + self.listed([self._run(run, lambda month: f"{month.month}月") for run in runs])
        return self.listed([self._run(run, lambda month: f"{month.start_time:%B}") for run in runs]) + f" {years[0]}"

    def _run(self, run: list[pd.Period], write: Callable[[pd.Period], str]) -> str:
        joint = "至" if self.lang == "zh" else " to "
        return write(run[0]) if len(run) == 1 else write(run[0]) + joint + write(run[-1])

    def listed(self, parts: list[str]) -> str:
        """Return parts as an enumeration."""
        return ("、" if self.lang == "zh" else ", ").join(parts)

    def hotspot(self, hotspot_id: str) -> str:
        """Return the name of a hotspot; its id where it is not listed."""
        hotspots = self.facts.inputs.district.hotspots
        if hotspot_id not in hotspots.index:
            return plain(hotspot_id)
        return self.name(hotspots.loc[hotspot_id], "hotspot_name")

    def word(self, p: Any) -> str:
        """Return the word for a chance."""
        chosen = word(float(p), tuple(self.facts.inputs.standards.wording_levels()))
        return chosen.zh if self.lang == "zh" else chosen.en

    def stage(self, stage_id: str) -> str:
        """Return the profile's word for a stage, for a heading; the plain word where the profile lacks the stage."""
        for stage in self.stages():
            if stage.id == stage_id:
                return stage.zh if self.lang == "zh" else stage.en[:1].upper() + stage.en[1:]
        return self.say(f"stages.{stage_id}")

    def key_table(self, caption: str, rows: list[Row], *, annex: bool = True) -> None:
        """Add a table of items, values and units, to the annex unless told otherwise; nothing without rows."""
        if rows:
            header = self.say.words("key.columns")
            self.out.table(caption, header, rows, align=("left", "right", "left"), widths=(5.6, 3.2, 1.2), annex=annex)

    def item(self, key: str, number: int, noun: str, **gaps: str) -> Row:
        """Return a row of a key table: item, number, counting word."""
        return (self.say(key, **gaps), str(number), self.unit(noun))

    def unit(self, noun: str) -> str:
        """Return the counting word for the last column of a key table; empty in English where the item names it."""
        return self.say.words(f"nouns.{noun}")[1] if self.lang == "zh" or noun in _UNITS else ""

    @property
    def joint(self) -> str:
        """What stands between two sentences of one paragraph."""
        return "" if self.lang == "zh" else " "

    def period(self, rain_mm: float, hours: int) -> str:
        """Return the return period of a rain amount in words."""
        if is_missing(rain_mm):
            return UNKNOWN[self.lang]
        return return_period_text(self.facts.period(rain_mm, hours), self.lang, formula=self.facts.formula)

    def period_cell(self, rain_mm: float, hours: int) -> str:
        """Return the return period for a narrow cell, without the remark on the formula's range."""
        return self.period(rain_mm, hours).partition("（")[0].partition(" (")[0]

    def formula_name(self) -> str:
        """Return the name of the storm formula."""
        return self.facts.formula.zh if self.lang == "zh" else self.facts.formula.en

    def stages(self) -> tuple[Stage, ...]:
        """Return the five stages: the district's own words, or those of the profile."""
        settings = self.facts.inputs.district.settings
        own = getattr(settings, "five_pre", None)
        if own:
            return tuple(Stage(stage.id, stage.zh, stage.en) for stage in own)
        return self.facts.inputs.standards.five_pre(settings.standards.five_pre)

    def stage_words(self) -> str:
        """Return the names of the stages as a list in words."""
        separator = "、" if self.lang == "zh" else ", "
        return separator.join(stage.zh if self.lang == "zh" else stage.en for stage in self.stages())

    def total(self, number: int) -> str:
        """Return the label of a row of sums with the number of rows summed."""
        text = self.say("review.total")
        return f"{text}（{number}）" if self.lang == "zh" else f"{text} ({number})"

    def date(self, day: Any) -> str:
        """Return a local date with its year."""
        return f"{day.year}年{day.month}月{day.day}日" if self.lang == "zh" else f"{day.day} {day:%B} {day.year}"

    def dates(self, first: Any, last: Any) -> str:
        """Return days in words; one day once."""
        return (
            self.date(first)
            if first == last
            else self.date(first) + ("至" if self.lang == "zh" else " to ") + self.date(last)
        )

    def season(self, dates: tuple[str, str]) -> str:
        """Return a span of month-days in words."""
        first, last = (pd.Timestamp(f"2000-{date}") for date in dates)
        joint = "至" if self.lang == "zh" else " to "
        return self.day(first) + joint + self.day(last)

    def short_span(self, start: pd.Timestamp, end: pd.Timestamp) -> str:
        """Return a span of moments in words."""
        joint = "至" if self.lang == "zh" else " to "
        return self.moment(start) + joint + self.moment(end)

    def day_ranges(self, days: list[pd.Timestamp]) -> str:
        """Return days in words, runs of days shortened.

        A day is written once; from two days in a row on, the first and the last.
        """
        runs: list[list[pd.Timestamp]] = []
        for day in days:
            if runs and day - runs[-1][-1] == pd.Timedelta(days=1):
                runs[-1].append(day)
            else:
                runs.append([day])
        joint = "至" if self.lang == "zh" else " to "
        words = [self.day(run[0]) if len(run) == 1 else self.day(run[0]) + joint + self.day(run[-1]) for run in runs]
        return ("、" if self.lang == "zh" else ", ").join(words)

    def local_date(self, at: pd.Timestamp) -> pd.Timestamp:
        """Return a moment as local time without zone."""
        return pd.Timestamp(local(at, self.facts.zone)).tz_localize(None)


def source_gaps(forms: Forms) -> dict[str, Any]:
    """Return the source line and the mark of demonstration data, as keywords of the chart functions."""
    identity = forms.facts.inputs.district.settings.district
    bureau = identity.bureau.zh if forms.lang == "zh" else identity.bureau.en
    return {"source": forms.say("figures.source", bureau=bureau), "is_demonstration": bool(identity.demonstration)}
