"""Random spaces: what is accepted keeps all promises, what is refused does break."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest
import torch
from random_spaces import RandomSpace, random_space
from shrink_spaces import shrunk, smaller_spaces
from space_coverage import Coverage
from space_oracle import Verdict, judge, uniform

SEEDS = range(150)
BATCHES = 15


@pytest.fixture(autouse=True)
def one_thread() -> object:
    """Networks as small as these are slower with more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def judged(space: RandomSpace) -> Verdict:
    return judge(space.texts(), space.settings, {"main.ofa": space.main, **space.imports})


@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_spaces_keep_what_the_compiler_promises(batch: int) -> None:
    accepted, confirmed, refused = 0, 0, Counter[str]()
    broken = []
    for seed in SEEDS[batch::BATCHES]:
        space = random_space(seed)
        verdict = judged(space)
        accepted += verdict.accepted
        confirmed += verdict.confirmed
        refused.update(verdict.codes[:1])
        for finding in verdict.findings:
            texts = "\n".join(f"# {path}\n{text}" for path, text in space.texts().items())
            broken.append(f"seed {seed}: {finding.kind}\n{finding.detail}\n{texts}")
    print(f"{accepted} accepted; refused: {dict(refused)}, {confirmed} confirmed")
    assert not broken, "\n\n".join(broken)
    assert accepted >= 3


def test_random_spaces_use_the_whole_language() -> None:
    coverage = Coverage()
    for seed in SEEDS:
        space = random_space(seed)
        coverage.add([space.main, *space.imports.values()])
    print(coverage.table())
    assert not coverage.missing()


def test_the_same_seed_gives_the_same_space() -> None:
    assert random_space(7).texts() == random_space(7).texts()
    assert random_space(7).texts() != random_space(8).texts()


def test_a_space_is_shrunk_to_what_shows_a_fault() -> None:
    space = next(s for s in map(random_space, SEEDS) if "attention" in s.texts()["main.ofa"])
    small = shrunk(space, lambda s: "attention" in s.texts()["main.ofa"])
    assert len(small.texts()["main.ofa"]) < 60
    assert dataclasses.replace(small, settings={}) == small


def test_a_sampler_that_favours_one_subnet_is_found_out() -> None:
    even = dict.fromkeys(range(10), 1)
    assert uniform(dict.fromkeys(range(10), 30), even) > 0.9
    assert uniform({**dict.fromkeys(range(10), 30), 0: 90}, even) < 1e-6


def test_all_smaller_spaces_can_be_written() -> None:
    for seed in (3, 41):
        for smaller in smaller_spaces(random_space(seed)):
            assert smaller.texts()
