"""The conformance kit: the contract as checks, for the backends here and for yours.

With pytest, `ConformanceSuite` is all there is to know. Without it, take `checks_for` what the backend declares, and
`run` each on a `Case` with a fresh backend, inside an event loop of your own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .case import BackDoor, CannotArrange, Case
from .registry import Check, Face, checks_for, own_check
from .running import run

if TYPE_CHECKING:
    from .suite import ConformanceSuite

__all__ = ["BackDoor", "CannotArrange", "Case", "Check", "ConformanceSuite", "Face", "checks_for", "own_check", "run"]


def __getattr__(name: str) -> Any:
    if name == "ConformanceSuite":
        from .suite import ConformanceSuite  # only here is pytest needed

        return ConformanceSuite
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
