"""Schedules of the language come to phases of restricted spaces."""

from __future__ import annotations

import itertools
import random

import pytest
from conftest import REPOSITORY
from packages import OWN, SHIPPED, path_of
from schedules import TEXT, own

from ofadsl.compiler.layout.printer import format_file
from ofadsl.compiler.parse.parser import parse
from ofadsl.compiler.pipeline import check_text, checked_space
from ofadsl.compiler.schedule.find import schedules_of
from ofadsl.compiler.schedule.instructions import (
    ANY_NUMBER,
    DISTIL,
    EPOCHS,
    HOW_MANY,
    INSTRUCTIONS,
    MOST_EPOCHS,
    MOST_SUBNETS,
    Takes,
)
from ofadsl.compiler.schedule.plan import Distil, Fixed, Phase, Sandwich, Uniform
from ofadsl.diagnostics import Source
from ofadsl.expr import Value, evaluate
from ofadsl.space import Space

PRELUDE = ("progressive", "sandwich", "uniform", "single")


def open_values(space: Space, key: str) -> set[object]:
    """Return the values that a key takes in many samples."""
    archs = itertools.islice(space.samples(random.Random(0)), 200)
    return {
        values[dim.var.name]
        for values in map(space.values, archs)
        for dim in space.dims
        if dim.key == key and evaluate(dim.live, values)
    }


# What the prelude ships


@pytest.mark.parametrize("name", PRELUDE)
@pytest.mark.parametrize("space", [*SHIPPED, *OWN])
def test_the_prelude_serves_every_space(space: str, name: str) -> None:
    checked = checked_space(path_of(space))
    schedule = schedules_of(name, checked)
    sizes = [phase.space.size() for phase in schedule.phases]
    assert sizes
    assert all(sizes)
    assert sizes == sorted(sizes)
    if name != "single":
        assert sizes[-1] == checked.space.size()
    for phase in schedule.phases:
        for arch in (phase.largest, phase.smallest, phase.space.sample(random.Random(0))):
            assert phase.space.contains(arch)
            assert checked.space.contains(arch)


def test_progressive_shrinking_opens_kernel_depth_expand() -> None:
    schedule = schedules_of("progressive", checked_space(path_of("mbv3")))
    names = ["largest", "kernel", "depth1", "depth2", "expand1", "expand2"]
    assert [phase.name for phase in schedule.phases] == names
    phases = {phase.name: phase.space for phase in schedule.phases}
    blocks = 9**4  # every block of a stage of depth 4: kernels by expands
    sizes = {name: space.size(with_resolution=False) for name, space in phases.items()}
    assert sizes["largest"] == 1
    assert sizes["kernel"] == 3**20
    assert sizes["depth1"] == (3**3 + 3**4) ** 5
    assert sizes["depth2"] == (3**2 + 3**3 + 3**4) ** 5
    assert sizes["expand1"] == (6**2 + 6**3 + 6**4) ** 5
    assert sizes["expand2"] == (9**2 + 9**3 + blocks) ** 5
    assert open_values(phases["depth1"], "depth") == {3, 4}
    assert open_values(phases["expand1"], "expand") == {4, 6}
    assert len(open_values(phases["largest"], "resolution")) > 20


def test_progressive_shrinking_sorts_before_widths_and_learns_from_the_largest() -> None:
    first, *others = schedules_of("progressive", checked_space(path_of("mbv3"))).phases
    assert first.distil is None
    assert {phase.distil for phase in others} == {Distil(teacher="largest", loss="kl", ratio=1.0)}
    assert [p.name for p in others if p.sort] == ["expand1", "expand2"]
    assert [p.sampler for p in others] == [Uniform(number=n) for n in (1, 2, 2, 4, 4)]


def test_later_multiplies_the_rates_of_progressive_shrinking_from_the_depths_on() -> None:
    checked = checked_space(path_of("mbv3"))
    rates = {
        later: [p.rate_scale for p in schedules_of("progressive", checked, {"later": later}).phases]
        for later in ("1", "3")
    }
    assert rates["1"] == pytest.approx([1.0, 0.37, 0.03, 0.09, 0.03, 0.09])
    assert rates["3"] == pytest.approx([1.0, 0.37, 0.09, 0.27, 0.09, 0.27])


def test_each_phase_holds_the_one_before() -> None:
    phases = schedules_of("progressive", checked_space(path_of("attentive_nas"))).phases
    for before, after in itertools.pairwise(phases):
        samples = before.space.samples(random.Random(1))
        assert all(after.space.contains(next(samples)) for _ in range(50))


