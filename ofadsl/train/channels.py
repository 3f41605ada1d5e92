"""Which tensors of a supernet carry the same channels, read off the graph and the ops' own cuts.

In: the graph. Out: groups of channels that no subnet uses in another order than their own, so that
they may be put in any: one layer makes them, one layer takes them, and all that stands between
treats each by itself. Channels that a residual, a concatenation, a grouped convolution or the
images tie to others are in no group.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace

from ofadsl.expr import TRUE, Expr, Var, const
from ofadsl.graph import Graph, Input, Node, Select
from ofadsl.ops.base import First, Op


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """A tensor by its name in a state dict, and the axis that has the channels."""

    tensor: str
    axis: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Channels that may be reordered; a subnet uses the first ``size`` of them, ``when`` it does.

    ``judge`` is the weight that takes them: what it gives a channel says what the channel matters.
    """

    size: Expr
    when: Expr
    carriers: tuple[Carrier, ...]
    judge: Carrier


def channel_groups(graph: Graph) -> tuple[Group, ...]:
    """Return the groups of elastic channels, in the order of the layers that make them."""
    channels = _Channels()
    values: list[int] = []
    for node in graph.nodes:
        inputs = [values[i] for i in node.inputs]
        values.append(channels.of_node(node, inputs))
    channels.hold(values[-1])
    return tuple(channels.groups())


@dataclass(slots=True)
class _Class:
    """Channels that are reordered together or not at all."""

    carriers: list[Carrier] = field(default_factory=list)
    makers: int = 0
    takers: list[Carrier] = field(default_factory=list)
    when: Expr = TRUE
    size: Expr | None = None
    held: bool = False


@dataclass(slots=True)
class _Channels:
    """Classes of channels while the graph is read; ``leader`` leads from a merged one on."""

    classes: list[_Class] = field(default_factory=list)
    leader: list[int] = field(default_factory=list)

    def new(self) -> int:
        self.classes.append(_Class())
        self.leader.append(len(self.leader))
        return self.leader[-1]

    def find(self, index: int) -> int:
        while self.leader[index] != index:
            index = self.leader[index]
        return index

    def hold(self, index: int) -> None:
        """Note that these channels stay as they are."""
        self.classes[self.find(index)].held = True

    def merge(self, indices: list[int]) -> int:
        """Return the one class of several values whose channels are the same."""
        first, *others = dict.fromkeys(self.find(i) for i in indices)
        into = self.classes[first]
        for other in others:
            taken = self.classes[other]
            self.leader[other] = first
            into.when = into.when if into.takers else taken.when
            into.carriers += taken.carriers
            into.takers += taken.takers
            into.makers += taken.makers
            into.held |= taken.held
            into.size = into.size if into.size is not None else taken.size
        return first

    def of_node(self, node: Node, inputs: list[int]) -> int:
        """Return the class of what a node gives."""
        match node.op:
            case Input():
                made = self.new()
                self.hold(made)
                return made
            case Select():
                return self.merge(inputs)
            case op:
                assert isinstance(op, Op)
                return self.of_op(node, op, inputs)

    def of_op(self, node: Node, op: Op, inputs: list[int]) -> int:
        roles = _roles(op)
        if op.ordered or roles is None:
            made = self.new()
            for index in (*inputs, made):
                self.hold(index)
            return made
        if any(role.field == "c_out" for role in roles):
            made = self.new()
            self.classes[made].makers = 1
        else:
            made = self.merge(inputs)
        inner: dict[str, int] = {}
        for role in roles:
            match role.field:
                case "channels" | "c_in":
                    index = inputs[0]
                case "c_out":
                    index = made
                case name:
                    if name not in inner:
                        inner[name] = self.new()
                        self.classes[inner[name]].makers = 1
                    index = inner[name]
            self.carry(index, node, const(getattr(op, role.field)), role)
        return made

    def carry(self, index: int, node: Node, size: Expr, role: _Role) -> None:
        """Note that a tensor has these channels, and whether it makes or takes them."""
        found = self.classes[self.find(index)]
        carrier = Carrier(tensor=f"{node.name}.{role.tensor}", axis=role.axis)
        found.carriers.append(carrier)
        if role.takes:
            found.takers.append(carrier)
            found.when = node.when
        found.size = found.size if found.size is not None else size

    def groups(self) -> Iterator[Group]:
        """Yield what one layer makes and one layer takes, where its number is elastic."""
        for index, found in enumerate(self.classes):
            alone = found.makers == 1 and len(found.takers) == 1 and not found.held
            leads = self.find(index) == index
            if leads and alone and found.size is not None and found.size.support:
                yield Group(
                    size=found.size,
                    when=found.when,
                    carriers=tuple(found.carriers),
                    judge=found.takers[0],
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Role:
    """An axis of a tensor that has the channels of a field: `c_in`, `c_out`, `channels`..."""

    tensor: str
    axis: int
    field: str

    @property
    def takes(self) -> bool:
        """Whether it is a weight that the channels go into; of what is inside an op, the second."""
        return self.field == "c_in" or (self.field in INNER and self.axis == 1)


INNER = ("hidden",)
CHANNELS = ("channels", "c_in", "c_out", *INNER)
"""The fields of ops that count channels: of what goes through, comes in, goes out, stays inside."""

# So many values that no expression of them is taken for a constant.
PROBES = {name: Var(name, range(1, 4096)) for name in CHANNELS}


def _roles(op: Op) -> tuple[_Role, ...] | None:
    """Return the axes that carry channels; None where some do in another way than one by one."""
    names = [f.name for f in fields(op) if f.name in CHANNELS]
    probe = replace(op, **{name: PROBES[name] for name in names})
    roles = []
    for tensor, param in probe.params().items():
        for axis, cut in enumerate(param.cuts):
            size = const(cut.size)
            mentioned = [var.name for var in size.support if var.name in names]
            if not mentioned:
                continue
            if not isinstance(cut, First) or not isinstance(size, Var):
                return None
            roles.append(_Role(tensor=tensor, axis=axis, field=size.name))
    return tuple(roles)
