"""Keys that are none, and odd ones that are (CONTRACT B1, DECISIONS 10)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from ..._core.capability import Capability
from ..._core.errors import InvalidPath, RemoteStoreError
from ..asserting import equal, raises, same_items
from ..case import Case, drain, listed
from ..registry import check

NOT_KEYS = ("../x", "a/../../x", "..", "a/..", "/abs", "/etc/passwd", "nul\0byte", "a/\0")

ODD_KEYS: dict[str, tuple[str, ...]] = {
    "blanks": (" leading", "trailing ", "in the middle", "a /b"),
    "encoded": ("%2e%2e/x", "%00", "%252e", "a%2Fb", "100%"),
    "url": ("what?", "a#b", "a+b", "a&b=c;d", "a:b", "x@y", "~/x", "http:/x"),
    "patterns": ("*", "a*b", "[x]", "{a,b}", "a?b", "!x", "**/x"),
    "quotes": ("'", '"', "`x`", "$HOME", "a'b\"c", "<x>", "a|b"),
    "controls": ("line\nfeed", "carriage\rreturn", "tab\tstop", "\x01", "\x7f"),
    "windows": ("con", "NUL.txt", "dot.", "C:x", "aux/prn"),
    "dots": (".hidden", "...", "a..b", ".a/.b", "-", "--help", "-rf/x"),
    "unicode": (
        "grün",
        "日本語/файл",
        "😀",
        "\u202etxt.exe",
        "a\u200db",
        "\uffff",
        "／",
        "․․/x",
        "e\u0301\u0301\u0301",
    ),
    "long": ("n" * 255, "/".join(["d"] * 40), "é" * 127),
}


def operations(case: Case, key: str) -> list[tuple[str, Callable[[], Awaitable[Any]]]]:
    """Return every declared operation on `key`, as a call that has not been made."""
    backend, has = case.backend, case.has

    def through(listing: Callable[[str], AsyncIterator[Any]]) -> Callable[[], Awaitable[Any]]:
        async def collect() -> list[str]:
            return await listed(listing(key))

        return collect

    calls: list[tuple[Capability, str, Callable[[], Awaitable[Any]]]] = [
        (Capability.READ, "read", lambda: drain(backend.read(key))),
        (Capability.READ, "read_bytes", lambda: backend.read_bytes(key)),
        (Capability.READ, "read_ranges", lambda: backend.read_ranges(key, [(0, 1)])),
        (Capability.READ, "read_into", lambda: backend.read_into(key, bytearray(1))),
        (Capability.WRITE, "write", lambda: backend.write(key, b"x", overwrite=True)),
        (Capability.ATOMIC_WRITE, "write_atomic", lambda: backend.write_atomic(key, b"x", overwrite=True)),
        (Capability.DELETE, "delete", lambda: backend.delete(key, missing_ok=True)),
        (Capability.DELETE, "delete_folder", lambda: backend.delete_folder(key, recursive=True, missing_ok=True)),
        (Capability.LIST, "list_files", through(backend.list_files)),
        (Capability.LIST, "list_folders", through(backend.list_folders)),
        (Capability.LIST, "iter_children", through(backend.iter_children)),
        (Capability.METADATA, "get_file_info", lambda: backend.get_file_info(key)),
        (Capability.METADATA, "get_folder_info", lambda: backend.get_folder_info(key)),
        (Capability.MOVE, "move from", lambda: backend.move(key, "dst", overwrite=True)),
        (Capability.MOVE, "move to", lambda: backend.move("kept", key, overwrite=True)),
        (Capability.COPY, "copy from", lambda: backend.copy(key, "dst", overwrite=True)),
        (Capability.COPY, "copy to", lambda: backend.copy("kept", key, overwrite=True)),
    ]
    probes = [("exists", backend.exists), ("is_file", backend.is_file), ("is_folder", backend.is_folder)]
    return [(name, lambda probe=probe: probe(key)) for name, probe in probes] + [
        (name, call) for capability, name, call in calls if has(capability)
    ]


@check("B1", 31, needs={Capability.WRITE})
async def what_is_no_key_is_refused(case: Case) -> None:
    """`..`, absolute paths and NUL raise InvalidPath in every operation and change nothing."""
    await case.put("kept", b"kept")
    for key in NOT_KEYS:
        for name, call in operations(case, key):
            with raises(InvalidPath, when=f"{name} of {key!r}"):
                await call()
    await case.holds({"kept": b"kept"})


_BEYOND_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""What is no Char of XML 1.0."""


