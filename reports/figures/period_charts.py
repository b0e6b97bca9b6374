"""The figures of periodic reports, gathered: every function returns a PNG whose bytes depend on its inputs alone."""

from reports.figures.chance_charts import chance_bars, reliability_chart
from reports.figures.chance_map import chance_map
from reports.figures.level_charts import level_calendar, town_ranking
from reports.figures.rain_charts import depth_duration_chart, rain_by_month_chart, return_level_curve

__all__ = [
    "chance_bars",
    "chance_map",
    "depth_duration_chart",
    "level_calendar",
    "rain_by_month_chart",
    "reliability_chart",
    "return_level_curve",
    "town_ranking",
]
