"""Every promise of the README is held by lines that the mutations know, and both languages promise the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.mutants import MUTANTS
from tests.mutations import check, page, promises

HEADINGS = {"README.md": "## Promises, and the test that holds each", "README.zh-CN.md": "## 承诺与验证"}


def _tests_by_row(root: Path, name: str) -> list[list[str]]:
    table = (root / name).read_text(encoding="utf-8").partition(HEADINGS[name])[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    return [re.findall(r"`(tests/[^`]+)`", row) for row in rows]


def test_every_line_is_found_once_and_every_test_is_there(root: Path) -> None:
    assert check(root) == []


def test_every_promise_has_a_mutant_and_every_mutant_a_promise(root: Path) -> None:
    promised = [promise for promise, _ in promises((root / "README.md").read_text(encoding="utf-8"))]
    assert len(promised) == len(set(promised)) >= 25
    assert {mutant.promise for mutant in MUTANTS} == set(promised)


def test_the_tests_named_beside_a_promise_are_there_and_one_of_them_finds_a_mutant(root: Path) -> None:
    for promise, tests in promises((root / "README.md").read_text(encoding="utf-8")):
        assert all((root / test).is_file() for test in tests), promise
        found_by = {test.partition("::")[0] for mutant in MUTANTS if mutant.promise == promise for test in mutant.tests}
        assert found_by & set(tests), f"{promise}: no test of {sorted(found_by)} is named in the README"


def test_both_languages_promise_the_same(root: Path) -> None:
    english, chinese = (_tests_by_row(root, name) for name in HEADINGS)
    assert len(english) >= 25
    assert chinese == english


def test_the_page_is_what_the_script_prints(root: Path) -> None:
    assert (root / "docs" / "promises.md").read_text(encoding="utf-8") == page(root)


@pytest.mark.parametrize("changed", ["", "twice twice"])
def test_a_table_that_has_rotted_is_found(tmp_path: Path, changed: str) -> None:
    """A copy whose files say something else, or the same thing twice."""
    for mutant in MUTANTS:
        path = tmp_path / mutant.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(changed.replace("twice", mutant.line), encoding="utf-8")
    wrong = check(tmp_path)
    assert sum("not once" in line for line in wrong) >= len({mutant.file for mutant in MUTANTS})
    assert any(line.startswith("there is no test tests/") for line in wrong)
