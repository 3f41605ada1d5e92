"""The engine of a search: domination, domains, enumeration, evolution, what cannot be met."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ofadsl.compiler.emit.cost import emit_cost
from ofadsl.compiler.lower import lower
from ofadsl.compiler.pipeline import check_text
from ofadsl.cost.extremes import extreme_costs
from ofadsl.diagnostics import Diagnostics
from ofadsl.search import genetic
from ofadsl.search.approach import approach
from ofadsl.search.domain import Domain, domain_of
from ofadsl.search.domination import best, crowding, ranks
from ofadsl.search.front import Archs, Floats
from ofadsl.search.problem import Batch, Problem
from ofadsl.search.resume import read_state, state_bytes
from ofadsl.search.solve import Effort, Progress, solve
from ofadsl.search.thin import spread_out
from tests.damage import damaged
from tests.packages import Compiled, compiled

NARROW = """
space narrow {
  input image(channels: 3, size: 32..64 step 16)
  stage a depth 1..3 { conv({8, 16, 24}, kernel: {1, 3}) }
  stage b depth 1..3 { conv({8, 16}, kernel: {1, 3}) }
  require a.depth <= b.depth
  require b.depth < 3 or a[0].conv.kernel == 3
  pool: global_avg_pool
  head: linear(10)
}
"""


def narrow() -> Domain:
    checked = check_text(NARROW)
    assert checked is not None
    return domain_of(checked.space, {})


def points(values: list[list[int]]) -> Floats:
    return np.array(values, np.float64)


def peeled(values: Floats) -> list[int]:
    """Return ranks by their definition: front after front, every pair compared."""
    found = [-1] * len(values)
    for rank in itertools.count():
        left = [i for i, r in enumerate(found) if r < 0]
        if not left:
            return found
        for i in left:
            worse = (values[left] <= values[i]).all(axis=1) & (values[left] < values[i]).any(axis=1)
            if not worse.any():
                found[i] = -2 - rank
        found = [-2 - r if r < -1 else r for r in found]
    raise AssertionError


@st.composite
def tables(draw: st.DrawFn) -> Floats:
    width = draw(st.integers(1, 4))
    row = st.lists(st.integers(0, 6), min_size=width, max_size=width)
    return points(draw(st.lists(row, min_size=1, max_size=40)))


@given(tables())
@settings(deadline=None)
def test_ranks_are_those_of_the_definition(values: Floats) -> None:
    assert ranks(values).tolist() == peeled(values)


@given(tables())
@settings(deadline=None)
def test_the_best_are_the_first_front_without_equals(values: Floats) -> None:
    kept = best(values)
    first = np.unique(values[np.array(peeled(values)) == 0], axis=0)
    assert np.array_equal(np.unique(values[kept], axis=0), first)
    assert len(kept) == len(first)


def test_ranks_beyond_what_is_enough_are_not_better() -> None:
    values = np.random.default_rng(0).random((200, 3))
    exact, few = ranks(values), ranks(values, 40)
    done = few < few.max()
    assert done.sum() >= 40
    assert np.array_equal(exact[done], few[done])


def test_the_ends_of_a_front_are_infinitely_far_from_their_neighbours() -> None:
    values = points([[0, 4], [1, 2], [2, 1], [4, 0], [5, 5]])
    far = crowding(values, ranks(values))
    assert np.isinf(far[[0, 3, 4]]).all()
    assert far[1:3].tolist() == [2 / 4 + 3 / 4, 3 / 4 + 2 / 4]


def test_thinning_keeps_the_ends_and_spreads_the_rest() -> None:
    values = np.stack([np.arange(101.0), np.arange(101.0)[::-1]], axis=1)
    assert spread_out(values, 5).tolist() == [0, 25, 50, 75, 100]
    assert len(spread_out(values, 200)) == 101


@pytest.mark.parametrize("name", ["small", "mixed", "vit", "convnext"])
def test_a_domain_lists_every_distinct_subnet_once(name: str) -> None:
    space = compiled(name).checked.space
    domain = domain_of(space, {})
    x = np.concatenate(list(domain.every()))
    assert len(x) == domain.size == space.size()
    assert len(np.unique(genetic.hashed(x))) == len(x)
    assert domain.contains(x).all()


def test_requirements_narrow_what_is_drawn_mended_and_listed() -> None:
    domain, checked = narrow(), check_text(NARROW)
    assert checked is not None
    rng = np.random.default_rng(0)
    wild = rng.integers(0, domain.counts, (500, len(domain.counts))).astype(np.uint8)
    drawn = (domain.sample(500, rng), domain.spread(500, rng), domain.mend(wild))
    for x in (*drawn, *domain.every()):
        assert all(checked.space.contains(tuple(row)) for row in x[:500].tolist())
    assert not domain.contains(wild).all()


def test_samples_are_uniform() -> None:
    domain = narrow()
    x = np.concatenate(list(domain.every()))
    drawn = genetic.hashed(domain.sample(40 * domain.size, np.random.default_rng(1)))
    counts = np.unique(np.concatenate([genetic.hashed(x), drawn]), return_counts=True)[1] - 1
    assert len(counts) == domain.size
    assert ((counts - 40) ** 2 / 40).sum() < domain.size + 5 * np.sqrt(2 * domain.size)


def test_a_fixed_dimension_is_fixed_where_it_matters() -> None:
    space = compiled("small").checked.space
    domain = domain_of(space, {"s1.1.kernel": [7], "resolution": [48]})
    names = list(domain.names)
    x = np.concatenate(list(domain.every()))
    deep = x[:, names.index("s1.depth")] == 1
    assert set(x[deep, names.index("s1.1.kernel")]) == {2}
    assert set(x[~deep, names.index("s1.1.kernel")]) == {0}
    assert set(x[:, names.index("resolution")]) == {1}


def quality(x: Archs) -> Floats:
    """Return an accuracy of a kind: no sum over dimensions."""
    z = x.astype(np.float64) + 1
    return np.sin(z @ np.arange(1, x.shape[1] + 1)) * 0.2 + np.log(z).sum(axis=1)


def problem(found: Compiled, bound: float = np.inf, domain: Domain | None = None) -> Problem:
    def over(batch: Batch) -> Floats:
        return np.maximum(batch.column("macs") / bound - 1, 0)

    return Problem(
        domain=domain or domain_of(found.checked.space, {}),
        costs={"macs": found.module.cost.macs, "accuracy": quality},
        objectives=(lambda b: -b.column("accuracy"), lambda b: b.column("macs")),
        constraints=(over,),
    )


def hypervolume(values: Floats, worst: Floats) -> float:
    order = values[best(values)]
    order = order[np.argsort(order[:, 0])]
    second = np.concatenate([[worst[1]], order[:-1, 1]])
    return float(((worst[0] - order[:, 0]) * (second - order[:, 1])).sum())


def test_enumeration_gives_the_exact_front() -> None:
    small = compiled("small")
    task = problem(small, 600_000)
    found = solve(task, Effort())
    every = task.evaluate(np.concatenate(list(task.domain.every())))
    feasible = every[every.violation == 0]
    exact = feasible.values[np.array(ranks(feasible.values)) == 0]
    assert found.method == "enumeration"
    assert found.complete
    assert found.evaluations == 3612
    assert np.array_equal(np.unique(found.front.values, axis=0), np.unique(exact, axis=0))


def test_evolution_comes_near_the_exact_front() -> None:
    mixed = compiled("mixed")
    task = problem(mixed, 12_000_000)
    exact = solve(task, Effort()).front.values
    found = solve(task, Effort(population=200, generations=60, enumerable=0))
    worst = exact.max(axis=0) + 1
    assert found.method == "genetic"
    assert found.evaluations <= 12_200
    assert hypervolume(found.front.values, worst) > 0.99 * hypervolume(exact, worst)
    assert (found.front.violation == 0).all()
    assert task.domain.contains(found.front.x).all()


def test_no_arch_is_evaluated_twice() -> None:
    task = problem(compiled("mixed"))
    seen: list[Archs] = []

    def counted(x: Archs) -> Floats:
        seen.append(x)
        return quality(x)

    costs = {**task.costs, "accuracy": counted}
    watched = Problem(domain=task.domain, costs=costs, objectives=task.objectives, constraints=())
    solve(watched, Effort(population=100, generations=20, enumerable=0))
    keys = genetic.hashed(np.concatenate(seen))
    assert len(keys) == len(np.unique(keys)) > 1500


def test_the_same_seed_gives_the_same_front_to_the_bit() -> None:
    effort = Effort(population=60, generations=12, enumerable=0, seed=5)
    first, second = (solve(problem(compiled("mixed")), effort).front for _ in range(2))
    assert np.array_equal(first.x, second.x)
    assert first.values.tobytes() == second.values.tobytes()


def test_what_was_stopped_and_goes_on_is_as_if_it_had_not_been(tmp_path: Path) -> None:
    task = problem(compiled("mixed"))
    half = solve(task, Effort(population=60, generations=6, enumerable=0))
    (tmp_path / "state.npz").write_bytes(state_bytes(half, "mine"))
    read = read_state(tmp_path / "state.npz", "mine", task)
    whole = Effort(population=60, generations=12, enumerable=0)
    resumed, straight = solve(task, whole, resume=read), solve(task, whole)
    assert np.array_equal(resumed.front.x, straight.front.x)
    assert resumed.evaluations == straight.evaluations


def test_a_damaged_state_is_read_or_refused(tmp_path: Path) -> None:
    task = problem(compiled("mixed"))
    path = tmp_path / "state.npz"
    half = solve(task, Effort(population=20, generations=2, enumerable=0))
    for other in damaged(state_bytes(half, "mine")):
        path.write_bytes(other)
        with contextlib.suppress(Diagnostics):
            read_state(path, "mine", task)


def test_an_interrupted_search_gives_what_it_has() -> None:
    def interrupt(progress: Progress) -> None:
        if progress.state is not None and progress.state.generation == 3:
            raise KeyboardInterrupt

    effort = Effort(population=60, generations=50, enumerable=0)
    found = solve(problem(compiled("mixed")), effort, watch=interrupt)
    assert len(found.front) > 0
    assert not found.complete


@pytest.mark.parametrize("name", ["_order", "best", "_new"])
def test_a_search_that_was_interrupted_anywhere_goes_on(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = problem(compiled("mixed"))
    effort = Effort(population=60, generations=12, enumerable=0, seed=5)
    whole = solve(task, effort)
    real, calls = getattr(genetic, name), itertools.count()

    def interrupted(*args: Any) -> Any:
        if next(calls) == 5:
            raise KeyboardInterrupt
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(genetic, name, interrupted)
        part = solve(task, effort)
    (tmp_path / "state.npz").write_bytes(state_bytes(part, "it"))
    again = solve(task, effort, resume=read_state(tmp_path / "state.npz", "it", task))
    assert not part.complete
    assert again.evaluations == whole.evaluations
    assert np.array_equal(again.front.x, whole.front.x)


def test_who_interrupts_before_anything_was_tried_gets_no_answer() -> None:
    def stopped(_: Batch) -> Floats:
        raise KeyboardInterrupt

    task = problem(compiled("mixed"))
    with pytest.raises(KeyboardInterrupt):
        solve(replace(task, constraints=(stopped,)), Effort(population=60, enumerable=0))


def test_a_clock_stops_enumeration_which_can_go_on() -> None:
    task = problem(compiled("mixed"))
    part = solve(task, Effort(seconds=0))
    assert 0 < part.evaluations < task.domain.size
    assert not part.complete
    whole = solve(task, Effort(), resume=part)
    assert whole.complete
    assert np.array_equal(whole.front.values, solve(task, Effort()).front.values)


def test_archs_to_begin_with_are_in_the_first_generation() -> None:
    task = problem(compiled("mixed"))
    start = task.domain.sample(3, np.random.default_rng(9))
    state = genetic.begin(task, 40, 0, start)
    assert set(genetic.hashed(start).tolist()) <= set(state.seen)


def test_one_objective_gives_one_arch() -> None:
    task = problem(compiled("small"))
    single = Problem(
        domain=task.domain,
        costs=task.costs,
        objectives=task.objectives[1:],
        constraints=task.constraints,
    )
    least = extreme_costs(compiled("small").checked.space, compiled("small").graph, 4)["macs"][0]
    assert solve(single, Effort()).front.values.tolist() == [[least]]
    evolved = solve(single, Effort(population=50, generations=30, enumerable=0))
    assert evolved.front.values.tolist() == [[least]]


def test_a_small_space_is_exhausted_and_the_search_ends() -> None:
    task = problem(compiled("vit"))
    found = solve(task, Effort(population=40, generations=10**6, enumerable=0))
    assert found.evaluations == task.domain.size == 160
    assert found.complete


def test_what_cannot_be_met_ends_with_the_nearest_arch() -> None:
    small = compiled("small")
    space = small.checked.space
    least = extreme_costs(space, small.graph, 4)["macs"][0]
    for enumerable in (0, 10**7):
        effort = Effort(population=30, generations=10, enumerable=enumerable)
        found = solve(problem(small, least - 1), effort)
        assert len(found.front) == 0
        assert small.module.cost.macs(found.nearest.x).tolist() == [least]


def test_a_descent_finds_the_way_in() -> None:
    mixed = compiled("mixed")
    least = extreme_costs(mixed.checked.space, mixed.graph, 4)["macs"][0]
    task = problem(mixed, least)
    found = approach(task, task.evaluate(task.domain.sample(20, np.random.default_rng(0))))
    assert found.violation.tolist() == [0]


def ends(values: Any) -> tuple[int, int]:
    return int(values.min()), int(values.max())


@pytest.mark.parametrize("name", ["small", "mixed", "vit", "convnext", "nested", "kernels"])
def test_the_ends_of_each_cost_are_exact(name: str) -> None:
    found = compiled(name)
    cost, space = found.module.cost, found.checked.space
    last = max(space.dims[0].var.values)  # the resolution
    for kept in ({}, {space.dims[0].var.name: [last]}):
        x = np.concatenate(list(domain_of(space, kept).every()))
        narrowed = space.restrict(kept) if kept else space
        known = extreme_costs(narrowed, found.graph, 2)
        if "arena_bytes" in known:
            low, high = known.pop("arena_bytes")
            assert low <= cost.arena_bytes(x).min() <= cost.arena_bytes(x).max() <= high
            assert known.pop("flash_bytes") == ends(cost.flash_bytes(x))
        assert known == {
            "macs": ends(cost.macs(x)),
            "params": ends(cost.params(x)),
            "weight_bytes": ends(cost.weight_bytes(x, 2)),
            "peak_memory": ends(cost.peak_memory(x, 2)),
        }


def test_requirements_move_the_ends_of_costs() -> None:
    checked = check_text(NARROW.replace("kernel == 3", "kernel == 1"))
    assert checked is not None
    graph = lower(checked)
    cost = ModuleType("cost")
    exec(emit_cost(checked, graph, source="narrow.ofa"), cost.__dict__)
    x = np.concatenate(list(domain_of(checked.space, {}).every()))
    known = extreme_costs(checked.space, graph, 1)
    free = extreme_costs(replace(checked.space, requirements=()), graph, 1)
    for name in ("macs", "params", "peak_memory"):
        column = getattr(cost, name)
        assert known[name] == ends(column(x, 1) if name == "peak_memory" else column(x)), name
    assert free["macs"] != known["macs"]


def test_every_end_of_three_objectives_is_infinitely_far() -> None:
    values = points([[0, 2, 1], [2, 0, 1], [1, 1, 2]])
    assert ranks(values).tolist() == [0, 0, 0]
    assert np.isinf(crowding(values, ranks(values))).all()


def test_crowding_at_both_ends_of_one_objective() -> None:
    far = crowding(points([[0], [1], [4]]), np.zeros(3, np.intp))
    assert far.tolist() == [np.inf, 1, np.inf]


def test_children_of_equal_parents_have_one_choice_changed_on_average() -> None:
    found = compiled("mixed")
    domain = domain_of(found.checked.space, {})
    task = Problem(
        domain=domain,
        costs={},
        objectives=(lambda b: np.zeros(len(b.x)),),
        constraints=(impossible,),
    )
    x = domain.sample(1, np.random.default_rng(3))
    state = genetic.begin(task, 1, 0, x)
    assert len(state.front) == 0  # so that all children come of pairs
    same = replace(state, population=state.population[[0] * 10])
    parent = same.population.x[0]
    children = genetic._offspring(domain, same, 4000, np.random.default_rng(0))
    mended = domain.mend(parent[None])[0]
    changed = (children != mended).sum(axis=1)
    assert 0.25 < (changed == 0).mean() < 0.5  # (1 - 1/n)^n, and what does not matter is mended
    assert (changed == 1).mean() > 0.2
    assert set(np.flatnonzero((children != mended).any(axis=0))) == set(domain.free)


def impossible(batch: Batch) -> Floats:
    return np.ones(len(batch.x))
