"""`python -m benchmarks.azure [--quick] [--rounds 3] [--only NAME]`: run all contenders on one Azurite, and print the table.

The work and the table are those of `benchmarks.s3`. Ratios are to the SDK, azure-storage-blob, which runs first in each
round. On large files Azurite, another process, is what takes the time: judge by CPU.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import asdict

from benchmarks.s3.__main__ import LIMIT_SECONDS, QUICK, show
from benchmarks.s3.contender import Contender, Target
from benchmarks.s3.work import Amount, Cost
from tests.servers.azurite import azurite
from tests.servers.fixtures import Container

from .contenders import CONTENDERS


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few bytes of everything, to see that it runs")
    parser.add_argument("--rounds", type=int, default=3, help="the median counts")
    parser.add_argument("--only", action="append", help="a contender's name; may be given several times")
    parser.add_argument("--mib", type=int, default=256, help="size of the large file")
    parser.add_argument("--stream", type=int, default=2048, help="MiB of the streamed file")
    parser.add_argument("--small", type=int, default=200, help="number of small files")
    parser.add_argument("--keys", type=int, default=2000, help="keys of the listing")
    options = parser.parse_args()
    amount = QUICK if options.quick else Amount(options.small, options.mib, options.stream, options.keys)
    chosen = [one for one in CONTENDERS if not options.only or one.name in options.only]
    missing = [one for one in chosen if importlib.util.find_spec(one.needs) is None]
    for one in missing:
        print(f"{one.name} is left out: {one.needs} is not installed")
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} at the start")
    show(measured([one for one in chosen if one not in missing], amount, 1 if options.quick else options.rounds))
    print(f"load {os.getloadavg()[0]:.1f} at the end")


def measured(chosen: list[Contender], amount: Amount, rounds: int) -> dict[str, list[list[Cost]]]:
    """Return every contender's costs, round by round."""
    costs: dict[str, list[list[Cost]]] = {}
    with azurite() as server:
        container = Container(server, "bench")
        container.client.create_container()
        for number in range(amount.keys):
            container.poke(f"list/{number:06}", b"")
        target = Target(server.url, server.account, server.key, container.name)
        for _ in range(rounds):
            for one in chosen:
                costs.setdefault(one.name, []).append(_child(one, target, amount))
    return costs


def _child(contender: Contender, target: Target, amount: Amount) -> list[Cost]:
    """Run a contender in a process of its own."""
    arguments = [contender.name, json.dumps(asdict(target)), json.dumps(asdict(amount))]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.azure.contenders", *arguments],
        stdout=subprocess.PIPE,
        timeout=LIMIT_SECONDS,
        check=True,
    )
    return [Cost(**cost) for cost in json.loads(done.stdout)]


if __name__ == "__main__":
    main()
