"""What a generated supernet imports: elastic modules, and the base classes of its archs.

In: the ops of ``ofadsl.ops``, whose ``params`` say what to allocate and how to cut it, and whose
``apply`` is the forward. Out: one module class for each. A module holds weights of the largest
size; a call says which sizes this subnet uses, so nothing about an arch is ever module state.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from ofadsl.choices import Arch, Choices, blocks_of, one_of, stage
from ofadsl.expr import Var, const, divisible, source
from ofadsl.ops import OPS, Op
from ofadsl.ops.base import Centre, Interleaved, Param, whole

__all__ = ["Arch", "Choices", "Elastic", "bind", "blocks_of", "divisible", "one_of", "stage"]
__all__ += [op.module for op in OPS.values()]


class Elastic(torch.nn.Module):
    """An op with weights of the largest size; ``forward`` takes the sizes that a subnet uses.

    The constructor takes the fields of the op, the elastic ones at their upper bound. Sizes left
    out of a call are at that bound; a tensor that is used whole is not sliced at all.
    """

    op_class: ClassVar[type[Op]]

    def __init__(self, **sizes: Any) -> None:
        super().__init__()
        self.op = self.op_class(**sizes)
        for name, param in self.op.params().items():
            tensor = torch.empty([whole(cut.size) for cut in param.cuts])
            if param.role == "statistic":
                self.register_buffer(name, tensor)
            else:
                self.register_parameter(name, torch.nn.Parameter(tensor))
        self._run = _compile(self.op)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the initial values that the op declares."""
        for name, param in self.op.params().items():
            with torch.no_grad():
                _INITIAL[param.init](getattr(self, name))

    def forward(self, x: Tensor, **sizes: int) -> Tensor:
        """Return the op of ``x`` at these sizes."""
        out: Tensor = self._run(self, x, **sizes)
        return out

    def extra_repr(self) -> str:
        """Return the sizes allocated."""
        return ", ".join(f"{f.name}={getattr(self.op, f.name)!r}" for f in fields(self.op))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_run"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._run = _compile(self.op)


class Bound(torch.nn.Module):
    """A supernet with its arch chosen: what takes an image alone."""

    def __init__(self, supernet: torch.nn.Module, arch: Arch) -> None:
        super().__init__()
        self.supernet = supernet
        self.arch = arch

    def forward(self, x: Tensor) -> Tensor:
        """Return what the subnet makes of ``x``."""
        out: Tensor = self.supernet(x, self.arch)
        return out


def bind(supernet: torch.nn.Module, arch: Arch) -> Bound:
    """Return the subnet ``arch`` of ``supernet``, sharing its weights."""
    return Bound(supernet, arch)


if TYPE_CHECKING:
    # The classes are made below, one for each op; a type checker sees them through this.
    def __getattr__(name: str) -> type[Elastic]: ...


_INITIAL: dict[str, Callable[[Tensor], object]] = {
    "kaiming": lambda t: torch.nn.init.kaiming_normal_(t, mode="fan_out"),
    "normal": lambda t: torch.nn.init.normal_(t, 0.0, 0.01),
    "truncated": lambda t: torch.nn.init.trunc_normal_(t, std=0.02),
    "ones": torch.nn.init.ones_,
    "zeros": torch.nn.init.zeros_,
    "identity": torch.nn.init.eye_,
}

_RUNS: dict[Op, Callable[..., Tensor]] = {}  # by op, so that equal layers share their code


def _compile(op: Op) -> Callable[..., Tensor]:
    """Return ``run(module, x, **sizes)`` for ``op``, the sizes allocated.

    A supernet calls this some hundred times a forward, so the cuts are turned into straight code
    once, as `dataclasses` does. The text holds names and expressions of the op's declaration and
    ints, never a word of a user.
    """
    if op in _RUNS:
        return _RUNS[op]
    elastic = type(op).elastic
    # so many values that no expression of them is taken for a constant
    probe = _at(op, {name: Var(name, range(1, 4096)) for name in elastic})
    lines = [f"def run(module, x, {''.join(f'{n}={getattr(op, n)!r}, ' for n in elastic)}):"]
    symbolic = probe.params()
    for name, param in op.params().items():
        if param.role != "transform":
            lines += [f"    {line}" for line in _cut(name, param, symbolic[name])]
    kept = [name for name, param in symbolic.items() if param.role != "transform"]
    sizes = ", ".join(
        f.name if f.name in elastic else repr(getattr(op, f.name)) for f in fields(op)
    )
    training = ", module.training" if "training" in inspect.signature(op.apply).parameters else ""
    sized = f"Sized({sizes})" if elastic else "op"
    cut = f"Cut({', '.join(kept)})" if kept else "None"
    lines.append(f"    return apply({sized}, torch, x, {cut}{training})")
    scope = {
        "apply": type(op).apply,
        "op": op,
        "torch": torch,
        "Sized": _sized(type(op)),
        "Cut": _record("Cut", (object,), kept),
        "shrink": _shrink,
        "deal": _deal,
        "divisible": divisible,
    }
    exec("\n".join(lines), scope)
    run: Callable[..., Tensor] = scope["run"]  # type: ignore[assignment]
    _RUNS[op] = run
    return run


