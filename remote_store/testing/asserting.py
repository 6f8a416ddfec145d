"""Assertions that name the values: installed packages have no rewritten ones."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from .._core.errors import RemoteStoreError

__all__ = ["anything", "equal", "raises", "same_items"]


def anything(value: object) -> Any:
    """Return `value` untyped: for arguments that are wrong on purpose."""
    return value


def equal(found: object, wanted: object, what: str) -> None:
    """Fail unless `found` equals `wanted`; long values are shortened in the text."""
    if found != wanted:
        raise AssertionError(f"{what}: got {_short(found)}, wanted {_short(wanted)}")


def same_items(found: Iterable[Any], wanted: Iterable[Any], what: str) -> None:
    """Fail unless both have the same items, each as often, in any order."""
    equal(sorted(found), sorted(wanted), what)


def _short(value: object) -> str:
    text = repr(value)
    size = f" ({len(value)} items)" if isinstance(value, (bytes, str, list)) else ""
    return text if len(text) <= 300 else f"{text[:200]} ... {text[-60:]}{size}"


class raises:  # noqa: N801  # reads as a word of the sentence, as pytest's does
    """A block that must raise `kind`, with each of `texts` in its message, and `path` and `backend` as given.

    The error is kept in `error`. Anything else that is raised passes through, for its traceback tells more.
    """

    def __init__(
        self,
        kind: type[BaseException] | tuple[type[BaseException], ...],
        *texts: str,
        path: str | None = None,
        backend: str | None = None,
        when: str = "",
    ) -> None:
        self._kinds = kind if isinstance(kind, tuple) else (kind,)
        self._texts = texts
        self._path = path
        self._backend = backend
        self._when = f" for {when}" if when else ""
        self.error: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        wanted = " or ".join(each.__name__ for each in self._kinds)
        if error is None:
            raise AssertionError(f"nothing was raised{self._when}; wanted {wanted}")
        if not isinstance(error, self._kinds):
            if isinstance(error, RemoteStoreError):
                raise AssertionError(f"got {error!r}{self._when}; wanted {wanted}") from error
            return False
        self.error = error
        for text in self._texts:
            assert text in str(error), f"{text!r} is not in the text of {error!r}{self._when}"
        if self._path is not None:
            equal(getattr(error, "path", None), self._path, f".path of {error!r}{self._when}")
        if self._backend is not None:
            equal(getattr(error, "backend", None), self._backend, f".backend of {error!r}{self._when}")
        return True
