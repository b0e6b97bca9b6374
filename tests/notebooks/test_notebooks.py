"""Every notebook runs from top to bottom as it lies in the project, and is kept without results."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.factories import STORM_BEGIN, STORM_END, STORM_PEAK

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TIMEOUT_S = 1500
LONGEST_FUNCTION = 10
#: Notebooks whose district is made of reference data that are not part of the project.
ON_REAL_DATA = {"07_is_it_right"}
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def code_cells(path: Path) -> list[Any]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def test_there_is_a_first_notebook() -> None:
    assert "01_first_look" in [path.stem for path in NOTEBOOKS]


@each_notebook
def test_it_is_valid_and_kept_without_results(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    assert code_cells(path)
    assert [cell.outputs for cell in code_cells(path)] == [[] for _ in code_cells(path)]
    assert {cell.execution_count for cell in code_cells(path)} == {None}
    assert notebook.metadata.kernelspec.name == "python3"


@each_notebook
def test_cells_and_functions_are_short(path: Path) -> None:
    for cell in code_cells(path):
        assert len(cell.source.splitlines()) <= 20, cell.source
        functions = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.FunctionDef)]
        assert all(node.end_lineno - node.lineno < LONGEST_FUNCTION for node in functions if node.end_lineno)


@each_notebook
def test_headings_speak_both_languages_and_the_mark_is_there(path: Path) -> None:
    texts = [cell.source for cell in read(path).cells if cell.cell_type == "markdown"]
    for text in texts:
        heading, below = text.splitlines()[:2]
        assert heading.startswith("#")
        assert any("\u4e00" <= char <= "\u9fff" for char in below), heading
    assert "演示数据" in texts[0]
    assert "Demonstration data" in texts[0]


@pytest.mark.slow
@pytest.mark.timeout(TIMEOUT_S + 60)
@each_notebook
def test_it_runs_and_its_own_checks_hold(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if path.stem in ON_REAL_DATA:
        monkeypatch.setenv("WUYU_TEST_DATA", str(request.getfixturevalue("shared_data")))
    done = executed(path, tmp_path, monkeypatch)
    assert sum("image/png" in output.get("data", {}) for cell in done for output in cell.outputs) >= 4


@pytest.mark.slow
@pytest.mark.timeout(TIMEOUT_S + 60)
@pytest.mark.parametrize("name", ["01_first_look", "07_is_it_right"])
def test_it_takes_any_district(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storm_district: Path
) -> None:
    given = {"DISTRICT": str(storm_district), "AT": STORM_PEAK.isoformat(), "STEP_H": "1"}
    given |= {"FROM": f"{STORM_BEGIN:%Y-%m-%dT%H:%MZ}", "TO": f"{STORM_END:%Y-%m-%dT%H:%MZ}"}
    for key, value in given.items():
        monkeypatch.setenv(f"WUYU_{key}", value)
    executed(ROOT / "notebooks" / f"{name}.ipynb", tmp_path, monkeypatch)


def executed(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Run a copy of a notebook and return its cells of code; its own checks hold, and nothing is said on stderr."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))  # the home may not be ours to write in
    # A copy beside links to the data: the notebook looks for its district upwards from where it stands.
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "data").symlink_to(ROOT / "data", target_is_directory=True)
    copy = tmp_path / "notebooks" / path.name
    copy.write_bytes(path.read_bytes())
    before = path.read_bytes()
    notebook = read(copy)
    place = {"metadata": {"path": str(copy.parent)}}
    client = NotebookClient(notebook, kernel_name="python3", timeout=TIMEOUT_S, resources=place)
    client.execute()
    assert path.read_bytes() == before
    done = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in done] == list(range(1, len(done) + 1))
    assert "assert" in done[-1].source, "the last cell checks the results"
    assert not [output for cell in done for output in cell.outputs if output.get("name") == "stderr"]
    return done
