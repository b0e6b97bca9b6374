"""The page over HTTP: what it takes, what it refuses, and what it never tells."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from risk_models.levels import Level
from risk_models.observation import Now
from risk_models.risk import read_risk
from tests.patience import PATIENCE_S
from tests.wuyu.ack.conftest import ISSUED, KEYS, Served, serve
from wuyu.ack.app import create_app
from wuyu.ack.book import Observation, Standing, find, flood_reports, record_floods, standings
from wuyu.ack.places import open_places
from wuyu.ack.tokens import DESK, LinkUse, sign
from wuyu.ack.truth import truth_rows
from wuyu.approval.command import respond
from wuyu.desk import Desk
from wuyu.keys import Keys
from wuyu.ledger import AckAnswer, FloodReport, Sighting
from wuyu.ledger.acknowledgements import Seen
from wuyu.observing import known_sights

FormOf = Callable[[str], str]


def _answers(served: Served) -> list[AckAnswer]:
    with served.desk.ledger.reading() as session:
        return list(session.scalars(select(AckAnswer)))


def _answer(client: httpx.Client, link: str, form_of: FormOf, **fields: str) -> httpx.Response:
    values = {"form": form_of(client.get(link).text), "name": "王值班", "answer": "received"} | fields
    return client.post(link, data=values)


def test_the_page_shows_the_essentials_in_both_languages(served: Served, waiting: Standing) -> None:
    with served.client() as client:
        page = client.get(served.link(waiting))
    assert page.status_code == 200
    content = waiting.request.content
    for lang in ("zh", "en"):
        view = content[lang]
        told = [view["headline"], view["level"], *view["banners"], *(value for _, value in view["facts"])]
        told += [row["name"] for row in view["hotspots"]] + [row["clauses"] for row in view["urgent"][:3]]
        for text in told:
            assert text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") in page.text
    assert page.text.index(content["zh"]["headline"]) < page.text.index(content["en"]["headline"])
    assert "◆" in page.text
    assert f"level-{Level(content['level'])}" in page.text
    assert "已收到" in page.text
    assert "无法处置" in page.text


def test_looking_changes_nothing(served: Served, waiting: Standing) -> None:
    with served.client() as client:
        for method in ("GET", "GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
            client.request(method, served.link(waiting))
    assert _answers(served) == []


def test_an_answer_is_recorded_once_and_shown_ever_after(served: Served, waiting: Standing, form_of: FormOf) -> None:
    link = served.link(waiting)
    with served.client() as client:
        taken = _answer(client, link, form_of)
        assert taken.status_code == 303
        assert client.get(link).status_code == 200
        form = sign_a_form(link)
        served.clock.forward(minutes=3)
        again = client.post(link, data={"form": form, "name": "别人", "answer": "cannot_act", "reason": "改"})
    assert again.status_code == 409
    assert "王值班" in again.text
    assert "别人" not in again.text
    (answer,) = _answers(served)
    assert (answer.name, answer.answer, answer.channel) == ("王值班", "received", "web")
    assert answer.at == served.clock.at - timedelta(minutes=3)


def sign_a_form(link: str) -> str:
    from wuyu.ack.tokens import sign_form

    return sign_form(KEYS, link.rpartition("/")[2], expires_at=datetime.now(UTC) + timedelta(minutes=5))


def test_cannot_act_needs_a_reason_and_keeps_what_was_typed(served: Served, waiting: Standing, form_of: FormOf) -> None:
    link = served.link(waiting)
    with served.client() as client:
        bad = _answer(client, link, form_of, answer="cannot_act", reason="  ")
        assert bad.status_code == 400
        assert "请写明无法处置的原因" in bad.text
        assert 'value="王值班"' in bad.text
        assert _answer(client, link, form_of, answer="cannot_act", reason="道路中断").status_code == 303
        shown = client.get(link).text
    assert "已转区值班室处理" in shown
    assert [row.reason for row in _answers(served)] == ["道路中断"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "请填写姓名"),
        ({"name": "\u202e\u200b"}, "请填写姓名"),
        ({"answer": ""}, "请选择"),
        ({"answer": "maybe"}, "请选择"),
    ],
)
def test_incomplete_forms_say_what_to_do(
    served: Served, waiting: Standing, form_of: FormOf, fields: dict[str, str], said: str
) -> None:
    with served.client() as client:
        answer = _answer(client, served.link(waiting), form_of, **fields)
    assert answer.status_code == 400
    assert said in answer.text
    assert _answers(served) == []


def _bad_links(served: Served, waiting: Standing) -> dict[str, str]:
    asked = waiting.request
    other = next(one for one in standings(served.desk.ledger) if one.request.id != asked.id)
    good = served.link(waiting)

    def made(purpose: LinkUse, message_id: str, recipient: str, keys: Keys = KEYS) -> str:
        return f"/a/{sign(keys, purpose, message_id, recipient, expires_at=asked.expires_at)}"

    swapped = other.request.message_id
    return {
        "other recipient": made(LinkUse.ACKNOWLEDGE, asked.message_id, other.recipients[0]),
        "someone else's mac": made(LinkUse.ACKNOWLEDGE, swapped, other.recipients[0]).rpartition(".")[0]
        + "."
        + good.rpartition(".")[2],
        "not told yet": made(LinkUse.ACKNOWLEDGE, asked.message_id, "town1-second@mini.example"),
        "feedback link": made(LinkUse.FEEDBACK, asked.message_id, waiting.recipients[0]),
        "desk link": made(LinkUse.DESK, served.desk.code, DESK),
        "unknown message": made(LinkUse.ACKNOWLEDGE, "E-1.r0", waiting.recipients[0]),
        "other key": made(
            LinkUse.ACKNOWLEDGE, asked.message_id, waiting.recipients[0], Keys.parse("t1:" + "x" * 64, source="t")
        ),
        "one letter": good[:-1] + ("0" if good[-1] != "0" else "1"),
        "cut": good[:-8],
        "not a link": "/a/xyz",
        "later": re.sub(r"(/a/t1\.a\.)([0-9a-f]+)", lambda m: m[1] + f"{int(m[2], 16) + 3600:x}", good),
    }


def test_every_wrong_link_gets_the_same_refusal(served: Served, waiting: Standing) -> None:
    app = create_app(served.desk.ledger, served.desk.out, KEYS, clock=served.clock, bad_links_a_minute=1000)
    with serve(app) as url, httpx.Client(base_url=url) as client:
        pages = {name: client.get(link) for name, link in _bad_links(served, waiting).items()}
        posts = {
            name: client.post(link, data={"form": sign_a_form(link), "name": "x", "answer": "received"})
            for name, link in _bad_links(served, waiting).items()
        }
    assert {name: page.status_code for name, page in (pages | posts).items()} == dict.fromkeys(pages, 403)
    assert len({page.text for page in [*pages.values(), *posts.values()]}) == 1
    assert "链接无效" in pages["cut"].text
    assert _answers(served) == []


def test_an_expired_link_says_so(served: Served, waiting: Standing) -> None:
    served.clock.at = waiting.request.expires_at
    link = served.link(waiting)
    with served.client() as client:
        pages = [client.get(link), client.post(link, data={"form": sign_a_form(link), "name": "x"})]
        forged = client.get(link[:-1] + ("0" if link[-1] != "0" else "1"))
    assert [page.status_code for page in pages] == [410, 410]
    assert "链接已过期" in pages[0].text
    assert forged.status_code == 403
    assert _answers(served) == []


def test_a_form_from_elsewhere_is_not_taken(served: Served, waiting: Standing, form_of: FormOf) -> None:
    link = served.link(waiting)
    other = next(one for one in standings(served.desk.ledger) if one.request.id != waiting.request.id)
    good = {"name": "王", "answer": "received"}
    with served.client() as client:
        form = form_of(client.get(link).text)
        theirs = form_of(client.get(served.link(other)).text)
        tried = [
            client.post(link, data=good),
            client.post(link, data=good | {"form": theirs}),
            client.post(link, data=good | {"form": form}, headers={"sec-fetch-site": "cross-site"}),
        ]
        assert [page.status_code for page in tried] == [403, 403, 403]
        assert _answers(served) == []
        own = {"sec-fetch-site": "same-origin"}
        assert client.post(link, data=good | {"form": form}, headers=own).status_code == 303


def test_bodies_are_bounded_and_must_be_forms(served: Served, waiting: Standing) -> None:
    link, form = served.link(waiting), {"content-type": "application/x-www-form-urlencoded"}
    with served.client() as client:
        answers = [
            client.post(link, content=b"name=" + b"x" * 70_000, headers=form),
            client.post(link, json={"name": "x"}),
            client.post(link, content="&".join(f"f{n}=1" for n in range(700)), headers=form),
            client.post(link, content=b"name=a&name=b", headers=form),
            client.post(link, content=b"name=%ff%fe", headers=form),
            client.post(link, content="name=王".encode(), headers=form),
        ]
    assert [answer.status_code for answer in answers] == [413, 415, 400, 400, 400, 400]


def test_names_are_text_whatever_they_hold(served: Served, waiting: Standing, form_of: FormOf) -> None:
    evil = "<script>alert(1)</script>\"'&\u202e{{7*7}}\r\nX: y"
    with served.client() as client:
        _answer(client, served.link(waiting), form_of, name=evil)
        page = client.get(served.link(waiting)).text
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "49" not in page.partition("已记录")[2][:200]
    assert "\u202e" not in _answers(served)[0].name
    assert len(_answers(served)[0].name) <= 40


def test_headers_forbid_everything_that_is_not_needed(served: Served, waiting: Standing) -> None:
    with served.client() as client:
        pages = [
            client.get(served.link(waiting)),
            client.get("/a/nobody"),
            client.get("/nothing"),
            client.get("/health"),
        ]
    assert [page.status_code for page in pages] == [200, 403, 404, 200]
    for page in pages:
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        for rule in ("form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"):
            assert rule in policy
        assert "unsafe" not in policy
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        assert "set-cookie" not in page.headers
    outside = re.findall(r"""(?:src|href|action)=["']?(?:https?:)?//[^"' >]*""", pages[0].text)
    assert outside == []
    assert "<script" not in pages[0].text
    assert " style=" not in pages[0].text
    assert " on" not in re.findall(r"<body[^>]*>", pages[0].text)[0]


def test_transport_security_is_asked_for_over_https_only(desk: Desk) -> None:
    for https in (True, False):
        with serve(create_app(desk.ledger, desk.out, KEYS, https=https)) as url:
            assert ("strict-transport-security" in httpx.get(f"{url}/health").headers) is https


def test_the_pdf_needs_the_link_and_is_the_one_that_was_issued(served: Served, waiting: Standing) -> None:
    link = f"{served.link(waiting)}/bulletin.pdf"
    with served.client() as client:
        page, whole = client.get(served.link(waiting)), client.get(link)
        assert whole.status_code == 200
        assert whole.content.startswith(b"%PDF")
        assert whole.headers["content-type"] == "application/pdf"
        assert "attachment" in whole.headers["content-disposition"]
        assert "bulletin.pdf" in page.text
        assert client.get(link.replace("/bulletin", "x/bulletin")).status_code == 403
        for path in ("..%2f..%2fledger.sqlite", "ledger.sqlite", "bulletins/", "%2e%2e/ack.keys"):
            assert client.get(f"{served.link(waiting)}/{path}").status_code == 404


def test_a_pdf_that_was_changed_is_not_given_out(desk: Desk, waiting: Standing, tmp_path: Path) -> None:
    from wuyu.ack.links import Links

    other = tmp_path / "out"
    name = waiting.request.message_id
    file = other / "bulletins" / waiting.request.area_code / f"{name}.pdf"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"%PDF-1.7 forged")
    link = Links("", KEYS).acknowledge(name, waiting.recipients[0], expires_at=waiting.request.expires_at)
    with serve(create_app(desk.ledger, other, KEYS, clock=lambda: waiting.request.asked_at)) as url:
        assert httpx.get(f"{url}{link}/bulletin.pdf").status_code == 404
        page = httpx.get(f"{url}{link}")
    assert page.status_code == 200
    assert "bulletin.pdf" not in page.text


