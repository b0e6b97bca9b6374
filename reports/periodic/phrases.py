"""The sentences of periodic reports: text with named gaps, kept in files that an office may edit.

A sentence is only ever filled with facts that were formatted beforehand, by the same functions that fill the tables,
so a number in prose is the number in the table.
"""

from __future__ import annotations

import string
import tomllib
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from reports.words import Lang
from risk_models.errors import ConfigError

__all__ = ["Phrases", "load_phrases"]

_FOLDER = Path(__file__).resolve().parent.parent / "templates" / "periodic"


@dataclass(frozen=True)
class Phrases:
    """Sentences of one language by dotted name."""

    lang: Lang
    table: dict[str, Any]

    def __call__(self, name: str, /, **facts: str) -> str:
        """Return a sentence with its gaps filled.

        Raises
        ------
        ConfigError
            If there is no such sentence, or it has a gap that no fact fills.
        """
        text = self._look_up(name)
        if not isinstance(text, str):
            raise ConfigError(f"phrases.{self.lang}.toml: '{name}' must be one text")
        try:
            return text.format_map(facts)
        except (KeyError, IndexError, ValueError) as error:
            known = ", ".join(sorted(facts)) or "none"
            raise ConfigError(
                f"phrases.{self.lang}.toml: gap {error} in '{name}' is not known; known: {known}"
            ) from None

    def words(self, name: str) -> list[str]:
        """Return a list of words, such as the header of a table.

        Raises
        ------
        ConfigError
            If there is no such list.
        """
        value = self._look_up(name)
        if not isinstance(value, list):
            raise ConfigError(f"phrases.{self.lang}.toml: '{name}' must be a list")
        return [str(item) for item in value]

    def _look_up(self, name: str) -> Any:
        node: Any = self.table
        for key in name.split("."):
            if not isinstance(node, dict) or key not in node:
                raise ConfigError(f"phrases.{self.lang}.toml has no '{name}'; restore it from the original file")
            node = node[key]
        return node


def load_phrases(lang: Lang, folder: Path | None = None) -> Phrases:
    """Return the sentences of a language.

    Parameters
    ----------
    lang : {"zh", "en"}
    folder : Path, optional
        A bureau's own folder. A ``phrases.<lang>.toml`` there may replace single sentences; every name in it must be
        one of the original file, and a sentence may use only the gaps of the original.

    Raises
    ------
    ConfigError
        If the bureau's file cannot be read, names what the original has not, or uses other gaps.

    Examples
    --------
    >>> load_phrases("en")("dates.flood_begins")
    'Flood season begins'
    """
    name = f"phrases.{lang}.toml"
    own = None if folder is None else folder / name
    if own is None or not own.is_file():
        return _original(lang)
    try:
        changes = tomllib.loads(own.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{own.name} of the templates folder cannot be read: {error}") from None
    table = deepcopy(_original(lang).table)
    _override(table, changes, "", name)
    return Phrases(lang, table)


@cache
def _original(lang: Lang) -> Phrases:
    """Return the sentences that come with the system."""
    return Phrases(lang, tomllib.loads((_FOLDER / f"phrases.{lang}.toml").read_text(encoding="utf-8")))


def _override(table: dict[str, Any], changes: dict[str, Any], path: str, file: str) -> None:
    """Put the bureau's sentences in place of the originals."""
    for key, value in changes.items():
        name = f"{path}{key}"
        if key not in table or type(table[key]) is not type(value):
            raise ConfigError(f"{file} of the templates folder: '{name}' is no sentence of the original file")
        if isinstance(value, dict):
            _override(table[key], value, f"{name}.", file)
            continue
        if isinstance(value, list) and len(value) != len(table[key]):
            raise ConfigError(
                f"{file} of the templates folder: '{name}' needs {len(table[key])} words, got {len(value)}"
            )
        if isinstance(value, str):
            strange = sorted(_gaps(value, name, file) - _gaps(table[key], name, file))
            if strange:
                known = ", ".join(sorted(_gaps(table[key], name, file))) or "none"
                raise ConfigError(f"{file} of the templates folder: gap '{strange[0]}' in '{name}'; known: {known}")
        table[key] = value


def _gaps(text: str, name: str, file: str) -> set[str]:
    """Return the names of the gaps of a sentence."""
    try:
        return {gap for _, gap, _, _ in string.Formatter().parse(text) if gap is not None}
    except ValueError as error:
        raise ConfigError(f"{file} of the templates folder: '{name}' cannot be read: {error}") from None
