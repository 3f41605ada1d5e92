"""The passes between tracing and writing, in their order, and what runs them.

A pass takes a GraphModule and returns one, the same changed or a new one. To add a pass, write it
in a file of its own and put it here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from torch.fx import GraphModule

from ofadsl.specialize.channels_last import channels_last
from ofadsl.specialize.fold_batch_norm import fold_batch_norm
from ofadsl.specialize.in_place import in_place
from ofadsl.specialize.join_means import join_means
from ofadsl.specialize.join_swish import join_swish
from ofadsl.specialize.raise_modules import raise_modules

Pass: TypeAlias = Callable[[GraphModule], GraphModule]

EXACT: tuple[Pass, ...] = (raise_modules,)
"""For a subnet that is the supernet's equal to the bit, and trains as it does."""

PASSES: tuple[Pass, ...] = (
    fold_batch_norm,
    join_swish,
    join_means,
    in_place,
    channels_last,
    raise_modules,
)
"""For a subnet to deploy: sums round in another order."""

SHARING: tuple[Pass, ...] = tuple(one for one in PASSES if one is not fold_batch_norm)
"""For subnets that share the weights of their convolutions."""


def run(subnet: GraphModule, passes: Iterable[Pass] = PASSES) -> GraphModule:
    """Return ``subnet`` after the passes, each result checked; an error names the pass."""
    for one in passes:
        try:
            result = one(subnet)
            result.graph.lint()
            if result is subnet:  # a new GraphModule has been compiled when it was made
                result.recompile()
        except Exception as error:
            error.add_note(f"in the pass {getattr(one, '__name__', one)}")
            raise
        subnet = result
    return subnet
