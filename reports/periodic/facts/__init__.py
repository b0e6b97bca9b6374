"""The facts of a report: numbers and tables found from its inputs, before any word is said."""
