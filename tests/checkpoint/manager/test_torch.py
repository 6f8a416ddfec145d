"""torch tensors as items of the manager: every dtype and layout comes back, or is refused by name (issue 6)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoint.manager.desks import Desk

torch: Any = pytest.importorskip("torch", reason="torch is missing: pip install torch")

DTYPES = [
    "float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "complex64", "complex128",
    "int64", "int32", "int16", "int8", "uint8", "bool",
]  # fmt: skip


def sample(dtype: str) -> Any:
    base = torch.arange(24).reshape(4, 6) % 5
    return (
        base.to(torch.float32).to(getattr(torch, dtype))
        if dtype.startswith("float8")
        else base.to(getattr(torch, dtype))
    )


def same(one: Any, other: Any) -> bool:
    bits = [tensor.contiguous().reshape(-1).view(torch.uint8) if tensor.numel() else tensor for tensor in (one, other)]
    return one.dtype == other.dtype and one.shape == other.shape and bool(torch.equal(*bits))


def test_every_dtype_comes_back(near: Desk) -> None:
    tensors = {dtype: sample(dtype) for dtype in DTYPES}
    manager = near.manager()
    near.do(lambda: manager.save(tensors, step=1))
    got = near.do(manager.load)
    for dtype, tensor in tensors.items():
        assert same(got[dtype], tensor), dtype
        got[dtype].zero_()  # it is memory of its own
    targets = {dtype: torch.zeros_like(tensor) for dtype, tensor in tensors.items()}
    got = near.do(lambda: manager.load(into=targets))
    for dtype, tensor in tensors.items():
        assert got[dtype] is targets[dtype]
        assert same(targets[dtype], tensor), dtype


def test_every_layout_of_memory_comes_back(near: Desk) -> None:
    """0-d, zero-size, views, transposed, parameters, conjugated; a view of a large tensor takes its own bytes."""
    large = torch.arange(1_000_000.0)
    tensors = {
        "0-d": torch.tensor(3.5),
        "none": torch.zeros(0, 4),
        "view": large[10:20],
        "columns": torch.arange(12).reshape(3, 4).t(),
        "strided": large[::100_000],
        "parameter": torch.nn.Parameter(torch.ones(3)),
        "conjugated": torch.tensor([1 + 2j]).conj(),
        "expanded": torch.ones(1).expand(5),
    }
    manager = near.manager()
    saved = near.do(lambda: manager.save(tensors, step=1))
    assert saved.total_bytes < 1000
    got = near.do(manager.load)
    for name, tensor in tensors.items():
        assert got[name].shape == tensor.shape, name
        assert torch.equal(got[name], tensor.detach()), name
    holes = torch.zeros(3, 20)[:, ::2]
    near.do(lambda: manager.save({"w": torch.arange(30.0).reshape(3, 10)}, step=2))
    near.do(lambda: manager.load(into={"w": holes}))
    assert torch.equal(holes, torch.arange(30.0).reshape(3, 10))
    row = near.do(lambda: manager.load(slices={"w": (slice(1, 2), slice(2, 5))}))["w"]
    assert torch.equal(row, torch.tensor([[12.0, 13, 14]]))


REFUSED = {
    "sparse": lambda: torch.eye(3).to_sparse(),
    "csr": lambda: torch.eye(3).to_sparse_csr(),
    "meta": lambda: torch.zeros(3, device="meta"),
}


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support:UserWarning")
@pytest.mark.filterwarnings("ignore:.*[Qq]uantiz.*")
@pytest.mark.filterwarnings("ignore:.*quantize.*:DeprecationWarning")
@pytest.mark.parametrize("kind", [*REFUSED, "quantised"])
def test_what_has_no_plain_memory_is_refused_by_name(memory: Desk, kind: str) -> None:
    """Sparse and quantised tensors: refused, with what to save instead; nothing is written."""
    if kind == "quantised":
        tensor = torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)
    else:
        tensor = REFUSED[kind]()
    manager = memory.manager()
    for items in ({"bad": tensor}, {"bad": {"inner": tensor}}):
        with pytest.raises(TypeError, match="'bad"):
            memory.do(lambda items=items: manager.save(items, step=1))
    assert memory.files() == {}


def test_a_training_state_goes_on_where_it_was(desk: Desk) -> None:
    """Issue 6, point 4: model and optimizer by their state dicts, saved in the background while training goes on."""
    torch.manual_seed(0)

    def fresh() -> tuple[Any, Any]:
        model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
        return model, torch.optim.AdamW(model.parameters(), lr=0.01)

    def steps(model: Any, optimizer: Any, count: int) -> float:
        data = torch.linspace(-1, 1, 64).reshape(8, 8)
        loss = torch.zeros(())
        for _ in range(count):
            loss = (model(data) - data.sum(1, keepdim=True)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return float(loss.detach())

    model, optimizer = fresh()
    steps(model, optimizer, 5)
    manager = desk.manager()
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": 5}
    pending = desk.do(lambda: manager.save_async(state, step=5))
    unbroken = steps(model, optimizer, 5)
    desk.do(pending.wait)

    model, optimizer = fresh()
    got = desk.do(desk.manager().load)
    model.load_state_dict(got["model"])
    optimizer.load_state_dict(got["optimizer"])
    assert steps(model, optimizer, 5) == unbroken


def test_without_torch_tensors_come_as_arrays(tmp_path: Path) -> None:
    """CHECKPOINT 0: the core works without torch; what numpy has no word for says what is missing."""
    from remote_store.checkpoint import CheckpointManager

    with CheckpointManager(str(tmp_path)) as manager:
        manager.save({"w": torch.arange(6.0).reshape(2, 3)}, step=1)
        manager.save({"w": torch.ones(2, dtype=torch.bfloat16)}, step=2)
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from remote_store.checkpoint import CheckpointManager\n"
        "m = CheckpointManager(sys.argv[1])\n"
        "w = m.load(step=1)['w']; print(type(w).__module__, w.tolist())\n"
        "try: m.load(step=2)\n"
        "except ImportError as error: print('torch' in str(error))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert done.stdout == "numpy [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]\nTrue\n", done.stderr
