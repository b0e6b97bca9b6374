"""Compiled kernels: all are made at set-up, and found by other processes, other users and read-only installs."""

from __future__ import annotations

import ctypes
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from numba.core.caching import NullCache
from numba.core.dispatcher import Dispatcher

import risk_models
from risk_models import kernels, warm

NOBODY = 65534
# prctl(PR_CAPBSET_DROP, ...) with CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: root then meets the bits of a file.
PR_CAPBSET_DROP, CAPABILITIES = 24, (1, 2)

TINY = """
from risk_models.kernels import kernel

@kernel()
def double(x):
    return x + x
"""
ASK = """
import json, sys
import tiny
assert tiny.double(2) == 4
if "float" in sys.argv:
    assert tiny.double(1.5) == 3.0
stats = tiny.double.stats
print(json.dumps([sum(stats.cache_hits.values()), sum(stats.cache_misses.values())]))
"""


def all_modules() -> list[str]:
    return [found.name for found in pkgutil.walk_packages(risk_models.__path__, "risk_models.")]


def test_every_kernel_is_made_at_set_up() -> None:
    modules = [import_module(name) for name in all_modules()]
    made = {found.__module__ for found in kernels.KERNELS if found.__module__.startswith("risk_models.")}
    assert made == set(warm.WARM_UPS)
    assert made
    dispatchers = [value for module in modules for value in vars(module).values() if isinstance(value, Dispatcher)]
    kept = [found for found in dispatchers if not isinstance(found._cache, NullCache)]
    assert all(any(found is one for one in kernels.KERNELS) for found in kept), "use risk_models.kernels.kernel"
    assert {found.__module__ for found in kept} == made


def test_a_kernel_that_is_forgotten_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "forgotten_kernel.py").write_text(TINY, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(kernels, "KERNELS", kernels.KERNELS[:])
    monkeypatch.setattr(warm, "KERNELS", kernels.KERNELS)
    import_module("forgotten_kernel")
    with pytest.raises(RuntimeError, match=r"not compiled: forgotten_kernel\.double; see WARM_UPS"):
        warm.warm_up()


SECOND = """
import sys
from pathlib import Path
import numpy as np
from risk_models.district import load_district
from risk_models.forecast.interpolate import OrdinaryKriging
from risk_models.kernels import KERNELS
from risk_models.rehearsal.inundation import inundate
from risk_models.risk import HotspotScorer
from risk_models.standards import load_standards
from risk_models.terrain import hotspot_terrain
from tests.factories import write_mini_district
from tests.risk_models.risk.test_scorer import rainfall

district, standards = load_district(write_mini_district(Path(sys.argv[1]))), load_standards()
terrain = hotspot_terrain(district, land_cover_table=standards.land_cover())
scorer = HotspotScorer(district, terrain, standards)
scorer.score(rainfall(scorer, past_mm_h=30.0, future_mm_h=30.0))
inundate(np.add.outer(np.arange(9.0), np.arange(9.0)), np.array([20.0, 0.0]), cell_m=10.0)
rng = np.random.default_rng(1)
gauges, rain = rng.uniform(0, 2e4, (9, 2)), rng.gamma(1.0, 5.0, (40, 9))
rain[3, 2] = np.nan
for variogram in ("exponential", "spherical"):
    for range_m in (None, 15_000):
        model = OrdinaryKriging(variogram, range_m=range_m).fit(gauges, rain)
        model.predict_with_std(gauges + 10.0)
        model.predict(model.prepare(gauges + 10.0))
        model.leave_one_out()
missed = [f"{one.__name__}{list(one.stats.cache_misses)}" for one in KERNELS if one.stats.cache_misses]
unused = [one.__name__ for one in KERNELS if not one.signatures]
assert not missed, missed
assert not unused, unused
"""


def python(code: str, *arguments: str, root: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(root), **more}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=root, env=environment, capture_output=True, text=True, check=False
    )


def test_a_second_process_compiles_nothing(root: Path, tmp_path: Path) -> None:
    kept = {"NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    made = python("from risk_models.warm import warm_up; warm_up()", root=root, **kept)
    assert made.returncode == 0, made.stderr
    done = python(SECOND, str(tmp_path / "mini"), root=root, **kept)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "install"
    folder.mkdir()
    (folder / "tiny.py").write_text(TINY, encoding="utf-8")
    yield folder
    for path in (folder, *folder.rglob("*")):  # so that it can be cleared away
        path.chmod(0o755)


def lock(folder: Path, *, file_mode: int = 0o444) -> None:
    """Give the folder to another user where that can be done, and take away every right to write."""
    for path in (*folder.rglob("*"), folder):
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
        path.chmod(0o555 if path.is_dir() else file_mode if path.suffix in (".nbi", ".nbc") else 0o444)


def drop_rights() -> None:
    libc = ctypes.CDLL(None)
    for capability in CAPABILITIES:
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def ask(folder: Path, root: Path, home: Path, *arguments: str) -> list[int]:
    """Call the kernel as a user who is not the owner; return how often it was found and how often compiled."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment |= {"PYTHONPATH": f"{folder}{os.pathsep}{root}", "HOME": str(home), "XDG_CACHE_HOME": str(home / "x")}
    done = subprocess.run(
        [sys.executable, "-c", ASK, *arguments], cwd=root, env=environment, capture_output=True, text=True,
        check=False, preexec_fn=drop_rights,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


@pytest.fixture
def no_home(tmp_path: Path) -> Path:
    home = tmp_path / "no-home"
    home.write_text("a file: nothing can be kept here", encoding="utf-8")
    return home


def test_what_was_made_at_set_up_is_found_by_another_user(install: Path, root: Path, no_home: Path) -> None:
    assert ask(install, root, no_home) == [0, 1]
    lock(install)
    before = sorted(path.name for path in install.rglob("*"))
    assert ask(install, root, no_home) == [1, 0]
    assert ask(install, root, no_home, "float") == [1, 1], "another type is compiled, and cannot be kept"
    assert sorted(path.name for path in install.rglob("*")) == before


def test_with_a_home_the_rest_is_kept_there(install: Path, root: Path, tmp_path: Path) -> None:
    assert ask(install, root, tmp_path / "home") == [0, 1]
    lock(install)
    assert ask(install, root, tmp_path / "home", "float") == [1, 1]
    assert ask(install, root, tmp_path / "home", "float") == [2, 0]


def test_nothing_made_and_nothing_to_write_to_still_runs(install: Path, root: Path, no_home: Path) -> None:
    lock(install)
    assert ask(install, root, no_home) == [0, 1]


def test_what_may_not_be_read_is_compiled(install: Path, root: Path, no_home: Path) -> None:
    assert ask(install, root, no_home) == [0, 1]
    lock(install, file_mode=0o000)
    assert ask(install, root, no_home) == [0, 1]


def test_other_source_is_compiled_anew(install: Path, root: Path, no_home: Path) -> None:
    assert ask(install, root, no_home) == [0, 1]
    (install / "tiny.py").write_text(TINY.replace("x + x", "2 * x"), encoding="utf-8")
    assert ask(install, root, no_home) == [0, 1]
    assert ask(install, root, no_home) == [1, 0]
