"""The configuration of a registry, as data.

A configuration has backends (a type name with options) and stores (a backend's name with a folder in it). It comes
from a dict or a TOML file, with ``${VAR}`` filled in where asked. Nothing is opened here.
"""

from __future__ import annotations

import logging
import os
import re
import stat
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from remote_store._core.errors import InvalidConfig
from remote_store._core.retry import RetryPolicy
from remote_store._core.secret import MASK, Secret, is_secret_name, redact_url
from remote_store._core.suggest import nearest

__all__ = [
    "SECRET_OPTIONS",
    "BackendConfig",
    "RegistryConfig",
    "StoreProfile",
    "resolve_env",
    "sealed",
    "warn_of_readers",
]

_log = logging.getLogger("remote_store.config")

SECRET_OPTIONS = frozenset(
    {
        "key",
        "secret",
        "password",
        "account_key",
        "sas_token",
        "connection_string",
        "client_secret",
        "client_certificate",
    }
)
"""Options whose text becomes a `Secret` (CONTRACT 115)."""


@dataclass(frozen=True, repr=False)
class BackendConfig:
    """How to build one backend: the registered type name, its constructor's options, its retry policy.

    Texts under the names in `SECRET_OPTIONS` become `Secret` in a new dict; the dict given is left alone.
    """

    type: str
    options: dict[str, Any] = field(default_factory=dict)
    retry: RetryPolicy | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", sealed(self.options))

    def __repr__(self) -> str:
        return f"BackendConfig(type={self.type!r}, options={_shown(self.options)!r}, retry={self.retry!r})"


@dataclass(frozen=True, repr=False)
class StoreProfile:
    """A named store: the name of its backend in the same configuration, and the folder it is rooted at."""

    backend: str
    root_path: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", sealed(self.options))

    def __repr__(self) -> str:
        shown = _shown(self.options)
        return f"StoreProfile(backend={self.backend!r}, root_path={self.root_path!r}, options={shown!r})"


@dataclass(frozen=True)
class RegistryConfig:
    """All backends and stores of an application, by name."""

    backends: dict[str, BackendConfig] = field(default_factory=dict)
    stores: dict[str, StoreProfile] = field(default_factory=dict)

    def validate(self) -> None:
        """Check that each store names a backend that exists; InvalidConfig (a ValueError) says which doesn't."""
        for name, profile in self.stores.items():
            if profile.backend not in self.backends:
                raise InvalidConfig(
                    f"Store {name!r} names unknown backend {profile.backend!r}.{nearest(profile.backend, self.backends)}"
                    f" Available backends: {sorted(self.backends)}"
                )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RegistryConfig:
        """Build a configuration from ``{"backends": {name: {...}}, "stores": {name: {...}}}``.

        A backend has `type`, `options` and `retry` (a dict of RetryPolicy's fields), a store `backend`, `root_path`
        and `options`. `data` is not changed. Unknown keys give a UserWarning at the caller's line, wrong shapes a
        TypeError with the place. Whether names fit together is for `validate`.
        """
        return cls._from_dict(data, stacklevel=2)

    @classmethod
    def from_toml(
        cls, path: str | os.PathLike[str], *, table: Sequence[str] = (), resolve_env_vars: bool = False
    ) -> RegistryConfig:
        """Read a configuration from a TOML file, for instance ``table=("tool", "remote-store")`` of pyproject.toml.

        With `resolve_env_vars`, references such as ``${VAR}`` are filled in by `resolve_env`. Raises KeyError for a
        table that isn't there, TypeError where something else has its name; FileNotFoundError and
        tomllib.TOMLDecodeError come as they are. Otherwise as `from_dict`. Secrets written out in a file that every
        user may read are logged as a WARNING.
        """
        # The one place in _core that reads a file: CONTRACT A4 puts it on this class.
        import tomllib

        with open(path, "rb") as file:
            data = _descend(tomllib.load(file), table, path)
            mode = os.fstat(file.fileno()).st_mode
        config = cls._from_dict(resolve_env(data) if resolve_env_vars else data, stacklevel=2)
        warn_of_readers(data, mode, path)
        return config

    @classmethod
    def _from_dict(cls, data: dict[str, Any], *, stacklevel: int) -> RegistryConfig:
        """`from_dict` for other readers of the same shape; warnings count `stacklevel` from the line calling this.

        1 is that line itself, 2 the line that called the reader, as in `warnings.warn`.
        """
        if not isinstance(data, dict):
            raise TypeError(f"a configuration must be a dict, not {type(data).__name__}")
        _warn_unknown("Unknown top-level config keys", data, ("backends", "stores"), stacklevel + 1)
        backends: dict[str, BackendConfig] = {}
        stores: dict[str, StoreProfile] = {}
        # Loops, not comprehensions: a comprehension is a stack level of its own in CPython 3.11 and none in 3.12.
        for name, entry in _entries(data, "backends"):
            backends[name] = _backend(name, entry, stacklevel + 1)
        for name, entry in _entries(data, "stores"):
            stores[name] = _store(name, entry, stacklevel + 1)
        return cls(backends=backends, stores=stores)


