"""Expressions too long for a line, broken as a formatter breaks them.

In: the Python text of an expression that stands inside of brackets. Out: its lines. It is broken
where it binds least: at `if` and `else`, at operators, inside of brackets last.
"""

from __future__ import annotations

import ast

from ofadsl.expr import ATOM, COMPARISON, IF, NOT, OR, PRECEDENCE, SIGN, operands

WIDTH = 100

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Or: "or",
    ast.And: "and",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}


def wrapped(text: str, indent: int, head: str = "", tail: str = "") -> list[str]:
    """Return ``head``, the expression and ``tail`` as lines that begin at ``indent``."""
    if indent + len(head) + len(text) + len(tail) <= WIDTH:
        return [" " * indent + head + text + tail]
    lines = _broken(ast.parse(text, mode="eval").body, indent, len(head), len(tail))
    lines[0] = head + lines[0]
    lines[-1] += tail
    return [" " * indent + line for line in lines]


def sentence(head: str, text: str, indent: int, tail: str = "") -> list[str]:
    """Return ``head text tail`` as a line, or in parentheses as several."""
    single = f"{' ' * indent}{head} {text}{tail}"
    if len(single) <= WIDTH:
        return [single]
    pad = " " * indent
    outer, inner, close = _last_brackets(ast.parse(text, mode="eval").body)
    opened, inside = f"{pad}{head} {outer}", f"{pad}    {inner}"
    if outer and len(opened) <= WIDTH and len(inside) <= WIDTH:
        return [opened, inside, f"{pad}{close}{tail}"]
    node = ast.parse(text, mode="eval").body
    if isinstance(node, ast.BinOp | ast.Compare) and len(parts := _operands(node)) == 2:
        (_, first), (sign, last) = parts
        least, later = _leasts(node)
        close = f"{pad}) {sign} {_part(last, later)}{tail}"
        if _strength(first) < least and len(close) <= WIDTH:  # its own parentheses do
            return [f"{pad}{head} (", *wrapped(_text(first), indent + 4), close]
    return [f"{pad}{head} (", *wrapped(text, indent + 4), f"{pad}){tail}"]


def _last_brackets(node: ast.expr) -> tuple[str, str, str]:
    """Return an expression that ends with brackets as what stands before, in and behind them."""
    if isinstance(node, ast.Call):
        return f"{_text(node.func)}(", ", ".join(map(_text, node.args)), ")"
    if isinstance(node, ast.BinOp | ast.BoolOp) and len(operands := _operands(node)) == 2:
        (_, first), (sign, last) = operands
        least, later = _leasts(node)
        if _strength(last) < later:
            return f"{_part(first, least)} {sign} (", _text(last), ")"
    return "", "", ""


def _broken(node: ast.expr, indent: int, before: int, after: int) -> list[str]:
    """Return the lines of a node; the first has ``before`` columns more, the last ``after``."""
    text = _text(node)
    if indent + before + len(text) + after <= WIDTH:
        return [text]
    match node:
        case ast.IfExp():
            lines: list[str] = []
            otherwise: ast.expr = node
            while isinstance(otherwise, ast.IfExp):  # a chain is broken at each of its links
                lead = "else " if lines else ""
                room = len(lead) if lines else before
                lines += _led(lead, _within(otherwise.body, OR, indent, room, 0))
                lines += _led("if ", _within(otherwise.test, OR, indent, 3, 0))
                otherwise = otherwise.orelse
            return lines + _led("else ", _within(otherwise, IF, indent, 5, after))
        case ast.BinOp() | ast.BoolOp() | ast.Compare():
            least, later = _leasts(node)
            first, *rest = _operands(node)
            lines = _within(first[1], least, indent, before, 0)
            for i, (sign, operand) in enumerate(rest):
                end = after if i == len(rest) - 1 else 0
                own = _within(operand, later, indent, len(sign) + 1, end)
                lines += _led(f"{sign} ", own)
            return lines
        case ast.UnaryOp():
            sign = "not " if isinstance(node.op, ast.Not) else "-"
            least = _strength(node)
            return _led(sign, _within(node.operand, least, indent, before + len(sign), after))
        case ast.Call(func=func, args=args):
            inner: list[str] = []
            for arg in args:
                own = _broken(arg, indent + 4, 0, 1)
                inner += ["    " + line for line in own[:-1]] + [f"    {own[-1]},"]
            return [f"{_text(func)}(", *inner, ")"]
        case _:
            return [text]


