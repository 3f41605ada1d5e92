"""Write a front of sampled archs for a test of what is made of one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ofadsl.search.front import Front, Limit, Objective, front_json
from tests.packages import compiled, path_of


def write_front(name: str, folder: Path, count: int, *, seed: int = 0) -> Path:
    """Write ``count`` archs of a space, the largest first; the latency of a chip follows MACs."""
    cost = compiled(name).module.cost
    x = cost.sample(count, np.random.default_rng(seed))
    x = x[np.argsort(-cost.macs(x))]
    macs = cost.macs(x).astype(float)
    found = Front(
        space=name,
        space_hash=cost.SPACE_HASH,
        source=str(path_of(name)),
        settings={},
        x=x,
        archs=tuple(cost.decode(x)),
        dimensions={},
        objectives=(Objective(text="latency[chip]", unit="ms", maximize=False),),
        values=macs[:, None] / 1e5,
        units={"latency[chip]": "ms"},
        costs={"latency[chip]": macs / 1e5, "accuracy": macs / macs.max()},
        intervals={},
        limits=(Limit(text="macs <= 3M"),),
        bytes_per_element=1,
        confident=False,
        method="enumeration",
        complete=True,
        evaluations=count,
        found=count,
    )
    folder.mkdir(parents=True)
    (folder / "pareto.json").write_text(json.dumps(front_json(found)))
    return folder
