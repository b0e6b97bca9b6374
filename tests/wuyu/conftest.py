"""Ledger on both databases, mails, a clock that stands still until moved, and one replay of a mini storm."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from risk_models.levels import Level
from risk_models.warning.records import Action, WarningRecord
from tests.held import hold
from tests.replays import StormRun, run_storm
from wuyu.desk import Desk, begin_desk
from wuyu.ledger import Ledger, create_ledger
from wuyu.ledger.models import Base
from wuyu.messages.mail import Mail, MailContent, MailHead, build_mail
from wuyu.messages.purpose import Purpose

AT = datetime(2021, 7, 20, 9, tzinfo=UTC)


class Clock:
    """A wall clock moved by hand."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def at() -> datetime:
    """The hour of the storm that the tests are about."""
    return AT


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 1, 1, tzinfo=UTC))


def _empty_postgres() -> str:
    url = os.environ.get("WUYU_TEST_POSTGRES")
    if not url:
        pytest.skip("no PostgreSQL server given; set WUYU_TEST_POSTGRES to its URL to run this test")
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    Base.metadata.drop_all(engine)
    engine.dispose()
    return url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """An empty database of each kind we support."""
    return tmp_path / "ledger.sqlite" if request.param == "sqlite" else _empty_postgres()


@pytest.fixture
def ledger(ledger_url: str | Path) -> Iterator[Ledger]:
    with create_ledger(ledger_url) as opened:
        yield opened


@pytest.fixture
def make_record() -> Callable[..., WarningRecord]:
    def make(**changes: Any) -> WarningRecord:
        values: dict[str, Any] = {
            "event_key": "410103-20210719T1200Z",
            "warning_id": "410103-20210719T1200Z-410103001",
            "revision": 0,
            "action": Action.NEW,
            "area_code": "410103001",
            "level": Level.RED,
            "previous_level": Level.NONE,
            "issued_at": AT,
            "valid_from": AT,
            "valid_to": AT + timedelta(hours=6),
            "hotspot_ids": ("EQ-002", "EQ-001"),
            "signal": Level.ORANGE,
            "reason_zh": "京广路隧道预计积水 1.2 米",
            "reason_en": "1.2 m of water expected in the tunnel",
        }
        return WarningRecord(**(values | changes))

    return make


@pytest.fixture
def make_mail() -> Callable[..., Mail]:
    def make(recipient: str = "duty@town.example", **changes: Any) -> Mail:
        head: dict[str, Any] = {
            "message_id": "410103-20210719T1200Z-410103001.r0",
            "purpose": Purpose.BULLETIN,
            "sender": "二七区防汛值班室 <duty@erqi.example>",
            "recipient": recipient,
            "decided_at": AT,
            "status": "Exercise",
        }
        content = changes.pop(
            "content", MailContent(subject="红色预警 建中街", text="立即转移\n.点\n", html="<p>转移</p>")
        )
        values = head | changes
        return build_mail(content, MailHead(**({"about": values["message_id"]} | values)))

    return make


@pytest.fixture
def queue(make_mail: Callable[..., Mail]) -> Callable[..., list[int]]:
    """Queue a mail to each recipient; returns the ids of the rows."""

    def put(ledger: Ledger, *recipients: str, hours: float = 6, **changes: Any) -> list[int]:
        with ledger.decide(now=AT) as decision:
            mails = [make_mail(recipient, **changes) for recipient in recipients]
            return [decision.queue(mail, expires_at=AT + timedelta(hours=hours)).id for mail in mails]

    return put


@pytest.fixture(scope="session")
def storm_run(storm_district: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StormRun]:
    """One replay of the mini storm with all its products; to be looked at, not changed."""
    run = run_storm(storm_district, tmp_path_factory.mktemp("storm"))
    yield run
    run.desk.ledger.close()


@pytest.fixture(scope="session")
def actual_district(storm_district: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same district in earnest: mail status Actual, no demonstration; its addresses still cannot exist."""
    folder = tmp_path_factory.mktemp("actual") / "mini"
    shutil.copytree(storm_district, folder)
    text = (folder / "district.yaml").read_text(encoding="utf-8")
    text = text.replace("status: Exercise", "status: Actual").replace("demonstration: true", "demonstration: false")
    (folder / "district.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def held(actual_district: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a district in earnest and the products of one cycle that holds back two red and one orange."""
    return hold(actual_district, tmp_path_factory.mktemp("held"))


@pytest.fixture
def reopen(held: Path, tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Open a copy of what is held, with other settings if asked."""
    opened: list[Desk] = []

    def open_copy(old: str = "", new: str = "") -> Desk:
        folder = tmp_path / f"copy{len(opened)}"
        shutil.copytree(held, folder)
        path = folder / "mini" / "district.yaml"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        opened.append(begin_desk(folder / "mini", folder / "out"))
        return opened[-1]

    yield open_copy
    for desk in opened:
        desk.ledger.close()
