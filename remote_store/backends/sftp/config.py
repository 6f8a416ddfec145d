"""The constructor's arguments, checked."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ..._core.errors import InvalidConfig
from ..._core.retry import RetryPolicy
from ..._core.secret import Secret
from .hostkeys import HostKeyPolicy, check_pin

__all__ = ["SFTPConfig", "Stop"]

KNOWN_HOSTS_VARIABLE = "SFTP_KNOWN_HOST_KEYS"

_HOST = re.compile(r"[\w.:%][\w.:%-]*")
"""Names and addresses; above all nothing that begins with a dash, which a command line would take for an option."""


@dataclass(frozen=True)
class Stop:
    """A host on the way: the server itself, or a jump host."""

    host: str
    port: int
    username: str | None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True)
class SFTPConfig:
    """Everything an SFTP backend was made with; the names are those of the constructor's parameters."""

    host: str
    port: int = 22
    username: str | None = None
    password: Secret | None = None
    pkey: Any = None
    base_path: str = "/"
    host_key_policy: HostKeyPolicy = HostKeyPolicy.STRICT
    known_host_keys: str | None = None
    host_keys_path: str | None = None
    config: Mapping[str, Any] | None = None
    timeout: float = 10
    io_timeout: float | None = 120.0
    connect_kwargs: Mapping[str, Any] | None = None
    retry: RetryPolicy | None = None
    passphrase: Secret | None = None
    certificate: str | None = None
    agent: bool | None = None
    host_key: str | None = None
    ssh_config: str | bool = False
    jump_hosts: Sequence[str] = ()
    keepalive: float = 30.0
    max_channels: int = 4
    fsync: bool = False

    @classmethod
    def checked(cls, **given: Any) -> SFTPConfig:
        """Return the configuration; ValueError or TypeError for what can't be one."""
        given["host"] = _host("host", given["host"])
        given["port"] = _port(given["port"])
        given["username"] = _user(given["username"])
        given["password"] = _secret("password", given["password"])
        given["passphrase"] = _secret("passphrase", given["passphrase"])
        given["pkey"] = _key(given["pkey"])
        given["base_path"] = _base_path(given["base_path"])
        given["host_key_policy"] = HostKeyPolicy(given["host_key_policy"])
        given["host_key"] = check_pin(given["host_key"])
        for name in ("timeout", "keepalive"):
            _check_seconds(name, given[name])
        if given["io_timeout"] is not None:
            _check_seconds("io_timeout", given["io_timeout"])
        jumps = given["jump_hosts"]
        given["jump_hosts"] = tuple(jumps.split(",") if isinstance(jumps, str) and jumps else jumps or ())
        for jump in given["jump_hosts"]:
            _jump(jump)
        channels = given["max_channels"]
        if isinstance(channels, bool) or not isinstance(channels, int) or channels < 1:
            raise ValueError(f"max_channels must be an int >= 1, not {channels!r}")
        retry = given["retry"]
        if retry is not None and not isinstance(retry, RetryPolicy):
            raise TypeError(f"retry must be a RetryPolicy, not {type(retry).__name__}")
        return cls(**given)

    def arguments(self) -> dict[str, object]:
        """Return the constructor's arguments that differ from its defaults; what a pickle is made of."""
        shown = {field.name: getattr(self, field.name) for field in fields(self)}
        defaults = {field.name: field.default for field in fields(self)}
        changed = {name: value for name, value in shown.items() if name == "host" or value != defaults[name]}
        if "host_key_policy" in changed:
            changed["host_key_policy"] = self.host_key_policy.value
        return changed

    @property
    def policy(self) -> RetryPolicy:
        """The retry policy in force."""
        return self.retry or RetryPolicy()

    @property
    def target(self) -> Stop:
        """The server."""
        return Stop(self.host, self.port, self.username)

    @property
    def jumps(self) -> list[Stop]:
        """The hosts on the way, in order."""
        return [_jump(jump) for jump in self.jump_hosts]

    @property
    def known_text(self) -> tuple[str, str] | None:
        """Known host keys that were given as text, and where: argument, `config`, environment (CONTRACT 155)."""
        if self.known_host_keys:
            return self.known_host_keys, "known_host_keys"
        if self.config and self.config.get("known_host_keys"):
            return str(self.config["known_host_keys"]), "config['known_host_keys']"
        if os.environ.get(KNOWN_HOSTS_VARIABLE):
            return os.environ[KNOWN_HOSTS_VARIABLE], f"the variable {KNOWN_HOSTS_VARIABLE}"
        return None

    @property
    def known_path(self) -> str:
        """The file of known host keys."""
        return os.path.expanduser(self.host_keys_path or "~/.ssh/known_hosts")

    def __repr__(self) -> str:
        return (
            f"host={self.host!r}, port={self.port!r}, username={self.username!r}, password={_mask(self.password)},"
            f" pkey={_mask(self.pkey)}, base_path={self.base_path!r}"
        )


