"""The registry of checks, from which a backend's declarations choose."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from .._core.capability import Capability

if TYPE_CHECKING:
    from .case import Case

__all__ = ["CHECKS", "Check", "Face", "check", "checks_for", "own_check"]


class Face(Enum):
    """Where a check can run."""

    BOTH = "both"
    """On an async backend, and on a blocking one that is called inline: nothing in it waits."""
    LOOP = "loop"
    """Only on an event loop: cancellation, tasks at the same time."""
    SYNC = "sync"
    """Only on a blocking backend: files, seeking, lines."""


@dataclass(frozen=True)
class Check:
    """One sentence of the contract, as a function that raises AssertionError where a backend breaks it.

    `topic` is the module, `name` the function; `section` and `rules` cite CONTRACT. It applies to backends that
    declare all of `needs` and none of `lacks`; `flat` restricts it to flat (True) or hierarchical (False) ones,
    `bare` to bare adapters (True) or to everything else (False).
    """

    topic: str
    name: str
    section: str
    rules: tuple[int, ...]
    function: Callable[[Case], Any]
    needs: frozenset[Capability] = frozenset()
    lacks: frozenset[Capability] = frozenset()
    face: Face = Face.BOTH
    flat: bool | None = None
    bare: bool | None = None

    @property
    def id(self) -> str:
        """``topic-name``, as it stands in a test's id."""
        return f"{self.topic}-{self.name}"

    @property
    def sentence(self) -> str:
        """The sentence of the contract, with its numbers."""
        numbers = ", ".join(map(str, self.rules))
        cited = f"CONTRACT {numbers}" if numbers else self.section
        return f"{cited}: {inspect.getdoc(self.function)}"

    def applies(
        self, capabilities: Collection[Capability], *, blocking: bool = False, flat: bool = False, bare: bool = False
    ) -> bool:
        """Return whether a backend with these declarations has to pass this check."""
        return (
            self.face is not (Face.LOOP if blocking else Face.SYNC)
            and all(capability in capabilities for capability in self.needs)
            and not any(capability in capabilities for capability in self.lacks)
            and self.flat in (None, flat)
            and self.bare in (None, bare)
        )


CHECKS: Final[dict[str, Check]] = {}
"""Every check by its id, in the order of the contract's topics."""


Function: TypeAlias = "Callable[[Case], Any]"


def own_check(
    section: str,
    *rules: int,
    needs: Collection[Capability] = (),
    lacks: Collection[Capability] = (),
    face: Face = Face.BOTH,
    flat: bool | None = None,
    bare: bool | None = None,
) -> Callable[[Function], Check]:
    """Turn the decorated function into a check of one backend's own; the arguments are the fields of `Check`.

    `section` is a part of CONTRACT (``"B4"``) or, without rules, another document's place (``"DECISIONS 15"``).
    """

    def described(function: Function) -> Check:
        topic = function.__module__.rpartition(".")[2]
        return Check(
            topic, function.__name__, section, rules, function, frozenset(needs), frozenset(lacks), face, flat, bare
        )

    return described


def check(section: str, *rules: int, **choice: Any) -> Callable[[Function], Function]:
    """Register the decorated function as a check for all backends; the arguments are those of `own_check`."""

    def register(function: Function) -> Function:
        made = own_check(section, *rules, **choice)(function)
        if made.id in CHECKS:
            raise ValueError(f"two checks are called {made.id}")
        CHECKS[made.id] = made
        return function

    return register


def checks_for(
    capabilities: Collection[Capability], *, blocking: bool = False, flat: bool = False, bare: bool = False
) -> list[Check]:
    """Return the checks that a backend with these declarations has to pass.

    `blocking`: it is a `Backend`, not an `AsyncBackend`. `flat`: it has keys and no folders of its own (S3).
    `bare`: it is an `AsyncBackendSyncAdapter` itself, which opens files with their first byte (CONTRACT 101).
    """
    from . import checks  # noqa: F401  # fills the registry

    return [
        candidate
        for candidate in CHECKS.values()
        if candidate.applies(capabilities, blocking=blocking, flat=flat, bare=bare)
    ]
