"""Readers of rain formats: each gives a dataset in UTC, step ends, mm, and says what it could not use."""