def test_the_sandwich_takes_the_loss_of_alphanet() -> None:
    checked = checked_space(path_of("bignas"))
    (phase,) = schedules_of("sandwich", checked, {"loss": "alpha", "n": "3"}).phases
    assert phase.sampler == Sandwich(number=3)
    assert phase.distil == Distil(teacher="in_place", loss="alpha")
    assert phase.space.size() == checked.space.size()


def test_one_subnet_is_trained_alone() -> None:
    checked = checked_space(path_of("bignas"))
    arch = checked.space.sample(random.Random(3))
    (phase,) = schedules_of("single", checked, arch=arch).phases
    assert phase.sampler == Fixed(arch=arch)
    assert phase.space.size() == 1
    assert phase.largest == phase.smallest == arch


def test_without_an_arch_the_largest_is_trained_alone() -> None:
    checked = checked_space(path_of("bignas"))
    (phase,) = schedules_of("single", checked).phases
    values = checked.space.values(phase.largest)
    assert all(values[dim.var.name] == max(dim.var.values) for dim in checked.space.dims)


def test_the_prelude_is_in_canonical_layout() -> None:
    text = (REPOSITORY / "ofadsl/prelude/schedules.ofa").read_text(encoding="utf-8")
    assert format_file(parse(Source(path="schedules.ofa", text=text))) == text
    assert check_text(text) is None


# What the words mean


def test_everything_but_the_resolution_is_locked_at_first() -> None:
    (phase,) = own("phase a epochs 1 { sample 1 }").phases
    assert phase.space.size() == 3
    values = phase.space.values(phase.largest)
    assert (values["stem.out"], values["s1.depth"], values["s1.0.expand"]) == (16, 3, 4)


def test_a_word_is_locked_at_what_computes_the_most() -> None:
    (phase,) = own("phase a epochs 1 { unlock s1 }").phases
    values = phase.space.values(phase.largest)
    assert values["s2.0.op"] == "big"
    (phase,) = own("phase a epochs 1 { unlock all }").phases
    assert phase.space.values(phase.smallest)["s2.depth"] == 0
    (phase,) = own("phase a epochs 1 { unlock op largest 2 }").phases
    assert open_values(phase.space, "op") == {"big", "small"}


@pytest.mark.parametrize(
    ("written", "key", "values"),
    [
        ("kernel", "kernel", {3, 5, 7}),
        ("kernel largest 2", "kernel", {5, 7}),
        ("kernel largest n", "kernel", {5, 7}),
        ("kernel largest 9", "kernel", {3, 5, 7}),
        ("kernel from 4", "kernel", {5, 7}),
        ("kernel from many", "kernel", {3, 5, 7}),
        ("s1.kernel", "kernel", {3, 5, 7}),
        ("s1", "kernel", {3, 5, 7}),
        ("s1", "depth", {1, 2, 3}),
        ("s2.depth", "depth", {0, 1, 2, 3}),
        ("depth from 2", "depth", {2, 3}),
        ("out", "stem.out", {8, 16}),
        ("stem.out", "stem.out", {8, 16}),
        ("width if any", "kernel", {7}),
        ("all", "expand", {2, 3, 4}),
    ],
)
def test_what_is_named_is_unlocked(written: str, key: str, values: set[int]) -> None:
    (phase,) = own(f"phase a epochs 1 {{ unlock {written} }}").phases
    assert open_values(phase.space, key) == values


def test_one_block_is_unlocked() -> None:
    (phase,) = own("phase a epochs 1 { unlock s1[1].kernel }").phases
    assert phase.space.size(with_resolution=False) == 3
    assert len(open_values(phase.space, "kernel")) == 3


def test_what_was_unlocked_stays_open() -> None:
    phases = "phase a epochs 1 { unlock kernel }\nphase b epochs 1 { unlock depth; sample 3 }"
    first, second = own(phases).phases
    assert open_values(second.space, "kernel") == {3, 5, 7}
    assert second.space.size() > first.space.size()


def test_a_narrower_unlock_closes_nothing() -> None:
    again = "phase b epochs 1 { unlock all; unlock kernel largest 1 }"
    *_, last = own(f"phase a epochs 1 {{ unlock kernel }}\n{again}").phases
    assert open_values(last.space, "kernel") == {3, 5, 7}


def test_a_phase_that_opens_nothing_is_left_out_with_a_note() -> None:
    phases = """
      phase a epochs 1 { unlock kernel }
      phase b epochs 1 { unlock width if any }
      phase c epochs 1 { sample 2 }"""
    schedule = own(phases)
    assert [phase.name for phase in schedule.phases] == ["a", "c"]
    (note,) = schedule.notes
    assert note.startswith("phase `b` is left out")


