"""What was seen at places: from feeds, from the answers of towns, and entered at the desk; as known at a time."""

from wuyu.observing.by_hand import enter
from wuyu.observing.known import KnownSights, known_sights

__all__ = ["KnownSights", "enter", "known_sights"]
