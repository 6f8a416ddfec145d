"""What operations on many keys return."""

from __future__ import annotations

from dataclasses import dataclass

from .._core.errors import RemoteStoreError

__all__ = ["BatchResult"]


@dataclass(frozen=True)
class BatchResult:
    """How each key of a batch came out: `succeeded` in the order given, `failed` with the error of each."""

    succeeded: tuple[str, ...]
    failed: dict[str, RemoteStoreError]

    @property
    def all_succeeded(self) -> bool:
        """Whether no key failed."""
        return not self.failed

    @property
    def total(self) -> int:
        """How many keys were tried."""
        return len(self.succeeded) + len(self.failed)
