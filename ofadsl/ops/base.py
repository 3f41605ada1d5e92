"""What every primitive op declares, and the registry of them.

One class is all that the compiler, the cost model, the supernet and the checker know of an op:
its arguments in the language, what it demands, the shape it gives, its parameters with the cut
that a subnet takes of each, its multiply-adds and its forward code. The same methods serve
symbols in the compiler and plain ints at run time. No torch import: ``apply`` is given torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, TypeVar

from ofadsl.expr import Expr, Value, const, source, static
from ofadsl.graph import Shape

if TYPE_CHECKING:
    from torch import Tensor

Size = Expr | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Arg:
    """An argument of an op in the language.

    ``size`` may depend on choices; the other kinds must be the same in every subnet.
    """

    name: str
    kind: Literal["size", "whole", "number", "flag", "word"]
    default: Value | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class First:
    """The first ``size`` entries."""

    size: Size


@dataclass(frozen=True, slots=True)
class Centre:
    """The ``size`` entries in the middle."""

    size: Size


@dataclass(frozen=True, slots=True)
class Interleaved:
    """The first ``size`` entries, dealt out to ``parts`` runs: 0, parts, 2 * parts, ... go first.

    Of several matrices in one tensor, a smaller one then uses its own first rows, as those of
    query, key and value in AutoFormer (Chen et al. 2021). Even all entries change their order.
    """

    size: Size
    parts: int


Cut = First | Centre | Interleaved


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """A tensor of an op, with the cut that a subnet takes of each of its axes.

    ``role``: ``weight`` and ``bias`` are counted and trained, ``statistic`` is a buffer,
    ``transform`` is trained but belongs to the supernet alone. ``steps`` are the kernel sizes
    through which the two last axes shrink by learned transforms.
    """

    cuts: tuple[Cut, ...]
    init: Literal["kaiming", "normal", "truncated", "ones", "zeros", "identity"]
    role: Literal["weight", "bias", "statistic", "transform"] = "weight"
    steps: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What must hold for every choice; ``message`` is the rule, ``found`` the values to show."""

    code: str
    condition: Expr
    message: str
    found: str
    values: Mapping[str, Expr | int]
    help: str = ""
    argument: str | None = None


class Tensors(Protocol):
    """The tensors of an op by name, already cut."""

    def __getattr__(self, name: str) -> Tensor: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """A primitive operation with its sizes; see the module docstring."""

    name: ClassVar[str]
    arguments: ClassVar[tuple[Arg, ...]] = ()
    module: ClassVar[str]
    """The class of ``ofadsl.nn`` that runs it."""
    elastic: ClassVar[tuple[str, ...]] = ()
    """The fields that may depend on choices."""
    written_as: ClassVar[Mapping[str, str]] = {}
    """The argument that gives a field, where its name differs; other fields follow the input."""
    in_place: ClassVar[bool] = False
    inputs: ClassVar[Literal["one", "many"]] = "one"
    ordered: ClassVar[bool] = False
    """Whether it matters at which place among the others a channel comes in."""

    @classmethod
    def build(cls, x: Shape, args: Mapping[str, Expr]) -> Self:
        """Return the op applied to ``x`` with the arguments as written in the language."""
        raise NotImplementedError

    @property
    def scratch(self) -> Size:
        """Elements of working memory for one sample, beside inputs and output."""
        return 0

    def demands(self, *inputs: Shape) -> Iterator[Demand]:
        """Yield what must hold for every choice."""
        return iter(())

    def infer(self, *inputs: Shape) -> Shape:
        """Return the shape of the output."""
        return inputs[0]

    def params(self) -> Mapping[str, Param]:
        """Return the tensors of the op by name."""
        return {}

    def macs(self, x: Shape, y: Shape) -> Size:
        """Return the multiply-adds of one sample."""
        return 0

    def apply(self, torch: Any, x: Tensor, p: Tensors) -> Tensor:
        """Return the output, for ``torch`` the module and ``p`` the tensors already cut."""
        raise NotImplementedError

    def weights(self) -> dict[str, Size]:
        """Return the number of elements of each parameter that a subnet keeps."""
        counted = {}
        for name, param in self.params().items():
            if param.role in ("weight", "bias"):
                numel: Size = 1
                for cut in param.cuts:
                    numel = numel * cut.size
                counted[name] = numel
        return counted

    def text(self) -> str:
        """Return the op as the IR prints it."""
        values = ((f.name, getattr(self, f.name)) for f in fields(self))
        inner = ", ".join(f"{name}: {_show(value)}" for name, value in values)
        return f"{self.name}[{inner}]"


def _show(value: object) -> str:
    return source(value) if isinstance(value, Expr) else str(value)


T = TypeVar("T", bound=type[Op])
OPS: dict[str, type[Op]] = {}
"""Every op by the name that the language gives it."""


def op(declared: T) -> T:
    """Add an op class to the language."""
    assert declared.name not in OPS, declared.name
    OPS[declared.name] = declared
    return declared


def whole(value: Expr | Value) -> int:
    """Return a size that no choice changes as an int."""
    number = static(const(value))
    assert isinstance(number, int), value
    return number
