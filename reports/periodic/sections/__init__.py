"""The sections of a report: each puts facts into sentences, tables and figures, and adds them to the content."""
