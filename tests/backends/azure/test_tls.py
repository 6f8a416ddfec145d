"""Under TLS: the server's certificate is checked, and tokens open the account (Azurite's ``--oauth basic``)."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from remote_store._core.errors import PermissionDenied
from remote_store.backends.azure.backend import AsyncAzureBackend
from remote_store.testing.faults import Fault, FaultProxy
from tests.servers.azurite import AzureServer, azurite, missing
from tests.servers.certificates import Authority
from tests.servers.seaweedfs import in_ci

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def secure(authority: Authority) -> Iterator[AzureServer]:
    """An Azurite with TLS that takes tokens."""
    lack = missing()
    if lack is not None and not in_ci():
        pytest.skip(lack)
    leaf = str(authority.leaf("server"))
    with azurite("--cert", leaf, "--key", leaf, "--oauth", "basic", scheme="https") as server:
        yield server


@pytest.fixture(scope="module")
def options(secure: AzureServer, authority: Authority) -> dict[str, Any]:
    """What a backend with a token is made with, but the credential; its container is there."""
    from azure.storage.blob import ContainerClient

    trusted = {"connection_verify": str(authority.file)}
    credential = {"account_name": secure.account, "account_key": secure.key}
    with ContainerClient(secure.url, "tls", credential=credential, **trusted) as client:
        client.create_container()
    return {"container": "tls", "account_url": secure.url, "client_options": trusted}


def token(lives: float = 3600) -> AccessToken:
    """A token as Azurite takes it: unsigned, for the storage service, valid for so many seconds."""
    now = int(time.time())
    claims = {
        "aud": "https://storage.azure.com",
        "iss": "https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/",
        "oid": "23b4a9d5-0000-0000-0000-000000000000",
        "tid": "ab1f708d-50f6-404c-a006-d71b2ac7a606",
        "iat": now - 10,
        "nbf": now - 10,
        "exp": now + int(lives),
    }
    parts = [json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, claims)]
    text = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    return AccessToken(f"{text}.c2lnbmF0dXJl", now + int(lives))


class Blocking:
    """A credential as azure-identity's blocking ones are."""

    def __init__(self, *lives: float) -> None:
        self.lives = list(lives)
        self.threads: list[str] = []

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        assert scopes == ("https://storage.azure.com/.default",)
        self.threads.append(threading.current_thread().name)
        return token(self.lives.pop(0) if self.lives else 3600)


class Async(Blocking):
    """The same, async."""

    async def get_token(self, *scopes: str, **more: Any) -> AccessToken:  # type: ignore[override]
        return super().get_token(*scopes, **more)


@pytest.mark.parametrize("kind", [Blocking, Async])
async def test_a_token_opens_the_account_and_is_asked_for_once(options: dict[str, Any], kind: type[Blocking]) -> None:
    """Issue 7: any credential object; a blocking one never on the loop's thread."""
    credential = kind()
    async with AsyncAzureBackend(**options, credential=credential) as backend:
        await backend.write("file", b"x", overwrite=True)
        assert await backend.read_bytes("file") == b"x"
    assert len(credential.threads) == 1
    if kind is Blocking:
        assert credential.threads[0] != threading.current_thread().name


async def test_a_token_is_renewed_before_it_expires(options: dict[str, Any]) -> None:
    """Issue 7: refresh while running; one that has a minute left is not used again."""
    credential = Blocking(60, 3600)
    async with AsyncAzureBackend(**options, credential=credential) as backend:
        await backend.write("file", b"x", overwrite=True)
        await backend.read_bytes("file")
        await backend.read_bytes("file")
    assert len(credential.threads) == 2


async def test_a_token_that_is_refused_is_renewed_once(options: dict[str, Any]) -> None:
    """RELIABILITY 15: refresh once, then PermissionDenied; the body is sent whole again."""
    credential = Blocking(-7200, 3600)
    async with AsyncAzureBackend(**options, credential=credential) as backend:
        await backend.write("file", bytes(300_000), overwrite=True)
        assert len(await backend.read_bytes("file")) == 300_000
    credential = Blocking(*[-7200] * 20)
    async with AsyncAzureBackend(**options, credential=credential) as backend:
        with pytest.raises(PermissionDenied) as raised:
            await backend.read_bytes("file")
    assert "eyJ" not in f"{raised.value} {raised.value.__cause__!r}"


async def test_a_credential_that_fails_is_permission_denied(options: dict[str, Any]) -> None:
    """RELIABILITY, credentials: a provider that raises gives our error."""
    from azure.core.exceptions import ClientAuthenticationError

    class Broken(Blocking):
        def get_token(self, *scopes: str, **_: Any) -> AccessToken:
            raise ClientAuthenticationError("no identity endpoint")

    async with AsyncAzureBackend(**options, credential=Broken()) as backend:
        with pytest.raises(PermissionDenied, match="check the credential"):
            await backend.read_bytes("file")


async def test_an_unknown_certificate_is_refused(options: dict[str, Any], secure: AzureServer) -> None:
    """RELIABILITY 22: PermissionDenied that names the certificate, and nothing sent in the clear."""
    bare = {**options, "client_options": None, "account_key": secure.key}
    async with AsyncAzureBackend(**bare) as backend:
        with pytest.raises(PermissionDenied, match="certificate is not trusted"):
            await backend.read_bytes("file")


@pytest.mark.parametrize("host", ["expired", "wrong name"])
async def test_a_bad_certificate_is_refused(
    options: dict[str, Any], secure: AzureServer, authority: Authority, host: str
) -> None:
    """RELIABILITY 22: too old, or another host's."""
    good = authority.leaf("proxy")
    bad = authority.leaf("old", expired=True) if host == "expired" else authority.leaf("other", "other.example")
    with FaultProxy(secure.url.removesuffix(f"/{secure.account}"), dialect="azure", certificate=good) as proxy:
        proxy.script(Fault("certificate", verb="connect", count=0, argument=str(bad)))
        url = f"https://127.0.0.1:{proxy.port}/{secure.account}"
        async with AsyncAzureBackend(**{**options, "account_url": url, "account_key": secure.key}) as backend:
            with pytest.raises(PermissionDenied, match="certificate is not trusted"):
                await backend.read_bytes("file")


def test_a_token_is_never_sent_in_the_clear(secure: AzureServer) -> None:
    """Issue 7: refused when the backend is made."""
    plain = replace(secure, url=secure.url.replace("https", "http"))
    with pytest.raises(ValueError, match="https"):
        AsyncAzureBackend("tls", account_url=plain.url, credential=Blocking())


async def test_a_url_can_be_signed_in_the_name_of_a_token_s_owner(options: dict[str, Any]) -> None:
    """DECISIONS 23: one request for a key to sign with."""
    async with AsyncAzureBackend(**options, credential=Blocking()) as backend:
        url = await backend.presign("file")
        assert backend.wire.sent == {"GetUserDelegationKey": 1}
    assert "sig=" in url
    assert "skoid=" in url
