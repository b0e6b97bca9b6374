"""Rain of a cycle: feeds pulled, files chosen as they were known, read, flagged, and brought to every hotspot."""

from wuyu.rain.assemble import CycleRain, cycle_rain
from wuyu.rain.known import GaugeRain, gauge_rain
from wuyu.rain.pulling import not_yet_looked_at, pull_feed, pull_feeds

__all__ = ["CycleRain", "GaugeRain", "cycle_rain", "gauge_rain", "not_yet_looked_at", "pull_feed", "pull_feeds"]
