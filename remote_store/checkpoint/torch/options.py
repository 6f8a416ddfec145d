"""Options of a store under the names that fsspec's file systems have for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._contract._async.backend import AsyncBackend
from ..._core.suggest import unknown
from ..._core.urls import parse_url
from ..._store.building import signature_of
from ..._store.plugins import backend_class, type_for_scheme

__all__ = ["backend_options"]

ALIASES = {
    "anon": ("anonymous",),
    "username": ("username", "user"),
    "key_filename": ("key_filename", "private_key_path", "client_keys"),
    "pkey": ("pkey", "private_key"),
}
"""fsspec's name, and the names that a parameter of ours may have for it."""
NESTED = ("client_kwargs", "config_kwargs", "use_ssl", "requester_pays")
"""s3fs's names of settings that go into `client_options`."""


def backend_options(root: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options by the names of the backend that the URL `root` opens.

    Raises TypeError for one that the backend doesn't know, with those that it knows; ImportError where the extra is
    missing, ValueError for a scheme that nobody serves.
    """
    what = type_for_scheme(parse_url(root).scheme)
    signature = signature_of(backend_class(what, AsyncBackend) if isinstance(what, str) else what)
    known = signature.annotations
    found: dict[str, Any] = {}
    nested: dict[str, Any] = {}
    for name, value in options.items():
        ours = next((alias for alias in ALIASES.get(name, (name,)) if alias in known), None)
        if ours is not None:
            found[ours] = value
        elif name in NESTED and "client_options" in known:
            nested[name] = value
        elif signature.takes_any or name == "root_path":
            found[name] = value
        else:
            raise TypeError(unknown("option", name, {*known, *(NESTED if "client_options" in known else ())}))
    if nested:
        found["client_options"] = {**(found.get("client_options") or {}), **nested}
    return found
