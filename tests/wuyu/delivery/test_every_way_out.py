"""Every path out × status × scope × demonstration × address: what is live is reached by Actual alone.

First that there is no door beside those named here; then what each producer queues; then what each sender lets go,
whatever stands in the ledger. The rule is written down once more, by hand: the guard is not asked about itself.
"""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count, product
from pathlib import Path

import pytest
from sqlalchemy import update

from risk_models.district.settings import UpwardContact
from risk_models.errors import ConfigError
from risk_models.risk import read_risk
from tests.replays import ROOT
from tests.replays import now as wall
from tests.wuyu.delivery.conftest import FaultyServer
from tests.wuyu.delivery.desks import ISSUED, KEYS, SECRET, SIGNED, write_district
from tests.wuyu.delivery.http_server import HttpServer
from tests.wuyu.returns.test_bounces import report
from wuyu import jobs, service
from wuyu.ack.escalation import escalate as climb
from wuyu.approval import escalate as call_officers
from wuyu.approval.approving import approve
from wuyu.cli import main
from wuyu.cycle import run_cycle
from wuyu.delivery.dispatch import dispatch_all, ways
from wuyu.delivery.relay import deliver
from wuyu.delivery.smtp import Outcome, SmtpSettings, SmtpStage, SmtpTransport
from wuyu.delivery.summary import FILES_SCHEMA
from wuyu.desk import Desk, begin_desk
from wuyu.issuing.brief import send_brief
from wuyu.issuing.rain_lost import tell_rain_lost
from wuyu.issuing.water_now import ToldNow, tell_water_now
from wuyu.ledger import Approval, MessageBody, Outbox, OutboxState, ReportKey, open_ledger
from wuyu.ledger.models import WarningRow
from wuyu.rain import pull_feeds
from wuyu.reporting import scope_for
from wuyu.reporting.mail import queue_report
from wuyu.returns.bounces import take_bounces
from wuyu.returns.mailboxes import MaildirMailbox
from wuyu.station import update_contacts
from wuyu.watch.watcher import Problem, WatchLook, tell

pytestmark = pytest.mark.xdist_group("storm")

STATUSES = ("Actual", "Exercise", "System", "Test", "Draft")
IN_SETTINGS = ("Actual", "Exercise", "Test")
SCOPES = ("Public", "Restricted", "Private")
CASES = list(product(IN_SETTINGS, SCOPES, (True, False)))
LIVE, UNREAL = "duty@town.gov.cn", "duty@town.example"
MINUTE = timedelta(minutes=1)


def _is_live(desk: Desk, row: Outbox) -> bool:
    if row.channel == "mail":
        return not row.recipient.endswith(".example")
    return not next(one for one in desk.district.settings.channels if row.channel.endswith(f":{one.id}")).exercise


# There is no other door


