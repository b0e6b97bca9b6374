"""Kinds of expectations: what is looked for in mailboxes and ledger, and in which words the table says it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wuyu.drill.script import Expectation
from wuyu.drill.witness import Mark, Witness
from wuyu.ledger.acknowledgements import AckAnswer, AckReply, AckStep
from wuyu.ledger.models import FeedFile, FeedPull, LogEntry, WarningRow
from wuyu.ledger.tasks import OPERATOR_TASK, TASK_DONE
from wuyu.ledger.types import OutboxState

__all__ = ["KINDS", "Found", "Lookout"]

_LOWERING: Final = {"DNG", "CAN", "EXP"}


@dataclass(frozen=True)
class Found:
    """What was found: the time at which it came, or what is still missing (or should not have come).

    Attributes
    ----------
    came : datetime or None
        By the drill's clock; None if it did not come.
    note : str
    """

    came: datetime | None
    note: str = ""


Look = Callable[[Witness, Expectation, Mark], Found]


@dataclass(frozen=True)
class Lookout:
    """One kind of expectation.

    Attributes
    ----------
    look : callable
    zh, en : str
        What is expected; fields of the expectation in braces.
    absent : bool
        True if what is looked for must NOT come: judged once everything has come to rest.
    """

    look: Look
    zh: str
    en: str
    absent: bool = False

    def words(self, expectation: Expectation) -> tuple[str, str]:
        """Return what is expected, Chinese and English."""
        facts = expectation.model_dump()
        return self.zh.format(**facts), self.en.format(**facts)


def _mail(witness: Witness, wanted: Expectation, mark: Mark) -> Found:
    boxes = witness.groups.get(wanted.to, [wanted.to])
    first: dict[str, datetime] = {}
    for letter in witness.letters(wanted.purpose, mark):
        first.setdefault(letter.box, witness.told_at(letter.real))
    missing = [box for box in boxes if box not in first]
    if missing or not boxes:
        return Found(
            None, f"not to {', '.join(missing[:4])}" + (f" and {len(missing) - 4} more" if missing[4:] else "")
        )
    return Found(max(first[box] for box in boxes), f"{len(boxes)} boxes")


def _some_mail(witness: Witness, wanted: Expectation, mark: Mark) -> Found:
    letters = witness.letters(wanted.purpose, mark)
    if len(letters) < wanted.count:
        return Found(None, f"{len(letters)} mails")
    return Found(witness.told_at(letters[wanted.count - 1].real), f"{len(letters)} mails")


def _cycle(witness: Witness, wanted: Expectation, mark: Mark) -> Found:
    done = witness.cycles(mark)
    fitting = [one for one in done if (one.ladder_step or 0) >= wanted.ladder_from]
    if len(fitting) < wanted.count:
        steps = ", ".join(str(one.ladder_step) for one in done)
        return Found(None, f"{len(done)} cycles" + (f" at step {steps}" if steps else ""))
    one = fitting[wanted.count - 1]
    return Found(one.finished_at, f"step {one.ladder_step}, red {one.summary.get('counts', {}).get('red', 0)}")


def _pull(witness: Witness, wanted: Expectation, mark: Mark) -> Found:
    pulls = [one for one in witness.rows(FeedPull, mark) if one.feed_id == wanted.feed]
    return Found(pulls[0].at, f"{pulls[0].accepted} new, {pulls[0].repeated} known") if pulls else Found(None)


def _file(witness: Witness, wanted: Expectation, mark: Mark) -> Found:
    files = [one for one in witness.rows(FeedFile, mark) if one.feed_id == wanted.feed and one.state == wanted.state]
    return Found(files[0].arrived_at, (files[0].error or files[0].name)[:80]) if files else Found(None)


def _answer(witness: Witness, wanted: Expectation, mark: Mark) -> Found:
    for row in witness.rows(AckAnswer, mark):
        if witness.town_of_request(row.request_id) == wanted.town and wanted.state in ("", row.answer):
            return Found(row.at, f"{row.answer} by {row.channel}")
    return Found(None)


def _reply(witness: Witness, wanted: Expectation, mark: Mark) -> Found:
    rows = witness.rows(AckReply, mark)
    fitting = [row for row in rows if row.outcome == wanted.state]
    if not fitting:
        return Found(None, ", ".join(sorted({row.outcome for row in rows})))
    return Found(fitting[0].at, fitting[0].sender)


def _ladder(witness: Witness, wanted: Expectation, mark: Mark) -> Found:
    for row in witness.rows(AckStep, mark):
        if row.kind == wanted.state and witness.town_of_request(row.request_id) == wanted.town:
            return Found(row.at, row.recipient)
    return Found(None)


def _signed(witness: Witness, _wanted: Expectation, mark: Mark) -> Found:
    """Everything that was issued since and had to be signed, has been."""
    rows = [row for row in witness.rows(WarningRow, mark) if row.approval_state != "not_needed"]
    waiting = [row for row in rows if row.approval_state == "waiting"]
    signed = [row.approved_at for row in rows if row.approved_at is not None]
    if waiting or not signed:
        return Found(None, f"{len(waiting)} wait")
    return Found(max(signed), f"{len(signed)} signed")


def _line(witness: Witness, wanted: Expectation, mark: Mark) -> Found:
    for row in witness.rows(LogEntry, mark):
        if row.what == wanted.state and wanted.contains in str(row.detail):
            return Found(row.at, row.who)
    return Found(None)


def _task(witness: Witness, wanted: Expectation, mark: Mark) -> Found:
    for row in witness.rows(LogEntry, mark):
        if row.what == OPERATOR_TASK and wanted.contains in str(row.detail.get("task", "")):
            return Found(row.at, str(row.detail["task"])[:90])
    return Found(None)


def _task_done(witness: Witness, _wanted: Expectation, mark: Mark) -> Found:
    done = [row for row in witness.rows(LogEntry, mark) if row.what == TASK_DONE]
    return Found(done[0].at, done[0].who) if done else Found(None)


def _retry(witness: Witness, _wanted: Expectation, _mark: Mark) -> Found:
    waiting = [row for row in witness.outbox() if row.state in (OutboxState.RETRY, OutboxState.AMBIGUOUS)]
    return Found(witness.hand.now(), f"{len(waiting)} wait: {waiting[0].last_error}") if waiting else Found(None)


def _no_mail(witness: Witness, wanted: Expectation, mark: Mark) -> Found:
    letters = witness.letters(wanted.purpose, mark)
    return Found(witness.told_at(letters[0].real), letters[0].subject) if letters else Found(None)


def _lowered(witness: Witness, _wanted: Expectation, mark: Mark) -> Found:
    lowered = [row for row in witness.rows(WarningRow, mark) if row.action in _LOWERING]
    return Found(lowered[0].issued_at, f"{lowered[0].action} {lowered[0].area_code}") if lowered else Found(None)


def _mail_twice(witness: Witness, _wanted: Expectation, _mark: Mark) -> Found:
    twice = witness.boxes.second_copies()
    return Found(witness.hand.now(), f"{len(twice)}: {twice[0]}") if twice else Found(None)


def _unsent(witness: Witness, _wanted: Expectation, _mark: Mark) -> Found:
    settled = {OutboxState.SENT, OutboxState.WITHDRAWN, OutboxState.EXPIRED}
    left = [row for row in witness.outbox() if row.state not in settled]
    if not left:
        return Found(None, f"{sum(row.state == OutboxState.SENT for row in witness.outbox())} sent")
    return Found(witness.hand.now(), f"{len(left)}, e.g. {left[0].state} to {left[0].recipient}")


def _unread(witness: Witness, _wanted: Expectation, _mark: Mark) -> Found:
    """Mails that the ledger counts as sent and no box holds."""
    held = {(one.box, one.message_id) for one in witness.boxes.letters()}
    sent = [row for row in witness.outbox() if row.state == OutboxState.SENT and row.channel == "mail"]
    lost = [row for row in sent if (row.recipient.lower(), row.message_id) not in held]
    return Found(witness.hand.now(), f"{len(lost)}, e.g. {lost[0].recipient}") if lost else Found(None, f"{len(sent)}")


KINDS: Final = {
    "mail": Lookout(_mail, "邮件（{purpose}）送达：{to}", "mail ({purpose}) in the box of: {to}"),
    "some_mail": Lookout(
        _some_mail, "至少{count}封邮件（{purpose}）送达", "at least {count} mails ({purpose}) delivered"
    ),
    "cycle": Lookout(_cycle, "预警轮次完成（阶梯≥{ladder_from}）", "a cycle finished (ladder step ≥ {ladder_from})"),
    "pull": Lookout(_pull, "查看了数据源 {feed}", "somebody looked into feed {feed}"),
    "file": Lookout(_file, "数据源 {feed} 的文件：{state}", "a file of feed {feed}: {state}"),
    "answer": Lookout(_answer, "镇办 {town} 的答复已入台账 {state}", "answer of town {town} recorded {state}"),
    "reply": Lookout(_reply, "来信判为：{state}", "a mail judged: {state}"),
    "ladder": Lookout(_ladder, "镇办 {town} 未答复，升级：{state}", "town {town} silent, next step: {state}"),
    "signed": Lookout(_signed, "须签发的均已签发", "all that had to be signed is signed"),
    "log": Lookout(_line, "台账记录：{state}", "ledger says: {state}"),
    "task": Lookout(_task, "待办事项：{contains}", "task for an operator: {contains}"),
    "task_done": Lookout(_task_done, "待办事项已结束", "the task has ended"),
    "retry": Lookout(_retry, "未送出的邮件留待重试", "what could not be handed over waits to be tried again"),
    "no_mail": Lookout(_no_mail, "没有新邮件（{purpose}）", "no new mail ({purpose})", absent=True),
    "not_lowered": Lookout(_lowered, "没有预警被降低或解除", "no warning lowered or ended", absent=True),
    "no_mail_twice": Lookout(_mail_twice, "没有一封邮件重复送达", "no mail came twice", absent=True),
    "all_settled": Lookout(_unsent, "应发邮件均已发出", "nothing that should have left is left", absent=True),
    "none_lost": Lookout(
        _unread, "台账称已发的邮件均在信箱内", "every mail that counts as sent lies in its box", absent=True
    ),
}
"""By name."""
