"""One number for a space: what was made for a space tells by it whether it still fits."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import TYPE_CHECKING, cast

from ofadsl.compiler.tree import Checked
from ofadsl.expr import Apply, Expr, ordered
from ofadsl.graph import Graph, Input, Operation, Select

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def space_hash(checked: Checked, graph: Graph) -> str:
    """Return the SHA-256, in hex, of the dimensions, the requirements and the graph of a space."""
    space = checked.space
    lines = [f"space {space.name}"]
    marks: dict[Expr, str] = {}
    for dim in space.dims:
        allocate = "" if dim.var.allocate is None else f" of {dim.var.allocate}"
        live = _mark(dim.live, marks)
        lines.append(f"dim {dim.var.name} {dim.var.values}{allocate} when {live}")
    lines += [f"require {_mark(r.condition, marks)}" for r in space.requirements]
    for node in graph.nodes:
        when = _mark(node.when, marks)
        lines.append(f"{node.name} {_op(node.op, marks)} of {node.inputs} when {when}")
        lines.append(" ".join(_mark(e, marks) for e in (node.shape.channels, *node.shape.spatial)))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _op(op: Operation | Input | Select, marks: dict[Expr, str]) -> str:
    if isinstance(op, Input):
        return "input"
    if isinstance(op, Select):
        return " ".join(["select", *(_mark(condition, marks) for condition in op.conditions)])
    values = ((f.name, getattr(op, f.name)) for f in fields(cast("DataclassInstance", op)))
    said = (f"{k}={_mark(v, marks) if isinstance(v, Expr) else v}" for k, v in values)
    return " ".join([type(op).__name__, *said])


def _mark(expr: Expr, marks: dict[Expr, str]) -> str:
    """Return a digest of an expression; its text could be long, where parts stand often in it."""
    for part in ordered(expr):
        if part not in marks:
            inner = [marks[arg] for arg in part.args] if isinstance(part, Apply) else []
            said = part.op if isinstance(part, Apply) else repr(part)
            marks[part] = hashlib.sha256(" ".join([said, *inner]).encode()).hexdigest()[:16]
    return marks[expr]
