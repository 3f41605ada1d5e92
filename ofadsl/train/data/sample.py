"""Some of the examples: drawn once, so that what is measured on them is measured on them again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ofadsl.train.data.source import Examples


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Examples of another set, in the order of ``indices``."""

    examples: Examples
    indices: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)

    def load(self, index: int, *, size: int, seed: int | None) -> tuple[Tensor, int]:
        """Return example ``index`` as Examples has it."""
        return self.examples.load(int(self.indices[index]), size=size, seed=seed)


def sample(examples: Examples, *, number: int, seed: int) -> Sample:
    """Return ``number`` of the examples in random order, or all where there are fewer."""
    order = np.random.default_rng(seed).permutation(len(examples))
    return Sample(examples=examples, indices=order[:number])
