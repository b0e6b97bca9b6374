"""Figures: the level map, the hyetograph and the depth gauge, as small palette PNGs with fixed bytes."""

from reports.figures.gauge import DepthRow, depth_bands, depth_gauge_png
from reports.figures.hyetograph import hyetograph_png, rain_note
from reports.figures.level_map import LevelMap
from reports.figures.rehearsal_map import rehearsal_map_png

__all__ = ["DepthRow", "LevelMap", "depth_bands", "depth_gauge_png", "hyetograph_png", "rain_note", "rehearsal_map_png"]