def test_a_client_that_hammers_is_slowed_down(desk: Desk, waiting: Standing) -> None:
    from wuyu.ack.links import Links

    link = Links("", KEYS).acknowledge(
        waiting.request.message_id, waiting.recipients[0], expires_at=waiting.request.expires_at
    )
    app = create_app(desk.ledger, desk.out, KEYS, clock=lambda: waiting.request.asked_at, requests_a_minute=40)
    with serve(app) as url, httpx.Client(base_url=url) as client:
        codes = [client.get(link).status_code for _ in range(14)]
        last = client.get(link)
    assert codes[:10] == [200] * 10
    assert codes[-1] == 429
    assert last.headers["retry-after"] == "60"


def test_guessing_links_is_slowed_down_before_the_owner_is(served: Served, waiting: Standing) -> None:
    with served.client() as client:
        codes = [client.get("/a/guess").status_code for _ in range(14)]
        assert codes[:10] == [403] * 10
        assert codes[-1] == 429
        assert client.get(served.link(waiting)).status_code == 200


def test_nothing_personal_reaches_the_log(
    served: Served, waiting: Standing, form_of: FormOf, caplog: pytest.LogCaptureFixture
) -> None:
    link = served.link(waiting)
    with caplog.at_level(logging.DEBUG), served.client() as client:
        _answer(client, link, form_of, name="独特的名字", answer="cannot_act", reason="私人原因")
        client.get("/a/guess")
    ours = "\n".join(
        record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))
    )
    assert f"answer to {waiting.request.message_id}: cannot_act" in ours
    for secret in ("独特的名字", "私人原因", link.rpartition("/")[2], waiting.recipients[0], "127.0.0.1"):
        assert secret not in ours


