"""The outlook of a span of days, from the record to the sentences.

record -> climate of the reference gauge -> storms -> generators -> periods, weighted by the season -> depths and levels
-> skill by hindcast -> statements made and withheld. What cannot be told is an answer of its own and never stops the
rest. Nothing known after `as_of` enters: the record is cut there, and forecasts issued later are not seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from risk_models.arithmetic import settled, weighted_sum
from risk_models.outlook.climatology import climatology
from risk_models.outlook.expected import (
    DepthModel,
    Expected,
    HotspotClasses,
    SkipRule,
    count_exceedances,
    ponding_models,
    run_periods,
)
from risk_models.outlook.generator import (
    GeneratedPeriods,
    StormGenerator,
    condition_on_terciles,
    generate_periods,
    resampled_generators,
)
from risk_models.outlook.hindcast import (
    Happened,
    gauge_totals,
    judge_depths,
    judge_totals,
    other_spans,
    past_spans,
    recorded_periods,
    unseen,
)
from risk_models.outlook.period_outlook import PeriodOutlook
from risk_models.outlook.periods import Span
from risk_models.outlook.record import TooShort, check_record, record_lengths
from risk_models.outlook.sampling_error import cases_of, sampling_error
from risk_models.outlook.seasonal import TercileForecast, choose_seasonal_forecast
from risk_models.outlook.sentences import Said, Sayings, season_verdict, too_short
from risk_models.outlook.skill import SkillVerdict, judge_errors
from risk_models.outlook.storms import MIN_YEARS, StormCatalogue, cut_storms, hotspot_field
from risk_models.outlook.wording import Statement, Withheld, withheld_too_short
from risk_models.risk.own_record import place_spread
from risk_models.risk.ponding import HotspotBasins
from risk_models.standards import Standards
from risk_models.terrain import HotspotTerrain

if TYPE_CHECKING:
    from risk_models.district import District

__all__ = ["DEFAULT_SEED", "assess_outlook"]

Floats = npt.NDArray[np.float64]
DEFAULT_SEED = 20210720
#: What the hindcast takes for true, told with its verdicts.
_TRUTH_ZH, _TRUTH_EN = (
    "；回报以模型由资料雨量算得的积水为准",
    "; judged by the ponding that the model makes of the recorded rain",
)


def assess_outlook(
    district: District,
    terrain: HotspotTerrain,
    standards: Standards,
    record_mm: pd.DataFrame,
    span: Span,
    *,
    forecasts: Iterable[TercileForecast] = (),
    as_of: datetime,
    is_synthetic: bool,
    n_periods: int = 1000,
    n_refits: int = 20,
    seed: int = DEFAULT_SEED,
) -> PeriodOutlook:
    """Say of a span what the record, the season and the generated periods allow.

    Parameters
    ----------
    district : District
    terrain : HotspotTerrain
        Of its hotspots, in the same order.
    standards : Standards
    record_mm : DataFrame (hour, gauge)
        Rain, see `risk_models.outlook.record`; may be empty. Hours after `as_of` are not seen, gauges that the
        district does not have are left out of the storms.
    span : Span
        What is looked ahead to.
    forecasts : iterable of TercileForecast
        Seasonal signals; those issued after `as_of` are not seen.
    as_of : datetime
        Aware.
    is_synthetic : bool
        True if a part of the record was generated.
    n_periods, n_refits : int
        Generated periods, and generators fitted to resampled years that make them.
    seed : int
        The same inputs and seed give the same outlook.

    Returns
    -------
    PeriodOutlook

    Raises
    ------
    BadInputError
        If the record is not in form.
    ValueError
        If `as_of` has no zone, or terrain and district list different hotspots.

    References
    ----------
    See `climatology`, `extremes`, `generator`, `expected` and `hindcast`.
    """
    if as_of.tzinfo is None:
        raise ValueError("as_of must state its zone")
    if not terrain.features.index.equals(district.hotspots.index):
        raise ValueError("terrain and district list different hotspots; compute the terrain anew")
    zone = district.settings.district.timezone
    record = _known_record(record_mm, as_of)
    issued_on = as_of.astimezone(ZoneInfo(zone)).date()
    forecast = choose_seasonal_forecast(forecasts, span.first_day, span.last_day, known_on=issued_on)
    basis = _Basis(district, terrain, standards, span, forecast, seed)
    gauge = _reference_gauge(district, record)
    past = past_spans(span, record, timezone=zone) if len(record) else None
    climate = None if gauge is None else climatology(record, gauge, timezone=zone, rng=basis.chance("climate"))
    happened = None if past is None or gauge is None else past.totals_mm(record[gauge])
    made = basis.generate(record, n_periods=n_periods, n_refits=n_refits)
    found = made if isinstance(made, TooShort) else basis.run(*made, record, happened, gauge)
    expected, verdicts, totals = _parts(found, basis, happened)
    said = basis.sayings(verdicts, totals, expected, gauge, happened)
    answers = () if climate is None else climate.missing
    missing = [withheld_too_short(f"climate:{item.what_en}", item) for item in answers]
    return PeriodOutlook(
        span=span,
        as_of=as_of,
        record=record_lengths(record),
        is_synthetic=is_synthetic,
        climate=climate,
        forecast=forecast,
        totals_mm=totals,
        expected=expected,
        verdicts=verdicts,
        statements=tuple(item for item in said if isinstance(item, Statement)),
        withheld=(*(item for item in said if isinstance(item, Withheld)), *missing),
        n_periods=0 if isinstance(expected, TooShort) else n_periods,
        seed=seed,
    )


def _known_record(record_mm: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """Return what was known of the record; empty if nothing was."""
    if not len(record_mm.index) or not record_mm.shape[1]:
        return pd.DataFrame(index=pd.DatetimeIndex([], tz="UTC", name="time"))
    record = check_record(record_mm)
    known = record.loc[record.index <= pd.Timestamp(as_of).tz_convert("UTC")].dropna(axis=1, how="all")
    return known if len(known) and known.shape[1] else known.iloc[:0, :0]


def _reference_gauge(district: District, record: pd.DataFrame) -> str | None:
    """Return the district's reference gauge, or the gauge of the record that comes first there, or by name."""
    wanted = [district.settings.district.reference_gauge, *district.gauges.index, *sorted(record.columns, key=str)]
    return next((str(name) for name in wanted if name in record.columns), None)


