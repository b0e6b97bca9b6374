"""No product states a depth in metres or centimetres where the sag is not known."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from risk_models.risk import read_risk
from tests.replays import StormRun, mails

pytestmark = pytest.mark.xdist_group("storm")

#: A depth as it is told where the sag is known: "33 / 127 厘米", "5—44厘米", "0 to 1.4 m", "0.43米"; rain is in mm.
DEPTH = re.compile(
    r"\d / \d+ (?:厘米|cm)|\d(?:—| to )\d+ ?(?:厘米|cm)|(?:可能|may be )\d+ ?(?:厘米|cm)|无积水|no water"
    r"|\d\.\d+ ?米|\d\.\d+ m\b"
)
#: What is now is told by classes everywhere, unless it was measured.
NOW = re.compile(
    r"(?:模型推算现有|曾有)积水（[^）]*）[^。]*。|(?:By the model water stands|Water stood here) .*?\([^)]*\)[^.]*\. "
)
CELL = re.compile(r"\d+厘米|\d\.\d+米")
ROW_GOES_ON = re.compile(r"\r?\n+(?:   |\s*<div)")
MARKUP = re.compile(r"<[^>]+>")


@pytest.fixture(scope="module")
def told(storm_run: StormRun) -> pd.DataFrame:
    """The risk tables of the storm, one below the other."""
    cycles = storm_run.desk.ledger.cycles(storm_run.desk.code)
    return pd.concat([pd.DataFrame(read_risk(storm_run.desk.out / cycle.risk_paths["parquet"])) for cycle in cycles])


@pytest.fixture(scope="module")
def unknown(told: pd.DataFrame) -> frozenset[str]:
    """Hotspots whose sag is not known: some are, some are not."""
    known = told.groupby(level=0)["sag_known"].agg(["all", "any"])
    assert (known["all"] == known["any"]).all()
    assert known["any"].nunique() == 2
    return frozenset(known.index[~known["any"]])


def _of_unknown(lines: list[str], unknown: frozenset[str]) -> list[str]:
    return [line for line in lines if any(hotspot in line for hotspot in unknown)]


def test_reasons_tell_centimetres_only_of_known_sags(told: pd.DataFrame) -> None:
    rained = told[told["level"] >= 1]
    for column, classes in (("reason_zh", "27厘米"), ("reason_en", "27 cm")):
        ahead = rained[column].str.replace(NOW, "", regex=True)
        states_depth = ahead.str.contains(DEPTH)
        assert (states_depth == rained["sag_known"]).all()
        assert (ahead.str.contains(classes) == ~rained["sag_known"]).all()


def test_bulletins_and_mails_tell_centimetres_only_of_known_sags(storm_run: StormRun, unknown: frozenset[str]) -> None:
    mailed, kept = [], []
    for mail in (mail for box in mails(storm_run.mailbox).values() for mail in box):
        for kind in ("plain", "html"):
            body = mail.get_body((kind,))
            if body is None:  # a notice is text alone
                assert (kind, mail["X-Wuyu-Notice"]) == ("html", "water-now")
                continue
            told = ROW_GOES_ON.sub(" ", body.get_content())
            mailed += MARKUP.sub("", told.replace("</td>", "\n")).splitlines()
    for ending in ("txt", "html"):
        for path in sorted((storm_run.desk.out / "bulletins").glob(f"*/*.{ending}")):
            kept += MARKUP.sub("", path.read_text(encoding="utf-8").replace("</td>", "\n")).splitlines()
    names = storm_run.desk.district.hotspots.loc[sorted(unknown), "hotspot_name"]
    places = [line for line in mailed if re.search(r"\d+\. ", line)]  # rows of the table of places
    for found in (_of_unknown(kept, unknown), _of_unknown(places, frozenset(names))):
        assert sum("≥" in line for line in found) > 20
        assert [line for line in found if DEPTH.search(line)] == []
    deepest = [line for line in kept if "最可能积深水处" in line]
    assert deepest
    assert [line for line in deepest if bool(DEPTH.search(line)) == ("27厘米" in line)] == []


def test_the_map_holds_depths_of_known_sags_only(storm_run: StormRun, unknown: frozenset[str]) -> None:
    page = (storm_run.desk.out / "onemap.html").read_text(encoding="utf-8")
    data = json.loads(page.split('<script type="application/json" id="data">')[1].split("</script>")[0])
    spots = {spot["id"]: number for number, spot in enumerate(data["hotspots"])}
    assert {hotspot for hotspot, number in spots.items() if not data["hotspots"][number]["sagKnown"]} == unknown
    for key in ("d10", "d50", "d90"):
        for hour in data["quantities"][key]:
            assert {hour[spots[hotspot]] for hotspot in unknown} == {-1}
        assert max(map(max, data["quantities"][key])) > 0
    assert max(map(max, data["quantities"]["p27"])) > 0


def test_the_report_tells_centimetres_only_of_known_sags(storm_run: StormRun, unknown: frozenset[str]) -> None:
    names = storm_run.desk.district.hotspots["hotspot_name"]
    word = next((storm_run.desk.out / "reports").glob("*.docx"))
    rows = _table_rows(word)
    of_unknown = [row for row in rows if set(row) & set(names[list(unknown)])]
    of_known = [row for row in rows if set(row) & set(names.drop(list(unknown)))]
    assert [row for row in of_unknown if any(CELL.fullmatch(cell) for cell in row)] == []
    assert any(cell.startswith("≥") for row in of_unknown for cell in row)
    assert any(CELL.fullmatch(cell) for row in of_known for cell in row)


def _table_rows(word: Path) -> list[list[str]]:
    with zipfile.ZipFile(word) as package:
        document = package.read("word/document.xml").decode()
    rows = re.findall(r"<w:tr[ >].*?</w:tr>", document, flags=re.DOTALL)
    return [[MARKUP.sub("", cell) for cell in re.findall(r"<w:tc[ >].*?</w:tc>", row, flags=re.DOTALL)] for row in rows]
