"""RELIABILITY "Bad inputs": paths, names that clash, Unicode. Refused with nothing changed, or a correct round trip."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest

from remote_store._core.errors import AlreadyExists, CapabilityNotSupported, DirectoryNotEmpty, InvalidPath, NotFound
from tests.badinput.faces import Face, refusal

REFUSED: dict[str, Any] = {
    "up": "../x",
    "up twice": "a/../../x",
    "only up": "..",
    "up inside": "a/../b",
    "up at the end": "a/..",
    "up by backslash": "a\\..\\b",
    "dot": ".",
    "dot slash": "./",
    "empty": "",
    "slash": "/",
    "slashes": "///",
    "backslash": "\\",
    "NUL": "a\0b",
    "only NUL": "\0",
    "256 bytes": "x" * 256,
    "256 bytes of UTF-8": "é" * 128,
    "256 bytes in the middle": f"a/{'x' * 256}/b",
    "lone surrogate": "a\ud800b",
    "not by a byte": "a\udfff",
}
NO_STR: list[Any] = [None, 5, b"f", PurePosixPath("f"), ["f"]]
KEPT = {
    "dot inside": ("a/./b", "a/b"),
    "two slashes": ("a//b", "a/b"),
    "absolute": ("/abs", "abs"),
    "slash at the end": ("a/b/", "a/b"),
    "backslash": ("a\\b", "a/b"),
    "UNC": ("\\\\host\\share", "host/share"),
    "newline": ("a\nb", "a\nb"),
    "carriage return": ("a\rb", "a\rb"),
    "tab": ("a\tb", "a\tb"),
    "drive": ("C:x", "C:x"),
    "home": ("~/x", "~/x"),
    "percent": ("%2e%2e/x", "%2e%2e/x"),
    "percent NUL": ("%00", "%00"),
    "percent twice": ("%252e%252e", "%252e%252e"),
    "blanks": (" a ", " a "),
    "1,025 bytes": ("/".join(["x" * 204] * 5) + "y", "/".join(["x" * 204] * 5) + "y"),
    "reserved": ("con/NUL.txt", "con/NUL.txt"),
    "trailing dot": ("a.", "a."),
    "stream": ("a:b", "a:b"),
    "three dots": ("...", "..."),
    "like a part": ("a.part", "a.part"),
    "like our hidden ones": (".~tmp.a.0123", ".~tmp.a.0123"),
    "url": ("a?b#c+d&e;f=g", "a?b#c+d&e;f=g"),
    "glob": ("*[]{}!", "*[]{}!"),
    "quotes": ("'\"`", "'\"`"),
    "dash": ("-rf", "-rf"),
    "NFC": ("\u00e9", "\u00e9"),
    "NFD": ("e\u0301", "e\u0301"),
    "BOM": ("\ufeffa", "\ufeffa"),
    "RTL override": ("a\u202eb", "a\u202eb"),
    "joiner": ("a\u200db", "a\u200db"),
    "emoji": ("😀", "😀"),
    "U+FFFF": ("\uffff", "\uffff"),
    "full-width slash": ("a／b", "a／b"),
    "dot look-alikes": ("․․/x", "․․/x"),
    "combining flood": ("e" + "\u0301" * 100, "e" + "\u0301" * 100),
}
FILE_METHODS: dict[str, tuple[Any, ...]] = {
    "read": (),
    "read_bytes": (),
    "read_text": (),
    "read_into": (bytearray(1),),
    "read_ranges": ([(0, 1)],),
    "write": (b"x",),
    "write_text": ("x",),
    "write_atomic": (b"x",),
    "delete": (),
    "get_file_info": (),
    "head": (),
    "child": (),
    "move": ("elsewhere",),
    "copy": ("elsewhere",),
}
FOLDER_METHODS = ["exists", "is_file", "is_folder", "list_files", "list_folders", "iter_children", "get_folder_info"]


@pytest.mark.parametrize("path", REFUSED.values(), ids=REFUSED)
def test_a_path_that_is_no_key_is_refused_by_every_method(face: Face, path: str) -> None:
    """CONTRACT 20, 24, DECISIONS 10: InvalidPath with the path as it was given, and nothing is changed."""
    before = face.content()
    for method, args in FILE_METHODS.items():
        error = refusal(lambda: face.do(method, path, *args))  # noqa: B023  # called at once
        assert isinstance(error, InvalidPath), method
        assert error.path == path, method
    for method in ("move", "copy"):
        assert isinstance(refusal(lambda: face.do(method, "f", path)), InvalidPath), method  # noqa: B023
    assert isinstance(refusal(lambda: face.do("delete_folder", path, recursive=True)), InvalidPath)
    if path not in ("", "."):  # these are the root there
        for method in FOLDER_METHODS:
            assert isinstance(refusal(lambda: face.do(method, path)), InvalidPath), method  # noqa: B023
    assert face.content() == before


@pytest.mark.parametrize("path", NO_STR, ids=repr)
def test_a_path_that_is_no_str_is_a_type_error(face: Face, path: Any) -> None:
    """DECISIONS 10: not-str is refused, by TypeError, before anything is done."""
    before = face.content()
    for method, args in {**FILE_METHODS, **dict.fromkeys(FOLDER_METHODS, ())}.items():
        assert isinstance(refusal(lambda: face.do(method, path, *args)), TypeError), method  # noqa: B023
    assert face.content() == before


@pytest.mark.parametrize(("path", "key"), KEPT.values(), ids=KEPT)
def test_an_odd_path_makes_a_round_trip(face: Face, path: str, key: str) -> None:
    """CONTRACT 20, 26: what is written is listed under its key, read back, and gone when it is deleted."""
    before = face.content()
    face.do("write", path, b"x")
    assert face.content()[key] == b"x"
    assert key in [str(info.path) for info in face.do("list_files", "", recursive=True)]
    assert face.do("read_bytes", path) == face.do("read_bytes", key) == b"x"
    assert face.do("exists", path)
    assert isinstance(refusal(lambda: face.do("write", path, b"y")), AlreadyExists)
    face.do("move", path, "moved")
    face.do("copy", "moved", path)
    face.do("delete", path)
    face.do("delete", "moved")
    assert {name: value for name, value in face.content().items() if value is not None} == before


def test_ten_thousand_segments_are_refused_or_kept(face: Face) -> None:
    """RELIABILITY "Paths": a disk refuses what is longer than a path may be; memory has no such bound."""
    before, path = face.content(), "/".join("a" * 10_000)
    error = refusal(lambda: face.do("write", path, b"x"))
    if face.disk == "memory":
        assert error is None
        assert face.do("read_bytes", path) == b"x"
        face.do("delete_folder", "a", recursive=True)
    else:
        assert isinstance(error, InvalidPath)
    assert face.content() == before


def test_bytes_that_are_no_utf8_are_kept_on_a_disk_and_refused_elsewhere(face: Face) -> None:
    """DECISIONS 10: U+DC80 to U+DCFF stand for the bytes of a disk's names."""
    error = refusal(lambda: face.do("write", "caf\udce9", b"x"))
    if face.disk == "local":
        assert error is None
        assert face.do("read_bytes", "caf\udce9") == b"x"
    else:
        assert isinstance(error, InvalidPath)