@dataclass(frozen=True)
class _Found:
    """What the generated periods gave."""

    expected: Expected
    verdicts: dict[str, SkillVerdict]
    generated_mm: tuple[Floats, GeneratedPeriods] | None  # totals at the reference gauge, and of what


@dataclass(frozen=True)
class _Basis:
    """What all steps of one outlook need."""

    district: District
    terrain: HotspotTerrain
    standards: Standards
    span: Span
    forecast: TercileForecast
    seed: int

    def chance(self, step: str) -> np.random.Generator:
        """Return the chance of one step, so that steps do not disturb each other."""
        return np.random.default_rng([self.seed, *step.encode()])

    def generate(
        self, record: pd.DataFrame, *, n_periods: int, n_refits: int
    ) -> tuple[list[StormGenerator], GeneratedPeriods] | TooShort:
        """Fit generators to the gauges of the district and make periods, weighted by the season.

        Gauges with less than two years are left out: a few storms do not tell how a gauge compares with the others.
        """
        years = record_lengths(record)["years_known"] if len(record) else pd.Series(dtype=float)
        own = [name for name in years.index if name in self.district.gauges.index]
        own = [name for name in own if years[name] >= MIN_YEARS] or own
        if not own:
            return TooShort("降雨随机模拟", "a rain generator", MIN_YEARS, 0, "years")
        catalogue = cut_storms(record[own], timezone=self.district.settings.district.timezone)
        if isinstance(catalogue, TooShort):
            return catalogue
        generators = resampled_generators(catalogue, min(n_refits, n_periods), rng=self.chance("refits"))
        periods = generate_periods(
            generators, self.span.first_day, self.span.last_day, n_periods=n_periods, rng=self.chance("periods")
        )
        return generators, condition_on_terciles(periods, self.forecast)

    def run(
        self,
        generators: list[StormGenerator],
        periods: GeneratedPeriods,
        record: pd.DataFrame,
        happened_mm: pd.Series | None,
        gauge: str | None,
    ) -> _Found:
        """Run the periods and the recorded years through the ponding model, count, and judge."""
        hotspots, catalogue = self.district.hotspots, periods.catalogue
        drains, pumps = (hotspots[name].to_numpy(float) for name in ("drain_capacity_mm_h", "pump_capacity_m3_s"))
        basins = HotspotBasins.from_terrain(self.terrain, drains, pumps)
        classes = HotspotClasses.for_kinds(
            self.standards.depth_classes(self.district.settings.standards.depth_classes), hotspots["kind"]
        )
        field = self._field(catalogue)
        spread = place_spread(self.district, self.terrain, basins)
        (central, models), skip = ponding_models(basins, spread), SkipRule.for_basins(basins, spread)
        made = run_periods(periods, field, models, skip=skip)
        expected = count_exceedances(periods, made, classes, groups=hotspots["town_code"])
        happened = [self._happened(item, record, periods, field, central, skip)
                    for item in (self.span, *other_spans(self.span))]  # fmt: skip
        is_unseen = unseen(generators, periods, happened[0].year)
        depth, level = judge_depths(
            made.peaks_m(periods.n_periods), happened, is_unseen, classes,
            hotspots["town_code"].astype(str).to_numpy(), rng=self.chance("judge"),
        )  # fmt: skip
        verdicts = {"depth": _with_truth(depth), "level": _with_truth(level), "season": season_verdict(self.forecast)}
        if gauge not in catalogue.gauge_ids or happened_mm is None:
            return _Found(expected, verdicts | {"rain": _no_hindcast()}, None)
        totals = gauge_totals(periods, str(gauge))
        happened_mm = happened_mm.reindex(happened[0].year)
        verdicts["rain"] = judge_totals(totals, happened_mm, is_unseen, rng=self.chance("judge rain"))
        return _Found(expected, verdicts, (totals, periods))

    def _happened(
        self,
        span: Span,
        record: pd.DataFrame,
        periods: GeneratedPeriods,
        field: Floats,
        model: DepthModel,
        skip: SkipRule,
    ) -> Happened:
        """Return what the ponding model makes of the recorded rain of a span in every year."""
        spans = past_spans(span, record, timezone=self.district.settings.district.timezone)
        run = run_periods(recorded_periods(periods.catalogue, spans, periods), field, [model], skip=skip)
        return Happened(spans.year, run.peaks_m(len(spans)))

    def _field(self, catalogue: StormCatalogue) -> Floats:
        places = self.district.gauges.geometry.loc[list(catalogue.gauge_ids)]
        spots = self.district.hotspots.geometry
        return hotspot_field(catalogue, np.c_[places.x, places.y], np.c_[spots.x, spots.y])

    def sayings(
        self,
        verdicts: dict[str, SkillVerdict],
        totals_mm: pd.DataFrame,
        expected: Expected | TooShort,
        gauge: str | None,
        happened_mm: pd.Series | None,
    ) -> list[Said]:
        """Return every statement made or withheld, season and rain first."""
        words = self.standards.wording_levels()
        made = Sayings(self.district, words, self.span.n_days, verdicts)
        season = made.season(self.forecast, _thirds(happened_mm))
        if isinstance(expected, TooShort):
            return [*season, *too_short(expected)]
        names = self.district.gauges["gauge_name"]
        name = str(names.get(gauge, gauge))
        rain = made.rain((str(gauge), name, self._english(gauge)), totals_mm)
        return [*season, *rain, *made.levels(expected), *made.depths(expected)]

    def _english(self, gauge: str | None) -> str:
        """Return the English name of a gauge, with its id; the id alone where there is none."""
        names = self.district.gauges.get("gauge_name_en")
        name = "" if names is None or gauge not in names.index or pd.isna(names[gauge]) else str(names[gauge]).strip()
        return f"{name} ({gauge})" if name else f"Gauge {gauge}"


