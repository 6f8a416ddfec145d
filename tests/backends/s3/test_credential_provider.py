"""`credential_provider`, and keys that end: renewed in time, refused when they can't be any (issue 5, RELIABILITY 15)."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from remote_store import Store
from remote_store._core.errors import CapabilityNotSupported, InvalidConfig, PermissionDenied, RemoteStoreError
from remote_store._core.retry import RetryPolicy
from remote_store.backends import S3Backend
from remote_store.backends.s3.backend import AsyncS3Backend
from tests.servers.identity import Identity
from tests.servers.strict import Reply, StrictS3, error

pytestmark = pytest.mark.anyio
SHORT = RetryPolicy(max_attempts=3, backoff_base=0, jitter=0, timeout=1)


def keys(number: int = 1, lasts: float | None = None) -> dict[str, Any]:
    end = None if lasts is None else datetime.now(UTC) + timedelta(seconds=lasts)
    return {
        "access_key_id": f"KEY{number}",
        "secret_access_key": f"secret-of-{number}-xyz",
        "token": f"token-of-{number}-xyz",
        "expires_at": end,
    }


class Given:
    """A provider that gives these sets one after the other, the last one for ever."""

    def __init__(self, *sets: Any) -> None:
        self.sets = list(sets)
        self.calls = 0

    def __call__(self) -> Any:
        self.calls += 1
        given = self.sets.pop(0) if len(self.sets) > 1 else self.sets[0]
        if isinstance(given, BaseException):
            raise given
        return given() if callable(given) else given


def as_async(provider: Callable[[], Any]) -> Callable[[], Any]:
    async def asked() -> Any:
        await anyio.sleep(0)
        return provider()

    return asked


@pytest.mark.parametrize("kind", [lambda one: one, as_async], ids=["blocking", "async"])
async def test_a_provider_signs(kind: Any, keyless: dict[str, Any], signed: list[Any]) -> None:
    """CONVENTIONS, demand 3: a function, blocking or async; asked once for many requests at a time."""
    given = Given(keys())
    async with AsyncS3Backend(**keyless, credential_provider=kind(given)) as backend:
        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(backend.write, f"k{number}", b"x")
    assert set(signed) == {("KEY1", "token-of-1-xyz")}
    assert given.calls == 1


@pytest.mark.parametrize("kind", [lambda one: one, as_async], ids=["blocking", "async"])
def test_a_provider_signs_for_the_facade(kind: Any, keyless: dict[str, Any], signed: list[Any]) -> None:
    """The same from blocking code, an async function too."""
    with Store(S3Backend(**keyless, credential_provider=kind(Given(keys())))) as store:
        store.write("k", b"x")
    assert set(signed) == {("KEY1", "token-of-1-xyz")}


async def test_a_blocking_provider_does_not_stop_the_loop(keyless: dict[str, Any]) -> None:
    """DESIGN 5: it runs in a thread."""
    asked, answer = threading.Event(), threading.Event()

    def provider() -> Any:
        asked.set()
        assert answer.wait(10)
        return keys()

    async with AsyncS3Backend(**keyless, credential_provider=provider) as backend, anyio.create_task_group() as group:
        group.start_soon(backend.write, "k", b"x")
        while not asked.is_set():
            await anyio.sleep(0.001)
        answer.set()


@pytest.mark.parametrize(
    "answer",
    [
        {"access_key": "KEY1", "secret_key": "s", "token": "t", "expiry_time": "2999-01-01T00:00:00Z"},
        {
            "AccessKeyId": "KEY1",
            "SecretAccessKey": "s",
            "SessionToken": "t",
            "Expiration": datetime.max.replace(tzinfo=UTC),
        },
        {"access_key_id": "KEY1", "secret_access_key": "s", "token": "t"},
    ],
    ids=["botocore", "sts", "without an end"],
)
async def test_the_spellings_of_others_are_understood(answer: Any, keyless: dict[str, Any], signed: list[Any]) -> None:
    """A refresh function of botocore's, `Credentials` of an answer of STS's, a provider of obstore's."""
    async with AsyncS3Backend(**keyless, credential_provider=lambda: answer) as backend:
        await backend.write("k", b"x")
    assert set(signed) == {("KEY1", "t")}


