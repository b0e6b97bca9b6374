"""Figures: the level map, the hyetograph and the depth gauge, as small palette PNGs with fixed bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.figures.gauge import DepthRow, depth_bands, depth_gauge_png
    from reports.figures.hyetograph import hyetograph_png, rain_note
    from reports.figures.level_map import LevelMap
    from reports.figures.rehearsal_map import rehearsal_map_png
else:
    from risk_models.lazy import on_demand

    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "gauge": ["DepthRow", "depth_bands", "depth_gauge_png"],
            "hyetograph": ["hyetograph_png", "rain_note"],
            "level_map": ["LevelMap"],
            "rehearsal_map": ["rehearsal_map_png"],
        },
    )

__all__ = ["DepthRow", "LevelMap", "depth_bands", "depth_gauge_png", "hyetograph_png", "rain_note", "rehearsal_map_png"]
