"""SFTPUtils: what one needs before there is a backend: keys loaded, hosts looked at."""

from __future__ import annotations

import base64
import re
import socket
from pathlib import Path
from typing import ClassVar

import asyncssh

from . import hostkeys
from .hostkeys import HostKeyPolicy

__all__ = ["SFTPUtils"]

_KEXINIT = 20
_NAME_LISTS = (
    "kex_algorithms",
    "server_host_key_algorithms",
    "encryption_algorithms_ctos",
    "encryption_algorithms_stoc",
    "mac_algorithms_ctos",
    "mac_algorithms_stoc",
    "compression_algorithms_ctos",
    "compression_algorithms_stoc",
    "languages_ctos",
    "languages_stoc",
)
"""The name-lists of SSH_MSG_KEXINIT in their order (RFC 4253, section 7.1)."""
_MAX_BANNER_LINES = 64
_MAX_LINE = 8192


class SFTPUtils:
    """Helpers around `SFTPBackend`: blocking functions, to be called when an application is set up."""

    HostKeyPolicy: ClassVar[type[HostKeyPolicy]] = HostKeyPolicy
    """What becomes of a host whose key is not on record."""

    @staticmethod
    def load_private_key(source: str, *, from_file: bool = False, passphrase: str | None = None) -> asyncssh.SSHKey:
        """Return a private key from its PEM text, or from the file `source`, to be passed as `pkey`.

        Text whose line ends became blanks, as secret stores make them, is repaired. Raises ValueError for text that is
        no PEM ("Invalid PEM", "Unexpected PEM"), OSError for a file that can't be read, asyncssh.KeyImportError for a
        key that can't be used.
        """
        if from_file:
            return asyncssh.read_private_key(str(Path(source).expanduser()), passphrase)
        return asyncssh.import_private_key(_repaired(source), passphrase)

    @staticmethod
    def scan_host_keys(host: str, port: int = 22, *, timeout: float = 10.0) -> str:
        """Return the key of a host as a line for a known_hosts file; nobody logs in. Compare it before you trust it.

        Raises OSError if the host can't be reached within `timeout` seconds.
        """
        from ..._bridge.portal import Portal

        portal = Portal("SFTPUtils")
        try:
            key = portal.loop_thread().call(_host_key, host, port, timeout)
        finally:
            portal.close(_nothing, timeout, for_good=True)
        name = host if port == 22 else f"[{host}]:{port}"
        words = key.export_public_key("openssh").decode("ascii").split()
        return f"{name} {words[0]} {words[1]}"

    @staticmethod
    def scan_host_algorithms(host: str, port: int = 22, *, timeout: float = 10.0) -> dict[str, list[str] | str]:
        """Return what a host offers: ``"banner"``, and each name-list of its first packet (RFC 4253, section 7.1).

        Raises OSError if the host can't be reached within `timeout` seconds, or speaks no SSH.
        """
        with socket.create_connection((host, port), timeout=timeout) as connection, connection.makefile("rb") as stream:
            banner = ""
            for _ in range(_MAX_BANNER_LINES):
                line = stream.readline(_MAX_LINE)
                if line.startswith(b"SSH-"):
                    banner = line.decode("ascii", "replace").rstrip("\r\n")
                    break
                if not line:
                    break
            if not banner:
                raise OSError(f"{host}:{port} does not speak SSH")
            connection.sendall(b"SSH-2.0-remote_store_scan\r\n")
            return {"banner": banner, **_name_lists(_payload(stream))}

    @staticmethod
    def enable_ssh_rsa_compat() -> None:
        """Accept host keys signed with SHA-1 (``ssh-rsa``) in this process, after all others, with a warning in the log.

        SHA-1 is broken: somebody with means may pose as the host. It is for servers that have nothing else.
        """
        hostkeys.accept_sha1()


async def _nothing() -> None:
    pass


async def _host_key(host: str, port: int, timeout: float) -> asyncssh.SSHKey:
    import anyio

    with anyio.fail_after(timeout):
        key = await asyncssh.get_server_host_key(host, port, config=None)
    if key is None:
        raise OSError(f"{host}:{port} shows no host key")
    return key


def _payload(stream: object) -> bytes:
    """Return the payload of the first packet (RFC 4253, section 6)."""
    header = _exactly(stream, 5)
    length, padding = int.from_bytes(header[:4], "big"), header[4]
    if not padding + 2 <= length <= 35_000:
        raise OSError(f"a first packet of {length} bytes is none of SSH")
    payload = _exactly(stream, length - 1)[: length - 1 - padding]
    if payload[0] != _KEXINIT:
        raise OSError(f"the first packet is of type {payload[0]} instead of {_KEXINIT}")
    return payload


def _exactly(stream: object, size: int) -> bytes:
    data: bytes = stream.read(size)  # type: ignore[attr-defined]  # a socket's file
    if len(data) < size:
        raise OSError("the host closed the connection")
    return data


def _name_lists(payload: bytes) -> dict[str, list[str] | str]:
    found: dict[str, list[str] | str] = {}
    at = 17  # the packet's type and a cookie of 16 bytes
    for name in _NAME_LISTS:
        size = int.from_bytes(payload[at : at + 4], "big")
        text = payload[at + 4 : at + 4 + size]
        if len(text) < size:
            raise OSError(f"the host's packet ends in {name}")
        found[name] = text.decode("ascii", "replace").split(",") if text else []
        at += 4 + size
    return found


def _repaired(text: str) -> bytes:
    """Return PEM text with its line ends, which some secret stores replace by blanks."""
    parts = text.strip().split("-----")
    if len(parts) != 5:
        raise ValueError("Invalid PEM: it must have one BEGIN and one END line")
    _, begin, body, end, _ = parts
    strange = set(re.sub(r"[A-Za-z0-9+/=\s]", "", body))
    if strange and "Proc-Type" not in body:
        raise ValueError(f"Unexpected PEM characters: {sorted(strange)}")
    if "Proc-Type" not in body:
        packed = "".join(body.split())
        try:
            base64.b64decode(packed, validate=True)
        except ValueError:
            raise ValueError("Invalid PEM: what it has is no base64") from None
        body = "\n" + "\n".join(packed[at : at + 64] for at in range(0, len(packed), 64)) + "\n"
    return f"-----{begin}-----{body}-----{end}-----\n".encode()
