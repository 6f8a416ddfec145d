"""The kit itself: it finds what is broken, asserts refusals, and chooses by what is declared."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from typing import Any

import anyio
import pytest

from remote_store._contract._async.backend import AsyncBackend
from remote_store._core.capability import Capability, CapabilitySet
from remote_store._core.errors import RemoteStoreError
from remote_store.backends.memory.backend import AsyncMemoryBackend
from remote_store.backends.memory.sync import MemoryBackend
from remote_store.testing import Case, Check, ConformanceSuite, checks_for, run
from remote_store.testing.asserting import raises
from remote_store.testing.inline import InlineBackend, drive
from remote_store.testing.registry import CHECKS
from tests.conformance import broken_places  # noqa: F401  # fills the table
from tests.conformance.broken import BROKEN
from tests.conformance.broken_blocking import BROKEN as BROKEN_BLOCKING

EVERYTHING = [*checks_for(list(Capability)), *checks_for(())]


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.anyio
async def test_a_broken_backend_is_found(name: str) -> None:
    """A backend that breaks one sentence fails the check that says it, with the sentence as a note."""
    broken = BROKEN[name]()
    with pytest.raises(Exception) as caught:  # what a broken backend lets out is its own
        await run(CHECKS[name], Case(broken))
    for error in _leaves(caught.value):
        assert isinstance(error, (AssertionError, RemoteStoreError, KeyError, OSError, RuntimeError, ValueError))
    assert any("CONTRACT" in note or "DECISIONS" in note for note in caught.value.__notes__)


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]


# AsyncMemoryBackend has no GLOB; LocalBackend passes that check in test_local.py.
@pytest.mark.parametrize("name", [name for name in BROKEN if not name.startswith("patterns-patterns_choose")])
def test_the_sound_backend_passes_what_the_broken_one_fails(name: str) -> None:
    """Each of those checks passes for the backend that the broken ones derive from."""
    check = CHECKS[name]
    assert check.applies(AsyncMemoryBackend.CAPABILITIES)
    anyio.run(run, check, Case(AsyncMemoryBackend()))


@pytest.mark.parametrize("name", BROKEN_BLOCKING)
def test_a_broken_blocking_backend_is_found(name: str) -> None:
    """What only blocking backends have is checked as strictly; the sound twin passes."""
    check = CHECKS[name]
    broken, sound = BROKEN_BLOCKING[name](), MemoryBackend()
    with pytest.raises((AssertionError, RemoteStoreError)):
        drive(run(check, Case(InlineBackend(broken), broken)))
    drive(run(check, Case(InlineBackend(sound), sound)))


def test_enough_is_broken() -> None:
    """Every topic is represented among the broken ones."""
    topics = {check.topic for check in EVERYTHING if not check.bare}
    covered = {CHECKS[name].topic for name in [*BROKEN, *BROKEN_BLOCKING]}
    beyond_a_backend = {topic for topic in topics if topic.startswith("stores_")} | {"refusals"}
    assert topics - covered <= beyond_a_backend
    assert len(BROKEN) >= 25


def test_what_is_not_declared_is_refused() -> None:
    """For each gated capability there is a check of the refusal, chosen when it is not declared."""
    gated = {
        Capability.READ, Capability.WRITE, Capability.DELETE, Capability.LIST, Capability.GLOB, Capability.MOVE,
        Capability.COPY, Capability.ATOMIC_WRITE, Capability.METADATA,
    }  # fmt: skip
    chosen = checks_for(())
    assert gated <= {capability for check in chosen for capability in check.lacks}


def test_each_check_cites_and_says_a_sentence() -> None:
    """Each check has a place in the specification and a docstring that is a sentence, on one line."""
    for check in EVERYTHING:
        text = check.function.__doc__ or ""
        assert text.endswith("."), check.id
        assert "\n" not in text, check.id
        assert re.match(r"(CONTRACT [\d, ]+|DECISIONS \d+): ", check.sentence), check.sentence


def test_no_two_checks_say_the_same() -> None:
    """No sentence stands twice."""
    counted = Counter(check.sentence for check in CHECKS.values())
    assert [sentence for sentence, count in counted.items() if count > 1] == []


def test_the_inline_view_forgets_no_method() -> None:
    """A method added to `AsyncBackend` must be handed on by the view, or its default would be tested instead."""
    public = {name for name, value in vars(AsyncBackend).items() if not name.startswith("_") and callable(value)}
    assert public - vars(InlineBackend).keys() == set()


def test_the_kit_does_not_need_pytest() -> None:
    """Everything but the suite can be imported where pytest is not installed."""
    code = (
        "import sys; sys.modules['pytest'] = None\n"
        "from remote_store.testing import Case, checks_for, run\n"
        "assert len(checks_for(())) > 20\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_blocking_backend_is_called_inline() -> None:
    """The blocking face runs without a loop: a check that waits for one fails."""

    async def waits(case: Case) -> None:
        await anyio.sleep(0)

    check = Check("topic", "waits", "B1", (1,), waits)
    backend = MemoryBackend()
    with pytest.raises(Exception):  # noqa: B017  # anyio's own: no loop is running
        drive(run(check, Case(InlineBackend(backend), backend)))


def test_a_missing_error_is_a_failure() -> None:
    """`raises` fails when nothing is raised, when a text is missing, and when one of our other errors comes."""
    with (
        pytest.raises(AssertionError, match="nothing was raised for this; wanted ValueError"),
        raises(ValueError, when="this"),
    ):
        pass
    with pytest.raises(AssertionError, match="'b' is not in the text"), raises(ValueError, "b"):
        raise ValueError("a")
    with pytest.raises(AssertionError, match="wanted ValueError"), raises(ValueError):
        raise RemoteStoreError("other")
    with pytest.raises(KeyError), raises(ValueError):
        raise KeyError("foreign errors pass through, with their traceback")


def test_a_class_that_declares_nothing_is_told_what_to_do() -> None:
    """A third-party class without CAPABILITIES can't choose its checks; the error says where to write them."""

    class Silent(AsyncMemoryBackend):
        CAPABILITIES = None  # type: ignore[assignment]

    class Suite(ConformanceSuite):
        backend_type = Silent

    with pytest.raises(TypeError, match=r"Silent has no CAPABILITIES; say in Suite\.capabilities"):
        Suite._checks()


class Reader(MemoryBackend):
    """A backend that only reads."""

    CAPABILITIES = CapabilitySet({Capability.READ})

    @property
    def capabilities(self) -> CapabilitySet:
        return self.CAPABILITIES


class TestReadOnlyBackend(ConformanceSuite):
    """A backend without WRITE is tested by a back door, and its refusals are asserted."""

    backend_type = Reader

    def back_door(self, backend: Any) -> Any:
        return _Tree(backend)


class _Tree:
    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def peek(self, key: str) -> bytes | None:
        return self._backend.read_bytes(key) if self._backend.is_file(key) else None

    def poke(self, key: str, data: bytes) -> None:
        self._backend.write(key, data, overwrite=True)
