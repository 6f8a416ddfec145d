"""Making a connection: who we are, how, over which hosts; what goes wrong becomes a fault or our error."""

from __future__ import annotations

import logging
import os
import socket
from pathlib import Path
from typing import Any

import anyio
import asyncssh

from ..._contract.threads import in_thread
from ..._core.errors import InvalidConfig, PermissionDenied, RemoteStoreError
from ..._core.secret import Secret
from ..._http.retrying import Fault
from .config import SFTPConfig, Stop
from .hostkeys import HostCheck, KnownHosts

__all__ = ["connected"]

log = logging.getLogger("remote_store.sftp")

CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
)
"""AES-GCM first: it costs half as much as the others here, and seals each packet in one pass."""
LOST_KEEPALIVES = 3
"""Keep-alive messages without an answer before the connection is given up, as in OpenSSH."""

_PARAMIKO = {"look_for_keys", "allow_agent", "compress"}
"""Keywords of paramiko's connect that old code passes in `connect_kwargs`."""
_OURS = {"host", "port", "username", "password", "known_hosts", "tunnel", "client_factory", "server_host_key_algs"}
"""Keywords of asyncssh that the constructor has under its own names, or that would switch a check off."""


async def connected(config: SFTPConfig, backend: str) -> list[asyncssh.SSHClientConnection]:
    """Return the connections to the jump hosts, if any, and the server, in this order. Raises Fault or our errors."""
    known = await in_thread(KnownHosts, config)
    options = await in_thread(_options, config, backend)
    made: list[asyncssh.SSHClientConnection] = []
    try:
        for stop in [*config.jumps, config.target]:
            made.append(await _to(stop, config, known, options, made[-1] if made else None, backend))
    except BaseException:
        for connection in made:
            connection.abort()
        raise
    return made


async def _to(
    stop: Stop,
    config: SFTPConfig,
    known: KnownHosts,
    options: dict[str, Any],
    tunnel: asyncssh.SSHClientConnection | None,
    backend: str,
) -> asyncssh.SSHClientConnection:
    check = HostCheck(config, stop, known)
    place: dict[str, Any] = {"port": stop.port}
    if config.ssh_config and stop.port == 22:
        place = {}  # the file may have another one
    if stop.username is not None:
        place["username"] = stop.username
    if tunnel is not None:
        place["tunnel"] = tunnel
    try:
        with anyio.fail_after(config.timeout):
            return await asyncssh.connect(
                stop.host, **{**options, **place, **check.options()}, client_factory=lambda: check
            )
    except RemoteStoreError:
        raise
    except Exception as error:
        raise _translated(error, stop, config, check, backend) from error


def _options(config: SFTPConfig, backend: str) -> dict[str, Any]:
    """Return asyncssh's keywords that are the same for all hosts on the way; keys are read here."""
    extra = dict(config.connect_kwargs or {})
    asked = {name: extra.pop(name) for name in _PARAMIKO & extra.keys()}
    for name in _OURS & extra.keys():
        raise InvalidConfig(f"connect_kwargs must not have {name!r}: the constructor's own arguments say that")
    use_agent = config.agent
    if use_agent is None:
        use_agent = bool(asked.get("allow_agent", config.pkey is None and config.password is None))
    options: dict[str, Any] = {
        "password": config.password.reveal() if config.password is not None else None,
        "config": _ssh_config(config),
        "encryption_algs": list(CIPHERS),
        "compression_algs": ["zlib@openssh.com", "none"] if asked.get("compress") else ["none"],
        "keepalive_interval": config.keepalive,
        "keepalive_count_max": LOST_KEEPALIVES,
        "connect_timeout": config.timeout,
        "login_timeout": config.timeout,
    }
    if config.pkey is not None:
        options["client_keys"] = [_private_key(config, backend)]
    elif config.password is not None or asked.get("look_for_keys") is False:
        options["client_keys"] = None  # each key tried counts as a failed login, and six end the connection
    if not use_agent:
        options["agent_path"] = None
    return options | extra


def _ssh_config(config: SFTPConfig) -> Any:
    if config.ssh_config is False or config.ssh_config == "":
        return None
    path = Path("~/.ssh/config" if config.ssh_config is True else config.ssh_config).expanduser()
    return [str(path)] if path.exists() or config.ssh_config is not True else None


def _private_key(config: SFTPConfig, backend: str) -> Any:
    passphrase = config.passphrase.reveal() if config.passphrase is not None else None
    # What is no file may be a key's text without its frame, which no error may show.
    is_file = not isinstance(config.pkey, Secret) and os.path.exists(os.path.expanduser(config.pkey))
    where = f"the file {config.pkey}" if is_file else "pkey"
    try:
        if isinstance(config.pkey, Secret):
            key = asyncssh.import_private_key(config.pkey.reveal().encode("latin-1"), passphrase)
        else:
            key = asyncssh.read_private_key(str(Path(config.pkey).expanduser()), passphrase)
        if config.certificate is None:
            return key
        where = "certificate"
        text = config.certificate
        is_text = " " in text.strip()
        return key, asyncssh.import_certificate(text) if is_text else asyncssh.read_certificate(
            str(Path(text).expanduser())
        )
    except (asyncssh.KeyEncryptionError, asyncssh.KeyImportError) as error:
        # Neither text repeats any of the key.
        if "passphrase" in str(error).lower() or isinstance(error, asyncssh.KeyEncryptionError):
            raise PermissionDenied(f"The passphrase of {where} is missing or wrong", backend=backend) from error
        raise InvalidConfig(f"{where} has no key that can be used: {error}") from error
    except OSError as error:
        raise InvalidConfig(f"{where} can't be read: {error.strerror}") from (error if is_file else None)


def _translated(error: Exception, stop: Stop, config: SFTPConfig, check: HostCheck, backend: str) -> Exception:
    """Return the fault or the error for a connection that did not come about."""
    user = f"{config.username}@" if config.username else ""
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return check.refusal(str(error), backend)
    if isinstance(error, asyncssh.PermissionDenied):
        return PermissionDenied(
            f"{user}{stop} refused the login: no such user, or the key or password is wrong ({error.reason})",
            backend=backend,
        )
    if isinstance(error, TimeoutError):
        return Fault("ConnectTimeout", f"{stop} did not let us in within timeout={config.timeout:g} s", may_retry=True)
    if isinstance(error, socket.gaierror):
        passing = error.errno == socket.EAI_AGAIN
        return Fault("Unreachable", f"{stop}: the name is not known ({error.strerror})", may_retry=passing)
    if isinstance(error, OSError):
        return Fault("Unreachable", f"{stop}: {error.strerror or error}", may_retry=True)
    if isinstance(error, (asyncssh.ConnectionLost, asyncssh.ChannelOpenError)):
        return Fault("Unreachable", f"{stop} closed the connection before it was made: {error.reason}", may_retry=True)
    if isinstance(error, asyncssh.DisconnectError):
        return Fault("Unreachable", f"{stop}: {error.reason}")
    if isinstance(error, (TypeError, ValueError, asyncssh.ConfigParseError)):
        return InvalidConfig(f"the SSH settings can't be used: {error}")
    return Fault("Unreachable", f"{stop}: {error}")
