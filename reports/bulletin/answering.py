"""How a bulletin asks for its acknowledgement: in these words, with the code of each reader."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reports.words import Text, local

if TYPE_CHECKING:
    from reports.bulletin.model import Bulletin

__all__ = ["acknowledgement_text", "answer_text", "with_code"]


def acknowledgement_text(code: str) -> Text:
    """Return how to confirm the receipt; without a code, in words that anyone may read."""
    if not code:
        return Text(
            "收到后请立即回复通报邮件或致电发布单位，报通报中的叫应码和姓名。",
            "On receipt reply to the mail of the bulletin, or phone the issuing office, with the code that the "
            "bulletin gives and your name.",
        )
    return Text(
        f"叫应码 {code}：收到后请立即回复本邮件或致电发布单位，报叫应码和姓名。",
        f"Acknowledgement code {code}: on receipt reply to this mail, or phone the issuing office, with the code and "
        "your name.",
    )


def answer_text(bulletin: Bulletin) -> Text:
    """Return whom to answer, with which code and until when, in one line."""
    zone, by = bulletin.zone, bulletin.answer_by
    office, number = bulletin.office, bulletin.office_phone
    phone = Text(f"拨{office.zh} {number}", f"phone {office.en}, {number}")
    if not number:
        phone = Text("回复本邮件", "reply to this mail")
    code = Text(f"报叫应码 {bulletin.code}", f"give code {bulletin.code}") if bulletin.code else Text("", "")
    zh, en = [phone.zh, code.zh], [phone.en, code.en]
    if by is not None:
        at = f"{local(by, zone):%H:%M}"
        zh.append(f"{at}前；逾时电话叫应")
        en.append(f"before {at}, or we call you")
    return Text("，".join(filter(None, zh)), ", ".join(filter(None, en)))


def with_code(bulletin: Bulletin, code: str) -> Bulletin:
    """Return the bulletin as it is for the reader who has this code."""
    return replace(bulletin, code=code, acknowledgement=acknowledgement_text(code))