def test_the_first_phase_is_never_left_out() -> None:
    (phase,) = own("phase a epochs 1 { unlock width if any }").phases
    assert phase.space.size() == 3


def test_the_ends_of_what_is_open_can_be_trained_alone() -> None:
    phases = "phase a epochs 1 { unlock all; smallest }\nphase b epochs 1 { largest }"
    small, large = own(phases).phases
    assert {small.space.size(), large.space.size()} == {3}
    assert small.space.values(small.largest)["stem.out"] == 8
    assert large.space.values(large.smallest)["stem.out"] == 16


def test_numbers_are_computed() -> None:
    phases = """
      phase a epochs 2 * many {
        sample max(n, 3); learning_rate 0.1 / n; rate_scale 0.5; warmup n - 1; decay constant
        sort channels; distil largest(mse, ratio: x * 2)
      }"""
    (phase,) = own(phases, n="4", x="1.5").phases
    assert (phase.epochs, phase.sampler) == (6.0, Uniform(number=4))
    assert (phase.learning_rate, phase.rate_scale, phase.warmup) == (0.025, 0.5, 3.0)
    assert (phase.decay, phase.sort) == ("constant", True)
    assert phase.distil == Distil(teacher="largest", loss="mse", ratio=3.0)


def test_what_is_not_said_is_left_to_the_command_line() -> None:
    (phase,) = own("phase a epochs 1 {}").phases
    plain = Phase(name="a", epochs=1.0, space=phase.space, sampler=Uniform())
    names = ("sampler", "distil", "learning_rate", "rate_scale", "warmup", "decay", "sort")
    assert [getattr(phase, n) for n in names] == [getattr(plain, n) for n in names]


def test_requirements_keep_the_largest_inside_the_space() -> None:
    rule = "require s1.kernel <= 5 and s1.depth + s2.depth <= 4"
    space = TEXT.replace("  pool:", f"  {rule}\n  pool:")
    phases = "phase a epochs 1 {}\nphase b epochs 1 { unlock kernel largest 1 }"
    (first,) = own(phases, space).phases
    values = first.space.values(first.largest)
    assert values["s1.0.kernel"] == 5
    assert (values["s1.depth"], values["s2.depth"]) in {(3, 1), (2, 2)}


def test_a_tied_space_opens_where_all_that_is_tied_is_open() -> None:
    schedule = schedules_of("progressive", checked_space(path_of("compofa")))
    sizes = [phase.space.size(with_resolution=False) for phase in schedule.phases]
    assert sizes == [1, 2**5, 3**5]
    assert len(schedule.notes) == 4


@pytest.mark.parametrize(
    ("takes", "right", "wrong"),
    [
        (INSTRUCTIONS["sample"], (1, 2, MOST_SUBNETS), (0, 1.0, 1.5, MOST_SUBNETS + 1, True, "x")),
        (INSTRUCTIONS["sandwich"], (0, MOST_SUBNETS), (-1, 0.5, MOST_SUBNETS + 1, False)),
        (INSTRUCTIONS["learning_rate"], (1e-9, 1, 1e9), (0, -1, True, "x")),
        (INSTRUCTIONS["warmup"], (0, 0.5, 3), (-0.5, True, "x")),
        (INSTRUCTIONS["decay"], ("cosine", "constant"), ("linear", 1)),
        (EPOCHS, (0.5, MOST_EPOCHS), (0, MOST_EPOCHS + 1, -1)),
        (HOW_MANY, (1, 256), (0, 257, 1.5)),
        (DISTIL["ratio"], (0.1,), (0, "kl")),
        (ANY_NUMBER, (-(10**15), 0, 0.5, 10**15), (10**15 + 1, -(10**15) - 1, True, "x")),
    ],
)
def test_what_an_instruction_takes_is_exact(
    takes: Takes, right: tuple[Value, ...], wrong: tuple[Value, ...]
) -> None:
    assert [value for value in right if not takes.accepts(value)] == []
    assert [value for value in wrong if takes.accepts(value)] == []


def test_an_instruction_says_what_it_takes() -> None:
    assert INSTRUCTIONS["largest"] is None
    said = [takes.what for name in ("sample", "warmup", "sort") if (takes := INSTRUCTIONS[name])]
    assert said == [
        f"a whole number from 1 to {MOST_SUBNETS}",
        "a number of at least 0",
        "`channels`",
    ]
    assert EPOCHS.what == f"a number above 0, at most {MOST_EPOCHS}"
    assert DISTIL["loss"].what == "`kl`, `mse` or `alpha`"
