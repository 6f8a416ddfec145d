"""Which backend types there are: ours by name, registered ones, plug-ins of other distributions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from .._contract._async.backend import AsyncBackend
from .._contract._sync.backend import Backend
from .._core.errors import InvalidConfig
from .._core.lazy import installed
from .._core.suggest import nearest, unknown
from .._core.version import __version__

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = [
    "BUILT_IN",
    "GROUP",
    "BackendClass",
    "BuiltIn",
    "Face",
    "MissingExtra",
    "backend_class",
    "plug_in_points",
    "register_backend",
    "registered",
    "registered_types",
    "type_for_scheme",
]

GROUP = "remote_store.backends"
"""The entry-point group of plug-ins: name = a type name or URL scheme, value = a class."""

Face: TypeAlias = type[AsyncBackend] | type[Backend]
"""The side a backend is wanted for. It only chooses between our twins: stores wrap what is of the other side."""

BackendClass: TypeAlias = Callable[..., Any]


class MissingExtra(InvalidConfig, ImportError):
    """A backend type of ours whose SDK is not installed; the text has the command that installs it."""


@dataclass(frozen=True)
class BuiltIn:
    """A backend type of ours: its two classes (``module:Class``), its URL schemes, the extra with its SDK.

    `needs` names the modules that the extra brings.
    """

    blocking: str
    native: str
    schemes: tuple[str, ...] = ()
    extra: str | None = None
    needs: tuple[str, ...] = ()

    @property
    def built(self) -> bool:
        """Whether this version has the backend: the table also names those that are to come."""
        return installed(self.blocking.partition(":")[0])

    @property
    def available(self) -> bool:
        """Whether the backend can be used here and now; no SDK is imported to find out."""
        return self.built and all(map(installed, self.needs))

    def load(self, face: Face) -> BackendClass:
        """Import the class for one side."""
        module, _, name = (self.native if issubclass(face, AsyncBackend) else self.blocking).partition(":")
        loaded: BackendClass = getattr(import_module(module), name)
        return loaded


def _ours(folder: str, name: str, **facts: Any) -> BuiltIn:
    base = f"remote_store.backends.{folder}"
    return BuiltIn(f"{base}.sync:{name}", f"{base}.backend:Async{name}", **facts)


BUILT_IN = {
    "local": _ours("local", "LocalBackend", schemes=("file",)),
    "memory": _ours("memory", "MemoryBackend", schemes=("memory",)),
    "http": _ours("http", "ReadOnlyHttpBackend", schemes=("http", "https")),
    "s3": _ours("s3", "S3Backend", schemes=("s3", "s3a"), extra="s3", needs=("aiobotocore",)),
    "s3-pyarrow": _ours("s3_pyarrow", "S3PyArrowBackend", extra="arrow", needs=("pyarrow",)),
    "sftp": _ours("sftp", "SFTPBackend", schemes=("sftp", "ssh"), extra="sftp", needs=("asyncssh",)),
    "azure": _ours(
        "azure", "AzureBackend", schemes=("az", "abfs", "abfss"), extra="azure", needs=("azure.storage.blob",)
    ),
    "sql-blob": _ours("sql", "SQLBlobBackend", needs=("sqlalchemy",)),
    "sql-query": _ours("sql", "SQLQueryBackend", needs=("sqlalchemy",)),
}
"""By type name (CONTRACT 120); a later version builds those whose module is not there yet."""


_OTHERS = f"install a plug-in (entry-point group {GROUP!r}) or call register_backend()"


# Types of this process

_registered: dict[str, BackendClass] = {}


def register_backend(type_name: str, cls: type) -> None:
    """Make `cls` the backend class for `type_name`, for registries and URLs of this process.

    `cls` is a `Backend` or an `AsyncBackend`; both faces can use either. Its attribute `schemes`, a tuple of names,
    says which URL schemes it serves, if any. A type of that name, ours or a plug-in's, is replaced without a word.

    Raises TypeError for a name that is no str or a class that can't be called, ValueError for an empty name.
    """
    if not isinstance(type_name, str):
        raise TypeError(f"type_name must be a str, not {type(type_name).__name__}")
    if not type_name:
        raise ValueError("type_name must not be empty")
    if not callable(cls):
        raise TypeError(f"cls must be a backend class, not {type(cls).__name__}")
    _registered[type_name] = cls


def registered() -> dict[str, BackendClass]:
    """Return a copy of what `register_backend` has been given."""
    return dict(_registered)


def registered_types() -> list[str]:
    """Return the names of all types that can be asked for here, sorted; plug-ins by their entry point's name."""
    ours = {name for name, kind in BUILT_IN.items() if kind.available}
    return sorted(ours | _registered.keys() | {point.name for point in plug_in_points()})


