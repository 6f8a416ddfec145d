"""The pattern language: what matches, and that an oracle agrees."""

from __future__ import annotations

import fnmatch
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcmatch import glob as wcglob

from remote_store._core.glob import literal_prefix, translate


def matches(pattern: str, key: str) -> bool:
    return translate(pattern).match(key) is not None


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("a.csv", ["a.csv"], ["b/a.csv", "a.csv/b", "aXcsv", "A.csv", "a.csv\n"]),
        ("*.csv", ["a.csv", ".csv", ".hidden.csv"], ["d/a.csv", "a.CSV", "a.csvx"]),
        ("d/*", ["d/a", "d/.a"], ["d", "d/a/b", "e/a"]),
        ("*", ["a", ".a", "a b"], ["a/b"]),
        ("?", ["a", ".", "é", "\n"], ["ab", "a/b", ""]),
        ("a?c", ["abc"], ["a/c", "ac"]),
        ("[abc]", ["a", "c"], ["d", "ab", "A"]),
        ("[a-c]x", ["bx"], ["dx", "-x"]),
        ("[!a-c]x", ["dx", "!x"], ["ax", "/x"]),
        ("[a-]", ["a", "-"], ["b"]),
        ("[a-ax]", ["a", "x"], ["b", "-"]),
        ("[]a]", ["]", "a"], ["b"]),
        ("[!]a]", ["b"], ["]", "a"]),
        ("[^a]", ["^", "a"], ["b"]),
        ("[z-a]", [], ["a", "z", "m", "-"]),
        ("[!z-a]", ["a", "z"], ["/"]),
        ("[+-9]", ["+", "9", "."], ["/"]),
        ("a[+-9]b", ["a.b"], ["a/b"]),
        ("a[!x]b", ["a.b"], ["a/b"]),
        ("a[b", ["a[b"], ["ab"]),
        ("[", ["["], ["a"]),
        ("[]", ["[]"], ["["]),
        ("[!]", ["[!]"], ["a"]),
        ("a[b/c]d", ["a[b/c]d"], ["abd", "a/d"]),
        ("[*]", ["*"], ["a"]),
        ("[**]", ["*"], ["a", "**"]),
        ("**", ["a", "a/b", ".x/y"], [""]),
        ("a/**", ["a/b", "a/b/c", "a/.b"], ["a", "ab", "b/a"]),
        ("**/a", ["a", "x/a", "x/y/a"], ["xa", "a/x"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb", "b"]),
        ("**/*.csv", ["a.csv", "d/a.csv"], ["a.csv/b"]),
        ("**/**", ["a", "a/b"], [""]),
        ("**/a/**", ["a/b", "x/a/b", "x/a/b/c"], ["a", "x/a"]),
        ("**/d/**/*.py", ["d/a.py", "x/d/y/z/a.py", "d/d/d.py"], ["a.py", "d.py", "xd/a.py"]),
        ("*a*b*", ["ab", "xaxbx", "aab"], ["ba", "a/b"]),
        ("{a,b}", ["{a,b}"], ["a", "b"]),
        ("a.b+c(d)|e$^", ["a.b+c(d)|e$^"], ["aXb+c(d)|e$^"]),
        ("~x", ["~x"], ["x"]),
        ("/a", ["a"], ["x/a"]),
        ("./a//b", ["a/b"], ["a"]),
        ("a/", [], ["a", "a/b"]),
        ("../a", [], ["a", "x/a"]),
    ],
)
def test_a_pattern_matches_whole_keys(pattern: str, yes: list[str], no: list[str]) -> None:
    """CONTRACT 66."""
    assert [key for key in yes if not matches(pattern, key)] == []
    assert [key for key in no if matches(pattern, key)] == []


@pytest.mark.parametrize("pattern", ["a**", "**a", "a**/b", "x/**.py", "***", "**/***", "a/b**c/d", "[a]**", "?**"])
def test_two_stars_glued_to_anything_are_refused(pattern: str) -> None:
    """CONTRACT 66."""
    with pytest.raises(ValueError, match="must be a complete path segment"):
        translate(pattern)
    with pytest.raises(ValueError, match="must be a complete path segment"):
        literal_prefix(pattern)


@pytest.mark.parametrize("pattern", ["", "/", "//", ".", "./"])
def test_an_empty_pattern_is_refused(pattern: str) -> None:
    """CONTRACT 66: it could match nothing; the text tells what matches everything."""
    with pytest.raises(ValueError, match=r"empty.*'\*\*'"):
        translate(pattern)


@pytest.mark.parametrize("pattern", [b"*", 3, None, Path("a")])
def test_a_pattern_is_a_str(pattern: Any) -> None:
    """RELIABILITY: wrong types are a TypeError."""
    with pytest.raises(TypeError, match="str"):
        translate(pattern)


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        ("*.csv", ""),
        ("a.csv", ""),
        ("data/a.csv", "data"),
        ("data/2024/*.csv", "data/2024"),
        ("data/20*/x/*.csv", "data"),
        ("data/**/x/y", "data"),
        ("data/**", "data"),
        ("**", ""),
        ("**/data/x", ""),
        ("a[b/c/*", "a[b/c"),
        ("a[*]/b[?]/*", "a*/b?"),
        ("a[xy]/b/*", ""),
        ("/data/./x/*", "data/x"),
    ],
)
def test_the_literal_prefix_is_the_folder_to_list(pattern: str, prefix: str) -> None:
    """CONTRACT 132: the longest folder without a wildcard."""
    assert literal_prefix(pattern) == prefix


