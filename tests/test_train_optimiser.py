"""The optimiser: what decays, which rate when, and a state that comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from packages import compiled
from trainings import sandwich, small_space

from ofadsl.compiler.schedule.plan import Phase, Schedule, Uniform
from ofadsl.train.average import Average
from ofadsl.train.optimiser import (
    learning_rate,
    load_optimiser,
    make_optimiser,
    optimiser_tensors,
    undecayed,
)
from ofadsl.train.settings import Settings
from ofadsl.train.timetable import timetable


def test_norms_biases_and_positions_do_not_decay() -> None:
    supernet = compiled("vit").module.Supernet()
    kept = set(undecayed(supernet))
    decayed = {name for name, _ in supernet.named_parameters()} - kept
    assert {name.rpartition(".")[2] for name in decayed} == {"weight", "qkv_weight", "proj_weight"}
    assert not any("norm" in name for name in decayed)
    assert {"class_token.token", "norm.weight", "head.bias"} <= kept
    assert any(name.endswith("key_vertical") for name in kept)


def test_kernel_transforms_decay_as_the_weights_they_make() -> None:
    supernet = compiled("small").module.Supernet()
    decayed = {name for name, _ in supernet.named_parameters()} - set(undecayed(supernet))
    assert "s1.0.depthwise.transform_7to5" in decayed
    assert "stem.bn.weight" not in decayed


def test_the_groups_have_the_decay_that_is_asked_for() -> None:
    supernet = compiled("small").module.Supernet()
    optimiser = make_optimiser(supernet, Settings(weight_decay=0.3))
    decays = {group["weight_decay"]: len(group["params"]) for group in optimiser.param_groups}
    kept = len(list(undecayed(supernet)))
    assert decays == {0.3: len(list(supernet.parameters())) - kept, 0.0: kept}


def rates(phase: Phase, steps: int, per_epoch: int) -> list[float]:
    return [
        learning_rate(phase, peak=1.0, step=step, steps=steps, per_epoch=per_epoch)
        for step in range(steps)
    ]


def test_the_rate_warms_up_and_falls_as_half_a_cosine() -> None:
    found = rates(sandwich(epochs=5, warmup=1.0), 20, 4)
    assert found[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert found[12] == pytest.approx(0.5)
    assert found == sorted(found[:5]) + sorted(found[5:], reverse=True)
    assert 0 < found[-1] < 0.02


def test_a_constant_rate_stays_after_the_warm_up() -> None:
    assert rates(sandwich(decay="constant", warmup=0.5), 4, 4)[2:] == [1.0, 1.0]


def test_rates_are_for_a_batch_of_256_and_may_be_the_phases_own() -> None:
    settings = Settings(batch=64, learning_rate=0.4)
    assert settings.peak(sandwich()) == pytest.approx(0.1)
    assert settings.peak(sandwich(rate_scale=0.5)) == pytest.approx(0.05)
    assert settings.peak(sandwich(learning_rate=2.0)) == pytest.approx(0.5)
    assert Settings(batch=256, optimizer="adamw").peak(sandwich()) == pytest.approx(1e-3)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_an_optimiser_whose_state_comes_back_goes_on_alike(name: str) -> None:
    supernets = [compiled("small").module.Supernet() for _ in range(2)]
    supernets[1].load_state_dict(supernets[0].state_dict())
    settings = Settings(optimizer=name)  # type: ignore[arg-type]
    first, second = (make_optimiser(supernet, settings) for supernet in supernets)
    arch = compiled("small").module.Arch.smallest()  # leaves parameters without a state
    step(supernets[0], first, arch)
    supernets[1].load_state_dict(supernets[0].state_dict())
    saved = {key: t.clone() for key, t in optimiser_tensors(first, supernets[0]).items()}
    assert not any(key.endswith("/s2.1.project.weight") for key in saved)
    load_optimiser(second, supernets[1], saved)
    for supernet, optimiser in zip(supernets, (first, second), strict=True):
        step(supernet, optimiser, arch)
    pairs = zip(supernets[0].parameters(), supernets[1].parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def step(supernet: torch.nn.Module, optimiser: torch.optim.Optimizer, arch: object) -> None:
    for group in optimiser.param_groups:
        group["lr"] = 0.1
    image = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    optimiser.zero_grad()
    supernet(image, arch).square().mean().backward()
    optimiser.step()


def test_the_average_follows_the_weights_and_faster_at_first() -> None:
    net = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(net.weight)
    average = Average(net, decay=0.5)
    torch.nn.init.ones_(net.weight)
    average.update(net, 0)
    assert average.tensors["weight"].item() == pytest.approx(0.9)
    average.update(net, 100)
    assert average.tensors["weight"].item() == pytest.approx(0.95)
    average.give(net)
    assert net.weight.item() == pytest.approx(0.95)


def test_a_timetable_counts_steps_and_begun_epochs_through_all_phases() -> None:
    phase = Phase(name="a", epochs=1.5, space=small_space(), sampler=Uniform())
    none = replace(phase, epochs=0)
    first, second, third = timetable(Schedule(name="s", phases=(phase, none, phase)), per_epoch=4)
    assert (first.steps, first.epochs) == (6, 2)
    assert (second.steps, second.first_step) == (0, 6)
    assert (third.first_step, third.first_epoch) == (6, 2)
    assert [step for step in range(1, 7) if first.epoch_end(step)] == [4, 6]