def _descend(data: dict[str, Any], table: Sequence[str], path: str | os.PathLike[str]) -> dict[str, Any]:
    if isinstance(table, str):
        raise TypeError(f"table must be a sequence of names, such as ({table!r},), not a str")
    for key in table:
        if key not in data:
            raise KeyError(f"no table {key!r} in {os.fspath(path)}.{nearest(key, data)}")
        if not isinstance(data[key], dict):
            raise TypeError(f"Expected a TOML table at {key!r} in {os.fspath(path)}, found {type(data[key]).__name__}")
        data = data[key]
    return data


# Entries: one backend, one store


def _entries(data: dict[str, Any], section: str) -> list[tuple[str, dict[str, Any]]]:
    entries = data.get(section, {})
    if not isinstance(entries, dict):
        raise TypeError(f"{section!r} must be a dict of names to dicts, not {type(entries).__name__}")
    for name, entry in entries.items():
        if not isinstance(name, str):
            raise TypeError(f"a name in {section!r} must be a str, not {name!r}")
        if not isinstance(entry, dict):
            raise TypeError(f"{section}.{name} must be a dict, not {type(entry).__name__}")
    return list(entries.items())


def _backend(name: str, entry: dict[str, Any], stacklevel: int) -> BackendConfig:
    where = f"backends.{name}"
    _warn_unknown(f"Unknown keys in {where}", entry, ("type", "options", "retry"), stacklevel + 1)
    kind = _text(where, "type", entry.get("type"))
    return BackendConfig(type=kind, options=_options(where, entry), retry=_retry(where, entry.get("retry")))


def _store(name: str, entry: dict[str, Any], stacklevel: int) -> StoreProfile:
    where = f"stores.{name}"
    _warn_unknown(f"Unknown keys in {where}", entry, ("backend", "root_path", "options"), stacklevel + 1)
    root_path = entry.get("root_path")
    return StoreProfile(
        backend=_text(where, "backend", entry.get("backend")),
        root_path=_text(where, "root_path", "" if root_path is None else root_path),
        options=_options(where, entry),
    )


def _text(where: str, key: str, value: object) -> str:
    if not isinstance(value, str):
        found = "it is missing" if value is None else f"not {type(value).__name__}"
        raise TypeError(f"{where}.{key} must be a str: {found}")
    return value


def _options(where: str, entry: dict[str, Any]) -> dict[str, Any]:
    options = entry.get("options")
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise TypeError(f"{where}.options must be a dict, not {type(options).__name__}")
    for name, value in options.items():
        if not isinstance(name, str):
            raise TypeError(f"a name in {where}.options must be a str, not {name!r}")
        _refuse_mask(f"{where}.options.{name}", name, value)
    copied: dict[str, Any] = _rebuilt(options, _sound, f"{where}.options", ())
    return copied


def _refuse_mask(where: str, name: str, value: object) -> None:
    """Refuse what somebody copied from a log: three stars or more are no secret."""
    if name in SECRET_OPTIONS and isinstance(value, str) and len(value) >= len(MASK) and not value.strip("*"):
        raise InvalidConfig(f"{where} is a redaction mark, not a secret; write the value or a ${{VAR}} reference")


def _sound(value: Any, where: str) -> Any:
    if isinstance(value, float) and value != value:
        raise InvalidConfig(f"{where} is nan; write a number or leave the option out")
    return value


def _retry(where: str, retry: object) -> RetryPolicy | None:
    if retry is None or isinstance(retry, RetryPolicy):
        return retry
    if not isinstance(retry, dict):
        raise TypeError(f"{where}.retry must be a dict or a RetryPolicy, not {type(retry).__name__}")
    known = [entry.name for entry in fields(RetryPolicy)]
    for name in retry:
        if name not in known:
            raise TypeError(f"{where}.retry: unexpected keyword argument {name!r}.{nearest(str(name), known)}")
    return RetryPolicy(**retry)


