"""What is derived once: the same file for the same inputs, another for others, and none that is torn is believed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from risk_models.kept import Arrays, digest, frame_of, kept, pack_frame

MADE: Arrays = {"numbers": np.arange(50.0), "words": np.array(["一", "two", ""])}


class Maker:
    """Counts how often it was asked to derive."""

    def __init__(self) -> None:
        self.times = 0
        self.told: list[str] = []

    def ask(self, folder: Path | None, *stands_on: object) -> Arrays:
        return kept("thing", stands_on, self.derive, directory=folder, tell=lambda _, text: self.told.append(text))

    def derive(self) -> Arrays:
        self.times += 1
        return dict(MADE)


def same(found: Arrays) -> bool:
    return found.keys() == MADE.keys() and all(np.array_equal(found[name], MADE[name]) for name in MADE)


def test_the_second_asks_nothing(tmp_path: Path) -> None:
    first, second = Maker(), Maker()
    assert same(first.ask(tmp_path / "new", 1))
    assert same(second.ask(tmp_path / "new", 1))
    assert (first.times, second.times) == (1, 0)
    assert second.told == ["thing read from cache"]
    assert [path.suffix for path in (tmp_path / "new").iterdir()] == [".npz"], "nothing is left beside it"


def test_without_a_folder_nothing_is_kept() -> None:
    maker = Maker()
    assert same(maker.ask(None, 1))
    assert same(maker.ask(None, object()))
    assert maker.times == 2


def torn(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def spoilt(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)


def pickled(path: Path) -> None:
    np.savez(path, numbers=np.array([{}], dtype=object), stands_on=np.array("x"))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: torn(path, 0), "cannot be read"),
        (lambda path: torn(path, 40), "cannot be read"),
        (lambda path: torn(path, 700), "cannot be read"),
        (lambda path: spoilt(path, 300), "cannot be read"),
        (lambda path: path.write_text("notes of the week", encoding="utf-8"), "cannot be read"),
        (pickled, "cannot be read"),
        (lambda path: np.savez(path, numbers=np.zeros(2)), "cannot be read"),
        (lambda path: shutil.copyfile(path.with_name("other.npz"), path), "stands on something else"),
    ],
)
def test_a_torn_or_foreign_file_is_derived_anew_and_said(tmp_path: Path, spoil: object, words: str) -> None:
    maker = Maker()
    maker.ask(tmp_path, "other")
    next(tmp_path.iterdir()).rename(tmp_path / "other.npz")
    maker.ask(tmp_path, 1)
    path = next(tmp_path.glob("thing-*.npz"))
    spoil(path)  # type: ignore[operator]
    assert same(maker.ask(tmp_path, 1))
    assert maker.times == 3
    assert path.name in maker.told[-1]
    assert words in maker.told[-1]
    assert same(maker.ask(tmp_path, 1))
    assert maker.times == 3, "and it was written anew"


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    maker, in_the_way = Maker(), tmp_path / "cache"
    in_the_way.write_text("a file where the folder would be", encoding="utf-8")
    assert same(maker.ask(in_the_way, 1))
    assert "thing could not be kept" in maker.told[-1]


def test_inputs_that_cannot_be_read_are_left_to_the_derivation(tmp_path: Path) -> None:
    maker = Maker()
    assert same(maker.ask(tmp_path, tmp_path / "absent.tif"))
    assert list(tmp_path.iterdir()) == []


def parts(folder: Path) -> list[object]:
    one, other = folder / "one", folder / "other"
    one.write_bytes(b"1")
    other.write_bytes(b"2")
    table = pd.DataFrame({"a": [1.0, 2.0]}, index=["x", "y"])
    points = pd.Series([shapely.Point(0, 0), None, shapely.Point(1, 2)])
    return [
        *(None, True, 1, 1.0, "1", b"1", [1], [[1]], ["1"], [], (1, 2), one, other, [one], [other], [other, one]),
        *(np.arange(2), np.arange(2.0), np.arange(2.0)[:, None], np.array(["a"]), np.array(["a"], dtype=object)),
        *(table, table.iloc[::-1], table.rename(columns={"a": "b"}), table.rename(index={"x": "z"}), table["a"] + 1.0),
        *(points, points.iloc[::-1], points.iloc[:1], pd.array([1, None], dtype="Int64")[1]),
        pd.Series(pd.array([1, None], dtype="Int64")),
    ]


def test_no_two_inputs_share_a_digest(tmp_path: Path) -> None:
    found = [digest(part) for part in parts(tmp_path)]
    assert len(set(found)) == len(found)
    assert found == [digest(part) for part in parts(tmp_path)]


@given(st.lists(st.text(max_size=3), max_size=4), st.lists(st.text(max_size=3), max_size=4))
def test_lists_of_words_are_told_apart(one: list[str], other: list[str]) -> None:
    assert (digest(one) == digest(other)) == (one == other)
    assert (digest(*one) == digest(*other)) == (one == other)


def test_what_cannot_be_told_apart_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot tell one object from another"):
        digest([1, object()])


def test_a_table_comes_back_as_it_was() -> None:
    table = pd.DataFrame(
        {"m": [0.5, np.nan], "n": [1, 2], "yes": [True, False], "text": pd.Series(["", "二"], dtype="str").to_numpy()},
        index=pd.Index(["a", "b"], dtype="str", name="hotspot_id"),
    ).astype({"text": "str"})
    pd.testing.assert_frame_equal(frame_of(pack_frame(table), "hotspot_id"), table)
    pd.testing.assert_frame_equal(frame_of(pack_frame(table.iloc[:0]), "hotspot_id"), table.iloc[:0])
