"""How requests are signed: the account's key, a SAS, a token that is refreshed while running, or not at all."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from azure.core.credentials import AzureSasCredential
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy, AzureSasCredentialPolicy, SansIOHTTPPolicy

from ..._contract.threads import in_thread
from .account import Account
from .config import AzureConfig

__all__ = ["policy_for", "sas_of"]

SCOPE = "https://storage.azure.com/.default"
"""What tokens are asked for: https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory"""


def policy_for(config: AzureConfig) -> Any:
    """Return the policy that signs, None for anonymous access. Imports the SDK, which takes a while."""
    account = config.account
    if account.key is not None:
        return _shared_key(account, account.name, account.key.reveal())
    if account.sas is not None:
        return AzureSasCredentialPolicy(AzureSasCredential(account.sas.reveal()))
    if account.credential is not None:
        return _by_credential(account, account.credential, config)
    if config.anonymous:
        return None
    own = _default()
    policy = _Token(_in_threads(own), _scope(config))
    policy.owned = own
    return policy


def sas_of(account: Account) -> str | None:
    """Return the SAS that is in force now: a credential object may have been given a new one."""
    if account.sas is not None:
        return account.sas.reveal()
    signature = getattr(account.credential, "signature", None)
    return signature.lstrip("?") if isinstance(signature, str) else None


def _by_credential(account: Account, credential: Any, config: AzureConfig) -> Any:
    if hasattr(credential, "signature"):
        return AzureSasCredentialPolicy(credential)
    if hasattr(credential, "named_key"):
        return _NamedKey(account, credential)
    return _Token(_in_threads(credential), _scope(config))


def _scope(config: AzureConfig) -> str:
    audience = config.options.get("audience")
    return f"{str(audience).rstrip('/')}/.default" if audience else SCOPE


def _shared_key(account: Account, name: str | None, key: str) -> SansIOHTTPPolicy[Any, Any]:
    """Return the SDK's policy, which knows in which order the service sorts headers."""
    from azure.storage.blob import ContainerClient

    credential: Any = {"account_name": name, "account_key": key}
    with ContainerClient(account.url, "none", credential=credential) as client:
        policy: SansIOHTTPPolicy[Any, Any] = client.credential
    return policy


class _NamedKey(SansIOHTTPPolicy[Any, Any]):
    """Signs with the key that the credential object holds at that moment."""

    def __init__(self, account: Account, credential: Any) -> None:
        self._account = account
        self._credential = credential
        self._made_for: Any = None
        self._policy: Any = None

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """Sign a request."""
        named = self._credential.named_key
        if named != self._made_for:
            self._policy = _shared_key(self._account, named.name, named.key)
            self._made_for = named
        self._policy.on_request(request)


class _Token(AsyncBearerTokenCredentialPolicy[Any, Any]):
    """azure-core's policy, which refreshes tokens before they expire; one that is refused is replaced once."""

    owned: Any = None
    """The credential, if it is nobody else's."""

    async def aclose(self) -> None:
        """Close the credential, if it is nobody else's."""
        if self.owned is not None:
            await in_thread(self.owned.close)

    async def on_challenge(self, request: PipelineRequest[Any], response: PipelineResponse[Any, Any]) -> bool:
        """Take a fresh token after a 401, with the claims that it asks for, if any."""
        if not await super().on_challenge(request, response):
            await self.authorize_request(request, *self._scopes)
        return True


def _in_threads(credential: Any) -> Any:
    """Return a credential whose blocking calls don't block the loop; async ones come as they are."""
    method = getattr(credential, "get_token_info", None) or credential.get_token
    return credential if inspect.iscoroutinefunction(method) else _Threaded(credential)


class _Threaded:
    """A blocking token credential as an async one (azure-identity's async ones run on asyncio alone)."""

    def __init__(self, credential: Any) -> None:
        self._credential = credential
        if hasattr(credential, "get_token_info"):
            self.get_token_info = self._get_token_info

    async def get_token(self, *scopes: str, **options: Any) -> Any:
        """Return a token."""
        return await _called(lambda: self._credential.get_token(*scopes, **options))

    async def _get_token_info(self, *scopes: str, options: Any = None) -> Any:
        return await _called(lambda: self._credential.get_token_info(*scopes, options=options))


async def _called(call: Callable[[], Any]) -> Any:
    found = await in_thread(call)
    return await found if inspect.isawaitable(found) else found


def _default() -> Any:
    try:
        from azure.identity import DefaultAzureCredential
    except ImportError as error:
        raise ImportError(
            "no credentials were given, and azure-identity, which looks for some, is missing:"
            " pip install 'remote-store-aio[azure]'"
        ) from error
    return DefaultAzureCredential()
