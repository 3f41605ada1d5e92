"""A space narrowed to some values of its dimensions: the phases of a training schedule."""

from __future__ import annotations

import random

import pytest
from packages import compiled

from ofadsl.space import extreme


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


@pytest.mark.parametrize("name", ["mbv3", "attentive_nas", "small", "vit"])
def test_the_largest_and_the_smallest_of_a_space_are_those_of_its_archs(name: str) -> None:
    space, arch = compiled(name).checked.space, compiled(name).module.Arch
    draws = space.draws()
    largest, smallest = (extreme(space, draws, largest=flag) for flag in (True, False))
    assert arch.from_dict(space.to_json(largest)) == arch.largest()
    assert arch.from_dict(space.to_json(smallest)) == arch.smallest()


def test_the_largest_of_a_narrowed_space_is_in_it() -> None:
    space = compiled("small").checked.space.restrict({"s1.depth": (1,), "s2.0.kernel": (3, 5)})
    values = space.values(extreme(space, space.draws(), largest=True))
    assert (values["s1.depth"], values["s2.depth"]) == (1, 2)
    assert (values["s1.0.kernel"], values["s2.0.kernel"], values["s2.1.kernel"]) == (7, 5, 7)


def test_choices_that_requirements_tie_together_are_the_largest_that_they_allow() -> None:
    space = compiled("compofa").checked.space
    for flag, depth, expand in ((True, 4, 6), (False, 2, 3)):
        arch = extreme(space, space.draws(), largest=flag)
        values = space.values(arch)
        assert space.contains(arch)
        assert (values["s1.depth"], values["s1.0.expand"]) == (depth, expand)
