"""预测 outlook: climatology to expected exceedances.

In order: `climatology` (what the record says, and is too short to say), `seasonal` and `seasonal_netcdf` (tercile
forecasts), `storms` and `generator` (periods that could happen), `expected` (what they would do to the hotspots),
`skill` and `hindcast` (whether such statements have been worth something), `wording` and `sentences` (what is said).
`rain_record` reads the record of a district, `assess` goes all the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from risk_models.outlook.assess import assess_outlook
    from risk_models.outlook.climatology import Climatology, MissingRule
    from risk_models.outlook.expected import (
        DayDepths,
        Expected,
        HotspotClasses,
        SkipRule,
        count_exceedances,
        ponding_models,
        run_periods,
    )
    from risk_models.outlook.extremes import ReturnLevels, return_levels
    from risk_models.outlook.generator import (
        GeneratedPeriods,
        StormGenerator,
        condition_on_terciles,
        fit_generator,
        generate_periods,
        resampled_generators,
    )
    from risk_models.outlook.period_outlook import PeriodOutlook
    from risk_models.outlook.rain_record import join_record, read_rain_record
    from risk_models.outlook.record import TooShort, check_record, record_lengths
    from risk_models.outlook.seasonal import (
        TercileForecast,
        choose_seasonal_forecast,
        neutral_forecast,
        read_tercile_table,
    )
    from risk_models.outlook.seasonal_netcdf import read_seasonal
    from risk_models.outlook.skill import SkillVerdict, tercile_skill
    from risk_models.outlook.storms import StormCatalogue, cut_storms, hotspot_field
    from risk_models.outlook.wording import Statement, Withheld
else:
    from risk_models.lazy import on_demand

    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "assess": ["assess_outlook"],
            "climatology": ["Climatology", "MissingRule"],
            "expected": [
                "DayDepths",
                "Expected",
                "HotspotClasses",
                "SkipRule",
                "count_exceedances",
                "ponding_models",
                "run_periods",
            ],
            "extremes": ["ReturnLevels", "return_levels"],
            "generator": [
                "GeneratedPeriods",
                "StormGenerator",
                "condition_on_terciles",
                "fit_generator",
                "generate_periods",
                "resampled_generators",
            ],
            "period_outlook": ["PeriodOutlook"],
            "rain_record": ["join_record", "read_rain_record"],
            "record": ["TooShort", "check_record", "record_lengths"],
            "seasonal": ["TercileForecast", "choose_seasonal_forecast", "neutral_forecast", "read_tercile_table"],
            "seasonal_netcdf": ["read_seasonal"],
            "skill": ["SkillVerdict", "tercile_skill"],
            "storms": ["StormCatalogue", "cut_storms", "hotspot_field"],
            "wording": ["Statement", "Withheld"],
        },
    )

__all__ = [
    "Climatology",
    "DayDepths",
    "Expected",
    "GeneratedPeriods",
    "HotspotClasses",
    "MissingRule",
    "PeriodOutlook",
    "ReturnLevels",
    "SkillVerdict",
    "SkipRule",
    "Statement",
    "StormCatalogue",
    "StormGenerator",
    "TercileForecast",
    "TooShort",
    "Withheld",
    "assess_outlook",
    "check_record",
    "choose_seasonal_forecast",
    "condition_on_terciles",
    "count_exceedances",
    "cut_storms",
    "fit_generator",
    "generate_periods",
    "hotspot_field",
    "join_record",
    "neutral_forecast",
    "ponding_models",
    "read_rain_record",
    "read_seasonal",
    "read_tercile_table",
    "record_lengths",
    "resampled_generators",
    "return_levels",
    "run_periods",
    "tercile_skill",
]
