"""Desks that have something to say to everybody."""

from tests.wuyu.delivery.conftest import desk, faulty, issued_desk, transport

__all__ = ["desk", "faulty", "issued_desk", "transport"]
