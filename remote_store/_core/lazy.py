"""Front doors that load a name when it is first asked for (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any

__all__ = ["lazily"]


def lazily(
    door: str, homes: Mapping[str, Collection[str]], rooms: Collection[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` for the module `door`.

    `homes` has the names of each module they live in; `rooms` are subpackages that are imported when they are asked
    for, as ``import remote_store; remote_store.aio`` does. What has been found stays in the module.
    """
    home_of = {name: home for home, names in homes.items() for name in names}

    def load(name: str) -> Any:
        if name in home_of:
            value = getattr(import_module(home_of[name]), name)
        elif name in rooms:
            value = import_module(f"{door}.{name}")
        else:
            raise AttributeError(f"module {door!r} has no attribute {name!r}", name=name, obj=sys.modules[door])
        vars(sys.modules[door])[name] = value
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[door]), *home_of, *rooms})

    return load, names
