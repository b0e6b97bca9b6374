"""How good it was: hits, misses, false alarms, lead time."""
