"""Random damage to files of any gridded format is read or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from risk_models.errors import BadInputError
from risk_models.forecast.readers.fmi import read_fmi
from risk_models.forecast.readers.grads import read_grads
from risk_models.forecast.readers.imerg import read_imerg
from risk_models.forecast.readers.knmi import read_knmi
from risk_models.forecast.readers.odim import read_odim
from risk_models.forecast.readers.radolan import read_radolan
from tests.risk_models.forecast.readers.small_files import HEAD, fmi, grads, imerg, knmi, odim, radolan, sized


@pytest.mark.parametrize("kind", ["radolan", "grads", "fmi"])
def test_random_damage_is_read_or_refused(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(2)
    if kind == "grads":
        files = grads(tmp_path)
        target, run = files["ctl"], lambda: read_grads(**files)
    else:
        target = radolan(tmp_path, sized(HEAD), packed=False) if kind == "radolan" else fmi(tmp_path)
        run = lambda: (read_radolan if kind == "radolan" else read_fmi)(target)  # noqa: E731
    good = target.read_bytes()
    refused = 0
    for turn in range(12):
        data = bytearray(good)
        for place in rng.integers(0, min(len(data), 500), 4):
            data[place] = rng.integers(256)
        target.write_bytes(bytes(data[: rng.integers(1, len(data))] if turn % 3 == 0 else data))
        try:
            run()
        except BadInputError:
            refused += 1
    assert refused > 0


@pytest.mark.parametrize("kind", ["odim", "knmi", "imerg"])
def test_random_damage_to_hdf5_is_read_or_refused(tmp_path: Path, kind: str) -> None:
    write, read = {"odim": (odim, read_odim), "knmi": (knmi, read_knmi), "imerg": (imerg, read_imerg)}[kind]
    good = write(tmp_path / "good.h5").read_bytes()
    rng = np.random.default_rng(11)
    refused = 0
    for turn in range(12):
        data = bytearray(good)
        for place in rng.integers(0, min(len(data), 6000), 8):
            data[place] = rng.integers(256)
        if turn % 3 == 0:
            data = data[: rng.integers(1, len(data))]
        path = tmp_path / "damaged.h5"
        path.write_bytes(bytes(data))
        try:
            read(path)
        except BadInputError as error:
            refused += "damaged.h5" in str(error)
    assert refused > 0
