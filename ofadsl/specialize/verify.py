"""Compare a subnet with the supernet that it came from.

Equal where nothing but parameters was computed ahead, but for the order in which a product with a
cut matrix is summed; close where batch norm has been folded, because sums then round otherwise. How
close is a matter of the weights: some networks amplify every rounding. Those are compared in
float64, where only the weights are rounded, and no more is asked than the supernet in float32
holds to.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from ofadsl.choices import Arch
from ofadsl.diagnostics import fault
from ofadsl.nn import bind
from ofadsl.specialize.trace import in_eval_mode

TOLERANCE = 1e-5
"""The largest difference allowed after folding, relative to the mean absolute output."""
ROUNDING = 1e-6
"""The same where nothing is folded: a matrix cut out of a wider one is summed in another order."""


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

    Raises Diagnostics where the supernet's output is not finite, and AssertionError where the
    difference is too large: the specialiser is wrong then, not the user.
    """
    with torch.no_grad():
        expected = bind(in_eval_mode(supernet), arch)(example)
        found = subnet(example)
    if not torch.isfinite(expected).all():
        message = "the output of the supernet is not finite, so a subnet of it cannot be verified"
        raise fault("OFA097", message, help="the weights overflow; take an earlier checkpoint")
    if found.shape != expected.shape:
        shapes = f"{tuple(found.shape)}, not {tuple(expected.shape)}"
        raise AssertionError(f"the output of the subnet has the shape {shapes}")
    if not torch.isfinite(found).all():
        raise AssertionError("the output of the subnet is not finite, that of the supernet is")
    error = _difference(found, expected)
    if exact:
        tolerance = min(tolerance, ROUNDING)
    if error <= tolerance:
        return error
    truth = _in_double(bind(in_eval_mode(supernet), arch), example)
    apart = _difference(_in_double(subnet, example), truth)
    rounding = _difference(expected, truth)
    if apart > max(tolerance, 4 * rounding):
        limit = f"{tolerance:g} is allowed, and the supernet itself rounds by {rounding:.3g}"
        found_here = f"{error:.3g}, in float64 by {apart:.3g}"
        raise AssertionError(f"the subnet differs from the supernet by {found_here}; {limit}")
    return error


def _in_double(network: torch.nn.Module, example: Tensor) -> Tensor:
    with torch.no_grad():
        out: Tensor = copy.deepcopy(network).double()(example.double())
    return out


def _difference(found: Tensor, expected: Tensor) -> float:
    apart = (found.double() - expected.double()).abs().max()
    scale = expected.double().abs().mean()
    return 0.0 if apart == 0 else float(apart / scale)
