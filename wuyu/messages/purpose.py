"""What a message is for: a field of its own, never read out of an identifier."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from risk_models.errors import FloodRiskError

__all__ = ["ESCALATIONS", "Purpose", "UnknownPurposeError", "message_id", "purpose_of"]


class UnknownPurposeError(FloodRiskError):
    """A message is for something that this program does not know; it is refused, not sent by a guess."""


class Purpose(StrEnum):
    """Why a message leaves.

    ``bulletin`` warns; ``second_contact`` and ``upward`` follow a bulletin that nobody answers; ``call`` asks an
    officer to decide; ``now`` tells a town that water stands; ``rain_lost`` tells the holders of a warning that the
    level is unknown now; ``brief`` says at fixed hours what still stands; ``report`` carries a periodic report;
    ``watch`` tells the operators how the system stands.
    """

    BULLETIN = "bulletin"
    SECOND_CONTACT = "second_contact"
    UPWARD = "upward"
    CALL = "call"
    NOW = "now"
    RAIN_LOST = "rain_lost"
    BRIEF = "brief"
    REPORT = "report"
    WATCH = "watch"


ESCALATIONS: Final = (Purpose.SECOND_CONTACT, Purpose.UPWARD)
"""What may follow a bulletin that nobody answers."""


def purpose_of(name: str) -> Purpose:
    """Return a purpose by its name.

    Raises
    ------
    UnknownPurposeError
        If there is none of this name, e.g. in a row written by a newer program.

    Examples
    --------
    >>> purpose_of("rain_lost")
    <Purpose.RAIN_LOST: 'rain_lost'>
    """
    try:
        return Purpose(name)
    except ValueError:
        known = ", ".join(Purpose)
        raise UnknownPurposeError(f"no message is for {name!r}; known purposes: {known}") from None


def message_id(purpose: Purpose, subject: str, number: int = 0) -> str:
    """Return the id of a message.

    Parameters
    ----------
    purpose : Purpose
    subject : str
        What the id is named after: the warning revision of a bulletin, its escalations and the call to decide about
        it; event and town where water stands; the warning whose rain is lost; district and hour of a brief; the
        issue of a report; district and moment of the watcher.
    number : int
        Counts the calls about one bulletin from 0, the messages that water stands in one town and the losses of rain
        under one warning from 1; else 0.

    Raises
    ------
    UnknownPurposeError
        If `purpose` is none.

    Examples
    --------
    >>> message_id(Purpose.BULLETIN, "E-410103001.r0"), message_id(Purpose.UPWARD, "E-410103001.r0")
    ('E-410103001.r0', 'E-410103001.r0.upward')
    >>> message_id(Purpose.CALL, "E-410103001.r0", 1)
    'E-410103001.r0.call1'
    >>> message_id(Purpose.NOW, "E-410103001", 2)
    'E-410103001.now2'
    >>> message_id(Purpose.RAIN_LOST, "E-410103001", 1), message_id(Purpose.RAIN_LOST, "E-410103001", 2)
    ('E-410103001.rain-lost', 'E-410103001.rain-lost2')
    >>> message_id(Purpose.BRIEF, "410103-20210720T0000Z")
    'brief-410103-20210720T0000Z'
    """
    match purpose_of(purpose):
        case Purpose.BULLETIN | Purpose.REPORT:
            return subject
        case Purpose.SECOND_CONTACT | Purpose.UPWARD:
            return f"{subject}.{purpose}"
        case Purpose.CALL:
            return f"{subject}.call{number}"
        case Purpose.NOW:
            return f"{subject}.now{number}"
        case Purpose.RAIN_LOST:
            return f"{subject}.rain-lost{number if number > 1 else ''}"
        case Purpose.BRIEF | Purpose.WATCH:
            return f"{purpose}-{subject}"
