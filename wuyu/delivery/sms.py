"""Short messages through a gateway that takes a signed POST; one number at a time."""

from __future__ import annotations

from wuyu.delivery.webhook import WebhookTransport

__all__ = ["SmsTransport"]


class SmsTransport(WebhookTransport):
    """Hands short messages to a gateway; each POST names one number and one or two texts.

    The gateway answers 2xx when it has taken all texts for the number, 4xx if it never will, 5xx to be asked again.
    """
