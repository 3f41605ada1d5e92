"""Which subnets a step trains: a function of the seed and the step, so the same on all ranks.

In: a phase, whose space and sampler say what may be drawn. Out: archs of the generated package.
Choices are drawn evenly, as OFA and BigNAS draw them: of all subnets few are shallow, and training
that drew each as often as any other would hardly see those.
"""

from __future__ import annotations

import random
from typing import Any, assert_never

from ofadsl.choices import Arch
from ofadsl.compiler.schedule.plan import Fixed, Phase, Sandwich, Uniform
from ofadsl.space import drawn, extreme
from ofadsl.train.resolution import at_resolution


class Subnets:
    """The subnets of a phase."""

    def __init__(self, phase: Phase, arch_class: type[Arch]) -> None:
        self._sampler = phase.sampler
        self._space = phase.space
        self._draws = phase.space.draws()
        self._arch_class = arch_class
        self.largest: Any = self._extreme(phase.largest, largest=True)
        self.smallest: Any = self._extreme(phase.smallest, largest=False)

    @property
    def per_step(self) -> int:
        """How many subnets a step trains."""
        match self._sampler:
            case Uniform(number=number):
                return number
            case Sandwich(number=number):
                return number + 2
            case Fixed():
                return 1
            case _:
                assert_never(self._sampler)

    def of_step(self, seed: int, step: int) -> tuple[Any, ...]:
        """Return the archs of a step, a sandwich's largest first.

        Uniform ones share the resolution of the first where the space allows it; those of a
        sandwich keep their own, as its largest and smallest have theirs.
        """
        rng = random.Random(f"{seed} {step}")
        match self._sampler:
            case Uniform(number=number):
                first, *others = (self._random(rng) for _ in range(number))
                return (first, *(at_resolution(arch, first.resolution) for arch in others))
            case Sandwich(number=number):
                return (self.largest, self.smallest, *(self._random(rng) for _ in range(number)))
            case Fixed():
                return (self.largest,)
            case _:
                assert_never(self._sampler)

    def _random(self, rng: random.Random) -> Any:
        return self._arch(drawn(self._draws, rng, evenly=True))

    def _arch(self, choices: tuple[int, ...]) -> Any:
        return self._arch_class.from_dict(self._space.to_json(choices))

    def _extreme(self, said: tuple[int, ...], *, largest: bool) -> Any:
        if isinstance(self._sampler, Fixed):
            return self._arch(self._sampler.arch)
        return self._arch(said or extreme(self._space, self._draws, largest=largest))
