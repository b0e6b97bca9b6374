"""The one-map page (一张图): every hour of a storm on one page that opens without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.onemap.page import onemap_html, write_onemap
    from reports.onemap.payload import OneMapInputs
else:
    from risk_models.lazy import on_demand

    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "page": ["onemap_html", "write_onemap"],
            "payload": ["OneMapInputs"],
        },
    )

__all__ = ["OneMapInputs", "onemap_html", "write_onemap"]
