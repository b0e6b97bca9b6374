"""A desk that has issued bulletins and waits for answers, a page served by a real server, and links to it."""

from __future__ import annotations

import dataclasses
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.factories import STORM_PEAK
from tests.patience import PATIENCE_S, until
from tests.replays import now as wall
from wuyu.ack.app import create_app
from wuyu.ack.book import Standing, standings
from wuyu.ack.door import LOCAL_PROXIES, DoorLimits, make_server
from wuyu.ack.links import Links
from wuyu.approval.approving import approve
from wuyu.cycle import run_cycle
from wuyu.desk import Desk, begin_desk
from wuyu.keys import Keys
from wuyu.ledger import Approval, create_ledger
from wuyu.rain import pull_feeds

ISSUED = STORM_PEAK.to_pydatetime().astimezone(UTC)
KEYS = Keys.parse("t1:" + "0123456789abcdef" * 4, source="test")
SETTINGS = """
acknowledgement:
  base_url: https://duty.mini.example/ack
  upward:
    - {name: 带班领导 Leader, phone: 000-0009-0001, mailbox: leader@mini.example}
"""


class Clock:
    """A clock moved by hand."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **span: float) -> None:
        self.at += timedelta(**span)


@dataclasses.dataclass
class Served:
    """A running page."""

    url: str
    clock: Clock
    desk: Desk
    links: Links

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=PATIENCE_S)

    def link(self, waiting: Standing, recipient: str | None = None) -> str:
        """Return the path of a link, as a mail carries it."""
        to = recipient or waiting.recipients[0]
        whole = self.links.acknowledge(waiting.request.message_id, to, expires_at=waiting.request.expires_at)
        return whole.removeprefix(self.links.base_url)


@pytest.fixture(scope="session")
def issued_desk(storm_district: Path, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk whose bulletins of the storm's peak have been issued; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("ack")
    shutil.copytree(storm_district, folder / "mini")
    path = folder / "mini" / "district.yaml"
    path.write_text(path.read_text(encoding="utf-8") + SETTINGS, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WUYU_ACK_KEYS", "t1:" + "0123456789abcdef" * 4)
        desk = begin_desk(folder / "mini", folder / "out")
        pull_feeds(desk, now=wall())
        run_cycle(desk, ISSUED, drafts=False)
        for row in desk.ledger.warnings(approval=Approval.WAITING):
            approve(desk, row.message_id, officer="值班长 李明", now=ISSUED + timedelta(minutes=4))
    desk.ledger.close()
    return desk


@pytest.fixture
def desk(issued_desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The same desk with a ledger of its own."""
    monkeypatch.setenv("WUYU_ACK_KEYS", "t1:" + "0123456789abcdef" * 4)
    shutil.copy(issued_desk.out / "ledger.sqlite", tmp_path / "ledger.sqlite")
    with create_ledger(tmp_path / "ledger.sqlite") as ledger:
        yield dataclasses.replace(issued_desk, ledger=ledger)


@pytest.fixture
def waiting(desk: Desk) -> Standing:
    """The gravest bulletin that waits for an answer."""
    return max(standings(desk.ledger), key=lambda one: one.request.level)


@pytest.fixture
def served(desk: Desk) -> Iterator[Served]:
    """The page behind a real server on this machine."""
    clock = Clock(ISSUED + timedelta(minutes=6))
    app = create_app(desk.ledger, desk.out, KEYS, clock=clock, https=False)
    with serve(app) as url:
        yield Served(url, clock, desk, Links("https://duty.mini.example/ack", KEYS))


class serve:  # noqa: N801 - reads as a verb
    """Run an application behind its door in a thread while the block lasts."""

    def __init__(self, app: object, limits: DoorLimits | None = None, proxies: Sequence[str] = LOCAL_PROXIES) -> None:
        self.server = make_server(app, host="127.0.0.1", port=0, limits=limits, proxies=proxies)
        self.thread = threading.Thread(target=self.server.run)

    def __enter__(self) -> str:
        self.thread.start()
        until("the server", lambda: self.server.started)
        host, port = self.server.servers[0].sockets[0].getsockname()
        return f"http://{host}:{port}"

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join(20)
        assert not self.thread.is_alive()


@pytest.fixture
def form_of() -> Callable[[str], str]:
    """Return the token of the form on a page."""

    def find(html: str) -> str:
        match = re.search(r'name="form" value="([^"]+)"', html)
        assert match, html
        return match[1]

    return find
