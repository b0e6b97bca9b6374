"""CAP 1.2 messages: building them, reading them safely, and checking them by schema and by rule."""
