"""Compiled loops: machine code that is made once, at set-up, and found by every process, user and read-only install.

Numba keeps machine code beside the sources if it may write there, and otherwise in a folder of the user. Where the
sources were compiled by one who may write and are run by one who may not, it would look in the second place only, and
stop where there is none. A kernel made here is also looked for beside its source, whoever runs it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import caching
from numba.core.dispatcher import Dispatcher

__all__ = ["KERNELS", "kernel"]

Function = TypeVar("Function", bound=Callable[..., Any])

#: Every kernel of the modules imported so far.
KERNELS: list[Any] = []


#: Numba's own classes carry no types.
_numba: Any = caching


class _BesideSource(_numba.InTreeCacheLocator):  # type: ignore[misc]
    """Numba's place beside the source, taken last, where nothing can be written anywhere."""

    def ensure_cache_path(self) -> None:
        """Ask for nothing: what cannot be kept is compiled anew."""


class _Places(_numba.CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = [*_numba.CompileResultCacheImpl._locator_classes, _BesideSource]  # noqa: RUF012 (Numba's own form)


class _KernelCache(_numba.FunctionCache):  # type: ignore[misc]
    """Numba's cache, which reads beside the source as well, and does without where it cannot write."""

    _impl_class = _Places

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        beside = Path(inspect.getfile(function)).parent / "__pycache__"
        stamp = self._impl.locator.get_source_stamp()
        self._beside = _numba.IndexDataCacheFile(str(beside), self._impl.filename_base, stamp)

    def _load_overload(self, sig: Any, target_context: Any) -> Any:
        key = self._index_key(sig, target_context.codegen())
        for file in (self._cache_file, self._beside):
            try:
                data = file.load(key)
            except OSError:  # of another user, who does not let it be read
                continue
            if data is not None:
                return self._impl.rebuild(target_context, data)
        return None

    def _save_overload(self, sig: Any, data: Any) -> None:
        try:
            super()._save_overload(sig, data)
        except OSError:
            return


def kernel(**options: Any) -> Callable[[Function], Function]:
    """Compile a function with Numba in no-Python mode and keep the machine code.

    Parameters
    ----------
    **options
        Of `numba.njit`, without ``cache``.

    Returns
    -------
    callable
        The decorator. The module must have a line in `risk_models.warm`, which compiles it at set-up.
    """

    def compiled(function: Function) -> Function:
        made = numba.njit(**options)(function)
        if isinstance(made, Dispatcher):  # with NUMBA_DISABLE_JIT it is the function itself
            made._cache = _KernelCache(function)  # type: ignore[attr-defined]
            KERNELS.append(made)
        return cast(Function, made)

    return compiled
