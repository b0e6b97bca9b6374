"""The order of the rooms is held: turn one import round, inside a function even, and the contracts break."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WINGS = ("risk_models", "reports", "wuyu", "dags")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the modules and of the contracts."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for wing in WINGS:
        shutil.copytree(ROOT / wing, folder / wing, ignore=shutil.ignore_patterns("__pycache__", "*.html", "*.typ"))
    return folder


def _lint(house: Path) -> tuple[int, str]:
    program = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run(
        [program, "--no-cache"], cwd=house, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(house)}
    )
    return ran.returncode, " ".join((ran.stdout + ran.stderr).split())


def test_the_contracts_hold(house: Path) -> None:
    status, said = _lint(house)
    assert status == 0, said
    assert "0 broken" in said


@pytest.mark.parametrize(
    ("path", "name", "found"),
    [
        ("wuyu/messages/guard.py", "wuyu.ledger", "wuyu.messages is not allowed to import wuyu.ledger"),
        ("wuyu/ledger/decision.py", "wuyu.delivery", "wuyu.ledger is not allowed to import wuyu.delivery"),
        ("wuyu/delivery/relay.py", "wuyu.ack", "wuyu.delivery is not allowed to import wuyu.ack"),
        ("wuyu/approval/book.py", "wuyu.cycle", "wuyu.approval is not allowed to import wuyu.cycle"),
        ("wuyu/jobs.py", "wuyu.cli", "wuyu.jobs is not allowed to import wuyu.cli"),
        ("reports/words.py", "reports.figures", "reports.words is not allowed to import reports.figures"),
        ("reports/bulletin/model.py", "wuyu.desk", "reports is not allowed to import wuyu"),
        ("risk_models/risk/scorer.py", "risk_models.warning", "risk_models.risk is not allowed to import"),
    ],
)
def test_an_import_turned_round_is_found_inside_a_function_too(house: Path, path: str, name: str, found: str) -> None:
    module = house / path
    before = module.read_text(encoding="utf-8")
    module.write_text(f"{before}\n\ndef _turned() -> object:\n    import {name}\n\n    return {name}\n", "utf-8")
    try:
        status, said = _lint(house)
    finally:
        module.write_text(before, "utf-8")
    assert status != 0
    assert found in said


@pytest.mark.parametrize("wing", ["risk_models", "reports", "wuyu"])
def test_a_room_without_a_floor_is_refused(house: Path, wing: str) -> None:
    room = house / wing / "loft.py"
    room.write_text('"""A room that stands on no floor."""\n', "utf-8")
    try:
        status, said = _lint(house)
    finally:
        room.unlink()
    assert status != 0
    assert f"{wing}.loft" in said
