"""Small changes of meaning that can be made to a source text: mutants.

In: the path and the text of a module. Out: its mutants, each a place, what stands there and what is
put instead. Left alone is what no test can or should notice: annotations, decorators, assertions
(mistakes of ours), the texts of messages.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

_SWAPS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "+"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "//"),
    ast.Pow: ("**", "*"),
    ast.BitOr: ("|", "&"),
    ast.BitAnd: ("&", "|"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
    ast.And: ("and", "or"),
    ast.Or: ("or", "and"),
}
_SKIPPED = {"annotation", "returns", "decorator_list", "bases"}
_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change; ``key`` names it whatever is written above it."""

    path: str
    scope: str
    line: int
    text: str
    """The line that it starts on, without indentation."""
    start: int
    end: int
    """Bytes of the module."""
    before: str
    after: str
    nth: int
    """Equal changes on equal lines of one scope are numbered."""

    @property
    def key(self) -> str:
        """Return the name of the mutant."""
        return f"{self.path}::{self.scope}::{self.text}::{self.before} -> {self.after}::{self.nth}"

    def applied(self, source: bytes) -> bytes:
        """Return the text of the module with the change made."""
        return source[: self.start] + self.after.encode() + source[self.end :]

    def compiles(self, source: bytes) -> bool:
        """Return whether Python reads the changed text."""
        try:
            compile(self.applied(source), "mutant", "exec")
        except SyntaxError:
            return False
        return True


def mutants(path: str, source: bytes) -> list[Mutant]:
    """Return all mutants of a module, in the order of their places."""
    module = _Module(source)
    lines = source.decode().splitlines()
    seen: dict[tuple[str, str, str, str], int] = {}
    found = []
    for scope, start, end, after in sorted(module.changes(), key=lambda change: change[1:]):
        line = source.count(b"\n", 0, start)
        before = source[start:end].decode()
        name = (scope, lines[line].strip(), before, after)
        seen[name] = seen.get(name, 0) + 1
        found.append(
            Mutant(
                path=path,
                scope=scope,
                line=line + 1,
                text=name[1],
                start=start,
                end=end,
                before=before,
                after=after,
                nth=seen[name],
            )
        )
    return found


class _Module:
    """The places of a module's nodes, as bytes."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.starts = [0]
        for line in source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def changes(self) -> Iterator[tuple[str, int, int, str]]:
        """Yield scope, start, end and the new text of each change."""
        yield from self._visit(ast.parse(self.source), "")

    def _visit(self, node: ast.AST, scope: str) -> Iterator[tuple[str, int, int, str]]:
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            scope = f"{scope}.{node.name}" if scope else node.name
        changes = (self._operators(node, scope), self._values(node), self._statements(node))
        for start, end, after in itertools.chain(*changes):
            yield scope, start, end, after
        for child in _children(node):
            yield from self._visit(child, scope)

    def _operators(self, node: ast.AST, scope: str) -> Iterator[tuple[int, int, str]]:
        match node:
            case ast.Compare():
                sides = [node.left, *node.comparators]
                for op, left, right in zip(node.ops, sides, sides[1:], strict=False):
                    yield from self._operator(op, left, right)
            case ast.BoolOp():
                for left, right in zip(node.values, node.values[1:], strict=False):
                    yield from self._operator(node.op, left, right)
            case ast.BinOp() if scope or not isinstance(node.op, ast.BitOr):  # a type's name
                yield from self._operator(node.op, node.left, node.right)
            case ast.AugAssign():
                yield from self._operator(node.op, node.target, node.value, "=")
            case ast.UnaryOp(op=ast.Not() | ast.USub()):
                yield self._start(node), self._start(node.operand), ""

    def _values(self, node: ast.AST) -> Iterator[tuple[int, int, str]]:
        match node:
            case ast.Constant(value=bool(value)):
                yield *self._place(node), str(not value)
            case ast.Constant(value=int(value)):
                yield *self._place(node), str(value + 1)
            case ast.Constant(value=float(value)):
                yield *self._place(node), repr(value * 10 or 1.0)
            case ast.Call(func=ast.Name(id=name)) if name in _CALLS:
                yield *self._place(node.func), _CALLS[name]

    def _statements(self, node: ast.AST) -> Iterator[tuple[int, int, str]]:
        match node:
            case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
                if not isinstance(test, ast.Compare | ast.UnaryOp | ast.BoolOp):
                    start, end = self._place(test)
                    yield start, end, f"(not ({self.source[start:end].decode()}))"
            case ast.For(iter=iterated):
                yield *self._place(iterated), "()"
            case ast.Expr(value=ast.Call()):
                yield *self._place(node), "None"
            case ast.Continue():
                yield *self._place(node), "break"
            case ast.Break():
                yield *self._place(node), "continue"

    def _operator(
        self, op: ast.AST, left: ast.expr, right: ast.expr, tail: str = ""
    ) -> Iterator[tuple[int, int, str]]:
        if type(op) not in _SWAPS:
            return
        before, after = _SWAPS[type(op)]
        start = self._place(left)[1]
        between = self.source[start : self._start(right)].decode()
        pattern = r"\s+".join(map(re.escape, before.split())) + re.escape(tail)
        if before.isalpha():
            pattern = rf"\b{pattern}\b"
        if found := re.search(pattern, between):
            yield start + found.start(), start + found.end(), after + tail

    def _place(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._start(node), self.starts[node.end_lineno - 1] + node.end_col_offset

    def _start(self, node: ast.expr | ast.stmt) -> int:
        return self.starts[node.lineno - 1] + node.col_offset


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the children in which a change may be made."""
    for field, value in ast.iter_fields(node):
        if field in _SKIPPED:
            continue
        for child in value if isinstance(value, list) else (value,):
            if isinstance(child, ast.AST) and not _left_alone(child):
                yield child


def _left_alone(node: ast.AST) -> bool:
    match node:
        case ast.keyword(arg="strict"):  # of zip: an assertion
            return True
        case ast.Assert() | ast.JoinedStr() | ast.pattern() | ast.Raise():
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case _:
            return False
