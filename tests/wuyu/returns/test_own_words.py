"""Whose words are whose: mails of ours quoted back in every style, and what people write beside them."""

# ruff: noqa: F401, F811 - fixtures of another folder come by their names
from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from tests.wuyu.ack.conftest import ISSUED, desk, issued_desk, waiting
from tests.wuyu.returns.test_replies import PASSED, SERVER, Box
from wuyu.ack.book import Standing
from wuyu.ack.escalation import escalate
from wuyu.desk import Desk
from wuyu.ledger import AckAnswer, Outbox
from wuyu.ledger.acknowledgements import Answer, ReplyOutcome
from wuyu.ledger.tasks import open_tasks
from wuyu.returns.mailtext import MailText, html_words, text_of
from wuyu.returns.quotation import Sent, own_words, sent_mail
from wuyu.returns.replies import read_reply, take_replies
from wuyu.returns.words import meaning_of

Quote = Callable[[str, str], str]


def _mails(desk: Desk, waiting: Standing) -> dict[str, EmailMessage]:
    """Return the mails that went out about a bulletin, the second contact's too, by recipient."""
    assert waiting.request.due_at is not None
    escalate(desk, waiting.request.due_at)
    query = select(Outbox).where(Outbox.about == waiting.request.message_id, Outbox.channel == "mail")
    query = query.where(Outbox.purpose != "now")  # what says where water stands asks for no answer
    with desk.ledger.reading() as session:
        return {
            row.recipient: message_from_bytes(row.content.body, policy=policy.default) for row in session.scalars(query)
        }


HEADS = {
    "none": "",
    "English": "On Tue, Jul 20, 2021 at 14:04 duty <duty@mini.example> wrote:\n\n",
    "Chinese": '在 2021-07-20 14:04:12，"值班室" <duty@mini.example> 写道：\n',
    "traditional": "值班室 <duty@mini.example> 於 2021年7月20日 週二 下午2:04 寫道：\n\n",
    "Outlook": "________________________________\nFrom: duty <duty@mini.example>\nSent: Tuesday, July 20, 2021 2:04 PM"
    "\nTo: town <town@mini.example>\nSubject: {subject}\n\n",
    "Foxmail": "\n发件人： 值班室 <duty@mini.example>\n发送时间： 2021-07-20 14:04\n收件人： town@mini.example\n"
    "主题： {subject}\n",
    "NetEase": "---- 回复的原邮件 ----\n| 发件人 | 值班室<duty@mini.example> |\n| 日期 | 2021年07月20日 14:04 |\n"
    "| 收件人 | <town@mini.example> |\n| 主题 | {subject} |\n",
    "original": '------------------ 原始邮件 ------------------\n发件人: "值班室" <duty@mini.example>;\n'
    '发送时间: 2021年7月20日(星期二) 下午2:04\n收件人: "town"<town@mini.example>;\n主题: {subject}\n\n',
    "forwarded": "---------- Forwarded message ----------\n",
}


def _wrapped(text: str, width: int) -> str:
    return "\n".join(part for line in text.splitlines() for part in textwrap.wrap(line, width) or [""])


BODIES: dict[str, Callable[[str], str]] = {
    "bare": lambda text: text,
    ">": lambda text: textwrap.indent(text, "> ", lambda _: True),
    ">>": lambda text: textwrap.indent(text, ">>", lambda _: True),
    "|": lambda text: textwrap.indent(text, "| ", lambda _: True),
    "indented": lambda text: textwrap.indent(text, "    "),
    "wrapped and marked": lambda text: textwrap.indent(_wrapped(text, 40), "> ", lambda _: True),
    "wrapped": lambda text: _wrapped(text, 61),
    "joined": lambda text: text.replace("\n\n", "\0").replace("\n", " ").replace("\0", "\n\n"),
    "empty lines gone": lambda text: re.sub(r"\n+", "\n", text),
}


def _answered(
    desk: Desk, sender: str, text: str, *, subtype: str = "plain", subject: str = "Re: warning"
) -> ReplyOutcome:
    message = EmailMessage()
    message["Authentication-Results"] = PASSED
    message["From"] = f"王值班 <{sender}>"
    message["Subject"] = subject
    message.set_content(text, subtype=subtype)
    (taken,) = take_replies(desk, Box(message.as_bytes()), now=ISSUED, authserv_id=SERVER)  # type: ignore[arg-type]
    return taken.outcome