def test_an_unforeseen_error_is_a_plain_page_and_logs_its_place_only(
    served: Served, waiting: Standing, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret 王值班")

    monkeypatch.setattr("wuyu.ack.app.find", broken)
    with served.client() as client:
        page = client.get(served.link(waiting))
    assert page.status_code == 500
    assert "请改用电话答复" in page.text
    assert "RuntimeError" not in page.text
    assert "content-security-policy" in page.headers
    assert re.search(r"RuntimeError at test_app\.py:\d+", caplog.text)
    assert "王值班" not in caplog.text


def test_a_second_person_sees_the_first_answer(served: Served, waiting: Standing, form_of: FormOf) -> None:
    from wuyu.ack.escalation import escalate

    assert waiting.request.due_at is not None
    served.clock.at = waiting.request.due_at
    escalate(served.desk, served.clock.at)
    now = find(served.desk.ledger, waiting.request.message_id)
    assert now is not None
    first, second = now.recipients
    with served.client() as client:
        _answer(client, served.link(waiting, first), form_of, answer="cannot_act", reason="停电")
        page = client.get(served.link(waiting, second)).text
        assert "停电" in page
        assert "<form" in page
        assert _answer(client, served.link(waiting, second), form_of, name="副主任").status_code == 303
        late = client.get(served.link(waiting, first)).text
    assert "停电" in late
    assert [(row.recipient, row.answer) for row in _answers(served)] == [(first, "cannot_act"), (second, "received")]


# What was flooded


def _feedback(served: Served, waiting: Standing) -> str:
    asked = waiting.request
    token = sign(KEYS, LinkUse.FEEDBACK, asked.message_id, waiting.recipients[0], expires_at=asked.feedback_until)
    return f"/f/{token}"


def test_what_was_seen_becomes_truth(served: Served, waiting: Standing, form_of: FormOf) -> None:
    link = _feedback(served, waiting)
    one, two, *rest = [row["id"] for row in waiting.request.content["zh"]["hotspots"]]
    served.clock.forward(hours=20)
    at = "2021-07-20T16:30"
    with served.client() as client:
        fields = {"form": form_of(client.get(link).text), "name": "王值班"}
        fields |= {f"seen-{one}": "flooded", f"depth-{one}": "45", f"at-{one}": at}
        fields |= {f"seen-{two}": "dry", f"at-{two}": at}
        fields |= {f"seen-{other}": "unchecked" for other in rest}
        fields |= {"seen-XX-1": "flooded", "at-XX-1": at}
        assert client.post(link, data=fields).status_code == 303
        page = client.get(link).text
        changed = {"form": form_of(page), "name": "王", f"seen-{one}": "dry", f"at-{one}": at}
        changed |= {f"seen-{rest[0]}": "flooded", f"at-{rest[0]}": at}
        assert client.post(link, data=changed).status_code == 303
    assert "已记录：积水" in page
    rows = truth_rows(served.desk.ledger, event_key=waiting.request.event_key)
    assert len(rows) == 3 + len(rest)
    known = rows[rows["known"]].set_index("hotspot_id")
    assert known["flooded"].to_dict() == {one: True, two: False, rest[0]: True}
    assert known["depth_m"].fillna(-1).to_dict() == {one: 0.45, two: 0.0, rest[0]: -1}
    assert known.at[one, "seen_at"].isoformat() == "2021-07-20T08:30:00+00:00"
    assert set(rows.columns).isdisjoint({"name", "recipient", "reported_by"})
    assert truth_rows(served.desk.ledger, event_key="other").empty


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"depth": "1e3"}, "水深请填"),
        ({"depth": "-4"}, "水深请填"),
        ({"depth": "nan"}, "水深请填"),
        ({"depth": "99999"}, "水深请填"),
        ({"at": ""}, "请填写核查时间"),
        ({"at": "2021-07-20"}, "请填写核查时间"),
        ({"at": "2021-13-40T99:99"}, "请填写核查时间"),
        ({"at": "2021-07-01T10:00"}, "不在本次预警期间"),
        ({"at": "2031-07-01T10:00"}, "不在本次预警期间"),
        ({"seen": "wet"}, "请选择积水"),
    ],
)
def test_reports_are_read_strictly(
    served: Served, waiting: Standing, form_of: FormOf, changes: dict[str, str], said: str
) -> None:
    link, spot = _feedback(served, waiting), waiting.request.content["zh"]["hotspots"][0]["id"]
    values = {"seen": "flooded", "depth": "20", "at": "2021-07-20T14:00"} | changes
    with served.client() as client:
        fields = {f"{key}-{spot}": value for key, value in values.items()}
        page = client.post(link, data=fields | {"form": form_of(client.get(link).text), "name": "王"})
    assert page.status_code == 400
    assert said in page.text
    assert spot in page.text
    assert flood_reports(served.desk.ledger, waiting.request.id, waiting.recipients[0]) == {}


