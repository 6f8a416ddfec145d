"""What a run over a tree gives: counts, differences, and the errors of single files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self, TypeAlias

__all__ = ["OnEvent", "Progress", "TreeCheck", "TreeError", "TreeEvent", "TreeReport"]


@dataclass
class TreeReport:
    """How many files were copied, skipped (they were there) and deleted, how many failed; bytes that were copied.

    With `dry_run` nothing was done, and these are what would have been. `kept` counts the files of the target that
    `delete` would have removed had nothing failed.
    """

    copied: int = 0
    skipped: int = 0
    deleted: int = 0
    failed: int = 0
    kept: int = 0
    bytes: int = 0
    dry_run: bool = False


@dataclass
class TreeCheck:
    """How two trees differ: keys that the target lacks, that only it has, and whose bytes differ; how many are equal."""

    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    equal: int = 0

    @property
    def matches(self) -> bool:
        """Whether there is no difference."""
        return not (self.missing or self.extra or self.different)


@dataclass(frozen=True, slots=True)
class TreeEvent:
    """One file is done with: `action` is ``"copy"``, ``"skip"``, ``"delete"``, ``"keep"`` or ``"fail"``."""

    action: str
    key: str
    size: int = 0
    error: Exception | None = None


OnEvent: TypeAlias = Callable[[TreeEvent], None]
Progress: TypeAlias = Callable[[int, int, str], None]
"""Called with the bytes done, the bytes known of so far, and the key."""


class TreeError(ExceptionGroup[Exception]):
    """Some files failed; the others were done. `report` has the counts, the exceptions are those of the files."""

    report: TreeReport

    def __new__(cls, text: str, errors: Sequence[Exception], report: TreeReport) -> Self:
        group = super().__new__(cls, text, errors)
        group.report = report
        return group

    def __init__(self, text: str, errors: Sequence[Exception], report: TreeReport) -> None:
        super().__init__(text, errors)

    def derive(self, errors: Sequence[Exception]) -> TreeError:  # type: ignore[override]  # as ExceptionGroup's own
        """Return a group of other errors with the same report."""
        return TreeError(self.message, errors, self.report)