async def _round_trip(case: Case, family: str) -> None:
    wanted: dict[str, bytes] = {}
    for number, key in enumerate(ODD_KEYS[family]):
        data = f"{number}".encode()
        try:
            await case.backend.write(key, data)
        except InvalidPath:
            if not _BEYOND_XML.search(key):
                raise
            continue  # a service whose listings are XML could never show it
        wanted[key] = data
    for key, data in wanted.items():
        equal(await case.backend.read_bytes(key), data, f"content of {key!r}")
        assert await case.backend.is_file(key), f"is_file({key!r}) is false"
    same_items(await listed(case.backend.list_files("", recursive=True)), list(wanted), f"the {family} keys")


NEEDS = {Capability.READ, Capability.WRITE, Capability.LIST}


@check("B1", 26, needs=NEEDS)
async def blanks_are_part_of_a_key(case: Case) -> None:
    """Leading, trailing and inner blanks are kept."""
    await _round_trip(case, "blanks")


@check("B1", 26, needs=NEEDS)
async def percent_signs_are_not_decoded(case: Case) -> None:
    """`%2e%2e/x` is a name, not a way out."""
    await _round_trip(case, "encoded")


@check("B1", 26, needs=NEEDS)
async def url_characters_are_ordinary(case: Case) -> None:
    """`?`, `#`, `+`, `&` and `~` mean nothing in a key."""
    await _round_trip(case, "url")


@check("B1", 26, needs=NEEDS)
async def pattern_characters_are_ordinary(case: Case) -> None:
    """`*`, `?`, `[` and `{` are literal outside of `glob`."""
    await _round_trip(case, "patterns")


@check("B1", 26, needs=NEEDS)
async def quotes_are_ordinary(case: Case) -> None:
    """Quotes, dollars and angle brackets come back as they went in."""
    await _round_trip(case, "quotes")


@check("B1", 26, needs=NEEDS)
async def control_characters_are_kept(case: Case) -> None:
    """A newline, a tab or a DEL in a key comes back as it went in."""
    await _round_trip(case, "controls")


@check("B1", 26, needs=NEEDS)
async def reserved_names_of_other_systems_are_kept(case: Case) -> None:
    """`con`, `NUL.txt` and a final dot are names like others."""
    await _round_trip(case, "windows")


@check("B1", 26, needs=NEEDS)
async def dots_and_dashes_are_ordinary(case: Case) -> None:
    """`.hidden`, `...`, `a..b` and `-rf` are names like others."""
    await _round_trip(case, "dots")


@check("B1", 26, needs=NEEDS)
async def unicode_is_kept(case: Case) -> None:
    """Letters of every script, joiners, direction marks and look-alike slashes come back as they went in."""
    await _round_trip(case, "unicode")


@check("DECISIONS 10", needs=NEEDS)
async def long_keys_are_kept(case: Case) -> None:
    """A segment of 255 bytes and a key of 40 segments work."""
    await _round_trip(case, "long")


@check("B1", 26, needs=NEEDS)
async def composed_and_decomposed_letters_differ(case: Case) -> None:
    """NFC and NFD spellings are two keys, and so are upper and lower case."""
    twins = ["\u00e9", "e\u0301", "\u00c9", "E\u0301"]
    for key in twins:
        await case.backend.write(key, key.encode())
    await case.holds({key: key.encode() for key in twins})


@check("DECISIONS 10", needs=NEEDS)
async def undecodable_bytes_round_trip_or_are_refused(case: Case) -> None:
    """A surrogate that stands for a byte comes back as it went in, or is refused by InvalidPath; no other is taken."""
    try:
        await case.backend.write("latin\udce9", b"bytes")
    except InvalidPath:
        await case.holds({})
    else:
        await case.holds({"latin\udce9": b"bytes"})
    with raises(InvalidPath, when="a surrogate that stands for nothing"):
        await case.backend.write("lone\ud800", b"")


@check("B1", 31, needs=NEEDS)
async def a_refused_key_is_named(case: Case) -> None:
    """The error for a bad key has the key in `.path`, and is a RemoteStoreError and a ValueError at once."""
    with raises(InvalidPath, path="../x") as caught:
        await case.backend.write("../x", b"")
    assert isinstance(caught.error, RemoteStoreError), f"{caught.error!r} is no RemoteStoreError"
    assert isinstance(caught.error, ValueError), f"{caught.error!r} is no ValueError"
