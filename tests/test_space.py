"""Counting, sampling and JSON of a space, against trying every combination of its choices."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from collections.abc import Sequence

import pytest
from conftest import REPOSITORY
from hypothesis import given, settings
from hypothesis import strategies as st

from ofadsl.compiler.pipeline import checked_space
from ofadsl.elimination import CoupledError
from ofadsl.expr import TRUE, Expr, Var, apply, const, evaluate, negate, select
from ofadsl.space import Dim, Requirement, Space, Stage, drawn, effective

Arch = tuple[int, ...]


def every(space: Space) -> list[Arch]:
    """Return the distinct subnets by trying all: what does not matter stands at its first."""
    found = []
    for arch in itertools.product(*(range(len(dim.var.values)) for dim in space.dims)):
        values = space.values(arch)
        idle = (i for i, dim in enumerate(space.dims) if not evaluate(dim.live, values))
        if all(arch[i] == 0 for i in idle) and all(
            evaluate(r.condition, values) for r in space.requirements
        ):
            found.append(arch)
    return found


@st.composite
def conditions(draw: st.DrawFn, variables: list[Var]) -> Expr:
    """Return a condition on one, two or three of the variables."""
    result: Expr | None = None
    for _ in range(draw(st.integers(1, 3))):
        var = draw(st.sampled_from(variables))
        compare = draw(st.sampled_from(("==", "!=", "<", "<=", ">")))
        other = draw(st.sampled_from(variables) | st.sampled_from(var.values))
        part = apply(compare, var, other)
        how = draw(st.sampled_from(("and", "or")))
        result = part if result is None else apply(how, result, part)
    assert result is not None
    return result


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """Return a space of up to seven dimensions, gated by earlier ones, with requirements."""
    dims: list[Dim] = []
    for i in range(draw(st.integers(1, 7))):
        count = draw(st.integers(1, 3))
        live: Expr = TRUE
        if dims and draw(st.booleans()):
            live = draw(conditions([d.var for d in dims]))
            for var in live.support:  # a choice that is not there gates nothing
                gate = next(d for d in dims if d.var.name == var.name)
                live = apply("and", live, gate.live)
        values = draw(st.permutations(range(4)))[:count]
        dims.append(Dim(var=Var(f"d{i}", tuple(sorted(values))), key=f"d{i}", live=live))
    known = {d.var.name: d for d in dims}
    requirements = []
    for _ in range(draw(st.integers(0, 3))):
        said = draw(conditions([d.var for d in dims]))
        whole = effective(said, known)
        requirements.append(Requirement(text="", condition=whole, said=said))
    return Space(
        name="random",
        params=(),
        dims=tuple(dims),
        stages=(),
        requirements=tuple(requirements),
    )


@given(spaces())
def test_the_size_is_the_number_of_distinct_subnets(space: Space) -> None:
    assert space.size() == len(every(space))


@given(spaces(), st.integers())
def test_a_sample_is_a_distinct_subnet(space: Space, seed: int) -> None:
    archs = set(every(space))
    if not archs:
        return
    for arch in itertools.islice(space.samples(random.Random(seed)), 20):
        assert arch in archs
        assert space.contains(arch)


@settings(max_examples=30)
@given(spaces())
def test_every_subnet_is_drawn_equally_often(space: Space) -> None:
    archs = every(space)
    if not 1 < len(archs) <= 40:
        return
    number = 400 * len(archs)
    found = Counter(itertools.islice(space.samples(random.Random(1)), number))
    assert set(found) == set(archs)
    # a deviation of 400 +- 6 standard deviations of a binomial, for any of forty subnets
    assert all(280 <= count <= 520 for count in found.values())


def shares(space: Space, name: str) -> dict[object, float]:
    """Return how often the values of a dimension come in many subnets that are drawn evenly."""
    draws, rng, number = space.draws(), random.Random(2), 4000
    archs = [drawn(draws, rng, evenly=True) for _ in range(number)]
    assert all(space.contains(arch) for arch in archs)
    counts = Counter(space.values(arch)[name] for arch in archs)
    return {value: count / number for value, count in counts.items()}


def test_choices_are_drawn_evenly_however_many_subnets_they_lead_to() -> None:
    space = checked_space(REPOSITORY / "spaces" / "digits.ofa").space
    assert shares(space, "s2.depth") == pytest.approx({1: 1 / 3, 2: 1 / 3, 3: 1 / 3}, abs=0.04)
    wide = space.restrict({"s2.depth": (2, 3), "s2.width": (32,)})
    assert shares(wide, "s2.depth") == pytest.approx({2: 1 / 2, 3: 1 / 2}, abs=0.04)
    assert shares(wide, "s2.width") == {32: 1.0}


def test_an_operation_is_drawn_before_what_only_it_has() -> None:
    space = checked_space(REPOSITORY / "tests" / "spaces" / "mixed.ofa").space
    assert shares(space, "mb3.0.op_2") == pytest.approx({"p": 1 / 2, "q": 1 / 2}, abs=0.04)


@given(spaces())
def test_distinct_subnets_have_distinct_json(space: Space) -> None:
    archs = every(space)
    texts = {json.dumps(space.to_json(arch)) for arch in archs}
    assert len(texts) == len(archs)


@given(spaces())
def test_contains_is_what_is_required(space: Space) -> None:
    for arch in itertools.product(*(range(len(dim.var.values)) for dim in space.dims)):
        met = all(evaluate(r.condition, space.values(arch)) for r in space.requirements)
        assert space.contains(arch) == met


def staged(depths: tuple[int, ...] = (0, 1, 2)) -> Space:
    """Return a stage of up to two blocks with a kernel each, a width for all, and a resolution."""
    depth = Var("s1.depth", depths)
    dims = [
        Dim(var=Var("resolution", (32, 64)), key="resolution"),
        Dim(var=depth, key="depth", stage="s1"),
        Dim(var=Var("s1.width", (8, 16)), key="width", stage="s1", live=apply(">", depth, 0)),
        *(
            Dim(
                var=Var(f"s1.{i}.kernel", (3, 5)),
                key="kernel",
                stage="s1",
                block=i,
                live=apply(">", depth, i),
            )
            for i in range(2)
        ),
        Dim(var=Var("head", (10, 20)), key="head"),
    ]
    stage = Stage(name="s1", depth=depth, blocks=2)
    return Space(name="staged", params=(), dims=tuple(dims), stages=(stage,), requirements=())


def test_a_stage_is_written_block_by_block() -> None:
    space = staged()
    assert space.size() == 2 * 2 * (1 + 2 * 2 + 2 * 4)
    assert space.size(with_resolution=False) == 2 * 13
    assert space.to_json((1, 2, 1, 0, 1, 1)) == {
        "space": "staged",
        "resolution": 64,
        "stages": {"s1": {"depth": 2, "width": 16, "blocks": [{"kernel": 3}, {"kernel": 5}]}},
        "choices": {"head": 20},
    }
    assert space.to_json((0, 0, 0, 0, 0, 0)) == {
        "space": "staged",
        "resolution": 32,
        "stages": {"s1": {"depth": 0, "blocks": []}},
        "choices": {"head": 10},
    }


def test_a_requirement_says_nothing_of_what_is_not_there() -> None:
    space = staged()
    known = {d.var.name: d for d in space.dims}
    kernels = [known[f"s1.{i}.kernel"].var for i in range(2)]
    said = apply("<=", *kernels)
    whole = effective(said, known)
    assert evaluate(whole, {"s1.depth": 1, "s1.0.kernel": 5, "s1.1.kernel": 3}) is True
    assert evaluate(whole, {"s1.depth": 2, "s1.0.kernel": 5, "s1.1.kernel": 3}) is False


def required(variables: Sequence[Var], *said: Expr) -> Space:
    return Space(
        name="tied",
        params=(),
        dims=tuple(Dim(var=var, key=var.name) for var in variables),
        stages=(),
        requirements=tuple(Requirement(text="", condition=c, said=c) for c in said),
    )


def test_dimensions_that_are_tied_too_tightly_cannot_be_counted() -> None:
    variables = [Var(f"d{i}", range(20)) for i in range(8)]
    total: Expr = const(0)
    for var in variables:
        total = total * 20 + var  # no two choices give the same
    with pytest.raises(CoupledError) as raised:
        required(variables, apply("<", total, 80)).size()
    assert len(raised.value.variables) == 8


def test_a_sum_of_many_dimensions_has_few_values_and_is_counted() -> None:
    variables = [Var(f"d{i}", range(4)) for i in range(16)]
    total: Expr = const(0)
    for var in variables:
        total = total + var
    space = required(variables, apply("<", total, 20))
    ways = [1]
    for _ in variables:
        longer = [0] * (len(ways) + 3)
        for at, count in enumerate(ways):
            for value in range(4):
                longer[at + value] += count
        ways = longer
    assert space.size() == sum(ways[:20])
    samples = list(itertools.islice(space.samples(random.Random(1)), 3000))
    assert all(len(arch) == 16 and sum(arch) < 20 for arch in samples)
    sums = [sum(arch) for arch in samples]
    for value in range(12, 20):
        expected = 3000 * ways[value] / sum(ways[:20])
        assert abs(sums.count(value) - expected) < 5 * expected**0.5 + 1


def test_a_width_that_is_chosen_again_and_again_is_counted() -> None:
    """Each condition is on the width before, which a chain of choices decides."""
    width: Expr = const(8)
    dims: list[Dim] = []
    for i in range(12):
        wide = apply(">", width, 8 + i)
        ways = []
        for way, values in ((wide, (8, 12, 16, 20)), (negate(wide), (10, 14, 18))):
            var = Var(f"d{len(dims)}", values)
            dims.append(Dim(var=var, key=var.name, live=way))
            ways.append(var)
        width = select(wide, ways[0], ways[1])
    space = Space(name="again", params=(), dims=tuple(dims), stages=(), requirements=())
    widths = {8: 1}
    for i in range(12):
        following: dict[int, int] = {}
        for before, count in widths.items():
            for value in (8, 12, 16, 20) if before > 8 + i else (10, 14, 18):
                following[value] = following.get(value, 0) + count
        widths = following
    assert space.size() == sum(widths.values())
    for arch in itertools.islice(space.samples(random.Random(0)), 50):
        values = space.values(arch)
        for dim in dims:
            assert evaluate(dim.live, values) or values[dim.var.name] == dim.var.values[0]


def test_many_large_tables_are_not_counted_one_after_the_other() -> None:
    variables = [Var(f"d{i}", range(200)) for i in range(90)]
    pairs = itertools.pairwise(variables)
    conditions = [apply("<", a + b, 300) for a, b in pairs]
    space = Space(
        name="chain",
        params=(),
        dims=tuple(Dim(var=var, key=var.name) for var in variables),
        stages=(),
        requirements=tuple(Requirement(text="", condition=c, said=c) for c in conditions),
    )
    with pytest.raises(CoupledError):
        space.size()


def test_a_ring_of_pairs_is_counted() -> None:
    """Many requirements, each on two dimensions, are no table of all of them."""
    variables = [Var(f"d{i}", range(3)) for i in range(60)]
    pairs = itertools.pairwise([*variables, variables[0]])
    conditions = [apply("!=", a, b) for a, b in pairs]
    space = Space(
        name="ring",
        params=(),
        dims=tuple(Dim(var=var, key=var.name) for var in variables),
        stages=(),
        requirements=tuple(Requirement(text="", condition=c, said=c) for c in conditions),
    )
    assert space.size() == 2**60 + 2  # ways to colour a ring of 60 with three colours
    arch = space.sample(random.Random(0))
    assert space.contains(arch)


@pytest.mark.parametrize(
    ("name", "count"), [("mbv3", 21758655492572485851), ("compofa", 243), ("fbnet", 9**22)]
)
def test_the_published_spaces_have_as_many_subnets_as_published(name: str, count: int) -> None:
    space = checked_space(REPOSITORY / "spaces" / f"{name}.ofa").space
    assert space.size(with_resolution=False) == count


@pytest.mark.parametrize("name", ["mbv3", "compofa", "fbnet", "attentive_nas"])
def test_samples_of_the_published_spaces_are_in_them(name: str) -> None:
    space = checked_space(REPOSITORY / "spaces" / f"{name}.ofa").space
    for arch in itertools.islice(space.samples(random.Random(3)), 100):
        assert space.contains(arch)
        values = space.values(arch)
        assert all(
            i == 0 or evaluate(d.live, values) for d, i in zip(space.dims, arch, strict=True)
        )
