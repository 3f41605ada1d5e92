"""The accuracy of many subnets: each with statistics of its own, every image read once for many.

In: a supernet, archs, data. Out: an Accuracy for each arch. Decoding images costs more than running
a small subnet, so archs of one resolution go through the images together.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch

from ofadsl.choices import Arch
from ofadsl.train.accuracy import Accuracy, Score
from ofadsl.train.data.batches import batches
from ofadsl.train.data.source import Data
from ofadsl.train.processes import Processes
from ofadsl.train.statistics import (
    IMAGES,
    Measure,
    has_statistics,
    statistics_batches,
    with_statistics,
)

TOGETHER = 16
"""So many archs share one reading of the images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How archs are evaluated; the same conditions give the same accuracy."""

    batch: int = 200
    statistics: int = IMAGES
    """Training images that the batch norm statistics are recomputed from."""
    seed: int = 0
    """Which ones."""
    workers: int = 0


def evaluate(
    supernet: torch.nn.Module,
    archs: Sequence[Arch],
    data: Data,
    conditions: Conditions,
    here: Processes,
) -> Iterator[list[tuple[int, Accuracy]]]:
    """Yield results of some archs, each with its index, until all are done.

    Several processes share the archs out; what is yielded are the results of all of them.
    """
    groups = list(_groups(archs, here.world))
    for start in range(0, len(groups), here.world):
        mine = groups[start + here.rank : start + here.rank + 1]
        found = [
            (index, accuracy)
            for group in mine
            for index, accuracy in zip(
                group,
                together(supernet, [archs[i] for i in group], data, conditions),
                strict=True,
            )
        ]
        yield sorted(_of_all(found, here), key=lambda result: result[0])


def together(
    supernet: torch.nn.Module, archs: Sequence[Arch], data: Data, conditions: Conditions
) -> list[Accuracy]:
    """Return the accuracy of archs of one resolution on the validation images."""
    (size,) = {_resolution(arch) for arch in archs}
    measures = [Measure(supernet) for _ in archs]
    if has_statistics(supernet):
        images = statistics_batches(
            data,
            size=size,
            images=conditions.statistics,
            seed=conditions.seed,
            workers=conditions.workers,
        )
        for batch in images:
            for arch, measure in zip(archs, measures, strict=True):
                measure.add(arch, batch)
    views = [with_statistics(supernet, measure.result()) for measure in measures]
    scores = [Score(next(supernet.parameters()).device) for _ in archs]
    for batch in batches(
        data.val,
        size=size,
        batch=conditions.batch,
        seed=None,
        workers=conditions.workers,
        drop_last=False,
    ):
        for arch, view, score in zip(archs, views, scores, strict=True):
            score.add(view, arch, batch)
    return [score.result() for score in scores]


def _groups(archs: Sequence[Arch], world: int) -> Iterator[list[int]]:
    """Yield indices of archs of one resolution, so that every process gets some."""
    order = sorted(range(len(archs)), key=lambda i: _resolution(archs[i]))
    for _, same in itertools.groupby(order, key=lambda i: _resolution(archs[i])):
        indices = list(same)
        number = min(TOGETHER, -(-len(indices) // world))
        yield from (indices[i : i + number] for i in range(0, len(indices), number))


def _resolution(arch: Arch) -> int:
    size: int = arch.resolution  # type: ignore[attr-defined]
    return size


def _of_all(found: list[tuple[int, Accuracy]], here: Processes) -> Iterable[tuple[int, Accuracy]]:
    """Return what all processes found."""
    if here.world == 1:
        return found
    everywhere: list[list[tuple[int, Accuracy]]] = [[] for _ in range(here.world)]
    torch.distributed.all_gather_object(everywhere, found)
    return itertools.chain.from_iterable(everywhere)
