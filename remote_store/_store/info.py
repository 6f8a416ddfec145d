"""What is installed here: the version, the backend types, the extensions (CONTRACT 125)."""

from __future__ import annotations

import pkgutil
from importlib import util
from typing import TypedDict

from .._core.version import __version__
from .plugins import BUILT_IN, BuiltIn, plug_in_points, registered

__all__ = ["BackendInfo", "ExtensionInfo", "InfoResult", "info"]

# `class` is a keyword, so this one can't be written as a class.
BackendInfo = TypedDict("BackendInfo", {"available": bool, "extras": str | None, "class": str | None})
"""A backend type: whether it can be used here, the extra that brings it, the dotted name of its class."""


class ExtensionInfo(TypedDict):
    """A module of `remote_store.ext`: whether it can be used here, and the extra that brings what it needs."""

    available: bool
    extras: str | None


class InfoResult(TypedDict):
    """What `info` returns."""

    version: str
    backends: dict[str, BackendInfo]
    extensions: dict[str, ExtensionInfo]


def info() -> InfoResult:
    """Return the version, all backend types by name and all extensions by name.

    Types of ours that can't be used here (the extra is not installed, or this version doesn't have them yet) are
    listed as not available, without a class. Registered classes and plug-ins have no extra. Nothing is imported to
    find out, so a plug-in that turns out to be broken counts as available.
    """
    return {"version": __version__, "backends": _backends(), "extensions": _extensions()}


def _backends() -> dict[str, BackendInfo]:
    found = {
        point.name: BackendInfo(
            {"available": _importable(point.module), "extras": None, "class": point.value.replace(":", ".")}
        )
        for point in plug_in_points()
    }
    for name, ours in BUILT_IN.items():
        if ours.available or name not in found:
            found[name] = _ours(ours)
    for name, cls in registered().items():
        extra = BUILT_IN[name].extra if name in BUILT_IN else None
        dotted = f"{cls.__module__}.{getattr(cls, '__qualname__', type(cls).__qualname__)}"
        found[name] = {"available": True, "extras": extra, "class": dotted}
    return found


def _ours(ours: BuiltIn) -> BackendInfo:
    available = ours.available
    # The public address, not the module that happens to define the class.
    dotted = f"remote_store.backends.{ours.blocking.partition(':')[2]}"
    return {"available": available, "extras": ours.extra, "class": dotted if available else None}


# Extensions that need something: the extra, and the module it brings
_NEEDS = {
    "arrow": ("arrow", "pyarrow"),
    "parquet": ("arrow", "pyarrow"),
    "otel": ("otel", "opentelemetry"),
    "pydantic": ("pydantic", "pydantic"),
    "yaml": ("yaml", "yaml"),
    "dagster": ("dagster", "dagster"),
}


def _extensions() -> dict[str, ExtensionInfo]:
    package = util.find_spec("remote_store.ext")
    folders = package.submodule_search_locations if package else None
    names = [module.name for module in pkgutil.iter_modules(folders) if not module.name.startswith("_")]
    return {name: _extension(name) for name in names}


def _extension(name: str) -> ExtensionInfo:
    extra, module = _NEEDS.get(name, (None, None))
    return {"available": module is None or _importable(module), "extras": extra}


def _importable(module: str) -> bool:
    # Only the top level: looking deeper would import it.
    return util.find_spec(module.partition(".")[0]) is not None
