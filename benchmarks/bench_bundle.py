"""What sharing costs: memory, switching and throughput of five subnets of mbv3 in one bundle.

Each subnet is compared with itself as `ofadsl specialize` writes it: alone, batch norm folded.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import safetensors.torch
import torch
from measure import in_turns, show, start, written

from generated.mbv3 import Arch, Supernet, cost
from ofadsl.commands.bundle import Request, bundle
from ofadsl.deploy.bundle import Bundle
from ofadsl.search.front import Front, Objective, front_json
from ofadsl.specialize.pipeline import specialize

SUBNETS = 5
SWITCHES = 2000


def main() -> None:
    options = start(__doc__)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        safe, archs = weights(folder), front(folder)
        bundle(Request(front=folder, weights=safe, output=folder / "bundle"))
        shared = Bundle.load(folder / "bundle")
    memory(shared)
    switches(shared)
    supernet = Supernet().eval()
    with torch.inference_mode():
        for i, arch in enumerate(archs):
            throughput(
                shared,
                f"arch-{i + 1:03}",
                written(specialize(supernet, arch), arch)(),
                arch,
                options.turns,
            )


def weights(folder: Path) -> Path:
    path = folder / "weights.safetensors"
    safetensors.torch.save_file(Supernet().state_dict(), path)
    return path


def front(folder: Path) -> list[Arch]:
    """Write a front of random archs, the largest first; return them."""
    x = cost.sample(SUBNETS, np.random.default_rng(1))
    x = x[np.argsort(-cost.params(x))]
    macs = cost.macs(x).astype(float)
    found = Front(
        space="mbv3",
        space_hash=cost.SPACE_HASH,
        source="spaces/mbv3.ofa",
        settings={},
        x=x,
        archs=tuple(cost.decode(x)),
        dimensions={},
        objectives=(Objective(text="macs", unit="", maximize=False),),
        values=macs[:, None],
        units={},
        costs={"macs": macs},
        intervals={},
        limits=(),
        bytes_per_element=4,
        confident=False,
        method="genetic",
        complete=True,
        evaluations=SUBNETS,
        found=SUBNETS,
    )
    (folder / "pareto.json").write_text(json.dumps(front_json(found)))
    return [Arch.from_dict(arch) for arch in found.archs]


def memory(shared: Bundle) -> None:
    """Compare the tensors of all with those of the largest alone."""
    own, kernels, norms = 0, 0, 0
    found: dict[int, int] = {}
    for member in shared.members:
        net = shared[member.name]
        own = max(own, 4 * int(member.costs["params"]))
        for name, tensor in (*net.named_parameters(), *net.named_buffers()):
            storage = tensor.untyped_storage()
            if storage.data_ptr() in found:
                continue
            found[storage.data_ptr()] = storage.nbytes()
            depthwise = "depthwise" in name and tensor.ndim == 4 and tensor.shape[1] == 1
            kernels += storage.nbytes() if depthwise and name.endswith("weight") else 0
            norms += storage.nbytes() if name.endswith(("scale", "shift")) else 0
    total = sum(found.values())
    print(f"{SUBNETS} subnets: {total / 1e6:.1f} MB; the largest alone: {own / 1e6:.1f} MB")
    print(f"  of it depthwise kernels {kernels / 1e6:.2f} MB, batch norm {norms / 1e6:.2f} MB")
    show("bundle : largest", total / own)
    rest = (total - kernels - norms) / own
    show("bundle without depthwise kernels and batch norm : largest", rest, at_most=1.3)


def switches(shared: Bundle) -> None:
    """Time a switch, and see what tensors it makes."""
    names = [member.name for member in shared.members]
    taken = []
    for i in range(SWITCHES):
        start_ = time.perf_counter()
        shared.use(names[i % len(names)])
        taken.append(time.perf_counter() - start_)
    before = shared.nbytes()
    slowest = sorted(taken)[int(0.99 * SWITCHES)]
    print(f"a switch: {median(taken) * 1e6:.2f} us, 99 % within {slowest * 1e6:.2f} us; ", end="")
    print(f"tensors before and after: {before:,} and {shared.nbytes():,} bytes")


def throughput(shared: Bundle, name: str, alone: torch.nn.Module, arch: Arch, turns: int) -> None:
    member = shared.use(name)
    print(f"{name}, {member.costs['macs'] / 1e6:.0f}M MACs")
    size = arch.resolution
    for batch, more in ((1, 4), (8, 1)):
        x = torch.randn(batch, 3, size, size)
        runs = {"bundle": lambda x=x: shared(x), "alone": lambda x=x: alone(x)}
        times = in_turns(runs, more * turns)
        show(f"batch {batch}: bundle : alone", times.ratio("bundle", "alone"), at_most=1.05)


if __name__ == "__main__":
    main()