def _tasks(desk: Desk) -> list[str]:
    """Return what waits for an operator, but for towns that have not answered where water stands."""
    told = [str(entry.detail["task"]) for entry in open_tasks(desk.ledger)]
    return [task for task in told if not task.startswith("water stands at")]


def test_a_mail_of_ours_quoted_in_any_style_is_ours(desk: Desk, waiting: Standing) -> None:
    count = 0
    for mail in _mails(desk, waiting).values():
        ours = text_of(mail)
        subject = str(mail["Subject"])
        sent = [sent_mail(ours, subject)]
        assert "无法处置" in ours.plain or "叫应码" in ours.plain
        for head in HEADS.values():
            for name, body in BODIES.items():
                quoted = head.format(subject=f"Re: {subject}") + body(ours.plain)
                for text in (f"收到\n\n{quoted}", f"{quoted}\n\n收到\n"):
                    own = own_words(text, sent)
                    assert (own.lines, own.marked) == (("收到",), ()), (name, head)
                    count += 1
                halves = quoted.splitlines(keepends=True)
                middle = len(halves) // 2
                between = "".join([*halves[:middle], "\n泵站停电，来不了人\n\n", *halves[middle:]])
                assert "泵站停电，来不了人" in own_words(between, sent).lines, (name, head)
    assert count == 2 * 2 * len(HEADS) * len(BODIES)


@pytest.mark.parametrize(
    "frame", ["<div>{}</div>", "<blockquote>{}</blockquote>", "<div style='border-left:1px'>{}</div>"]
)
def test_html_quoted_back_is_ours(desk: Desk, waiting: Standing, frame: str) -> None:
    for sender, mail in _mails(desk, waiting).items():
        ours = text_of(mail)
        inner = ours.html or escape(ours.plain).replace("\n", "<br>")
        code = re.search(r"[0-9A-F]{10}", ours.plain)
        assert code
        text = (
            f"<p>收到 {code[0]}</p><p>在2021年7月20日，值班室&lt;duty@mini.example&gt; 写道：</p>{frame.format(inner)}"
        )
        assert _answered(desk, sender, text, subtype="html") in (ReplyOutcome.ANSWERED, ReplyOutcome.REPEATED)
    assert _tasks(desk) == []


@pytest.mark.parametrize("style", [">", "bare", "wrapped and marked"])
@pytest.mark.parametrize(
    ("own", "outcome", "answer"),
    [
        ("收到", ReplyOutcome.ANSWERED, Answer.RECEIVED),
        ("已收到，谢谢！\n王值班", ReplyOutcome.ANSWERED, Answer.RECEIVED),
        ("无法处置：泵站停电", ReplyOutcome.ANSWERED, Answer.CANNOT_ACT),
        ("cannot act, pump is down", ReplyOutcome.ANSWERED, Answer.CANNOT_ACT),
        ("", ReplyOutcome.TO_READ, None),
        ("王值班", ReplyOutcome.TO_READ, None),
        ("收到，来不了", ReplyOutcome.TO_READ, None),
        ("我明天上班再看", ReplyOutcome.TO_READ, None),
        ("received? we have no power", ReplyOutcome.TO_READ, None),
        ("收到\n王值班 0371-66660000 450000", ReplyOutcome.TO_READ, None),
    ],
)
def test_own_words_count_wherever_they_stand(
    desk: Desk, waiting: Standing, style: str, own: str, outcome: ReplyOutcome, answer: Answer | None
) -> None:
    sender = waiting.recipients[0]
    quoted = BODIES[style](text_of(_mails(desk, waiting)[sender]).plain)
    for text in (f"{own}\n\n{quoted}\n", f"{quoted}\n\n{own}\n"):
        assert _answered(desk, sender, text) in (
            {outcome, ReplyOutcome.REPEATED} if answer else {outcome}
        )  # the second of two equal answers changes nothing
    with desk.ledger.reading() as session:
        assert [row.answer for row in session.scalars(select(AckAnswer))] == ([str(answer)] if answer else [])
    assert bool(_tasks(desk)) is (answer is not Answer.RECEIVED)


def test_no_line_of_our_mails_is_an_answer_by_itself(desk: Desk, waiting: Standing) -> None:
    for mail in _mails(desk, waiting).values():
        text = text_of(mail)
        pieces = [*text.plain.splitlines(), *(word for word, is_word in html_words(text.html) if is_word)]
        said = [line for line in pieces if len(line) < 30 and meaning_of([line]).answer is not None]
        assert [line for line in said if not re.fullmatch(r"\W*([0-9A-F]{10}\W*)", line)] == []


