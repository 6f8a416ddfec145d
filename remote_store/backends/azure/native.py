"""The SDK's own client, for what is not offered here."""

from __future__ import annotations

from typing import Any, TypeVar

from .config import AzureConfig

__all__ = ["native_client"]

T = TypeVar("T")


def native_client(config: AzureConfig, type_hint: type[T]) -> T | None:
    """Return a client of the SDK's class `type_hint` for the container; None for any other class."""
    account = config.account
    url = _endpoint(config, type_hint)
    if url is None:
        return None
    credential: Any = account.credential
    if account.key is not None:
        credential = {"account_name": account.name, "account_key": account.key.reveal()}
    elif account.sas is not None:
        credential = account.sas.reveal()
    kind: Any = type_hint
    client: T = kind(url, config.container, credential=credential, **config.options)
    return client


def _endpoint(config: AzureConfig, kind: type) -> str | None:
    if kind.__name__ == "ContainerClient" and kind.__module__.startswith("azure.storage.blob"):
        return config.account.url
    if kind.__name__ == "FileSystemClient" and kind.__module__.startswith("azure.storage.filedatalake"):
        return config.account.dfs_url
    return None
