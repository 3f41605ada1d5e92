"""Where the checker collects mistakes: each once, however many copies of the text it is met in.

A mistake inside a block is the block's own, or that of the call that gave it the wrong values.
That shows when all calls are known, so it is settled at the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from ofadsl.compiler import syntax
from ofadsl.diagnostics import Diagnostic, Diagnostics, Span

MOST = 100
"""More mistakes than this say no more."""

FEW = 2
"""Where more calls than this go wrong at one place, and none goes well, the block is wrong."""

Note = tuple[Span, str]


class EnoughError(Exception):
    """More mistakes than are shown: nothing is read any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A call of a block that leads to where elaboration stands."""

    call: syntax.Call
    block: syntax.BlockDecl

    def holds(self, span: Span) -> bool:
        """Return whether ``span`` is in the text of the block."""
        own = self.block.span
        return span.source is own.source and own.start <= span.start < own.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A mistake met in a block, and the calls that led there; ``place`` is where it was met."""

    item: Diagnostic
    span: Span
    chain: tuple[Step, ...]

    @property
    def key(self) -> tuple[str, str, int]:
        """The rule and the place."""
        return self.item.code, self.span.source.path, self.span.start


@dataclass(slots=True)
class Report:
    """The mistakes found so far, one for each rule and place.

    ``shipped`` holds the sources of the prelude, where a mistake is never; ``steps`` are the calls
    that lead to where elaboration stands; ``proven`` holds the rules and places that held for a
    call.
    """

    found: dict[tuple[str, str, int], Diagnostic] = field(default_factory=dict)
    failures: dict[tuple[object, ...], Failure] = field(default_factory=dict)
    shipped: frozenset[int] = frozenset()
    steps: list[Step] = field(default_factory=list)
    calls: dict[int, set[int]] = field(default_factory=dict)
    proven: set[tuple[str, str, int]] = field(default_factory=set)

    def add(
        self,
        code: str,
        message: str,
        span: Span,
        label: str = "",
        help: str = "",
        notes: tuple[Note, ...] = (),
    ) -> None:
        """Note a mistake, unless the same rule is already broken at the same place."""
        item = Diagnostic(
            code=code, message=message, span=span, label=label, help=help, notes=notes
        )
        inside = [i for i, step in enumerate(self.steps) if step.holds(span)]
        chain = tuple(self.steps[: inside[-1] + 1]) if inside else ()
        failure = Failure(item=item, span=span, chain=chain)
        if chain:
            key = (*failure.key, *(id(step.call) for step in chain))
            self.failures.setdefault(key, failure)
        else:
            self.found.setdefault(failure.key, item)
        if max(len(self.found), len(self.failures)) > MOST:
            raise EnoughError

    def enter(self, call: syntax.Call, block: syntax.BlockDecl) -> None:
        """Note that what follows is in the body of a block."""
        self.steps.append(Step(call=call, block=block))
        self.calls.setdefault(id(block), set()).add(id(call))

    def leave(self) -> None:
        """Note that the body of the last block ends."""
        self.steps.pop()

    def reached(self, span: Span) -> tuple[Note, ...]:
        """Return a note on a place in a block of the user, where what was given hurts."""
        shown = self.steps and id(span.source) not in self.shipped
        return ((span, "needed here"),) if shown else ()

    def prove(self, code: str, span: Span) -> None:
        """Note that a rule holds at a place for the calls that lead here."""
        if self.steps:
            self.proven.add((code, span.source.path, span.start))

    @property
    def empty(self) -> bool:
        """Whether there is no mistake so far."""
        return not self.found and not self.failures

    @property
    def full(self) -> bool:
        """Whether there are more mistakes than are shown."""
        return len(self.found) > MOST

    def has(self, code: str) -> bool:
        """Return whether a rule is broken somewhere."""
        return any(found == code for found, _, _ in self.found)

    def merge(self, other: Report) -> None:
        """Add the mistakes of another report."""
        other.settle()
        self.settle()
        self.found.update(other.found)

    def finish(self) -> None:
        """Raise Diagnostics, in the order of the text, where there is any."""
        self.settle()
        if not self.found:
            return
        order = sorted(self.found.items(), key=lambda pair: (pair[0][1], pair[0][2]))
        items = [diagnostic for _, diagnostic in order]
        if len(items) > MOST:
            message = f"the first {MOST} mistakes are shown; there may be more"
            items = [*items[:MOST], Diagnostic(code="OFA013", message=message)]
        raise Diagnostics(items)

    def settle(self) -> None:
        """Give each mistake met in a block to the block or to the calls of it."""
        waiting = list(self.failures.values())
        self.failures = {}
        while waiting:
            groups: dict[tuple[str, str, int, int], list[Failure]] = {}
            for failure in waiting:
                step = failure.chain[-1]
                groups.setdefault((*failure.key, id(step.block)), []).append(failure)
            waiting = []
            for group in groups.values():
                if self._of_block(group):
                    self.found.setdefault(group[0].key, group[0].item)
                    continue
                moved = [_to_call(failure) for failure in group]
                for failure in moved:
                    if failure.chain:
                        waiting.append(failure)
                    else:
                        self.found.setdefault(failure.key, failure.item)

    def _of_block(self, group: list[Failure]) -> bool:
        """Return whether a mistake is one of the block, not of the calls that met it."""
        first = group[0]
        block = first.chain[-1].block
        if id(block.span.source) in self.shipped:
            return False
        if not _depends(first.span, block):
            return True
        wrong = {id(failure.chain[-1].call) for failure in group}
        if first.key in self.proven or len(wrong) < len(self.calls[id(block)]):
            return False
        return len(wrong) > FEW


def _to_call(failure: Failure) -> Failure:
    """Return the mistake as one of the call, with a note on where it was met."""
    *chain, step = failure.chain
    span = step.call.span
    notes = failure.item.notes or ((failure.span, "needed here"),)
    item = replace(failure.item, span=span, notes=notes)
    inside = [i for i, outer in enumerate(chain) if outer.holds(span)]
    return Failure(item=item, span=span, chain=tuple(chain[: inside[-1] + 1]) if inside else ())


def _depends(span: Span, block: syntax.BlockDecl) -> bool:
    """Return whether the text of a mistake speaks of what a call gives the block."""
    given = {"in", *(parameter.name.text for parameter in block.parameters)}
    given.update(s.name.text for s in block.body if isinstance(s, syntax.Let | syntax.Choice))
    return not given.isdisjoint(re.findall(r"[A-Za-z_]\w*", span.text))
