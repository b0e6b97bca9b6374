"""The pages: templates with every inserted value escaped, one style sheet, nothing from outside."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from risk_models.levels import Level
from wuyu.ack.book import Standing
from wuyu.clock import clock_marks
from wuyu.ledger.acknowledgements import Answer, ReplyOutcome, StepKind

__all__ = [
    "ANSWER_WORDS",
    "CHANNEL_WORDS",
    "CLAIM_WORDS",
    "RESPONSE_WORDS",
    "STEP_WORDS",
    "SYMBOLS",
    "TEMPLATES",
    "local",
    "render",
    "style",
]

TEMPLATES = Path(__file__).resolve().parent / "templates"

#: Shapes that tell the levels apart without colour, like the markers of the maps.
SYMBOLS = {
    Level.UNKNOWN: "✕",
    Level.NONE: "○",
    Level.BLUE: "●",
    Level.YELLOW: "■",
    Level.ORANGE: "▲",
    Level.RED: "◆",
}
ANSWER_WORDS = {Answer.RECEIVED: ("已收到", "Received"), Answer.CANNOT_ACT: ("无法处置", "Cannot act")}
#: What a mail says that is no answer: none of it is taken for received.
CLAIM_WORDS = {
    ReplyOutcome.CLAIMED: ("来信自称应答，未经证实", "A mail claims to answer; not proven"),
    ReplyOutcome.TO_READ: ("来信待人工阅读", "A mail waits to be read"),
    ReplyOutcome.AUTOMATIC: ("自动回复，无人阅读", "Automatic answer; nobody has read it"),
    ReplyOutcome.NO_CODE: ("来信无叫应码", "A mail without the code"),
    ReplyOutcome.WRONG_SENDER: ("来信者未被通知", "A mail of someone who was not told"),
    ReplyOutcome.AMBIGUOUS: ("来信同时涉及多份通报", "A mail about several bulletins"),
}
CHANNEL_WORDS = {
    "web": ("网页", "web page"),
    "mail": ("邮件", "mail"),
    "phone": ("电话", "phone"),
}
RESPONSE_WORDS = {"start": ("启动", "started"), "change": ("调整为", "changed to"), "end": ("终止", "ended")}
STEP_WORDS = {
    StepKind.TOLD: ("已发镇办", "Town told"),
    StepKind.INFORMED: ("抄送此前收件人", "Earlier reader told"),
    StepKind.SECOND_CONTACT: ("第二联系人", "Second contact"),
    StepKind.PHONE: ("电话叫应", "To be phoned"),
    StepKind.UPWARD: ("上报", "Upward"),
}


def local(at: datetime, zone: str, *, year: bool = False) -> str:
    """Return local day and time, e.g. ``07-20 17:00``.

    Examples
    --------
    >>> from datetime import UTC
    >>> local(datetime(2021, 7, 20, 9, tzinfo=UTC), "Asia/Shanghai")
    '07-20 17:00'
    """
    return f"{at.astimezone(ZoneInfo(zone)):{'%Y-' if year else ''}%m-%d %H:%M}"


def _dial(phone: str) -> str:
    return "".join(char for char in phone if char.isdigit() or char == "+")


@cache
def style() -> str:
    """Return the style sheet, with the colours of the levels."""
    rules = [f".level-{level}{{background:{level.fill};color:{level.ink}}}" for level in Level]
    return (TEMPLATES / "style.css").read_text(encoding="utf-8") + "\n".join(rules) + "\n"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["dial"] = _dial
    environment.filters["local"] = local
    environment.globals.update(
        style=style(),
        marks=clock_marks,
        symbols={int(level): symbol for level, symbol in SYMBOLS.items()},
        level_names={int(level): str(level) for level in Level},
        levels={int(level): level for level in Level},
        answer_words=ANSWER_WORDS,
        channel_words=CHANNEL_WORDS,
        claim_words=CLAIM_WORDS,
        step_words=STEP_WORDS,
    )
    return environment


def render(template: str, **values: Any) -> str:
    """Return a page.

    Parameters
    ----------
    template : str
        File name below ``templates/``.
    **values
        What it shows.
    """
    return _environment().get_template(template).render(**values)


def countdown(waiting: Standing, now: datetime) -> tuple[str, str, bool]:
    """Return how long the deadline of a request is away, in both languages, and whether it has passed."""
    due_at = waiting.request.due_at
    if due_at is None:
        return "不限时", "no deadline", False
    minutes = int((due_at - now).total_seconds() // 60)
    if now >= due_at:
        over = int((now - due_at).total_seconds() // 60)
        return f"已超 {over} 分钟", f"{over} min over", True
    return f"还有 {minutes} 分钟", f"{minutes} min left", False
