"""Whether an account has a hierarchical namespace (Data Lake Storage Gen2)."""

from __future__ import annotations

from typing import Any

import anyio

from ..._core.secret import Secret
from .backend import AsyncAzureBackend
from .errors import translated

__all__ = ["AzureUtils"]


class AzureUtils:
    """Questions about an account that need no backend."""

    @staticmethod
    async def adetect_hns(
        *,
        account_name: str | None = None,
        account_url: str | None = None,
        account_key: str | Secret | None = None,
        sas_token: str | Secret | None = None,
        connection_string: str | Secret | None = None,
        credential: Any | None = None,
        client_options: dict[str, Any] | None = None,
    ) -> bool:
        """Return whether the account has a hierarchical namespace: one request, Get Account Information.

        The arguments are those of `AsyncAzureBackend`. Raises what went wrong instead of guessing: PermissionDenied,
        BackendUnavailable, ValueError for an account that is not named. The service refuses the question to tokens
        without a role on the account itself (Storage Account Contributor); a backend asks its container then.
        """
        backend = AsyncAzureBackend(
            "account",  # any name: the question is about the account
            account_name=account_name,
            account_url=account_url,
            account_key=account_key,
            sas_token=sas_token,
            connection_string=connection_string,
            credential=credential,
            client_options=client_options,
        )
        async with backend:
            core = backend._core
            with translated(core.place("")):
                return await core.run(core.wire.account_has_hns)

    @staticmethod
    def detect_hns(
        *,
        account_name: str | None = None,
        account_url: str | None = None,
        account_key: str | Secret | None = None,
        sas_token: str | Secret | None = None,
        connection_string: str | Secret | None = None,
        credential: Any | None = None,
        client_options: dict[str, Any] | None = None,
    ) -> bool:
        """Return whether the account has a hierarchical namespace; see `adetect_hns`."""

        async def ask() -> bool:
            return await AzureUtils.adetect_hns(
                account_name=account_name,
                account_url=account_url,
                account_key=account_key,
                sas_token=sas_token,
                connection_string=connection_string,
                credential=credential,
                client_options=client_options,
            )

        return anyio.run(ask)
