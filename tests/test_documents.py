"""Python on the pages that people read runs as it stands there, and gives what the page says."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from risk_models.levels import Level

ROOT = Path(__file__).resolve().parents[1]
FENCED = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
PAGES = [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs").glob("*.md"))]
WITH_CODE = [path for path in PAGES if FENCED.search(path.read_text(encoding="utf-8"))]
README, README_ZH = ROOT / "README.md", ROOT / "README.zh-CN.md"


def blocks_of(path: Path) -> list[str]:
    return FENCED.findall(path.read_text(encoding="utf-8"))


@pytest.fixture
def beside_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in that has the bundled data, and nothing else of the project."""
    (tmp_path / "data").symlink_to(ROOT / "data", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.usefixtures("beside_data")
@pytest.mark.parametrize("page", [path for path in WITH_CODE if path != README_ZH], ids=lambda path: path.name)
def test_every_block_runs(page: Path) -> None:
    said: dict[str, Any] = {"__name__": page.stem}
    for number, block in enumerate(blocks_of(page)):
        exec(compile(block, f"{page.name}, block {number + 1}", "exec", dont_inherit=True), said)
    if page == README:
        counts = {Level(level): count for level, count in said["risk"]["level"].value_counts().items()}
        assert sum(counts.values()) == 236
        for path, words in ((README, "{n} {en} ({level:d})"), (README_ZH, "{level.zh}（{level:d}）{n}个")):
            for level, count in counts.items():
                assert words.format(n=count, level=level, en=level.en.lower()) in "\n".join(blocks_of(path))


def test_both_first_pages_show_the_same_lines() -> None:
    english, chinese = ([ast.dump(ast.parse(block)) for block in blocks_of(path)] for path in (README, README_ZH))
    assert english == chinese
    assert len(ast.parse(blocks_of(README)[0]).body) == 5
