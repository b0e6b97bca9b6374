"""Decoding in a process of its own, so that a hostile file ends the decoder and not the warning service.

The C libraries behind GRIB, HDF5 and GeoTIFF abort, or ask for all memory, on some broken files. Here they run in a
forked child with limits of memory and time. The child answers with JSON and raw arrays, never with pickled objects.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import select
import signal
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_models.errors import BadInputError, Finding, refuse

__all__ = ["Decoded", "decode_apart"]

Decoded = tuple[Any, list[NDArray[Any]]]
"""What a decoder returns: anything that JSON can hold, and arrays."""
MEMORY_BYTES = 4 * 1024**3
TIME_LIMIT_S = 300.0
_DTYPES = ("<f4", "<f8", "|i1", "|u1", "<i8", "<i4")


def decode_apart(file: str, decode: Callable[[], Decoded], *, time_limit_s: float | None = None) -> Decoded:
    """Run a decoder in a child process and return what it found.

    Parameters
    ----------
    file : str
        Name, for messages.
    decode : callable
        Returns JSON-able metadata and a list of numeric arrays; may raise `BadInputError`.
    time_limit_s : float, optional
        The child is ended after this time [s]; default 300.

    Returns
    -------
    tuple
        Metadata and arrays of the child.

    Raises
    ------
    BadInputError
        What the decoder raised, or that it broke down.

    Examples
    --------
    >>> decode_apart("a.bin", lambda: ({"n": 2}, [np.zeros(2)]))
    ({'n': 2}, [array([0., 0.])])
    >>> decode_apart("a.bin", os.abort)
    Traceback (most recent call last):
    ...
    BadInputError: a.bin: 1 problem
      a.bin: the decoder broke down on the file (found 'SIGABRT'). Fetch it again. [undecodable]
    """
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # From Python 3.12 a fork beside threads warns; the child only decodes, and a time limit ends it if it hangs.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os.close(reader)
        _answer(writer, decode)
    os.close(writer)
    limit = TIME_LIMIT_S if time_limit_s is None else time_limit_s
    answer = None
    try:
        answer = _collect(reader, time.monotonic() + limit)
    finally:
        os.close(reader)
        if answer is None:
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    return _open(file, answer, status, limit)


def _answer(writer: int, decode: Callable[[], Decoded]) -> None:
    """Child: decode, write the answer, end. Never returns."""
    code = 1
    try:
        _confine()
        try:
            metadata, arrays = decode()
            head: dict[str, Any] = {"metadata": metadata}
            packed = [np.ascontiguousarray(array) for array in arrays]
            head["arrays"] = [(array.dtype.str, array.shape) for array in packed]
        except BadInputError as error:
            head, packed = {"refused": [finding.to_dict() for finding in error.findings]}, []
        except Exception as error:
            head, packed = {"broken": type(error).__name__}, []
        text = json.dumps(head).encode()
        with os.fdopen(writer, "wb") as stream:
            stream.write(len(text).to_bytes(8, "little") + text)
            for array in packed:
                stream.write(array.data if array.size else b"")
        code = 0
    finally:
        os._exit(code)


def _confine() -> None:
    faulthandler.disable()
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    statm = Path("/proc/self/statm")
    if statm.exists():
        mapped = int(statm.read_text().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY_BYTES, hard))


def _collect(reader: int, deadline: float) -> bytearray | None:
    """Read until the child closes its end; None if the time is over."""
    answer = bytearray()
    while True:
        ready, _, _ = select.select([reader], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return None
        part = os.read(reader, 1 << 20)
        if not part:
            return answer
        answer += part


def _open(file: str, answer: bytearray | None, status: int, limit_s: float) -> Decoded:
    if answer is None:
        refuse(file, "undecodable", f"the decoder was not done after {limit_s:g} s", fix="fetch it again")
    if status != 0 or len(answer) < 8:
        signal_number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        value = signal.Signals(signal_number).name if signal_number else "no answer"
        refuse(file, "undecodable", "the decoder broke down on the file", value=value, fix="fetch it again")
    start = 8 + int.from_bytes(answer[:8], "little")
    head = json.loads(bytes(answer[8:start]))
    if "refused" in head:
        raise BadInputError(file, [Finding(**finding) for finding in head["refused"]])
    if "broken" in head:
        refuse(file, "undecodable", "cannot be read", value=head["broken"], fix="fetch it again")
    return head["metadata"], _arrays(answer, start, head["arrays"])


def _arrays(answer: bytearray, start: int, shapes: Sequence[tuple[str, Sequence[int]]]) -> list[NDArray[Any]]:
    arrays: list[NDArray[Any]] = []
    for dtype, shape in shapes:
        if dtype not in _DTYPES:
            raise TypeError(f"a decoder may not answer with arrays of {dtype}")
        count = int(np.prod(shape, dtype=np.int64))
        arrays.append(np.frombuffer(answer, dtype, count, start).reshape(shape))
        start += arrays[-1].nbytes
    return arrays
