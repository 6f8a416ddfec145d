"""Front doors that load a name when it is first asked for (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any

__all__ = ["installed", "lazily"]


def installed(module: str) -> bool:
    """Return whether a module can be imported; nothing is imported to find out, not even the packages above it.

    (`find_spec` of a dotted name imports those; the SDKs' are namespaces, whose specs can't be followed otherwise.)
    """
    from importlib.util import find_spec
    from pathlib import Path

    top, _, below = module.partition(".")
    spec = find_spec(top)
    if spec is None or not below:
        return spec is not None
    place = below.replace(".", "/")
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    return any((folder / place).is_dir() or (folder / f"{place}.py").is_file() for folder in folders)


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