def _within(node: ast.expr, least: int, indent: int, before: int, after: int) -> list[str]:
    """Return the lines of an operand, in parentheses where it binds less than ``least``."""
    if _strength(node) >= least:
        return _broken(node, indent, before, after)
    text = f"({_text(node)})"
    if indent + before + len(text) + after <= WIDTH:
        return [text]
    return ["(", *("    " + line for line in _broken(node, indent + 4, 0, 0)), ")"]


def _led(sign: str, lines: list[str]) -> list[str]:
    return [sign + lines[0], *lines[1:]]


def _operands(node: ast.BinOp | ast.BoolOp | ast.Compare) -> list[tuple[str, ast.expr]]:
    """Return the operands of a chain that binds alike, each with the sign before it."""
    match node:
        case ast.BinOp(left=left, right=right):
            sign = _OPERATORS[type(node.op)]
            chain = isinstance(left, ast.BinOp) and _strength(left) == PRECEDENCE[sign]
            before = _operands(left) if chain and isinstance(left, ast.BinOp) else [("", left)]
            return [*before, (sign, right)]
        case ast.BoolOp(values=values):
            sign = _OPERATORS[type(node.op)]
            return [("" if i == 0 else sign, value) for i, value in enumerate(values)]
        case ast.Compare(left=left, ops=ops, comparators=values):
            signs = [_OPERATORS[type(op)] for op in ops]
            return [("", left), *zip(signs, values, strict=True)]


def _strength(node: ast.expr) -> int:
    match node:
        case ast.IfExp():
            return IF
        case ast.BinOp(op=operator) | ast.BoolOp(op=operator):
            return PRECEDENCE[_OPERATORS[type(operator)]]
        case ast.Compare():
            return COMPARISON
        case ast.UnaryOp(op=ast.Not()):
            return NOT
        case ast.UnaryOp():
            return SIGN
        case _:
            return ATOM


def _leasts(node: ast.BinOp | ast.BoolOp | ast.Compare) -> tuple[int, int]:
    """Return how tightly the first operand and the later ones have to bind.

    `and` within `or` stands in parentheses for the reader.
    """
    match node:
        case ast.BinOp(op=operator):
            return operands(_OPERATORS[type(operator)])
        case ast.Compare(ops=ops):
            return operands(_OPERATORS[type(ops[0])])
        case ast.BoolOp():
            return NOT, NOT


def _text(node: ast.expr) -> str:
    """Return the text of a node on one line."""
    match node:
        case ast.IfExp():
            then, test = _part(node.body, OR), _part(node.test, OR)
            return f"{then} if {test} else {_part(node.orelse, IF)}"
        case ast.BinOp() | ast.BoolOp() | ast.Compare():
            first, *rest = _operands(node)
            least, later = _leasts(node)
            return _part(first[1], least) + "".join(
                f" {s} {_part(part, later)}" for s, part in rest
            )
        case ast.UnaryOp(op=ast.Not()):
            return f"not {_part(node.operand, NOT)}"
        case ast.UnaryOp():
            return f"-{_part(node.operand, SIGN)}"
        case ast.Call(func=func, args=args):
            return f"{_text(func)}({', '.join(map(_text, args))})"
        case ast.Constant(value=str(word)):
            return f'"{word}"'
        case _:
            return ast.unparse(node)


def _part(node: ast.expr, least: int) -> str:
    text = _text(node)
    return text if _strength(node) >= least else f"({text})"


def canonical(text: str) -> str:
    """Return an expression on one line, as a linter wants it: `and` within `or` in parentheses."""
    return _text(ast.parse(text, mode="eval").body)
