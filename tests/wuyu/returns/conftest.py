"""Desks whose mail may come back."""

from tests.wuyu.delivery.conftest import desk, faulty, issued_desk, transport

__all__ = ["desk", "faulty", "issued_desk", "transport"]
