"""Write and load the cost model of a space for a test."""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from cost_texts import TEXTS
from numpy.typing import NDArray

from ofadsl.compiler.emit.cost import emit_cost
from ofadsl.compiler.lower import lower
from ofadsl.compiler.pipeline import check_text, checked_space
from ofadsl.compiler.tree import Checked
from ofadsl.graph import Graph

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = tuple(sorted(path.stem for path in (ROOT / "spaces").glob("*.ofa")))
OWN = tuple(sorted(path.stem for path in (ROOT / "tests" / "spaces").glob("*.ofa")))
SPACES = (*TEXTS, *OWN, *SHIPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A space, its graph, and the module that was written for it."""

    checked: Checked
    graph: Graph
    text: str
    cost: Any

    def archs(self, count: int, seed: int = 0) -> NDArray[np.uint8]:
        """Return archs drawn by the space itself, not by the module."""
        samples = self.checked.space.samples(random.Random(seed))
        return np.array([next(samples) for _ in range(count)], np.uint8)


@functools.cache
def model(name: str) -> Model:
    """Return the cost model of a space: of a text, of the tests, or shipped."""
    if name in TEXTS:
        checked = check_text(TEXTS[name])
    else:
        folder = ROOT / ("spaces" if name in SHIPPED else "tests/spaces")
        checked = checked_space(folder / f"{name}.ofa")
    assert checked is not None
    graph = lower(checked)
    text = emit_cost(checked, graph, source=f"{name}.ofa")
    module = ModuleType(f"cost_of_{name}")
    exec(compile(text, f"{name}/cost.py", "exec"), module.__dict__)
    return Model(checked=checked, graph=graph, text=text, cost=module)
