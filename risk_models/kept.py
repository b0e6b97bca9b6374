"""Derived once: arrays that take long to derive, kept in a file that is named after everything they stand on.

The name of the file carries a digest of what the arrays were derived from and of the version of the derivation, so that
other inputs make another file and nothing has to be told that it is stale. The file is a NumPy archive, never a pickle.
It is written aside and renamed; one that is torn or not ours is left out of account and written anew.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from risk_models.files import whole_file

__all__ = ["Arrays", "Progress", "digest", "frame_of", "kept", "pack_frame"]

Arrays: TypeAlias = dict[str, npt.NDArray[np.generic]]
#: Told a fraction (0-1) and a short text.
Progress: TypeAlias = Callable[[float, str], None]

_PLAIN = str | bytes | bool | int | float | np.generic | type(None) | type(pd.NA)
#: Member of the archive that says what it stands on.
_SEAL = "stands_on"


def digest(*parts: object) -> str:
    """Return a number for what a derivation stands on.

    Parameters
    ----------
    *parts : object
        Plain values, bytes, arrays, Series, tables, and lists or tuples of them; a Path stands for the bytes of its
        file. Nothing else is taken: what cannot be told apart would give an old answer.

    Returns
    -------
    str
        SHA-256 in hexadecimal.

    Raises
    ------
    TypeError
        If a part is of another kind.

    Examples
    --------
    >>> digest(1, "a") == digest(1, "a"), digest(1, "a") == digest("1a"), digest([1, 2]) == digest(1, 2)
    (True, False, False)
    """
    return hashlib.sha256(b"".join(_digest(part) for part in parts)).hexdigest()


def _digest(part: object) -> bytes:
    if isinstance(part, Path):
        with part.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    if isinstance(part, pd.DataFrame):
        return _digest([part.index, *(item for name in part.columns for item in (str(name), part[name]))])
    if isinstance(part, pd.Series | pd.Index):
        return _digest(part.to_numpy())
    if isinstance(part, np.ndarray) and part.dtype != object:
        return _sealed("array", part.dtype.str, part.shape, np.ascontiguousarray(part).tobytes())
    if isinstance(part, np.ndarray):
        return _digest((shapely.to_wkb(part) if shapely.is_geometry(part).any() else part).tolist())
    if isinstance(part, list | tuple) and not all(isinstance(item, _PLAIN) for item in part):
        return _sealed("list", *map(_digest, part))
    if isinstance(part, _PLAIN | list | tuple):
        return _sealed("plain", repr(part))
    raise TypeError(f"cannot tell one {type(part).__name__} from another")


def _sealed(*parts: object) -> bytes:
    return hashlib.sha256(b"".join(hashlib.sha256(_bytes(part)).digest() for part in parts)).digest()


def _bytes(part: object) -> bytes:
    return part if isinstance(part, bytes) else repr(part).encode()


def kept(
    name: str, stands_on: tuple[object, ...], derive: Callable[[], Arrays], *, directory: Path | None, tell: Progress
) -> Arrays:
    """Return arrays from the file kept for them, or derive and keep them.

    Parameters
    ----------
    name : str
        What they are; begins the name of the file.
    stands_on : tuple
        Everything the result depends on, the version of the derivation first; see `digest`.
    derive : callable
        Makes the arrays; none may hold Python objects.
    directory : Path or None
        Folder of the files, made if absent; None keeps nothing.
    tell : callable
        Called with a fraction (0-1) and a short text where a file was read, left aside or could not be written.

    Returns
    -------
    dict of str to ndarray

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for _ in range(2):
    ...         found = kept("squares", (1, 4), lambda: {"n": np.arange(4) ** 2}, directory=Path(folder), tell=print)
    1.0 squares read from cache
    >>> found["n"].tolist()
    [0, 1, 4, 9]
    """
    if directory is None:
        return derive()
    try:
        seal = digest(name, *stands_on)
    except OSError:  # whoever derives reads the same file, and says what is wrong with it
        return derive()
    path = directory / f"{name}-{seal[:24]}.npz"
    found = _read(path, seal, name, tell)
    if found is not None:
        tell(1.0, f"{name} read from cache")
        return found
    arrays = derive()
    try:
        _write(path, {**arrays, _SEAL: np.array(seal)})
    except OSError as error:
        tell(1.0, f"{name} could not be kept: {error.strerror or error}")
    return arrays


def _read(path: Path, seal: str, name: str, tell: Progress) -> Arrays | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            found: Arrays = {member: archive[member] for member in archive.files}
        if str(found.pop(_SEAL)) == seal:
            return found
        reason = "stands on something else"
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        reason = f"cannot be read ({type(error).__name__})"
    tell(0.0, f"{name}: the kept file {path.name} {reason}; deriving anew")
    return None


def _write(path: Path, arrays: Mapping[str, Any]) -> None:
    with whole_file(path) as aside, aside.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def pack_frame(frame: pd.DataFrame) -> Arrays:
    """Return a table as arrays: the index, and each column under its name.

    Parameters
    ----------
    frame : DataFrame
        Numbers, truth values and text without missing cells.

    Returns
    -------
    dict of str to ndarray
    """
    columns = {"index": frame.index.to_series(), **{f"column {name}": frame[name] for name in frame.columns}}
    return {name: _plain(column) for name, column in columns.items()}


def _plain(column: pd.Series) -> npt.NDArray[np.generic]:
    values = column.to_numpy()
    return values.astype(np.str_) if values.dtype == object else values


def frame_of(arrays: Arrays, index_name: str) -> pd.DataFrame:
    """Return the table that `pack_frame` took apart; arrays of other names are left out.

    Parameters
    ----------
    arrays : dict of str to ndarray
    index_name : str

    Returns
    -------
    DataFrame
        Text columns are of dtype str.

    Examples
    --------
    >>> table = pd.DataFrame({"depth_m": [0.5], "kind": ["tunnel"]}, index=pd.Index(["T-001"], name="hotspot_id"))
    >>> frame_of(pack_frame(table), "hotspot_id").equals(table)
    True
    """
    columns = {name.removeprefix("column "): values for name, values in arrays.items() if name.startswith("column ")}
    index = pd.Index(arrays["index"].tolist(), dtype="str", name=index_name)
    series = {name: _series(values, index) for name, values in columns.items()}
    return pd.DataFrame(series, index=index)


def _series(values: npt.NDArray[np.generic], index: pd.Index) -> pd.Series:
    return (
        pd.Series(values.tolist(), index=index, dtype="str") if values.dtype.kind == "U" else pd.Series(values, index)
    )