# Names that clash


def test_a_folder_where_a_file_is_meant_is_refused(face: Face) -> None:
    """CONTRACT 33, 43, 52, 69, 74: InvalidPath, nothing changed."""
    face.do("write", "d/g", b"x")
    before = face.content()
    for method, args in FILE_METHODS.items():
        if method != "child":
            assert isinstance(refusal(lambda: face.do(method, "d", *args)), InvalidPath), method  # noqa: B023
    for overwrite in (False, True):
        for method in ("move", "copy"):
            call = lambda: face.do(method, "f", "d", overwrite=overwrite)  # noqa: B023, E731
            assert isinstance(refusal(call), InvalidPath), method
        assert isinstance(refusal(lambda: face.do("write", "d", b"x", overwrite=overwrite)), InvalidPath)  # noqa: B023
    assert isinstance(refusal(lambda: face.do("delete", "d", missing_ok=True)), InvalidPath)
    assert isinstance(refusal(lambda: face.do("delete_folder", "d")), DirectoryNotEmpty)
    assert face.content() == before


def test_a_file_where_a_folder_is_meant_is_refused(face: Face) -> None:
    """CONTRACT 53, 57, 69: InvalidPath from what asks for a folder, nothing from listings."""
    before = face.content()
    for options in ({}, {"recursive": True}, {"missing_ok": True}):
        assert isinstance(refusal(lambda: face.do("delete_folder", "f", **options)), InvalidPath)  # noqa: B023
    assert isinstance(refusal(lambda: face.do("get_folder_info", "f")), InvalidPath)
    for method in ("list_files", "list_folders", "iter_children"):
        assert face.do(method, "f") == []
    assert face.content() == before


def test_a_file_as_ancestor_is_refused_or_means_absent(face: Face) -> None:
    """CONTRACT 33, 44, 52, 72: a write is InvalidPath, a look NotFound, and the file above is unharmed."""
    before = face.content()
    for key in ("f/x", "f/x/y"):
        for method in ("write", "write_atomic"):
            for overwrite in (False, True):
                call = lambda: face.do(method, key, b"x", overwrite=overwrite)  # noqa: B023, E731
                assert isinstance(refusal(call), InvalidPath), method
        for method in ("read", "read_bytes", "get_file_info", "delete"):
            assert type(refusal(lambda: face.do(method, key))) is NotFound, method  # noqa: B023
        assert isinstance(refusal(lambda: face.do("copy", "f", key)), InvalidPath)  # noqa: B023
        assert isinstance(refusal(lambda: face.do("move", "f", key)), InvalidPath)  # noqa: B023
        assert [face.do(method, key) for method in ("exists", "is_file", "is_folder")] == [False] * 3
        face.do("delete", key, missing_ok=True)
        face.do("delete_folder", key, missing_ok=True)
    assert face.content() == before


@pytest.mark.parametrize("pattern", ["a**", "**b", "a/**b/c", "", "../*", "\0/*"])
def test_a_pattern_that_is_none_is_refused(face: Face, pattern: str) -> None:
    """CONTRACT 65, 66: ValueError or InvalidPath, never a match by chance; memory has no glob of its own."""
    error = refusal(lambda: face.do("glob", pattern))
    assert isinstance(error, ValueError if face.disk == "local" else CapabilityNotSupported)


@pytest.mark.parametrize("depth", [-1, -(2**63)])
def test_a_negative_depth_is_refused(face: Face, depth: int) -> None:
    """CONTRACT 60, 70: ValueError "max_depth must be >= 0"."""
    for method in ("list_files", "list_folders", "get_folder_info"):
        error = refusal(lambda: face.do(method, "", max_depth=depth))  # noqa: B023
        assert type(error) is ValueError, method
        assert "max_depth must be >= 0" in str(error)