def test_an_attachment_or_a_picture_is_for_a_person() -> None:
    message = EmailMessage()
    message["From"] = "王值班 <town@mini.example>"
    message.set_content("收到 0123456789\n")
    assert read_reply(message.as_bytes()).answer is Answer.RECEIVED
    message.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="flood.png")
    assert read_reply(message.as_bytes()).answer is None


def test_a_file_of_ours_that_comes_back_is_nothing_new() -> None:
    message = EmailMessage()
    message["From"] = "王值班 <town@mini.example>"
    message.set_content("收到 0123456789\n")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="bulletin.pdf")
    sent = Sent((), files=text_of(message).files)
    assert read_reply(message.as_bytes(), sent=[sent]).answer is Answer.RECEIVED


NO = [
    "未收到", "没收到", "没有收到", "收不到", "收到了吗", "收到？", "来不了", "做不到", "办不了", "处置不了",
    "人手不足", "没人", "不行", "拒绝", "停电", "请求支援", "已被淹", "水已进站", "收到 停电", "收到，但无人",
    "收到 严重", "收到 马上", "不知道", "人在外地", "休假中", "稍后回复", "是", "1", "👍", "…", ".", "-- ",
    "收到 123456", "收到 13800138000", "received 450000", "收到 2021-07-20", "not received", "no", "cannot",
    "can't come", "won't", "unable", "no one here", "need help", "received but flooded", "please call",
    "out of office", "I am away until Monday", "call me", "we have not received it", "ok but no pump",
]  # fmt: skip


@pytest.mark.parametrize("text", NO)
@pytest.mark.parametrize("frame", ["{}", "0123456789 {}", "{}\n0123456789", "{} 姓名：王小明 0123456789"])
def test_other_ways_to_say_no_are_never_received(text: str, frame: str) -> None:
    empty = not re.search(r"\w", text)
    meaning = meaning_of(frame.format(text).splitlines(), codes={"0123456789"})
    assert meaning.answer is not Answer.RECEIVED or (empty and "0123456789" in frame)


YES = [
    "收到",
    "已收到",
    "我们已收到通报",
    "收悉",
    "知悉",
    "已阅",
    "好的，收到",
    "收到，谢谢",
    "确认收到！",
    "Received",
    "received, thanks",
    "OK",
    "Noted.",
]


@pytest.mark.parametrize("text", YES)
@pytest.mark.parametrize("name", ["", " 王值班", "，姓名：张三", "\n李主任", " name: Li Lei"])
def test_known_ways_to_say_received(text: str, name: str) -> None:
    assert meaning_of(f"{text}{name} 0123456789".splitlines(), codes={"0123456789"}).answer is Answer.RECEIVED


@given(
    st.sampled_from(YES),
    st.text(alphabet="停电水淹塌困急没人来不了请派车泵坏救援", min_size=2, max_size=6),
    st.sampled_from(["", " ", "，", "\n"]),
)
def test_received_with_trouble_beside_it_is_read_by_a_person(yes: str, trouble: str, between: str) -> None:
    for text in (yes + between + trouble, trouble + between + yes):
        assert meaning_of(text.splitlines()).answer is not Answer.RECEIVED


@given(st.lists(st.text(alphabet="abcdefgh XYZ汉字,.-", min_size=1, max_size=60), min_size=1, max_size=12), st.data())
def test_words_beside_ours_are_never_lost(pieces: list[str], data: st.DataObject) -> None:
    ours = sent_mail(MailText("\n".join(pieces), "", frozenset(), True), "")
    own = data.draw(st.text(alphabet="水停电help", min_size=2, max_size=9).filter(lambda text: text not in pieces))
    at = data.draw(st.integers(0, len(pieces)))
    lines = ["> " + one for one in pieces]
    found = own_words("\n".join([*lines[:at], own, *lines[at:]]), [ours])
    assert own in found.lines


@given(st.text(max_size=3000))
def test_any_text_is_taken_apart(text: str) -> None:
    found = own_words(text, [Sent((("onereceiptreplytothismail", "withthecode"),))])
    own = [*found.lines, *found.marked]
    assert all(words in text for words in own), "nothing is made up"
    meaning = meaning_of(own)
    assert meaning.answer is not None or not meaning.name
