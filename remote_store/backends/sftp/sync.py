# Generated from remote_store/backends/sftp/backend.py by tools/gen_sync.py. Edit that file.
"""SFTPBackend: the sync twin of AsyncSFTPBackend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from ..._core.retry import RetryPolicy
from ..._core.secret import Secret
from .hostkeys import HostKeyPolicy
from ..._bridge.twins import LoopTwin
from .backend import TWIN_CAPABILITIES, AsyncSFTPBackend

__all__ = ["SFTPBackend"]


class SFTPBackend(LoopTwin):
    """Files below the folder `base_path` of the SFTP server `host`, on one SSH connection an event loop.

    Login: `pkey` (a file, the key's text or bytes, with `passphrase` and `certificate`), else `password`, else the
    keys in ``~/.ssh`` and those of the agent; `agent` switches that on or off. `ssh_config` reads ``~/.ssh/config``
    (True) or another file; `jump_hosts` are ``user@host:port`` on the way.

    The host must be the right one: `host_key` pins a key or its ``SHA256:`` fingerprint; else `known_host_keys` has
    lines as in a known_hosts file, or `config` under that name, or the variable SFTP_KNOWN_HOST_KEYS, or the file
    `host_keys_path` (``~/.ssh/known_hosts``). `host_key_policy` says what becomes of an unknown host: ``"strict"``
    (HostKeyMismatch), ``"tofu"`` or ``"auto"``. A changed key is always refused.

    `timeout` is for a connection to be made (10 s), `io_timeout` for a server that gives no answer at all (120 s, None:
    for ever), `keepalive` between two signs of life (30 s). `connect_kwargs` are further keywords of asyncssh.connect.
    `max_channels` (4) transfers have a channel of their own. With `fsync` a write that has returned is on the server's
    disk. `retry` is the one retry layer's policy.

    Links are followed as long as they stay below `base_path`; no promise is made against a link that is swapped
    during a call: use a chroot on the server for that. It can be used again after `close`.
    """

    CAPABILITIES = TWIN_CAPABILITIES
    _generated_twin = True

    def __init__(self, host: str, *, port: int=22, username: str | None=None, password: str | Secret | None=None, pkey: Any=None, base_path: str='/', host_key_policy: HostKeyPolicy | str='strict', known_host_keys: str | None=None, host_keys_path: str | None=None, config: Mapping[str, Any] | None=None, timeout: float=10, io_timeout: float | None=120.0, connect_kwargs: Mapping[str, Any] | None=None, retry: RetryPolicy | None=None, passphrase: str | Secret | None=None, certificate: str | None=None, agent: bool | None=None, host_key: str | None=None, ssh_config: str | bool=False, jump_hosts: Sequence[str] | str=(), keepalive: float=30.0, max_channels: int=4, fsync: bool=False) -> None:
        super().__init__(AsyncSFTPBackend(host, port=port, username=username, password=password, pkey=pkey, base_path=base_path, host_key_policy=host_key_policy, known_host_keys=known_host_keys, host_keys_path=host_keys_path, config=config, timeout=timeout, io_timeout=io_timeout, connect_kwargs=connect_kwargs, retry=retry, passphrase=passphrase, certificate=certificate, agent=agent, host_key=host_key, ssh_config=ssh_config, jump_hosts=jump_hosts, keepalive=keepalive, max_channels=max_channels, fsync=fsync))
