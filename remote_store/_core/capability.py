"""Capabilities: what a backend declares it can do (CONTRACT A5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import TYPE_CHECKING, NoReturn

from .errors import CapabilityNotSupported

__all__ = ["Capability", "CapabilitySet"]


class Capability(Enum):
    """One thing a backend can do; gated methods raise `CapabilityNotSupported` without it.

    The last five are quality flags: they gate nothing, they tell how well a method does its work.
    """

    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    LIST = "list"
    GLOB = "glob"
    MOVE = "move"
    COPY = "copy"
    ATOMIC_WRITE = "atomic_write"
    METADATA = "metadata"
    USER_METADATA = "user_metadata"
    CONDITIONAL_WRITE = "conditional_write"
    """`if_match=` works, and ``overwrite=False`` is decided by the service or the operating system."""
    ATOMIC_MOVE = "atomic_move"
    SEEKABLE_READ = "seekable_read"
    LAZY_READ = "lazy_read"
    WRITE_RESULT_NATIVE = "write_result_native"
    RANGED_READ = "ranged_read"
    """Ranges are fetched, not skipped to."""

    if not TYPE_CHECKING:
        # Members are singletons, also after pickling; Enum's own is Python code, run for each question to a set.
        __hash__ = object.__hash__


class CapabilitySet:
    """An immutable set of capabilities with a clear refusal (`require`)."""

    __slots__ = ("_members",)
    _members: frozenset[Capability]

    def __init__(self, capabilities: Iterable[Capability] = ()) -> None:
        object.__setattr__(self, "_members", frozenset(capabilities))

    def supports(self, cap: Capability) -> bool:
        """Return whether `cap` is in the set."""
        return cap in self._members

    def require(self, cap: Capability, *, backend: str = "") -> None:
        """Raise `CapabilityNotSupported` unless `cap` is in the set."""
        if cap not in self._members:
            have = ", ".join(sorted(member.value for member in self._members)) or "nothing"
            raise CapabilityNotSupported(
                f"Capability '{cap.value}' is not supported. Supported: {have}",
                backend=backend or None,
                capability=cap.value,
            )

    def __contains__(self, cap: object) -> bool:
        return cap in self._members

    def __iter__(self) -> Iterator[Capability]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CapabilitySet):
            return NotImplemented
        return self._members == other._members

    def __hash__(self) -> int:
        return hash(self._members)

    def __repr__(self) -> str:
        return f"CapabilitySet({{{', '.join(sorted(member.name for member in self._members))}}})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("CapabilitySet is immutable")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("CapabilitySet is immutable")

    def __reduce__(self) -> tuple[type[CapabilitySet], tuple[frozenset[Capability]]]:
        return (CapabilitySet, (self._members,))
