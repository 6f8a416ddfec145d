"""moto, an S3 server with exact key names, for the tests; it checks neither signatures nor checksums."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.ports import free_ports
from tests.servers.process import started
from tests.servers.seaweedfs import S3Server

__all__ = ["moto"]


@contextmanager
def moto() -> Iterator[S3Server]:
    """Run a server as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="rs-moto-") as name:
        port = free_ports(1)[0]
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        process = started(command, Path(name), f"http://127.0.0.1:{port}/moto-api/")
        try:
            yield S3Server(f"http://127.0.0.1:{port}", process=process)
        finally:
            process.kill()
            process.wait()
