"""Towns that answer and an officer who signs, each by the door that is theirs: mail, page, form, verb."""

from __future__ import annotations

import re
import secrets
import smtplib
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import httpx

from wuyu.approval.rounds import OPTIONS
from wuyu.clock import wall_clock
from wuyu.drill.airflow import FORM_AGE_S, AirflowApi
from wuyu.drill.boxes import Boxes, Letter
from wuyu.drill.hand import ClockHand
from wuyu.drill.script import Cast, Officer, Town

__all__ = ["People", "Player"]

_FIELD = re.compile(r'name="form" value="([^"]+)"')
_WORDS = {
    "mail": "收到 {code}",
    "forged": "收到 {code}",
    "wrong_code": "收到 0123456789",
    "question": "{code} 收到，何时解除？",
}


def _quoted(letter: Letter) -> str:
    return "\n".join(f"> {line}" for line in letter.text.splitlines())


@dataclass(frozen=True)
class Player:
    """A town office: who it is and how it answers."""

    code: str
    box: str
    town: Town


@dataclass
class People:
    """Everybody who is played; `act` is called again and again and does what is due.

    Parameters
    ----------
    cast : Cast
    players : mapping of str to Player
        By mailbox.
    officer_boxes : list of str
        Mailboxes of the duty chain; its first is the officer's.
    """

    cast: Cast
    players: Mapping[str, Player]
    officer_box: str
    boxes: Boxes
    hand: ClockHand
    api: AirflowApi
    smtp_port: int
    password: str
    variables: dict[str, str]
    officer: Officer = field(default_factory=Officer)
    _done: set[Path] = field(default_factory=set)
    _forms: dict[str, datetime] = field(default_factory=dict)

    def act(self) -> None:
        """Do what is due; what fails because a server is away is tried again."""
        for letter in self.boxes.letters():
            if letter.path not in self._done and self._deal_with(letter):
                self._done.add(letter.path)
        if self.officer.by == "form":
            self._sign_forms()

    def _deal_with(self, letter: Letter) -> bool:
        """Return True once a mail was dealt with, or if it asks nothing."""
        if letter.box == self.officer_box and not letter.action:
            return self._sign_by_verb(letter)
        player = self.players.get(letter.box)
        if player is None or not letter.link or player.town.answers == "never":
            return True
        return self._is_due(letter, player.town.after_min) and self._answer(letter, player)

    def _is_due(self, letter: Letter, after_min: float) -> bool:
        return self.hand.now() >= self.hand.told_at(letter.real) + timedelta(minutes=after_min)

    def _answer(self, letter: Letter, player: Player) -> bool:
        manner = player.town.answers
        try:
            if manner in _WORDS:
                self._mail(letter, _WORDS[manner].format(code=letter.code), proven=manner != "forged")
            else:
                self._fill_in(letter, manner)
        except (OSError, smtplib.SMTPException, httpx.HTTPError):
            return False
        return True

    def _mail(self, letter: Letter, words: str, *, proven: bool) -> None:
        message = EmailMessage()
        message["From"], message["To"] = letter.box, letter.sender
        message["Subject"] = f"Re: {letter.subject}"
        message["Message-ID"] = f"<{secrets.token_hex(12)}@town.example>"
        message.set_content(f"{words}\n\n{_quoted(letter) if letter.code in words else ''}\n")
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=20) as client:
            if proven:
                client.login(letter.box, self.password)
            client.send_message(message)

    @staticmethod
    def _fill_in(letter: Letter, manner: str) -> None:
        with httpx.Client(timeout=20) as client:
            page = client.get(letter.link)
            found = _FIELD.search(page.text)
            if found is None:
                page.raise_for_status()
                return  # answered before, or over
            fields = {"form": found[1], "name": "王值班"}
            fields |= {"answer": "received"} if manner == "page" else {"answer": "cannot_act", "reason": "泵站停电"}
            answer = client.post(letter.link, data=fields)
            if answer.status_code >= 500:
                answer.raise_for_status()

    def _sign_by_verb(self, letter: Letter) -> bool:
        """Sign what waits once the officer was called and has taken the time given."""
        if self.officer.by != "verb":
            return self.officer.by == "form"
        if not self._is_due(letter, self.officer.after_min):
            return False
        words = ["approve", "--all", "--officer", self.officer.name]
        ran = subprocess.run(  # noqa: S603 - our own words
            [sys.executable, "-m", "wuyu", *words], env=self.variables, capture_output=True, check=False
        )
        return ran.returncode == 0

    def _sign_forms(self) -> None:
        for form in self.api.open_forms():
            since = self._forms.setdefault(form, wall_clock())
            age_s = (wall_clock() - since).total_seconds()
            if age_s >= max(FORM_AGE_S, self.officer.after_min * 60.0):
                self.api.sign(form, option=OPTIONS[0], officer=self.officer.name)
