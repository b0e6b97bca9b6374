"""Peers side by side, timed in one run on one thread: `python -m benchmarks`."""
