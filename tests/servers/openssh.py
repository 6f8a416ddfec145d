"""A real OpenSSH server for SFTP: keys, configuration and files in one temporary folder (SERVERS.md)."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.servers.ports import free_ports
from tests.servers.process import NotStarted, started

__all__ = ["OpenSSH", "Shelf", "openssh", "sshd"]

READY_SECONDS = 15.0
STARTS = 3
"""Another process may take a port between our look and the server's."""


def sshd() -> str | None:
    """Return the server's command, None where it is missing. It is no user's command, and so rarely in PATH."""
    return shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin")


@dataclass(frozen=True)
class OpenSSH:
    """A running server."""

    folder: Path
    port: int
    username: str

    @property
    def root(self) -> Path:
        """Where the tests' folders are."""
        return self.folder / "root"

    @property
    def key(self) -> Path:
        """The user's private key."""
        return self.folder / "user"

    @property
    def known_hosts(self) -> str:
        """The line that a known_hosts file has for this server."""
        return f"[127.0.0.1]:{self.port} {' '.join((self.folder / 'host.pub').read_text().split()[:2])}\n"

    def options(self, base: Path, **others: Any) -> dict[str, Any]:
        """Return what a backend below the folder `base` is made with."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "username": self.username,
            "pkey": str(self.key),
            "base_path": str(base),
            "known_host_keys": self.known_hosts,
            **others,
        }


class Shelf:
    """A folder on the server, seen by pathlib, so that no write of ours is judged by our own read."""

    def __init__(self, server: OpenSSH, base: Path) -> None:
        self.server = server
        self.base = base

    @property
    def options(self) -> dict[str, Any]:
        """What a backend for this folder is made with."""
        return self.server.options(self.base)

    def peek(self, key: str) -> bytes | None:
        """Return what is stored, None where nothing is."""
        path = self.base / key
        return path.read_bytes() if path.is_file() else None

    def poke(self, key: str, data: bytes) -> None:
        """Store a file."""
        path = self.base / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def names(self) -> list[str]:
        """Return the names of all files below, hidden ones too, sorted."""
        return sorted(str(path.relative_to(self.base)) for path in self.base.rglob("*") if not path.is_dir())


def keygen(path: Path, *options: str) -> None:
    """Make a key pair at `path` and `path`.pub."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path), *options], check=True)


@contextmanager
def openssh(*settings: str, sftp: Sequence[str] = ()) -> Iterator[OpenSSH]:
    """Run a server and stop it. `settings` are further lines of its configuration, `sftp` options of internal-sftp."""
    command = sshd()
    if command is None:
        raise FileNotFoundError("sshd is missing: apt-get install openssh-server")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="rs-sshd-") as name:
        folder = Path(name)
        (folder / "root").mkdir()
        keygen(folder / "host")
        keygen(folder / "user")
        shutil.copy(folder / "user.pub", folder / "auth")
        process, port = _start(command, folder, settings, sftp)
        try:
            yield OpenSSH(folder, port, getpass.getuser())
        finally:
            process.terminate()
            process.wait()


def _start(
    command: str, folder: Path, settings: Sequence[str], sftp: Sequence[str]
) -> tuple[subprocess.Popen[bytes], int]:
    for attempt in range(STARTS):
        (port,) = free_ports(1)
        config = folder / "cfg"
        config.write_text("\n".join([*settings, *_settings(folder, port, sftp), ""]))
        arguments = [command, "-D", "-e", "-f", str(config)]
        try:
            return started(arguments, folder, lambda port=port: _answers(port), seconds=READY_SECONDS), port  # type: ignore[misc]
        except NotStarted:
            if attempt == STARTS - 1:
                raise
    raise AssertionError("unreachable")


def _settings(folder: Path, port: int, sftp: Sequence[str]) -> list[str]:
    return [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {folder}/host",
        "PidFile none",
        f"AuthorizedKeysFile {folder}/auth",
        "StrictModes no",
        "UsePAM no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin yes",
        "UseDNS no",
        "Subsystem sftp internal-sftp",
        f"ForceCommand internal-sftp {' '.join(sftp)}",
        "MaxStartups 300",
        "MaxSessions 300",
    ]


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            return connection.recv(7) == b"SSH-2.0"
    except OSError:
        return False
