"""Every public name leads to a person: to a verb, a DAG, a program, a notebook, a documented example or the builder.

Read from the source alone. A definition reaches what its text names, through imports (those inside functions too),
re-exports and attributes of modules; a class reaches what any of its methods names. Tests and benchmarks reach nothing.
"""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
WINGS = ("risk_models", "reports", "wuyu")
FENCED = re.compile(r"^```python\n(.*?)^```", re.M | re.S)

#: A program of set-up that calls whatever has a compiled loop: no door, and nobody's to reach.
WARM = "risk_models.warm"
#: Public names that wait for a door, and which step opens it.
_LEARNING = "learning: a model from the record of floodings"
_VERIFICATION = "verification: scores of what was warned"
_REHEARSAL = "rehearsal: water that runs over the surface; today beside the ponding model in a benchmark"
OWED: dict[str, str] = {
    "risk_models.outlook.skill.tercile_skill": _VERIFICATION,
    "risk_models.rehearsal.inundation.Inundation": _REHEARSAL,
    "risk_models.rehearsal.inundation.inundate": _REHEARSAL,
    "risk_models.risk.susceptibility.history.group_storms": _LEARNING,
    "risk_models.risk.susceptibility.history.training_table": _LEARNING,
    "risk_models.scores.probability.best_threshold": _VERIFICATION,
    "risk_models.risk.susceptibility.spatial_cv.LeaveOneStormOut": _LEARNING,
    "risk_models.risk.susceptibility.spatial_cv.SpatialBlockSplit": _LEARNING,
    "risk_models.scores.counts.Contingency": _VERIFICATION,
    "risk_models.scores.counts.contingency": _VERIFICATION,
    "wuyu.ledger.opening.create_ledger": "tests and benchmarks, which make a ledger and open it in one; theirs to be",
}


class Name(NamedTuple):
    """A definition by its module and name; the empty name is what runs when the module is imported."""

    module: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Source:
    """What a text defines, imports and offers."""

    def __init__(self, module: str, text: str) -> None:
        self.module = module
        self.offered: list[str] = []
        self.imported: dict[str, set[Name]] = defaultdict(set)
        self.defined: dict[str, list[ast.AST]] = defaultdict(list)
        tree = ast.parse(text)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for here, there in _imports(node):
                    self.imported[here].add(there)
        self._read(tree.body)

    def _read(self, body: Iterable[ast.AST]) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self.defined[node.name].append(node)
                self.defined[""] += node.decorator_list
            elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
                self._assigned(node)
            elif isinstance(node, ast.If | ast.Try):
                self._read(ast.iter_child_nodes(node))
            else:
                self.defined[""].append(node)

    def _assigned(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]
        if names == ["__all__"] and node.value:
            self.offered = ast.literal_eval(node.value)
            return
        for name in names:
            self.defined["" if name.startswith("__") else name].append(node)


def _imports(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Name]]:
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield alias.asname or alias.name, Name(node.module or "", alias.name)
        elif alias.asname:
            yield alias.asname, Name(alias.name)
        else:
            yield alias.name.partition(".")[0], Name(alias.name.partition(".")[0])


class Tree:
    """Sources that import one another, and what is reached in them from some doors."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self.sources = {source.module: source for source in sources}

    def home(self, name: Name) -> Iterator[Name]:
        """Where a name is defined; nothing for names of other people's packages."""
        source = self.sources.get(name.module)
        if source is None:
            return
        if not name.name or name.name in source.defined:
            yield name
        elif others := source.imported.get(name.name, set()) - {name}:
            for there in others:
                yield from self.home(there)
        elif f"{name.module}.{name.name}" in self.sources:
            yield Name(f"{name.module}.{name.name}")

    def offered(self) -> set[Name]:
        """Every name that a module offers, where it is defined."""
        return {
            home
            for source in self.sources.values()
            for name in source.offered
            for home in self.home(Name(source.module, name))
            if home.name
        }

    def reached(self, doors: Iterable[Name]) -> set[Name]:
        """Everything that the doors lead to."""
        found: set[Name] = set()
        open_ = list(doors)
        while open_:
            name = open_.pop()
            if name in found:
                continue
            found.add(name)
            open_.append(Name(name.module))
            if "." in name.module and name.module.rpartition(".")[0] in self.sources:
                open_.append(Name(name.module.rpartition(".")[0]))
            source = self.sources[name.module]
            for node in source.defined.get(name.name, ()):
                open_ += self._named(source, node)
        return found

    def _named(self, source: Source, node: ast.AST) -> Iterator[Name]:
        for part in ast.walk(node):
            if isinstance(part, ast.Name | ast.Attribute):
                yield from self._meant(source, part)
            elif isinstance(part, ast.Tuple):
                yield from self._in_words(source, part)

    def _meant(self, source: Source, node: ast.expr) -> Iterator[Name]:
        if isinstance(node, ast.Name):
            if node.id in source.defined:
                yield Name(source.module, node.id)
            for there in source.imported.get(node.id, ()):
                yield from self.home(there)
        elif isinstance(node, ast.Attribute):
            for owner in self._meant(source, node.value):
                if not owner.name:
                    yield from self.home(Name(owner.module, node.attr))

    def _in_words(self, source: Source, node: ast.Tuple) -> Iterator[Name]:
        """A module beside this one and a name of it, as words: it is imported when it is asked for."""
        words = [part.value for part in node.elts if isinstance(part, ast.Constant)]
        if len(words) == 2 and all(isinstance(word, str) for word in words):
            yield from self.home(Name(f"{source.module.rpartition('.')[0]}.{words[0]}", str(words[1])))


