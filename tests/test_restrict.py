"""A space narrowed to some values of its dimensions: the phases of a training schedule."""

from __future__ import annotations

import random

import pytest
from packages import compiled


def test_a_restricted_space_counts_and_samples_what_is_left() -> None:
    space = compiled("mbv3").checked.space
    kernels = {d.var.name: (7,) for d in space.dims if d.key == "kernel"}
    depths = {f"s{i}.depth": (4,) for i in range(1, 6)}
    expands = {d.var.name: (6,) for d in space.dims if d.key == "expand"}
    largest = space.restrict({**kernels, **depths, **expands})
    assert largest.size(with_resolution=False) == 1
    elastic_kernel = space.restrict({**depths, **expands})
    assert elastic_kernel.size(with_resolution=False) == 3**20
    arch = elastic_kernel.sample(random.Random(0))
    values = space.values(arch)
    assert space.contains(arch)
    assert {values[name] for name in expands} == {6}
    assert len({values[name] for name in kernels}) > 1


def test_what_is_not_part_of_a_subnet_is_not_restricted() -> None:
    space = compiled("mbv3").checked.space
    narrow = space.restrict({"s1.3.kernel": (7,)})
    shallow = narrow.restrict({"s1.depth": (2,)})
    assert shallow.size() == space.restrict({"s1.depth": (2,)}).size()


def test_a_restriction_to_strange_values_is_refused() -> None:
    space = compiled("small").checked.space
    with pytest.raises(ValueError, match=r"s1\.depth is one of"):
        space.restrict({"s1.depth": (9,)})
    with pytest.raises(KeyError):
        space.restrict({"s9.depth": (1,)})
