"""Answers to a message that water stands: by code on the telephone, by mail, unanswered; and what each may change."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from sqlalchemy import select

from risk_models.errors import ConfigError
from tests.wuyu.delivery.desks import ISSUED, KEYS
from wuyu.ack.codes import reply_code
from wuyu.ack.escalation import escalate
from wuyu.ack.water import (
    ANSWERABLE,
    NowAnswer,
    NowAsked,
    ask_now,
    asked_of_code,
    open_asked,
    record_now,
    take_unanswered,
)
from wuyu.cli import main
from wuyu.cycle import run_cycle
from wuyu.desk import Desk
from wuyu.keys import Keys
from wuyu.ledger import Outbox, Sighting
from wuyu.ledger.models import LogEntry
from wuyu.ledger.tasks import open_tasks
from wuyu.observing import known_sights
from wuyu.returns.now_words import now_meaning_of
from wuyu.returns.replies import ReplyOutcome, take_replies

pytestmark = pytest.mark.xdist_group("storm")

MINUTE = timedelta(minutes=1)
NOW = ISSUED + 5 * MINUTE
SERVER = "mx.mini.example"
BOX = "town@mini.example"


@pytest.fixture
def asked(desk: Desk) -> NowAsked:
    """The message that the cycle sent, and that waits for its answer."""
    (waiting,) = open_asked(desk.ledger, desk.code, NOW)
    return waiting


@pytest.fixture
def several(desk: Desk, asked: NowAsked) -> NowAsked:
    """Another message to the same town, which names two places."""
    first, second = (str(name) for name in desk.district.hotspots.index[:2])
    more = dataclasses.replace(
        asked, message_id=f"{asked.message_id}9", places={first: ["甲", "A"], second: ["乙", "B"]}, readers=(BOX,)
    )
    with desk.ledger.decide(now=asked.asked_at) as decision:
        ask_now(decision, more)
    return more


def _mailbox(desk: Desk, asked: NowAsked) -> str:
    return str(desk.district.towns.at[asked.area_code, "mailbox"])


def _code(asked: NowAsked, reader: str) -> str:
    return reply_code(Keys.parse(KEYS, source="test"), asked.message_id, reader)


def _sights(desk: Desk) -> list[Sighting]:
    with desk.ledger.reading() as session:
        return list(session.scalars(select(Sighting).order_by(Sighting.id)))


def _bodies(desk: Desk, asked: NowAsked) -> Iterator[tuple[str, str, bytes]]:
    with desk.ledger.reading() as session:
        for row in session.scalars(select(Outbox).where(Outbox.message_id == asked.message_id)):
            yield row.channel, row.recipient, row.content.body


def test_the_mail_and_the_text_message_of_the_town_bear_a_code_of_their_own(desk: Desk, asked: NowAsked) -> None:
    told = list(_bodies(desk, asked))
    for channel, recipient, body in told:
        code = _code(asked, recipient)
        if channel == "mail":
            text = message_from_bytes(body, policy=policy.default).get_content()
            assert (code in text) is (recipient in asked.readers)
            assert "积水已退" in text
        elif channel.startswith("sms"):
            assert (code in body.decode()) is (recipient in asked.readers)
        else:
            assert not any(_code(asked, reader) in body.decode() for reader in asked.readers)
    assert any(channel.startswith("sms") and recipient in asked.readers for channel, recipient, _ in told)


def test_water_gone_with_a_name_is_a_persons_look_and_ends_the_place_in_the_next_cycle(
    desk: Desk, asked: NowAsked
) -> None:
    place = sorted(asked.places)[0]
    answers = {place: [NowAnswer.WATER_GONE]}
    given = {"reader": _mailbox(desk, asked), "name": "王值班", "channel": "web", "now": NOW}
    assert record_now(desk.ledger, asked, answers, **given)
    assert not record_now(desk.ledger, asked, answers, **given)
    (sight,) = _sights(desk)
    assert (sight.hotspot_id, sight.seen, sight.source, sight.by) == (place, "dry", "town", "王值班")
    seen = known_sights(desk, NOW + MINUTE).table
    row = seen.loc[seen["hotspot_id"] == place].iloc[-1]
    assert (row["source"], row["seen"], row["by"], row["confidence"]) == ("town", "dry", "王值班", 1.0)


@pytest.mark.parametrize("answer", [one for one in NowAnswer if one is not NowAnswer.WATER_GONE])
def test_every_other_answer_says_nothing_of_the_water(desk: Desk, asked: NowAsked, answer: NowAnswer) -> None:
    before = len(open_tasks(desk.ledger))
    answers = dict.fromkeys(asked.places, (answer,))
    assert record_now(desk.ledger, asked, answers, reader=_mailbox(desk, asked), name="王", channel="web", now=NOW)
    assert _sights(desk) == []
    tasks = open_tasks(desk.ledger)[before:]
    assert ["cannot reach" in task.detail["task"] for task in tasks] == [True] * (answer is NowAnswer.CANNOT_REACH)


def test_what_cannot_be_taken_is_refused_and_nothing_is_written(desk: Desk, asked: NowAsked) -> None:
    place, gone = sorted(asked.places)[0], NowAnswer.WATER_GONE
    for answers, name, why in (
        ({place: [gone]}, " ", "the name of who answers"),
        ({}, "王", "at least of one place"),
        ({place: []}, "王", "at least of one place"),
        ({"EQ-999": [gone]}, "王", "names no EQ-999"),
        ({place: [gone, NowAnswer.CANNOT_REACH]}, "王", "cannot both be"),
    ):
        with pytest.raises(ConfigError, match=why):
            record_now(desk.ledger, asked, answers, reader="a@b.example", name=name, channel="web", now=NOW)
    assert _sights(desk) == []


def test_who_does_not_answer_in_time_becomes_one_task_and_nobody_is_written_to(
    desk: Desk, asked: NowAsked, several: NowAsked
) -> None:
    assert record_now(
        desk.ledger, asked, dict.fromkeys(asked.places, (NowAnswer.CLOSED,)), reader=_mailbox(desk, asked), name="王",
        channel="web", now=NOW,
    )  # fmt: skip
    silent = {several.message_id}
    due = asked.due_at
    assert due == asked.asked_at + 10 * MINUTE
    assert take_unanswered(desk, due - MINUTE) == []
    mails = len(desk.ledger.outbox())
    assert set(take_unanswered(desk, due)) == silent
    assert take_unanswered(desk, due + MINUTE) == []
    assert len(desk.ledger.outbox()) == mails
    told = [task for task in open_tasks(desk.ledger) if "has not answered: call" in task.detail["task"]]
    assert {task.message_id for task in told} == silent


def test_the_run_of_every_minute_raises_it(desk: Desk, asked: NowAsked) -> None:
    escalate(desk, asked.due_at)
    with desk.ledger.reading() as session:
        noted = set(session.scalars(select(LogEntry.message_id).where(LogEntry.what == "now-unanswered")))
    assert asked.message_id in noted


def test_a_code_is_good_for_one_message_its_reader_and_its_time(desk: Desk, asked: NowAsked) -> None:
    keys, box = Keys.parse(KEYS, source="test"), _mailbox(desk, asked)
    code = _code(asked, box)
    waiting = open_asked(desk.ledger, desk.code, NOW)
    assert asked_of_code(waiting, keys, code.lower()) == [(asked, box)]
    assert asked_of_code(waiting, keys, code, ["other@mini.example"]) == []
    assert asked_of_code(waiting, keys, "0123456789") == []
    assert open_asked(desk.ledger, desk.code, asked.asked_at + ANSWERABLE) == []
    assert open_asked(desk.ledger, "another", NOW) == []


class _Box:
    """Mails in memory."""

    def __init__(self, *mails: bytes) -> None:
        self.all = dict(enumerate(mails))

    def mails(self) -> list[tuple[str, bytes]]:
        return [(str(key), raw) for key, raw in self.all.items()]

    def done(self, key: str) -> None:
        del self.all[int(key)]


def _reply(sender: str, text: str, *, proven: bool = True) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "duty@mini.example", "Re: 正在发生"
    verdict = "pass" if proven else "fail"
    message["Authentication-Results"] = f"{SERVER}; dmarc={verdict} header.from=mini.example"
    message.set_content(text)
    return message.as_bytes()


@pytest.mark.parametrize(
    ("text", "proven", "outcome", "gone"),
    [
        ("{code} 积水全部已退 王值班", True, ReplyOutcome.ANSWERED, True),
        ("{code} 积水已退 王值班", True, ReplyOutcome.TO_READ, False),  # of which of the places?
        ("{code} 已封闭，人员已撤。王值班", True, ReplyOutcome.ANSWERED, False),
        ("{code} 积水全部未退 王值班", True, ReplyOutcome.TO_READ, False),
        ("{code} 积水全部已退，北口还有积水 王值班", True, ReplyOutcome.TO_READ, False),
        ("{code} 积水全部已退 王值班", False, ReplyOutcome.CLAIMED, False),
        ("{code} 收到 王值班", True, ReplyOutcome.TO_READ, False),
    ],
)
def test_a_reply_by_mail_counts_only_if_it_is_proven_and_plain(
    desk: Desk, several: NowAsked, text: str, proven: bool, outcome: ReplyOutcome, gone: bool
) -> None:
    raw = _reply(BOX, text.format(code=_code(several, BOX)), proven=proven)
    taken = take_replies(desk, _Box(raw), now=NOW, authserv_id=SERVER)
    assert [one.outcome for one in taken] == [outcome]
    assert [one.task for one in taken] == [outcome is not ReplyOutcome.ANSWERED]
    assert bool(_sights(desk)) is gone
    assert {sight.by for sight in _sights(desk)} <= {"王值班"}


def test_a_reply_that_only_quotes_our_mail_says_nothing(desk: Desk, asked: NowAsked) -> None:
    """All four answers stand in our own mail."""
    box = _mailbox(desk, asked)
    body = next(body for channel, to, body in _bodies(desk, asked) if (channel, to) == ("mail", box))
    ours = message_from_bytes(body, policy=policy.default).get_content()
    for quoted in (ours, "\n".join(f"> {line}" for line in ours.splitlines())):
        taken = take_replies(desk, _Box(_reply(box, quoted)), now=NOW, authserv_id=SERVER)
        assert [one.outcome for one in taken] == [ReplyOutcome.TO_READ]
    assert _sights(desk) == []


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("57DE2C4B93 道路已封闭 张三", {"closed"}),
        ("57DE2C4B93 人员已全部撤离，积水已排空 李四", {"people_out", "water_gone"}),
        ("57DE2C4B93 无法到达 王值班", {"cannot_reach"}),
        ("57DE2C4B93 closed, people out", {"closed", "people_out"}),
        ("57DE2C4B93 无法到达，已封闭 王值班", set()),
        ("57DE2C4B93 未封闭 王值班", set()),
        ("57DE2C4B93 积水退了一半 王值班", set()),
        ("57DE2C4B93 人员已撤？", set()),
    ],
)
def test_words_of_towns(text: str, answers: set[str]) -> None:
    assert set(map(str, now_meaning_of([text]).answers)) == answers


def test_the_verb_notes_a_call_and_lists_what_waits(
    desk: Desk, asked: NowAsked, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--district", str(desk.root), "--out", str(desk.out), "--at", NOW.isoformat()]
    code, phone = _code(asked, _mailbox(desk, asked)), asked.phone
    assert main(["ack", "now", *place]) == 0
    assert f"{asked.town} {phone}" in capsys.readouterr().out
    call = ["ack", "now", code, "--answer", "closed", "--name", "王值班", *place]
    assert main(call) == 2
    assert "--officer NAME" in capsys.readouterr().err
    assert main([*call, "--officer", "李明"]) == 0
    assert "noted: closed" in capsys.readouterr().out
    assert main(["ack", "now", *place]) == 0
    assert "王值班" in capsys.readouterr().out
    assert main(["ack", "now", "0123456789", "--answer", "closed", *place]) == 2


def test_the_same_cycle_again_asks_nothing_twice(desk: Desk, asked: NowAsked) -> None:
    before = [one.message_id for one in open_asked(desk.ledger, desk.code, NOW)]
    run_cycle(desk, ISSUED, drafts=False)
    assert [one.message_id for one in open_asked(desk.ledger, desk.code, NOW)] == before
    assert len(set(before)) == len(before)
