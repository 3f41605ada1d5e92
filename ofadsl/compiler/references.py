"""Names that are used: each must be known, each argument must have a place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ofadsl.compiler import syntax
from ofadsl.compiler.names import BUILTINS, WORDS, nearest
from ofadsl.compiler.program import prelude_index
from ofadsl.compiler.report import Report
from ofadsl.compiler.visible import Names
from ofadsl.diagnostics import Span
from ofadsl.ops import OPS


@dataclass(slots=True)
class References:
    """Checks names in expressions, and calls."""

    report: Report
    parameters: Mapping[str, tuple[syntax.Parameter, ...]]
    words: frozenset[str]
    complete: bool
    """Whether all files could be read, so that what is not declared is a mistake."""
    defaulted: frozenset[str]
    """What a `default` gives arguments, so that they may be missing."""

    def callee(
        self,
        callee: syntax.Name,
        arguments: tuple[syntax.Argument, ...],
        names: Names,
        partial: bool = False,
    ) -> None:
        """Check a call, or a default where ``partial``."""
        if callee.text in self.parameters:
            own = self.parameters[callee.text]
            known = tuple(p.name.text for p in own)
            needed = {p.name.text for p in own if p.default is None}
        elif callee.text in OPS:
            declared = OPS[callee.text].arguments
            known = tuple(arg.name for arg in declared)
            needed = {arg.name for arg in declared if arg.default is None}
        else:
            help = self._nearest(callee.text, [*OPS, *self.parameters, *prelude_index()])
            help = f"write `act({callee.text})`" if callee.text in WORDS else help
            rule, label = "unknown op or block", f"nothing is called `{callee.text}`"
            if self.complete:
                self.report.add("OFA021", rule, callee.span, label, help)
            for argument in arguments:
                self.expression(argument.value, names)
            return
        if partial:
            self._partial(arguments, known)
        self.arguments(arguments, known, set() if partial else needed, callee, names)

    def _partial(self, arguments: tuple[syntax.Argument, ...], known: tuple[str, ...]) -> None:
        """Check that a default says what it gives: calls may leave it out or not."""
        for argument, name in zip(arguments, known, strict=False):
            if argument.name is None:
                rule, help = "a default names its arguments", f"write `{name}: ...`"
                self.report.add("OFA022", rule, argument.span, "which argument?", help)

    def arguments(
        self,
        arguments: tuple[syntax.Argument, ...],
        known: tuple[str, ...],
        needed: Iterable[str],
        callee: syntax.Name,
        names: Names,
    ) -> None:
        """Check the names and the number of arguments."""
        given: dict[str, Span] = {}
        positional = 0
        for argument in arguments:
            self.expression(argument.value, names)
            if argument.name is None:
                if positional >= len(known):
                    number = f"{len(known) or 'no'} argument{'s' if len(known) != 1 else ''}"
                    label, help = f"`{callee.text}` takes {number}", _lists(callee.text, known)
                    self.report.add("OFA025", "too many arguments", argument.span, label, help)
                    continue
                name, span = known[positional], argument.span
                positional += 1
            else:
                name, span = argument.name.text, argument.name.span
            if name not in known:
                label = f"`{callee.text}` has no argument `{name}`"
                help = self._nearest(name, known) or _lists(callee.text, known)
                self.report.add("OFA022", "unknown argument", span, label, help)
            elif name in given:
                label, help = f"`{name}` is given twice", "leave one of them out"
                self.report.add("OFA024", "an argument is given once", span, label, help)
            given[name] = span
        missing = [name for name in known if name in set(needed) and name not in given]
        if given.keys() - set(known):
            missing = []  # what is not known was meant for one of them
        if missing and callee.text not in self.defaulted:
            label = f"`{callee.text}` needs {', '.join(f'`{name}`' for name in missing)}"
            help = f"write `{callee.text}({', '.join(f'{name}: ...' for name in missing)})`"
            self.report.add("OFA023", "an argument is missing", callee.span, label, help)

    def expressions(self, expressions: Iterable[syntax.Expression | None], names: Names) -> None:
        """Check the names in several expressions."""
        for expression in expressions:
            if expression is not None:
                self.expression(expression, names)

    def _name(self, name: syntax.Name, names: Names) -> None:
        text = name.text
        if names.find(text) is not None or text in self.words:
            return
        help = self._nearest(text, names.visible() | self.words)
        if names.comes(text):
            help = f"`{text}` is declared further down: move this below it"
        elif names.is_part(text):
            help = f"`{text}` is a part of the network; only stages and values can be spoken of"
        self.report.add(
            "OFA020", "unknown name", name.span, f"nothing here is called `{text}`", help
        )

    def _nearest(self, name: str, known: Iterable[str]) -> str:
        """Return the nearest name; none where more are wrong than are shown."""
        return "" if self.report.full else nearest(name, known)

    def expression(self, expr: syntax.Expression, names: Names) -> None:
        """Check the names in an expression."""
        match expr:
            case syntax.Name():
                self._name(expr, names)
            case syntax.SetLit(items=items):
                self.expressions(items, names)
            case syntax.RangeLit(low=low, high=high, step=step):
                self.expressions((low, high, step), names)
            case syntax.Unary(operand=operand):
                self.expression(operand, names)
            case syntax.Binary(left=left, right=right):
                self.expressions((left, right), names)
            case syntax.IfElse(condition=condition, then=then, orelse=orelse):
                self.expressions((condition, then, orelse), names)
            case syntax.Apply():
                self._function(expr, names)
            case syntax.Member(base=base) | syntax.Index(base=base):
                self.expression(base, names)
            case _:
                pass

    def _function(self, expr: syntax.Apply, names: Names) -> None:
        self.expressions(expr.arguments, names)
        name = expr.function
        arity = names.find(name.text)
        if isinstance(arity, int):
            if arity != len(expr.arguments):
                rule = f"`{name.text}` takes {arity} value{'s' if arity != 1 else ''}"
                self.report.add("OFA025", rule, expr.span, f"{len(expr.arguments)} given")
        elif name.text not in BUILTINS or arity is not None:
            label = f"no function is called `{name.text}`"
            known = [n for n in names.visible() if isinstance(names.find(n), int)]
            help = self._nearest(name.text, [*BUILTINS, *known])
            self.report.add("OFA020", "unknown function", name.span, label, help)


def _lists(callee: str, known: tuple[str, ...]) -> str:
    if not known:
        return f"`{callee}` takes no arguments"
    return f"`{callee}` takes {', '.join(f'`{name}`' for name in known)}"
