"""Everything a person reads: bulletins, periodic reports, figures, the one-map page, the story of a storm, score cards.

Tables in, files out: no clock, no network, no database. The rooms, each using only those below it::

    periodic  bulletin  onemap  story  scorecard
    figures
    style
    fonts  words
"""
