"""A service that is down is not stormed, and an operation ends by its deadline whatever it is made of (DECISIONS 24)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from remote_store import Store
from remote_store._core.errors import BackendUnavailable, OutcomeUnknown, RemoteStoreError, TimeoutExceeded
from remote_store._core.retry import RetryPolicy
from remote_store.backends import S3Backend
from remote_store.backends.s3.backend import AsyncS3Backend
from tests.servers.strict import Reply, StrictS3, error

pytestmark = pytest.mark.anyio
CLIENTS = 64
BUDGET = 100
"""Retries that an endpoint gets when nothing succeeds: 500 tokens at 5 each."""
AT_ONCE = RetryPolicy(max_attempts=1000, backoff_base=0, jitter=0)
EAGER = RetryPolicy(max_attempts=1000, backoff_base=0.01, backoff_max=0.1, jitter=0.1)


def down_for(strict: StrictS3, seconds: float) -> Callable[[], bool]:
    """Let the server answer 503 for a while, from the first request on."""
    since: list[float] = []

    def down() -> bool:
        return not since or time.monotonic() < since[0] + seconds

    def gate(request: Any) -> Reply | None:
        since.append(time.monotonic())
        return error(503, "SlowDown") if down() else None

    strict.gate = gate
    return down


async def storm(strict: StrictS3, down: Callable[[], bool], seconds_between: float) -> tuple[int, int]:
    """Return how many operations 64 clients began while the server was down, and how many have succeeded."""
    began = done = 0
    told: list[str] = []

    async def client(options: dict[str, Any]) -> None:
        nonlocal began, done
        async with AsyncS3Backend(**options) as backend:
            while down():
                began += 1
                try:
                    await backend.read_bytes("k")
                    done += 1
                except BackendUnavailable as failure:
                    told.append(str(failure))
                await anyio.sleep(seconds_between)

    options = {"bucket": "b", "endpoint_url": strict.endpoint, "key": "k", "secret": "s" * 20, "retry": EAGER}
    async with anyio.create_task_group() as group:
        for _ in range(CLIENTS):
            group.start_soon(client, options)
    assert all("throttled" in text for text in told)
    return began, done


async def test_a_server_that_is_down_is_not_stormed(strict: StrictS3) -> None:
    """Issue 5: 64 clients, each with a thousand attempts to spend, send their first requests and 100 more, together."""
    strict.put("k", b"x")
    strict.gate = lambda request: error(503, "SlowDown")
    asked: list[int] = []

    def once() -> bool:
        asked.append(1)
        return len(asked) <= CLIENTS

    began, done = await storm(strict, once, 0)
    assert (began, done) == (CLIENTS, 0)
    assert len(strict.requests) == CLIENTS + BUDGET


@pytest.mark.soak
@pytest.mark.timeout(120)
async def test_ten_seconds_of_503_are_not_a_storm(strict: StrictS3) -> None:
    """The same with clients that go on asking for ten seconds, as those of a web service do."""
    strict.put("k", b"x")
    began, done = await storm(strict, down_for(strict, 10), 0.5)
    print(f"{began} operations, {len(strict.requests)} requests")
    # Each operation that succeeds gives at most the price of a retry back.
    assert began <= len(strict.requests) <= began + BUDGET + done


def test_the_facade_shares_the_budget(strict: StrictS3) -> None:
    """Threads and loops of one process count as one client of the endpoint."""
    strict.gate = lambda request: error(503, "SlowDown")
    options = {"bucket": "b", "endpoint_url": strict.endpoint, "key": "k", "secret": "s" * 20, "retry": AT_ONCE}
    for _ in range(3):
        with Store(S3Backend(**options)) as store, pytest.raises(BackendUnavailable):
            store.read_bytes("k")
    assert len(strict.requests) == 3 + BUDGET


@pytest.mark.parametrize(
    "header", [{"Retry-After": "3600"}, {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}, {"Retry-After": "9" * 400}]
)
async def test_a_long_retry_after_is_told_at_once(
    options: dict[str, Any], strict: StrictS3, header: dict[str, str]
) -> None:
    """RELIABILITY 14: in either form; nobody expects a call to sleep for an hour."""
    async with AsyncS3Backend(**{**options, "retry": RetryPolicy()}) as backend:
        strict.fail("get", lambda request, _: Reply(503, headers=header))
        with anyio.fail_after(10), pytest.raises(BackendUnavailable):
            await backend.read_bytes("k")
        assert len(strict.requests) == 1


# One deadline


def stalled(request: Any, carry_out: Callable[[], Reply]) -> Reply:
    """Carry the request out, and keep the answer for longer than anybody waits."""
    carry_out()
    time.sleep(6)
    return Reply(200)


OPERATIONS: dict[str, Callable[[AsyncS3Backend], Any]] = {
    "exists": lambda backend: backend.exists("k"),
    "get_file_info": lambda backend: backend.get_file_info("k"),
    "read_bytes": lambda backend: backend.read_bytes("k"),
    "write": lambda backend: backend.write("k", b"x", overwrite=True),
    "create": lambda backend: backend.write("n", b"x"),
    "delete": lambda backend: backend.delete("k"),
    "copy": lambda backend: backend.copy("k", "n"),
    "move": lambda backend: backend.move("k", "n"),
    "check_health": lambda backend: backend.check_health(),
}


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_an_operation_of_slow_requests_ends_by_its_deadline(
    operation: str, options: dict[str, Any], strict: StrictS3
) -> None:
    """Each request alone is in time; together they are not, and the probes and looks before and after count too."""
    strict.put("k", b"x")
    policy = RetryPolicy(max_attempts=9, backoff_base=0.01, backoff_max=0.05, jitter=0, timeout=0.4)
    async with AsyncS3Backend(**{**options, "retry": policy}) as backend:
        await backend._core.clients.get()

        def slow(request: Any) -> Reply | None:
            time.sleep(0.15)
            return error(500, "InternalError")

        strict.gate = slow
        with pytest.raises(RemoteStoreError):
            await OPERATIONS[operation](backend)
        assert len(strict.requests) <= 5, "0.15 s each, and 0.4 s for all"


async def test_a_lost_answer_is_looked_for_within_the_deadline(options: dict[str, Any], strict: StrictS3) -> None:
    """DECISIONS 25: a second is left for the look, not the whole time once more."""
    policy = RetryPolicy(max_attempts=1, timeout=1)
    async with AsyncS3Backend(**{**options, "retry": policy}) as backend:
        backend._core.probe._puts = True
        await backend._core.clients.get()
        strict.fail("put", stalled)
        strict.fail("head", stalled)
        with anyio.fail_after(5), pytest.raises(OutcomeUnknown):
            await backend.write("n", b"x")
        strict.fail("put", stalled)
        assert (await backend.write("m", b"x")).etag, "the look found it"
        with pytest.raises(TimeoutExceeded):
            strict.fail("get", stalled)
            await backend.read_bytes("n")
