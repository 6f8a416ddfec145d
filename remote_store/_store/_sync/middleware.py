# Generated from remote_store/_store/_async/middleware.py by tools/gen_sync.py. Edit that file.
"""Stores around any other store, which stack in any order: read-only, below a prefix, throttled, limited."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NoReturn, TypeVar

from ..._core.capability import Capability
from ..._core.errors import CapabilityNotSupported
from ..pacing import Pace, checked_rate
from .pairs import Gate, pause
from .proxy import ProxyStore
from .seam import CHANGES, Seam
from .store import Store

__all__ = ["LimitedStore", "PrefixedStore", "ReadOnlyStore", "ThrottledStore"]

T = TypeVar("T")

CHANGING = frozenset(
    {
        Capability.WRITE,
        Capability.ATOMIC_WRITE,
        Capability.DELETE,
        Capability.MOVE,
        Capability.ATOMIC_MOVE,
        Capability.COPY,
        Capability.USER_METADATA,
        Capability.WRITE_RESULT_NATIVE,
        Capability.CONDITIONAL_WRITE,
    }
)
"""What a read-only store has not."""


class ReadOnlyStore(Seam):
    """A store that can't be changed: whatever would raises CapabilityNotSupported, and it declares none of it.

    Native handles are not given out, and URLs are signed for reading alone.
    """

    def _wrap_child(self, inner_child: Store) -> Store:
        return ReadOnlyStore(inner_child)

    @contextmanager
    def _call(self, operation: str) -> Iterator[None]:
        self._refuse(operation)
        yield

    def _refuse(self, operation: str) -> None:
        if operation in CHANGES:
            self._no(operation)

    def _no(self, operation: str) -> NoReturn:
        raise CapabilityNotSupported(
            f"{operation} is not supported by a read-only store",
            backend=self._inner._backend.name,
            capability=operation,
        )

    def supports(self, capability: Capability) -> bool:
        """Return whether the inner store supports it, and it changes nothing."""
        return capability not in CHANGING and self._inner.supports(capability)

    def unwrap(self, type_hint: type[T]) -> T:
        """Raise CapabilityNotSupported: a native handle could write."""
        self._no("unwrap")


class ThrottledStore(Seam):
    """A store that is used no faster than so many requests and bytes a second, by all its users together.

    Each operation waits for its turn; the opening of a stream or a listing is one. Bytes of both ways count, those
    of a stream as it is read. Reads wait after the bytes have come, writes before they go.
    """

    _counts_bytes = True

    def __init__(
        self, inner: Store, *, requests_per_second: float | None = None, bytes_per_second: float | None = None
    ) -> None:
        super().__init__(inner)
        checked_rate("requests_per_second", requests_per_second)
        checked_rate("bytes_per_second", bytes_per_second)
        self._requests = Pace(requests_per_second) if requests_per_second is not None else None
        self._bytes = Pace(bytes_per_second) if bytes_per_second is not None else None

    def _wrap_child(self, inner_child: Store) -> Store:
        child = ThrottledStore(inner_child)
        child._requests, child._bytes = self._requests, self._bytes
        return child

    @contextmanager
    def _call(self, operation: str) -> Iterator[None]:
        if self._requests is not None:
            pause(self._requests.reserve(1))
        yield

    def _charge(self, count: int) -> None:
        if self._bytes is not None and count:
            pause(self._bytes.reserve(count))


class LimitedStore(Seam):
    """A store with at most so many calls in flight; others wait. Its children share the limit.

    The opening of a stream or a listing is a call, the reading from it is not; `open_atomic` is one for its whole
    block. A call made from within another, such as the reading of content that is being written, needs no second
    place. On the side the limit holds for each event loop.
    """

    def __init__(self, inner: Store, max_calls: int) -> None:
        super().__init__(inner)
        if isinstance(max_calls, bool) or not isinstance(max_calls, int):
            raise TypeError(f"max_calls must be an int, not {type(max_calls).__name__}")
        if max_calls < 1:
            raise ValueError(f"max_calls must be at least 1, not {max_calls}")
        self._max_calls = max_calls
        self._gate = Gate(max_calls)

    def _wrap_child(self, inner_child: Store) -> Store:
        child = LimitedStore(inner_child, self._max_calls)
        child._gate = self._gate
        return child

    def _call(self, operation: str) -> AbstractContextManager[None]:
        return self._gate.place()


class PrefixedStore(ProxyStore):
    """A store's folder as a store of its own, which closes the whole store when it is closed; else as `child`."""

    def __init__(self, store: Store, prefix: str) -> None:
        super().__init__(store.child(prefix))
        self._outer = store

    def _wrap_child(self, inner_child: Store) -> Store:
        return inner_child

    def close(self) -> None:
        self._outer.close()
