"""Options of a write beyond its content: headers and classes that object stores keep (DECISIONS 23)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from .errors import CapabilityNotSupported

__all__ = ["WriteOptions", "given", "refuse_given"]

MAX_HEADER_BYTES = 8 * 1024
"""What servers take of one header at least; S3 refuses more than 8 KiB of all of them."""


@dataclass(frozen=True)
class WriteOptions:
    """What a service may keep beside an object's bytes; None leaves it to the service.

    `content_type` (a MIME type; by default it is guessed from the name), `cache_control`, `content_disposition` and
    `content_encoding` come back as headers of a download. `storage_class` and `encryption` (``"AES256"``,
    ``"aws:kms"``, or ``"aws:kms:<key id>"``) are the service's own words. `tags` are up to ten pairs.
    `single_put_max`: content of known size up to so many bytes goes as one request. `crc64nvme`: the content's
    CRC64NVME as 16 hex digits, where the caller has it; it is sent with content that goes as one request, in place
    of one that is computed again, so that bytes spoilt since are refused by the service.

    Raises ValueError for control characters, more than ten tags, a size below 1 or a checksum that is none; TypeError
    for a wrong type.
    """

    content_type: str | None = None
    cache_control: str | None = None
    content_disposition: str | None = None
    content_encoding: str | None = None
    storage_class: str | None = None
    encryption: str | None = None
    tags: Mapping[str, str] | None = None
    single_put_max: int | None = None
    crc64nvme: str | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and field.name not in ("tags", "single_put_max"):
                _check_header(field.name, value)
        if self.tags is not None:
            _check_tags(self.tags)
        if self.single_put_max is not None:
            _check_size(self.single_put_max)
        if self.crc64nvme is not None and re.fullmatch("[0-9a-f]{16}", self.crc64nvme, re.ASCII) is None:
            raise ValueError(f"crc64nvme must be 16 lower-case hex digits, not {self.crc64nvme[:40]!r}")


def _check_header(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    if not value.isascii() or not value.isprintable() or not value.strip():
        raise ValueError(f"{name} must be printable ASCII on one line, not {value[:80]!r}")
    if len(value) > MAX_HEADER_BYTES:
        raise ValueError(f"{name} has {len(value)} bytes; {MAX_HEADER_BYTES} are the most")


def _check_tags(tags: object) -> None:
    if not isinstance(tags, Mapping):
        raise TypeError(f"tags must be a mapping of str to str, not {type(tags).__name__}")
    if len(tags) > 10:
        raise ValueError(f"an object has at most 10 tags, not {len(tags)}")
    for key, value in tags.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError("tags must be a mapping of str to str")
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise ValueError(f"tag {key[:80]!r} is too long or empty: 1 to 128 characters, its value up to 256")


def _check_size(size: object) -> None:
    if isinstance(size, bool) or not isinstance(size, int):
        raise TypeError(f"single_put_max must be an int (bytes), not {type(size).__name__}")
    if size < 1:
        raise ValueError(f"single_put_max must be >= 1 (bytes), not {size}")


def given(**options: object) -> dict[str, Any]:
    """Return the options that are not None: those alone are handed on, so that older backends go on working."""
    return {name: value for name, value in options.items() if value is not None}


def refuse_given(backend: str, **options: object) -> None:
    """Raise CapabilityNotSupported for an option that is not None: this backend takes none of them."""
    for name in given(**options):
        raise CapabilityNotSupported(f"Backend '{backend}' does not take {name}=", backend=backend, capability=name)
