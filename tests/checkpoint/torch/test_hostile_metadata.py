"""`.metadata` from an untrusted place: a pickle that may name a few classes and run nothing (CHECKPOINT D9, F5)."""

from __future__ import annotations

import collections
import io
import os
import pathlib
import pickle
import struct
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.distributed.checkpoint.metadata import (
    BytesStorageMetadata,
    Metadata,
    MetadataIndex,
    StorageMeta,
    TensorProperties,
)

from remote_store.checkpoint import FsspecReader
from remote_store.checkpoint.torch import add_safe_globals
from remote_store.checkpoint.torch.opcodes import check
from remote_store.checkpoint.torch.unpickling import read_metadata
from tests.checkpoint.torch.places import Place
from tests.checkpoint.torch.states import mixed, save

ran: list[str] = []


def trip(what: str = "ran") -> dict[str, Any]:
    """What none of the pickles must get to run."""
    ran.append(what)
    return {}


class Calls:
    """Pickles as a call."""

    def __init__(self, function: Callable[..., Any], *arguments: Any, state: Any = None) -> None:
        self._reduced = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self) -> Any:
        return self._reduced


def good(**fields: Any) -> Metadata:
    return Metadata(state_dict_metadata={"a": BytesStorageMetadata()}, storage_data={}, **fields)


def named(module: str, name: str, argument: bytes = b"") -> bytes:
    """A call of a global found by its name on the stack, as protocol 4 has it."""

    def short(text: str) -> bytes:
        return b"\x8c" + bytes([len(text)]) + text.encode()

    return b"\x80\x04" + short(module) + short(name) + b"\x93" + argument + b")R."


EVAL = "__import__('tests.checkpoint.torch.test_hostile_metadata', fromlist=['trip']).trip()"
ME = __name__
DEEP = b"\x80\x04)" + b"\x85" * 100_000
FORMS: dict[str, Callable[[], bytes]] = {
    "a system call": lambda: pickle.dumps(Calls(os.system, "true")),
    "a call in planner_data": lambda: pickle.dumps(good(planner_data=Calls(trip))),
    "a call in storage_meta": lambda: pickle.dumps(good(storage_meta=Calls(trip))),
    "a call in the storage_data": lambda: pickle.dumps(Metadata({}, None, {MetadataIndex("a"): Calls(trip)})),
    "a call as a key": lambda: pickle.dumps(Metadata({Calls(trip): BytesStorageMetadata()}, None, {})),  # type: ignore[dict-item]
    "a call in the version": lambda: pickle.dumps(good(version=Calls(trip))),
    "a call in a checkpoint id": lambda: pickle.dumps(good(storage_meta=StorageMeta(checkpoint_id=Calls(trip)))),
    "eval": lambda: pickle.dumps(Calls(eval, EVAL)),
    "exec": lambda: pickle.dumps(Calls(exec, EVAL)),
    "an import": lambda: pickle.dumps(Calls(__import__, "antigravity")),
    "an attribute": lambda: named("builtins", "getattr"),
    "a dotted name": lambda: named("torch.distributed.checkpoint.metadata", "os.getpid"),
    "a dotted name of torch": lambda: named("torch", "os.getpid"),
    "a dotted name of pathlib": lambda: named("pathlib", "os.getpid"),
    "a dotted name of a class": lambda: named("torch.distributed.checkpoint.metadata", "Metadata.__init__"),
    "an unlisted name of a listed module": lambda: named("torch.distributed.checkpoint.metadata", "dataclass"),
    "torch.load": lambda: pickle.dumps(Calls(torch.load, "x")),
    "torch.hub": lambda: named("torch.hub", "load"),
    "torch's own unpickler": lambda: named("torch.serialization", "load"),
    "a tensor's rebuild": lambda: pickle.dumps(good(planner_data=torch.ones(2))),
    "a module": lambda: named("torch", "os"),
    "a file": lambda: pickle.dumps(Calls(open, os.devnull)),
    "a path that touches the disk": lambda: named("pathlib", "Path.cwd"),
    "a GLOBAL of protocol 0": f"c{ME}\ntrip\n(tR.".encode,
    "an INST of protocol 0": f"(i{ME}\ntrip\n.".encode,
    "an OBJ of protocol 1": f"(c{ME}\ntrip\no.".encode,
    "a persistent id": lambda: b"Psomething\n.",
    "a binary persistent id": lambda: b"\x80\x04\x8c\x01xQ.",
    "an extension code": lambda: b"\x80\x04\x82\x01.",
    "a wide extension code": lambda: b"\x80\x04\x84\x01\x00\x00\x00.",
    "a state for a class": lambda: (
        b"\x80\x04ctorch.distributed.checkpoint.metadata\nMetadata\nN}\x8c\x08__init__Ns\x86b."
    ),
    "a state that runs": lambda: pickle.dumps(Calls(collections.Counter, state={"a": trip})),
    "a call of what is no class": lambda: b"\x80\x04\x8c\x01a)R.",
    "a new object with keywords": lambda: named("functools", "partial"),
    "tuples as deep as the C stack": lambda: DEEP + b".",
    "deep tuples as a key": lambda: b"\x80\x04}" + DEEP[2:] + b"Ns.",
    "a huge memo index": lambda: b"\x80\x04Nr\xff\xff\xff\xff.",
    "a huge memo index as text": lambda: b"Np" + b"9" * 5000 + b"\n.",
    "bytes that are not there": lambda: b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b".",
    "an out-of-band buffer": lambda: b"\x80\x05\x97.",
    "a wrong layout": lambda: named("torch.serialization", "_get_layout", b"\x8c\x06system\x85")[:-3] + b"R.",
    "properties with too many fields": lambda: _properties(tuple(range(9))),
}


