"""Sentence files: the same names in both languages, and a bureau's own sentences in their place."""

from __future__ import annotations

import string
import tomllib
from pathlib import Path
from typing import Any

import pytest

from reports.periodic.phrases import Phrases, load_phrases
from reports.words import LANGUAGES
from risk_models.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = ROOT / "reports" / "templates" / "periodic"


def gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def names(table: dict[str, Any], path: str = "") -> dict[str, Any]:
    found = {}
    for key, value in table.items():
        found |= names(value, f"{path}{key}.") if isinstance(value, dict) else {f"{path}{key}": value}
    return found


def read(lang: str) -> dict[str, Any]:
    return names(tomllib.loads((TEMPLATES / f"phrases.{lang}.toml").read_text("utf-8")))


def test_phrase_files_have_the_same_names_and_gaps_in_both_languages() -> None:
    zh, en = (read(lang) for lang in LANGUAGES)
    assert zh.keys() == en.keys()
    for key, value in zh.items():
        assert type(value) is type(en[key])
        if isinstance(value, list):
            assert len(value) == len(en[key]), key
        else:
            assert gaps(value) == gaps(en[key]), key


def test_damaged_phrases_are_named() -> None:
    say = Phrases("zh", {"summary": {"rain": "雨{amount}", "words": ["a"]}})
    message = r"phrases.zh.toml: gap 'amount' in 'summary.rain' is not known; known: total"
    with pytest.raises(ConfigError, match=message):
        say("summary.rain", total="1")
    with pytest.raises(ConfigError, match=r"phrases.zh.toml has no 'summary.snow'"):
        say("summary.snow")
    with pytest.raises(ConfigError, match=r"'summary.words' must be one text"):
        say("summary.words")
    with pytest.raises(ConfigError, match=r"'summary.rain' must be a list"):
        say.words("summary.rain")
    assert load_phrases("zh") is load_phrases("zh")


def test_a_bureau_replaces_single_sentences(tmp_path: Path) -> None:
    (tmp_path / "phrases.zh.toml").write_text('[summary]\nheading = "结论"\n', encoding="utf-8")
    own = load_phrases("zh", tmp_path)
    assert own("summary.heading") == "结论"
    (tmp_path / "phrases.zh.toml").write_text('[summary]\nheading = "要点"\n', encoding="utf-8")
    assert load_phrases("zh", tmp_path)("summary.heading") == "要点"
    assert own("basis.heading") == load_phrases("zh")("basis.heading")
    assert load_phrases("zh")("summary.heading") == "摘要"
    assert load_phrases("en", tmp_path)("summary.heading") == "Summary"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[summary]\nsnow = "雪"\n', r"phrases.zh.toml of the templates folder: 'summary.snow' is no sentence"),
        ('[summary]\nheading = ["雪"]\n', r"'summary.heading' is no sentence of the original file"),
        ('[summary]\nincidents = "{snow}"\n', r"gap 'snow' in 'summary.incidents'; known: n"),
        ('[summary]\nincidents = "{n"\n', r"'summary.incidents' cannot be read"),
        ('[key]\ncolumns = ["项目"]\n', r"'key.columns' needs 3 words, got 1"),
        ("summary = [", r"phrases.zh.toml of the templates folder cannot be read"),
    ],
)
def test_bad_sentences_of_a_bureau_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "phrases.zh.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_phrases("zh", tmp_path)
