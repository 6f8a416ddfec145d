"""Registry configurations out of YAML files; needs the extra `yaml` (pyyaml), or ruamel.yaml."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module, util
from os import PathLike
from typing import Any

from .._core.config import RegistryConfig, resolve_env

__all__ = ["from_yaml"]

_MISSING = "remote_store.ext.yaml needs pyyaml or ruamel.yaml; pip install 'remote-store-aio[yaml]'"


def _installed(module: str) -> bool:
    try:
        return util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package above it is missing
        return False


if not (_installed("yaml") or _installed("ruamel.yaml")):
    raise ModuleNotFoundError(_MISSING, name="yaml")


def from_yaml(path: str | PathLike[str], *, resolve_env_vars: bool = False) -> RegistryConfig:
    """Return the configuration that a YAML file describes, in the shape that `RegistryConfig.from_dict` takes.

    With `resolve_env_vars` placeholders such as ``${NAME}`` and ``${NAME:-default}`` are replaced first. Tags that
    would make Python objects are refused by the loader.

    Raises FileNotFoundError, the loader's own error for text that is no YAML, TypeError if the top level is not a
    mapping, KeyError for a placeholder without a value, and what `from_dict` raises.
    """
    load = _loader()
    with open(path, encoding="utf-8") as file:
        data = load(file)
    if not isinstance(data, dict):
        raise TypeError(f"Expected a YAML mapping at the top level, got {type(data).__name__}")
    if resolve_env_vars:
        data = resolve_env(data)
    return RegistryConfig._from_dict(data, stacklevel=2)


def _loader() -> Callable[[Any], Any]:
    """Return a function that loads plain data and nothing else."""
    if _installed("yaml"):
        safe_load: Callable[[Any], Any] = import_module("yaml").safe_load
        return safe_load
    if _installed("ruamel.yaml"):
        load: Callable[[Any], Any] = import_module("ruamel.yaml").YAML(typ="safe", pure=True).load
        return load
    raise ModuleNotFoundError(_MISSING, name="yaml")