@cache
def _names(path: Path) -> set[str]:
    """Return every name that a file calls, imports or reads as an attribute."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(f".{node.attr}")
        elif isinstance(node, ast.Import):
            found |= {f"import {name.name}" for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"import {node.module}", *(f"from {name.name}" for name in node.names)}
    return found


def _who(*names: str) -> set[str]:
    files = [path for wing in ("wuyu", "dags") for path in (ROOT / wing).rglob("*.py")]
    return {path.relative_to(ROOT).as_posix() for path in files if _names(path) & set(names)}


def test_there_is_no_other_door() -> None:
    """A new one fails here until it stands in this file."""
    towns = "wuyu/drill/people.py"  # the towns of a drill, who write to its own server on this machine, see below
    assert _who("import smtplib") == {"wuyu/delivery/smtp.py", towns}
    asks_for_files = {"wuyu/feeds/http.py", "wuyu/watch/watcher.py"}  # GET only, see the next test
    assert _who("import httpx") == {"wuyu/delivery/webhook.py", *asks_for_files, towns, "wuyu/drill/airflow.py"}
    assert not _who("import urllib.request", "import http.client", "import requests", "import aiohttp", "import ftplib")
    assert _who("import paramiko", "import asyncssh") == {"wuyu/feeds/sftp.py"}
    assert not {path for path in _who(".put") if "sftp" in path}
    assert {path for path in _who("Outbox") if re.search(r"[=(]\s*Outbox\(", _text(path))} == {
        "wuyu/ledger/decision.py"
    }
    assert _who(".queue") == {
        "wuyu/ack/escalation.py", "wuyu/approval/calling.py", "wuyu/issuing/issue.py", "wuyu/delivery/channels.py",
        "wuyu/issuing/notice.py", "wuyu/issuing/brief.py", "wuyu/reporting/mail.py",
    }  # fmt: skip
    assert _who("may_send") >= {"wuyu/delivery/relay.py", "wuyu/ledger/decision.py", "wuyu/watch/watcher.py"}
    sends = ("deliver", "drain", "dispatch", "dispatch_all", "deliver_together", "deliver_by", "replay_block")
    assert _who(*(f"from {name}" for name in sends)) == {
        *(f"dags/{name}.py" for name in ("acknowledgement", "approval", "delivery", "periodic_reports")),
        *(f"dags/{name}.py" for name in ("storm_replay", "warning_cycle")),
        *(f"wuyu/{name}.py" for name in ("cli/delivery", "delivery/dispatch", "jobs", "replay")),
    }


def test_the_people_of_a_drill_write_to_this_machine_alone() -> None:
    """And the drill itself gives no relay but its own: what wuyu sends in it stays on this machine too."""
    people = ast.parse(_text("wuyu/drill/people.py"))
    calls = [node for node in ast.walk(people) if isinstance(node, ast.Call)]
    servers = [ast.unparse(call.args[0]) for call in calls if ast.unparse(call.func) == "smtplib.SMTP"]
    assert servers == ["'127.0.0.1'"]
    clients = [call for call in calls if ast.unparse(call.func).startswith("httpx.")]
    assert [ast.unparse(call) for call in clients] == ["httpx.Client(timeout=20)"]


def _text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_feeds_and_watcher_ask_and_never_post() -> None:
    for path in ("wuyu/feeds/http.py", "wuyu/watch/watcher.py"):
        assert re.findall(r"(?:httpx|client)\.(?:get|post|put|patch|request|stream|send)\b[^,]*", _text(path)) == [
            {"wuyu/feeds/http.py": 'client.stream("GET"', "wuyu/watch/watcher.py": "httpx.get(url"}[path]
        ]


# What is queued


@pytest.fixture(scope="module")
def base(storm_district: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ways")
    (folder / "out").mkdir()
    desk = begin_desk(write_district(storm_district, folder / "mini"), folder / "out")
    pull_feeds(desk, now=wall())
    desk.ledger.close()
    return folder


@pytest.fixture(scope="module")
def unsigned(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the ledger of a desk whose bulletins still wait for their officer."""
    out = tmp_path_factory.mktemp("unsigned") / "out"
    shutil.copytree(base / "out", out)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WUYU_ACK_KEYS", KEYS)
        desk = begin_desk(base / "mini", out)
        run_cycle(desk, ISSUED, drafts=False)
    desk.ledger.close()
    return out / "ledger.sqlite"


