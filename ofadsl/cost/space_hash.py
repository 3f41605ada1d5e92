"""One number for a space: what was made for a space tells by it whether it still fits."""

from __future__ import annotations

import hashlib

from ofadsl.compiler.tree import Checked
from ofadsl.expr import source
from ofadsl.graph import Graph


def space_hash(checked: Checked, graph: Graph) -> str:
    """Return the SHA-256, in hex, of the dimensions, the requirements and the graph of a space."""
    space = checked.space
    lines = [f"space {space.name}"]
    for dim in space.dims:
        allocate = "" if dim.var.allocate is None else f" of {dim.var.allocate}"
        lines.append(f"dim {dim.var.name} {dim.var.values}{allocate} when {source(dim.live)}")
    lines += [f"require {source(requirement.condition)}" for requirement in space.requirements]
    return hashlib.sha256("\n".join([*lines, str(graph)]).encode()).hexdigest()
