"""Backends on servers whose faults can be ordered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remote_store import RetryPolicy
from remote_store.backends import SFTPBackend
from remote_store.testing.faults import FaultProxy
from tests.servers.asyncssh_server import AsyncsshServer
from tests.servers.openssh import OpenSSH, Shelf

QUICK = RetryPolicy(backoff_base=0.0, jitter=0.0)
"""Three attempts without pauses."""


@pytest.fixture(scope="session")
def losing_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AsyncsshServer]:
    """asyncssh's server, which loses answers when told so."""
    with AsyncsshServer(tmp_path_factory.mktemp("asyncssh")) as server:
        yield server


@pytest.fixture
def losing(losing_server: AsyncsshServer) -> Iterator[AsyncsshServer]:
    """The same, with an empty folder and nothing to lose."""
    for path in sorted(losing_server.root.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    losing_server.lose(0)
    yield losing_server
    losing_server.lose(0)


@pytest.fixture(scope="session")
def proxy(ssh_server: OpenSSH) -> Iterator[FaultProxy]:
    """A proxy before sshd, which spoils connections when told so."""
    with FaultProxy(f"tcp://127.0.0.1:{ssh_server.port}") as proxy:
        yield proxy


@pytest.fixture
def wire(proxy: FaultProxy, shelf: Shelf) -> Iterator[Wire]:
    """A backend behind the proxy."""
    wire = Wire(proxy, shelf)
    yield wire
    proxy.script()
    for backend in wire.made:
        backend.close()


class Wire:
    """A shelf behind the proxy, and backends for it."""

    def __init__(self, proxy: FaultProxy, shelf: Shelf) -> None:
        self.proxy = proxy
        self.shelf = shelf
        self.made: list[SFTPBackend] = []

    @property
    def options(self) -> dict[str, Any]:
        """What a backend behind the proxy is made with: the host key is the server's, whatever the port."""
        pin = " ".join((self.shelf.server.folder / "host.pub").read_text().split()[:2])
        return {**self.shelf.options, "port": self.proxy.port, "host_key": pin, "retry": QUICK}

    def backend(self, **options: Any) -> SFTPBackend:
        """Make one; it is closed at the end."""
        self.made.append(SFTPBackend(**{**self.options, **options}))
        return self.made[-1]


def hidden(folder: Path) -> list[str]:
    """Return the names of files being written that are still there."""
    return sorted(path.name for path in folder.rglob(".~*"))
