"""The passes between tracing and writing, in their order, and what runs them.

A pass takes a GraphModule and returns one, the same changed or a new one. To add a pass, write it
in a file of its own and put it here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from torch.fx import GraphModule

from ofadsl.specialize.fold_batch_norm import fold_batch_norm
from ofadsl.specialize.raise_modules import raise_modules

Pass: TypeAlias = Callable[[GraphModule], GraphModule]

PASSES: tuple[Pass, ...] = (fold_batch_norm, raise_modules)


def run(subnet: GraphModule, passes: Iterable[Pass] = PASSES) -> GraphModule:
    """Return ``subnet`` after the passes, each result checked; an error names the pass."""
    for one in passes:
        try:
            subnet = one(subnet)
            subnet.graph.lint()
            subnet.recompile()
        except Exception as error:
            error.add_note(f"in the pass {getattr(one, '__name__', one)}")
            raise
    return subnet
