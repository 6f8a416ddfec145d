"""Keeping secret values out of texts, logs and tracebacks."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import unquote

__all__ = ["MASK", "Secret", "SecretRedactionFilter", "is_secret_name", "redact_url"]

MASK = "***"


class Secret:
    """A string that shows itself as ``***`` wherever it is printed; `reveal()` gives it back.

    Equal only to another Secret with the same value, hashable, false when empty, immutable. It has no length, no
    items and no iteration, so that it can't be joined into a text by accident. A pickle or a copy carries the value:
    workers need it (so keep pickles where you would keep the password).

    Raises TypeError for a value that is no str.
    """

    __slots__ = ("_value",)
    _value: str

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError(f"Secret takes a str, not {type(value).__name__}")
        object.__setattr__(self, "_value", value)

    def reveal(self) -> str:
        """Return the value itself."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, format_spec: str) -> str:
        # A width would be harmless, but a precision cuts the mask: any specification gives the same three stars.
        return MASK

    def __eq__(self, other: object) -> bool:
        return self._value == other._value if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("Secret is immutable")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("Secret is immutable")

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return (type(self), (self._value,))


class SecretRedactionFilter(logging.Filter):
    """A logging filter that puts ``***`` in place of each `Secret` among a record's arguments.

    It lets every record through. `%s` of a Secret is masked anyway; this is for handlers that look at ``record.args``
    themselves (JSON formatters, error trackers).
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the secrets of `record` in place; always true."""
        if isinstance(record.msg, Secret):
            record.msg = MASK
        if isinstance(record.args, tuple):
            record.args = tuple(_masked(value) for value in record.args)
        elif isinstance(record.args, Mapping):
            record.args = {name: _masked(value) for name, value in record.args.items()}
        return True


def _masked(value: Any) -> Any:
    return MASK if isinstance(value, Secret) else value


# Names of things that are secret, whole or as a part: loose on purpose, for a masked page number costs nothing.
_SECRET_PARTS = (
    "secret",
    "passw",
    "passphrase",
    "token",
    "signature",
    "credential",
    "auth",
    "key",
    "connection_string",
)
_SECRET_NAMES = frozenset({"sig", "sas", "pwd", "code", "client_certificate"})


def is_secret_name(name: str) -> bool:
    """Say whether a value of that name should not be shown (``X-Amz-Signature``, ``account_key``, ``sig``)."""
    plain = name.strip().lower().replace("-", "_")
    return plain in _SECRET_NAMES or any(part in plain for part in _SECRET_PARTS)


# A password may hold "/", "?", "@" that nobody encoded, so all from the colon to the last "@" goes (rather a host too
# much than half a password), unless the colon starts a port: 1 to 5 digits and the end of the authority.
_RAW_PASSWORD = re.compile(r"(?<=://)(?!\[)[^\s@/?#:]*:(?!\d{1,5}(?:[/?#\s]|$))\S*@")
_USERINFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<user>[^\s/?#]*)@")
_PARAMETER = re.compile(r"(?P<mark>[?&;#])(?P<name>[^\s=&;?#]+)=(?P<value>[^\s&;#\"'<>]*)")


def redact_url(text: str) -> str:
    """Return `text`, a URL or prose with URLs in it, fit for a log or an error.

    Userinfo (``user:password@``) goes away, the container that ``abfss://container@account...`` has in its place
    stays; the value of each query parameter with a secret-looking name becomes ``***``, and a URL that is itself a
    parameter's value is treated the same way.
    """
    text = _RAW_PASSWORD.sub("", text)
    text = _USERINFO.sub(_without_user, text)
    return _PARAMETER.sub(_without_value, text)


def _without_user(match: re.Match[str]) -> str:
    names_container = match["scheme"].lower() in ("abfs", "abfss") and "@" not in match["user"]
    return match[0] if names_container else f"{match['scheme']}://"


def _without_value(match: re.Match[str]) -> str:
    value = match["value"]
    if is_secret_name(unquote(match["name"])):
        value = MASK
    elif "%" in value or "://" in value:
        inner = unquote(value)
        cleaned = redact_url(inner)
        value = cleaned if cleaned != inner else value
    return f"{match['mark']}{match['name']}={value}"
