"""The page as a long-lived process: it follows the register that others take into use."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import httpx
import pytest

from tests.wuyu.ack.conftest import KEYS
from wuyu.ack.serving import FollowingPage, PageAddress
from wuyu.clock import time_now
from wuyu.desk import Desk
from wuyu.register.in_force import district_in_force, settings_in_force
from wuyu.station import Station, open_station

NEW = "https://flood.mini.example"


@pytest.fixture
def station(issued_desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Station:
    """A station of its own; its register was taken into use."""
    monkeypatch.setenv("WUYU_ACK_KEYS", "t1:" + "0123456789abcdef" * 4)
    root = Path(issued_desk.root)
    shutil.copytree(root, tmp_path / "mini")
    shutil.copytree(issued_desk.out, tmp_path / "out")
    station = open_station(tmp_path / "mini", tmp_path / "out")
    district_in_force(station.root, station.out, station.ledger, now=time_now())
    return station


def _settings(station: Station) -> Path:
    return Path(station.root) / "district.yaml"


def _rewrite(station: Station, old: str, new: str) -> None:
    path = _settings(station)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def _take(station: Station) -> None:
    settings_in_force(station.root, station.out, station.ledger, now=time_now())


def _status(page: FollowingPage, host: str) -> int:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=page), base_url=f"https://{host}") as client:
            return await client.get("/health")

    return asyncio.run(ask()).status_code


def test_a_new_address_is_served_without_a_restart(station: Station) -> None:
    told: list[PageAddress] = []
    page = FollowingPage(station, "127.0.0.1", KEYS, clock=time_now, moved=told.append)
    assert (_status(page, "duty.mini.example"), _status(page, "flood.mini.example")) == (200, 400)
    _rewrite(station, "https://duty.mini.example/ack", NEW)
    page.look()
    assert _status(page, "flood.mini.example") == 400, "nobody has taken it into use yet"
    _take(station)
    page.look()
    assert (_status(page, "duty.mini.example"), _status(page, "flood.mini.example")) == (400, 200)
    assert [one.base_url for one in told] == ["https://duty.mini.example/ack", NEW]
    page.look()
    assert len(told) == 2


def test_it_looks_by_itself(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    page = FollowingPage(station, "127.0.0.1", KEYS, clock=time_now, moved=lambda _: None)
    _rewrite(station, "https://duty.mini.example/ack", NEW)
    _take(station)
    assert _status(page, "flood.mini.example") == 400
    monkeypatch.setattr("wuyu.ack.serving.time.monotonic", lambda: float("inf"))
    assert _status(page, "flood.mini.example") == 200


@pytest.mark.parametrize("slip", ["torn", "gone"])
def test_a_slip_in_the_settings_takes_the_page_nowhere(station: Station, slip: str) -> None:
    page = FollowingPage(station, "127.0.0.1", KEYS, clock=time_now, moved=lambda _: None)
    if slip == "torn":
        _settings(station).write_text("district: [", encoding="utf-8")
    else:
        shutil.rmtree(station.root)
        shutil.rmtree(station.out / "register")
    page.look()
    assert _status(page, "duty.mini.example") == 200
