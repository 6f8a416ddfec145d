"""What a manager is made of, whichever face it has."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from ..._bridge.portal import Portal
from ..._core.seconds import checked_seconds
from ..digests import digest_for_writing
from ..objects import objects_of
from .background import Background
from .core import Settings
from .durable import durable, durable_options
from .engine import Engine
from .layout import Layout
from .manifest import Manifest
from .retention import Retention

__all__ = ["ManagerBase", "OnPending"]

OnPending = Literal["wait", "skip", "raise"]


class ManagerBase:
    """The parts of a manager. Nothing is opened before it is needed, and nothing has to be closed before a fork."""

    _open: ClassVar[Callable[..., Any]]

    def _set_up(self, arguments: dict[str, Any]) -> None:
        self._arguments = arguments
        _check(arguments)
        store, root = arguments["store"], arguments["root"]
        self._root = Layout(root).root
        self._retention = Retention(
            **{name: arguments[name] for name in ("keep_last", "keep_every", "keep_best", "best_by", "best_mode")}
        )
        self._digest = digest_for_writing(arguments["checksum"])
        self._settings = Settings(
            **{name: arguments[name] for name in ("part_size", "block_size", "byte_budget", "single_committer")}
        )
        self._stage_budget: int | None = arguments["stage_budget"]
        self._on_pending: OnPending = arguments["on_pending"]
        self._owned: Any = None
        if isinstance(store, (str, os.PathLike)):
            self._owned = store = type(self)._open(store, **durable_options(store))
        self._objects = objects_of(durable(store))
        self._manifests: dict[str, Manifest] = {}
        self._portal = Portal(type(self).__name__)
        self._engine = self._new_engine()
        in_background = self._new_engine()
        self._background = Background(
            self._portal, lambda: in_background, arguments["max_pending"], arguments["exit_timeout"]
        )

    def _new_engine(self) -> Engine:
        return Engine(
            self._objects, self._root, self._digest, self._settings, self._retention, self._manifests
        )  # fmt: skip

    def _fits(self, size: int) -> bool:
        """Whether a state of that many bytes may be staged."""
        return self._stage_budget is None or size <= self._stage_budget

    def _close_portal(self, timeout: float) -> None:
        self._portal.close(_nothing, timeout, for_good=True)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[type, dict[str, Any]]]:
        return (_rebuilt, (type(self), self._arguments))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._arguments['store']!r}, {self._root!r})"


async def _nothing() -> None:
    """Have nothing to do before the loop's end."""


def _rebuilt(cls: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    rest = dict(arguments)
    return cls(rest.pop("store"), rest.pop("root"), **rest)


def _check(arguments: dict[str, Any]) -> None:
    for name in ("part_size", "block_size", "byte_budget", "max_pending", "stage_budget"):
        value = arguments[name]
        if value is None and name == "stage_budget":
            continue
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} must be an int, not {type(value).__name__}")
        if value < (0 if name == "stage_budget" else 1):
            raise ValueError(f"{name} must be >= 1, not {value}")
    if arguments["on_pending"] not in ("wait", "skip", "raise"):
        raise ValueError(f"on_pending must be 'wait', 'skip' or 'raise', not {arguments['on_pending']!r}")
    checked_seconds(arguments["exit_timeout"], "exit_timeout")
