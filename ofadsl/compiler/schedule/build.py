"""From a draft and a space to a schedule: each phase a restricted space, its ends known.

At the beginning every dimension but the resolution is locked at its value in the largest subnet;
`unlock` opens values, for that phase and all behind it. So each phase's space holds the one
before it, and none is empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from ofadsl.compiler.report import Report
from ofadsl.compiler.schedule.dimensions import is_resolution
from ofadsl.compiler.schedule.draft import Draft
from ofadsl.compiler.schedule.opening import Opened, opened
from ofadsl.compiler.schedule.order import Order, order_of
from ofadsl.compiler.schedule.plan import Fixed, Phase, Sampler, Sandwich, Schedule, Uniform
from ofadsl.compiler.tree import Checked
from ofadsl.diagnostics import fault
from ofadsl.elimination import CoupledError
from ofadsl.expr import Value, evaluate
from ofadsl.space import Space, extreme

Arch = tuple[int, ...]


def build(
    name: str, drafts: Sequence[Draft], checked: Checked, arch: Arch | None, report: Report
) -> Schedule:
    """Return the schedule of a space; ``arch`` is what `fixed` phases train.

    Raises Diagnostics with all that is in the report, and for an arch that no phase asks for.
    """
    order = order_of(checked)
    phases = opened(drafts, checked.space, order, report)
    report.finish()
    if arch is not None:
        _check_arch(arch, drafts, name, checked.space)
    try:
        scope = _Scope(space=checked.space, order=order, arch=arch)
        return _build(name, list(zip(drafts, phases, strict=True)), scope)
    except CoupledError as error:
        rule = "too many dimensions are tied together to count the subnets of a phase"
        names = ", ".join(f"`{var.name}`" for var in error.variables[:6])
        raise fault("OFA053", rule, help=f"loosen what ties {names} and others") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    """What all phases share: the whole space, the order of its values, the arch that is given."""

    space: Space
    order: Order
    arch: Arch | None


def _build(name: str, phases: Sequence[tuple[Draft, Opened]], scope: _Scope) -> Schedule:
    locks = _locks(scope.space, scope.order)
    kept: list[Phase] = []
    notes: list[str] = []
    before = 0
    for draft, open_values in phases:
        open_space = _restricted(scope.space, locks, open_values)
        size = open_space.size()
        if kept and draft.openings and size == before:
            notes.append(f"phase `{draft.name.text}` is left out: it opens nothing in this space")
            continue
        before = size
        kept.append(_phase(draft, scope, open_space))
    largest = _end(scope.space, scope.order, largest=True)
    return Schedule(name=name, phases=tuple(kept), notes=tuple(notes), largest=largest)


def _locks(space: Space, order: Order) -> dict[str, Value]:
    """Return the value at which each dimension but the resolution is locked.

    That is the one in the largest subnet; what takes no part in it is locked at its largest value.
    """
    arch = _end(space, order, largest=True)
    values = space.values(arch)
    return {
        dim.var.name: values[dim.var.name]
        if evaluate(dim.live, values)
        else order[dim.var.name][-1]
        for dim in space.dims
        if not is_resolution(dim)
    }


def _restricted(space: Space, locks: Mapping[str, Value], open_values: Opened) -> Space:
    """Return the space in which every dimension has its lock, and the values that are open."""
    choices = {}
    for dim in space.dims:
        if dim.var.name in locks:
            kept = {locks[dim.var.name], *open_values.get(dim.var.name, ())}
            if len(kept) < len(dim.var.values):
                choices[dim.var.name] = kept
    return space.restrict(choices)


def _phase(draft: Draft, scope: _Scope, open_space: Space) -> Phase:
    space, sampler = _sampled(draft, scope, open_space)
    draws = space.draws()
    return Phase(
        name=draft.name.text,
        epochs=draft.epochs,
        space=space,
        sampler=sampler,
        distil=draft.distil,
        learning_rate=draft.learning_rate,
        warmup=draft.warmup,
        decay=draft.decay,
        sort=draft.sort,
        rate_scale=draft.rate_scale,
        largest=extreme(space, draws, largest=True, order=scope.order),
        smallest=extreme(space, draws, largest=False, order=scope.order),
    )


def _sampled(draft: Draft, scope: _Scope, space: Space) -> tuple[Space, Sampler]:
    """Return the space of a phase, narrowed to one subnet where it trains only that."""
    match draft.sampler:
        case "sample":
            return space, Uniform(number=draft.number)
        case "sandwich":
            return space, Sandwich(number=draft.number)
        case "largest" | "smallest" as end:
            return _only(space, _end(space, scope.order, largest=end == "largest")), Uniform()
        case "fixed":
            # An arch that the user names need not be among those that are open.
            arch = scope.arch or _end(scope.space, scope.order, largest=True)
            return _only(scope.space, arch, resolution=True), Fixed(arch=arch)
        case _:
            assert_never(draft.sampler)


def _end(space: Space, order: Order, *, largest: bool) -> Arch:
    return extreme(space, space.draws(), largest=largest, order=order)


def _only(space: Space, arch: Arch, *, resolution: bool = False) -> Space:
    """Return the space of one subnet, at every resolution unless that is to be fixed, too."""
    values = space.values(arch)
    dims = [dim for dim in space.dims if resolution or not is_resolution(dim)]
    return space.restrict({dim.var.name: (values[dim.var.name],) for dim in dims})


def _check_arch(arch: Arch, drafts: Sequence[Draft], name: str, space: Space) -> None:
    if all(draft.sampler != "fixed" for draft in drafts):
        rule = f"schedule `{name}` trains no subnet that is given"
        help = "leave out the arch, or use a schedule with `fixed` in it, such as `single`"
        raise fault("OFA168", rule, help=help)
    sizes = [len(dim.var.values) for dim in space.dims]
    fits = len(arch) == len(sizes) and all(
        0 <= choice < size for choice, size in zip(arch, sizes, strict=True)
    )
    if not fits or not space.contains(arch):
        rule = f"the arch to train is one of space `{space.name}`"
        raise fault("OFA168", rule, help="it has a choice that the space has not, or breaks a rule")
