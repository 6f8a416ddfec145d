"""Where each option of a store comes from: an argument, the environment, a profile or a default.

A profile is a store of the configuration file that REMOTE_STORE_CONFIG names: ``[stores.prod]`` with its
``[backends.NAME]``. REMOTE_STORE_PROFILE picks one. ``REMOTE_STORE_PROD_REGION_NAME`` sets the option `region_name`
of profile `prod` whatever the file says, or makes up a profile that no file has. Reading the file is for whoever
opens stores.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from remote_store._core.config import SECRET_OPTIONS, RegistryConfig, _shown, resolve_env, sealed
from remote_store._core.errors import InvalidConfig
from remote_store._core.secret import MASK, Secret, is_secret_name
from remote_store._core.suggest import unknown

__all__ = [
    "CONFIG_VARIABLE",
    "PROFILE_VARIABLE",
    "Resolved",
    "config_path",
    "option_from_text",
    "profile_options",
    "selected_profile",
]

CONFIG_VARIABLE = "REMOTE_STORE_CONFIG"
PROFILE_VARIABLE = "REMOTE_STORE_PROFILE"
_PREFIX = "REMOTE_STORE_"

Source = Literal["argument", "environment", "profile", "default"]


@dataclass(frozen=True)
class Resolved:
    """An option's value, which kind of source won, and its name there (a variable, a place in the file).

    Values from the environment are texts; `option_from_text` makes them what the constructor wants.
    """

    value: Any = field(repr=False)
    source: Source
    origin: str

    def describe(self, name: str) -> str:
        """Return one line for people, secrets masked: ``region_name = 'eu' (environment: REMOTE_STORE_P_...)``."""
        secret = isinstance(self.value, Secret) or is_secret_name(name)
        return f"{name} = {MASK if secret else repr(_shown(self.value))} ({self.source}: {self.origin})"


def config_path(environ: Mapping[str, str]) -> str | None:
    """Return the path of the TOML file to read, from REMOTE_STORE_CONFIG; None when it is not set or empty."""
    return environ.get(CONFIG_VARIABLE) or None


def selected_profile(argument: str | None, environ: Mapping[str, str]) -> Resolved | None:
    """Return the name of the profile to use: the argument, else REMOTE_STORE_PROFILE, else None."""
    if argument is not None:
        return Resolved(argument, "argument", "profile")
    name = environ.get(PROFILE_VARIABLE)
    return Resolved(name, "environment", PROFILE_VARIABLE) if name else None


def profile_options(
    profile: str,
    data: Mapping[str, Any],
    environ: Mapping[str, str],
    *,
    arguments: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
    stacklevel: int = 1,
) -> dict[str, Resolved]:
    """Return every option of `profile` with its source: argument before environment before profile before default.

    `data` is the parsed configuration file (``{}`` without one), `environ` the environment. Beside the backend's
    options there are `type` (the backend's registered name), `root_path` and `retry`, where known. ``${VAR}`` in the
    profile is filled in. Empty variables count as not set. Secrets come as `Secret`. Unknown keys in the profile give
    a UserWarning; its `stacklevel` counts from the line that calls this, which is 1.

    Raises InvalidConfig for a profile that neither the file nor the environment knows (with the nearest name), for
    variables that fit two profiles, and for a backend that isn't there; TypeError for wrong shapes and KeyError for
    a reference to a variable that isn't set, as RegistryConfig.from_dict and resolve_env do.
    """
    stores = _section(data, "stores")
    names = [str(name) for name in stores]
    overrides = _overrides(profile, names, environ)
    if profile not in stores and not overrides:
        raise InvalidConfig(
            f"{unknown('profile', profile, names)} Profiles are the stores of the file that {CONFIG_VARIABLE} names;"
            f" variables {_prefix(profile)}<OPTION> make one up."
        )
    merged = {name: Resolved(value, "default", "default") for name, value in sealed(defaults or {}).items()}
    merged |= _from_file(profile, data, environ, stacklevel + 2) if profile in stores else {}
    merged |= overrides
    for name, value in sealed(arguments or {}).items():
        merged[name] = Resolved(value, "argument", name)
    return merged


def _section(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = data.get(name, {})
    if not isinstance(section, Mapping):
        raise TypeError(f"{name!r} must be a dict of names to dicts, not {type(section).__name__}")
    return section


def _from_file(
    profile: str, data: Mapping[str, Any], environ: Mapping[str, str], stacklevel: int
) -> dict[str, Resolved]:
    """Return the options of one store of the file; the other entries are not looked at."""
    store = data["stores"][profile]
    backends = _section(data, "backends")
    backend = store.get("backend") if isinstance(store, Mapping) else None
    part = {
        "backends": {backend: backends[backend]} if isinstance(backend, str) and backend in backends else {},
        "stores": {profile: store},
    }
    config = RegistryConfig._from_dict(resolve_env(part, environ=environ), stacklevel=stacklevel)
    if isinstance(backend, str) and not config.backends:
        raise InvalidConfig(f"Profile {profile!r}: {unknown('backend', backend, backends)}")
    chosen, wanted = config.backends[config.stores[profile].backend], config.stores[profile]
    found: dict[str, Resolved] = {"type": Resolved(chosen.type, "profile", f"backends.{backend}.type")}
    if chosen.retry is not None:
        found["retry"] = Resolved(chosen.retry, "profile", f"backends.{backend}.retry")
    if wanted.root_path:
        found["root_path"] = Resolved(wanted.root_path, "profile", f"stores.{profile}.root_path")
    for place, options in ((f"backends.{backend}", chosen.options), (f"stores.{profile}", wanted.options)):
        found |= {name: Resolved(value, "profile", f"{place}.options.{name}") for name, value in options.items()}
    return found


# Variables: REMOTE_STORE_<PROFILE>_<OPTION>


def _prefix(profile: str) -> str:
    return f"{_PREFIX}{re.sub(r'[^A-Z0-9]', '_', profile.upper())}_"


def _overrides(profile: str, profiles: list[str], environ: Mapping[str, str]) -> dict[str, Resolved]:
    prefix = _prefix(profile)
    # With profiles "a" and "a_b", REMOTE_STORE_A_B_KEY is the key of "a_b", not the b_key of "a".
    longer = tuple(other for other in map(_prefix, profiles) if other != prefix and other.startswith(prefix))
    found: dict[str, Resolved] = {}
    for variable, text in environ.items():
        option = variable[len(prefix) :].lower()
        if variable.startswith(prefix) and option and text and not variable.startswith(longer):
            value = Secret(text) if option in SECRET_OPTIONS else text
            found[option] = Resolved(value, "environment", variable)
    twins = [name for name in profiles if name != profile and _prefix(name) == prefix]
    if found and twins:
        variable = next(iter(found.values())).origin
        raise InvalidConfig(f"{variable} fits the profiles {profile!r} and {twins[0]!r}; rename one of them")
    return found


_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


def option_from_text(name: str, text: str, kind: type[bool | int | float | str]) -> Any:
    """Return `text`, from a variable or a URL's query, as `kind`.

    True is ``1 true yes on``, false ``0 false no off``, in any case. Raises InvalidConfig, without repeating a
    secret, for a text that doesn't fit; NaN and infinity never do.
    """
    if kind is str:
        return text
    parse, wanted = _PARSERS[kind]
    try:
        return parse(text)
    except ValueError:
        shown = "" if is_secret_name(name) else f", not {text!r}"
        raise InvalidConfig(f"option {name!r} must be {wanted}{shown}") from None


def _truth(text: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError("neither")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


_PARSERS: dict[type, tuple[Callable[[str], Any], str]] = {
    bool: (_truth, "true or false (also 1/0, yes/no, on/off)"),
    int: (int, "a whole number"),
    float: (_finite, "a finite number"),
}
