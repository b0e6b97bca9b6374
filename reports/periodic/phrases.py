"""The sentences of periodic reports: text with named gaps, kept in files that an office may edit.

A sentence is only ever filled with facts that were formatted beforehand, by the same functions that fill the tables,
so a number in prose is the number in the table.
"""

from __future__ import annotations

import tomllib
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


@cache
def load_phrases(lang: Lang) -> Phrases:
    """Return the sentences of a language.

    Parameters
    ----------
    lang : {"zh", "en"}

    Examples
    --------
    >>> load_phrases("en")("outlook.season_in", month_name="August", flood="15 May to 30 September")
    'August lies in the flood season (15 May to 30 September).'
    """
    return Phrases(lang, tomllib.loads((_FOLDER / f"phrases.{lang}.toml").read_text(encoding="utf-8")))