def _mask(secret: object) -> str:
    return "'***'" if secret is not None else "None"


def _host(name: str, host: object) -> str:
    if not isinstance(host, str):
        raise TypeError(f"{name} must be a str, not {type(host).__name__}")
    if not host.strip():
        raise ValueError(f"{name} must not be empty")
    text = host.removeprefix("[").removesuffix("]")
    if not _HOST.fullmatch(text):
        raise InvalidConfig(f"{name} must be a host name or an address, not {host[:80]!r}")
    return text


def _port(port: object) -> int:
    if isinstance(port, bool) or not isinstance(port, int):
        raise TypeError(f"port must be an int, not {type(port).__name__}")
    if not 1 <= port <= 65535:
        raise ValueError(f"port must be 1 to 65535, not {port}")
    return port


def _user(user: object) -> str | None:
    if user is None or user == "":
        return None
    if not isinstance(user, str):
        raise TypeError(f"username must be a str, not {type(user).__name__}")
    if user.startswith("-") or not user.isprintable():
        raise InvalidConfig(f"username can't be one: {user[:80]!r}")
    return user


def _secret(name: str, value: object) -> Secret | None:
    if value is None or isinstance(value, Secret):
        return value
    if isinstance(value, str):
        return Secret(value)
    raise TypeError(f"{name} must be a str or a Secret, not {type(value).__name__}")


def _key(key: object) -> Any:
    """Return a private key as something that a pickle can carry: a path, or a Secret with the key's text."""
    if key is None or isinstance(key, (Secret, os.PathLike)):
        return key
    if isinstance(key, (bytes, bytearray)):
        return Secret(bytes(key).decode("latin-1"))
    if isinstance(key, str):
        return Secret(key) if "-----BEGIN" in key or "PuTTY-User-Key" in key else os.path.expanduser(key)
    export = getattr(key, "export_private_key", None)
    if callable(export):  # asyncssh's own
        return Secret(export("openssh").decode("latin-1"))
    save = getattr(key, "write_private_key", None)
    if callable(save):  # paramiko's, which old code passes
        import io

        text = io.StringIO()
        save(text)
        return Secret(text.getvalue())
    raise TypeError(f"pkey must be a path, the key's text or bytes, or an asyncssh key, not {type(key).__name__}")


def _base_path(path: object) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"base_path must be a str, not {type(path).__name__}")
    text = os.fspath(path)
    if not isinstance(text, str) or "\0" in text:
        raise ValueError("base_path must be a str without null bytes")
    if ".." in text.split("/"):
        raise ValueError("base_path must not contain '..'")
    return text.rstrip("/") or "/"


def _check_seconds(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number of seconds, not {type(value).__name__}")
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} must be a positive number of seconds, not {value}")


def _jump(text: object) -> Stop:
    if not isinstance(text, str):
        raise TypeError(f"a jump host must be a str 'user@host:port', not {type(text).__name__}")
    user, _, place = text.strip().rpartition("@")
    host, colon, digits = place.rpartition(":")
    if not colon or place.endswith("]"):
        host, digits = place, "22"
    if not digits.isdigit():
        raise InvalidConfig("a jump host is written 'user@host:port'; what follows the ':' is no port")
    return Stop(_host("jump host", host), _port(int(digits)), _user(user))
