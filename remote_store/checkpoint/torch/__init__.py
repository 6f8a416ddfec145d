"""PyTorch's distributed checkpoint over any store; the only package here that imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._core.lazy import lazily

if TYPE_CHECKING:
    from .filesystem import FileSystem
    from .reader import FsspecReader
    from .unpickling import add_safe_globals
    from .writer import FsspecWriter, SerializationFormat

__all__ = ["FileSystem", "FsspecReader", "FsspecWriter", "SerializationFormat", "add_safe_globals"]

try:
    import torch as _torch  # noqa: F401  # asked for here, so that the error names the extra whatever name was wanted
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ImportError(
        "PyTorch is missing; install it with: pip install 'remote-store-aio[torch]'", name="torch"
    ) from error

_HOMES = {
    f"{__name__}.filesystem": ["FileSystem"],
    f"{__name__}.reader": ["FsspecReader"],
    f"{__name__}.writer": ["FsspecWriter", "SerializationFormat"],
    f"{__name__}.unpickling": ["add_safe_globals"],
}

if not TYPE_CHECKING:  # or checkers would take any misspelt name for Any
    __getattr__, __dir__ = lazily(__name__, _HOMES)
