"""The acknowledgement page: a small web application, alone or mounted in Airflow's.

A town opens its link, reads the essentials, says "received" or "cannot act because", and afterwards what was flooded.
Looking at a page changes nothing, whatever follows links ahead of a person; only a form sent does.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from wuyu.ack.book import Standing, find, flood_reports, record_answer, record_floods, standings
from wuyu.ack.forms import NAME_MAX, FormError, clean, read_answer, read_floods, read_form
from wuyu.ack.gate import Gate, Page
from wuyu.ack.pages import countdown, local, render, style
from wuyu.ack.places import open_places, said_of
from wuyu.ack.tokens import DESK, LinkUse, Token, sign
from wuyu.ack.web import BODY_MAX, RateLimit, SafeAnswers, security_headers
from wuyu.clock import Clock, time_now
from wuyu.keys import Keys, load_keys
from wuyu.ledger.acknowledgements import Answer, Seen
from wuyu.ledger.command import running_response
from wuyu.ledger.models import BulletinRow
from wuyu.ledger.opening import open_ledger
from wuyu.ledger.store import Ledger

__all__ = ["LOCAL_HOSTS", "create_app"]

LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")
REQUESTS_A_MINUTE, BAD_LINKS_A_MINUTE = 240, 40
_DESK_REFRESH_S = 20
_LOG = logging.getLogger("wuyu.ack")
_REFUSALS = {
    400: ("请求无法读取", "The request cannot be read"),
    403: ("链接无效", "This link is not valid"),
    404: ("没有这个页面", "There is no such page"),
    405: ("不支持这种请求", "This kind of request is not supported"),
    408: ("发送过慢，连接已断开", "It came too slowly and was cut off"),
    409: ("已有答复，不能更改", "Answered before; it cannot be changed"),
    410: ("链接已过期", "This link has expired"),
    413: ("内容过长", "Too long"),
    415: ("格式不支持", "This format is not supported"),
    429: ("请求过于频繁，请稍后再试", "Too many requests; try again in a minute"),
    500: ("系统出错，请改用电话答复", "Something went wrong; please answer by phone"),
}


def create_app(
    ledger_url: str | Path | Ledger,
    out_dir: Path,
    keys: Keys | None = None,
    *,
    clock: Clock = time_now,
    https: bool = True,
    hosts: Sequence[str] = LOCAL_HOSTS,
    requests_a_minute: int = REQUESTS_A_MINUTE,
    bad_links_a_minute: int = BAD_LINKS_A_MINUTE,
    more: Callable[[Gate], Iterable[Page]] | None = None,
) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    ledger_url : str, Path or Ledger
        The ledger, or where it is.
    out_dir : Path
        Folder of the products; only the PDF of a bulletin is read from it, and only for who holds its link.
    keys : Keys, optional
        Secrets of the links; by default those of the installation (`load_keys`).
    clock : callable
        Time of the domain.
    https : bool
        True if towns reach the page over https.
    hosts : sequence of str
        Names under which the page is asked for (``Host``); any other is refused.
    requests_a_minute, bad_links_a_minute : int
        Limits of one client.
    more : callable, optional
        Gives further pages, of rooms above this one, behind the same gate.

    Returns
    -------
    FastAPI
    """
    ledger = ledger_url if isinstance(ledger_url, Ledger) else open_ledger(ledger_url)
    limits = RateLimit(requests_a_minute), RateLimit(bad_links_a_minute)
    site = _Site(ledger, out_dir, keys or load_keys(out_dir), clock, limits)
    # No redirect of /a/TOKEN/: it would go, with the token in it, to whatever host the request names.
    app = FastAPI(title="wuyu acknowledgement", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    for page in (
        Page("/a/{token}", site.show, site.take),
        Page("/f/{token}", site.show_floods, site.take_floods),
        Page("/desk/{token}/{message_id}", site.show_call, site.take_call),
        Page("/desk/{token}", site.show_desk),
        *(more(site) if more else ()),
    ):
        app.add_api_route(page.path, page.show, methods=["GET"], response_class=HTMLResponse)
        if page.take is not None:
            app.add_api_route(page.path, _posted(page.take), methods=["POST"], response_class=HTMLResponse)
    app.add_api_route("/a/{token}/bulletin.pdf", site.pdf, methods=["GET"], response_class=Response)
    app.add_api_route("/health", lambda: PlainTextResponse("ok\n"), methods=["GET"], response_class=PlainTextResponse)
    app.add_exception_handler(HTTPException, _refusal_page)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)
    app.add_middleware(
        SafeAnswers, headers=security_headers(style(), https=https), failed=_plain_page(500).encode("utf-8")
    )
    return app


