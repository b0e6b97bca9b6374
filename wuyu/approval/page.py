"""The page on which an officer signs one storm: behind a link of his own, usable on a phone.

Opening it changes nothing. Its form carries the message ids that the page showed, sealed together with the link, so
that what comes later, or was never shown, is not signed by it. Bulletins are drawn after the answer, one act at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from reports.words import Text, plain
from risk_models.errors import ConfigError
from wuyu.ack.forms import FormError, clean
from wuyu.ack.gate import Gate, Page
from wuyu.ack.pages import render
from wuyu.ack.tokens import LinkUse
from wuyu.approval.book import NOTE_MAX, clean_note
from wuyu.approval.command import command_state, consult, proposed_response
from wuyu.approval.district_round import ChangedError, DistrictRound, district_round, require_signable, sign_round
from wuyu.approval.officers import officers_of
from wuyu.approval.outlines import round_map
from wuyu.approval.settling import Settlement

if TYPE_CHECKING:
    from wuyu.desk import Desk
    from wuyu.station import Station

__all__ = ["SigningPages", "signing_pages"]

_REFRESH_S = 5
_REASON_MAX = 300
_BUSY = "正在签发上一次的决定，请稍候。 An earlier decision is at work; wait a moment."
_FAILED = "系统出错：请再看待签内容，重新签发。 Something went wrong: look again at what waits, and sign again."
_LOG = logging.getLogger("wuyu.approval")

OUTCOMES = {
    "approved": Text("已签发", "signed and issued"),
    "signed": Text("已签，待第二人", "signed; a second person must sign"),
    "refused": Text("不发", "refused"),
    "held": Text("暂缓，继续等待", "held back"),
    "unchanged": Text("未变", "left as it is"),
}


def signing_pages(station: Callable[[], Station], open_desk: Callable[[], Desk]) -> Callable[[Gate], Iterable[Page]]:
    """Return what gives the site its pages for signing.

    Parameters
    ----------
    station : callable
        Returns the station with the settings in force.
    open_desk : callable
        Opens the desk that draws bulletins.
    """
    worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="signing")
    acts: dict[str, Act] = {}

    def pages(gate: Gate) -> Iterable[Page]:
        site = SigningPages(gate, station, open_desk, worker, acts)
        return (Page("/sign/{token}", site.show, site.take),)

    return pages


@dataclass
class Act:
    """What an officer has asked for on the page, and what became of it."""

    officer: str
    at: datetime
    future: Future[list[Settlement]]
    towns: Mapping[str, Text] = field(default_factory=dict)

    @property
    def is_at_work(self) -> bool:
        """True until every bulletin is drawn."""
        return not self.future.done()

    @property
    def outcomes(self) -> list[Settlement]:
        """What became of each message; empty while at work, and if it failed."""
        return self.future.result() if self.future.done() and self.future.exception() is None else []

    @property
    def error(self) -> str:
        """Why it failed; empty if it did not."""
        failed = self.future.exception() if self.future.done() else None
        if failed is None:
            return ""
        return (
            str(failed)
            if isinstance(failed, ConfigError)
            else f"系统出错（{type(failed).__name__}），请重新签发或用命令行"
        )


class SigningPages:
    """What the routes for signing do.

    Parameters
    ----------
    gate : Gate
    station, open_desk
        As `signing_pages` takes them.
    worker : ThreadPoolExecutor
        Draws bulletins, one act after the other.
    acts : dict of str to Act
        The last act behind each link.
    """

    def __init__(
        self,
        gate: Gate,
        station: Callable[[], Station],
        open_desk: Callable[[], Desk],
        worker: ThreadPoolExecutor,
        acts: dict[str, Act],
    ) -> None:
        self.gate = gate
        self.station = station
        self._open_desk = open_desk
        self._worker, self._acts = worker, acts

    def show(self, request: Request) -> HTMLResponse:
        """Show all that waits as one thing."""
        text = request.path_params["token"]
        return self._page(text, self._officer(request, text))

    def take(self, request: Request, fields: dict[str, str]) -> Response:
        """Take the decision of one officer on all that was shown."""
        text = request.path_params["token"]
        officer = self._officer(request, text)
        if fields.get("act") == "consult":
            return self._take_view(text, officer, fields)
        seen = fields.get("seen", "").split()
        self.gate.check_form(_sealed(text, seen), fields)
        if self._is_at_work:
            return self._page(
                text, officer, status=409, error="正在签发上一次的决定，请稍候。 An earlier decision is at work."
            )
        station, now = self.station(), self.gate.clock()
        try:
            hold_back, refuse = _exceptions(fields, seen)
            require_signable(station, seen, officer=officer, hold_back=hold_back, refuse=refuse)
        except ChangedError as error:
            return self._page(text, officer, status=409, error=str(error))
        except (ConfigError, FormError) as error:
            return self._page(text, officer, status=400, error=str(error), fields=fields)
        note = clean_note(fields.get("note", "")[:NOTE_MAX])
        towns = {line.item.message_id: line.town for line in district_round(station).lines}

        def act() -> list[Settlement]:
            return sign_round(
                station,
                seen,
                officer=officer,
                now=now,
                hold_back=hold_back,
                refuse=refuse,
                note=note,
                open_desk=self._open_desk,
            )

        self._acts[text] = Act(officer, now, self._worker.submit(act), towns)
        _LOG.info("a round of %d warnings was decided on the page", len(seen))
        return RedirectResponse(text, status_code=303)

    def _take_view(self, text: str, officer: str, fields: dict[str, str]) -> Response:
        """Write down what a department said."""
        self.gate.check_form(_for_views(text), fields)
        said = {name: fields.get(name, "") for name in ("department", "view", "by")}
        try:
            consult(self.station(), entered_by=officer, now=self.gate.clock(), **said)
        except ConfigError as error:
            return self._page(text, officer, status=400, error=str(error), fields=fields)
        return RedirectResponse(text, status_code=303)

    @property
    def _is_at_work(self) -> bool:
        return any(act.is_at_work for act in self._acts.values())

    def _officer(self, request: Request, text: str) -> str:
        station = self.station()
        token, officer = self.gate.owner(request, text, officers_of(station), LinkUse.SIGN)
        if token.message_id != station.code:
            self.gate.refuse(request.client.host if request.client else "?")
        return officer

    def _page(
        self, text: str, officer: str, *, status: int = 200, error: str = "", fields: Mapping[str, str] | None = None
    ) -> HTMLResponse:
        busy = self._is_at_work
        station, now, act = self.station(), self.gate.clock(), self._acts.get(text)
        shown = district_round(station)
        page = render(
            "sign.html.j2",
            shown=shown,
            officer=officer,
            district=station.settings.district.name,
            zone=station.settings.district.timezone,
            banners=_banners(station),
            minutes=_minutes(shown, now),
            map=round_map(station, shown) if shown.lines else "",
            act=act,
            busy=busy,
            outcome_words=OUTCOMES,
            error=error or (act.error if act else ""),
            fields=fields or {},
            seen=" ".join(shown.seen),
            form=self.gate.form(_sealed(text, shown.seen)),
            token=text,
            consult_form=self.gate.form(_for_views(text)),
            departments=[str(one.name.zh) for one in station.settings.reports.departments]
            + [str(one.unit.zh) for one in station.settings.command if one.unit],
            state=command_state(station, now=now),
            proposed=proposed_response(station, now=now),
        )
        headers = {"refresh": str(_REFRESH_S)} if busy else {}
        return HTMLResponse(page, status_code=status, headers=headers)


def _sealed(text: str, seen: Sequence[str]) -> str:
    """Return what a form is made for: this link, and these messages."""
    return "\n".join([text, *seen])


def _for_views(text: str) -> str:
    """Return what the form of consultations is made for: it signs nothing."""
    return f"{text}\nconsult"


def _exceptions(fields: Mapping[str, str], seen: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return what a form holds back and what it refuses, with the reason."""
    hold_back, refuse = [], {}
    for number, message_id in enumerate(seen, start=1):
        choice = fields.get(f"do-{number}", "sign")
        if choice == "hold":
            hold_back.append(message_id)
        elif choice == "refuse":
            refuse[message_id] = clean(fields.get(f"why-{number}", ""), _REASON_MAX)
            if not refuse[message_id]:
                raise FormError(f"第{number}项：请写明不发的理由。 No. {number}: write why it is refused.")
        elif choice != "sign":
            raise FormError(f"第{number}项：请选择签发、暂缓或不发。 No. {number}: choose sign, hold back or refuse.")
    return hold_back, refuse


def _banners(station: Station) -> list[tuple[str, str]]:
    """Say what the page of a real storm does not: that data or messages are none."""
    settings = station.settings
    found = [("演示数据", "Demonstration data")] if settings.district.demonstration else []
    if settings.mail.status != "Actual":
        found.append(("演练或测试，非真实预警", f"{settings.mail.status}: not a real warning"))
    notice = station.notice
    return found + ([(plain(notice.text.zh), plain(notice.text.en))] if notice is not None and notice.is_old else [])


def _minutes(shown: DistrictRound, now: datetime) -> int | None:
    """Return the minutes to the earliest deadline; negative once it has passed."""
    return None if shown.due_at is None else int((shown.due_at - now).total_seconds() // 60)
