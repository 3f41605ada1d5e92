"""``--fix resolution=160,192``: dimensions that are narrowed to some of their values."""

from __future__ import annotations

from collections.abc import Sequence

from ofadsl.compiler.names import nearest
from ofadsl.diagnostics import Diagnostic, Diagnostics, Source, Span
from ofadsl.expr import Value
from ofadsl.space import Space


def parse_fixed(texts: Sequence[str], space: Space) -> dict[str, tuple[Value, ...]]:
    """Return the values that are left of each dimension; OFA227 where there are none such."""
    mistakes: list[Diagnostic] = []
    kept: dict[str, tuple[Value, ...]] = {}
    dims = {dim.var.name: dim.var.values for dim in space.dims}
    for text in texts:
        source = Source(path="--fix", text=text)
        written, equals, right = text.partition("=")
        name = written.strip().replace("[", ".").replace("]", "")
        if name not in dims:
            span = Span(source=source, start=0, end=len(written))
            rule = f"{space.name} has no dimension `{name[:60]}`"
            help = nearest(name, dims) or f"known are {', '.join(list(dims)[:12])}"
            mistakes.append(Diagnostic(code="OFA227", message=rule, span=span, help=help))
            continue
        allowed = kept.get(name, dims[name])
        found = [_value(part.strip(), allowed) for part in right.split(",")] if equals else [None]
        if None in found:
            span = Span(source=source, start=len(written) + len(equals), end=len(text))
            label = f"one of {', '.join(map(str, allowed))}"
            rule = f"`{name}` is fixed to values that it has"
            help = f"write it as {name}={allowed[0]}"
            item = Diagnostic(code="OFA227", message=rule, span=span, label=label, help=help)
            mistakes.append(item)
            continue
        kept[name] = tuple(value for value in allowed if value in found)
    if mistakes:
        raise Diagnostics(mistakes)
    return kept


def _value(text: str, allowed: Sequence[Value]) -> Value | None:
    """Return the value that a text says, if it is one of those."""
    for value in allowed:
        if text == str(value) or (not isinstance(value, str) and _number(text) == value):
            return value
    return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
