"""Checked expressions over costs and dimensions: out of the checker, into columns of numbers."""

from __future__ import annotations

from dataclasses import dataclass

from ofadsl.search.kinds import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """A number, in the base unit of its kind, or a word."""

    value: float | str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """A cost by its name, such as ``macs`` or ``latency[pixel]``."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The value of a dimension, by its column in an array of archs."""

    column: int
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """An operator or a function of terms: ``+ - * / // % neg min max round``."""

    op: str
    terms: tuple[Term, ...]
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """``then if condition else orelse``."""

    condition: Condition
    then: Term
    orelse: Term
    kind: Kind


Term = Constant | Cost | Choice | Compute | Select


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """A comparison; it holds where a dimension that it mentions does not matter."""

    op: str
    left: Term
    right: Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """All of them; none at all is true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Some:
    """At least one of them; none at all is false."""

    parts: tuple[Condition, ...]


Condition = Compare | Every | Some

_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


def negated(condition: Condition) -> Condition:
    """Return a condition that holds where the other does not, among dimensions that matter."""
    match condition:
        case Compare(op=op, left=left, right=right):
            return Compare(op=_OPPOSITE[op], left=left, right=right)
        case Every(parts=parts):
            return Some(parts=tuple(map(negated, parts)))
        case Some(parts=parts):
            return Every(parts=tuple(map(negated, parts)))


def mentioned(part: Term | Condition) -> tuple[frozenset[int], frozenset[str]]:
    """Return the columns of the dimensions, and the names of the costs, that something reads."""
    match part:
        case Constant():
            return frozenset(), frozenset()
        case Choice(column=column):
            return frozenset({column}), frozenset()
        case Cost(name=name):
            return frozenset(), frozenset({name})
        case Compute(terms=inner):
            found = inner
        case Select(condition=condition, then=then, orelse=orelse):
            return _union((condition, then, orelse))
        case Compare(left=left, right=right):
            found = (left, right)
        case Every(parts=parts) | Some(parts=parts):
            return _union(parts)
    return _union(found)


def _union(parts: tuple[Term | Condition, ...]) -> tuple[frozenset[int], frozenset[str]]:
    pairs = [mentioned(part) for part in parts]
    return frozenset().union(*(p[0] for p in pairs)), frozenset().union(*(p[1] for p in pairs))
