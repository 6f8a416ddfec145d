"""Opening a store by its URL, a path or a profile's name."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._contract._async.backend import AsyncBackend
from .._contract._sync.backend import Backend
from .._core.errors import InvalidConfig
from .._core.keys import join, normalize
from .._core.profiles import CONFIG_VARIABLE, PROFILE_VARIABLE, Resolved, selected_profile
from .._core.urls import ParsedUrl, parse_url
from ._async.store import AsyncStore
from ._sync.store import Store
from .building import build, label_of, signature_of
from .plugins import BackendClass, Face, backend_class, type_for_scheme
from .settings import settings_of

__all__ = ["explain_store", "open_async_store", "open_store"]

log = logging.getLogger("remote_store.config")

StoreUrl = str | os.PathLike[str]


def open_store(url: StoreUrl | None = None, *, profile: str | None = None, **options: Any) -> Store:
    """Open a store by a URL, the path of a local folder, or a profile.

    | `url` | opens |
    |---|---|
    | ``data``, ``/srv/data``, ``file:///srv/data`` | a local folder, made if missing; a relative one is found from the current folder at this moment |
    | ``memory:`` | a fresh memory of its own |
    | ``memory://name/folder`` | memory that all who open that name in this process share, from both faces |
    | ``profile:name/folder`` | the same as ``profile="name"``, below that folder |
    | none | the profile that REMOTE_STORE_PROFILE names |

    A leading ``~`` is refused, not expanded. `options` are the backend's own, by the names of its constructor; in a
    URL they stand in the query (``?fsync=true``), where an argument wins over them. `root_path` is a folder to stay
    in, below the one that the URL names. Of a profile, an argument wins over the variable
    REMOTE_STORE_<PROFILE>_<OPTION>, that over the file that REMOTE_STORE_CONFIG names, that over the constructor's
    default; at DEBUG the logger ``remote_store.config`` tells which won. The environment does not change what a URL
    opens.

    The store owns its backend: close it, or use it as a context manager.

    Raises InvalidConfig for a URL, a scheme, a profile or an option that can't be used (with the nearest name), and
    names the extra or the entry point that is missing: then it is an ImportError too. What the backend's constructor
    raises comes as it is.
    """
    plan = _plan(url, profile, options, Backend)
    store = Store(plan.backend(Backend), plan.root_path)
    store._owns_backend = plan.shared is None
    return store


def open_async_store(url: StoreUrl | None = None, *, profile: str | None = None, **options: Any) -> AsyncStore:
    """Open an async store; arguments and errors are those of `open_store`. No connection is made yet."""
    plan = _plan(url, profile, options, AsyncBackend)
    store = AsyncStore(plan.backend(AsyncBackend), plan.root_path)
    store._owns_backend = plan.shared is None
    return store


def explain_store(url: StoreUrl | None = None, *, profile: str | None = None, **options: Any) -> list[str]:
    """Return a line for each setting that `open_store` would use, with where it comes from; secrets are masked."""
    return _plan(url, profile, options, Backend).explained(Backend)


@dataclass(frozen=True)
class _Plan:
    """What is to be opened: the backend's type, its settings, the folder in it, the name of a shared memory."""

    what: str | BackendClass
    settings: Mapping[str, Resolved]
    root_path: str = ""
    shared: str | None = None

    def backend(self, face: Face) -> Any:
        if log.isEnabledFor(logging.DEBUG):
            for line in self.explained(face):
                log.debug("%s", line)
        self._check(face)
        options = {name: setting.value for name, setting in self.settings.items()}
        if self.shared is None:
            return build(self.what, options, face)
        if options:
            raise InvalidConfig(f"a memory with a name takes no options: leave out {', '.join(options)}")
        return _memory(self.shared)

    def _check(self, face: Face) -> None:
        """Refuse options here, where it is known which variable or line of the file has them."""
        cls, label = self._class(face), label_of(self.what)
        for name, setting in self.settings.items():
            try:
                signature_of(cls).check([name], label)
            except InvalidConfig as error:
                if setting.source in ("environment", "profile"):
                    raise InvalidConfig(f"{setting.origin}: {error}") from None
                raise

    def _class(self, face: Face) -> BackendClass:
        return backend_class(self.what, face) if isinstance(self.what, str) else self.what

    def explained(self, face: Face) -> list[str]:
        defaults = {
            name: Resolved(value, "default", label_of(self.what))
            for name, value in signature_of(self._class(face)).defaults.items()
        }
        lines = [setting.describe(name) for name, setting in (defaults | dict(self.settings)).items()]
        return [f"type = {label_of(self.what)!r}", f"root_path = {self.root_path!r}", *lines]


