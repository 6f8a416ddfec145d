"""The work of one contender, in a process of its own: what earlier work leaves in the heap would blur memory and time."""

from __future__ import annotations

import inspect
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import anyio

from .contender import MIB, Calls, Contender, Target

SMALL = 4096


@dataclass(frozen=True)
class Amount:
    """How much work: numbers of small files, MiB of the large file and of the stream, keys of the listing."""

    small: int
    large_mib: int
    stream_mib: int
    keys: int


@dataclass(frozen=True)
class Cost:
    """What a piece of work took: seconds of wall and of this process's CPU, and MiB of memory beyond the start."""

    work: str
    wall: float
    cpu: float
    count: int
    unit: str
    peak: float | None = None


def run(contender: Contender, target: Target, amount: Amount) -> list[Cost]:
    """Do all the work."""
    if contender.kind == "threads":
        with contender.open(target) as calls:  # type: ignore[union-attr]  # the kind says which
            steps = Steps(calls, amount, _in_threads)
            return [step() for step in steps.all()]

    async def on_loop() -> list[Cost]:
        async with AsyncExitStack() as stack:
            calls = await stack.enter_async_context(contender.open(target))  # type: ignore[arg-type]
            steps = Steps(calls, amount, _on_loop)
            return [await step() for step in steps.all()]

    return anyio.run(on_loop, backend=contender.kind)


def _in_threads(call: Callable[[str], Any], keys: list[str], ways: int) -> None:
    if ways == 1:
        for key in keys:
            call(key)
        return
    with ThreadPoolExecutor(ways) as pool:
        for _ in pool.map(call, keys):
            pass


async def _on_loop(call: Callable[[str], Any], keys: list[str], ways: int) -> None:
    waiting = iter(keys)

    async def worker() -> None:
        for key in waiting:
            await call(key)

    async with anyio.create_task_group() as group:
        for _ in range(ways):
            group.start_soon(worker)


class Steps:
    """Every measurement as a function; on a loop it gives an awaitable."""

    def __init__(self, calls: Calls, amount: Amount, many: Callable[..., Any]) -> None:
        self._calls = calls
        self._amount = amount
        self._many = many

    def all(self) -> Iterator[Callable[[], Any]]:
        """Yield them in the order in which they build on one another; the first warms the client up."""
        calls, amount = self._calls, self._amount
        data, keys = os.urandom(SMALL), [f"small/{number}" for number in range(amount.small)]
        yield self._measured("warm", 1, "op", lambda: calls.put("warm", data))
        for ways in (1, 64):
            for verb, call in (("put", lambda key: calls.put(key, data)), ("get", calls.get), ("exists", calls.exists)):
                yield self._measured(
                    f"4 KiB {verb}, {ways}-way", len(keys), "op",
                    partial(self._many, call, keys, ways),
                )  # fmt: skip
        yield from self._large(os.urandom(amount.large_mib * MIB))
        yield self._measured(f"list {amount.keys} keys", amount.keys, "key", lambda: calls.listed("list/"))
        put_stream = calls.put_stream
        if put_stream is not None:
            name = f"{amount.stream_mib} MiB stream put"
            yield self._measured(
                name, amount.stream_mib * MIB, "byte", lambda: put_stream("stream", amount.stream_mib), memory=True
            )

    def _large(self, data: bytes) -> Iterator[Callable[[], Any]]:
        calls, size = self._calls, len(data)
        for ways, name in ((1, "1 stream"), (8, "8 streams")):
            work = f"{size // MIB} MiB {{}}, {name}"
            yield self._measured(work.format("put"), size, "byte", partial(calls.put_large, "large", data, ways))
            yield self._measured(work.format("get"), size, "byte", partial(calls.get_large, "large", size, ways))

    def _measured(
        self, work: str, count: int, unit: str, act: Callable[[], Any], *, memory: bool = False
    ) -> Callable[[], Any]:
        def step() -> Any:
            meter = Meter(memory)
            outcome = act()
            return awaited(meter, outcome) if inspect.isawaitable(outcome) else meter.cost(work, count, unit)

        async def awaited(meter: Meter, outcome: Any) -> Cost:
            await outcome
            return meter.cost(work, count, unit)

        return step


class Meter:
    """Runs from its making on."""

    def __init__(self, memory: bool) -> None:
        self._memory = memory
        if memory:
            with open("/proc/self/clear_refs", "w") as refs:
                refs.write("5")  # the peak begins anew
        self._resident = _status("VmRSS")
        self._cpu, self._begun = _cpu(), time.perf_counter()

    def cost(self, work: str, count: int, unit: str) -> Cost:
        """Return what has been spent."""
        wall, cpu = time.perf_counter() - self._begun, _cpu() - self._cpu
        peak = (_status("VmHWM") - self._resident) / 1024 if self._memory else None
        return Cost(work, wall, cpu, count, unit, peak)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _status(name: str) -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))


@contextmanager
def _quiet_streams() -> Iterator[None]:
    """Keep the peers' own output off the line on which the results go."""
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)


def main(contenders: list[Contender]) -> None:
    """Run the contender that the arguments name, and print its costs as JSON."""
    name, target, amount = sys.argv[1], Target(**json.loads(sys.argv[2])), Amount(**json.loads(sys.argv[3]))
    contender = next(one for one in contenders if one.name == name)
    with _quiet_streams():
        costs = run(contender, target, amount)
    print(json.dumps([asdict(cost) for cost in costs]), flush=True)
    os._exit(0)  # what a peer's engine does at the interpreter's end is no part of the work
