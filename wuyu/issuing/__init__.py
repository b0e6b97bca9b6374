"""How a warning goes out: its bulletins, its rows in the outbox, and the notice that rain is lost."""