def test_a_complete_report_stands(served: Served, waiting: Standing) -> None:
    link, at = _feedback(served, waiting), served.clock.at
    spots = [row["id"] for row in waiting.request.content["zh"]["hotspots"]]
    everything = [Observation(spot, Seen.DRY, 0.0, at) for spot in spots]
    to = waiting.recipients[0]
    ledger, request_id = served.desk.ledger, waiting.request.id
    _next_cycle(served, {})
    assert record_floods(ledger, request_id, everything, recipient=to, name="王", now=at) == len(spots)
    with served.client() as client:
        page = client.get(link)
        assert "<form" in page.text
        assert 'type="submit"' not in page.text
        again = client.post(link, data={"form": sign_a_form(link), "name": "x", f"seen-{spots[0]}": "flooded"})
        served.clock.at = waiting.request.feedback_until
        assert client.get(link).status_code == 410
    assert again.status_code == 409
    with ledger.reading() as session:
        assert {row.seen for row in session.scalars(select(FloodReport))} == {"dry"}


def _next_cycle(served: Served, open_places: dict[str, list[dict[str, str]]]) -> None:
    """Let one more cycle find what stands."""
    ledger = served.desk.ledger
    last = ledger.last_cycle(served.desk.code)
    assert last is not None
    cycle = ledger.begin_cycle(served.desk.code, last.valid_at + timedelta(minutes=10))
    with ledger.decide(now=cycle.valid_at, cycle=cycle) as decision:
        decision.finish_cycle(
            inputs=last.inputs, risk_paths=last.risk_paths, ladder_step=1, event_key=last.event_key,
            summary=last.summary | {"open_places": open_places}, warning_states=last.warning_states,
        )  # fmt: skip