def _properties(state: Any) -> bytes:
    return pickle.dumps(Calls(TensorProperties, state=state))


@pytest.mark.parametrize("form", FORMS)
def test_a_hostile_pickle_is_refused_and_runs_nothing(form: str, here: Place) -> None:
    """C9, D9: whatever it names or hides, the answer is an UnpicklingError."""
    ran.clear()
    here.poke(".metadata", FORMS[form]())
    with pytest.raises(pickle.UnpicklingError):
        FsspecReader(here.path).read_metadata()
    assert ran == []


def test_there_are_as_many_forms_as_promised() -> None:
    assert len(FORMS) >= 25


JUNK = {
    "empty": b"",
    "text": b"not a pickle",
    "zeros": bytes(1000),
    "another type": pickle.dumps({"a": 1}),
    "None": pickle.dumps(None),
    "a storage_data that is none": pickle.dumps(Metadata({}, None, {"a": 1})),
    "a description that is none": pickle.dumps(Metadata([], None, {})),
}


@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_no_metadata(junk: str, place: Place) -> None:
    """F5."""
    place.poke(".metadata", JUNK[junk])
    with pytest.raises(pickle.UnpicklingError):
        FsspecReader(place.path, **place.options).read_metadata()


def test_metadata_cut_anywhere_are_no_metadata(here: Place) -> None:
    save(mixed(1), here)
    whole = here.peek(".metadata")
    for length in range(0, len(whole), 37):
        with pytest.raises(pickle.UnpicklingError):
            read_metadata(whole[:length])


def test_metadata_with_a_wrong_byte_give_metadata_or_an_unpickling_error(here: Place) -> None:
    """Whatever the byte makes of it, no other exception comes out."""
    save({"a": torch.ones(3), "b": 1}, here)
    whole = here.peek(".metadata")
    for position in range(len(whole)):
        for change in (0x01, 0x80, 0xFF):
            spoilt = bytearray(whole)
            spoilt[position] ^= change
            try:
                assert type(read_metadata(bytes(spoilt))) is Metadata
            except pickle.UnpicklingError:
                pass


def test_what_torch_saves_in_every_protocol_is_read() -> None:
    metadata = good(
        planner_data={"a": ("model", 0, "a")},
        storage_meta=StorageMeta(checkpoint_id=pathlib.PosixPath("/a/b"), save_id="x"),
        version="1.0.0",
    )
    for protocol in (2, 3, 4, 5):
        found = read_metadata(pickle.dumps(metadata, protocol))
        assert found.planner_data == metadata.planner_data
        assert found.storage_meta == StorageMeta(pathlib.PurePosixPath("/a/b"), "x")


@pytest.mark.parametrize(
    "parts",
    [
        {"storage_meta": 5},
        {"storage_meta": {"checkpoint_id": "x"}},
        {"state_dict_metadata": {"a": 3}},
        {"state_dict_metadata": {"a": None}},
        {"state_dict_metadata": [1]},
        {"storage_data": {"a": 1}},
    ],
    ids=str,
)
def test_parts_of_another_type_are_no_metadata(parts: dict[str, Any]) -> None:
    """F5: another type inside is an UnpicklingError, not whatever its first use would raise."""
    metadata = good()
    vars(metadata).update(parts)
    with pytest.raises(pickle.UnpicklingError, match="metadata"):
        read_metadata(pickle.dumps(metadata))


class Planned:
    """What a planner of a user's own puts into metadata."""

    def __init__(self) -> None:
        self.value = 1


def test_classes_can_be_declared_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    from remote_store.checkpoint.torch import unpickling

    monkeypatch.setattr(unpickling, "_KNOWN", dict(unpickling._KNOWN))
    data = pickle.dumps(good(planner_data=Planned()))
    with pytest.raises(pickle.UnpicklingError, match="Planned.*add_safe_globals"):
        read_metadata(data)
    add_safe_globals([Planned])
    assert read_metadata(data).planner_data.value == 1


@pytest.mark.parametrize(
    ("what", "error"), [(os.system, TypeError), (io.BytesIO.__init__, TypeError), ("x", TypeError)]
)
def test_only_classes_can_be_declared_safe(what: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        add_safe_globals([what])


def test_the_walk_agrees_with_pickles_of_every_shape() -> None:
    """It must not refuse what is harmless: every opcode that Python writes for plain values."""
    values: list[Any] = [
        None, True, 1, -1, 256, 1 << 20, 1 << 40, 1 << 400, 1.5, "", "x" * 300, "é" * 70_000, b"", b"x" * 300, bytes(70_000),
        (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [], [1], list(range(2500)), {}, {1: 2}, dict.fromkeys(range(2500)),
        {1, 2}, frozenset({1, 2}), bytearray(b"abc"), collections.OrderedDict(a=1), torch.Size([1, 2]), torch.float32,
    ]  # fmt: skip
    for protocol in range(2, 6):
        check(pickle.dumps([*values, values], protocol))
