"""How well a subnet does on labelled images: top-1, top-5 and loss."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ofadsl.choices import Arch
from ofadsl.train.data.batches import Batch, no_images
from ofadsl.train.layout import brought


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """Parts of 1, the mean cross-entropy, and the number of images they were found on.

    ``top5`` is None where there are no more than five classes.
    """

    top1: float
    top5: float | None
    loss: float
    images: int


def accuracy(
    supernet: torch.nn.Module, arch: Arch, batches: Iterable[Batch], *, shared: bool = False
) -> Accuracy:
    """Return the accuracy of ``arch`` on the images; the supernet is in eval mode.

    Recompute the statistics first: ``accuracy(recomputed(supernet, arch, train), arch, val)``.
    ``shared``: each process has a part of the batches, and the result is that of all.
    """
    score = Score(next(supernet.parameters()).device)
    for batch in batches:
        score.add(supernet, arch, batch)
    return score.result(shared=shared)


class Score:
    """The accuracy of one arch, batch by batch."""

    def __init__(self, device: torch.device) -> None:
        self._sums = torch.zeros(4, dtype=torch.float64, device=device)
        self._classes = 0

    def add(self, supernet: torch.nn.Module, arch: Arch, batch: Batch) -> None:
        """Count the images of a batch."""
        assert not supernet.training, "statistics of the batch would be used"
        labels = batch.labels.to(self._sums.device)
        with torch.no_grad():
            images = brought(batch.images, self._sums.device)
            logits: Tensor = supernet(images, arch).float()
        self._classes = logits.shape[1]
        best = logits.topk(min(5, self._classes)).indices == labels[:, None]
        loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
        found = [best[:, 0].sum(), best.sum(), loss, torch.tensor(len(labels))]
        self._sums += torch.stack([value.to(self._sums) for value in found])

    def result(self, *, shared: bool = False) -> Accuracy:
        """Return what was found so far; ``shared`` adds what other processes found.

        Raises Diagnostics (OFA193) where there was no image.
        """
        sums = self._sums.clone()
        if shared:
            torch.distributed.all_reduce(sums)
        first, five, loss, images = sums.tolist()
        if not images:
            raise no_images()
        return Accuracy(
            top1=first / images,
            top5=five / images if self._classes > 5 else None,
            loss=loss / images,
            images=int(images),
        )