# Renewal


async def test_keys_are_renewed_before_their_end(keyless: dict[str, Any], signed: list[Any]) -> None:
    """Issue 5: what has less than 15 minutes left is renewed at the next request, and no old one is used after that."""
    given = Given(keys(1, lasts=300), keys(2, lasts=3600))
    async with AsyncS3Backend(**keyless, credential_provider=given) as backend:
        for number in range(5):
            await backend.write(f"k{number}", b"x", overwrite=True)
    assert [key for key, _ in signed] == ["KEY1", "KEY2", "KEY2", "KEY2", "KEY2"]
    assert given.calls == 2


async def test_short_keys_are_not_renewed_with_every_request(keyless: dict[str, Any]) -> None:
    """Sets that never live 15 minutes: a second look at once, then a pause."""
    given = Given(lambda: keys(1, lasts=60))
    async with AsyncS3Backend(**keyless, credential_provider=given) as backend:
        for number in range(20):
            await backend.write(f"k{number}", b"x")
    assert given.calls == 2


async def test_keys_past_their_end_are_never_sent(keyless: dict[str, Any], signed: list[Any]) -> None:
    """Sets that live for a moment: each request is signed with one that is good."""
    ends: dict[str, datetime] = {}
    numbers = iter(range(1, 10_000))

    def provider() -> Any:
        given = keys(next(numbers), lasts=0.05)
        ends[given["access_key_id"]] = given["expires_at"]
        return given

    async with AsyncS3Backend(**keyless, credential_provider=provider) as backend:
        for number in range(5):
            await backend.write(f"k{number}", b"x")
            asked = datetime.now(UTC)
            assert ends[signed[-1][0]] > asked - timedelta(seconds=2)
            await anyio.sleep(0.06)
    assert len({key for key, _ in signed}) >= 5