def _plain_page(status: int, more: str = "") -> str:
    zh, en = _REFUSALS.get(status, _REFUSALS[400])
    return render("refused.html.j2", zh=zh, en=en, more=more)


async def _refusal_page(request: Request, error: Exception) -> HTMLResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = {429: {"retry-after": "60"}, 405: {"allow": ", ".join(_allowed(request))}}.get(status)
    return HTMLResponse(_plain_page(status), status_code=status, headers=headers)


def _allowed(request: Request) -> list[str]:
    """Return the methods of all routes of a path."""
    routes = [one for one in request.app.routes if one.matches(request.scope)[0] is not Match.NONE]
    return sorted(method for route in routes for method in route.methods)


def _posted(take: Callable[[Request, dict[str, str]], Response]) -> Callable[[Request], Any]:
    """Return a handler that reads the form within bounds, then does the work where waiting blocks nobody."""

    async def handle(request: Request) -> Response:
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise HTTPException(403)
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
            raise HTTPException(415)
        try:
            fields = read_form(await _body(request))
        except FormError:
            raise HTTPException(400) from None
        return await run_in_threadpool(take, request, fields)

    return handle


async def _body(request: Request) -> bytes:
    """Return the body; one that is too long is not waited for."""
    said = request.headers.get("content-length", "0")
    body = b""
    try:
        if not said.isdecimal() or int(said[:20]) > BODY_MAX:
            raise HTTPException(413)
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_MAX:
                raise HTTPException(413)
    except ClientDisconnect:
        raise HTTPException(408) from None
    return body


