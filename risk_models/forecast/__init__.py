"""预报 forecast: rain formats, quality flags, gauges to hotspots, storm formula, wetness."""