# Finding a class: what was registered wins over ours, ours over plug-ins


def backend_class(type_name: str, face: Face) -> BackendClass:
    """Return the class for a type name.

    Raises InvalidConfig for an unknown type (with the nearest name) and for a plug-in that can't be loaded;
    MissingExtra for one of ours whose SDK is missing.
    """
    if type_name in _registered:
        return _registered[type_name]
    ours = BUILT_IN.get(type_name)
    if ours is not None and ours.available:
        return ours.load(face)
    found = _plug_in(type_name, lambda plug_in: plug_in.type_name == type_name)
    if isinstance(found, _PlugIn):
        return found.cls
    types = registered_types()
    if ours is None:
        raise InvalidConfig(
            f"Unknown backend type {type_name!r}.{nearest(type_name, types)} Registered types: {types}; {_OTHERS}{found}"
        )
    raise MissingExtra(f"Unknown backend type {type_name!r} here: {_missing(ours)}. Registered types: {types}{found}")


def _missing(ours: BuiltIn) -> str:
    command = f"pip install 'remote-store-aio[{ours.extra}]'"
    if ours.built:
        return f"it needs an extra: {command}"
    extra = f" as an extra ({command})" if ours.extra else ""
    return f"version {__version__} has no such backend yet, a later one brings it{extra}; till then, {_OTHERS}"


def type_for_scheme(scheme: str) -> str | BackendClass:
    """Return the type name that serves a URL scheme, or the class of the plug-in that does.

    Raises InvalidConfig for a scheme that nobody serves (with the nearest one) and for a broken plug-in.
    """
    for name, cls in reversed(_registered.items()):
        if scheme in _schemes(cls):
            return name
    known = {served: name for name, ours in BUILT_IN.items() for served in ours.schemes}
    if scheme in known and (known[scheme] in _registered or BUILT_IN[known[scheme]].available):
        return known[scheme]
    found = _plug_in(scheme, lambda plug_in: scheme in plug_in.schemes)
    if isinstance(found, _PlugIn):
        return found.cls
    if scheme in known:
        raise MissingExtra(f"URL scheme {scheme!r} can't be opened: {_missing(BUILT_IN[known[scheme]])}{found}")
    own = {served for cls in _registered.values() for served in _schemes(cls)}
    ready = {served for served, name in known.items() if BUILT_IN[name].available}
    raise InvalidConfig(f"{unknown('URL scheme', scheme, own | ready)} For others, {_OTHERS}{found}")


def _schemes(cls: BackendClass) -> tuple[str, ...]:
    schemes = getattr(cls, "schemes", ())
    return (schemes,) if isinstance(schemes, str) else tuple(schemes)


# Plug-ins


@dataclass(frozen=True)
class _PlugIn:
    cls: BackendClass
    type_name: str
    schemes: tuple[str, ...]


def plug_in_points() -> Iterator[EntryPoint]:
    """Yield the entry points of installed plug-ins, without loading one."""
    from importlib.metadata import entry_points  # 30 ms, for whoever has a plug-in or a typing error

    yield from entry_points(group=GROUP)


def _plug_in(name: str, fits: Callable[[_PlugIn], bool]) -> _PlugIn | str:
    """Return the plug-in that fits, or what to add to the error because some can't be loaded.

    The one whose entry point has that name is loaded first, and if it is broken, that is the error. Others are
    loaded only when it doesn't fit; their faults count only if nothing fits.
    """
    broken: list[str] = []
    for point in sorted(plug_in_points(), key=lambda point: point.name != name):
        try:
            plug_in = _loaded(point)
        except InvalidConfig as error:
            if point.name == name:
                raise
            broken.append(str(error))
            continue
        if fits(plug_in):
            return plug_in
    return "".join(f" ({fault})" for fault in broken)


def _loaded(point: EntryPoint) -> _PlugIn:
    where = f"plug-in {point.name!r} of distribution {_distribution(point)}"
    try:
        cls = point.load()
    except Exception as error:
        raise InvalidConfig(
            f"{where} can't be loaded from {point.value!r}: {type(error).__name__}: {error}; update or uninstall it"
        ) from error
    if not isinstance(cls, type):
        raise InvalidConfig(f"{where} is no class: {point.value!r}; its author must name a backend class there")
    return _PlugIn(cls, getattr(cls, "type_name", point.name), (*_schemes(cls), point.name))


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "unknown"
