"""The moments of a report: what may be known in it, by the calendar of its subject and by the clock of this machine.

A report on the storm of 2021 made today from an archive stands on files that arrived today. So two things are kept
apart: `as_of`, the hour in the report's own time up to which its outlook may look back, and `known_at`, the wall time
up to which a file or an answer may have come in. A report built again at its recorded moments is the same, whatever
came later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from risk_models.errors import ConfigError
from risk_models.outlook.periods import Scope

__all__ = ["Moments", "moments_of"]


@dataclass(frozen=True, kw_only=True)
class Moments:
    """When a report looks at the world.

    Attributes
    ----------
    as_of : datetime
        Aware: the scheduled hour of the report. An outlook uses no rain after it.
    known_at : datetime
        Aware, wall time: nothing that came in later is used.
    """

    as_of: datetime
    known_at: datetime

    def cut(self, scope: Scope) -> datetime:
        """Return the hour after which nothing that happened may enter.

        The review of a span that is over may use what was told of it later; an outlook may not.
        """
        return min(self.as_of, self.known_at) if scope.edition == "outlook" else self.known_at


def moments_of(scope: Scope, *, known_at: datetime, timezone: str) -> Moments:
    """Return the moments of a report drafted at `known_at`.

    Parameters
    ----------
    scope : Scope
    known_at : datetime
        Aware, wall time.
    timezone : str
        Of the district.

    Raises
    ------
    ConfigError
        If a span is to be reviewed that is not over yet.
    """
    if scope.edition == "review":
        end = scope.span.bounds(timezone)[1]
        if known_at < end:
            raise ConfigError(
                f"{scope.span.name_en} is not over before {end:%Y-%m-%d %H:%M}; "
                "a report on it can be written then, or now with --edition outlook"
            )
    return Moments(as_of=scope.issued_at, known_at=known_at)
