"""What a pickle would do, found out without doing it: limits that the unpickler itself does not have.

Nested tuples, once hashed, overflow the C stack; a memo index of 2**32 takes 32 GiB; BUILD on a class changes it for
the whole process; extension codes bypass `find_class`. The pickle is walked through opcode by opcode
(https://docs.python.org/3/library/pickletools.html), with the depth of each value on the stack in place of the value.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

__all__ = ["MAX_DEPTH", "MAX_OPCODES", "check"]

MAX_DEPTH = 200
"""Tuples inside tuples; a real checkpoint has 3."""
MAX_OPCODES = 100_000_000
"""Steps of a pickle: two million items take as many."""

STOP, BINGET, MEMOIZE = ord("."), ord("h"), 0x94

CLASS = -1
"""Stands on the stack for what `find_class` would give."""

# Arguments: bytes that follow the opcode, bytes that say how many follow, or lines of text

_FIXED = {
    1: "K h q \x80 \x82", 2: "M \x83", 4: "J j r \x84", 8: "G \x95",
    0: "( . 0 1 2 N \x88 \x89 ] ) } \x8f a e s u \x90 \x91 l d t \x85 \x86 \x87 b R \x81 \x92 \x93 \x94 o Q \x97 \x98",
}  # fmt: skip
_PREFIXED = {1: "\x8c U C \x8a", 4: "X B T \x8b", 8: "\x8d \x8e \x96"}
_LINES = {1: "F I L S V g p P", 2: "c i"}

_REFUSED = {
    "P": "a persistent id", "Q": "a persistent id", "i": "INST", "o": "OBJ", "\x97": "an out-of-band buffer",
    "\x98": "an out-of-band buffer", "\x82": "an extension code", "\x83": "an extension code", "\x84": "an extension code",
}  # fmt: skip

_LEAVES = "K M J G N \x88 \x89 ] ) } \x8f \x8c U C \x8a X B T \x8b \x8d \x8e \x96 F I L S V"


def _codes(text: str) -> list[int]:
    return [ord(code) for code in text.split(" ")]  # not split(): \x85 is a line end to it


_SIZES: list[int | None] = [None] * 256
_PREFIXES = {code: size for size, text in _PREFIXED.items() for code in _codes(text)}
_LINE_COUNTS = {code: count for count, text in _LINES.items() for code in _codes(text)}
for _size, _text in _FIXED.items():
    for _code in _codes(_text):
        _SIZES[_code] = _size

_IS_LEAF = [code in frozenset(_codes(_LEAVES)) for code in range(256)]
_IS_REFUSED = {ord(code): what for code, what in _REFUSED.items()}


def check(data: bytes, *, max_depth: int = MAX_DEPTH, max_opcodes: int = MAX_OPCODES) -> None:
    """Raise pickle.UnpicklingError for a pickle that is broken, too deep, too long or underhand."""
    walk = _Walk(data, max_depth)
    try:
        ended = walk.run(max_opcodes)
    except (IndexError, KeyError, ValueError):
        raise pickle.UnpicklingError(f"the pickle is broken or cut off near byte {walk.position}") from None
    if not ended:
        raise pickle.UnpicklingError(f"the pickle has more than {max_opcodes} steps")


class _Walk:
    """A pickle machine whose values are depths."""

    def __init__(self, data: bytes, max_depth: int) -> None:
        self._data = data
        self._max_depth = max_depth
        self.position = 0
        self._stack: list[int] = []
        self._marks: list[int] = []
        self._memo: dict[int, int] = {}

    def run(self, max_opcodes: int) -> bool:
        """Go from opcode to opcode; true at the end, false after too many."""
        # One loop with what it needs at hand: calls for each opcode would make ten thousand items take a second.
        data, stack, memo, sizes, leaves, effects = self._data, self._stack, self._memo, _SIZES, _IS_LEAF, _EFFECTS
        at = 0
        for _ in range(max_opcodes):
            code = data[at]
            size = sizes[code]
            start = at + 1
            if size is None:
                self.position = at
                start, at = self._long_argument(code, start)
            else:
                at = start + size
            if leaves[code]:
                stack.append(0)
            elif code == MEMOIZE:
                memo[len(memo)] = stack[-1]
            elif code == BINGET:
                stack.append(memo[data[start]])
            elif code == STOP:
                return at <= len(data)
            else:
                self.position = at
                effect = effects.get(code)
                if effect is None:
                    raise pickle.UnpicklingError(
                        f"the pickle uses {_IS_REFUSED.get(code, f'an unknown opcode {code:#x}')}"
                    )
                effect(self, data[start:at])
        return False

    def _long_argument(self, code: int, at: int) -> tuple[int, int]:
        """Return where an argument begins and where the next opcode does."""
        width = _PREFIXES.get(code)
        if width is not None:
            return at, at + width + int.from_bytes(self._data[at : at + width], "little")
        start = at
        for _ in range(_LINE_COUNTS[code]):
            start, at = at, self._data.index(b"\n", at) + 1
        return start, at

    # Effects

    def nothing(self, _: bytes) -> None:
        pass

    def mark(self, _: bytes) -> None:
        self._marks.append(len(self._stack))

    def pop(self, _: bytes) -> None:
        if self._marks and self._marks[-1] == len(self._stack):
            self._marks.pop()
        else:
            self._stack.pop()

    def pop_mark(self, _: bytes) -> None:
        del self._stack[self._marks.pop() :]

    def dup(self, _: bytes) -> None:
        self._stack.append(self._stack[-1])

    def put(self, argument: bytes) -> None:
        self._remember(self._number(argument))

    def put_text(self, argument: bytes) -> None:
        self._remember(_index(argument))

    def _remember(self, index: int) -> None:
        if not 0 <= index <= self.position:
            raise pickle.UnpicklingError(f"the pickle's memo has an absurd index: {index}")
        self._memo[index] = self._stack[-1]

    def get(self, argument: bytes) -> None:
        self._stack.append(self._memo[self._number(argument)])

    def get_text(self, argument: bytes) -> None:
        self._stack.append(self._memo[_index(argument)])

    @staticmethod
    def _number(argument: bytes) -> int:
        return int.from_bytes(argument, "little")

    def found(self, _: bytes) -> None:
        self._stack.append(CLASS)

    def found_by_stack(self, _: bytes) -> None:
        del self._stack[-2:]
        self._stack.append(CLASS)

    def wrap(self, count: int) -> None:
        parts = self._stack[-count:]
        if len(parts) < count:
            raise IndexError
        del self._stack[-count:]
        self._push(max(parts) + 1)

    def wrap_marked(self, _: bytes) -> None:
        start = self._marks.pop()
        self._push(max(self._stack[start:], default=0) + 1, start)

    def _push(self, depth: int, start: int | None = None) -> None:
        if depth > self._max_depth:
            raise pickle.UnpicklingError(f"the pickle is nested deeper than {self._max_depth}")
        if start is not None:
            del self._stack[start:]
        self._stack.append(depth)

    def fill_marked(self, _: bytes) -> None:
        del self._stack[self._marks.pop() :]
        self._refuse_class(self._stack[-1])

    def fill(self, count: int) -> None:
        del self._stack[-count:]
        self._refuse_class(self._stack[-1])

    def _refuse_class(self, target: int) -> None:
        if target == CLASS:
            raise pickle.UnpicklingError("the pickle changes a class")

    def call(self, count: int) -> None:
        arguments = self._stack[-count:]
        del self._stack[-count:]
        if self._stack.pop() != CLASS:
            raise pickle.UnpicklingError("the pickle calls what is no class")
        self._push(max(0, *arguments) + 1)


def _index(text: bytes) -> int:
    """Return a number from its text, short as it must be: a long one takes minutes to read."""
    return int(text[:12])


_EFFECTS: dict[int, Callable[[Any, bytes], None]] = {
    0x80: _Walk.nothing, 0x95: _Walk.nothing,
    ord("("): _Walk.mark, ord("0"): _Walk.pop, ord("1"): _Walk.pop_mark, ord("2"): _Walk.dup,
    ord("q"): _Walk.put, ord("r"): _Walk.put, ord("p"): _Walk.put_text,
    ord("j"): _Walk.get, ord("g"): _Walk.get_text,
    ord("c"): _Walk.found, 0x93: _Walk.found_by_stack,
    0x85: lambda walk, _: walk.wrap(1), 0x86: lambda walk, _: walk.wrap(2), 0x87: lambda walk, _: walk.wrap(3),
    ord("t"): _Walk.wrap_marked, ord("l"): _Walk.wrap_marked, ord("d"): _Walk.wrap_marked, 0x91: _Walk.wrap_marked,
    ord("e"): _Walk.fill_marked, ord("u"): _Walk.fill_marked, 0x90: _Walk.fill_marked,
    ord("a"): lambda walk, _: walk.fill(1), ord("s"): lambda walk, _: walk.fill(2), ord("b"): lambda walk, _: walk.fill(1),
    ord("R"): lambda walk, _: walk.call(1), 0x81: lambda walk, _: walk.call(1), 0x92: lambda walk, _: walk.call(2),
}  # fmt: skip
