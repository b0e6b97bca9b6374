"""The story page: every hour, every message, every file, and nothing from outside."""

from __future__ import annotations

import dataclasses
import html.parser
import re
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from reports.story import StoryInputs, story_html, write_story
from reports.story.facts import bulletin_links, mail_rows, timeline_hours
from risk_models.levels import Level


class Links(html.parser.HTMLParser):
    """Collects addresses and tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [str(value) for key, value in attrs if key in ("href", "src")]


@pytest.fixture(scope="module")
def text(story_inputs: StoryInputs) -> str:
    return story_html(story_inputs)


def test_page_stands_alone(text: str) -> None:
    links = Links(text)
    assert not links.tags & {"script", "link", "img", "iframe"}
    assert not [address for address in links.addresses if "//" in address]
    assert "default-src 'none'" in text


def test_every_link_leads_to_a_file_of_the_run(text: str, story_inputs: StoryInputs) -> None:
    targets = {address.split("#")[0] for address in Links(text).addresses}
    assert targets <= set(story_inputs.files)
    assert {"onemap.html", "reports/2021-07-month.docx", "ledger.sqlite", "rehearsal/design_storms.csv"} <= targets


def test_every_bulletin_and_risk_file_is_linked(text: str, story_inputs: StoryInputs) -> None:
    targets = set(Links(text).addresses)
    wanted = [
        file for file in story_inputs.files if file.startswith(("risk/", "bulletins/")) and not file.endswith(".png")
    ]
    assert len(wanted) == 24 + 27 * 4
    assert set(wanted) <= targets


def test_timeline_has_every_hour_with_all_towns(story_inputs: StoryInputs) -> None:
    rows = timeline_hours(story_inputs)
    assert [row.label for row in rows][:2] == ["07-20 10:00", "07-20 11:00"]
    assert {len(row.towns) for row in rows} == {18}
    assert all(row.towns[17] is Level.UNKNOWN for row in rows)
    assert rows[6].rain_share == 1.0
    assert rows[8].rain_mm is None


def test_missing_rain_is_said_and_not_drawn_as_zero(text: str) -> None:
    row = text.split('<tr id="2021-07-20T10:00Z">')[1].split("</tr>")[0]
    assert "缺测" in row
    assert "<i style" not in row


def test_messages_stand_in_the_hour_they_were_issued(story_inputs: StoryInputs) -> None:
    rows = timeline_hours(story_inputs)
    assert [len(row.events) for row in rows] == [0, 0, 1, 0, 0, 2, 0, 0, 0, 0, 2, 0]
    raised = rows[5].events[0]
    assert (raised.action.zh, raised.level, len(raised.towns), raised.is_end) == ("升级", Level.RED, 5, False)
    assert raised.towns[0][0].zh == "淮河路"
    assert [word for word, _ in raised.towns[0][1]] == ["HTML", "PDF", "CAP", "TXT"]


def test_unchanged_warnings_are_no_messages(story_inputs: StoryInputs) -> None:
    mailed = sum(len(event.towns) for row in timeline_hours(story_inputs) for event in row.events)
    assert mailed == (story_inputs.warnings["action"] != "CON").sum() == 27


def test_message_before_the_first_assessment_is_kept(story_inputs: StoryInputs) -> None:
    early = story_inputs.warnings.assign(issued_at=pd.Timestamp("2021-07-19T00:00Z"))
    rows = timeline_hours(dataclasses.replace(story_inputs, warnings=early))
    assert sum(len(event.towns) for event in rows[0].events) == 27


def test_headlines_are_the_numbers_of_the_tables(text: str) -> None:
    facts = re.findall(r"<li><b>([^<]+)</b><span>([^<]+)</span>", text)
    assert ("201.9 mm", "最大小时雨量，7月20日16时止") in facts
    assert ("374.1 mm", "11个小时累计雨量") in facts
    assert ("24", "红色风险点，7月20日15时") in facts
    assert ("9", "次预警，27份通报") in facts
    assert ("07-20 15:05", "首次红色预警") in facts


def test_real_and_constructed_are_told_apart(text: str, story_inputs: StoryInputs) -> None:
    assert "演示数据" in text
    assert "哪些是真实的，哪些是构造的" in text
    district = SimpleNamespace(**vars(story_inputs.district))
    identity = SimpleNamespace(**{**vars_of(district.settings.district), "demonstration": False})
    district.settings = SimpleNamespace(district=identity)
    assert "演示数据" not in story_html(dataclasses.replace(story_inputs, district=district))


def vars_of(thing: object) -> dict[str, object]:
    """Return the fields of a record of any kind."""
    names = ("code", "name", "city", "bureau", "timezone", "projected_crs", "demonstration")
    return {name: getattr(thing, name) for name in names}


def test_mailbox_is_summed_by_recipient(story_inputs: StoryInputs, text: str) -> None:
    statuses, rows = mail_rows(story_inputs.deliveries)
    assert statuses == ("failed", "sent")
    assert rows[0] == ("town01@erqi.example", (1, 2), 3)
    assert "有27个文件" in text


def test_hostile_names_and_paths_are_escaped(story_inputs: StoryInputs) -> None:
    name = '<img src=x onerror="alert(1)">街道'
    district = SimpleNamespace(**vars(story_inputs.district))
    district.towns = district.towns.assign(town_name=name, town_name_en=name)
    files = [*story_inputs.files, 'reports/a"><script>.pdf']
    hostile = story_html(dataclasses.replace(story_inputs, district=district, files=files))
    assert not Links(hostile).tags & {"img", "script"}
    assert "&lt;img src=x" in hostile


def test_empty_run_still_has_a_page(story_inputs: StoryInputs) -> None:
    bare = dataclasses.replace(
        story_inputs,
        files=[],
        warnings=story_inputs.warnings.iloc[:0],
        deliveries=story_inputs.deliveries.iloc[:0],
        cycles=story_inputs.cycles.assign(rain_mm=float("nan")),
    )
    text = story_html(bare)
    assert "没有投递记录" in text
    assert "没有成果文件" in text
    assert "onemap.html" not in text


def test_a_story_needs_an_assessment(story_inputs: StoryInputs) -> None:
    with pytest.raises(ValueError, match="at least one assessment"):
        dataclasses.replace(story_inputs, cycles=story_inputs.cycles.iloc[:0])


def test_drafts_and_pictures_are_no_links() -> None:
    files = ["bulletins/1/E.r0.draft.html", "bulletins/1/E.r0.png", "bulletins/1/E.r0.html", "risk/E.r0.html"]
    assert bulletin_links(files)["E.r0"] == (("HTML", "bulletins/1/E.r0.html"),)


def test_same_inputs_give_the_same_file(story_inputs: StoryInputs, text: str, tmp_path: Path) -> None:
    assert write_story(story_inputs, tmp_path / "index.html").read_text("utf-8") == text
