"""Train on two ranks with checkpoints in S3, kill the training, resume it, and compare with a run that nobody broke.

The data are the help texts of Python itself (the package pydoc_data of the standard library): a small network learns
to predict the next letter. Every few steps all ranks save with `dcp.async_save` and `FsspecWriter`. The job is killed
by SIGKILL while a save is under way, started again, and must end with the same weights, bit by bit.

A SeaweedFS is started for it and stopped at its end; `--store` names another place.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

TORCH = "torch==2.13.0"
CONTEXT, WIDTH, BATCH = 16, 64, 32


def main(arguments: list[str]) -> int:
    """Return the exit code: 0 if the resumed run ended as the unbroken one did."""
    options = parsed(arguments)
    ensure_torch()
    if options.rank is not None:
        train(options)
        return 0
    with place(options.store) as (store, environment), tempfile.TemporaryDirectory(prefix="rs-demo-") as name:
        job = Job(options, Path(name), environment)
        whole = job.run(f"{store}/unbroken")
        print(f"unbroken run:  {whole}", flush=True)
        job.kill_during_a_save(f"{store}/broken")
        resumed = job.run(f"{store}/broken")
        print(f"resumed run:   {resumed}", flush=True)
    same = whole.split("resumed")[0] == resumed.split("resumed")[0]
    print("the same to the last bit" if same else "DIFFERENT", flush=True)
    return 0 if same else 1


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=120, help="optimizer steps of a whole run")
    parser.add_argument("--every", type=int, default=20, help="steps between two checkpoints")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--store", default="", help="a path or URL for the checkpoints, in place of a SeaweedFS")
    parser.add_argument("--rank", type=int, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--meet", default="", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def ensure_torch() -> None:
    """Install torch where it is missing, and say so."""
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError:
        print(f"torch is missing: installing {TORCH}", flush=True)
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", TORCH], check=True)


@contextmanager
def place(store: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Give the folder for checkpoints, and what workers need in their environment."""
    if store:
        yield store.rstrip("/"), {}
        return
    from tests.servers.fixtures import Bucket
    from tests.servers.seaweedfs import seaweedfs

    with seaweedfs() as server:
        print(f"SeaweedFS serves S3 at {server.endpoint}", flush=True)
        bucket = Bucket(server, "demo")
        bucket.client.create_bucket(Bucket=bucket.name)
        yield (
            f"s3://{bucket.name}/runs",
            {
                "AWS_ACCESS_KEY_ID": server.key,
                "AWS_SECRET_ACCESS_KEY": server.secret,
                "DEMO_ENDPOINT": server.endpoint,
            },
        )


