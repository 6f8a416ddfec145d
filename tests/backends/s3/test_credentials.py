"""Who signs the requests (issue 5, RELIABILITY 15): each source of keys against a fake of its service, on loopback."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from remote_store._core.errors import InvalidConfig, PermissionDenied, RemoteStoreError
from remote_store._core.retry import RetryPolicy
from remote_store._http.retrying import Fault
from remote_store.backends import S3Backend
from remote_store.backends.s3.backend import AsyncS3Backend
from tests.servers.identity import Identity
from tests.servers.strict import Reply, StrictS3, error

pytestmark = pytest.mark.anyio


Prepare = Callable[[Path, Identity, pytest.MonkeyPatch], None]


def by_process(home: Path, identity: Identity, _: pytest.MonkeyPatch) -> None:
    """A command that asks the container service and writes what a `credential_process` writes."""
    (home / "ask.py").write_text(
        "import json, urllib.request as u\n"
        f"r = u.Request({identity.url + '/container'!r}, headers={{'Authorization': 'x'}})\n"
        "d = json.load(u.urlopen(r))\n"
        "print(json.dumps({'Version': 1, 'SessionToken': d['Token'], **d}))\n"
    )
    (home / "config").write_text(f"[default]\ncredential_process = {sys.executable} {home / 'ask.py'}\n")


def by_web_identity(home: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "token").write_text("web-token-xyz")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(home / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", identity.url)


def by_role(home: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "config").write_text(
        "[default]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\nregion = us-east-1\n"
        "[profile base]\naws_access_key_id = BASE\naws_secret_access_key = base-secret-xyz\n"
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", identity.url)


def by_sso(home: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    start = "https://sign-in.example/start"
    (home / "config").write_text(
        f"[default]\nsso_start_url = {start}\nsso_region = us-east-1\nsso_account_id = 1\nsso_role_name = r\n"
    )
    cached(home, hashlib.sha1(start.encode()).hexdigest(), {"startUrl": start})
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", identity.url)


def by_sso_session(home: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "config").write_text(
        "[default]\nsso_session = work\nsso_account_id = 1\nsso_role_name = r\n"
        "[sso-session work]\nsso_start_url = https://sign-in.example/start\nsso_region = us-east-1\n"
    )
    cached(home, hashlib.sha1(b"work").hexdigest(), {})
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", identity.url)


def cached(home: Path, name: str, more: dict[str, str]) -> None:
    """What `aws sso login` leaves behind."""
    folder = home / ".aws" / "sso" / "cache"
    folder.mkdir(parents=True)
    later = (datetime.now(UTC) + timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M:%SZ")
    (folder / f"{name}.json").write_text(json.dumps({"accessToken": "sso-token-xyz", "expiresAt": later, **more}))


def by_container(home: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{identity.url}/container")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-token-xyz")


def by_metadata(home: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", identity.url)


SERVICES = [by_process, by_web_identity, by_role, by_sso, by_sso_session, by_container, by_metadata]
every_service = pytest.mark.parametrize("prepare", SERVICES)


@every_service
def test_each_source_signs_for_the_facade(
    prepare: Prepare,
    keyless: dict[str, Any],
    signed: list[Any],
    home: Path,
    identity: Identity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same without async."""
    prepare(home, identity, monkeypatch)
    with S3Backend(**keyless) as backend:
        backend.write("k", b"x")
        assert backend.read_bytes("k") == b"x"
    assert set(signed) == {("KEY1", "token-of-1-xyz")}


