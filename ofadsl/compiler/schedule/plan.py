"""What a schedule says, checked against its space: phases in order, each a restricted space.

Out of the compiler, into training; progressive shrinking (Cai et al., ICLR 2020) and the sandwich
rule (Yu et al., BigNAS, ECCV 2020) are values of these types, not code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ofadsl.space import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniform:
    """A step trains ``number`` subnets of the phase's space, drawn uniformly."""

    number: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandwich:
    """A step trains the largest, the smallest and ``number`` random subnets."""

    number: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """Every step trains one subnet: choice indices in the order of the space's dimensions."""

    arch: tuple[int, ...]


Sampler = Uniform | Sandwich | Fixed


@dataclass(frozen=True, slots=True, kw_only=True)
class Distil:
    """What a subnet learns from a teacher beside the labels.

    ``teacher``: "largest" is the largest subnet as it was when the phase began, frozen;
    "in_place" is the largest subnet of the same step, detached (only with Sandwich).
    ``loss``: "kl" is cross-entropy with soft labels, "mse" of logits, "alpha" the adaptive
    alpha-divergence of AlphaNet (Wang et al., ICML 2021). ``ratio`` weighs it; labels have weight 1
    for a frozen teacher, and 0 for the subnets that an in-place teacher teaches.
    """

    teacher: Literal["largest", "in_place"]
    loss: Literal["kl", "mse", "alpha"] = "kl"
    ratio: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A part of a training: which subnets, how long, how.

    ``space`` has the dimensions of the whole space in the same order (Space.restrict).
    ``learning_rate`` is the peak, for a batch of 256 images or as the schedule says; None leaves it
    to the command line. ``rate_scale`` multiplies either. ``warmup`` is in epochs. ``sort`` asks
    for importance sorting of channels before the phase. ``largest`` and ``smallest`` are the ends
    of ``space`` as choice indices: of several operations those that compute the most, the least.
    """

    name: str
    epochs: float
    space: Space
    sampler: Sampler
    distil: Distil | None = None
    learning_rate: float | None = None
    warmup: float = 0.0
    decay: Literal["cosine", "constant"] = "cosine"
    sort: bool = False
    rate_scale: float = 1.0
    largest: tuple[int, ...] = ()
    smallest: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A named sequence of phases.

    ``notes`` say what was left out for this space, and why; ``largest`` is the largest subnet of
    the whole space as choice indices, which teachers are.
    """

    name: str
    phases: tuple[Phase, ...]
    notes: tuple[str, ...] = ()
    largest: tuple[int, ...] = ()

    @property
    def epochs(self) -> float:
        """The epochs of all phases."""
        return sum(phase.epochs for phase in self.phases)