async def test_a_failed_renewal_does_not_hurt_while_the_keys_are_good(
    keyless: dict[str, Any], signed: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The old ones go on, with a warning, and the source has a rest."""
    given = Given(keys(1, lasts=300), RuntimeError("down"))
    async with AsyncS3Backend(**keyless, credential_provider=given) as backend:
        for number in range(5):
            await backend.write(f"k{number}", b"x")
    assert set(signed) == {("KEY1", "token-of-1-xyz")}
    assert given.calls == 2
    assert "could not be renewed" in caplog.text


async def test_expired_token_renews_once(keyless: dict[str, Any], strict: StrictS3, signed: list[Any]) -> None:
    """RELIABILITY 15: one renewal for an operation, then PermissionDenied; `disabled` retries don't forbid it."""
    given = Given(keys(1), keys(2), keys(3))
    options = {**keyless, "retry": RetryPolicy.disabled()}
    async with AsyncS3Backend(**options, credential_provider=given) as backend:
        strict.put("k", b"x")
        strict.fail("get", lambda request, _: error(400, "ExpiredToken"), times=3)
        with pytest.raises(PermissionDenied, match="expired"):
            await backend.read_bytes("k")
        assert [key for key, _ in signed] == ["KEY1", "KEY2"]
        assert await backend.read_bytes("k") == b"x"
        assert [key for key, _ in signed] == ["KEY1", "KEY2", "KEY2", "KEY3"]


async def test_an_expired_token_that_a_head_can_not_name_is_renewed(keyless: dict[str, Any], strict: StrictS3) -> None:
    """A HEAD's answer has no body; new keys are tried, but not for every refusal."""
    given = Given(keys(1), keys(2), keys(3))
    async with AsyncS3Backend(**keyless, credential_provider=given) as backend:
        strict.put("k", b"x")
        strict.fail("head", lambda request, _: Reply(400))
        assert (await backend.get_file_info("k")).size == 1
        assert given.calls == 2
        for _ in range(5):
            strict.fail("head", lambda request, _: Reply(403))
            with pytest.raises(PermissionDenied):
                await backend.get_file_info("k")
        assert given.calls == 2


async def test_a_head_refused_without_a_reason_is_a_matter_of_permission(
    options: dict[str, Any], strict: StrictS3
) -> None:
    """AWS answers 400 to a HEAD with an expired token."""
    async with AsyncS3Backend(**options) as backend:
        strict.fail("head", lambda request, _: Reply(400))
        with pytest.raises(PermissionDenied):
            await backend.get_file_info("k")
        assert strict.count("head") == 1


async def test_given_keys_are_not_renewed(options: dict[str, Any], strict: StrictS3) -> None:
    """`key`, `secret` and `token` are all there is: the chain is not asked behind the user's back."""
    async with AsyncS3Backend(**options, token="t") as backend:
        strict.put("k", b"x")
        strict.fail("get", lambda request, _: error(403, "ExpiredToken"))
        with pytest.raises(PermissionDenied, match="expired"):
            await backend.read_bytes("k")
        assert len(strict.requests) == 1


async def test_one_backend_never_renews_for_another(
    keyless: dict[str, Any], options: dict[str, Any], strict: StrictS3
) -> None:
    """In one task: the refusal of given keys asks nobody, though the backend before had a provider."""
    given = Given(keys(1), keys(2))
    strict.put("k", b"x")
    async with AsyncS3Backend(**keyless, credential_provider=given) as one, AsyncS3Backend(**options) as other:
        await one.read_bytes("k")
        strict.fail("get", lambda request, _: error(403, "ExpiredToken"))
        with pytest.raises(PermissionDenied, match="expired"):
            await other.read_bytes("k")
        assert (given.calls, strict.count("get")) == (1, 2)


async def test_a_body_is_sent_again_after_a_renewal(keyless: dict[str, Any], strict: StrictS3) -> None:
    """Streams and parts too: nothing is lost of what was handed over."""
    given = Given(keys(1), keys(2), keys(3), keys(4))
    data = os.urandom(12 << 20)

    async def pieces() -> Any:
        for start in range(0, len(data), 1 << 20):
            yield data[start : start + (1 << 20)]

    async with AsyncS3Backend(**keyless, credential_provider=given) as backend:
        strict.fail("part", lambda request, _: error(400, "ExpiredToken"))
        strict.fail("complete", lambda request, _: error(400, "ExpiredToken"))
        await backend.write("k", pieces(), overwrite=True)
        assert strict.objects["k"].data == data
        assert not strict.uploads


# Providers that misbehave


class Hanging:
    """A blocking provider that never returns."""

    def __call__(self) -> Any:
        time.sleep(3600)


async def hanging() -> Any:
    await anyio.sleep_forever()


SECRET = "very-secret-xyz"
MISBEHAVING: list[Any] = [
    pytest.param(lambda: None, PermissionDenied, "gave None", id="None"),
    pytest.param(lambda: keys(lasts=-60), PermissionDenied, "past their end", id="a past end"),
    pytest.param(Given(ValueError(SECRET)), PermissionDenied, "raised ValueError", id="raises"),
    pytest.param(Given(TimeoutError(SECRET)), PermissionDenied, "TimeoutError", id="raises TimeoutError"),
    pytest.param(Given(InvalidConfig(SECRET)), PermissionDenied, "raised InvalidConfig", id="raises an error of ours"),
    pytest.param(Given(StopIteration(SECRET)), PermissionDenied, "raised", id="raises StopIteration"),
    pytest.param(as_async(Given(OSError(SECRET))), PermissionDenied, "raised OSError", id="async raises"),
    pytest.param(Hanging(), PermissionDenied, "nothing within", id="hangs in a thread"),
    pytest.param(hanging, PermissionDenied, "nothing within", id="hangs on the loop"),
    pytest.param(lambda: SECRET, InvalidConfig, "not str", id="a text"),
    pytest.param(lambda: (SECRET, SECRET), InvalidConfig, "not tuple", id="a pair"),
    pytest.param(dict, InvalidConfig, "no access_key_id", id="an empty mapping"),
    pytest.param(lambda: {**keys(), "secret_access_key": ""}, InvalidConfig, "no secret", id="an empty secret"),
    pytest.param(lambda: {"access_key_id": "KEY1"}, InvalidConfig, "no secret", id="no secret"),
    pytest.param(lambda: {**keys(), "secret_access_key": SECRET + "\n"}, InvalidConfig, "blanks", id="a line break"),
    pytest.param(lambda: {**keys(), "access_key_id": "A\r\nX-Evil: 1"}, InvalidConfig, "blanks", id="a header"),
    pytest.param(lambda: {**keys(), "token": f" {SECRET}"}, InvalidConfig, "blanks", id="a blank before the token"),
    pytest.param(lambda: {**keys(), "access_key_id": 5}, InvalidConfig, "not int", id="a number"),
    pytest.param(lambda: {**keys(), "secret_access_key": b"s"}, InvalidConfig, "not bytes", id="bytes"),
    pytest.param(lambda: {**keys(), "expires_at": datetime.max}, InvalidConfig, "time zone", id="no time zone"),
    pytest.param(lambda: {**keys(), "expires_at": "soon"}, InvalidConfig, "ISO 8601", id="no time"),
    pytest.param(lambda: {**keys(), "expires_at": 1e10}, InvalidConfig, "not float", id="a number of seconds"),
]


@pytest.mark.parametrize(("provider", "kind", "text"), MISBEHAVING)
async def test_a_provider_that_misbehaves_is_named(
    provider: Any, kind: type[RemoteStoreError], text: str, keyless: dict[str, Any], strict: StrictS3
) -> None:
    """Bad credentials: told at once, without a request, an unsigned one least of all, and without the secret."""
    async with AsyncS3Backend(**{**keyless, "retry": SHORT}, credential_provider=provider) as backend:
        await (
            backend._core.clients.get()
        )  # a busy machine takes a second for it, and the clock is to run for the provider
        operations = [
            lambda: backend.read_bytes("k"),
            lambda: backend.write("k", b"x"),
            backend.check_health,
            lambda: backend.presign("k"),
        ]
        for operation in operations:
            with pytest.raises(kind, match=text) as raised:
                await operation()
            assert SECRET not in str(raised.value)
            assert raised.value.backend == "s3"
    assert not strict.requests


async def test_those_who_wait_for_a_provider_that_fails_fail_together(keyless: dict[str, Any]) -> None:
    """One of them asked; the others need not ask again one after the other."""
    given = Given(ValueError("x"))
    failures: list[PermissionDenied] = []

    async def slow() -> Any:
        await anyio.wait_all_tasks_blocked()
        return given()

    async def read(backend: AsyncS3Backend) -> None:
        try:
            await backend.read_bytes("k")
        except PermissionDenied as error:
            failures.append(error)

    async with AsyncS3Backend(**keyless, credential_provider=slow) as backend:
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(read, backend)
    assert len(failures) == 20
    assert given.calls == 1


async def test_those_whose_token_has_expired_together_ask_once(keyless: dict[str, Any], strict: StrictS3) -> None:
    """Also a provider that has failed meanwhile: none of them asks it again."""
    given = Given(keys(1), ValueError("x"))
    strict.put("k", b"x")
    refused = 0

    async def provider() -> Any:
        await anyio.wait_all_tasks_blocked()
        return given()

    async def read(backend: AsyncS3Backend) -> None:
        nonlocal refused
        try:
            await backend.read_bytes("k")
        except PermissionDenied:
            refused += 1

    unhurried = {**keyless, "retry": RetryPolicy(backoff_base=0, jitter=0)}
    async with AsyncS3Backend(**unhurried, credential_provider=provider) as backend:
        await backend.read_bytes("k")
        everybody_asked = threading.Barrier(10)

        def gate(request: Any) -> Reply | None:
            everybody_asked.wait(60)
            return error(400, "ExpiredToken")

        strict.lock = suspended()  # type: ignore[assignment]  # requests wait for one another
        strict.gate = gate
        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(read, backend)
    assert refused == 10
    assert given.calls == 2


class suspended:  # noqa: N801
    """A lock that keeps nobody out."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


async def test_a_cancelled_caller_does_not_wait_for_a_provider(keyless: dict[str, Any]) -> None:
    """Cancellation comes through at once, and the next caller asks anew."""
    provider = Hanging()
    async with AsyncS3Backend(**keyless, credential_provider=provider) as backend:
        with anyio.fail_after(5), anyio.move_on_after(0.05) as scope:
            await backend.read_bytes("k")
        assert scope.cancelled_caught


def test_an_interpreter_ends_with_a_provider_that_hangs(strict: StrictS3, home: Path) -> None:
    """CONTRACT: exit within two seconds, whatever a user's function is waiting for."""
    code = (
        "import threading, time\n"
        "from remote_store.backends import S3Backend\n"
        "asked = threading.Event()\n"
        "def provider(): asked.set(); time.sleep(3600)\n"
        f"backend = S3Backend('b', endpoint_url={strict.endpoint!r}, credential_provider=provider)\n"
        "threading.Thread(target=backend.read_bytes, args=('k',), daemon=True).start()\n"
        "assert asked.wait(20)\n"
    )
    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", code], timeout=60, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


# Pickles, and arguments that contradict one another


def constant() -> Any:
    """A provider that a pickle can name."""
    return keys(7)


async def test_a_pickle_has_no_keys_that_were_fetched(
    keyless: dict[str, Any], signed: list[Any], identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 5: what is rebuilt asks again; nothing that was fetched travels."""
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{identity.url}/container")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-token-xyz")
    async with AsyncS3Backend(**keyless) as backend:
        await backend.write("k", b"x")
        pickled = pickle.dumps(backend)
        for text in [*identity.secrets(), "KEY1", "container-token-xyz"]:
            assert text.encode() not in pickled
        async with pickle.loads(pickled) as other, copy.copy(backend) as third:
            await other.write("k", b"y", overwrite=True)
            await third.write("k", b"z", overwrite=True)
    assert {key for key, _ in signed} == {"KEY1", "KEY2", "KEY3"}


async def test_a_provider_travels_in_a_pickle_by_its_name(keyless: dict[str, Any], signed: list[Any]) -> None:
    """As every function; given keys travel too, as the docs say."""
    rebuilt = pickle.loads(pickle.dumps(S3Backend(**keyless, credential_provider=constant)))
    rebuilt.write("k", b"x")
    rebuilt.close()
    assert set(signed) == {("KEY7", "token-of-7-xyz")}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"key": "k", "secret": ""}, "belong together"),
        ({"key": "", "secret": "s"}, "belong together"),
        ({"key": "k"}, "belong together"),
        ({"secret": "s"}, "belong together"),
        ({"token": "t"}, "token belongs"),
        ({"key": "k ", "secret": "s"}, "key has blanks"),
        ({"key": "k", "secret": "\ts"}, "secret has blanks"),
        ({"key": "k", "secret": "s\n"}, "secret has blanks"),
        ({"key": "k", "secret": "s", "token": "t\r\n"}, "token has blanks"),
        ({"key": "k", "secret": "s", "anonymous": True}, "only one of"),
        ({"key": "k", "secret": "s", "credential_provider": constant}, "only one of"),
        ({"anonymous": True, "credential_provider": constant}, "only one of"),
    ],
)
def test_credentials_that_contradict_themselves_are_refused(arguments: dict[str, Any], text: str) -> None:
    """Bad credentials: at the constructor, before anything is sent; the value is not shown."""
    with pytest.raises(ValueError, match=text):
        S3Backend("b", **arguments)


async def test_a_provider_is_not_lost_on_the_way_to_s3fs(keyless: dict[str, Any]) -> None:
    """s3fs takes no provider: it would ask the chain, and be somebody else."""

    class S3FileSystem:
        pass

    S3FileSystem.__module__ = "s3fs.core"
    async with AsyncS3Backend(**keyless, credential_provider=constant) as backend:
        with pytest.raises(CapabilityNotSupported, match="credential_provider"):
            backend.unwrap(S3FileSystem)


def test_a_provider_must_be_a_function() -> None:
    """A set of keys itself would be frozen."""
    with pytest.raises(TypeError, match="credential_provider must be a function, not dict"):
        S3Backend("b", credential_provider=keys())
