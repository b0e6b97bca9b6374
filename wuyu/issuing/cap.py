"""The CAP messages of a desk: who sends them, and the one that says that water stands now."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, cast

import pandas as pd

from risk_models.errors import BadInputError
from risk_models.levels import Level
from risk_models.warning.cap.areas import CapArea, places_of_rows
from risk_models.warning.cap.build import CapChannel, CapScope, CapStanding, CapText, to_cap_now
from risk_models.warning.cap.check import require_valid_cap
from risk_models.warning.cap.hazard import standing_hazard, standing_severity
from wuyu.ledger.tasks import OPERATOR_TASK

if TYPE_CHECKING:
    from wuyu.desk import Desk
    from wuyu.ledger import Decision

__all__ = ["cap_channel", "plain_text", "standing_cap"]


def cap_channel(desk: Desk, *, scope: str) -> CapChannel:
    """Return who sends the CAP messages of a desk, with all that its products say of themselves.

    Parameters
    ----------
    desk : Desk
    scope : str
        As in CAP.
    """
    told = tuple(f"{mark.zh} / {mark.en}" for mark in desk.notices)
    events = desk.standards.event_codes()
    return CapChannel.from_settings(desk.settings, events, scope=cast("CapScope", scope), marks=told)


def plain_text(text: str) -> str:
    """Return a text as CAP takes it: what looks like markup, even the brackets around an address, is refused.

    Examples
    --------
    >>> plain_text("<duty@erqi.example>")
    '(duty@erqi.example)'
    """
    return text.replace("<", "(").replace(">", ")")


def standing_cap(
    desk: Desk,
    decision: Decision,
    places: pd.DataFrame,
    texts: tuple[CapText, CapText],
    *,
    message_id: str,
    event_key: str,
    number: int,
    depth_m: float,
    expires_at: datetime,
    scope: str,
) -> bytes | None:
    """Write that water stands now as CAP; a name that cannot be sent in it must not stop the message itself.

    Parameters
    ----------
    desk : Desk
    decision : Decision
        Takes down a task for the operator if there is no CAP.
    places : DataFrame
        Rows of the risk table of one town.
    texts : (CapText, CapText)
        Chinese, English.
    message_id, event_key : str
    number : int
        Of the message in its town and event.
    depth_m : float
        Greatest known.
    expires_at : datetime
    scope : str
        As in CAP.

    Returns
    -------
    bytes or None
    """
    level = max((Level(int(level)) for level in places["level"]), default=Level.NONE)
    try:
        data = to_cap_now(
            CapStanding(
                message_id=message_id,
                event_key=event_key,
                number=number,
                level=level,
                severity=standing_severity(level, depth_m),
                sent_at=decision.now,
                expires_at=expires_at,
            ),
            area=CapArea.from_towns(desk.district.towns, str(places["town_code"].iloc[0])),
            channel=cap_channel(desk, scope=scope),
            hazard=standing_hazard(places, sent_at=decision.now),
            texts=texts,
            places=places_of_rows(places, desk.district.hotspots["surveyed_area_m2"].to_dict()),
        )
        require_valid_cap(data, file=f"{message_id}.cap.xml")
    except (BadInputError, ValueError) as error:
        decision.log(OPERATOR_TASK, event_key=event_key, message_id=message_id, task=f"sent without CAP: {error}")
        return None
    return data