class _Site(Gate):
    """What the routes do."""

    def __init__(
        self,
        ledger: Ledger,
        out: Path,
        keys: Keys,
        clock: Clock,
        limits: tuple[RateLimit, RateLimit],
    ) -> None:
        super().__init__(keys, clock, limits)
        self.ledger = ledger
        self.out = out

    # The town's page

    def show(self, request: Request) -> HTMLResponse:
        """Show a bulletin and ask for an answer, or show the answer that stands."""
        text = request.path_params["token"]
        waiting, recipient = self._open(request, text, LinkUse.ACKNOWLEDGE)
        return self._bulletin_page(text, waiting, recipient)

    def take(self, request: Request, fields: dict[str, str]) -> Response:
        """Take an answer."""
        text = request.path_params["token"]
        waiting, recipient = self._open(request, text, LinkUse.ACKNOWLEDGE)
        self.check_form(text, fields)
        if waiting.answer_of(recipient) or waiting.received:
            return self._bulletin_page(text, waiting, recipient, status=409)
        try:
            given = read_answer(fields)
        except FormError as error:
            return self._bulletin_page(text, waiting, recipient, status=400, error=str(error), fields=fields)
        _, is_new = record_answer(
            self.ledger,
            waiting.request.id,
            recipient=recipient,
            answer=given.answer,
            name=given.name,
            reason=given.reason,
            channel="web",
            now=self.clock(),
        )
        if not is_new:
            return self._bulletin_page(text, self._found(waiting.request.message_id), recipient, status=409)
        _LOG.info("answer to %s: %s", waiting.request.message_id, given.answer)
        return RedirectResponse(text, status_code=303)

    def pdf(self, request: Request) -> Response:
        """Send the bulletin's PDF, if it is the one that was issued."""
        waiting, _ = self._open(request, request.path_params["token"], LinkUse.ACKNOWLEDGE)
        data = self._pdf_bytes(waiting.request.message_id)
        if data is None:
            raise HTTPException(404)
        headers = {"content-disposition": f'attachment; filename="{waiting.request.message_id}.pdf"'}
        return Response(data, media_type="application/pdf", headers=headers)

    # What was flooded

    def show_floods(self, request: Request) -> HTMLResponse:
        """Ask what was flooded."""
        text = request.path_params["token"]
        waiting, recipient = self._open(request, text, LinkUse.FEEDBACK)
        return self._floods_page(text, waiting, recipient)

    def take_floods(self, request: Request, fields: dict[str, str]) -> Response:
        """Take what was seen."""
        text = request.path_params["token"]
        waiting, recipient = self._open(request, text, LinkUse.FEEDBACK)
        self.check_form(text, fields)
        asked, now = waiting.request, self.clock()
        places = [place.id for place in open_places(self.ledger, asked)]
        open_ids = list(dict.fromkeys([*places, *self._unseen(waiting, recipient)]))
        if not open_ids:
            return self._floods_page(text, waiting, recipient, status=409)
        try:
            zone = asked.content["zone"]
            name, seen = read_floods(fields, open_ids, zone=zone, asked_at=asked.asked_at, now=now, all_dry=places)
        except FormError as error:
            return self._floods_page(text, waiting, recipient, status=400, error=str(error), fields=fields)
        count = record_floods(self.ledger, asked.id, seen, recipient=recipient, name=name, now=now, anew=places)
        _LOG.info("floods reported for %s: %d hotspots", asked.message_id, count)
        return RedirectResponse(text, status_code=303)

    # The duty desk

    def show_desk(self, request: Request) -> HTMLResponse:
        """List who has not answered."""
        text = request.path_params["token"]
        token = self._desk(request, text)
        now = self.clock()
        waiting = standings(self.ledger, district_code=token.message_id, open_at=now)
        waiting = [one for one in waiting if not (one.request.is_end and one.request.due_at is None)]
        last = datetime.max.replace(tzinfo=UTC)
        waiting.sort(key=lambda one: (one.request.due_at or last, -one.request.level, one.request.area_code))
        rows = [{"one": one, "countdown": countdown(one, now)} for one in waiting]
        with self.ledger.reading() as session:
            response = running_response(session, token.message_id, at=now)
        page = render("desk.html.j2", rows=rows, now=now, token=text, response=response)
        return HTMLResponse(page, headers={"refresh": str(_DESK_REFRESH_S)})

    def show_call(self, request: Request) -> HTMLResponse:
        """Show one town to be phoned, with a form for the outcome."""
        text = request.path_params["token"]
        return self._call_page(text, self._called(request, text))

    def take_call(self, request: Request, fields: dict[str, str]) -> Response:
        """Write down what was said on the phone."""
        text = request.path_params["token"]
        waiting = self._called(request, text)
        self.check_form(text, fields)
        if waiting.received or waiting.answer_of(waiting.request.phone):
            return self._call_page(text, waiting, status=409)
        officer = clean(fields.get("officer", ""), NAME_MAX)
        try:
            if not officer:
                raise FormError("请填写值班员姓名。 Write your own name.")
            given = read_answer(fields)
        except FormError as error:
            return self._call_page(text, waiting, status=400, error=str(error), fields=fields)
        record_answer(
            self.ledger,
            waiting.request.id,
            recipient=waiting.request.phone,
            answer=given.answer,
            name=given.name,
            reason=given.reason,
            channel="phone",
            now=self.clock(),
            recorded_by=officer,
        )
        _LOG.info("answer to %s by phone: %s", waiting.request.message_id, given.answer)
        return RedirectResponse(waiting.request.message_id, status_code=303)

    # Who may

    def _open(self, request: Request, text: str, purpose: LinkUse) -> tuple[Standing, str]:
        """Return the request behind a link and whose link it is."""
        client = self.limit(request)
        token = Token.parse(text)
        waiting = None if token is None else find(self.ledger, token.message_id)
        if token is None or waiting is None:
            self.refuse(client)
        recipient = token.recipient_of(waiting.recipients, purpose, self.keys)
        if recipient is None:
            self.refuse(client)
        if token.has_expired(self.clock()):
            raise HTTPException(410)
        return waiting, recipient

    def _desk(self, request: Request, text: str) -> Token:
        client = self.limit(request)
        token = Token.parse(text)
        if token is None or not token.is_for(DESK, LinkUse.DESK, self.keys):
            self.refuse(client)
        if token.has_expired(self.clock()):
            raise HTTPException(410)
        return token

    def _called(self, request: Request, text: str) -> Standing:
        token = self._desk(request, text)
        waiting = find(self.ledger, request.path_params["message_id"])
        if waiting is None or waiting.request.district_code != token.message_id:
            raise HTTPException(404)
        return waiting

    # What is shown

    def _found(self, message_id: str) -> Standing:
        waiting = find(self.ledger, message_id)
        if waiting is None:
            raise HTTPException(404)
        return waiting

    def _bulletin_page(
        self,
        text: str,
        waiting: Standing,
        recipient: str,
        *,
        status: int = 200,
        error: str = "",
        fields: dict[str, str] | None = None,
    ) -> HTMLResponse:
        asked = waiting.request
        stands = waiting.answer_of(recipient) or waiting.received
        feedback = sign(self.keys, LinkUse.FEEDBACK, asked.message_id, recipient, expires_at=asked.feedback_until)
        page = render(
            "acknowledge.html.j2",
            asked=asked,
            content=asked.content,
            stands=stands,
            others=[answer for answer in waiting.answers if answer.answer == Answer.CANNOT_ACT],
            superseded=waiting.superseded,
            again=status == 409,
            error=error,
            fields=fields or {},
            form=self.form(text),
            token=text,
            feedback=feedback if stands else "",
            has_pdf=self._pdf_bytes(asked.message_id) is not None,
        )
        return HTMLResponse(page, status_code=status)

    def _floods_page(
        self,
        text: str,
        waiting: Standing,
        recipient: str,
        *,
        status: int = 200,
        error: str = "",
        fields: dict[str, str] | None = None,
    ) -> HTMLResponse:
        asked = waiting.request
        said = said_of(self.ledger, asked, recipient)
        unseen = self._unseen(waiting, recipient)
        places = open_places(self.ledger, asked)
        now_open = {place.id for place in places}
        rows = [
            {"zh": zh, "en": en, "said": said.get(zh["id"]), "open": zh["id"] in unseen}
            for zh, en in zip(asked.content["zh"]["hotspots"], asked.content["en"]["hotspots"], strict=True)
            if zh["id"] not in now_open
        ]
        answer = waiting.answer_of(recipient)
        page = render(
            "feedback.html.j2",
            asked=asked,
            content=asked.content,
            places=places,
            rows=rows,
            said=said,
            any_open=bool(places) or any(row["open"] for row in rows),
            again=status == 409,
            error=error,
            fields=fields or {},
            form=self.form(text),
            now_local=local(self.clock(), asked.content["zone"], year=True).replace(" ", "T"),
            name=answer.name if answer else "",
        )
        return HTMLResponse(page, status_code=status)

    def _call_page(
        self, text: str, waiting: Standing, *, status: int = 200, error: str = "", fields: dict[str, str] | None = None
    ) -> HTMLResponse:
        page = render(
            "call.html.j2",
            one=waiting,
            asked=waiting.request,
            content=waiting.request.content,
            countdown=countdown(waiting, self.clock()),
            again=status == 409,
            error=error,
            fields=fields or {},
            form=self.form(text),
            token=text,
        )
        return HTMLResponse(page, status_code=status)

    def _unseen(self, waiting: Standing, recipient: str) -> list[str]:
        """Return the hotspots that this recipient has not looked at yet."""
        said = flood_reports(self.ledger, waiting.request.id, recipient)
        listed = [row["id"] for row in waiting.request.content["zh"]["hotspots"]]
        return [one for one in listed if one not in said or said[one].seen == Seen.UNCHECKED]

    def _pdf_bytes(self, message_id: str) -> bytes | None:
        """Return the PDF as it was issued; None if it is gone, changed, or outside the folder of products."""
        with self.ledger.reading() as session:
            bulletin = session.scalars(select(BulletinRow).where(BulletinRow.message_id == message_id)).one_or_none()
        product = {} if bulletin is None else bulletin.products.get("pdf", {})
        if not product:
            return None
        path = (self.out / product["path"]).resolve()
        if not path.is_relative_to(self.out.resolve()) or not path.is_file():
            return None
        data = path.read_bytes()
        return data if hashlib.sha256(data).hexdigest() == product["sha256"] else None
