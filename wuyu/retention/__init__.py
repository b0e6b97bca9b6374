"""Retention: what is kept how long, what must stay whatever its age, and the removal of the rest, a step at a time."""