def _with_truth(verdict: SkillVerdict) -> SkillVerdict:
    if not verdict.is_supported:
        return verdict
    return replace(verdict, reason_zh=verdict.reason_zh + _TRUTH_ZH, reason_en=verdict.reason_en + _TRUTH_EN)


def _no_hindcast() -> SkillVerdict:
    nothing = np.zeros(0)
    return judge_errors(nothing.astype(np.int64), nothing, nothing, rng=np.random.default_rng(0))


def _parts(
    found: _Found | TooShort, basis: _Basis, happened_mm: pd.Series | None
) -> tuple[Expected | TooShort, dict[str, SkillVerdict], pd.DataFrame]:
    """Return expected exceedances, verdicts of every kind, and the totals of the span."""
    recorded = None if happened_mm is None else happened_mm.dropna().to_numpy()
    rows = {} if recorded is None or not len(recorded) else {"recorded": _amounts(recorded, np.ones(len(recorded)))}
    if isinstance(found, TooShort):
        none = _no_hindcast()
        verdicts = {"depth": none, "level": none, "rain": none, "season": season_verdict(basis.forecast)}
        return found, verdicts, _totals(rows)
    if found.generated_mm is not None:
        totals, periods = found.generated_mm
        rows["generated"] = _amounts(totals, periods.weight)
        rows["sampling_error"] = _errors(totals, periods)
    return found.expected, found.verdicts, _totals(rows)


