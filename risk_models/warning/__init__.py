"""预警 warning: signals, decisions with a life cycle, and CAP messages."""
