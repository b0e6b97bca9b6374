"""The links that mails carry, made of the district's settings and the keys of this installation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from wuyu.ack.tokens import DESK, LinkUse, sign
from wuyu.keys import Keys, load_keys

if TYPE_CHECKING:
    from risk_models.warning.records import WarningRecord
    from wuyu.station import Station

__all__ = ["LINK_GRACE_H", "Links", "link_expiry", "links_of"]

#: Hours for which a link works beyond the warning; an answer that comes late is still worth having.
LINK_GRACE_H: Final = 12


def link_expiry(record: WarningRecord) -> datetime:
    """Return until when a bulletin may be acknowledged: `LINK_GRACE_H` beyond its warning.

    A pure function of the record, so that the mail built again has the same bytes.
    """
    return max(record.valid_to, record.issued_at) + timedelta(hours=LINK_GRACE_H)


@dataclass(frozen=True)
class Links:
    """Makes links to the acknowledgement page at `base_url`."""

    base_url: str
    keys: Keys

    def acknowledge(self, message_id: str, recipient: str, *, expires_at: datetime) -> str:
        """Return the address at which `recipient` confirms a bulletin."""
        return f"{self.base_url}/a/{sign(self.keys, LinkUse.ACKNOWLEDGE, message_id, recipient, expires_at=expires_at)}"

    def desk(self, district_code: str, *, expires_at: datetime) -> str:
        """Return the address of the duty desk's page."""
        return f"{self.base_url}/desk/{sign(self.keys, LinkUse.DESK, district_code, DESK, expires_at=expires_at)}"

    def signing(self, district_code: str, officer: str, *, expires_at: datetime) -> str:
        """Return the address at which one officer decides what waits; whoever holds it signs in that name."""
        return f"{self.base_url}/sign/{sign(self.keys, LinkUse.SIGN, district_code, officer, expires_at=expires_at)}"


def links_of(station: Station) -> Links | None:
    """Return the maker of links if the district says where its page is, else None: mails then carry the code only."""
    base_url = station.settings.acknowledgement.base_url
    return None if base_url is None else Links(base_url, load_keys(station.out))
