"""Desks with messages in every state, and servers that take their mail."""

from tests.wuyu.delivery.conftest import desk, faulty, issued_desk, sink, transport

__all__ = ["desk", "faulty", "issued_desk", "sink", "transport"]
