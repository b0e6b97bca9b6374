"""Everything a person reads: bulletins, periodic reports, figures, the one-map page, the story of a storm.

Tables in, files out: no clock, no network, no database. The rooms, each using only those below it::

    periodic  bulletin  onemap  story
    figures
    style
    fonts  words
"""
