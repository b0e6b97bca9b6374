"""The one door out: mail built once, kept in the outbox, handed over by a relay that may be killed at any moment."""