def _warn_unknown(what: str, data: dict[str, Any], known: Sequence[str], stacklevel: int) -> None:
    extra = sorted(str(key) for key in data if key not in known)
    if extra:
        hint = nearest(extra[0], known)
        warnings.warn(f"{what}: {', '.join(map(repr, extra))}.{hint}", UserWarning, stacklevel=stacklevel + 1)


# Secrets in options


def sealed(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a new dict with the texts under `SECRET_OPTIONS` as `Secret`; all else is as it was."""
    if not isinstance(options, Mapping):
        raise TypeError(f"options must be a dict, not {type(options).__name__}")
    return {
        name: Secret(value) if name in SECRET_OPTIONS and isinstance(value, str) else value
        for name, value in options.items()
    }


def warn_of_readers(data: Mapping[str, Any], mode: int, path: str | os.PathLike[str]) -> None:
    """Log a WARNING when `data`, parsed from a file with that `mode`, has secrets and every user may read the file.

    A ``${VAR}`` reference is no secret. Shapes must have been checked. Modes mean nothing on Windows: no warning.
    """
    if os.name == "nt" or not mode & stat.S_IROTH:
        return
    for section in ("backends", "stores"):
        for name, entry in data.get(section, {}).items():
            options = entry.get("options") or {}
            held = [key for key in sorted(SECRET_OPTIONS & options.keys()) if _is_written_out(options[key])]
            if held:
                where = f"{section}.{name}.options.{held[0]}"
                _log.warning("%s holds a secret and every user may read %s; chmod 600 it", where, os.fspath(path))


def _is_written_out(value: object) -> bool:
    return isinstance(value, str) and bool(value) and "${" not in value


def _shown(value: Any) -> Any:
    """Return what a repr may show of an option: nested secrets, which SDKs need as plain texts, are masked."""
    if isinstance(value, dict):
        return {
            name: MASK if isinstance(inner, str) and is_secret_name(str(name)) else _shown(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_shown(inner) for inner in value]
    return redact_url(value) if isinstance(value, str) and "://" in value else value


# Environment references

_REFERENCE = re.compile(r"\$(?P<escaped>\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")


def resolve_env(data: dict[str, Any], *, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return a copy of `data` with ``${VAR}`` and ``${VAR:-default}`` in its values filled in.

    Dicts and lists are walked, keys and what is no text stay. ``$${`` is a literal ``${``; text that is no complete
    reference is left alone. What a variable holds is never looked at again, so references can't loop. A default is
    used when the variable is not set; it can't hold a reference itself (InvalidConfig). `environ` defaults to
    ``os.environ``. Raises KeyError, naming the variable and the place, for one that is not set and has no default.
    """
    variables = os.environ if environ is None else environ

    def filled(value: Any, where: str) -> Any:
        if not isinstance(value, str):
            return value
        return _REFERENCE.sub(lambda match: _referenced(match, variables, where), value)

    resolved: dict[str, Any] = _rebuilt(data, filled, "", ())
    return resolved


def _referenced(match: re.Match[str], variables: Mapping[str, str], where: str) -> str:
    name, default = match["name"], match["default"]
    if name is None:
        return "${"
    if default is not None and "${" in default:
        raise InvalidConfig(f"{where}: the default of ${{{name}}} can't be a reference; set {name} or write a value")
    value = variables.get(name, default)
    if value is None:
        raise KeyError(f"environment variable {name!r} is not set, needed at {where}; set it or write ${{{name}:-...}}")
    return value


def _rebuilt(value: Any, leaf: Callable[[Any, str], Any], where: str, inside: tuple[int, ...]) -> Any:
    """Copy dicts and lists, with `leaf(value, place)` for everything else; `inside` holds the ids on the way here."""
    if not isinstance(value, dict | list):
        return leaf(value, where)
    if id(value) in inside:  # YAML anchors can do that
        raise InvalidConfig(f"{where} contains itself")
    inside = (*inside, id(value))
    if isinstance(value, list):
        return [_rebuilt(inner, leaf, f"{where}[{index}]", inside) for index, inner in enumerate(value)]
    return {
        name: _rebuilt(inner, leaf, f"{where}.{name}" if where else str(name), inside) for name, inner in value.items()
    }
