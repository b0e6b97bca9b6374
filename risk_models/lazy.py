"""Names of a package, each imported from its module when it is first asked for (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

__all__ = ["on_demand"]


def on_demand(
    package: str, names_of: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the ``__getattr__`` and ``__dir__`` of a package whose names live in its modules.

    Importing the package, or one of its modules, then loads none of the others. Type checkers need the same imports
    under ``if TYPE_CHECKING``, and the call in the ``else``: they would take any name for one that exists.

    Parameters
    ----------
    package : str
        ``__name__`` of the package.
    names_of : mapping of str to sequence of str
        Names by the module of the package that defines them. No name may be that of a module in the package: once
        imported, the module would stand in its place.

    Returns
    -------
    get, listing : callable
        ``__getattr__`` and ``__dir__``.

    Raises
    ------
    ValueError
        If a name is that of a module, or is given twice.

    Examples
    --------
    >>> get, listing = on_demand("json", {"decoder": ["JSONDecoder"]})
    >>> get("JSONDecoder").__module__
    'json.decoder'
    >>> get("JSONCoder")
    Traceback (most recent call last):
    ...
    AttributeError: module 'json' has no attribute 'JSONCoder'
    """
    home = {name: module for module, names in names_of.items() for name in names}
    if len(home) < sum(map(len, names_of.values())) or not home.keys().isdisjoint(names_of):
        raise ValueError(f"{package}: a name is given twice, or is that of a module")

    def get(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{home[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    def listing() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home})

    return get, listing
