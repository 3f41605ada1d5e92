"""Members of stages: from `s1[0].kernel` to the dimension that it names."""

from __future__ import annotations

from collections.abc import Collection

from ofadsl.compiler import syntax
from ofadsl.compiler.dimensions import Dimensions
from ofadsl.compiler.names import nearest
from ofadsl.compiler.report import Report
from ofadsl.compiler.scope import Meaning, Scope, StageRef
from ofadsl.expr import UNKNOWN


def member(
    expr: syntax.Member | syntax.Index, scope: Scope, dims: Dimensions, report: Report
) -> Meaning:
    """Return the depth of a stage, or a dimension of it or of one of its blocks."""
    path = member_path(expr, scope)
    if path is None:
        base = base_name(expr)
        if base is not None and scope.find(base.text) is None:
            return UNKNOWN  # reported where names are resolved
        rule = "only a stage has members"
        help = "write `s1.depth` or `s1[0].kernel`, for a stage `s1`"
        report.add("OFA031", rule, expr.span, "this is none of a stage", help)
        return UNKNOWN
    ref, key = path
    if not key:
        return ref
    if dims.is_poisoned(ref.name, key):
        return UNKNOWN
    dim = dims.in_stage(ref.name, None, key) or dims.in_stage(ref.name, ref.block, key)
    if dim is not None:
        return dim.var
    if dims.is_poisoned(ref.name, "depth"):
        return UNKNOWN
    known = dict.fromkeys(d.key for d in dims.of_stage(ref.name))
    if key in known and ref.block is not None and not ref.written:
        return UNKNOWN  # this block has no such dimension: nothing is required of it
    label, help = _no_member(ref, key, known, dims)
    report.add("OFA031", "unknown dimension", expr.span, label, help)
    return UNKNOWN


def _no_member(
    ref: StageRef, key: str, known: Collection[str], dims: Dimensions
) -> tuple[str, str]:
    """Return what is wrong with a member of a stage, and the repair."""
    name, blocks = ref.name, dims.blocks[ref.name]
    if ref.block is not None and ref.block >= blocks:
        return f"stage `{name}` has {blocks} blocks", f"the last one is `{name}[{blocks - 1}]`"
    if key not in known:
        label = f"stage `{name}` has no dimension `{key}`"
        parts = [k for k in known if k.endswith(f".{key}")]
        near = f"did you mean `{parts[0]}`?" if parts else nearest(key, known)
        return label, near or f"it has {', '.join(f'`{k}`' for k in known)}"
    if ref.block is None:
        return "which block?", f"write `{name}[0].{key}` for the first"
    return f"block {ref.block} of stage `{name}` has no `{key}`", ""


def member_path(expr: syntax.Member | syntax.Index, scope: Scope) -> tuple[StageRef, str] | None:
    """Return the stage and the key that a chain of members names, or None."""
    match expr:
        case syntax.Member(base=syntax.Name(text=base), name=name):
            binding = scope.find(base)
            if binding is None or not isinstance(binding.meaning, StageRef):
                return None
            return binding.meaning, name.text
        case syntax.Member(base=syntax.Member() | syntax.Index() as base, name=name):
            path = member_path(base, scope)
            if path is None:
                return None
            ref, key = path
            return ref, f"{key}.{name.text}" if key else name.text
        case syntax.Index(base=syntax.Name(text=base), index=syntax.Number(value=int(block))):
            binding = scope.find(base)
            if binding is None or not isinstance(binding.meaning, StageRef):
                return None
            return StageRef(name=binding.meaning.name, block=block, written=True), ""
    return None


def base_name(expr: syntax.Expression) -> syntax.Name | None:
    """Return the name that a chain of members begins with."""
    while isinstance(expr, syntax.Member | syntax.Index):
        expr = expr.base
    return expr if isinstance(expr, syntax.Name) else None
