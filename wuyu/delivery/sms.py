"""Short messages through a gateway that takes a signed POST; one number at a time."""

from __future__ import annotations

import re

from wuyu.delivery.webhook import WebhookTransport

__all__ = ["SmsTransport", "phone_number"]


class SmsTransport(WebhookTransport):
    """Hands short messages to a gateway; each POST names one number and one or two texts.

    The gateway answers 2xx when it has taken all texts for the number, 4xx if it never will, 5xx to be asked again.
    """


def phone_number(text: str) -> str | None:
    """Return a number as a gateway wants it, or None if `text` is none.

    Examples
    --------
    >>> phone_number("0371-6880 0001"), phone_number("+86 138 0000 0000"), phone_number("ask the porter")
    ('037168800001', '+8613800000000', None)
    """
    number = re.sub(r"[ ()-]", "", text)
    return number if re.fullmatch(r"\+?[0-9]{5,15}", number) else None
