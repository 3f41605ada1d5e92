"""Compare a subnet with the supernet that it came from.

Equal to the bit where nothing but parameters was computed ahead; close where batch norm has been
folded, because sums then round in another order.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ofadsl.choices import Arch
from ofadsl.nn import bind
from ofadsl.specialize.trace import in_eval_mode

TOLERANCE = 1e-5
"""The largest difference allowed after folding, relative to the mean absolute output."""


def verify(
    subnet: torch.nn.Module,
    supernet: torch.nn.Module,
    arch: Arch,
    example: Tensor,
    *,
    exact: bool,
    tolerance: float = TOLERANCE,
) -> float:
    """Return the largest difference on ``example``, relative to the mean absolute output.

    Raises AssertionError where it is too large: the specialiser is wrong then, not the user.
    """
    with torch.no_grad():
        expected = bind(in_eval_mode(supernet), arch)(example)
        found = subnet(example)
    if found.shape != expected.shape:
        shapes = f"{tuple(found.shape)}, not {tuple(expected.shape)}"
        raise AssertionError(f"the output of the subnet has the shape {shapes}")
    if not torch.equal(torch.isfinite(found), torch.isfinite(expected)):
        raise AssertionError("the subnet and the supernet are not finite in the same places")
    error = _difference(found, expected)
    limit = 0.0 if exact else tolerance
    if not error <= limit:
        rule = "they must be equal" if exact else f"at most {limit:g} is allowed"
        raise AssertionError(f"the subnet differs from the supernet by {error:.3g}; {rule}")
    return error


def _difference(found: Tensor, expected: Tensor) -> float:
    finite = torch.isfinite(expected)
    apart = (found.double() - expected.double())[finite].abs()
    scale = expected.double()[finite].abs()
    if not apart.numel() or apart.max() == 0:
        return 0.0
    return float(apart.max() / scale.mean())
