"""What saving, committing, loading and collecting share: the store's verbs, the names, the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..._http.budget import ByteBudget
from ..digests import Digest
from ..objects import Objects
from .layout import Layout
from .manifest import Manifest

__all__ = ["Core", "Pointed", "Settings"]

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Settings:
    """How a manager works; sizes in bytes."""

    part_size: int = 64 * MIB
    block_size: int = 4 * MIB
    byte_budget: int = 512 * MIB
    single_committer: bool = False


@dataclass(slots=True)
class Pointed:
    """What LATEST was when it was last read or written here, and its etag."""

    document: dict[str, Any]
    etag: str | None


@dataclass
class Core:
    """One manager's parts on one event loop, but for what is known of manifests, which never change."""

    objects: Objects
    layout: Layout
    digest: Digest
    settings: Settings
    manifests: dict[str, Manifest] = field(default_factory=dict)
    pointed: Pointed | None = None
    can_create: bool | None = None
    """Whether the store is known to create objects only where none are; None before it was asked."""

    def __post_init__(self) -> None:
        self.budget = ByteBudget(self.settings.byte_budget)

    def part_budget(self) -> int:
        """Return what a part takes of the budget: all of it, if a part is larger."""
        return min(self.settings.part_size, self.settings.byte_budget)
