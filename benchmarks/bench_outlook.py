"""An outlook for July: 236 hotspots, a record of five years at six gauges, 1,000 generated months.

The record is random (seed 5) with a wet summer. The peer of the fast mode is the whole mode: every storm run. Their
results are compared before anything is timed.
"""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

import lmoments3.distr
import numpy as np
import pandas as pd

from benchmarks.rows import Row, median_s
from risk_models.district import load_district
from risk_models.outlook import (
    Expected,
    GeneratedPeriods,
    HotspotClasses,
    SkipRule,
    StormCatalogue,
    count_exceedances,
    cut_storms,
    generate_periods,
    hotspot_field,
    ponding_models,
    resampled_generators,
    return_levels,
    run_periods,
)
from risk_models.risk import HotspotScorer
from risk_models.standards import load_standards
from risk_models.terrain import hotspot_terrain

ERQI = Path(__file__).resolve().parent.parent / "data" / "erqi"
YEARS, GAUGES, MONTHS, REFITS = 5, 6, 1000, 20
JULY, YEAR = (date(2021, 7, 1), date(2021, 7, 31)), (date(2021, 1, 1), date(2021, 12, 31))


def run() -> list[Row]:
    """Time the parts of an outlook, and the fast mode beside the whole one."""
    standards, district = load_standards(), load_district(ERQI)
    with tempfile.TemporaryDirectory() as folder:
        cover = standards.land_cover(district.settings.standards.land_cover)
        terrain = hotspot_terrain(district, land_cover_table=cover, cache_dir=Path(folder))
    basins = HotspotScorer(district, terrain, standards).basins
    (_, models), skip = ponding_models(basins), SkipRule.for_basins(basins)
    picked = standards.depth_classes(district.settings.standards.depth_classes)
    classes = HotspotClasses.for_kinds(picked, district.hotspots["kind"])
    record = _record()
    catalogue = _catalogue(record)
    places = np.c_[district.hotspots.geometry.x, district.hotspots.geometry.y]
    field = hotspot_field(catalogue, places[:: len(places) // GAUGES][:GAUGES], places)
    months, year = _periods(catalogue, JULY, MONTHS), _periods(catalogue, YEAR, 200)
    few = _periods(catalogue, JULY, 100)

    def outlook(periods: GeneratedPeriods, rule: SkipRule | None) -> Expected:
        run = run_periods(periods, field, models, skip=rule)
        return count_exceedances(periods, run, classes, groups=district.hotspots["town_code"])

    whole, fast = outlook(few, None), outlook(few, skip)
    pd.testing.assert_frame_equal(fast.passes, whole.passes)
    few_s = median_s(lambda: outlook(few, skip), repeats=3)
    many = outlook(months, skip)
    note = f"{many.n_run:,} of {many.n_storms:,} storms run"
    maxima = np.random.default_rng(1).gumbel(60, 20, 40)
    return [
        Row(job=f"cut {YEARS} years x {GAUGES} gauges into storms", ours_s=median_s(lambda: _catalogue(record))),
        Row(job=f"fit {REFITS} generators to resampled years, generate {MONTHS:,} Julys",
            ours_s=median_s(lambda: _periods(catalogue, JULY, MONTHS)), target=1.0),
        Row(job=f"236 hotspots x {MONTHS:,} Julys", ours_s=median_s(lambda: outlook(months, skip), repeats=3),
            target=10.0, note=note),
        Row(job="236 hotspots x 200 years", ours_s=median_s(lambda: outlook(year, skip), repeats=1), target=20.0),
        Row(job="236 hotspots x 100 Julys", ours_s=few_s, peer="every storm run",
            peer_s=median_s(lambda: outlook(few, None), repeats=3),
            note="the same numbers; the gain depends on how many storms are weak"),
        Row(job="return levels of 40 years, 1,000 resamples", peer="lmoments3",
            ours_s=median_s(lambda: return_levels(maxima, rng=np.random.default_rng(2))),
            peer_s=_peer_s(maxima), target=20.0, note="peer: 50 resamples timed, scaled"),
    ]  # fmt: skip


def _record() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    hours = pd.date_range("2001-01-01 01:00", f"{2001 + YEARS}-01-01 00:00", freq="h", tz="UTC")
    summer = np.cos((hours.day_of_year.to_numpy() - 200) / 365.25 * 2 * np.pi)
    rain = np.zeros(len(hours))
    for start in np.flatnonzero(rng.random(len(hours)) < 0.012 * (1 + 0.5 * summer)):
        shape = rng.gamma(0.7, 1.0, rng.integers(1, 13))
        course = shape / shape.sum() * rng.gamma(0.6, 9.0 * (1 + 0.7 * summer[start]))
        rain[start : start + len(course)] += course[: len(hours) - start]
    values = rain[:, None] * rng.gamma(5, 1 / 5, (len(hours), GAUGES))
    return pd.DataFrame(values.round(1), index=hours, columns=[f"G{number}" for number in range(GAUGES)])


def _catalogue(record: pd.DataFrame) -> StormCatalogue:
    found = cut_storms(record, timezone="Asia/Shanghai")
    if not isinstance(found, StormCatalogue):
        raise RuntimeError(found.en)
    return found


def _periods(catalogue: StormCatalogue, days: tuple[date, date], count: int) -> GeneratedPeriods:
    generators = resampled_generators(catalogue, REFITS, rng=np.random.default_rng(3))
    return generate_periods(generators, *days, n_periods=count, rng=np.random.default_rng(4))


def _peer_s(maxima: np.ndarray) -> float:
    fitted = lmoments3.distr.gev(**lmoments3.distr.gev.lmom_fit(maxima))
    rng = np.random.default_rng(2)

    def resample() -> None:
        for _ in range(50):
            drawn = fitted.rvs(len(maxima), random_state=rng)
            lmoments3.distr.gev(**lmoments3.distr.gev.lmom_fit(drawn)).ppf([0.5, 0.8, 0.9, 0.95, 0.98, 0.99])

    return median_s(resample, repeats=3) * 20
