"""RADOLAN composites written small: what is read, and what is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from risk_models.errors import BadInputError
from risk_models.forecast.readers.radolan import read_radolan
from tests.risk_models.forecast.readers.small_files import HEAD, radolan, sized


@pytest.mark.parametrize("packed", [True, False])
def test_radolan(tmp_path: Path, packed: bool) -> None:
    rain, reading = read_radolan(radolan(tmp_path, sized(HEAD), packed=packed))
    np.testing.assert_allclose(rain.rain_mm[0, 0, :5], [12.3, np.nan, 0.7, 0.9, 0], rtol=1e-6)
    assert rain.quality.to_numpy()[0, 0, :5].tolist() == [2, 9, 3, 2, 2]
    assert rain.time.to_numpy()[0] == np.datetime64("2021-07-20T08:50")
    assert reading.values_missing == 1


@pytest.mark.parametrize(
    ("head", "text"),
    [
        (HEAD, r"wrong number of bytes"),
        (HEAD.replace("RW2", "RX2"), r"no amount of rain that is known \(found 'RX'"),
        (HEAD.replace("900x 900", "999x 999"), r"unknown grid \(found '999 x 999'"),
        (HEAD.replace("E-01", "E+09"), "precision out of bounds"),
        (HEAD.replace("INT  60", "INT   0"), "interval out of bounds"),
        (HEAD.replace("INT  60", "INX  60"), r"the header lacks a field \(found 'interval'"),
        (HEAD.replace("RW200850", "RW330850"), "time cannot be read"),
        ("<html>", "is no RADOLAN composite"),
        ("RW" + "9" * 15, "no RADOLAN composite|lacks a field"),
    ],
)
def test_absurd_radolan_is_refused(tmp_path: Path, head: str, text: str) -> None:
    right = head if "wrong number" in text else sized(head)
    with pytest.raises(BadInputError, match=f"raa01.gz.*({text})"):
        read_radolan(radolan(tmp_path, right))


def test_gzip_bomb_and_cut_gzip_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "raa01.gz"
    path.write_bytes(gzip.compress(bytes(100_000_000)))
    with pytest.raises(BadInputError, match="the content is larger than"):
        read_radolan(path)
    path.write_bytes(gzip.compress(bytes(1000))[:-9])
    with pytest.raises(BadInputError, match="the gzip stream is cut"):
        read_radolan(path)
    path.write_bytes(b"\x1f\x8b" + b"\xff" * 50)
    with pytest.raises(BadInputError, match="the gzip stream is broken"):
        read_radolan(path)
