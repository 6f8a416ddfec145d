"""The pattern language of `glob`, as regular expressions over whole keys (CONTRACT 66).

A pattern is cut into segments at ``/`` and at each ``**`` into blocks of segments. Text before a ``*``, and a block
before a ``**``, is taken at the first place where it fits and never given back (atomic groups): with wildcards that
is as good as any later place, and it keeps a hostile pattern from taking exponential time.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["literal_prefix", "translate"]


@lru_cache(maxsize=256)
def translate(pattern: str) -> re.Pattern[str]:
    """Return the compiled form of `pattern`; its ``match(key)`` is true when the whole key fits.

    Case-sensitive; ``*`` and ``?`` stay within a segment; ``[abc]``, ``[a-z]``, ``[!abc]``; an unclosed ``[`` and a
    ``]`` first in a class are literal; ``**/`` is zero or more folders, a final ``**`` everything below. Leading
    dots are ordinary, there are no braces. Empty and ``.`` segments vanish, as they do in keys; a pattern with a
    ``/`` at its end fits no file.

    Raises ValueError for an empty pattern and for ``**`` glued to other characters, TypeError for no str.
    """
    blocks = _blocks(pattern)
    if pattern.endswith("/"):
        return re.compile(r"(?!)")
    first, *rest = ["/".join(_segment_regex(tokens) for tokens in block) for block in blocks]
    if not rest:
        return re.compile(rf"(?s:{first})\Z")
    *middle, last = rest
    head = f"{first}/" if first else ""
    body = "".join(rf"(?>(?:[^/]++/)*?{block}/)" for block in middle)
    return re.compile(rf"(?s:{head}{body}(?:[^/]++/)*{last})\Z")


def literal_prefix(pattern: str) -> str:
    """Return the longest folder that every match lies below; ``""`` for the root.

    ``"data/2024/*.csv"`` gives ``"data/2024"``, ``"data/x.csv"`` gives ``"data"``. Raises as `translate` does.
    """
    first, *rest = _blocks(pattern)
    folders = first if rest else first[:-1]
    names: list[str] = []
    for tokens in folders:
        if any(kind != _LITERAL for kind, _ in tokens):
            break
        names.append("".join(text for _, text in tokens))
    return "/".join(names)


# Blocks: the segments between one "**" and the next

_Token = tuple[str, str]  # what it is, and its text: literal characters, or the regular expression of a class
_LITERAL, _ANY, _STAR, _CLASS = "literal", "any", "star", "class"
_ANYTHING: list[_Token] = [(_STAR, "*")]


def _blocks(pattern: str) -> list[list[list[_Token]]]:
    """Cut a pattern at its ``**`` segments; one block means that it has none, and only the first may be empty."""
    if not isinstance(pattern, str):
        raise TypeError(f"a glob pattern must be a str, not {type(pattern).__name__}")
    segments = [segment for segment in pattern.split("/") if segment not in ("", ".")]
    if not segments:
        raise ValueError(f"glob pattern {pattern!r} is empty; '**' stands for every file")
    blocks: list[list[list[_Token]]] = [[]]
    for position, segment in enumerate(segments):
        if segment != "**":
            blocks[-1].append(_tokens(segment, pattern))
        elif blocks[-1] or position == 0:  # "**/**" is "**"
            blocks.append([])
    if not blocks[-1]:
        blocks[-1].append(_ANYTHING)  # a final "**" is "**/*"
    return blocks


# Segments: what stands between two slashes


def _tokens(segment: str, pattern: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(segment):
        token, at = _token_at(segment, at)
        if token[0] == _STAR and tokens and tokens[-1][0] == _STAR:
            raise ValueError(f"'**' in glob pattern {pattern!r} must be a complete path segment")
        tokens.append(token)
    return tokens


def _token_at(segment: str, at: int) -> tuple[_Token, int]:
    """Return the token that starts at `at`, and where the next one starts."""
    character = segment[at]
    if character == "*":
        return (_STAR, "*"), at + 1
    if character == "?":
        return (_ANY, "?"), at + 1
    if character == "[":
        # The first character of a class, after an optional "!", is never its end.
        start = at + 2 if segment.startswith("!", at + 1) else at + 1
        end = segment.find("]", start + 1)
        if end > 0:
            return _class_token(segment[start:end], negated=start == at + 2), end + 1
    return (_LITERAL, character), at + 1


def _class_token(content: str, *, negated: bool) -> _Token:
    if len(content) == 1 and not negated:
        return _LITERAL, content  # "[*]" is how a star is quoted
    items = "".join(_class_items(content))
    if not items:  # nothing but reversed ranges
        return _CLASS, "[^/]" if negated else "(?!)"
    # No class crosses "/", which a range such as [+-9] would.
    return _CLASS, f"[^/{items}]" if negated else f"(?!/)[{items}]"


def _class_items(content: str) -> list[str]:
    """Return the members of a class, quoted; a reversed range has none."""
    items: list[str] = []
    at = 0
    while at < len(content):
        if content[at + 1 : at + 2] == "-" and at + 2 < len(content):
            low, high = content[at], content[at + 2]
            items += [f"{re.escape(low)}-{re.escape(high)}"] if low <= high else []
            at += 3
        else:
            items.append(re.escape(content[at]))
            at += 1
    return items


def _segment_regex(tokens: list[_Token]) -> str:
    """Return the expression for one segment; it never matches an empty one, for keys have none."""
    if tokens == _ANYTHING:
        return "[^/]+"
    runs = [""]
    for kind, text in tokens:
        if kind == _STAR:
            runs.append("")
        else:
            runs[-1] += "[^/]" if kind == _ANY else re.escape(text) if kind == _LITERAL else text
    first, *rest = runs
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>[^/]*?{run})" for run in middle) + f"[^/]*{last}"
