"""Print what an outlook says and every number of it, for a comparison of processors: to the last bit."""

from __future__ import annotations

import hashlib
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from risk_models.arithmetic import settled
from risk_models.district import load_district
from risk_models.forecast.interpolate import OrdinaryKriging
from risk_models.outlook import PeriodOutlook, TercileForecast, assess_outlook
from risk_models.outlook.expected import Expected
from risk_models.outlook.periods import Span
from risk_models.standards import load_standards
from risk_models.terrain import hotspot_terrain
from tests.factories import write_mini_district
from tests.risk_models.outlook.conftest import made_record

JULY = Span(kind="month", key="2020-07", first_day=date(2020, 7, 1), last_day=date(2020, 7, 31), name_zh="七月",
            name_en="July")  # fmt: skip
WET = TercileForecast(below=0.1, normal=0.3, above=0.6, first_day=date(2020, 7, 1), last_day=date(2020, 9, 30),
                      skill=0.2, issued_on=date(2020, 6, 15), source="typed")  # fmt: skip


def said(outlook: PeriodOutlook) -> dict[str, str]:
    """Return the digest of each part."""
    assert isinstance(outlook.expected, Expected)
    assert outlook.climate is not None
    levels = {window: getattr(item, "table", item) for window, item in outlook.climate.levels.items()}
    parts: dict[str, object] = {
        "statements": outlook.statements, "withheld": outlook.withheld, "totals": outlook.totals_mm,
        "passes": outlook.expected.passes, "levels": outlook.expected.levels, "verdicts": outlook.verdicts,
        "months": outlook.climate.months, "maxima": outlook.climate.maxima, "n_run": outlook.expected.n_run,
        **{f"return levels {window}": item for window, item in levels.items()},
    }  # fmt: skip
    return {name: hashlib.sha256(_text(item).encode()).hexdigest()[:16] for name, item in parts.items()}


def _text(item: object) -> str:
    return item.to_csv() if isinstance(item, pd.DataFrame) else repr(item)


def kriged(order: slice) -> str:
    """Return the digest of the variogram of fourteen gauges, two side by side and some silent, and of its rain."""
    draw = np.random.default_rng(3)
    gauge_xy, rain_mm = draw.uniform(0, 2e4, (14, 2)), np.round(draw.gamma(0.7, 8.0, (9, 14)), 1)
    gauge_xy[1], rain_mm[2, 5:8] = gauge_xy[0] + 9.0, np.nan
    model = OrdinaryKriging(threads=1).fit(gauge_xy[order], rain_mm[:, order])
    told = [settled(item).tolist() for item in model.predict_with_std(draw.uniform(0, 2e4, (40, 2)))]
    return hashlib.sha256(repr((model.range_m_, model.nugget_, told)).encode()).hexdigest()[:16]


def main(folder: Path) -> None:
    """Krige, and assess one July from a record, and from the same record with its gauges in reverse."""
    district = load_district(write_mini_district(folder / "mini"))
    standards = load_standards()
    terrain = hotspot_terrain(district, land_cover_table=standards.land_cover())
    names = tuple(map(str, district.gauges.index))
    record = (made_record(20, gauges=names) * 2).round(1).clip(upper=200)
    for order in (slice(None), slice(None, None, -1)):
        found = assess_outlook(
            district, terrain, standards, record[record.columns[order]], JULY, forecasts=[WET], is_synthetic=True,
            as_of=datetime(2020, 6, 28, 1, tzinfo=UTC), n_periods=120, n_refits=12,
        )  # fmt: skip
        for part, digest in said(found).items():
            sys.stdout.write(f"{part} {digest}\n")
        sys.stdout.write(f"kriging {kriged(order)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
