"""`python -m benchmarks.s3 [--quick] [--rounds 3] [--only NAME]`: run all contenders, and print the table.

CPU is the client process's own, user and system. A round is every contender once, one after the other; the median of
the rounds counts. Ratios are to aiobotocore by hand, which runs first in each round.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict

from tests.servers.fixtures import Bucket
from tests.servers.seaweedfs import seaweedfs
from tests.servers.strict import StrictS3, strict_s3

from .contender import Contender, Target
from .contenders import CONTENDERS
from .work import Amount, Cost

QUICK = Amount(small=8, large_mib=17, stream_mib=20, keys=20)
COUNTED = Amount(small=1, large_mib=64, stream_mib=64, keys=0)
LIMIT_SECONDS = 900


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few bytes of everything, to see that it runs")
    parser.add_argument("--rounds", type=int, default=3, help="the median counts")
    parser.add_argument("--only", action="append", help="a contender's name; may be given several times")
    parser.add_argument("--mib", type=int, default=256, help="size of the large file")
    parser.add_argument("--small", type=int, default=300, help="number of small files")
    options = parser.parse_args()
    amount = QUICK if options.quick else Amount(options.small, options.mib, 1024, 10_000)
    chosen = [one for one in CONTENDERS if not options.only or one.name in options.only]
    missing = [one for one in chosen if importlib.util.find_spec(one.needs) is None]
    for one in missing:
        print(f"{one.name} is left out: {one.needs} is not installed")
    chosen = [one for one in chosen if one not in missing]
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} at the start")
    show(measured(chosen, amount, 1 if options.quick else options.rounds))
    counts(chosen)
    print(f"load {os.getloadavg()[0]:.1f} at the end")


def measured(chosen: Iterable[Contender], amount: Amount, rounds: int) -> dict[str, list[list[Cost]]]:
    """Return every contender's costs, round by round."""
    costs: dict[str, list[list[Cost]]] = {}
    with seaweedfs() as server:
        bucket = Bucket(server, "bench")
        bucket.client.create_bucket(Bucket=bucket.name)
        for number in range(amount.keys):
            bucket.poke(f"list/{number:06}", b"")
        target = Target(server.endpoint, server.key, server.secret, bucket.name)
        for _ in range(rounds):
            for one in chosen:
                try:
                    costs.setdefault(one.name, []).append(child(one, target, amount))
                except subprocess.SubprocessError as error:
                    print(f"{one.name} is left out of a round: {error.__class__.__name__}, see above")
    return costs


def child(contender: Contender, target: Target, amount: Amount) -> list[Cost]:
    """Run a contender in a process of its own."""
    arguments = [contender.name, json.dumps(asdict(target)), json.dumps(asdict(amount))]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.s3.contenders", *arguments],
        stdout=subprocess.PIPE,
        timeout=LIMIT_SECONDS,
        check=True,
    )
    return [Cost(**cost) for cost in json.loads(done.stdout)]


def show(costs: dict[str, list[list[Cost]]]) -> None:
    """Print a table for each piece of work."""
    works = dict.fromkeys(
        cost.work for rounds in costs.values() for one in rounds for cost in one if cost.work != "warm"
    )
    for work in works:
        print(f"\n{work}")
        base: tuple[float, float] | None = None
        for name, rounds in costs.items():
            found = [cost for one in rounds for cost in one if cost.work == work]
            if not found:
                continue
            wall, cpu = statistics.median(c.wall for c in found), statistics.median(c.cpu for c in found)
            base = base or (wall, cpu)
            peak = max((cost.peak for cost in found if cost.peak is not None), default=None)
            memory = "" if peak is None else f"  peak +{peak:.0f} MiB"
            print(
                f"  {name:24} {_figures(wall, cpu, found[0])}  x {wall / base[0]:5.2f} wall {cpu / base[1]:5.2f} cpu{memory}"
            )


def _figures(wall: float, cpu: float, cost: Cost) -> str:
    if cost.unit == "byte":
        return f"wall {wall:8.2f} s   cpu {cpu / cost.count * 1024**3:8.2f} s/GiB"
    return f"wall {wall / cost.count * 1e6:8.0f} us  cpu {cpu / cost.count * 1e6:8.0f} us/{cost.unit:4}"


def counts(chosen: Iterable[Contender]) -> None:
    """Print what each contender asks a server for: counted by a fake, which the others can't do."""
    print("\nrequests of the same work with one small file and 64 MiB, at a server that counts")
    for one in chosen:
        with strict_s3() as server:
            try:
                child(one, Target(server.endpoint, "k" * 16, "s" * 32, "b"), COUNTED)
            except subprocess.SubprocessError:
                print(f"  {one.name:24} does not get on with the fake server")
                continue
            print(f"  {one.name:24} {_summary(server)}")


def _summary(server: StrictS3) -> str:
    verbs = dict.fromkeys(verb for verb, _ in server.requests)
    return ", ".join(f"{verb} {server.count(verb)}" for verb in verbs)


if __name__ == "__main__":
    main()
