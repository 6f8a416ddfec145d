"""Whether a host is the one that is meant: keys on record, a pinned key, first use."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

import asyncssh

from ..._core.errors import HostKeyMismatch, InvalidConfig

if TYPE_CHECKING:
    from .config import SFTPConfig, Stop

__all__ = ["HostCheck", "HostKeyPolicy", "KnownHosts", "accept_sha1", "check_pin", "fingerprint"]

log = logging.getLogger("remote_store.sftp")


class HostKeyPolicy(Enum):
    """What becomes of a host whose key is not on record; a key that differs from the record is always refused.

    Members are also found by their name, in any case.
    """

    STRICT = "strict"
    """It is refused."""
    TRUST_ON_FIRST_USE = "tofu"
    """It is accepted, with a warning in the log, and written to the file of known hosts."""
    AUTO_ADD = "auto"
    """It is accepted, with a warning in the log: anybody in between can read and change everything."""

    @classmethod
    def _missing_(cls, value: object) -> HostKeyPolicy | None:
        return cls.__members__.get(value.upper()) if isinstance(value, str) else None


class KnownHosts:
    """The keys on record, read once a connection, with the name of their source."""

    def __init__(self, config: SFTPConfig) -> None:
        text = config.known_text
        if text is not None:
            lines, self.source = text
        else:
            self.source = config.known_path
            lines = _read(self.source)
        self._entries = _import(lines, self.source)

    def match(self, stop: Stop, address: str = "") -> Sequence[Any]:
        """Return asyncssh's seven lists for a host: its keys, authorities, what is revoked."""
        port = stop.port if stop.port != 22 else None
        return self._entries.match(stop.host, address, port)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise InvalidConfig(f"the file of known hosts can't be read: {path}: {error.strerror}") from error


def _import(text: str, source: str) -> asyncssh.SSHKnownHosts:
    """Import line by line: one that is malformed must not hide the others, unless it revokes a key."""
    known = asyncssh.import_known_hosts("")
    for number, line in enumerate(text.splitlines(), 1):
        revokes = line.lstrip().lower().startswith("@revoked")
        try:
            known.load(line)
            if revokes:
                _check_revoked(line)
        except ValueError:
            if revokes:
                raise InvalidConfig(
                    f"{source}, line {number}: a malformed @revoked line can't be passed over"
                ) from None
            log.warning("%s, line %d is malformed and passed over", source, number)
    return known


def _check_revoked(line: str) -> None:
    """Raise ValueError for a key that asyncssh would pass over without a word."""
    text = line.split(None, 2)[2]
    try:
        asyncssh.import_public_key(text)
    except asyncssh.KeyImportError:
        asyncssh.import_certificate(text)


def fingerprint(key: asyncssh.SSHKey) -> str:
    """Return a key's type and SHA-256 fingerprint, as ssh-keygen -l shows them."""
    return f"{key.algorithm.decode('ascii')} {key.get_fingerprint()}"