def module_of(path: Path, root: Path = ROOT) -> str:
    """Dotted name of a file's module."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def code_of_pages() -> Iterator[Source]:
    """Python that people are shown: cells of notebooks, fenced blocks of pages."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        yield Source(path.name, "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"))
    for path in [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs").glob("*.md"))]:
        yield Source(path.name, "\n".join(FENCED.findall(path.read_text(encoding="utf-8"))))


@cache
def house() -> tuple[Tree, list[Name]]:
    """The whole project, and its doors."""
    paths = [path for folder in (*WINGS, "dags", "data/builder") for path in sorted((ROOT / folder).rglob("*.py"))]
    modules = [Source(module_of(path), path.read_text(encoding="utf-8")) for path in paths]
    pages = list(code_of_pages())
    tree = Tree([*modules, *pages])
    doors = [Name("wuyu.cli", "main"), Name("wuyu.sink"), Name("wuyu.__main__")]
    doors += [Name(name, "add_verbs") for name, verbs in tree.sources.items() if "add_verbs" in verbs.defined]
    whole = [*pages, *(source for source in modules if source.module.split(".")[0] in ("dags", "data"))]
    return tree, doors + [Name(source.module, name) for source in whole for name in ("", *source.defined)]


def lost(tree: Tree, doors: Iterable[Name]) -> set[str]:
    """Public names that no door leads to."""
    names = tree.offered() - tree.reached(doors)
    return {str(name) for name in names if name.module.split(".")[0] in WINGS and name.module != WARM}


def test_every_public_name_leads_to_a_person_or_is_owed() -> None:
    tree, doors = house()
    assert len(tree.offered()) > 1000
    assert sorted(lost(tree, doors) - set(OWED)) == [], "give them a door, make them private, or remove them"


def test_what_is_owed_is_still_there_and_still_has_no_door() -> None:
    assert sorted(set(OWED) - lost(*house())) == [], "take these names off the list"


def reached_in(**texts: str) -> set[str]:
    """What the door of a small tree leads to; a name with two underscores is a module of a package."""
    tree = Tree(Source(name.replace("__", "."), text) for name, text in texts.items())
    return {str(name) for name in tree.reached([Name("door", "main")]) if name.name}


def test_an_import_alone_leads_nowhere_and_a_use_does() -> None:
    room = "__all__ = ['used', 'idle']\ndef used(): return _own()\ndef idle(): ...\ndef _own(): ..."
    found = reached_in(door="from room import used, idle\ndef main(): used()", room=room)
    assert found == {"door.main", "room.used", "room._own"}


def test_attributes_of_modules_imports_in_functions_and_names_handed_on_are_followed() -> None:
    found = reached_in(
        door="import house.room as r\ndef main():\n    from house import told\n    r.one(), told()",
        house="from house.room import two as told",
        house__room="def one(): ...\ndef two(): ...\ndef three(): ...",
    )
    assert found == {"door.main", "house.room.one", "house.room.two"}


def test_a_module_runs_when_it_is_imported_and_a_table_of_words_names_what_it_opens() -> None:
    found = reached_in(
        door="from house.table import KINDS\ndef main(): return KINDS",
        house="",
        house__table="KINDS = {'a': ('reader', 'read_a')}\nprint(start())\ndef start(): ...\ndef other(): ...",
        house__reader="def read_a(): ...\ndef read_b(): ...",
    )
    assert found == {"door.main", "house.table.KINDS", "house.table.start", "house.reader.read_a"}
