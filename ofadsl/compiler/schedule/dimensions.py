"""From the name of a dimension, as a schedule writes it, to the dimensions of a space.

`kernel` is every dimension of that name; `s1.kernel` those of a stage, `s1[0].kernel` the one of a
block, `stem.kernel` that of a part; `s1` is all that a stage has, and `all` everything.
"""

from __future__ import annotations

from dataclasses import dataclass

from ofadsl.compiler import syntax
from ofadsl.compiler.names import nearest
from ofadsl.compiler.report import Report
from ofadsl.space import Dim, Space

ALL = "all"
RESOLUTION = "resolution"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A name with its parts; ``block`` stands behind the first, where there is one."""

    parts: tuple[str, ...]
    block: int | None = None


def address_of(expr: syntax.Expression) -> Address | None:
    """Return the parts of a name such as `s1[0].conv.kernel`, or None where it is none."""
    match expr:
        case syntax.Name(text=text):
            return Address(parts=(text,))
        case syntax.Index(base=syntax.Name(text=text), index=syntax.Number(value=int(block))):
            return Address(parts=(text,), block=block)
        case syntax.Member(base=base, name=name):
            before = address_of(base)
            if before is None:
                return None
            return Address(parts=(*before.parts, name.text), block=before.block)
    return None


def named(node: syntax.Unlock, space: Space, report: Report) -> tuple[Dim, ...]:
    """Return the dimensions that an `unlock` speaks of; report a name that the space has not."""
    address = address_of(node.dimension)
    if address is None:
        return ()  # reported where the schedule is read
    elastic = tuple(dim for dim in space.dims if not is_resolution(dim))
    if address == Address(parts=(ALL,)):
        return elastic
    if address == Address(parts=(RESOLUTION,)):
        rule, label = "the resolution is elastic in every phase", "nothing to unlock"
        report.add("OFA167", rule, node.span, label, "leave this out")
        return ()
    found = tuple(dim for dim in elastic if _is_meant(dim, address, space))
    if not found and not node.if_any:
        label, help = _missing(address, space)
        report.add("OFA164", "unknown dimension", node.dimension.span, label, help)
    return found


def is_resolution(dim: Dim) -> bool:
    """Return whether a dimension is the size of the images."""
    return dim.key == RESOLUTION and dim.stage is None


def _is_meant(dim: Dim, address: Address, space: Space) -> bool:
    first, *rest = address.parts
    if dim.stage == first:
        inside = address.block is None or dim.block == address.block
        return inside and (not rest or _ends(dim.key, ".".join(rest)))
    return address.block is None and _ends(dim.key, ".".join(address.parts))


def _ends(key: str, name: str) -> bool:
    return key == name or key.endswith(f".{name}")


def _missing(address: Address, space: Space) -> tuple[str, str]:
    """Return what is wrong with a name, and the repair."""
    stage = next((stage for stage in space.stages if stage.name == address.parts[0]), None)
    if stage is not None and address.block is not None and address.block >= stage.blocks:
        label = f"stage `{stage.name}` has {stage.blocks} blocks"
        return label, f"the last one is `{stage.name}[{stage.blocks - 1}]`"
    name = address.parts[-1] if stage is not None else ".".join(address.parts)
    owner = f"stage `{stage.name}`" if stage is not None else f"space `{space.name}`"
    of = [dim for dim in space.dims if stage is None or dim.stage == stage.name]
    keys = list(dict.fromkeys(dim.key for dim in of if not is_resolution(dim)))
    last = [key.rpartition(".")[2] for key in keys]
    known = list(dict.fromkeys(key for key in [*keys, *last]))
    lists = f"it has {', '.join(f'`{key}`' for key in keys[:8])}" if keys else "it has none"
    help = nearest(name, known) or lists + ("..." if len(keys) > 8 else "")
    if stage is None:
        help += "\nwrite `if any` behind it where a space may lack it"
    return f"{owner} has no dimension `{name}`", help
