"""The one-map page (一张图): every hour of a storm on one page that opens without a network."""

from reports.onemap.page import onemap_html, write_onemap
from reports.onemap.payload import OneMapInputs

__all__ = ["OneMapInputs", "onemap_html", "write_onemap"]
