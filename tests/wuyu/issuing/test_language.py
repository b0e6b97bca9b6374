"""A town is told in the language that it asks for; what is kept has both."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from reports.bulletin import SignOff
from wuyu.desk import Desk
from wuyu.issuing.bulletins import Bulletins

pytestmark = pytest.mark.xdist_group("storm")
NEXT = ("下次通报", "Next message")


def _in_english(desk: Desk, out: Path, town_code: str) -> Desk:
    towns = desk.district.towns.copy()
    towns["language"] = ""
    towns.loc[town_code, "language"] = "en"
    return dataclasses.replace(desk, district=dataclasses.replace(desk.district, towns=towns), out=out)


def test_mail_and_pdf_are_in_the_language_of_the_town(desk: Desk, tmp_path: Path) -> None:
    rows = [row for row in desk.ledger.warnings() if row.level > 0]
    asked, other = rows[0].to_record(), rows[1].to_record()
    cycle = desk.ledger.last_cycle(desk.code)
    assert cycle is not None
    maker = Bulletins(desk)
    facts = maker.facts(cycle.risk_paths["parquet"])
    own = _in_english(desk, tmp_path, asked.area_code)
    maker = Bulletins(own)
    for record, zh, files_told in ((asked, False, {"pdf", "en.pdf"}), (other, True, {"pdf"})):
        files = maker.write(record, facts, earlier=[], sign_off=SignOff(officer="李明"), levels={})
        assert {kind for kind in files.paths if kind.endswith("pdf")} == files_told
        assert all(words in files.paths["html"].read_text(encoding="utf-8") for words in NEXT)
        content = maker._content(record, files, str(own.district.towns.at[record.area_code, "mailbox"]))
        for text in (content.text, content.html):
            assert [words in text for words in NEXT] == [zh, not zh]
        assert content.attachments[0].filename.endswith(".pdf" if zh else ".en.pdf")