class Job:
    """A training job of several processes on this machine."""

    def __init__(self, options: argparse.Namespace, folder: Path, environment: dict[str, str]) -> None:
        self._options = options
        self._folder = folder
        self._environment = {**os.environ, **environment, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        self._runs = 0

    def _start(self, store: str) -> list[subprocess.Popen[str]]:
        self._runs += 1
        options = self._options
        common = ["--steps", str(options.steps), "--every", str(options.every), "--ranks", str(options.ranks)]
        common += ["--store", store, "--meet", str(self._folder / f"meet-{self._runs}")]
        return [
            subprocess.Popen(
                [sys.executable, __file__, *common, "--rank", str(rank)],
                env=self._environment, stdout=subprocess.PIPE if rank == 0 else None, text=True,
            )
            for rank in range(options.ranks)
        ]  # fmt: skip

    def run(self, store: str) -> str:
        """Train to the end and return rank 0's last line."""
        workers = self._start(store)
        text = workers[0].communicate()[0]
        codes = [worker.wait() for worker in workers]
        if any(codes):
            raise SystemExit(f"a rank failed: exit codes {codes}")
        return text.strip().splitlines()[-1]

    def kill_during_a_save(self, store: str) -> None:
        """Start training and kill all ranks while their second save is under way."""
        workers = self._start(store)
        saves = 0
        assert workers[0].stdout is not None
        for line in workers[0].stdout:
            saves += line.startswith("saving")
            if saves == 2:
                break
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.communicate()
        print(f"killed by SIGKILL: all {len(workers)} ranks, while {line.strip()}", flush=True)


# A rank


def train(options: argparse.Namespace) -> None:
    """Train as one rank, from the newest checkpoint on if there is one; rank 0 prints how it ended."""
    import torch
    import torch.distributed as dist

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)  # sums in another order would differ in their last bits
    dist.init_process_group("gloo", init_method=f"file://{options.meet}", rank=options.rank, world_size=options.ranks)
    # A group of its own: a save in the background must not take turns with the training's sums.
    saving = Saving(options, dist.new_group(backend="gloo"))
    torch.manual_seed(7)
    model = torch.nn.Sequential(
        torch.nn.Embedding(128, 16), torch.nn.Flatten(), torch.nn.Linear(16 * CONTEXT, WIDTH), torch.nn.ReLU(),
        torch.nn.Linear(WIDTH, 128),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    first = saving.resume(model, optimizer)
    letters = letters_of_help()
    loss = torch.zeros(())
    for step in range(first + 1, options.steps + 1):
        loss = one_step(model, optimizer, letters, step, options)
        if step % options.every == 0:
            saving.save(model, optimizer, step, float(loss))
    saving.wait()
    if options.rank == 0:
        weights = b"".join(bytes(value.detach().contiguous().view(torch.uint8).flatten().tolist()) for value in model.parameters())  # fmt: skip
        print(f"loss {float(loss):.6f}, weights {hashlib.sha256(weights).hexdigest()[:16]}, resumed at step {first}")
    dist.destroy_process_group()


def letters_of_help() -> Any:
    """Return Python's help texts as a tensor of letters."""
    from pydoc_data import topics

    import torch

    text = "\n".join(topics.topics[name] for name in sorted(topics.topics))
    return torch.frombuffer(bytearray(text.encode("ascii", "replace")), dtype=torch.uint8).long()


def one_step(model: Any, optimizer: Any, letters: Any, step: int, options: argparse.Namespace) -> Any:
    """Take a step on this rank's part of the batch; which part follows from step and rank alone."""
    import torch
    import torch.distributed as dist

    draw = torch.Generator().manual_seed(step * 1000 + options.rank)
    starts = torch.randint(0, len(letters) - CONTEXT - 1, (BATCH,), generator=draw)
    rows = letters[starts[:, None] + torch.arange(CONTEXT + 1)]
    loss: Any = torch.nn.functional.cross_entropy(model(rows[:, :-1]), rows[:, -1])
    optimizer.zero_grad()
    loss.backward()
    for value in (*(entry.grad for entry in model.parameters()), loss := loss.detach()):
        dist.all_reduce(value)
        value /= options.ranks
    optimizer.step()
    return loss


class Saving:
    """Checkpoints of a run: each in a folder of its own, the newest named by one object that is written last."""

    def __init__(self, options: argparse.Namespace, group: Any) -> None:
        from remote_store import open_store

        self._options = options
        self._group = group
        self._pending: Any = None
        endpoint = os.environ.get("DEMO_ENDPOINT")
        self._with: dict[str, Any] = {"endpoint_url": endpoint} if endpoint else {}
        self._store = open_store(options.store, **self._with)

    def resume(self, model: Any, optimizer: Any) -> int:
        """Load the newest checkpoint and return its step, 0 without one."""
        import torch.distributed.checkpoint as dcp
        from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict

        from remote_store import NotFound
        from remote_store.checkpoint import FsspecReader

        try:
            name = self._store.read_text("LATEST")
        except NotFound:
            return 0
        weights, moments = get_state_dict(model, optimizer)
        state: dict[str, Any] = {"model": weights, "optimizer": moments, "step": 0}
        dcp.load(state, storage_reader=FsspecReader(f"{self._options.store}/{name}", **self._with))
        set_state_dict(model, optimizer, model_state_dict=state["model"], optim_state_dict=state["optimizer"])
        return int(state["step"])

    def save(self, model: Any, optimizer: Any, step: int, loss: float) -> None:
        """Begin a save in the background, once the one before has ended."""
        import torch.distributed.checkpoint as dcp
        from torch.distributed.checkpoint.state_dict import get_state_dict

        from remote_store.checkpoint import FsspecWriter

        self.wait()
        weights, moments = get_state_dict(model, optimizer)
        name = f"step-{step:06d}"
        writer = FsspecWriter(f"{self._options.store}/{name}", **self._with)
        state = {"model": weights, "optimizer": moments, "step": step}
        self._pending = name, dcp.async_save(state, storage_writer=writer, process_group=self._group)
        if self._options.rank == 0:
            print(f"saving {name}, loss {loss:.4f}", flush=True)

    def wait(self) -> None:
        """Wait for the save in the background, and name it as the newest."""
        if self._pending is not None:
            name, future = self._pending
            self._pending = None
            future.result()
            if self._options.rank == 0:
                self._store.write_text("LATEST", name, overwrite=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