def _open_ids(served: Served, waiting: Standing) -> list[str]:
    return [place.id for place in open_places(served.desk.ledger, waiting.request)]


def test_the_page_asks_of_every_place_that_stands_or_was_not_checked(served: Served, waiting: Standing) -> None:
    last = served.desk.ledger.last_cycle(served.desk.code)
    assert last is not None
    table = read_risk(served.desk.out / last.risk_paths["parquet"])
    mine = table[table["town_code"] == waiting.request.area_code]
    stands = {str(name) for name, state in mine["now"].items() if Now(state).keeps_open}
    assert stands
    assert set(_open_ids(served, waiting)) == stands
    other = {"id": "MD-999", "zh": "未列入通报处", "en": "Not listed", "now": "unconfirmed", "since": ""}
    _next_cycle(served, {waiting.request.area_code: [other]})
    with served.client() as client:
        page = client.get(_feedback(served, waiting)).text
    assert "未列入通报处" in page
    assert 'name="seen-MD-999"' in page
    assert "积水未核查" in page


def test_one_press_says_all_dry_and_a_later_look_says_otherwise(
    served: Served, waiting: Standing, form_of: FormOf
) -> None:
    link, places = _feedback(served, waiting), _open_ids(served, waiting)
    wet = places[0]
    with served.client() as client:
        form = form_of(client.get(link).text)
        assert client.post(link, data={"form": form, "name": "王", "all": "dry"}).status_code == 303
        assert client.post(link, data={"form": form, "name": "王", "all": "dry"}).status_code == 303
        assert _known(served) == dict.fromkeys(places, "dry")
        for minutes, seen in ((10, "flooded"), (20, "dry"), (30, "flooded")):
            served.clock.at = ISSUED + timedelta(minutes=6 + minutes)
            at = f"2021-07-20T14:{6 + minutes}"
            fields = {"form": form, "name": "王", f"seen-{wet}": seen, f"at-{wet}": at}
            assert client.post(link, data=fields).status_code == 303
            assert _known(served) == dict.fromkeys(places, "dry") | {wet: seen}
        assert "已记录：积水" in client.get(link).text
    with served.desk.ledger.reading() as session:
        assert len(list(session.scalars(select(FloodReport)))) == len(places)
        assert [row.seen for row in session.scalars(select(Sighting))] == ["flooded", "dry", "flooded"]


