"""The SDK's own client, for what is not offered here."""

from __future__ import annotations

from typing import Any, TypeVar

from .config import AzureConfig

__all__ = ["native_client"]

T = TypeVar("T")


def native_client(config: AzureConfig, type_hint: type[T]) -> T | None:
    """Return a client of the SDK's class `type_hint` for the container; None for any other class."""
    if not type_hint.__module__.startswith("azure.storage.blob") or type_hint.__name__ != "ContainerClient":
        return None
    account = config.account
    credential: Any = account.credential
    if account.key is not None:
        credential = {"account_name": account.name, "account_key": account.key.reveal()}
    elif account.sas is not None:
        credential = account.sas.reveal()
    kind: Any = type_hint
    client: T = kind(account.url, config.container, credential=credential, **config.options)
    return client