def _plan(url: StoreUrl | None, profile: str | None, options: dict[str, Any], face: Face) -> _Plan:
    text = None if url is None else os.fspath(url)
    if isinstance(text, str) and text.startswith("profile:"):
        if profile is not None:
            raise InvalidConfig("a profile is named twice, in the URL and as an argument; write one of them")
        profile, _, folder = text.removeprefix("profile:").strip("/").partition("/")
        return _profile_plan(profile, folder, options)
    if text is not None and profile is not None:
        raise InvalidConfig("a URL and a profile both say what to open; write one of them")
    if text is not None:
        return _url_plan(text, options, face)
    chosen = selected_profile(profile, os.environ)
    if chosen is None:
        raise InvalidConfig(f"nothing to open: write a URL, a path or profile=..., or set {PROFILE_VARIABLE}")
    return _profile_plan(chosen.value, "", options)


# By URL


def _url_plan(text: str, options: dict[str, Any], face: Face) -> _Plan:
    parsed = parse_url(text)
    _refuse_tilde(parsed)
    what = type_for_scheme(parsed.scheme)
    located, folder = _located(parsed, what, face)
    aliases = _ALIASES.get(parsed.scheme, {})
    asked = {aliases.get(name, name): value for name, value in parsed.options.items()}
    settings = {name: Resolved(value, "argument", "URL") for name, value in (located | asked).items()}
    settings |= {name: Resolved(value, "argument", name) for name, value in options.items()}
    for name in located:
        if name in parsed.options or name in options:
            raise InvalidConfig(f"option {name!r} is what the URL itself says; leave it out")
    inner = _folder(settings.pop("root_path", None))
    shared = parsed.container or None if parsed.scheme == "memory" else None
    return _Plan(what, settings, join(folder, inner) if inner else folder, shared)


_ALIASES = {
    "s3": {"endpoint": "endpoint_url", "region": "region_name", "anon": "anonymous"},
    "az": {"account": "account_name", "endpoint": "account_url", "anon": "anonymous"},
}
"""Short names that URLs have for a backend's parameters (CONVENTIONS, URLs)."""


def _refuse_tilde(parsed: ParsedUrl) -> None:
    if parsed.scheme == "file" and parsed.path.startswith("~"):
        raise InvalidConfig(
            f"'~' is not expanded in {parsed.path!r}; use os.path.expanduser(), or write './{parsed.path}' for that name"
        )


def _located(parsed: ParsedUrl, what: str | BackendClass, face: Face) -> tuple[dict[str, Any], str]:
    """Return the options that the URL's own parts stand for, and the folder below the backend's root."""
    match parsed.scheme:
        case "file":
            return {"root": parsed.path}, ""
        case "memory":
            return {}, parsed.path
        case "s3":
            return {"bucket": parsed.container}, parsed.path
        case "az":
            account = {"account_url": f"https://{parsed.host}"} if parsed.host else {}
            return {"container": parsed.container, **account}, parsed.path
        case "sftp":
            place = {"host": parsed.host, "port": parsed.port, "username": parsed.user, "base_path": parsed.path}
            return {name: value for name, value in place.items() if value is not None}, ""
        case "http" | "https":
            return {"base_url": _address(parsed)}, ""
    signature = signature_of(backend_class(what, face) if isinstance(what, str) else what)
    # A plug-in names its parameters as its service does ("bucket", "share"); the first one it must have is the place.
    place_name = next((name for name in ("host", *signature.required) if name in signature.annotations), "host")
    place = {place_name: parsed.host or None, "port": parsed.port, "username": parsed.user}
    return {name: value for name, value in place.items() if value is not None}, normalize(parsed.path)


def _address(parsed: ParsedUrl) -> str:
    host = f"[{parsed.host}]" if ":" in parsed.host else parsed.host
    return f"{parsed.scheme}://{host}" + (f":{parsed.port}" if parsed.port else "") + parsed.path


def _folder(setting: Resolved | None) -> str:
    return normalize(setting.value) if setting is not None else ""


# By profile


def _profile_plan(profile: str, folder: str, options: dict[str, Any]) -> _Plan:
    # Four calls down from the user's line: here, _plan, open_store.
    settings = settings_of(profile, options, os.environ, stacklevel=5)
    kind = settings.pop("type", None)
    if kind is None:
        raise InvalidConfig(
            f"profile {profile!r} has no type; give its backend one in the file that {CONFIG_VARIABLE} names, or set"
            f" the variable REMOTE_STORE_<PROFILE>_TYPE"
        )
    inner = normalize(folder)
    root = _folder(settings.pop("root_path", None))
    return _Plan(kind.value, settings, join(root, inner) if inner else root)


# Shared memory

_memories: dict[str, Backend] = {}
"""By the name in the URL; they live as long as the process."""


def _memory(name: str) -> Backend:
    """Return the backend that all who open ``memory://name`` share; async stores take the original out of it."""
    if name not in _memories:
        # No lock: of two threads here at once one is first, and the other's empty tree is dropped.
        _memories.setdefault(name, build("memory", {}, Backend))
    return _memories[name]
