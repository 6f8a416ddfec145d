"""URLs that carry their own permission: shared access signatures for one blob."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ..._contract.threads import in_thread
from ..._core.errors import CapabilityNotSupported
from ..._core.seconds import checked_seconds
from .core import Core
from .errors import translated
from .names import file_key

__all__ = ["presigned"]

MAX_SECONDS = 604_800
"""A week: the longest that a user delegation key lasts, and the same for keys, so that callers need not know."""
SKEW = timedelta(minutes=15)
"""By which the clocks of two machines may differ, as the service's pages say."""


async def presigned(core: Core, path: str, method: str, expires: float) -> str:
    """Return a signed URL."""
    key = file_key(path, core.label)
    if method not in ("GET", "PUT"):
        raise ValueError(f"method must be 'GET' or 'PUT', not {method!r}")
    seconds = checked_seconds(expires, "expires")
    if not 1 <= seconds <= MAX_SECONDS:
        raise ValueError(f"expires must be 1 to {MAX_SECONDS} seconds (a week), not {expires}")
    expiry = datetime.now(UTC) + timedelta(seconds=seconds)
    with translated(core.place(path)):
        signer = await _signer(core, expiry)
    if signer is None:
        raise CapabilityNotSupported(
            "A URL can be signed with an account key or a token credential, not with a SAS or without credentials",
            path=path,
            backend=core.label,
            capability="presign",
        )
    sas = await in_thread(_sas, core, key, method, expiry, signer)
    return f"{core.wire.url(key)}?{sas}"


async def _signer(core: Core, expiry: datetime) -> dict[str, Any] | None:
    """Return what the SDK signs with: the account's key, or a key in the token owner's name."""
    account = core.config.account
    if account.key is not None:
        return {"account_name": account.name, "account_key": account.key.reveal()}
    named = getattr(account.credential, "named_key", None)
    if named is not None:
        return {"account_name": named.name, "account_key": named.key}
    if account.sas is not None or hasattr(account.credential, "signature") or core.config.anonymous:
        return None
    start = datetime.now(UTC) - SKEW
    told = await core.run(lambda: core.wire.delegation_key(_stamp(start), _stamp(expiry)))
    return {"account_name": account.name, "user_delegation_key": await in_thread(_delegation_key, told)}


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _delegation_key(told: dict[str, str]) -> Any:
    from azure.storage.blob import UserDelegationKey

    key: Any = UserDelegationKey()  # type: ignore[no-untyped-call]  # the SDK says nothing of it
    key.signed_oid = told.get("SignedOid")
    key.signed_tid = told.get("SignedTid")
    key.signed_start = told.get("SignedStart")
    key.signed_expiry = told.get("SignedExpiry")
    key.signed_service = told.get("SignedService")
    key.signed_version = told.get("SignedVersion")
    key.value = told.get("Value")
    return key


def _sas(core: Core, key: str, method: str, expiry: datetime, signer: dict[str, Any]) -> str:
    from azure.storage.blob import BlobSasPermissions, generate_blob_sas

    permission = BlobSasPermissions(read=True) if method == "GET" else BlobSasPermissions(create=True, write=True)
    protocol = "https" if core.config.account.url.startswith("https") else None
    sas: str = generate_blob_sas(
        container_name=core.config.container,
        blob_name=key,
        permission=permission,
        expiry=expiry,
        protocol=protocol,
        **signer,
    )
    return sas