# Oracles

SEGMENT = st.text(alphabet="ab.-]", min_size=1, max_size=4).filter(lambda text: text not in (".", ".."))
KEY = st.lists(SEGMENT, min_size=1, max_size=5).map("/".join)
PIECE = st.one_of(
    st.sampled_from(["*", "?", "[ab]", "[!a]", "[a-b]", "[]a]", "[!]b]", "[b-a]", "[", "[!", "[-a]"]),
    st.text(alphabet="ab.-]!", max_size=2),
)
PATTERN_SEGMENT = (
    st.lists(PIECE, min_size=1, max_size=4).map("".join).filter(lambda text: text not in ("", ".") and "**" not in text)
)
PATTERN = st.lists(st.one_of(PATTERN_SEGMENT, st.just("**")), min_size=1, max_size=5).map("/".join)


def reference(pattern: list[str], key: list[str]) -> bool:
    """CONTRACT 66 written as plainly as it goes: segments by the standard library, ``**`` by trying everything."""
    if not pattern:
        return not key
    if pattern == ["**"]:
        return bool(key)
    if pattern[0] == "**":
        return any(reference(pattern[1:], key[cut:]) for cut in range(len(key) + 1))
    return bool(key) and fnmatch.fnmatchcase(key[0], pattern[0]) and reference(pattern[1:], key[1:])


@given(PATTERN, KEY)
def test_the_reference_agrees(pattern: str, key: str) -> None:
    """CONTRACT 66: the same answer as fnmatch a segment and brute force over ``**``."""
    assert matches(pattern, key) == reference(pattern.split("/"), key.split("/"))


@given(PATTERN_SEGMENT, SEGMENT)
def test_within_a_segment_fnmatch_agrees(pattern: str, name: str) -> None:
    """CONTRACT 66."""
    assert matches(pattern, name) == fnmatch.fnmatchcase(name, pattern)


WC_SEGMENT = st.lists(st.sampled_from(["*", "?", "[ab]", "[!a]", "a", "b", "."]), min_size=1, max_size=4).map("".join)
WC_PATTERN = st.lists(
    st.one_of(WC_SEGMENT.filter(lambda text: "**" not in text and text.strip(".")), st.just("**")),
    min_size=1,
    max_size=4,
).map("/".join)


@given(WC_PATTERN, KEY)
def test_wcmatch_agrees(pattern: str, key: str) -> None:
    """CONTRACT 66, CONVENTIONS: wcmatch's rules, except that a final ``**`` is not the folder itself."""
    flags = wcglob.GLOBSTAR | wcglob.DOTGLOB | wcglob.CASE | wcglob.FORCEUNIX
    # "a/**" means "below a" here: that is wcmatch's "a/**/*".
    theirs = f"{pattern}/*" if pattern.endswith("**") else pattern
    assert matches(pattern, key) == wcglob.globmatch(key, theirs, flags=flags)


@given(PATTERN, KEY)
def test_every_match_lies_below_the_literal_prefix(pattern: str, key: str) -> None:
    """CONTRACT 132: listing only that folder loses nothing."""
    prefix = literal_prefix(pattern)
    if matches(pattern, key) and prefix:
        assert key.startswith(prefix + "/")


@given(st.text(min_size=1, max_size=12), st.text(max_size=12))
def test_any_text_translates_or_is_refused(pattern: str, key: str) -> None:
    """CONTRACT 66: no pattern gives a broken expression, none matches across its literal text."""
    try:
        compiled = translate(pattern)
    except ValueError:
        return
    assert isinstance(compiled, re.Pattern)
    assert bool(compiled.match(key)) == bool(compiled.fullmatch(key))


@given(st.text(alphabet="ab*?[]!-.", min_size=1, max_size=8).filter(lambda text: text != "."))
def test_a_quoted_name_matches_itself(name: str) -> None:
    """CONTRACT 66: ``[*]``, ``[?]`` and ``[[]`` are the characters themselves."""
    quoted = re.sub(r"([*?[])", r"[\1]", name)
    assert matches(quoted, name)
    assert literal_prefix(f"{quoted}/*") == name


@pytest.mark.parametrize("pattern", ["*.txt", "*", "d/*", "**/*.txt", "d/**/c*", "?.txt", "[ab].txt", "d/e/../*"])
def test_pathlib_finds_the_same_files(tmp_path: Path, pattern: str) -> None:
    """CONTRACT 66: on a real tree, where pathlib's rules are the same."""
    keys = ["a.txt", "b.txt", "c.md", "d/a.txt", "d/c", "d/e/c.txt", "d/e/f/c", ".h.txt", ".h/c.txt"]
    for key in keys:
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).touch()
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.glob(pattern) if path.is_file()}
    ours = {key for key in keys if matches(pattern, key)}
    assert ours == {key for key in found if ".." not in key}


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("*a" * 40 + "b", "a" * 2000),
        ("**/a/" * 40 + "b", "a/" * 1000 + "a"),
        ("**/*a*a*a*/" * 10 + "b", "aaaa/" * 500 + "a"),
    ],
)
def test_a_hostile_pattern_is_answered_soon(pattern: str, key: str) -> None:
    """RELIABILITY: no pattern takes exponential time (2 s here is a thousand times what it needs)."""
    start = time.perf_counter()
    assert not matches(pattern, key)
    assert time.perf_counter() - start < 2