@every_service
async def test_each_source_signs_and_is_asked_again_after_expired_token(
    prepare: Prepare,
    keyless: dict[str, Any],
    signed: list[tuple[str, str]],
    home: Path,
    identity: Identity,
    strict: StrictS3,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Issue 5, RELIABILITY 15: many requests at a time need one set of keys, and one renewal when it has expired.

    No log shows a secret, at DEBUG neither, those of botocore and of the HTTP libraries included.
    """
    prepare(home, identity, monkeypatch)
    revoked: set[str] = set()
    look = strict.gate

    def gate(request: Any) -> Reply | None:
        return look(request) or (error(400, "ExpiredToken") if signed[-1][0] in revoked else None)

    strict.gate = gate
    with caplog.at_level(logging.DEBUG):
        async with AsyncS3Backend(**keyless) as backend:
            await many_writes(backend)
            assert set(signed) == {("KEY1", "token-of-1-xyz")}
            revoked.add("KEY1")
            await many_writes(backend)
            assert signed[-1] == ("KEY2", "token-of-2-xyz")
            assert identity.given == 2
            revoked |= {"KEY2", "KEY3"}
            before = len(strict.requests)
            with pytest.raises(PermissionDenied, match="expired"):
                await backend.read_bytes("k0")
            assert len(strict.requests) == before + 2, "one renewal, then the truth"
    services = ["sso-token-xyz", "web-token-xyz", "container-token-xyz", "imds-token-xyz", "base-secret-xyz"]
    lines = [f"{record.name}: {caplog.handler.format(record)}" for record in caplog.records]
    assert any("botocore.endpoint" in line for line in lines)
    assert not [line[:300] for line in lines if any(text in line for text in [*identity.secrets(), *services])]


async def many_writes(backend: AsyncS3Backend) -> None:
    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(partial(backend.write, f"k{number}", b"x", overwrite=True))


# Sources that have no keys


def nothing(home: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    """No source at all."""


def missing_profile(home: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")


def key_alone(home: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "KEY1")


def pasted_secret(home: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "KEY1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", f"{HIDDEN} ")


def empty_secret(home: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "credentials").write_text("[default]\naws_access_key_id = KEY1\naws_secret_access_key =\n")


def process(code: str) -> Prepare:
    def prepare(home: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
        (home / "ask.py").write_text(code)
        (home / "config").write_text(f"[default]\ncredential_process = {sys.executable} {home / 'ask.py'}\n")

    return prepare


def past(prepare: Prepare) -> Prepare:
    def prepared(home: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
        identity.lasts = [-60]
        prepare(home, identity, monkeypatch)

    return prepared


def failing(prepare: Prepare, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Prepare:
    def prepared(home: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
        identity.fault = lambda asked: (status, headers or {}, body)
        prepare(home, identity, monkeypatch)

    return prepared


def token_file(change: Callable[[Path], object]) -> Prepare:
    def prepare(home: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
        by_web_identity(home, identity, monkeypatch)
        (home / "token").unlink()
        change(home / "token")

    return prepare


def redirected(home: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    """A metadata service that sends its callers to another host, with their token in the header."""
    by_metadata(home, identity, monkeypatch)
    identity.fault = lambda asked: (302, {"Location": f"{identity.url}/elsewhere"}, b"")


def signed_out(home: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    by_sso(home, identity, monkeypatch)
    for file in (home / ".aws" / "sso" / "cache").iterdir():
        file.unlink()


HIDDEN = "hidden-secret-xyz"
STS_DENIED = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
WITHOUT_KEYS: list[Any] = [
    pytest.param(nothing, PermissionDenied, "none were found", id="nothing"),
    pytest.param(missing_profile, InvalidConfig, "nobody", id="profile missing"),
    pytest.param(key_alone, InvalidConfig, "AWS_SECRET_ACCESS_KEY", id="key without secret"),
    pytest.param(pasted_secret, InvalidConfig, "blanks", id="blank around the secret"),
    pytest.param(empty_secret, InvalidConfig, "no secret_access_key", id="empty secret"),
    pytest.param(process(f"import sys; sys.exit({HIDDEN!r})"), PermissionDenied, "process failed", id="process fails"),
    pytest.param(process("import time; time.sleep(3600)"), PermissionDenied, "within", id="process hangs"),
    pytest.param(process(f"print({HIDDEN!r})"), PermissionDenied, "no JSON", id="process writes no JSON"),
    pytest.param(process("print('{\"Version\": 1}')"), PermissionDenied, "process failed", id="process without keys"),
    pytest.param(past(by_process), PermissionDenied, "expired", id="process gives a past end"),
    pytest.param(past(by_container), PermissionDenied, "expired", id="container gives a past end"),
    pytest.param(token_file(lambda file: None), PermissionDenied, "FileNotFoundError", id="token file missing"),
    pytest.param(token_file(Path.mkdir), PermissionDenied, "IsADirectoryError", id="token file a directory"),
    pytest.param(token_file(Path.touch), PermissionDenied, "WebIdentityToken", id="token file empty"),
    pytest.param(failing(by_role, 403, body=STS_DENIED), PermissionDenied, "AccessDenied", id="role refused"),
    pytest.param(failing(by_web_identity, 403, body=STS_DENIED), PermissionDenied, "AccessDenied", id="token refused"),
    pytest.param(failing(by_container, 500), PermissionDenied, "container", id="container fails"),
    pytest.param(failing(by_metadata, 500), PermissionDenied, "none were found", id="metadata fail"),
    pytest.param(
        failing(by_metadata, 200, body=b"<html>"), PermissionDenied, "none were found", id="metadata are a page"
    ),
    pytest.param(redirected, PermissionDenied, "none were found", id="metadata redirected"),
    pytest.param(signed_out, PermissionDenied, "SSO", id="signed out of SSO"),
    pytest.param(failing(by_sso, 401), PermissionDenied, "GetRoleCredentials", id="SSO token refused"),
]


@pytest.mark.parametrize(("prepare", "kind", "text"), WITHOUT_KEYS)
async def test_a_source_without_keys_is_told_and_nothing_is_sent(
    prepare: Prepare,
    kind: type[RemoteStoreError],
    text: str,
    keyless: dict[str, Any],
    strict: StrictS3,
    home: Path,
    identity: Identity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Bad credentials: PermissionDenied or InvalidConfig within the deadline, never an unsigned request."""
    prepare(home, identity, monkeypatch)
    timeout = 5 if text == "container" else 2.5  # botocore asks that service three times, a second apart
    retry = RetryPolicy(max_attempts=3, backoff_base=0, jitter=0, timeout=timeout)
    async with AsyncS3Backend(**{**keyless, "retry": retry}) as backend:
        with suppress(Fault):  # a missing profile is told here already
            await backend._core.clients.get()  # a busy machine takes a second for it
        with anyio.fail_after(timeout + 2), pytest.raises(kind, match=text) as raised:
            await backend.read_bytes("k")
    assert HIDDEN not in "".join(traceback.format_exception(raised.value))
    assert not strict.requests
    assert not [asked for asked in identity.asked if asked.path == "/elsewhere"]


async def test_a_process_that_hangs_is_ended(
    keyless: dict[str, Any], home: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left behind."""
    code = f"import os, time; open({str(home / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(3600)"
    process(code)(home, identity, monkeypatch)
    retry = RetryPolicy(max_attempts=1, timeout=2)
    async with AsyncS3Backend(**{**keyless, "retry": retry}) as backend:
        await backend._core.clients.get()
        with pytest.raises(PermissionDenied):
            await backend.read_bytes("k")
    pid = int((home / "pid").read_text())
    with anyio.fail_after(10):
        while _is_there(pid):
            await anyio.sleep(0.01)


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