def _known(served: Served) -> dict[str, str]:
    """Return the last word on each place as the next cycle takes it."""
    table = known_sights(served.desk, served.clock.at + timedelta(minutes=1), known_at=served.clock.at).table
    return dict(table.sort_values("seen_at").groupby("hotspot_id")["seen"].last())


def test_all_dry_is_refused_where_one_place_is_marked_flooded(
    served: Served, waiting: Standing, form_of: FormOf
) -> None:
    link, (wet, *_) = _feedback(served, waiting), _open_ids(served, waiting)
    with served.client() as client:
        fields = {"form": form_of(client.get(link).text), "name": "王", "all": "dry", f"seen-{wet}": "flooded"}
        page = client.post(link, data=fields)
        assert (page.status_code, wet in page.text, "逐处提交" in page.text) == (400, True, True)
        assert client.post(link, data=fields | {"name": " "}).status_code == 400
    assert _known(served) == {}


# The duty desk


def test_the_desk_page_says_which_response_runs(served: Served, waiting: Standing) -> None:
    token = sign(KEYS, LinkUse.DESK, served.desk.code, DESK, expires_at=waiting.request.expires_at)
    with served.client() as client:
        assert "未启动应急响应" in client.get(f"/desk/{token}").text
        words = {"by": "张<i>指挥", "role": "commander", "why": "会商同意", "now": served.clock()}
        respond(served.desk, "start", level="II", **words)
        assert "正在执行：防汛Ⅱ级应急响应（张&lt;i&gt;指挥）" in client.get(f"/desk/{token}").text


