"""Compare what a runtime computes with the network that was exported.

An error is the largest difference relative to the mean absolute output. In float32 it may be as
large as rounding makes it. In int8 there is no such bound: what is asked is that the output still
follows that of the network.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ofadsl.deploy.exporter import Run
from ofadsl.diagnostics import fault

TOLERANCE = 1e-4
_ROUNDING = 10.0
"""Runtimes order sums otherwise: so many times torch's own rounding is allowed."""
LEAST_CORRELATION = 0.9
"""Between the outputs of int8 and float32, over all images and classes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """How close a runtime comes to the network."""

    images: int
    error: float
    correlation: float


def in_batches(run: Run, images: Tensor, batch: int | None) -> Tensor:
    """Return the outputs for any number of images; ``batch`` is how many ``run`` takes at once."""
    if batch is None:
        return run(images)
    outputs = []
    for chunk in images.split(batch):  # type: ignore[no-untyped-call]
        missing = batch - len(chunk)
        filled = torch.cat([chunk, chunk[-1:].expand(missing, -1, -1, -1)]) if missing else chunk
        outputs.append(run(filled.contiguous())[: len(chunk)])
    return torch.cat(outputs)


def check(
    module: torch.nn.Module,
    runners: Mapping[str, Run],
    images: Tensor,
    *,
    batch: int | None,
    int8: bool,
) -> dict[str, Check]:
    """Return how each runtime fares on ``images``; OFA253 where one computes something else."""
    with torch.no_grad():
        expected = module(images)
        truth = copy.deepcopy(module).double()(images.double())
    allowed = max(TOLERANCE, _ROUNDING * _error(expected, truth))
    results = {}
    for name, run in runners.items():
        found = in_batches(run, images, batch)
        if found.shape != expected.shape or not torch.isfinite(found).all():
            shapes = f"{tuple(found.shape)}, not a finite {tuple(expected.shape)}"
            raise fault("OFA253", f"{name} returns {shapes}; nothing is written")
        result = Check(
            images=len(images),
            error=_error(found, expected),
            correlation=_correlation(found, expected),
        )
        _refuse(name, result, allowed, int8)
        results[name] = result
    return results


def accuracy(run: Run, images: Tensor, labels: Tensor, batch: int | None) -> float:
    """Return the share of images whose class is the largest output."""
    chunks = images.split(64)  # type: ignore[no-untyped-call]
    outputs = torch.cat([in_batches(run, chunk, batch) for chunk in chunks])
    return float((outputs.argmax(1) == labels).double().mean())


def _refuse(name: str, result: Check, allowed: float, int8: bool) -> None:
    if int8 and result.correlation < LEAST_CORRELATION:
        found = f"the int8 output in {name} correlates by {result.correlation:.3f} with float32"
        message = f"{found}, {LEAST_CORRELATION} is asked for; nothing is written"
        help = "calibrate with images like those of the training, or train with ofadsl quantize"
        raise fault("OFA253", message, help=help)
    if not int8 and result.error > allowed:
        found = f"{name} differs from subnet.py by {result.error:.2g} of its mean output"
        raise fault("OFA253", f"{found}, {allowed:.2g} is allowed; nothing is written")


def _error(found: Tensor, expected: Tensor) -> float:
    apart = (found.double() - expected.double()).abs().max()
    return 0.0 if apart == 0 else float(apart / expected.double().abs().mean())


def _correlation(found: Tensor, expected: Tensor) -> float:
    """Return Pearson's correlation; of two constants, whether they are equal."""
    a, b = (tensor.double().flatten() - tensor.double().mean() for tensor in (found, expected))
    scale = float(a.norm() * b.norm())
    return float(torch.dot(a, b)) / scale if scale else float(torch.equal(found, expected))
