"""Making a backend from its type name with options."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .._core.errors import InvalidConfig
from .._core.profiles import option_from_text
from .._core.suggest import unknown
from .plugins import BackendClass, Face, backend_class

__all__ = ["Signature", "build", "label_of", "signature_of"]

_KINDS: dict[str, type[bool | int | float]] = {"bool": bool, "int": int, "float": float}


def build(what: str | BackendClass, options: Mapping[str, Any], face: Face) -> Any:
    """Return a new backend of a type (by name or class), made with `options`.

    A text for a parameter that takes a number or a truth value is converted: environment variables and URLs have
    nothing but texts. Raises InvalidConfig for an unknown type or option (with the nearest name), for a text that
    doesn't fit, and where the constructor raises TypeError; its other errors come as they are.
    """
    cls = backend_class(what, face) if isinstance(what, str) else what
    label = label_of(what)
    signature = signature_of(cls)
    signature.check(options, label)
    fitted = {name: signature.fitted(name, value) for name, value in options.items()}
    try:
        return cls(**fitted)
    except TypeError as error:
        raise InvalidConfig(f"Invalid options for backend type {label!r}: {error}") from error


def label_of(what: str | BackendClass) -> str:
    """Return the name of a type for a message."""
    if isinstance(what, str):
        return what
    return str(getattr(what, "type_name", getattr(what, "__name__", what)))


@dataclass(frozen=True)
class Signature:
    """What a backend's constructor takes: annotations and defaults by parameter, and whether it takes any other name."""

    annotations: Mapping[str, str]
    defaults: Mapping[str, Any]
    takes_any: bool

    @property
    def required(self) -> tuple[str, ...]:
        """The parameters without a default, in order."""
        return tuple(name for name in self.annotations if name not in self.defaults)

    def check(self, options: Iterable[str], label: str) -> None:
        """Raise InvalidConfig for the first option that the constructor doesn't know."""
        for name in options:
            if name not in self.annotations and not self.takes_any:
                raise InvalidConfig(
                    f"Invalid options for backend type {label!r}: {unknown('option', name, self.annotations)}"
                )

    def fitted(self, name: str, value: Any) -> Any:
        """Return `value`, a text converted where the parameter takes no text but a number or a truth value."""
        if not isinstance(value, str):
            return value
        names = [part.strip() for part in re.split(r"[|,\[\]]", self.annotations.get(name, ""))]
        kinds = [kind for kind in _KINDS if kind in names]
        others = set(names) - {*_KINDS, "None", "Optional", "Union", ""}
        return option_from_text(name, value, _KINDS[kinds[0]]) if kinds and not others else value


def signature_of(cls: BackendClass) -> Signature:
    """Return what `cls` takes; one that can't be looked into takes anything."""
    try:
        parameters = inspect.signature(cls).parameters.values()
    except (TypeError, ValueError):
        return Signature({}, {}, takes_any=True)
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    named = [entry for entry in parameters if entry.kind in by_name]
    return Signature(
        # As texts: evaluating them would need names that a class imports for type checkers only.
        annotations={entry.name: _text(entry.annotation) for entry in named},
        defaults={entry.name: entry.default for entry in named if entry.default is not inspect.Parameter.empty},
        takes_any=any(entry.kind is inspect.Parameter.VAR_KEYWORD for entry in parameters),
    )


def _text(annotation: object) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