def _cut(name: str, param: Param, symbolic: Param) -> list[str]:
    """Return the lines that set ``name`` to the part of the tensor that a subnet uses."""
    conditions, slices = [], []
    for full, cut in zip(param.cuts, symbolic.cuts, strict=True):
        total, size = whole(full.size), source(cut.size)
        if total == 1 or not const(cut.size).support:
            slices.append(":")
            continue
        conditions.append(f"{size} != {total}")
        if isinstance(cut, Centre):
            slices.append(f"({total} - {size}) // 2:({total} + {size}) // 2")
        else:
            slices.append(f":{size}")
    lines = [f"{name} = module.{name}"]
    if param.steps:  # the two last axes go through the transforms, one kernel size at a time
        size = source(symbolic.cuts[-1].size)
        for large, small in itertools.pairwise(param.steps):
            step = f"shrink({name}, {large}, {small}, module.transform_{large}to{small})"
            lines.append(f"if {size} < {large}: {name} = {step}")
        conditions, slices = conditions[:-2], slices[:-2]
    while slices and slices[-1] == ":":
        slices.pop()
    if conditions:
        part = f"{name} = {name}[{', '.join(slices)}]"
        lines.insert(1, f"if {' or '.join(dict.fromkeys(conditions))}: {part}")
    for axis, cut in enumerate(param.cuts):
        if isinstance(cut, Interleaved):
            lines.append(f"{name} = deal({name}, {axis}, {cut.parts})")
    return lines


def _shrink(weight: Tensor, large: int, small: int, transform: Tensor) -> Tensor:
    """Crop the centre and apply a kernel transform (Cai et al. 2020, section 3.2)."""
    start, end = (large - small) // 2, (large + small) // 2
    centre = weight[:, :, start:end, start:end]
    shrunk = torch.nn.functional.linear(centre.reshape(-1, small * small), transform)
    return shrunk.view(centre.shape)


def _deal(weight: Tensor, axis: int, parts: int) -> Tensor:
    """Return the entries along ``axis`` in the order 0, parts, 2 * parts, ..., 1, parts + 1, ..."""
    dealt = torch.unflatten(weight, axis, (-1, parts)).transpose(axis, axis + 1)
    return dealt.flatten(axis, axis + 1)


def _at(op: Op, sizes: dict[str, Var]) -> Op:
    values = {f.name: getattr(op, f.name) for f in fields(op)}
    return type(op)(**{**values, **sizes})


def _sized(op_class: type[Op]) -> type:
    """Return a subclass of ``op_class`` that is quick to make, by position."""
    if op_class not in _SIZED:
        names = [f.name for f in fields(op_class)]
        _SIZED[op_class] = _record(op_class.__name__, (op_class,), names)
    return _SIZED[op_class]


_SIZED: dict[type[Op], type] = {}


def _record(name: str, bases: tuple[type, ...], names: list[str]) -> type:
    scope: dict[str, Any] = {}
    body = "".join(f"\n    self.{n} = {n}" for n in names) or " pass"
    exec(f"def __init__(self, {', '.join(names)}):{body}", scope)
    slots = () if bases != (object,) else tuple(names)
    namespace = {"__slots__": slots, "__init__": scope["__init__"]}
    return type(name, bases, namespace | {"__setattr__": object.__setattr__})


for _op in OPS.values():
    globals()[_op.module] = type(
        _op.module, (Elastic,), {"__module__": __name__, "__doc__": _op.__doc__, "op_class": _op}
    )