@pytest.fixture
def turned(desk: Desk, tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """The same desk with another status and mark, one real and one unreal address everywhere, and its own ledger."""
    opened, numbers = [], count()
    settings = desk.district.settings
    both = tuple(
        UpwardContact(name=name, phone="037100000", mailbox=box) for name, box in (("甲", LIVE), ("乙", UNREAL))
    )
    towns = desk.district.towns.copy()
    for column in ("mailbox", "second_contact"):
        for town, box in zip(towns.index, (LIVE, UNREAL), strict=False):
            towns.loc[town, column] = f"{column}.{box}"
    more = {
        "warning": settings.warning.model_copy(update={"duty_chain": both}),
        "acknowledgement": settings.acknowledgement.model_copy(update={"upward": both}),
        "watch": settings.watch.model_copy(update={"mailboxes": (LIVE, UNREAL), "heartbeat_hour": 0}),
        "channels": tuple(one.model_copy(update={"scopes": SCOPES}) for one in settings.channels),
    }

    def turn(status: str, demonstration: bool, ledger: Path | None = None) -> Desk:
        changed = settings.model_copy(
            update=more
            | {
                "mail": settings.mail.model_copy(update={"status": status}),
                "district": settings.district.model_copy(update={"demonstration": demonstration}),
            }
        )
        place = tmp_path / f"ledger{next(numbers)}.sqlite"
        shutil.copy(ledger or desk.out / "ledger.sqlite", place)
        opened.append(open_ledger(place))
        district = dataclasses.replace(desk.district, settings=changed, towns=towns)
        made = dataclasses.replace(desk, district=district, ledger=opened[-1])
        update_contacts(made, district)
        return made

    desk.ledger.close()
    yield turn
    for ledger in opened:
        ledger.close()


def _bulletins(desk: Desk, _scope: str, _folder: Path) -> None:
    towns = set(desk.district.towns.index[:2])
    for row in desk.ledger.warnings(approval=Approval.WAITING):
        if row.area_code in towns:
            approve(desk, row.message_id, officer="王芳", now=SIGNED)


def _officer_calls(desk: Desk, _scope: str, _folder: Path) -> None:
    with desk.ledger.writing() as session:
        session.execute(update(WarningRow).values(approval_state="waiting"))
    for later in (0, 60):
        assert call_officers(desk, now=ISSUED + later * MINUTE)


def _escalations(desk: Desk, _scope: str, _folder: Path) -> None:
    assert {step.kind for step in climb(desk, SIGNED + 60 * MINUTE)} >= {"second_contact", "upward"}


def _bounces(desk: Desk, _scope: str, folder: Path) -> None:
    box = folder / f"return{len(list(folder.glob('return*')))}"
    (box / "new").mkdir(parents=True)
    for row in desk.ledger.outbox():
        if row.channel == "mail" and row.purpose == "bulletin":
            (box / "new" / str(row.id)).write_bytes(report(row.sender, said=f"smtp; 550 {row.id}"))
    assert all(one.told_instead for one in take_bounces(desk, MaildirMailbox(box), now=SIGNED + MINUTE)[:2])


def _reach_the_living(desk: Desk) -> None:
    """Let a warning have been sent to a real address, an unreal one, and a target in earnest."""
    first, second, *_ = [row for row in desk.ledger.outbox() if row.channel == "mail" and row.purpose == "bulletin"]
    with desk.ledger.writing() as session:
        session.execute(update(Outbox).where(Outbox.id == first.id).values(recipient=LIVE))
        session.execute(update(Outbox).where(Outbox.id == second.id).values(recipient=UNREAL))
        hub = (Outbox.channel == "webhook:hub") & (Outbox.message_id == first.message_id)
        session.execute(update(Outbox).where(hub).values(channel="webhook:live-hub", recipient="live-hub"))


def _rain_lost(desk: Desk, scope: str, _folder: Path) -> None:
    _reach_the_living(desk)
    records = [row.to_record() for row in desk.ledger.warnings()]
    with desk.ledger.decide(now=ISSUED + 60 * MINUTE) as decision:
        # The bulletins of this desk are of the hour before, when rain was known.
        assert tell_rain_lost(desk, decision, records, told=(), scope=scope)


def _water_now(desk: Desk, scope: str, _folder: Path) -> None:
    towns, cycle = desk.district.towns, desk.ledger.last_cycle(desk.code)
    assert cycle is not None
    (code,) = {str(code) for code in towns.index[:1]}
    _reach_the_living(desk)
    table = read_risk(desk.out / cycle.risk_paths["parquet"])
    table["now"], table["now_class"] = "stands", 5
    records = [row.to_record() for row in desk.ledger.warnings()]
    with desk.ledger.decide(now=ISSUED + 60 * MINUTE) as decision:
        told = tell_water_now(desk, decision, table, records, before=ToldNow(numbers={code: 90}), scope=scope)
    assert told.numbers[code] == 91


def _brief(desk: Desk, _scope: str, _folder: Path) -> None:
    assert send_brief(desk, ISSUED + 60 * MINUTE, now=ISSUED + 61 * MINUTE)


def _reports(desk: Desk, _scope: str, _folder: Path) -> None:
    key, month = ReportKey(desk.code, "month", "2021-07"), scope_for(desk, "month", "2021-07", "review")
    with desk.ledger.decide(now=month.issued_at) as decision:
        assert queue_report(desk, decision, key, month, revision=0, files={}, chair="王主任") >= 2


PRODUCERS = {
    "bulletin": _bulletins,
    "officer call": _officer_calls,
    "second contact and upward": _escalations,
    "bounce": _bounces,
    "water now": _water_now,
    "rain lost": _rain_lost,
    "brief": _brief,
    "report": _reports,
}
SCOPE_CONSTANTS = (
    "wuyu.messages.letters.RESTRICTED", "wuyu.issuing.bulletins.RESTRICTED", "wuyu.issuing.issue.RESTRICTED",
    "wuyu.cycle.RESTRICTED",
)  # fmt: skip


@pytest.mark.parametrize("path", PRODUCERS)
def test_what_each_path_queues(
    path: str, turned: Callable[..., Desk], unsigned: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for status, scope, demonstration in CASES:
        if path == "bulletin" and scope != "Restricted":
            continue  # made with maps and PDF; other scopes of its mail are among those that the senders get
        for constant in SCOPE_CONSTANTS:
            monkeypatch.setattr(constant, scope)
        desk = turned(status, demonstration, unsigned if path == "bulletin" else None)
        before = {row.id for row in desk.ledger.outbox()}
        PRODUCERS[path](desk, scope, tmp_path)
        rows = [row for row in desk.ledger.outbox() if row.id not in before]
        case = (path, status, scope, demonstration)
        in_earnest = status == "Actual" and not demonstration
        assert {(row.status, row.scope, row.demonstration) for row in rows} == {(status, scope, demonstration)}, case
        mails = [row for row in rows if row.channel == "mail"]
        assert {_is_live(desk, row) for row in mails} == {True, False}, case
        for row in rows:
            may_leave = row.state not in (OutboxState.FAILED, OutboxState.WITHDRAWN)
            expected = in_earnest if _is_live(desk, row) else status != "Actual" or row.channel == "mail"
            assert may_leave is expected, (*case, row.channel, row.recipient, row.state, row.last_error)
            if not may_leave:
                assert row.last_error, case


@pytest.mark.parametrize(("status", "demonstration"), list(product(IN_SETTINGS, (True, False))))
def test_the_watcher(turned: Callable[..., Desk], tmp_path: Path, status: str, demonstration: bool) -> None:
    """Alarm, all-well and heartbeat do not pass the outbox: the guard is asked on the spot. Their scope is Private."""
    settings = turned(status, demonstration).district.settings
    posted: list[str] = []

    def post(sender: str, recipient: str, body: bytes) -> Outcome:
        posted.append(recipient)
        return Outcome(state=OutboxState.SENT, stage=SmtpStage.DONE, code=250, text=f"{sender} {len(body)}")

    alarm = tell(
        settings, WatchLook(problems=[Problem("x", "某", "x")]), tmp_path, root=tmp_path, post=post, now=wall()
    )
    well = tell(settings, WatchLook(), tmp_path, root=tmp_path, post=post, now=wall())
    assert (alarm.mails, well.mails) == (["alarm", "heartbeat"], ["all-well"])
    in_earnest = status == "Actual" and not demonstration
    assert posted == [LIVE, UNREAL] * 3 if in_earnest else [UNREAL] * 3
    assert len(alarm.unsent) + len(well.unsent) == (0 if in_earnest else 3)


@pytest.mark.parametrize("status", IN_SETTINGS)
def test_a_backfill_queues_nothing(turned: Callable[..., Desk], status: str) -> None:
    desk = turned(status, False)
    before = desk.ledger.outbox_counts()
    with pytest.raises(ConfigError, match="no longer warned about"):
        run_cycle(desk, ISSUED - timedelta(hours=1), drafts=False)
    assert desk.ledger.outbox_counts() == before


# What is let go


class Scene:
    """Places that take everything, and an outbox in which every combination is due."""

    def __init__(self, base: Path, folder: Path, *, hubs: dict[str, HttpServer], post: FaultyServer) -> None:
        self.folder, self.hubs, self.post = folder, hubs, post
        shutil.copytree(base, folder)
        path = folder / "mini" / "district.yaml"
        path.write_text(self._settings(path.read_text(encoding="utf-8")), encoding="utf-8")
        for place in ("drop-drill", "drop-live"):
            (self.out / place).mkdir()
        with open_ledger(self.out / "ledger.sqlite") as ledger, ledger.writing() as session:
            for status, scope, demonstration in product(STATUSES, SCOPES, (True, False)):
                for place, (channel, recipient) in PLACES.items():
                    tag = f"{place}-{status}-{scope}-{demonstration}"
                    body = _body(channel, tag)
                    session.add(MessageBody(sha256=tag, body=body))
                    session.flush()
                    session.add(
                        Outbox(
                            message_id=tag, purpose="bulletin", about=tag, channel=channel,
                            recipient=recipient, sender="duty@mini.example",
                            subject=tag,
                            status=status, scope=scope, demonstration=demonstration,
                            mail_message_id=f"<{tag}@x.example>",
                            body_sha256=tag, decided_at=ISSUED, not_before=ISSUED - timedelta(days=1),
                            expires_at=datetime(2100, 1, 1, tzinfo=UTC), state="pending", attempts=0,
                        )
                    )  # fmt: skip

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def place(self) -> list[str]:
        return ["--district", str(self.folder / "mini"), "--out", str(self.out)]

    def _settings(self, text: str) -> str:
        head, _, rest = text.partition("channels:\n")
        lines = []
        for kind in ("webhook", "file", "sms"):
            for way in ("drill", "live"):
                line = f"  - {{id: {kind}-{way}, kind: {kind}, exercise: {str(way == 'drill').lower()}"
                line += f", path: drop-{way}" if kind == "file" else ""
                line += "" if kind == "file" else f', url: "{self.hubs[way].url}", secret_env: WUYU_TEST_SECRET'
                line += ', from_level: orange, numbers: ["+8613800000000"]' if kind == "sms" else ""
                lines.append(line + ", scopes: [Public, Restricted]}")
        return head + "channels:\n" + "\n".join(lines) + "\n" + rest[rest.index("watch:") :]

    def arrived(self) -> set[str]:
        """Return the tags of what came to any place; what a replay adds of its own has none."""
        found = {name.strip("<>").partition("@")[0] for _, name in self.post.taken}
        for hub in self.hubs.values():
            found |= {json.loads(one.body).get("tag", "") for one in hub.taken}
        found |= {path.name.removesuffix(".json") for path in self.out.glob("drop-*/*.json")}
        return {tag for tag in found if tag.split("-")[0] in ("mail", "webhook", "file", "sms")}


def _body(channel: str, tag: str) -> bytes:
    if channel == "mail":
        return f"Message-ID: <{tag}@x.example>\r\n\r\nhi\r\n".encode()
    if channel.startswith("file"):
        return json.dumps({"schema": FILES_SCHEMA, "message_id": tag, "index": {}, "files": []}).encode()
    return json.dumps({"tag": tag, "message_id": tag, "to": "+8613800000000", "texts": ["x"]}).encode()


PLACES = {"mail-live": ("mail", LIVE), "mail-drill": ("mail", UNREAL)} | {
    f"{kind}-{way}": (f"{kind}:{kind}-{way}", "+8613800000000" if kind == "sms" else f"{kind}-{way}")
    for kind in ("webhook", "file", "sms")
    for way in ("live", "drill")
}


def _may_arrive(*, mail_only: bool) -> set[str]:
    """Return what may arrive, by the rule of the district's own words."""
    allowed = set()
    for place, status, scope, demonstration in product(PLACES, STATUSES, SCOPES, (True, False)):
        kind, way = place.split("-")
        if kind == "mail":
            fits = status != "Draft" if way == "drill" else status == "Actual" and not demonstration
        else:
            fits = status not in ("Actual", "Draft") if way == "drill" else status == "Actual" and not demonstration
            fits = fits and scope != "Private" and not mail_only
        if fits:
            allowed.add(f"{place}-{status}-{scope}-{demonstration}")
    return allowed


@pytest.fixture
def scene(base: Path, tmp_path: Path, faulty: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setenv("WUYU_TEST_SECRET", SECRET)
    monkeypatch.setenv("WUYU_ACK_KEYS", KEYS)
    with HttpServer() as drill, HttpServer() as live:
        made = Scene(base, tmp_path / "scene", hubs={"drill": drill, "live": live}, post=faulty)
        variables = service.environment(
            district=made.folder / "mini", out=made.out, smtp_host="127.0.0.1", smtp_port=faulty.port
        )
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        service._open.cache_clear()
        service._open_station.cache_clear()
        yield made
        service._open.cache_clear()
        service._open_station.cache_clear()


def _relay(scene: Scene) -> None:
    desk = begin_desk(scene.folder / "mini", scene.out)
    mail = SmtpSettings(host="127.0.0.1", port=scene.post.port)
    dispatch_all(desk.ledger, ways(desk, lambda: SmtpTransport(mail), clock=wall), clock=wall, relays=2)
    desk.ledger.close()


def _command_line(scene: Scene) -> None:
    main(["dispatch", *scene.place, "--smtp-port", str(scene.post.port), "--relays", "2"])


def _delivery_dag(_scene: Scene) -> None:
    for way in jobs.delivery_ways():
        jobs.deliver_by(way)


def _mail_of_a_dag(_scene: Scene) -> None:
    """What the tasks `dispatch` of approval, acknowledgement and warning_cycle do."""
    with service.transport_from_environment() as transport:
        deliver(service.station_from_environment().ledger, transport, clock=wall)


def _replay_dag(_scene: Scene) -> None:
    jobs.replay_block([ISSUED.isoformat()])


SENDERS: dict[str, tuple[Callable[[Scene], None], bool]] = {
    "relay": (_relay, False),
    "wuyu dispatch": (_command_line, False),
    "DAG delivery, periodic reports": (_delivery_dag, False),
    "DAG approval, acknowledgement, warning_cycle": (_mail_of_a_dag, True),
    "DAG storm_replay": (_replay_dag, False),
}


@pytest.mark.parametrize("sender", SENDERS)
def test_what_each_sender_lets_go(sender: str, scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows that no producer would have made, as if somebody had written them into the ledger."""
    send, mail_only = SENDERS[sender]
    send(scene)
    capsys.readouterr()
    assert scene.arrived() == _may_arrive(mail_only=mail_only)
    with open_ledger(scene.out / "ledger.sqlite") as ledger:
        ours = [row for row in ledger.outbox() if row.mail_message_id.endswith("@x.example>")]
        assert len(ours) == len(PLACES) * 30
        if not mail_only:
            assert {row.state for row in ours} == {"sent", "failed"}
            assert all(row.last_error for row in ours if row.state == "failed")


def test_the_tasks_of_the_dags_send_by_nothing_else() -> None:
    """`_mail_of_a_dag` does what they do."""
    for name in ("approval", "acknowledgement", "warning_cycle"):
        text = " ".join(_text(f"dags/{name}.py").split())
        assert "deliver(station_from_environment().ledger, transport, clock=wall_clock, now=time_now()).counts" in text
        assert "with transport_from_environment() as transport:" in text
    assert 'deliver_by("mail")' in _text("dags/periodic_reports.py")
    assert "deliver_by(way)" in _text("dags/delivery.py")
    assert "replay_block" in _text("dags/storm_replay.py")