def test_the_desk_page_needs_its_own_link(served: Served, waiting: Standing, form_of: FormOf) -> None:
    asked = waiting.request
    token = sign(KEYS, LinkUse.DESK, served.desk.code, DESK, expires_at=asked.expires_at)
    town = served.link(waiting).removeprefix("/a/")
    with served.client() as client:
        page = client.get(f"/desk/{token}")
        assert page.status_code == 200
        assert page.headers["refresh"] == "20"
        assert asked.phone in page.text
        assert "还有 8 分钟" in page.text
        assert client.get(f"/desk/{town}").status_code == 403
        assert client.get(f"/desk/{town}/{asked.message_id}").status_code == 403
        assert client.get(f"/desk/{token}/nothing").status_code == 404
        other = sign(KEYS, LinkUse.DESK, "999999", DESK, expires_at=asked.expires_at)
        assert asked.phone not in client.get(f"/desk/{other}").text
        assert client.get(f"/desk/{other}/{asked.message_id}").status_code == 404
        call = f"/desk/{token}/{asked.message_id}"
        fields = {"form": form_of(client.get(call).text), "name": "张主任", "answer": "received"}
        assert client.post(call, data=fields).status_code == 400
        assert client.post(call, data=fields | {"officer": "李"}).status_code == 303
        assert client.post(call, data=fields | {"officer": "李"}).status_code == 409
        assert asked.phone not in client.get(f"/desk/{token}").text
        served.clock.at = asked.expires_at
        assert client.get(f"/desk/{token}").status_code == 410


def test_a_slash_too_much_leads_nowhere(served: Served, waiting: Standing) -> None:
    with served.client() as client:
        for headers in ({}, {"host": "evil.example"}, {"host": "127.0.0.1", "x-forwarded-host": "evil.example"}):
            answer = client.get(f"{served.link(waiting)}/", headers=headers)
            assert answer.status_code in (400, 404)
            assert "location" not in answer.headers
            assert "evil" not in answer.text


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "a b", "duty.mini.example:x"])
def test_the_page_is_served_under_its_own_names_only(served: Served, waiting: Standing, host: str) -> None:
    with served.client() as client:
        answer = client.get(served.link(waiting), headers={"host": host})
        assert answer.status_code == 400
        assert "content-security-policy" in answer.headers
        assert client.get(served.link(waiting), headers={"host": "LocalHost:9"}).status_code == 200


def test_a_body_that_is_said_to_be_too_long_is_not_waited_for(served: Served, waiting: Standing) -> None:
    head = f"POST {served.link(waiting)} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 65537\r\n"
    port = int(served.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as one:
        one.sendall(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\nname=".encode())
        assert b" 413 " in one.recv(64)
