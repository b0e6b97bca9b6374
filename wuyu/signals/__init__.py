"""Signals of the weather office: from feeds and entered at the desk, as known at a time; read by nobody as our own."""

from wuyu.signals.by_hand import enter_signal, lift_signal
from wuyu.signals.known import KnownSignals, known_signals

__all__ = ["KnownSignals", "enter_signal", "known_signals", "lift_signal"]
