"""The same question gets the same answer, to the last bit, on every processor and for every order of gauges."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from risk_models.outlook import StormCatalogue, cut_storms
from tests.replays import ROOT, child_environment
from tests.risk_models.outlook.conftest import made_record

#: Kernels of BLAS, vector functions of numpy and machine code of Numba, as an old and as a new processor has them.
PROCESSORS = {
    "old": {
        "OPENBLAS_CORETYPE": "Prescott",
        "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
        "NUMBA_CPU_NAME": "x86-64",
    },
    "Haswell": {"OPENBLAS_CORETYPE": "Haswell"},
    "SkylakeX": {"OPENBLAS_CORETYPE": "SkylakeX"},
}


def _flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return set(next((line for line in lines if line.startswith("flags")), "").split())


def _is_here(name: str) -> bool:
    needed = {"old": "sse3", "Haswell": "avx2", "SkylakeX": "avx512f"}[name]
    return bool({needed, {"sse3": "pni"}.get(needed, needed)} & _flags())


def _digests(folder: Path, processor: dict[str, str]) -> list[str]:
    folder.mkdir()
    kept = [name for name in os.environ if name in {key for item in PROCESSORS.values() for key in item}]
    environment = {name: value for name, value in child_environment().items() if name not in kept} | processor
    command = [sys.executable, "-m", "tests.risk_models.outlook.digest_outlook", str(folder)]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return ran.stdout.splitlines()


@pytest.mark.slow
def test_an_outlook_is_the_same_on_every_processor_and_for_every_order_of_gauges(tmp_path: Path) -> None:
    found = {"this": _digests(tmp_path / "this", {})}
    found |= {name: _digests(tmp_path / name, own) for name, own in PROCESSORS.items() if _is_here(name)}
    (first, *others) = found.values()
    parts = len(first) // 2
    assert parts >= 12
    assert first[:parts] == first[parts:], "the order of gauges"
    assert all(other == first for other in others), "the processor"


def test_storms_are_the_same_for_every_order_of_gauges() -> None:
    record = made_record(4, gauges=("G3", "G1", "G2"))
    record.iloc[::7, 1] = np.nan  # factors are found in turn where gauges are missing
    orders = [["G3", "G1", "G2"], ["G1", "G2", "G3"], ["G2", "G3", "G1"]]
    first, *others = (cut_storms(record[order], timezone="Asia/Shanghai") for order in orders)
    assert isinstance(first, StormCatalogue)
    assert first.gauge_ids == ("G1", "G2", "G3")
    for other in others:
        assert isinstance(other, StormCatalogue)
        for name in ("factor", "depth_mm", "start_h", "gap_h", "rain_mm"):
            np.testing.assert_array_equal(getattr(first, name), getattr(other, name))


def test_an_hour_is_wet_by_its_rain_and_not_by_the_rounding_of_a_sum() -> None:
    """Two gauges of factor 1: 0.1 mm at either of them is a mean of 0.05 mm, which is just wet."""
    hours = pd.date_range("2001-01-01 01:00", periods=3 * 8766, freq="h", tz="UTC")
    rain = np.zeros((len(hours), 2))
    rain[10::100, 0] = rain[60::100, 1] = 0.1
    found = cut_storms(pd.DataFrame(rain, index=hours, columns=["G1", "G2"]), timezone="Asia/Shanghai")
    assert isinstance(found, StormCatalogue)
    assert len(found) == np.count_nonzero(rain)
