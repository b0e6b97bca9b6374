"""A YAML file read safely, with the line of every key and a finding for every duplicate key or alias."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from risk_models.errors import Finding

__all__ = ["KeyPath", "YamlFile", "read_yaml"]

KeyPath = tuple[str | int, ...]

MAX_BYTES = 1_000_000
MAX_DEPTH = 20


@dataclass(frozen=True)
class YamlFile:
    """The content of a YAML file.

    Attributes
    ----------
    name : str
        File name for findings.
    data : Any
        Plain Python values; None if the file could not be read.
    lines : dict of key path to int
        1-based line of each key or list item.
    findings : tuple of Finding
    """

    name: str
    data: Any
    lines: dict[KeyPath, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def line(self, path: KeyPath) -> int | None:
        """Return the line of the key, or of the nearest key around it that is in the file.

        Examples
        --------
        >>> YamlFile("a.yaml", {}, {("mail",): 4}).line(("mail", "sender"))
        4
        """
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


def read_yaml(path: Path) -> YamlFile:
    """Read a YAML file with the safe loader; refuse duplicate keys, aliases and files over 1 MB.

    Parameters
    ----------
    path : Path

    Returns
    -------
    YamlFile
        With `data` None and at least one finding if the file is no usable YAML.

    Examples
    --------
    >>> read_yaml(Path("no-such.yaml")).findings[0].code
    'missing-file'
    """
    name = path.name
    try:
        raw = path.read_bytes() if path.stat().st_size <= MAX_BYTES else None
    except (FileNotFoundError, NotADirectoryError):
        return _refused(name, "missing-file", "no such file", fix=f"make one with 'wuyu district new', or add {name}")
    except OSError as error:
        return _refused(name, "unreadable", f"the file cannot be read: {error.strerror or error}")
    if raw is None:
        return _refused(name, "file-too-large", "the file is too large", accepted=f"at most {MAX_BYTES} bytes")
    try:
        return _parse(name, raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return _refused(name, "not-utf8", "the file is not UTF-8 text", fix="save it as UTF-8")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        row = None if mark is None else mark.line + 1
        problem = str(getattr(error, "problem", None) or "it cannot be parsed").replace("\n", " ")
        return _refused(name, "not-yaml", f"the file is not YAML: {problem}", row=row)
    except (RecursionError, ValueError) as error:
        return _refused(name, "not-yaml", f"the file is not usable YAML: {type(error).__name__}")


def _refused(
    name: str, code: str, message: str, *, row: int | None = None, accepted: str = "", fix: str = ""
) -> YamlFile:
    finding = Finding(code=code, message=message, file=name, row=row, accepted=accepted, fix=fix)
    return YamlFile(name, None, {}, (finding,))


def _parse(name: str, text: str) -> YamlFile:
    loader = yaml.SafeLoader(text)
    try:
        # An alias can blow a small file up to gigabytes, and deep nesting costs hours; settings need neither.
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                return _refused(name, "yaml-too-deep", "the file is nested too deep", accepted=f"{MAX_DEPTH} levels")
            if isinstance(event, yaml.AliasEvent):
                row = event.start_mark.line + 1 if event.start_mark else None
                return _refused(name, "yaml-alias", "aliases (*name) are not accepted", row=row, fix="write it out")
        root = loader.get_single_node()
        if root is None:
            return _refused(name, "empty-file", "the file is empty")
        lines: dict[KeyPath, int] = {}
        findings = tuple(_walk(root, (), lines, name))
        return YamlFile(name, loader.construct_document(root), lines, findings)  # type: ignore[no-untyped-call]
    finally:
        loader.dispose()


def _walk(node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int], name: str) -> Iterator[Finding]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            line = key.start_mark.line + 1
            if here in lines:
                yield Finding(
                    code="duplicate-key",
                    message=f"the key stands twice; it stood first in line {lines[here]}",
                    file=name,
                    row=line,
                    column=".".join(map(str, here)),
                    fix="keep one of the two",
                )
            lines[here] = line
            yield from _walk(value, here, lines, name)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*path, index)] = value.start_mark.line + 1
            yield from _walk(value, (*path, index), lines, name)
