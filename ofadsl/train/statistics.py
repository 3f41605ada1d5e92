"""Batch norm statistics of one subnet, recomputed from images of the training set.

A subnet's features have other means and variances than the supernet's running ones, so these are
measured anew: for each batch norm the average over batches, weighted by their images, of each
batch's mean and biased variance, features being normalised by their own batch on the way (Cai et
al. 2020 take 2,000 images in batches of 200). The supernet is not touched: what comes out is a
mapping, or a view of the supernet that shares all its weights.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping

import torch
from torch import Tensor

from ofadsl.choices import Arch
from ofadsl.train.data.batches import Batch, batches, no_images
from ofadsl.train.data.sample import sample
from ofadsl.train.data.source import Data
from ofadsl.train.layout import brought

IMAGES, BATCH = 2000, 200
"""What the paper takes."""


def has_statistics(supernet: torch.nn.Module) -> bool:
    """Return whether there is a batch norm, so that anything is to be recomputed."""
    return any("running_mean" in module._buffers for module in supernet.modules())


def statistics_batches(
    data: Data,
    *,
    size: int,
    images: int = IMAGES,
    batch: int = BATCH,
    seed: int = 0,
    workers: int = 0,
    rank: int = 0,
    world: int = 1,
) -> Iterator[Batch]:
    """Yield training images for the statistics, plain, the same for every arch."""
    return batches(
        sample(data.train, number=images, seed=seed),
        size=size,
        batch=batch,
        seed=None,
        workers=workers,
        rank=rank,
        world=world,
        drop_last=False,
    )


def recomputed(
    supernet: torch.nn.Module, arch: Arch, images: Iterable[Batch], *, shared: bool = False
) -> torch.nn.Module:
    """Return a view of ``supernet`` in eval mode with the statistics of ``arch``.

    Its batch norms have buffers of their own; all else is the supernet's. ``shared``: each process
    has a part of the batches, and the statistics are those of all.
    """
    return with_statistics(supernet, statistics(supernet, arch, images, shared=shared))


def statistics(
    supernet: torch.nn.Module, arch: Arch, images: Iterable[Batch], *, shared: bool = False
) -> dict[str, Tensor]:
    """Return the running means and variances of the batch norms in ``arch``, by name.

    A tensor has as many channels as the subnet uses. Without batch norms no batch is drawn.
    """
    measure = Measure(supernet)
    if has_statistics(supernet):
        for batch in images:
            measure.add(arch, batch)
    return measure.result(shared=shared)


class Measure:
    """Statistics of one arch, batch by batch."""

    def __init__(self, supernet: torch.nn.Module) -> None:
        self._norms: dict[str, _Measuring] = {}
        self._supernet = _view(supernet, self._measuring)
        self._device = next(supernet.parameters()).device
        self._images = torch.zeros(1, dtype=torch.float64, device=self._device)

    def add(self, arch: Arch, batch: Batch) -> None:
        """Count the images of a batch."""
        with torch.no_grad():
            self._supernet(brought(batch.images, self._device), arch)
        self._images += len(batch.labels)

    def result(self, *, shared: bool = False) -> dict[str, Tensor]:
        """Return the statistics of all batches so far; ``shared`` adds those of other processes.

        Raises Diagnostics (OFA193) where there was no image.
        """
        if shared and self._norms:
            _add_up([self._images, *(norm.sums for norm in self._norms.values())])
        if self._norms and not self._images.item():
            raise no_images()
        return {
            f"{name}.{key}": tensor
            for name, norm in self._norms.items()
            for key, tensor in norm.averages().items()
        }

    def _measuring(self, name: str, module: torch.nn.Module) -> torch.nn.Module:
        self._norms[name] = norm = _Measuring(module)
        return norm


def with_statistics(supernet: torch.nn.Module, found: Mapping[str, Tensor]) -> torch.nn.Module:
    """Return a view of ``supernet`` in eval mode whose first channels have these statistics."""

    def own(name: str, module: torch.nn.Module) -> torch.nn.Module:
        norm = _eval_copy(module)
        norm._buffers = {
            key: None if tensor is None else tensor.clone()
            for key, tensor in module._buffers.items()
        }
        for key in ("running_mean", "running_var"):
            part = found.get(f"{name}.{key}")
            if part is not None:
                norm.get_buffer(key)[: len(part)] = part
        return norm

    return _view(supernet, own)


class _Measuring(torch.nn.Module):
    """A batch norm that normalises each batch by itself and keeps the sums of what it sees."""

    def __init__(self, norm: torch.nn.Module) -> None:
        super().__init__()
        self.norm = _eval_copy(norm)
        self.norm._buffers = {
            key: None if tensor is None else tensor.clone() for key, tensor in norm._buffers.items()
        }
        # rows: means, variances, images, each times its images; float64, so that order is no matter
        channels = len(self.norm.get_buffer("running_mean"))
        device = self.norm.get_buffer("running_mean").device
        self.sums = torch.zeros(3, channels, dtype=torch.float64, device=device)

    def forward(self, x: Tensor, **sizes: int) -> Tensor:
        channels = x.shape[1]
        axes = [axis for axis in range(x.dim()) if axis != 1]
        var, mean = torch.var_mean(x.float(), axes, correction=0)
        for row, values in zip(self.sums, (mean, var, torch.ones_like(mean)), strict=True):
            row[:channels] += values.double() * len(x)
        self.norm.get_buffer("running_mean")[:channels] = mean
        self.norm.get_buffer("running_var")[:channels] = var
        out: Tensor = self.norm(x, **sizes)
        return out

    def averages(self) -> dict[str, Tensor]:
        images = self.sums[2]
        channels = int((images > 0).sum())
        if not channels:
            return {}
        mean, var = (self.sums[:2, :channels] / images[:channels]).float()
        return {"running_mean": mean, "running_var": var}


def _add_up(tensors: list[Tensor]) -> None:
    """Put into each tensor its sum over all processes."""
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    torch.distributed.all_reduce(flat)
    parts = torch.split(flat, [tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.copy_(part.view_as(tensor))


Replace = Callable[[str, torch.nn.Module], torch.nn.Module]


def _view(module: torch.nn.Module, replace: Replace, name: str = "") -> torch.nn.Module:
    """Return ``module`` in eval mode, sharing every tensor, its batch norms replaced."""
    if "running_mean" in module._buffers:
        return replace(name, module)
    view = _eval_copy(module)
    view._modules = {
        key: None if child is None else _view(child, replace, f"{name}.{key}".lstrip("."))
        for key, child in module._modules.items()
    }
    return view


def _eval_copy(module: torch.nn.Module) -> torch.nn.Module:
    """Return a module that shares the tensors of ``module`` and its parts, in eval mode."""
    view = copy.copy(module)
    view.training = False
    return view
