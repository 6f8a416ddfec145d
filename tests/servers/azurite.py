"""Azurite, Microsoft's emulator of the blob service, for the tests (its faithful and unfaithful sides: see the guide)."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.servers.ports import free_ports
from tests.servers.process import NotStarted, started

__all__ = ["ACCOUNT", "KEY", "VERSION", "AzureServer", "azurite", "missing"]

VERSION = "3.35.0"
"""The one that these tests were written with; `make azurite` installs it beside the interpreter."""
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The same on every machine, published with the emulator."""
STARTS = 3
"""Another process may take a port between our look and the server's."""
_MAIN = Path("node_modules", "azurite", "dist", "src", "blob", "main.js")


@dataclass(frozen=True)
class AzureServer:
    """A blob endpoint with its account."""

    url: str
    """With the account in its path."""
    account: str = ACCOUNT
    key: str = KEY
    process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.url.split(":")[2].partition("/")[0])


def missing() -> str | None:
    """Return what must be installed before an Azurite can run, None if it is all there."""
    if shutil.which("node") is None:
        return "node is missing: install Node.js 20 or later"
    if not _main().exists():
        return "Azurite is missing: run `make azurite` (npm)"
    return None


def _main() -> Path:
    return Path(sys.prefix) / "azurite" / _MAIN


@contextmanager
def azurite(*extra: str, scheme: str = "http") -> Iterator[AzureServer]:
    """Run a server, with extra options, as long as the block lasts."""
    lack = missing()
    if lack is not None:
        raise FileNotFoundError(lack)
    with tempfile.TemporaryDirectory(prefix="rs-azurite-", ignore_cleanup_errors=True) as name:
        process, port = _start(Path(name), extra, scheme)
        try:
            yield AzureServer(f"{scheme}://127.0.0.1:{port}/{ACCOUNT}", process=process)
        finally:
            process.kill()
            process.wait()


def _start(folder: Path, extra: Sequence[str], scheme: str) -> tuple[subprocess.Popen[bytes], int]:
    (folder / "data").mkdir()
    for attempt in range(STARTS):
        (port,) = free_ports(1)
        options = {"blobHost": "127.0.0.1", "blobPort": port, "location": folder / "data"}
        command = [
            "node",
            str(_main()),
            *(str(word) for name, value in options.items() for word in (f"--{name}", value)),
        ]
        command += ["--silent", "--skipApiVersionCheck", "--disableTelemetry", *extra]
        try:
            return started(command, folder, partial(_listens, port)), port
        except NotStarted:
            if attempt == STARTS - 1:
                raise
    raise AssertionError("unreachable")


def _listens(port: int) -> bool:
    """Return whether somebody takes connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True
