"""What of the language some spaces have used: ops, operators, statements, and one in another.

In: syntax trees. Out: counts, and a table of the pairs to print: rows are bodies, columns what
stands in them.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ofadsl.compiler import syntax
from ofadsl.compiler.program import prelude_index
from ofadsl.ops import OPS

BODIES = (
    "space", "block", "stage", "if", "else", "residual", "residual when", "add", "concat", "oneof"
)  # fmt: skip
PARTS = (
    "op", "prelude block", "own block", "labelled call", "if", "residual", "residual when", "add",
    "concat", "oneof", "labelled oneof", "choice", "let", "let function", "require", "default",
    "stage", "input", "nothing",
)  # fmt: skip
TOP = ("stage", "input")
"""These stand in a space alone."""
PAIRS = frozenset(
    (body, part)
    for body in BODIES
    for part in PARTS
    if (part not in TOP or body == "space")
    and not (part == "nothing" and body in ("space", "block", "stage"))
    and not (part == "require" and body in ("add", "concat", "oneof", "else", "if", "residual"))
    and not (part == "require" and body in ("residual when", "stage"))
)
"""Each body with all that it can hold; what is required stands in spaces and blocks."""
ARITHMETIC = ("+", "-", "*", "/", "//", "%", "neg")
FUNCTIONS = ("round", "floor", "min", "max", "divisible", "let function")
LOGIC = ("and", "or", "not")
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
NUMBERS = (*ARITHMETIC, *FUNCTIONS, "if-else")
OPERATORS = (*NUMBERS, *LOGIC, *COMPARISONS)
LEAVES = ("name", "number", "set", "range", "member", "index", "true/false")
NESTED = frozenset(
    [(a, b) for a in (*NUMBERS, *COMPARISONS) for b in NUMBERS]
    + [(a, b) for a in (*LOGIC, "if-else") for b in (*LOGIC, *COMPARISONS)]
)
"""Operators in operators, of the kinds that fit."""
INNER = ("fbnet_unit", "fbnet_skip")
"""Blocks of the prelude that another one calls."""
OTHERS = (
    "import", "schedule", "parameter", "parameter of", "parameter without default", "else if",
    "choice of", "range with step", "range without step", "set of one", "float", "word compared",
    "depth 0", "positional argument", "a set in a default", "let of a file", "let of a set",
    "unlock", "unlock largest", "unlock from", "unlock if any", "distil", "setting", "member",
    "index", "one in all", "block calls block", "elastic depth", "stage of several statements",
)  # fmt: skip


@dataclass(slots=True)
class Coverage:
    """Counts of what was seen."""

    ops: Counter[str] = field(default_factory=Counter)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    nested: Counter[tuple[str, str]] = field(default_factory=Counter)
    operators: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)

    def add(self, files: Iterable[syntax.File]) -> None:
        """Count what files have."""
        files = tuple(files)
        blocks = {
            item.name.text
            for file in files
            for item in file.items
            if isinstance(item, syntax.BlockDecl)
        }
        for file in files:
            for item in file.items:
                self._item(item, blocks)
            for expr, parent in _expressions(file, None):
                self._expression(expr, parent)

    def missing(self) -> list[str]:
        """Return what has not been seen, of all that can be."""
        found = [f"op {name}" for name in OPS if not self.ops[name]]
        found += [f"block {n}" for n in prelude_index() if not self.ops[n] and n not in INNER]
        found += [f"{part} in {body}" for body, part in sorted(PAIRS - self.pairs.keys())]
        found += [f"operator {op}" for op in (*OPERATORS, *LEAVES) if not self.operators[op]]
        found += [f"{b} in {a}" for a, b in sorted(NESTED - self.nested.keys())]
        return found + [other for other in OTHERS if not self.others[other]]

    def table(self) -> str:
        """Return the counts as a text."""
        wide = max(map(len, PARTS)) + 1
        lines = ["a statement in a body:", " " * wide + " ".join(f"{b:>9.9}" for b in BODIES)]
        for part in PARTS:
            cells = (
                f"{self.pairs[body, part] if (body, part) in PAIRS else '-':>9}" for body in BODIES
            )
            lines.append(f"{part:<{wide}}" + " ".join(cells))
        lines += ["", "an operator (column) in another (row):"]
        lines.append(" " * 12 + " ".join(f"{op:>6.6}" for op in OPERATORS))
        for outer in OPERATORS:
            cells = (
                f"{self.nested[outer, op] if (outer, op) in NESTED else '-':>6}" for op in OPERATORS
            )
            lines.append(f"{outer:<12.12}" + " ".join(cells))
        for title, counts in (("ops and blocks", self.ops), ("the rest", self.others)):
            lines += ["", f"{title}: " + ", ".join(f"{k} {n}" for k, n in sorted(counts.items()))]
        leaves = ", ".join(f"{leaf} {self.operators[leaf]}" for leaf in LEAVES)
        return "\n".join([*lines, "", f"values: {leaves}"])

    # Statements

    def _item(self, item: Any, blocks: set[str]) -> None:
        match item:
            case syntax.Import():
                self.others["import"] += 1
            case syntax.Let():
                self.others["let of a file"] += 1
            case syntax.BlockDecl(parameters=parameters, body=body):
                self._body("block", body, blocks)
                if any(isinstance(s, syntax.Call) and s.callee.text in blocks for s in body):
                    self.others["block calls block"] += 1
                self._parameters(parameters)
            case syntax.SpaceDecl(parameters=parameters, body=body):
                self._body("space", body, blocks)
                self._parameters(parameters)
            case syntax.ScheduleDecl(body=phases):
                self.others["schedule"] += 1
                for phase in phases:
                    for instruction in phase.body:
                        self._instruction(instruction)

    def _parameters(self, parameters: tuple[syntax.Parameter, ...]) -> None:
        for parameter in parameters:
            self.others["parameter"] += 1
            self.others["parameter of"] += parameter.allowed is not None
            self.others["parameter without default"] += parameter.default is None

    def _instruction(self, instruction: syntax.Instruction) -> None:
        match instruction:
            case syntax.Unlock(part=part, if_any=if_any):
                kind = "" if part is None else f" {type(part).__name__.lower()}"
                self.others[f"unlock{kind}"] += 1
                self.others["unlock if any"] += if_any
            case syntax.Distil():
                self.others["distil"] += 1
            case syntax.Setting():
                self.others["setting"] += 1

    def _body(self, kind: str, body: tuple[Any, ...], blocks: set[str]) -> None:
        if not body:
            self.pairs[kind, "nothing"] += 1
        for statement in body:
            for part in self._statement(statement, blocks):
                self.pairs[kind, part] += 1

    def _statement(  # noqa: C901  (one case a statement)
        self, statement: Any, blocks: set[str]
    ) -> list[str]:
        """Count what is inside of a statement; return what it is called."""
        match statement:
            case syntax.Call(callee=callee, label=label, arguments=arguments):
                self.ops[callee.text if callee.text not in blocks else "own block"] += 1
                self.others["positional argument"] += any(a.name is None for a in arguments)
                kind = "own block" if callee.text in blocks else "op"
                kind = "prelude block" if kind == "op" and callee.text not in OPS else kind
                return [kind, "labelled call"] if label is not None else [kind]
            case syntax.If(then=then, orelse=orelse):
                self._body("if", then, blocks)
                if orelse:
                    self._body("else", orelse, blocks)
                    self.others["else if"] += isinstance(orelse[0], syntax.If) and len(orelse) == 1
                else:
                    self.pairs["else", "nothing"] += 1
                return ["if"]
            case syntax.Residual(condition=condition, body=body):
                kind = "residual" if condition is None else "residual when"
                self._body(kind, body, blocks)
                return [kind]
            case syntax.Branches(op=op, branches=branches):
                for branch in branches:
                    self._body(op, branch, blocks)
                return [op]
            case syntax.OneOf(options=options, label=label):
                for option in options:
                    self._body("oneof", option.body, blocks)
                self.others["one in all"] += 1
                return ["oneof"] if label is None else ["oneof", "labelled oneof"]
            case syntax.Stage(body=body, depth=depth):
                self._body("stage", body, blocks)
                self.others["elastic depth"] += not isinstance(depth, syntax.Number)
                self.others["depth 0"] += any(
                    isinstance(p, syntax.Number) and p.value == 0 for p in syntax.walk(depth)
                )
                several = [s for s in body if not isinstance(s, syntax.Let | syntax.Choice)]
                self.others["stage of several statements"] += len(several) > 1
                return ["stage"]
            case syntax.Let(parameters=parameters, value=value):
                self.others["let of a set"] += isinstance(value, syntax.SetLit)
                return ["let" if parameters is None else "let function"]
            case syntax.Choice(allocate=allocate):
                self.others["choice of"] += allocate is not None
                return ["choice"]
            case syntax.Default(arguments=arguments):
                self.others["a set in a default"] += any(
                    isinstance(a.value, syntax.SetLit) for a in arguments
                )
                return ["default"]
            case syntax.Require():
                return ["require"]
            case syntax.Input():
                return ["input"]
        raise AssertionError(statement)

    # Expressions

    def _expression(self, expr: Any, parent: Any) -> None:
        kind = _operator(expr)
        self.operators[kind] += 1
        if kind in ("member", "index"):
            self.others[kind] += 1
        if parent is not None:
            self.nested[_operator(parent), kind] += 1
        match expr:
            case syntax.RangeLit(step=step):
                self.others[f"range {'without' if step is None else 'with'} step"] += 1
            case syntax.SetLit(items=items):
                self.others["set of one"] += len(items) == 1
            case syntax.Number(value=float()):
                self.others["float"] += 1
            case syntax.Binary(op="==" | "!=", right=syntax.Name()):
                self.others["word compared"] += 1


def _operator(expr: Any) -> str:  # noqa: C901  (one case a node)
    match expr:
        case syntax.Binary(op=op):
            return str(op)
        case syntax.Unary(op=op):
            return "neg" if op == "-" else "not"
        case syntax.IfElse():
            return "if-else"
        case syntax.Apply(function=function):
            return function.text if function.text in FUNCTIONS else "let function"
        case syntax.Number():
            return "number"
        case syntax.Bool():
            return "true/false"
        case syntax.SetLit():
            return "set"
        case syntax.RangeLit():
            return "range"
        case syntax.Member():
            return "member"
        case syntax.Index():
            return "index"
    return "name"


_CALLED = {"name", "label", "callee", "function", "kind", "word", "teacher", "parameters"}


def _expressions(node: Any, parent: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each expression, and the one that it is a part of."""
    if isinstance(node, tuple):
        for part in node:
            yield from _expressions(part, parent)
        return
    if not isinstance(node, syntax.Node):
        return
    inside = isinstance(node, syntax.Expression)
    if inside:
        yield node, parent
    for item in dataclasses.fields(node):
        called = item.name in _CALLED
        if item.name == "parameters" and not isinstance(node, syntax.Let):
            called = False
        if item.name != "span" and not called:
            yield from _expressions(getattr(node, item.name), node if inside else None)
