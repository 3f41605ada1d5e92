"""A small multilayer perceptron on the features of an arch, several of them averaged.

It runs in numpy. Fitting it needs torch: see `training`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ofadsl.search.accuracy.features import Single
from ofadsl.search.front import Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Perceptron:
    """Layers of several members side by side: ``(members, in, out)``, with a ReLU between them."""

    shift: Floats
    scale: Floats
    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]

    def predict(self, columns: Single) -> Floats:
        """Return the mean of all members for each arch."""
        z = ((columns - self.shift.astype(np.float32)) * self.scale.astype(np.float32))[None]
        last = len(self.weights) - 1
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            z = z @ weight.astype(np.float32) + bias.astype(np.float32)[:, None, :]
            if i < last:
                np.maximum(z, 0, out=z)
        return np.asarray(z[..., 0].mean(axis=0), np.float64)
