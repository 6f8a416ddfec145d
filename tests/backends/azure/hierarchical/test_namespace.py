"""Which namespace an account has: told, asked for once, or not to be known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from remote_store._core.capability import Capability
from remote_store._core.errors import BackendUnavailable, PermissionDenied
from remote_store.backends.azure.backend import AsyncAzureBackend
from tests.servers.dfs import FakeAccount, Filesystem
from tests.servers.dfs.asked import Answer, Asked

pytestmark = pytest.mark.anyio


async def test_the_account_is_asked_once(account: FakeAccount, options: dict[str, Any]) -> None:
    """CONTRACT 156: hns=None finds out at the first use, however many calls begin together; ATOMIC_MOVE comes with it."""
    async with AsyncAzureBackend(**{**options, "hns": None}) as backend:
        assert Capability.ATOMIC_MOVE not in backend.capabilities
        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(backend.exists, f"missing/{number}")
        assert backend.wire.sent["GetAccountInfo"] == 1
        assert Capability.ATOMIC_MOVE in backend.capabilities
        assert [entry async for entry in backend.list_files("")] == []


async def test_a_listing_may_be_what_asks(filesystem: Filesystem, options: dict[str, Any]) -> None:
    """A listing is made before anything is known, and asks with its first page."""
    filesystem.poke("a/b", b"x")
    async with AsyncAzureBackend(**{**options, "hns": None}) as backend:
        assert [str(entry.path) async for entry in backend.list_folders("")] == ["a"]
        assert backend.wire.sent == {"GetAccountInfo": 1, "ListPaths": 1}


async def test_what_may_not_be_asked_is_taken_as_flat(account: FakeAccount, options: dict[str, Any]) -> None:
    """Credentials that may not see the account may still read blobs: the flat face serves them."""

    def refused(asked: Asked, carry_out: Callable[[], Answer]) -> Answer:
        return Answer(403, {"x-ms-error-code": "AuthorizationPermissionMismatch"})

    account.fail("account", refused)
    account.fail("head_filesystem", refused)
    account.filesystem("fs").poke("f", b"x")
    async with AsyncAzureBackend(**{**options, "hns": None}) as backend:
        assert await backend.read_bytes("f") == b"x"
        assert await backend.is_file("f")
        assert Capability.ATOMIC_MOVE not in backend.capabilities


@pytest.mark.parametrize(("status", "code"), [(404, "ResourceNotFound"), (403, "AuthorizationPermissionMismatch")])
async def test_a_token_asks_the_container(
    account: FakeAccount, options: dict[str, Any], status: int, code: str
) -> None:
    """CONTRACT 156: the service answers most tokens so when they ask for the account; its container tells as well."""
    account.fail("account", lambda asked, carry_out: Answer(status, {"x-ms-error-code": code}), times=2)
    async with AsyncAzureBackend(**{**options, "hns": None}) as backend:
        assert not await backend.exists("f")
        assert Capability.ATOMIC_MOVE in backend.capabilities
        assert backend.wire.sent == {"GetAccountInfo": 1, "GetFilesystemProperties": 1, "GetBlobProperties": 1}


async def test_a_container_that_is_not_there_tells_nothing(account: FakeAccount, options: dict[str, Any]) -> None:
    """What can't be told yet is asked again once the container is there."""
    account.fail("account", lambda asked, carry_out: Answer(404, {"x-ms-error-code": "ResourceNotFound"}), times=2)
    async with AsyncAzureBackend(**{**options, "hns": None, "container": "later"}) as backend:
        assert not await backend.exists("f")
        assert Capability.ATOMIC_MOVE not in backend.capabilities
        account.filesystem("later")
        await backend.write("f", b"x")
        assert Capability.ATOMIC_MOVE in backend.capabilities


async def test_a_wrong_key_is_no_answer(account: FakeAccount, options: dict[str, Any]) -> None:
    """A refused signature says nothing of the namespace: it is told, and the next call asks again."""
    account.fail("account", lambda asked, carry_out: Answer(403, {"x-ms-error-code": "AuthenticationFailed"}))
    async with AsyncAzureBackend(**{**options, "hns": None}) as backend:
        with pytest.raises(PermissionDenied):
            await backend.exists("f")
        await backend.exists("f")
        assert Capability.ATOMIC_MOVE in backend.capabilities


async def test_an_outage_is_no_answer(account: FakeAccount, options: dict[str, Any]) -> None:
    """The namespace is not guessed where the account can't be reached: the next call asks again."""
    account.fail("account", lambda asked, carry_out: Answer(503, {"x-ms-error-code": "ServerBusy"}), times=3)
    async with AsyncAzureBackend(**{**options, "hns": None}) as backend:
        with pytest.raises(BackendUnavailable):
            await backend.exists("f")
        assert not await backend.exists("f")
        assert Capability.ATOMIC_MOVE in backend.capabilities
