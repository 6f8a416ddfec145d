"""Nested mappings and lists with tensors in them: their shape as JSON, their leaves as items of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["leaf_names", "put_together", "taken_apart", "walk_targets"]

MAX_DEPTH = 200
"""Levels: optimizers have five; Python's own recursion ends near 1,000."""

# A node is {"v": JSON value}, {"n": leaf's name}, {"l": [nodes]}, {"t": [nodes]} or {"d": [[key, node], ...]}.


def taken_apart(name: str, value: Any, is_leaf: Callable[[object], bool]) -> tuple[Any, list[tuple[str, Any]]]:
    """Return a value's shape and its leaves by name: the item's name, then the keys and positions, joined by ``/``.

    Keys may be text, integers, floats, booleans or None. Raises TypeError for a value or key of another kind,
    ValueError for a structure that is too deep or contains itself.
    """
    leaves: list[tuple[str, Any]] = []
    return _node(name, value, is_leaf, leaves, 0), leaves


def _node(name: str, value: Any, is_leaf: Callable[[object], bool], leaves: list[tuple[str, Any]], depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise ValueError(f"item {name[:80]!r} is nested too deep, or contains itself")
    if is_leaf(value):
        leaves.append((name, value))
        return {"n": name}
    if value is None or type(value) in (bool, int, float, str):
        return {"v": value}
    if isinstance(value, Mapping):
        rows = [
            [_key(key, name), _node(f"{name}/{key}", child, is_leaf, leaves, depth + 1)] for key, child in value.items()
        ]
        return {"d": rows}
    if type(value) in (list, tuple):
        nodes = [_node(f"{name}/{at}", child, is_leaf, leaves, depth + 1) for at, child in enumerate(value)]
        return {"l" if type(value) is list else "t": nodes}
    raise TypeError(f"{name!r} can't be saved: {type(value).__name__} is no tensor, buffer, number, text, list or dict")


def _key(key: object, name: str) -> Any:
    if key is None or type(key) in (bool, int, float, str):
        return key
    raise TypeError(f"{name!r} has a key that can't be saved: {key!r} is no text or number")


def leaf_names(node: Any) -> list[str]:
    """Return the names of a shape's leaves. Raises ValueError for what is no shape."""
    names: list[str] = []
    _visit(node, names, 0)
    return names


def _visit(node: Any, names: list[str], depth: int) -> None:
    if depth > MAX_DEPTH or not isinstance(node, dict) or len(node) != 1:
        raise ValueError("the tree's shape is spoilt")
    ((kind, content),) = node.items()
    if kind == "n" and isinstance(content, str):
        names.append(content)
    elif kind in ("l", "t") and isinstance(content, list):
        for child in content:
            _visit(child, names, depth + 1)
    elif kind == "d" and isinstance(content, list):
        for row in content:
            if not isinstance(row, list) or len(row) != 2 or isinstance(row[0], (list, dict)):
                raise ValueError("the tree's shape is spoilt")
            _visit(row[1], names, depth + 1)
    elif kind != "v" or isinstance(content, (list, dict)):
        raise ValueError("the tree's shape is spoilt")


def put_together(node: Any, leaf: Callable[[str], Any]) -> Any:
    """Return the value that a shape stands for, with `leaf(name)` in place of each leaf."""
    ((kind, content),) = node.items()
    if kind == "n":
        return leaf(content)
    if kind == "v":
        return content
    if kind == "d":
        return {key: put_together(child, leaf) for key, child in content}
    nodes = [put_together(child, leaf) for child in content]
    return nodes if kind == "l" else tuple(nodes)


def walk_targets(node: Any, value: Any, take: Callable[[str, Any], None]) -> None:
    """Call `take(name, target)` for each leaf of a shape and what stands in its place in `value`.

    Raises KeyError, IndexError or TypeError where `value` has no such place.
    """
    ((kind, content),) = node.items()
    if kind == "n":
        take(content, value)
    elif kind == "d":
        for key, child in content:
            if "v" not in child:
                walk_targets(child, value[key], take)
    elif kind in ("l", "t"):
        for at, child in enumerate(content):
            if "v" not in child:
                walk_targets(child, value[at], take)