class HostCheck(asyncssh.SSHClient):
    """Decides on one host's key while asyncssh connects, and keeps what the error has to tell."""

    def __init__(self, config: SFTPConfig, stop: Stop, known: KnownHosts) -> None:
        self._config = config
        self._stop = stop
        self._known = known
        self._pin = config.host_key if stop == config.target else None
        self._offered: asyncssh.SSHKey | None = None
        matched = known.match(stop)
        self.expected: list[asyncssh.SSHKey] = [] if self._pin else list(matched[0])
        self._authorities: list[asyncssh.SSHKey] = [] if self._pin else list(matched[1])

    def options(self) -> dict[str, Any]:
        """Return what asyncssh is told about host keys."""
        options: dict[str, Any] = {"known_hosts": self._authority_lists}
        # Those on record first, for a server with several keys; the others too, or a changed key could not be told.
        first = [name.decode("ascii") for key in self.expected for name in key.sig_algorithms]
        signed = [f"{name}-cert-v01@openssh.com" for name in _ALGORITHMS] if self._authorities else []
        names = dict.fromkeys([*signed, *first, *_ALGORITHMS])
        names.pop("ssh-rsa", None)  # SHA-1
        if _sha1:
            names["ssh-rsa"] = None
        options["server_host_key_algs"] = list(names)
        return options

    def _authority_lists(self, host: str, addr: str, port: int | None) -> Sequence[Any]:
        """Return what asyncssh decides by itself: signed keys and revoked ones. Plain keys come to us, below."""
        return [], self._authorities, self._known.match(self._stop, addr)[2], [], [], [], []

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Decide on a key that no authority has signed and no line revokes."""
        self._offered = key
        if self._pin is not None:
            return _is_pinned(key, self._pin)
        expected = self.expected or list(self._known.match(self._stop, addr)[0])
        self.expected = expected
        if expected or self._authorities:
            return key in expected
        policy = self._config.host_key_policy
        if policy is HostKeyPolicy.STRICT:
            return False
        if policy is HostKeyPolicy.TRUST_ON_FIRST_USE:
            _remember(self._config.known_path, self._stop, key)
        log.warning("host key of %s accepted unseen (%s): %s", self._stop, policy.value, fingerprint(key))
        return True

    def refusal(self, reason: str, backend: str) -> HostKeyMismatch:
        """Return the error for a host that was not accepted, with both fingerprints and where the record is."""
        offered = fingerprint(self._offered) if self._offered is not None else "a key that is not shown"
        if "revoked" in reason:
            text = f"Host key of {self._stop} is revoked in {self._known.source}"
        elif self._pin is not None:
            text = f"Host key of {self._stop} is not the pinned one: the server has {offered}, host_key= is {_shown(self._pin)}"
        elif self.expected:
            record = ", ".join(fingerprint(key) for key in self.expected)
            text = (
                f"Host key of {self._stop} has changed: the server has {offered}, {self._known.source} has {record}."
                " Somebody may be in between; if the host has a new key, replace its line there"
            )
        else:
            text = (
                f"Host key of {self._stop} is unknown: the server has {offered}, {self._known.source} has none for it."
                " Compare it with the host's, then add its line there, or pin it by host_key="
            )
        return HostKeyMismatch(text, backend=backend)


_sha1 = False


def accept_sha1() -> None:
    """Accept host keys signed with SHA-1, where the host has nothing better, in all that is connected from now on."""
    global _sha1
    _sha1 = True
    log.warning("host keys signed with SHA-1 (ssh-rsa) are accepted from now on")


_ALGORITHMS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)


def _is_pinned(key: asyncssh.SSHKey, pin: str) -> bool:
    text = pin.strip()
    if text.startswith("SHA256:"):
        return key.get_fingerprint() == text.rstrip("=")
    return bool(key == _public(text))


def _public(text: str) -> asyncssh.SSHKey:
    """Return a public key from its line, with or without host names before it."""
    words = text.split()
    start = next((at for at, word in enumerate(words) if word.startswith(("ssh-", "ecdsa-", "sk-"))), 0)
    try:
        return asyncssh.import_public_key(" ".join(words[start : start + 2]))
    except asyncssh.KeyImportError:
        raise InvalidConfig("host_key must be a public key ('ssh-ed25519 AAAA...') or its 'SHA256:...'") from None


def check_pin(pin: object) -> str | None:
    """Return a pinned host key, or raise for what can't be one."""
    if pin is None or pin == "":
        return None
    if not isinstance(pin, str):
        raise TypeError(f"host_key must be a str, not {type(pin).__name__}")
    if not pin.strip().startswith("SHA256:"):
        _public(pin)
    return pin


def _shown(pin: str) -> str:
    return pin.strip() if pin.strip().startswith("SHA256:") else fingerprint(_public(pin))


def _remember(path: str, stop: Stop, key: asyncssh.SSHKey) -> None:
    """Append a host's key to the file of known hosts, which is made if it is missing."""
    name = stop.host if stop.port == 22 else f"[{stop.host}]:{stop.port}"
    words = key.export_public_key("openssh").decode("ascii").split()
    try:
        os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
        fd = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        with open(fd, "a", encoding="utf-8") as file:
            file.write(f"{name} {words[0]} {words[1]}\n")
    except OSError as error:
        raise InvalidConfig(f"the host's key can't be written to {path}: {error.strerror}") from error
