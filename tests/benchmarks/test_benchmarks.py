"""The table of benchmarks: ratios, targets, honest misses, and one broken job does not hide the others."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator

import pytest

from benchmarks.__main__ import main
from benchmarks.rows import Row, median_s


def test_ratio_and_target() -> None:
    row = Row(job="a", ours_s=0.01, peer="p", peer_s=1.0, target=50.0)
    assert (row.ratio, row.reached) == (100.0, True)
    assert Row(job="a", ours_s=0.1, peer="p", peer_s=1.0, target=50.0).reached is False
    assert Row(job="a", ours_s=29.0, target=30.0).reached is True
    assert Row(job="a", ours_s=1.0).reached is None


def test_a_part_of_our_work_is_a_peer_with_a_greatest_ratio() -> None:
    row = Row(job="a", ours_s=60.0, peer="p", peer_s=30.0, most=2.5, unit="MiB")
    assert (row.ratio, row.reached) == (2.0, True)
    assert Row(job="a", ours_s=90.0, peer="p", peer_s=30.0, most=2.5).reached is False


def test_rows_are_printed_as_they_come(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def run() -> Iterator[Row]:
        yield Row(job="first", ours_s=60.0, peer="p", peer_s=30.0, most=2.5, unit="MiB")
        assert "first" in capsys.readouterr().out
        raise ValueError("the second broke")

    module = types.ModuleType("benchmarks.bench_quality")
    module.run = run
    monkeypatch.setitem(sys.modules, "benchmarks.bench_quality", module)
    assert main(["quality"]) == 1
    assert "quality: broke: ValueError: the second broke" in capsys.readouterr().err


def test_median_leaves_out_the_first_run() -> None:
    calls = []
    assert median_s(lambda: calls.append(1), repeats=3) >= 0
    assert len(calls) == 4


def test_table_says_met_and_missed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        Row(job="fast", ours_s=0.001, peer="Peer", peer_s=0.4, target=100.0, note="scaled"),
        Row(job="slow", ours_s=40.0, target=30.0),
    ]
    for name, run in {"quality": lambda: rows, "interpolation": lambda: 1 / 0}.items():
        module = types.ModuleType(f"benchmarks.bench_{name}")
        module.run = run
        monkeypatch.setitem(sys.modules, f"benchmarks.bench_{name}", module)
    assert main(["interpolation", "quality"]) == 1
    printed = capsys.readouterr()
    assert "interpolation: broke: ZeroDivisionError" in printed.err
    assert "400x" in printed.out
    assert "met" in printed.out
    assert "MISSED" in printed.out
    assert "40 s" in printed.out


def test_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["nothing"])
    assert stop.value.code == 2
    assert "no benchmark 'nothing'; there are:" in capsys.readouterr().err
