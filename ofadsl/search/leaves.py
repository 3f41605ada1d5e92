"""Names and numbers of an expression, and the mistakes found while it is checked."""

from __future__ import annotations

from dataclasses import dataclass, field

from ofadsl.compiler import syntax
from ofadsl.compiler.names import nearest
from ofadsl.compiler.syntax import Expression
from ofadsl.diagnostics import Diagnostic, Diagnostics, Span, ordered
from ofadsl.search.kinds import UNITS, Kind
from ofadsl.search.read import Text
from ofadsl.search.terms import Choice, Constant, Cost, Term
from ofadsl.search.vocabulary import MEASURED, MICRO, Vocabulary


@dataclass(slots=True, kw_only=True)
class Leaves:
    """What an expression is made of in the end; a mistake is noted, and gives None."""

    text: Text
    vocabulary: Vocabulary
    mistakes: list[Diagnostic] = field(default_factory=list)

    def refuse(
        self, code: str, message: str, at: Expression | Span, label: str, help: str = ""
    ) -> None:
        """Note a mistake."""
        span = at if isinstance(at, Span) else self.text.span(at)
        item = Diagnostic(code=code, message=message, span=span, label=label, help=help)
        self.mistakes.append(item)

    def finish(self) -> None:
        """Raise what was found."""
        if self.mistakes:
            raise Diagnostics(ordered(self.mistakes))

    def number(self, tree: syntax.Number) -> Term | None:
        """Return a number in the base unit of its kind."""
        span = self.text.units.get(tree.span.start)
        if span is None:
            return Constant(value=float(tree.value), kind=Kind.FREE)
        unit = UNITS.get(span.text)
        if unit is None:
            known = [name for name in UNITS if name.isascii()]
            same = [name for name in known if name.lower() == span.text.lower()]
            help = f"did you mean `{same[0]}`?" if same else nearest(span.text, known)
            label = "one of " + ", ".join(known)
            self.refuse("OFA221", f"`{span.text[:40]}` is no unit", span, label, help)
            return None
        return Constant(value=float(tree.value) * unit.size, kind=unit.kind)

    def named(self, tree: Expression) -> Term | None:
        """Return a cost, a dimension or a word by its name, however it was written."""
        name = "".join(self.text.name(tree).split())
        flat = name.replace("[", ".").replace("]", "")
        base, _, device = flat.partition(".")
        if base in MEASURED and base not in self.vocabulary.dimensions:
            return self._measured(tree, base, device)
        if name in self.vocabulary.costs:
            return Cost(name=name, kind=self.vocabulary.costs[name])
        dimension = self.vocabulary.dimensions.get(flat)
        if dimension is not None:
            return Choice(column=dimension.column, kind=dimension.kind)
        if name in self.vocabulary.words:
            return Constant(value=name, kind=Kind.WORD)
        rule = f"no cost or dimension is named `{name[:60]}`"
        if name == "accuracy":
            help = "give --accuracy: a predictor, a table or a function"
        elif name in MICRO:
            help = "this space has an op whose cost on a microcontroller is not known"
        else:
            names = (*self.vocabulary.names, *self.vocabulary.words)
            help = nearest(flat, names) or nearest(name, names) or self._listed(base)
        self.refuse("OFA220", rule, tree, "unknown", help)
        return None

    def _listed(self, base: str) -> str:
        inner = [n for n in self.vocabulary.dimensions if n.startswith(f"{base}.")]
        shown = inner or [n for n in self.vocabulary.names if n.count(".") < 2]
        more = "..." if len(shown) > 12 else ""
        return f"known are {', '.join(shown[:12])}{more}"

    def _measured(self, tree: Expression, cost: str, device: str) -> Term | None:
        known = self.vocabulary.devices.get(cost, ())
        if device in known:
            return Cost(name=f"{cost}[{device}]", kind=MEASURED[cost])
        listed = ", ".join(f"{cost}[{name}]" for name in known)
        if not device:
            rule, label = f"{cost} is that of a device", f"write `{cost}[DEVICE]`"
        else:
            rule, label = f"no {cost} of `{device[:40]}` was calibrated", "unknown"
        help = nearest(device, known) if device else ""
        help = help or (f"calibrated are {listed}" if listed else "`ofadsl calibrate` writes one")
        self.refuse("OFA225", rule, tree, label, help)
        return None
