"""One word, one meaning: a public class name is defined once in the whole tree, a public function once in its wing."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("risk_models", "reports", "wuyu", "dags", "data", "benchmarks")

#: Names still defined twice, each owed by the room of wuyu/ that is named; the list only gets shorter.
OWED: dict[str, set[str]] = {}


def modules(*packages: str) -> Iterator[tuple[str, ast.Module]]:
    """Every module of some packages, as its path and what it says."""
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def class_names(module: ast.Module) -> Iterator[str]:
    """Public classes of a module, and public names given to a type."""
    for node in module.body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign) and _is_type(node.value):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _is_type(value: ast.expr) -> bool:
    return isinstance(value, ast.Subscript) and isinstance(value.value, ast.Name) and value.value.id == "Literal"


def homes() -> dict[str, set[str]]:
    """Paths of the modules that define a public class, by its name."""
    found: dict[str, set[str]] = defaultdict(set)
    for path, module in modules(*PACKAGES):
        for name in class_names(module):
            if not name.startswith("_"):
                found[name].add(path)
    return found


def test_a_public_class_name_is_defined_once() -> None:
    twice = {name: sorted(paths) for name, paths in homes().items() if len(paths - OWED.get(name, set())) > 1}
    assert not twice


def test_what_is_owed_is_still_there() -> None:
    found = homes()
    paid = {name for name, paths in OWED.items() if len(found.get(name, set())) < 2 or not paths <= found[name]}
    assert not paid, "take these names off the list"


@pytest.mark.parametrize("package", ["risk_models", "reports"])
def test_a_public_function_name_is_defined_once_in_its_wing(package: str) -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for path, module in modules(package):
        for node in module.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                found[node.name].append(path)
    assert not {name: paths for name, paths in found.items() if len(paths) > 1}
