"""The webhook: signed, one id for every copy, time-outs at every stage, and each fault told for what it is."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from risk_models.errors import ConfigError
from tests.patience import until
from tests.wuyu.delivery.http_server import HttpServer
from wuyu.delivery.dispatch import dispatch_all
from wuyu.delivery.relay import deliver
from wuyu.delivery.smtp import Outcome, SmtpStage, SmtpTransport
from wuyu.delivery.summary import as_bytes
from wuyu.delivery.webhook import WebhookSettings, WebhookTransport, secret_bytes, sign, verify
from wuyu.ledger import Ledger, OutboxState
from wuyu.messages.guard import Target
from wuyu.messages.parcel import Parcel, mail_message_id
from wuyu.messages.purpose import Purpose

SECRET = b"0123456789abcdef0123456789abcdef"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
HUB = Target("webhook:hub", exercise=True, scopes=("Public", "Restricted"))
BODY = as_bytes({"message_id": "E-1.r0", "zh": "红色预警", "fill": "x" * 200_000})
PATIENT: dict[str, Any] = {"connect_s": 300, "write_s": 300, "read_s": 300, "total_s": 600}
#: Short only where the other side never moves again: then no machine is too slow for it.
IMPATIENT: dict[str, dict[str, Any]] = {"silent after body": {"read_s": 0.3}, "drop by drop": {"total_s": 5}}


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as running:
        yield running


def _way(url: str, target: Target = HUB, **changes: Any) -> WebhookTransport:
    return WebhookTransport(target, WebhookSettings(url=url, secret=SECRET, **(PATIENT | changes)), clock=lambda: NOW)


def _send(server: HttpServer, body: bytes = BODY) -> Outcome:
    return _way(server.url, **IMPATIENT.get(server.fault, {})).send("duty", "hub", body)


def test_a_post_can_be_proven_by_its_receiver(server: HttpServer) -> None:
    assert _send(server).state is OutboxState.SENT
    (taken,) = server.taken
    assert taken.body == BODY
    assert verify(SECRET, taken.headers, taken.body, now=NOW)
    assert not verify(SECRET[::-1], taken.headers, taken.body, now=NOW)
    assert not verify(SECRET, taken.headers, taken.body + b" ", now=NOW)
    assert not verify(SECRET, taken.headers | {"webhook-id": "E-2.r0"}, taken.body, now=NOW)
    assert not verify(SECRET, taken.headers, taken.body, now=NOW + timedelta(minutes=6)), "a replay later"
    assert not verify(SECRET, {}, taken.body, now=NOW)
    assert taken.headers["idempotency-key"] == taken.headers["webhook-id"] == "E-1.r0"


@pytest.mark.parametrize(
    ("fault", "state", "stage", "is_fault_of_server"),
    [
        ("200", "sent", SmtpStage.DONE, False),
        ("204", "sent", SmtpStage.DONE, False),
        ("302", "failed", SmtpStage.DOT, False),
        ("400", "failed", SmtpStage.DOT, False),
        ("404", "failed", SmtpStage.DOT, False),
        ("early 413", "failed", None, False),
        ("401", "retry", SmtpStage.DOT, True),
        ("408", "retry", SmtpStage.DOT, False),
        ("429", "retry", SmtpStage.DOT, True),
        ("500", "retry", SmtpStage.DOT, True),
        ("503", "retry", SmtpStage.DOT, True),
        ("cut in body", "ambiguous", None, True),
        ("cut after body", "ambiguous", SmtpStage.DOT, True),
        ("silent after body", "ambiguous", SmtpStage.DOT, True),
        ("drop by drop", "ambiguous", SmtpStage.DOT, True),
        ("garbage", "ambiguous", SmtpStage.DOT, True),
        ("endless answer", "sent", SmtpStage.DONE, False),
    ],
)
def test_each_fault_is_told_for_what_it_is(
    server: HttpServer, fault: str, state: str, stage: SmtpStage | None, is_fault_of_server: bool
) -> None:
    server.fault = fault
    body = BODY + b" " * 20_000_000 if fault in ("cut in body", "early 413") else BODY
    outcome = _send(server, body)
    if fault == "early 413" and outcome.code is None:  # the answer was lost with the connection
        state, is_fault_of_server = "ambiguous", True
    assert (str(outcome.state), outcome.is_session_fault) == (state, is_fault_of_server)
    assert stage is None or outcome.stage is stage
    assert "\x1b" not in outcome.text


def test_a_port_nobody_listens_on_is_tried_again() -> None:
    outcome = _way("http://127.0.0.1:1/").send("duty", "hub", BODY)
    assert (outcome.state, outcome.stage, outcome.is_session_fault) == (OutboxState.RETRY, SmtpStage.CONNECT, True)


def test_a_server_that_never_accepts_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        url = f"https://127.0.0.1:{deaf.getsockname()[1]}/"
        outcome = _way(url, connect_s=0.3).send("duty", "hub", BODY)  # TLS never comes about
    assert (outcome.state, outcome.stage) == (OutboxState.RETRY, SmtpStage.CONNECT)
    assert "within" not in outcome.text, "the time to connect has run out, not that of the whole"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"\xff", b'{"message_id": "a\\nb: c"}', b'{"message_id": ""}', b"1"]
)
def test_a_body_that_names_no_message_goes_nowhere(server: HttpServer, body: bytes) -> None:
    assert _send(server, body).state is OutboxState.FAILED
    assert server.taken == []


def test_secrets() -> None:
    assert secret_bytes("a" * 16) == b"a" * 16
    for text in ("short", "whsec_!!!", "whsec_c2hvcnQ="):
        with pytest.raises(ConfigError, match=r"16 bytes|base64"):
            secret_bytes(text)
    assert SECRET.decode() not in repr(WebhookSettings(url="https://a.example/", secret=SECRET))
    with pytest.raises(ConfigError, match="no readable certificate"):
        _way("https://a.example/", ca_file="absent.pem")


def test_signature_is_that_of_the_published_example() -> None:
    """From the specification of Standard Webhooks, "Signature scheme"."""
    secret = secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def _queue(ledger: Ledger, at: datetime, target: Target, body: bytes = BODY, recipient: str = "hub") -> int:
    name = target.channel
    parcel = Parcel(
        message_id="E-1.r0", purpose=Purpose.BULLETIN, about="E-1.r0", channel=name, sender="duty@erqi.example",
        recipient=recipient, subject="红色",
        status="Exercise", scope="Restricted", demonstration=True, decided_at=at, body=body, target=target,
        mail_message_id=mail_message_id("E-1.r0", name, recipient, "erqi.example"),
    )  # fmt: skip
    with ledger.decide(now=at) as decision:
        return decision.queue(parcel, expires_at=at + timedelta(hours=6)).id


def test_an_unclear_end_is_tried_again_as_the_same_message(
    ledger: Ledger, server: HttpServer, clock: Any, at: datetime
) -> None:
    _queue(ledger, at, HUB)
    server.fault = "cut after body"
    assert deliver(ledger, _way(server.url), clock=clock, now=at).counts == {"ambiguous": 1}
    server.fault = "200"
    clock.forward(15)
    assert deliver(ledger, _way(server.url), clock=clock, now=at).counts == {"sent": 1}
    first, second = server.taken
    assert first.body == second.body
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


def test_dead_ends_delay_nobody_else(
    ledger: Ledger, server: HttpServer, queue: Callable[..., list[int]], at: datetime, clock: Any,
    transport: SmtpTransport, faulty: Any,
) -> None:  # fmt: skip
    """A silent, an absent and a misconfigured way beside a good one and mail: the good ones have all by the end."""
    dead, absent, unset = (HUB._replace(channel=f"webhook:{name}") for name in ("dead", "absent", "unset"))
    for target in (HUB, dead, absent, unset):
        _queue(ledger, at, target)
    queue(ledger, *[f"t{n}@town.example" for n in range(5)])
    with HttpServer(fault="silent after body") as silent:

        def refuse() -> WebhookTransport:
            raise ConfigError("the secret is not set")

        def hang_up() -> None:
            """End the silence when all that is good has come: were one way to wait for another, it would never end."""
            until("what is good", lambda: silent.taken and server.taken and len(faulty.taken) == 5)
            silent.hang_up()

        watch = threading.Thread(target=hang_up)
        watch.start()
        ways: dict[str, Any] = {
            "webhook:dead": lambda: _way(silent.url, dead),
            "webhook:absent": lambda: _way("http://127.0.0.1:1/", absent),
            "webhook:unset": refuse,
            "mail": lambda: transport,
            "webhook:hub": lambda: _way(server.url),
        }
        reports = dispatch_all(ledger, ways, clock=clock, now=at)
        watch.join()
    assert {name: report.counts for name, report in reports.items()} == {
        "webhook:dead": {"ambiguous": 1}, "webhook:absent": {"retry": 1}, "webhook:unset": {},
        "mail": {"sent": 5}, "webhook:hub": {"sent": 1},
    }  # fmt: skip
    assert reports["webhook:unset"].stopped == "the secret is not set"
    assert len(faulty.taken) == 5
    assert {row.channel: row.state for row in ledger.outbox()} == {
        "webhook:hub": "sent", "webhook:dead": "ambiguous", "webhook:absent": "retry", "webhook:unset": "pending",
        "mail": "sent",
    }  # fmt: skip


def test_the_guard_is_asked_again_before_anything_leaves(
    ledger: Ledger, server: HttpServer, clock: Any, at: datetime
) -> None:
    """An exercise was queued for an exercise target, which the settings now say takes what is meant."""
    _queue(ledger, at, HUB)
    live = HUB._replace(exercise=False)
    assert deliver(ledger, _way(server.url, live), clock=clock, now=at).counts == {"failed": 1}
    assert server.taken == []
    assert "takes only what is meant" in str(ledger.outbox()[0].last_error)


def test_json_of_a_summary_is_utf8() -> None:
    assert json.loads(BODY)["zh"] == "红色预警"
