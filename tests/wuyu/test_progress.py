"""Progress: a bar on a terminal, a line now and then elsewhere, always a last one."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from wuyu import progress as module
from wuyu.progress import progress, silent


def test_plain_lines_come_now_and_then_and_at_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = iter([0.0, 0.5, 1.0, 2.5, 2.6])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(seconds))
    with progress("replay", stream=Console(file=io.StringIO(), force_terminal=False)) as report:
        for fraction in (0.0, 0.1, 0.2, 0.5, 1.0):
            report(fraction, f"hour {fraction}")
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["replay:   0% hour 0.0", "replay:  50% hour 0.5", "replay: 100% hour 1.0"]


def test_terminal_gets_a_bar() -> None:
    screen = io.StringIO()
    with progress("replay", stream=Console(file=screen, force_terminal=True, width=100)) as report:
        report(1.0, "20 Jul 17:00 red 5")
    assert "100%" in screen.getvalue()
    assert "20 Jul 17:00 red 5" in screen.getvalue()


def test_silence(capsys: pytest.CaptureFixture[str]) -> None:
    silent(0.5, "nothing to see")
    assert capsys.readouterr() == ("", "")
