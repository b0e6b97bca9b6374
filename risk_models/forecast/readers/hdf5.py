"""HDF5 opened from memory, with nothing in it that could reach outside the file.

Only to be used within `apart.decode_apart`: the HDF5 library itself may break down on hostile files.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from risk_models.errors import refuse
from risk_models.forecast.readers.field import check_sizes

__all__ = ["HDF5_MAGIC", "attribute", "named_dataset", "named_group", "number", "open_hdf5", "plain_time"]

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
MAX_OBJECTS = 10_000
FILTERS = {1, 2, 3, 4, 5, 6}  # built in: deflate, shuffle, fletcher32, szip, nbit, scale-offset; others load code
LIMITS = {"rows": 20_000, "columns": 40_000}


def open_hdf5(data: bytes, file: str) -> h5py.File:
    """Open bytes as HDF5, refusing links and storage outside the file and filters that are not built in.

    Raises
    ------
    BadInputError
        If it is no HDF5, holds too many objects, or points outside itself.
    """
    if not data.startswith(HDF5_MAGIC):
        refuse(file, "bad-hdf5", "is no HDF5 file")
    opened = h5py.File(io.BytesIO(data), "r")
    names: list[str] = []

    def look(name: str, link: Any) -> tuple[str, str] | None:
        # An exception would be lost in the library: the first problem is returned, which ends the walk.
        names.append(name)
        if len(names) > MAX_OBJECTS:
            return name, f"holds more than {MAX_OBJECTS} objects"
        if not isinstance(link, h5py.HardLink):
            return name, "a link may point outside the file"
        found = opened[name]
        return _storage_problem(found, name) if isinstance(found, h5py.Dataset) else None

    problem = opened.visititems_links(look)
    if problem is not None:
        refuse(file, "bad-hdf5", problem[1], column=problem[0], accepted="data within the file, filters of HDF5 itself")
    return opened


def _storage_problem(dataset: h5py.Dataset, name: str) -> tuple[str, str] | None:
    if dataset.external is not None or dataset.is_virtual:
        return name, "data are stored outside the file"
    plan = dataset.id.get_create_plist()
    unknown = {plan.get_filter(index)[0] for index in range(plan.get_nfilters())} - FILTERS
    return (name, f"unknown filter {sorted(unknown)}") if unknown else None


def named_group(parent: h5py.Group, name: str, file: str) -> h5py.Group:
    """Return a group, refusing the file if there is none of this name."""
    found = parent.get(name)
    if not isinstance(found, h5py.Group):
        refuse(file, "bad-hdf5", "group is missing", column=f"{parent.name.rstrip('/')}/{name}")
    return found


def named_dataset(
    parent: h5py.Group, name: str, file: str, *, shape: Sequence[int] | None = None
) -> tuple[NDArray[Any], h5py.Dataset]:
    """Return the numbers of a dataset of bounded size, and the dataset for its attributes.

    Raises
    ------
    BadInputError
        If it is missing, no numbers, too large, or not of the shape its header claims.
    """
    found = parent.get(name)
    where = f"{parent.name.rstrip('/')}/{name}"
    if not isinstance(found, h5py.Dataset):
        refuse(file, "bad-hdf5", "dataset is missing", column=where)
    if found.dtype.kind not in "iuf":
        refuse(file, "bad-hdf5", "dataset holds no numbers", column=where, value=found.dtype)
    names = ("rows", "columns")
    check_sizes(
        file, {names[n] if n < 2 else n: size for n, size in enumerate(found.shape[::-1])}, LIMITS, code="bad-hdf5"
    )
    if shape is not None and tuple(found.shape) != tuple(shape):
        refuse(file, "bad-hdf5", "wrong shape", column=where, value=found.shape, accepted=str(tuple(shape)))
    values: NDArray[Any] = found[...]
    return values, found


def attribute(places: Sequence[h5py.Group | h5py.Dataset], name: str, file: str) -> Any:
    """Return an attribute from the first place that has it, as text or one Python number.

    Raises
    ------
    BadInputError
        If no place has it.
    """
    holder = next((place for place in places if name in place.attrs), None)
    if holder is None:
        refuse(file, "bad-hdf5", "attribute is missing", column=name)
    return _plain(holder.attrs[name])


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip("\0 ")
    return value.item() if isinstance(value, np.generic) else value


def number(
    places: Sequence[h5py.Group | h5py.Dataset],
    name: str,
    file: str,
    *,
    bounds: tuple[float, float] = (-1e12, 1e12),
) -> float:
    """Return a finite numeric attribute within bounds, refusing the file otherwise."""
    value = attribute(places, name, file)
    try:
        plain = float(value)
    except (TypeError, ValueError):
        plain = float("nan")
    if not bounds[0] <= plain <= bounds[1]:
        accepted = f"{bounds[0]:g} to {bounds[1]:g}"
        refuse(file, "bad-hdf5", "attribute is out of bounds", column=name, value=value, accepted=accepted)
    return plain


def plain_time(text: str, form: str, file: str) -> datetime:
    """Return a time written in UTC, refusing what is none."""
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except (TypeError, ValueError):
        refuse(file, "bad-time", "time cannot be read", value=text, accepted=form)