def _amounts(totals_mm: Floats, weight: Floats) -> dict[str, float]:
    order = np.argsort(totals_mm, kind="stable")
    # Each total stands in the middle of its weight, as Hazen's positions do.
    place = (np.cumsum(weight[order]) - 0.5 * weight[order]) / weight.sum()
    low, mid, high = settled(np.interp([0.1, 0.5, 0.9], place, totals_mm[order]))
    mean = float(settled(weighted_sum(totals_mm, weight) / weight.sum()))
    return {"n": len(totals_mm), "mean_mm": mean, "p10_mm": float(low), "p50_mm": float(mid), "p90_mm": float(high)}


def _errors(totals_mm: Floats, periods: GeneratedPeriods) -> dict[str, float]:
    """Return the sampling error of each amount of the generated periods."""
    names = ("mean_mm", "p10_mm", "p50_mm", "p90_mm")

    def amounts(rows: npt.NDArray[np.int64]) -> Floats:
        found = _amounts(totals_mm[rows], periods.weight[rows])
        return np.array([found[name] for name in names])

    errors = sampling_error(amounts, periods.weight, cases_of(periods.replicate))
    return {"n": len(totals_mm), **dict(zip(names, errors.tolist(), strict=True))}


def _totals(rows: dict[str, dict[str, float]]) -> pd.DataFrame:
    columns = ["n", "mean_mm", "p10_mm", "p50_mm", "p90_mm"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).astype({"n": "int64"})


def _thirds(happened_mm: pd.Series | None) -> tuple[float, float] | None:
    """Return the terciles of past totals, if there are enough to tell them."""
    known = pd.Series(dtype=float) if happened_mm is None else happened_mm.dropna()
    if len(known) < 10:
        return None
    low, high = np.quantile(known, [1 / 3, 2 / 3])
    return float(low), float(high)
