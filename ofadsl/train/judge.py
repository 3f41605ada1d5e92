"""The accuracy of subnets between epochs, with statistics of their own from training images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from ofadsl.train.accuracy import accuracy
from ofadsl.train.data.batches import Batch, batches
from ofadsl.train.data.source import Data, Examples
from ofadsl.train.processes import Processes
from ofadsl.train.statistics import BATCH, IMAGES, statistics, with_statistics


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Measures on the validation images of ``data``; every process takes its part."""

    data: Data
    group: Processes
    workers: int = 0
    seed: int = 0

    def top1(self, supernet: torch.nn.Module, arch: Any) -> float:
        """Return the part of the validation images that a subnet gets right."""
        shared = self.group.world > 1
        view = with_statistics(supernet, self.statistics(supernet, arch))
        images = self._batches(self.data.val, arch, seed=None)
        return accuracy(view, arch, images, shared=shared).top1

    def statistics(self, supernet: torch.nn.Module, arch: Any) -> dict[str, torch.Tensor]:
        """Return the batch norm statistics of a subnet, from the first shuffled images."""
        images = self._batches(self.data.train, arch, seed=self.seed, most=IMAGES // BATCH)
        return statistics(supernet, arch, images, shared=self.group.world > 1)

    def _batches(
        self, examples: Examples, arch: Any, *, seed: int | None, most: int | None = None
    ) -> Iterator[Batch]:
        found = batches(
            examples,
            size=arch.resolution,
            batch=BATCH - BATCH % self.group.world or self.group.world,
            seed=seed,
            workers=self.workers,
            rank=self.group.rank,
            world=self.group.world,
            drop_last=False,
        )
        for number, batch in enumerate(found):
            if number == most:
                break
            yield batch
