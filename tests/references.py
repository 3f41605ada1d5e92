"""Whether a network computes what a reference did, rounding apart.

In: the network, an image, the reference's logits of it. A reference was computed in float32, in an
order of its own, and some networks amplify rounding: so ours is computed in float64, and where the
two differ by more than a match may, by what orders of our own sums differ.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from typing import Any

import torch

_MOST = 2e-3
"""Of the mean logit: what rounding is never worth."""


def check_reference(
    net: torch.nn.Module, image: torch.Tensor, *arch: object, case: Mapping[str, Any]
) -> None:
    """Assert that ``net(image, *arch)`` has the first logits that ``case`` tells."""
    with torch.no_grad():
        truth = copy.deepcopy(net).double()(image.double(), *arch)
        apart = (truth[:, :16] - torch.tensor(case["logits"])).abs().max()
        limit = 1e-4 * case["logits_mean_abs"] + 1e-5
        if apart > limit:
            rounded = _orders(net, image, arch)
            limit = 4 * max(float((found - truth).abs().max()) for found in rounded)
            limit = min(limit, _MOST * case["logits_mean_abs"])
    assert apart <= limit


def _orders(
    net: torch.nn.Module, image: torch.Tensor, arch: tuple[object, ...]
) -> list[torch.Tensor]:
    """Return the output with sums in several orders, which differ where rounding is amplified."""
    threads = torch.get_num_threads()
    found = []
    for count, form in itertools.product((1, 2), (torch.contiguous_format, torch.channels_last)):
        torch.set_num_threads(count)
        found.append(net(image.to(memory_format=form), *arch))
    torch.set_num_threads(threads)
    return found
