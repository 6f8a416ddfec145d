"""The keys that requests are signed with, and what a provider may hand over as such."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from typing import Any

from ..._http.retrying import Fault

__all__ = ["LATE", "Keys", "keys_from", "no_keys", "refused"]

LATE = "CredentialsLate"
"""The code of a source that gave nothing in time, which whoever has more time may ask again."""

_NAMES: tuple[tuple[str, ...], ...] = (
    ("access_key_id", "access_key", "AccessKeyId"),
    ("secret_access_key", "secret_key", "SecretAccessKey"),
    ("token", "session_token", "SessionToken"),
    ("expires_at", "expiry_time", "Expiration"),
)
"""obstore's names first, then those of botocore's refresh functions, then those of the answers of AWS's STS."""


@dataclass(frozen=True, slots=True)
class Keys:
    """An access key with its secret, for a while. No text of it shows what is secret."""

    access: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires: datetime | None = None

    def seconds_left(self) -> float:
        """Return for how many seconds they are still good; infinity if they have no end, negative past it."""
        return inf if self.expires is None else (self.expires - datetime.now(UTC)).total_seconds()


def keys_from(answer: object, source: str) -> Keys:
    """Return the keys in what `source` gave, checked.

    Raises a fault that becomes PermissionDenied for None and for keys past their end, InvalidConfig for what can't
    be keys. No text has a value in it.
    """
    if answer is None:
        raise no_keys(f"{source} gave None instead of keys")
    access, secret, token, expires = (_one(answer, names, source) for names in _NAMES)
    keys = Keys(
        _text(access, "access_key_id", source),
        _text(secret, "secret_access_key", source),
        None if token is None or token == "" else _text(token, "token", source),
        _moment(expires, source),
    )
    if keys.seconds_left() <= 0:
        raise no_keys(f"{source} gave keys that are past their end ({-keys.seconds_left():.0f} s)")
    return keys


def no_keys(text: str, *, late: bool = False) -> Fault:
    """Return the fault of having no keys to sign with: PermissionDenied, never a request without a signature."""
    return Fault(LATE if late else "Credentials", text, verb="Credentials")


def refused(text: str) -> Fault:
    """Return the fault of keys that can't be any: InvalidConfig."""
    return Fault("InvalidConfig", text, verb="Credentials")


def _one(answer: object, names: tuple[str, ...], source: str) -> Any:
    if not isinstance(answer, Mapping):
        wanted = ", ".join(repr(known[0]) for known in _NAMES)
        raise refused(f"{source} must give a mapping with {wanted}, not {type(answer).__name__}")
    return next((answer[name] for name in names if name in answer), None)


def _text(value: object, name: str, source: str) -> str:
    if value is None or value == "":
        raise refused(f"{source} gave no {name}")
    if not isinstance(value, str):
        raise refused(f"{source}: {name} must be a str, not {type(value).__name__}")
    if value != value.strip() or not value.isprintable() or not value.isascii():
        raise refused(f"{source}: {name} has blanks, line breaks or other characters that no key has; was it pasted?")
    return value


def _moment(value: object, source: str) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise refused(f"{source}: expires_at is no time in ISO 8601") from None
    if not isinstance(value, datetime):
        raise refused(f"{source}: expires_at must be a datetime, not {type(value).__name__}")
    if value.tzinfo is None:
        raise refused(f"{source}: expires_at must have a time zone")
    return value
