"""Under TLS: the server's certificate is checked, and bodies go unsigned with a checksum of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from remote_store._core.errors import PermissionDenied
from remote_store._core.retry import RetryPolicy
from remote_store.backends.s3.backend import AsyncS3Backend
from tests.servers.fixtures import Bucket
from tests.servers.ports import free_ports
from tests.servers.seaweedfs import in_ci, seaweedfs, weed

pytestmark = pytest.mark.anyio
KEY_KIND = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What a backend is made with for a SeaweedFS that also speaks https, with a CA of its own."""
    if not in_ci() and (weed() is None or shutil.which("openssl") is None):
        pytest.skip("needs the commands 'weed' and 'openssl'")
    folder = tmp_path_factory.mktemp("tls")
    _certificates(folder)
    port = free_ports(1)[0]
    files = (f"-s3.cert.file={folder / 'srv.pem'}", f"-s3.key.file={folder / 'srv.key'}")
    with seaweedfs(f"-s3.port.https={port}", *files) as server:
        bucket = Bucket(server, "tls")
        bucket.client.create_bucket(Bucket="tls")
        options = Bucket(replace(server, endpoint=server.endpoint), "tls").options
        yield {**options, "endpoint_url": f"https://localhost:{port}", "tls_ca_bundle": str(folder / "ca.pem")}


def _certificates(folder: Path) -> None:
    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    (folder / "ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl(
        "req", "-x509", *KEY_KIND, "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=ca",
        "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign",
    )  # fmt: skip
    openssl("req", *KEY_KIND, "-keyout", "srv.key", "-out", "srv.csr", "-subj", "/CN=localhost")
    openssl(
        "x509", "-req", "-in", "srv.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "srv.pem",
        "-days", "30", "-extfile", "ext",
    )  # fmt: skip


async def test_bodies_are_checked_and_not_signed(secure: dict[str, Any]) -> None:
    """DESIGN 9, DECISIONS 27: the checksum protects what TLS carries; hashing it again would be half of the CPU."""
    data = os.urandom(20 << 20)
    sent: list[tuple[Any, Any]] = []
    async with AsyncS3Backend(**secure) as backend:
        client = (await backend.wire.clients.get()).client

        def note(request: Any, **_: Any) -> None:
            if request.method == "PUT":
                sent.append((request.headers["X-Amz-Content-SHA256"], request.headers["x-amz-checksum-crc64nvme"]))

        client.meta.events.register("before-send.s3", note)
        await backend.write("small", b"x", overwrite=True)
        await backend.write("large", data, overwrite=True)
        assert await backend.read_bytes("large") == data
        assert b"".join([chunk async for chunk in backend.read("large")]) == data
    assert len(sent) == 4
    assert {bytes(signed) for signed, _ in sent} == {b"UNSIGNED-PAYLOAD"}
    assert all(checksum for _, checksum in sent)


async def test_an_unknown_authority_is_refused_at_once(secure: dict[str, Any]) -> None:
    """RELIABILITY 22: PermissionDenied that names the option, no retries, no plaintext."""
    options = {**secure, "tls_ca_bundle": None, "retry": RetryPolicy(max_attempts=9, backoff_base=30)}
    async with AsyncS3Backend(**options) as backend:
        with pytest.raises(PermissionDenied, match="tls_ca_bundle"):
            await backend.read_bytes("small")
