"""Hostile files: one clear finding each."""

from __future__ import annotations

import socket

import pytest

from risk_models.warning.cap.reader import MAX_BYTES, parse_cap

BOMB = b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><alert>&b;</alert>'


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not-xml"),
        (b"\xff\xfe\x00", "not-xml"),
        (b"<alert", "not-xml"),
        (b"<alert>&undeclared;</alert>", "not-xml"),
        (BOMB, "doctype"),
        (BOMB.replace(b"DOCTYPE", b"doctype"), "doctype"),
        (BOMB.decode().encode("utf-16"), "doctype"),
        (b'<!DOCTYPE a SYSTEM "http://erqi.example/a.dtd"><alert/>', "doctype"),
        (b"<alert/>", "not-an-alert"),
        (b'<alert xmlns="urn:other"/>', "not-an-alert"),
        (b'<feed xmlns="urn:oasis:names:tc:emergency:cap:1.2"/>', "not-an-alert"),
        (b"<a>" * 5000 + b"</a>" * 5000, "not-xml"),
        (b" " * (MAX_BYTES + 1), "too-large"),
    ],
)
def test_hostile_files_give_one_clear_finding(monkeypatch, data, code):
    def refuse(*_):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "socket", refuse)
    message, findings = parse_cap(data)
    assert message is None
    assert [finding.code for finding in findings] == [code]
