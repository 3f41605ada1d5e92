"""The values of a class's slots over its objects, and the arguments that they make.

A slot with one value is written into the class. Slots with equal values share an argument where
they mean the same, as the channels that one layer gives and the next one takes.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from ofadsl.specialize.forms import Form, Slot
from ofadsl.specialize.literals import ACTIVATIONS, literal
from ofadsl.specialize.names import numbered

_SHORT = {
    "in_channels": "c_in",
    "in_features": "c_in",
    "out_channels": "c_out",
    "out_features": "c_out",
    "num_features": "channels",
    "normalized_shape": "channels",
    "kernel_size": "kernel",
}
_SIZES = {"in_channels", "out_channels", "in_features", "out_features", "num_features", "groups"}


class Columns:
    """The slots of the forms that share a class; arguments come to be as they are asked for."""

    def __init__(self, forms: Sequence[Form]) -> None:
        self._slots: list[Slot] = forms[0].slots
        self._columns = list(
            zip(*([slot.value for slot in form.slots] for form in forms), strict=True)
        )
        self._named: dict[Hashable, str] = {}
        self.arguments: dict[str, int] = {}
        """Name of each argument -> one of its slots."""
        outs = [i for i, s in enumerate(self._slots) if s.argument.startswith("out_")]
        self._last = outs[-1] if outs else -1

    def constant(self, slot: int) -> bool:
        """Return whether every object has the same value."""
        column = self._columns[slot]
        return all(type(v) is type(column[0]) and v == column[0] for v in column)

    def value(self, slot: int) -> object:
        """Return the value of the first object."""
        return self._columns[slot][0]

    def text(self, slot: int) -> str:
        """Return a literal, an argument or an expression of one."""
        if self.constant(slot):
            return literal(self.value(slot))
        kernel = self._half_kernel(slot)
        if kernel is not None:
            return f"{self.text(kernel)} // 2"
        kind = self._slots[slot].argument
        key = ("size" if kind in _SIZES else kind, self._columns[slot])
        if key not in self._named:
            name = next(n for n in self._candidates(slot) if n not in self.arguments)
            self._named[key] = name
            self.arguments[name] = slot
        return self._named[key]

    def type(self, argument: str) -> str:
        """Return the annotation of an argument."""
        value = self.value(self.arguments[argument])
        if value in ACTIVATIONS:
            return "Callable[..., Tensor]"
        kinds = {type(v) for v in self._columns[self.arguments[argument]]}
        if kinds <= {int, tuple} and tuple in kinds:
            return "tuple[int, ...]" if kinds == {tuple} else "int | tuple[int, ...]"
        return " | ".join(sorted("None" if k is type(None) else k.__name__ for k in kinds))

    def _half_kernel(self, slot: int) -> int | None:
        """Return the slot of the kernel size where this is the padding that goes with it."""
        own = self._slots[slot]
        if own.argument != "padding":
            return None
        for i, other in enumerate(self._slots):
            if (other.member, other.argument) == (own.member, "kernel_size"):
                pairs = zip(self._columns[i], self._columns[slot], strict=True)
                return i if all(isinstance(k, int) and k // 2 == p for k, p in pairs) else None
        return None

    def _candidates(self, slot: int) -> list[str]:
        own = self._slots[slot]
        member = own.member.replace(".", "_")
        short = _SHORT.get(own.argument, own.argument)
        suffix = {"c_in": "in", "c_out": "out"}.get(short, short)
        long = f"{member}_{suffix}" if member else short
        first = [] if short == "c_out" and slot != self._last else [short]
        counted = numbered(long)
        return [*first, *(next(counted) for _ in range(len(self._slots) + 1))]
