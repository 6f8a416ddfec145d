"""Glob patterns (CONTRACT B5)."""

from __future__ import annotations

from ..._core.capability import Capability
from ..._core.errors import CapabilityNotSupported
from ..asserting import equal, raises
from ..case import Case, listed
from ..registry import check

NEEDS = {Capability.GLOB}
FILES = ("a.txt", ".hidden.txt", "b.csv", "[x].txt", "d/a.txt", "d/e/a.txt", "d/e/f/b.csv", "D/a.txt", "da/a.txt")

TABLE: dict[str, tuple[str, ...]] = {
    "*.txt": ("a.txt", ".hidden.txt", "[x].txt"),
    "?.txt": ("a.txt",),
    "[ab].*": ("a.txt", "b.csv"),
    "[!a].*": ("b.csv",),
    "[[]x[]].txt": ("[x].txt",),
    "[x.txt": (),
    "d/*": ("d/a.txt",),
    "d/*/*.txt": ("d/e/a.txt",),
    "*/a.txt": ("d/a.txt", "D/a.txt", "da/a.txt"),
    "d/**/a.txt": ("d/a.txt", "d/e/a.txt"),
    "**/b.csv": ("b.csv", "d/e/f/b.csv"),
    "d/**": ("d/a.txt", "d/e/a.txt", "d/e/f/b.csv"),
    "**": FILES,
    "d": (),
    "d/e": (),
    "a.txt": ("a.txt",),
    "A.TXT": (),
    "{a,b}.txt": (),
    "missing/*": (),
}


@check("B5", 66, needs=NEEDS)
async def patterns_choose_whole_keys(case: Case) -> None:
    """A pattern matches the whole key: `*` and `?` stay in a segment, `**` is any number of folders."""
    for key in FILES:
        await case.put(key)
    for pattern, wanted in TABLE.items():
        equal(await listed(case.backend.glob(pattern)), sorted(wanted), f"glob({pattern!r})")


@check("B5", 66, needs=NEEDS)
async def glued_stars_are_refused(case: Case) -> None:
    """`**` glued to other characters raises ValueError "must be a complete path segment"."""
    for pattern in ("a**", "**.txt", "d/**x/y"):
        with raises(ValueError, "must be a complete path segment", when=pattern):
            await listed(case.backend.glob(pattern))


@check("B5", 66, needs=NEEDS)
async def only_files_match(case: Case) -> None:
    """A pattern that fits a folder yields files alone."""
    await case.put("folder/sub/file")
    equal(await listed(case.backend.glob("*")), [], "glob('*')")
    equal(await listed(case.backend.glob("folder/**")), ["folder/sub/file"], "glob('folder/**')")


@check("B5", 65, lacks=NEEDS)
async def without_the_capability_patterns_are_refused(case: Case) -> None:
    """Without GLOB `glob` itself raises CapabilityNotSupported "does not support glob"."""
    with raises(CapabilityNotSupported, "does not support glob", backend=case.backend.name) as caught:
        await listed(case.backend.glob("*"))
    equal(caught.error.capability, "glob", ".capability")
