"""Registry configurations out of pydantic models; needs the extra `pydantic`."""

from __future__ import annotations

from typing import Any

try:
    from pydantic import BaseModel, SecretBytes, SecretStr
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"remote_store.ext.pydantic needs {error.name}; pip install 'remote-store-aio[pydantic]'", name=error.name
    ) from error

from .._core.config import RegistryConfig

__all__ = ["from_pydantic"]


def from_pydantic(model: BaseModel) -> RegistryConfig:
    """Return the configuration that a model describes: what `RegistryConfig.from_dict` makes of its dump.

    The model has the fields `backends` and `stores` (settings classes of pydantic-settings do as well). Values of
    type SecretStr among a backend's options are taken out of it; those under a name that is known for secrets
    become `Secret` again. Raises TypeError for a model of another shape.
    """
    data = model.model_dump()
    backends = data.get("backends")
    if isinstance(backends, dict):
        for backend in backends.values():
            if isinstance(backend, dict) and "options" in backend:
                backend["options"] = _revealed(backend["options"])
    return RegistryConfig._from_dict(data, stacklevel=2)


def _revealed(value: Any) -> Any:
    """Return options without pydantic's wrappers, at every depth."""
    if isinstance(value, (SecretStr, SecretBytes)):
        return value.get_secret_value()
    if isinstance(value, dict):
        return {name: _revealed(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_revealed(inner) for inner in value]
    return value
